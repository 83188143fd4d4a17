// Stands for cuRAND: the types and functions that GeNN's code names, for networks that draw no random numbers.
#pragma once
struct curandState { unsigned int state[12]; };
struct curandStatePhilox4_32_10_t { unsigned int state[16]; };
template <class State> __device__ void curand_init(unsigned long long, unsigned long long, unsigned long long, State*) {}
template <class State> __device__ float curand_uniform(State*) { return 0.5f; }
template <class State> __device__ double curand_uniform_double(State*) { return 0.5; }
template <class State> __device__ float curand_normal(State*) { return 0.0f; }
template <class State> __device__ double curand_normal_double(State*) { return 0.0; }
template <class State> __device__ float curand_log_normal_float(State*, float, float) { return 1.0f; }
template <class State> __device__ double curand_log_normal_double(State*, double, double) { return 1.0; }
