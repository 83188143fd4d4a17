// The event-driven convolution and pooling behind convolution.py.
//
// Neurons are channels-last: index = (y*width + x)*channels + c.  A list of
// presynaptic spikes (sorted, as Brian2 keeps it) adds rows of one shared
// kernel to the postsynaptic membrane potentials:
//
//     v[oy, ox, o] += sum over spikes (y, x, c) of  amplitude * w[o, c, ky, kx],
//     y = oy*stride + ky,  x = ox*stride + kx                       (Eq. 3)
//
// For every output the spikes are added in the order of their neuron index,
// which is the order of explicit Synapses: both forms round alike.
#ifndef BRIAN_SIAMSNN_EVENT_KERNEL_H
#define BRIAN_SIAMSNN_EVENT_KERNEL_H

#include <algorithm>
#include <cstdint>
#include <vector>

// One binary for every x86-64 machine: the loader picks the widest vectors
// that the processor has.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define SIAMSNN_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define SIAMSNN_INLINE inline __attribute__((always_inline))
#else
#define SIAMSNN_CLONES
#define SIAMSNN_INLINE inline
#endif

namespace siamsnn {

// Fewer events than this are done (in about 0.2 ms) before a second thread is awake; on a busy
// machine waiting for it takes a whole time slice.
constexpr int64_t PARALLEL_EVENTS = 4000000;

struct ConvolutionGeometry {
    int height, width, channels;              // presynaptic layer
    int out_height, out_width, out_channels;  // postsynaptic layer
    int kernel, stride, groups;
    int block;  // output channels that are added together: 16, 32, 48 or 64
};

// Sixty-four bytes of potentials or weights, unaligned.  The compiler keeps an
// array of a few of them in registers, which it does not do for plain floats.
template <typename Real>
struct Vector {
    static constexpr int width = 64 / sizeof(Real);
    typedef Real type __attribute__((vector_size(64), aligned(sizeof(Real)), may_alias));
};

// Spikes of one step, grouped by pixel and channel group.
template <typename Real>
struct SpikeList {
    std::vector<int32_t> row;     // channel within its group, times block
    std::vector<Real> amplitude;  // what the spike carries; empty: all carry 1
    std::vector<int32_t> start;   // first spike of (pixel, group), and the end
};

template <typename Real>
void collect(SpikeList<Real>& list, const int32_t* spikes, int n, const Real* amplitude,
             int amplitude_stride, const ConvolutionGeometry& g) {
    const int group_channels = g.channels / g.groups;
    const int bins = g.height * g.width * g.groups;
    bool unit = true;
    list.row.resize(n);
    list.amplitude.resize(n);
    list.start.resize(bins + 1);
    int bin = -1;
    for (int q = 0; q < n; q++) {
        const int owner = spikes[q] / group_channels;
        while (bin < owner) list.start[++bin] = q;
        list.row[q] = (spikes[q] - owner * group_channels) * g.block;
        const Real a = amplitude[q * amplitude_stride];
        list.amplitude[q] = a;
        unit &= a == Real(1);
    }
    while (bin < bins) list.start[++bin] = n;
    if (unit) list.amplitude.clear();
}

// Add all spikes under a strip of output rows, for one block of output
// channels.  With (ky, kx) outermost, the kernel rows in use stay in the
// first-level cache while the strip is swept.
template <typename Real, int B, bool Unit>
SIAMSNN_INLINE int64_t add_strip(const SpikeList<Real>& list, const Real* __restrict__ kernel,
                                 Real* __restrict__ v, int group, int first_channel, int channels,
                                 int first_row, int last_row, const ConvolutionGeometry& g) {
    typedef typename Vector<Real>::type V;
    constexpr int width = Vector<Real>::width;
    const int group_channels = g.channels / g.groups;
    const int32_t* row = list.row.data();
    const Real* amplitude = list.amplitude.data();
    int64_t events = 0;
    for (int ky = 0; ky < g.kernel; ky++)
        for (int kx = 0; kx < g.kernel; kx++) {
            const Real* w = kernel + (int64_t)(ky * g.kernel + kx) * group_channels * B;
            for (int oy = first_row; oy < last_row; oy++) {
                const int line = (oy * g.stride + ky) * g.width + kx;
                Real* target = v + (int64_t)oy * g.out_width * g.out_channels + first_channel;
                for (int ox = 0; ox < g.out_width; ox++, target += g.out_channels) {
                    const int32_t* start = &list.start[(int64_t)(line + ox * g.stride) * g.groups + group];
                    const int from = start[0], to = start[1];
                    if (from == to) continue;
                    Real edge[B];  // a last block narrower than B works on a padded copy
                    Real* place = target;
                    if (channels < B) {
                        std::fill(std::copy(target, target + channels, edge), edge + B, Real(0));
                        place = edge;
                    }
                    V sum[B / width];
                    for (int k = 0; k < B / width; k++) sum[k] = *(const V*)(place + k * width);
                    for (int q = from; q < to; q++) {
                        const Real* ww = w + row[q];
                        if (Unit) {
                            for (int k = 0; k < B / width; k++) sum[k] += *(const V*)(ww + k * width);
                        } else {
                            const Real a = amplitude[q];
                            for (int k = 0; k < B / width; k++) sum[k] += a * *(const V*)(ww + k * width);
                        }
                    }
                    for (int k = 0; k < B / width; k++) *(V*)(place + k * width) = sum[k];
                    if (channels < B) std::copy(edge, edge + channels, target);
                    events += to - from;
                }
            }
        }
    return events * channels;
}

#define SIAMSNN_STRIP(REAL, B)                                                                     \
    SIAMSNN_CLONES int64_t add_strip_##REAL##_##B(                                                 \
        const SpikeList<REAL>& list, const REAL* kernel, REAL* v, int group, int first_channel,    \
        int channels, int first_row, int last_row, const ConvolutionGeometry& g) {                 \
        return list.amplitude.empty()                                                              \
            ? add_strip<REAL, B, true>(list, kernel, v, group, first_channel, channels, first_row, last_row, g)   \
            : add_strip<REAL, B, false>(list, kernel, v, group, first_channel, channels, first_row, last_row, g); \
    }
