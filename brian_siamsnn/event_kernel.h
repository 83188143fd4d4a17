// The event-driven convolution and pooling behind convolution.py.
//
// Neurons are channels-last: index = ((image*height + y)*width + x)*channels + c.
// A list of presynaptic spikes (sorted, as Brian2 keeps it) adds rows of one
// shared kernel to the postsynaptic membrane potentials:
//
//     v[oy, ox, o] += sum over spikes (y, x, c) of  amplitude * w[o, c, ky, kx],
//     y = oy*stride + ky,  x = ox*stride + kx                       (Eq. 3)
//
// For every output the spikes are added in the order of their neuron index,
// which is the order of explicit Synapses: both forms round alike.
#ifndef BRIAN_SIAMSNN_EVENT_KERNEL_H
#define BRIAN_SIAMSNN_EVENT_KERNEL_H

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "thread_pool.h"

#if defined(__GNUC__)
#define SIAMSNN_INLINE inline __attribute__((always_inline))
#else
#define SIAMSNN_INLINE inline
#endif

namespace siamsnn {

// Fewer events than this are done (in about 0.1 ms) before a second thread is awake.
constexpr int64_t PARALLEL_EVENTS = 500000;

// Bytes of kernel rows that are swept together: they and the potentials stay in the first-level cache.
constexpr int64_t CACHED_BYTES = 32 * 1024;

struct ConvolutionGeometry {
    int images;                               // side by side, each with a height of its own
    int height, width, channels;              // presynaptic layer
    int out_height, out_width, out_channels;  // postsynaptic layer
    int kernel, stride, groups;
    int block;  // output channels that are added together: 16, 32, 48 or 64
};

// So many bytes of potentials or weights, unaligned.  It has to be as wide as
// the processor's registers: the compiler keeps an array of a few of them in
// registers then, and in memory otherwise (a fifth of the speed).
template <typename Real, int Bytes>
struct Vector {
    static constexpr int width = Bytes / sizeof(Real);
    typedef Real type __attribute__((vector_size(Bytes), aligned(sizeof(Real)), may_alias));
};

// Spikes of one step, by channel group and within it by pixel.  The spikes of
// neighbouring pixels of a line are then side by side, and so are the kernel
// rows that they add: row[q] - ox*stride*pixel_rows is where a spike under the
// output ox finds its row in the kernel's line.
template <typename Real>
struct SpikeList {
    std::vector<int32_t> row;     // (x*channels of a group + channel in the group) * block
    std::vector<Real> amplitude;  // what the spike carries; empty: all carry 1
    std::vector<int32_t> start;   // [group][pixel]: its first spike; and the end
};

template <typename Real>
void collect(SpikeList<Real>& list, const int32_t* spikes, int n, const Real* amplitude,
             int amplitude_stride, const ConvolutionGeometry& g) {
    const int group_channels = g.channels / g.groups;
    const int64_t pixels = (int64_t)g.images * g.height * g.width;
    list.row.resize(n);
    list.amplitude.resize(n);
    list.start.resize(g.groups * pixels + 1);
    // where the next spike of each group goes: behind those of the groups before it
    std::vector<int> next(g.groups + 1, 0);
    if (g.groups > 1)
        for (int q = 0; q < n; q++) next[spikes[q] % g.channels / group_channels + 1]++;
    for (int group = 1; group <= g.groups; group++) next[group] += next[group - 1];
    list.start[g.groups * pixels] = n;
    // one walk over pixels and groups beside the spikes, which are sorted: no divisions
    bool unit = true;
    int q = 0, x = 0, first = 0;
    for (int64_t pixel = 0; pixel < pixels; pixel++) {
        for (int group = 0; group < g.groups; group++, first += group_channels) {
            int place = list.start[group * pixels + pixel] = next[group];
            const int column = x * group_channels - first;
            for (; q < n && spikes[q] < first + group_channels; q++, place++) {
                list.row[place] = (column + spikes[q]) * g.block;
                const Real a = amplitude[q * amplitude_stride];
                list.amplitude[place] = a;
                unit &= a == Real(1);
            }
            next[group] = place;
        }
        if (++x == g.width) x = 0;
    }
    if (unit) list.amplitude.clear();
}

// Add all spikes under a strip of output rows of one image, for one block of
// output channels.  As many places of a kernel's line are taken at once as the
// first-level cache holds; with these outermost, their rows stay there while
// the strip is swept.
template <typename Real, int B, bool Unit, int Bytes>
SIAMSNN_INLINE int64_t add_strip(const SpikeList<Real>& list, const Real* __restrict__ kernel,
                                 Real* __restrict__ v, int image, int group, int first_channel,
                                 int channels, int first_row, int last_row, const ConvolutionGeometry& g) {
    typedef typename Vector<Real, Bytes>::type V;
    constexpr int width = Vector<Real, Bytes>::width;
    const int pixel_rows = g.channels / g.groups * B;
    const int places = std::max<int64_t>(1, CACHED_BYTES / (pixel_rows * (int64_t)sizeof(Real)));
    const int32_t* row = list.row.data();
    const Real* amplitude = list.amplitude.data();
    const int32_t* pixel_start = &list.start[(int64_t)(group * g.images + image) * g.height * g.width];
    v += (int64_t)image * g.out_height * g.out_width * g.out_channels + first_channel;
    int64_t events = 0;
    for (int ky = 0; ky < g.kernel; ky++)
        for (int kx = 0; kx < g.kernel; kx += places) {
            const int last_kx = std::min(g.kernel, kx + places);
            for (int oy = first_row; oy < last_row; oy++) {
                const int32_t* start = pixel_start + (oy * g.stride + ky) * g.width;
                Real* target = v + (int64_t)oy * g.out_width * g.out_channels;
                const Real* line = kernel + (int64_t)ky * g.kernel * pixel_rows;
                for (int ox = 0; ox < g.out_width; ox++, target += g.out_channels) {
                    const int from = start[ox * g.stride + kx], to = start[ox * g.stride + last_kx];
                    if (from == to) continue;
                    const Real* w = line - (int64_t)ox * g.stride * pixel_rows;
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

#define SIAMSNN_PARAMETERS(REAL)                                                                   \
    const SpikeList<REAL>&list, const REAL *kernel, REAL *v, int image, int group, int first_channel, \
        int channels, int first_row, int last_row, const ConvolutionGeometry &g
#define SIAMSNN_ARGUMENTS list, kernel, v, image, group, first_channel, channels, first_row, last_row, g

// One strip with vectors of so many bytes, for processors that have them.
#define SIAMSNN_STRIP(NAME, TARGET, BYTES)                                                         \
    template <typename Real, int B>                                                                \
    TARGET int64_t NAME(SIAMSNN_PARAMETERS(Real)) {                                                \
        return list.amplitude.empty() ? add_strip<Real, B, true, BYTES>(SIAMSNN_ARGUMENTS)         \
                                      : add_strip<Real, B, false, BYTES>(SIAMSNN_ARGUMENTS);       \
    }
SIAMSNN_STRIP(add_strip_16_bytes, , 16)

// One binary for every x86-64 machine: the widest vectors that the processor has are chosen at run time.
#if defined(__x86_64__) && defined(__GNUC__)
SIAMSNN_STRIP(add_strip_32_bytes, __attribute__((target("avx2"))), 32)
SIAMSNN_STRIP(add_strip_64_bytes, __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw"))), 64)

template <typename Real, int B>
int64_t add_strip_widest(SIAMSNN_PARAMETERS(Real)) {
    static const auto add = __builtin_cpu_supports("avx512bw") ? add_strip_64_bytes<Real, B>
                            : __builtin_cpu_supports("avx2")   ? add_strip_32_bytes<Real, B>
                                                               : add_strip_16_bytes<Real, B>;
    return add(SIAMSNN_ARGUMENTS);
}
#else
template <typename Real, int B>
int64_t add_strip_widest(SIAMSNN_PARAMETERS(Real)) {
    return add_strip_16_bytes<Real, B>(SIAMSNN_ARGUMENTS);
}
#endif

template <typename Real>
int64_t add_strip_any(SIAMSNN_PARAMETERS(Real)) {
    return g.block == 16   ? add_strip_widest<Real, 16>(SIAMSNN_ARGUMENTS)
           : g.block == 32 ? add_strip_widest<Real, 32>(SIAMSNN_ARGUMENTS)
           : g.block == 48 ? add_strip_widest<Real, 48>(SIAMSNN_ARGUMENTS)
                           : add_strip_widest<Real, 64>(SIAMSNN_ARGUMENTS);
}
#undef SIAMSNN_STRIP
#undef SIAMSNN_PARAMETERS
#undef SIAMSNN_ARGUMENTS

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
    const int strips = (g.out_height + strip - 1) / strip, parts = g.images * strips;
    const int64_t block_size = (int64_t)g.kernel * g.kernel * (g.channels / g.groups) * g.block;
    const int64_t fan_out = (int64_t)g.kernel * g.kernel / (g.stride * g.stride) * group_outputs;
    std::atomic<int64_t> events{0};
    auto add = [&](int task) {
        const int s = task % strips, image = task / strips % g.images;
        const int gb = task / parts, b = gb % blocks, group = gb / blocks;
        events += add_strip_any(spike_list, kernel + gb * block_size, v, image, group,
                                group * group_outputs + b * g.block,
                                std::min(g.block, group_outputs - b * g.block), s * strip,
                                std::min(g.out_height, (s + 1) * strip), g);
    };
    parallel_for(g.groups * blocks * parts, n * fan_out > PARALLEL_EVENTS ? threads : 1, add);
    return events;
}

// Each spike at each window that it is under: arrive(window, neuron, what the neuron has sent so far, what the spike
// carries).  sums is kept per presynaptic neuron.
template <typename Real, typename Arrive>
SIAMSNN_INLINE int64_t each_window(const int32_t* spikes, int n, const Real* amplitude, int amplitude_stride,
                                   Real* sums, const ConvolutionGeometry& g, Arrive arrive) {
    int64_t events = 0;
    int q = 0, first = 0;
    for (int image = 0; image < g.images; image++)
        for (int y = 0; y < g.height; y++) {
            // the windows over y are those with oy*stride <= y < oy*stride + kernel
            const int oy0 = y < g.kernel ? 0 : (y - g.kernel) / g.stride + 1;
            const int oy1 = std::min(y / g.stride, g.out_height - 1);
            for (int x = 0; x < g.width; x++, first += g.channels) {
                if (q == n || spikes[q] >= first + g.channels) continue;
                const int ox0 = x < g.kernel ? 0 : (x - g.kernel) / g.stride + 1;
                const int ox1 = std::min(x / g.stride, g.out_width - 1);
                const int64_t windows = (int64_t)std::max(0, oy1 - oy0 + 1) * std::max(0, ox1 - ox0 + 1);
                for (; q < n && spikes[q] < first + g.channels; q++) {
                    const Real carried = amplitude[q * amplitude_stride];
                    const Real total = sums[spikes[q]] += carried;
                    for (int oy = oy0; oy <= oy1; oy++)
                        for (int ox = ox0; ox <= ox1; ox++)
                            arrive((((int64_t)image * g.out_height + oy) * g.out_width + ox) * g.channels + spikes[q] - first,
                                   spikes[q], total, carried);
                    events += windows;
                }
            }
        }
    return events;
}

// max_pool.toml: the running maximum over each window of its inputs' cumulated amplitudes.  maximum, emitted and rise
// (how much of the maximum was not emitted yet) are kept per postsynaptic neuron.
template <typename Real>
int64_t pool_events(const int32_t* spikes, int n, const Real* amplitude, int amplitude_stride,
                    Real* sums, Real* maximum, const Real* emitted, Real* rise,
                    const ConvolutionGeometry& g) {
    return each_window(spikes, n, amplitude, amplitude_stride, sums, g,
                       [=](int64_t j, int32_t, Real total, Real) {
                           maximum[j] = std::max(maximum[j], total);
                           rise[j] = maximum[j] - emitted[j];
                       });
}

// max_pool_first.toml and, without leaders, max_pool_all.toml: what a leading input's spike carries passes.
template <typename Real>
int64_t gate_events(const int32_t* spikes, int n, const Real* amplitude, int amplitude_stride,
                    Real* sums, Real* maximum, int32_t* leader, Real* passed,
                    const ConvolutionGeometry& g) {
    return each_window(spikes, n, amplitude, amplitude_stride, sums, g,
                       [=](int64_t j, int32_t i, Real total, Real carried) {
                           if (total < maximum[j] || (leader && total == maximum[j] && i >= leader[j])) return;
                           maximum[j] = total;
                           passed[j] = carried;
                           if (leader) leader[j] = i;
                       });
}

}  // namespace siamsnn
#endif
