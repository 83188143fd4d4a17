// Convolution of the image by the first layer; dense, because nearly all pixels are non-zero.
//
// Each output sums its window line by line and pixel by pixel, so the result does not depend on the number of threads,
// which a BLAS library does not guarantee. On x86-64 processors with AVX2 and FMA or with AVX-512, products and sums
// are fused (rounded once), which is a third faster; without them each product is rounded too, so last bits can differ.
//
// The result is rounded to a multiple of 2^-16 of the threshold. A membrane potential then sums the current of several
// steps without rounding, in whatever way a compiler adds or multiplies, and all devices give the same spikes.
#ifndef BRIAN_SIAMSNN_IMAGE_KERNEL_H
#define BRIAN_SIAMSNN_IMAGE_KERNEL_H

#include <algorithm>
#include <cstdint>

#include "spike_list.h"
#include "thread_pool.h"

namespace siamsnn {

// Number of output channels that are summed together.
constexpr int IMAGE_BLOCK = 16;

// Adding and subtracting it rounds a single-precision number below 64 to a multiple of 2^-16 (the spacing of single
// precision between 128 and 256), and a larger one, which is far above the threshold, a little more coarsely.
constexpr float ROUNDING = 192.0f;

struct ImageGeometry {
    int width, channels;                      // of the image, channels last
    int out_height, out_width, out_channels;  // of the layer
    int kernel, stride;
};

// Sums several neighbouring output positions and a block of channels in registers, so that each weight is loaded once
// for all of these positions.
template <int Places, int Bytes>
SIAMSNN_INLINE void sum_windows(const float* image, const float* weights, const float* bias, float* current, int channels,
                                const ImageGeometry& g) {
    typedef typename Vector<float, Bytes>::type V;
    constexpr int width = Vector<float, Bytes>::width, vectors = IMAGE_BLOCK / width;
    const int64_t line = g.kernel * g.channels, step = g.stride * g.channels;
    V sum[Places][vectors] = {};
    for (int ky = 0; ky < g.kernel; ky++, image += g.width * g.channels)
        for (int64_t k = 0; k < line; k++, weights += IMAGE_BLOCK)
            for (int p = 0; p < Places; p++)
                for (int q = 0; q < vectors; q++) sum[p][q] += image[p * step + k] * *(const V*)(weights + q * width);
    for (int p = 0; p < Places; p++, current += g.out_channels)
        for (int o = 0; o < channels; o++) {
            const float exact = sum[p][o / width][o % width] + bias[o] + ROUNDING;
            current[o] = exact - ROUNDING;
        }
}

// Computes one block of channels of one output row.
template <int Bytes>
SIAMSNN_INLINE void sum_row(const float* image, const float* weights, const float* bias, float* current, int channels,
                            const ImageGeometry& g) {
    constexpr int places = 12 / (IMAGE_BLOCK * sizeof(float) / Bytes);  // twelve vectors of sums fit in the registers
    const int step = g.stride * g.channels;
    int ox = 0;
    for (; ox + places <= g.out_width; ox += places)
        sum_windows<places, Bytes>(image + ox * step, weights, bias, current + ox * g.out_channels, channels, g);
    for (; ox < g.out_width; ox++)
        sum_windows<1, Bytes>(image + ox * step, weights, bias, current + ox * g.out_channels, channels, g);
}

#define SIAMSNN_ROW(NAME, TARGET, BYTES)                                                                          \
    TARGET inline void sum_row_##NAME(const float* image, const float* weights, const float* bias, float* current, \
                                      int channels, const ImageGeometry& g) {                                     \
        sum_row<BYTES>(image, weights, bias, current, channels, g);                                               \
    }
SIAMSNN_ROW(16_bytes, , 16)
#if defined(__x86_64__) && defined(__GNUC__)
SIAMSNN_ROW(32_bytes, __attribute__((target("avx2,fma"), optimize("fp-contract=fast"))), 32)
SIAMSNN_ROW(64_bytes, __attribute__((target("avx512f"), optimize("fp-contract=fast"))), 64)
#endif
#undef SIAMSNN_ROW

// image: [y][x][channel]; weights: [blocks][ky][kx][channel][IMAGE_BLOCK]. Weights and bias are zero-padded to whole
// blocks.
inline void convolve_image(const float* image, const float* weights, const float* bias, float* current,
                           const ImageGeometry& g, int threads) {
#if defined(__x86_64__) && defined(__GNUC__)
    const auto widest = __builtin_cpu_supports("avx512bw") ? sum_row_64_bytes
                        : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? sum_row_32_bytes
                                                                                          : sum_row_16_bytes;
#else
    const auto widest = sum_row_16_bytes;
#endif
    const int blocks = (g.out_channels + IMAGE_BLOCK - 1) / IMAGE_BLOCK;
    const int64_t block_size = (int64_t)g.kernel * g.kernel * g.channels * IMAGE_BLOCK;
    auto row = [&](int oy) {  // all blocks of a row in one task, because neighbouring channels share a cache line
        const float* lines = image + (int64_t)oy * g.stride * g.width * g.channels;
        float* sums = current + (int64_t)oy * g.out_width * g.out_channels;
        for (int b = 0, first = 0; b < blocks; b++, first += IMAGE_BLOCK)
            widest(lines, weights + b * block_size, bias + first, sums + first, std::min(IMAGE_BLOCK, g.out_channels - first), g);
    };
    parallel_for(g.out_height, threads, row);
}

}  // namespace siamsnn
#endif