SIAMSNN_STRIP(float, 16)
SIAMSNN_STRIP(float, 32)
SIAMSNN_STRIP(float, 48)
SIAMSNN_STRIP(float, 64)
SIAMSNN_STRIP(double, 16)
SIAMSNN_STRIP(double, 32)
SIAMSNN_STRIP(double, 48)
SIAMSNN_STRIP(double, 64)
#undef SIAMSNN_STRIP

#define SIAMSNN_STRIP(REAL)                                                                        \
    inline int64_t add_strip_any(const SpikeList<REAL>& list, const REAL* kernel, REAL* v, int group, \
                                 int first_channel, int channels, int first_row, int last_row,     \
                                 const ConvolutionGeometry& g) {                                   \
        auto add = g.block == 16   ? add_strip_##REAL##_16                                         \
                   : g.block == 32 ? add_strip_##REAL##_32                                         \
                   : g.block == 48 ? add_strip_##REAL##_48                                         \
                                   : add_strip_##REAL##_64;                                        \
        return add(list, kernel, v, group, first_channel, channels, first_row, last_row, g);       \
    }
SIAMSNN_STRIP(float)
SIAMSNN_STRIP(double)
#undef SIAMSNN_STRIP

// kernel: [groups][blocks][ky][kx][channels/groups][block], zero-padded.
// Returns the number of synaptic events (spikes times fan-out).
template <typename Real>
int64_t convolve_events(const int32_t* spikes, int n, const Real* amplitude, int amplitude_stride,
                        const Real* kernel, Real* v, const ConvolutionGeometry& g,
                        int strip, int threads) {
    static thread_local SpikeList<Real> list;
    collect(list, spikes, n, amplitude, amplitude_stride, g);
    const SpikeList<Real>& spike_list = list;  // the calling thread's, for every worker
    const int group_outputs = g.out_channels / g.groups;
    const int blocks = (group_outputs + g.block - 1) / g.block;
    const int strips = (g.out_height + strip - 1) / strip;
    const int64_t block_size = (int64_t)g.kernel * g.kernel * (g.channels / g.groups) * g.block;
    const int64_t fan_out = (int64_t)g.kernel * g.kernel / (g.stride * g.stride) * group_outputs;
    int64_t events = 0;
    #pragma omp parallel for schedule(dynamic, 1) reduction(+ : events) num_threads(threads) if (n * fan_out > PARALLEL_EVENTS)
    for (int task = 0; task < g.groups * blocks * strips; task++) {
        const int s = task % strips, gb = task / strips, b = gb % blocks, group = gb / blocks;
        events += add_strip_any(spike_list, kernel + gb * block_size, v, group,
                                group * group_outputs + b * g.block,
                                std::min(g.block, group_outputs - b * g.block), s * strip,
                                std::min(g.out_height, (s + 1) * strip), g);
    }
    return events;
}

// Running maximum over each window of its inputs' cumulated amplitudes.
// count is kept per presynaptic neuron; maximum, emitted and rise (how much of
// the maximum was not emitted yet) per postsynaptic neuron.
template <typename Real>
int64_t pool_events(const int32_t* spikes, int n, const Real* amplitude, int amplitude_stride,
                    Real* count, Real* maximum, const Real* emitted, Real* rise,
                    const ConvolutionGeometry& g) {
    int64_t events = 0;
    for (int q = 0; q < n; q++) {
        const int i = spikes[q], c = i % g.channels, pixel = i / g.channels;
        const int y = pixel / g.width, x = pixel % g.width;
        const Real total = count[i] += amplitude[q * amplitude_stride];
        // the windows over y are those with oy*stride <= y < oy*stride + kernel
        const int oy0 = y < g.kernel ? 0 : (y - g.kernel) / g.stride + 1;
        const int ox0 = x < g.kernel ? 0 : (x - g.kernel) / g.stride + 1;
        const int oy1 = std::min(y / g.stride, g.out_height - 1);
        const int ox1 = std::min(x / g.stride, g.out_width - 1);
        for (int oy = oy0; oy <= oy1; oy++)
            for (int ox = ox0; ox <= ox1; ox++) {
                const int64_t j = ((int64_t)oy * g.out_width + ox) * g.channels + c;
                maximum[j] = std::max(maximum[j], total);
                rise[j] = maximum[j] - emitted[j];
                events++;
            }
    }
    return events;
}

}  // namespace siamsnn
#endif
