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

#include "spike_list.h"
#include "thread_pool.h"

namespace siamsnn {

// Fewer events than this are done (in about 0.1 ms) before a second thread is awake.
constexpr int64_t PARALLEL_EVENTS = 500000;

// Bytes of kernel rows that are swept together: they and the potentials stay in the first-level cache.
constexpr int64_t CACHED_BYTES = 32 * 1024;

// With fewer spikes than this under a line of the kernel (on average), all of its lines are swept together, if they
// take no more than so many bytes: the end of each short run of spikes costs as much as five spikes.
constexpr double SHORT_RUN = 12;
constexpr int64_t GATHERED_BYTES = 128 * 1024;

// How a strip is swept: so many lines of the kernel, and places within a line, at once.  Either is 1 or all, as the
// spikes under an output are added in the order of their pixels.
struct Sweep {
    int lines, places;

    Sweep(int spikes, int64_t place_bytes, const ConvolutionGeometry& g)
        : lines(1), places(std::min<int64_t>(g.kernel, std::max<int64_t>(1, CACHED_BYTES / place_bytes))) {
        const double run = (double)spikes * g.kernel / ((double)g.groups * g.images * g.height * g.width);
        if (places == g.kernel && run < SHORT_RUN && g.kernel * g.kernel * place_bytes <= GATHERED_BYTES)
            lines = g.kernel;
    }
};

// target[0..channels) += amplitude[q] * w[row[q]..] for q < n.
template <typename Real, int B, bool Unit, int Bytes>
SIAMSNN_INLINE void add_rows(const int32_t* row, const Real* amplitude, int n, const Real* w,
                             Real* __restrict__ target, int channels) {
    typedef typename Vector<Real, Bytes>::type V;
    constexpr int width = Vector<Real, Bytes>::width;
    Real edge[B];  // a last block narrower than B works on a padded copy
    Real* place = target;
    if (channels < B) {
        std::fill(std::copy(target, target + channels, edge), edge + B, Real(0));
        place = edge;
    }
    V sum[B / width];
    for (int k = 0; k < B / width; k++) sum[k] = *(const V*)(place + k * width);
    for (int q = 0; q < n; q++) {
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
}

// The spikes under one output, line after line, with their rows counted from the start of the kernel: row and amplitude
// have room for as many as there can be, and for SPIKE_PADDING more.  Returns how many they are.
template <bool Unit, typename Real>
SIAMSNN_INLINE int gather(const int32_t* list_row, const Real* list_amplitude, const int32_t* start, int kernel, int width,
                          int offset, int line_rows, int32_t* row, Real* amplitude) {
    typedef Vector<int32_t, 32>::type Eight;
    int n = 0;
    for (int ky = 0; ky < kernel; ky++, start += width, offset += line_rows) {
        const int from = start[0], count = start[kernel] - from;
        // eight at a time, the first two without asking: what is written behind the end is overwritten
        const int32_t* source = list_row + from;
        int32_t* place = row + n;
        *(Eight*)place = *(const Eight*)source + offset;
        *(Eight*)(place + 8) = *(const Eight*)(source + 8) + offset;
        for (int q = 16; q < count; q += 8) *(Eight*)(place + q) = *(const Eight*)(source + q) + offset;
        if (!Unit) std::copy_n(list_amplitude + from, count, amplitude + n);
        n += count;
    }
    return n;
}

// Add all spikes under a strip of output rows of one image, for one block of
// output channels.  As many places of a kernel's line are taken at once as the
// first-level cache holds; with these outermost, their rows stay there while
// the strip is swept.
template <typename Real, int B, bool Unit, int Bytes>
SIAMSNN_INLINE int64_t add_strip(const GroupSpikes<Real>& list, const Sweep& sweep, const Real* __restrict__ kernel,
                                 Real* __restrict__ v, int image, int first_channel,
                                 int channels, int first_row, int last_row, const ConvolutionGeometry& g) {
    // copies, which no store can change
    const int kernel_side = g.kernel, stride = g.stride, width = g.width, out_width = g.out_width;
    const int out_channels = g.out_channels, lines = sweep.lines, places = sweep.places;
    const int pixel_rows = g.channels / g.groups * B, line_rows = kernel_side * pixel_rows;
    const int32_t* row = list.row.data();
    const Real* amplitude = list.amplitude.data();
    const int32_t* pixel_start = &list.start[(int64_t)image * g.height * width];
    v += (int64_t)image * g.out_height * out_width * out_channels + first_channel;
    static thread_local std::vector<int32_t> gathered_row;
    static thread_local std::vector<Real> gathered_amplitude;
    if (lines > 1) {
        gathered_row.resize(kernel_side * kernel_side * (g.channels / g.groups) + SPIKE_PADDING);
        gathered_amplitude.resize(Unit ? 0 : gathered_row.size());
    }
    int32_t* window_row = gathered_row.data();
    Real* window_amplitude = gathered_amplitude.data();
    int64_t events = 0;
    for (int ky = 0; ky < kernel_side; ky += lines)
        for (int kx = 0; kx < kernel_side; kx += places) {
            const int last_kx = std::min(kernel_side, kx + places);
            for (int oy = first_row; oy < last_row; oy++) {
                const int32_t* start = pixel_start + (oy * stride + ky) * width;
                Real* target = v + (int64_t)oy * out_width * out_channels;
                for (int ox = 0; ox < out_width; ox++, target += out_channels, start += stride) {
                    const int before = ox * stride * pixel_rows, from = start[kx];
                    int n = start[last_kx] - from;
                    if (lines > 1) {
                        n = gather<Unit>(row, amplitude, start, kernel_side, width, -before, line_rows, window_row,
                                         window_amplitude);
                        add_rows<Real, B, Unit, Bytes>(window_row, window_amplitude, n, kernel, target, channels);
                    } else if (n > 0)
                        add_rows<Real, B, Unit, Bytes>(row + from, amplitude + from, n,
                                                       kernel + (int64_t)ky * line_rows - before, target, channels);
                    events += n;
                }
            }
        }
    return events * channels;
}

#define SIAMSNN_PARAMETERS(REAL)                                                                   \
    const GroupSpikes<REAL>&list, const Sweep &sweep, const REAL *kernel, REAL *v, int image, int first_channel, \
        int channels, int first_row, int last_row, const ConvolutionGeometry &g
#define SIAMSNN_ARGUMENTS list, sweep, kernel, v, image, first_channel, channels, first_row, last_row, g

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
                           : add_strip_widest<Real, 48>(SIAMSNN_ARGUMENTS);
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
    list.collect(spikes, n, amplitude, amplitude_stride, g);
    const SpikeList<Real>& spike_list = list;  // the calling thread's, for every worker
    const int group_outputs = g.out_channels / g.groups;
    const int blocks = (group_outputs + g.block - 1) / g.block;
    const int strips = (g.out_height + strip - 1) / strip, parts = g.images * strips;
    const int64_t block_size = (int64_t)g.kernel * g.kernel * (g.channels / g.groups) * g.block;
    const int64_t fan_out = (int64_t)g.kernel * g.kernel / (g.stride * g.stride) * group_outputs;
    const Sweep sweep(n, (int64_t)g.channels / g.groups * g.block * sizeof(Real), g);
    std::atomic<int64_t> events{0};
    auto add = [&](int task) {
        const int s = task % strips, image = task / strips % g.images;
        const int gb = task / parts, b = gb % blocks, group = gb / blocks;
        events += add_strip_any(spike_list.groups[group], sweep, kernel + gb * block_size, v, image,
                                group * group_outputs + b * g.block,
                                std::min(g.block, group_outputs - b * g.block), s * strip,
                                std::min(g.out_height, (s + 1) * strip), g);
    };
    parallel_for(g.groups * blocks * parts, n * fan_out > PARALLEL_EVENTS ? threads : 1, add);
    return events;
}

// Each spike at each window that it is under: arrive(window, neuron, what the neuron has sent so far, what the spike
// carries).  sums is kept per presynaptic neuron.  The windows of a strip are one thread's, so each of them meets its
// spikes in the order of their neurons.
template <typename Real, typename Arrive>
int64_t each_window(const int32_t* spikes, int n, const Real* amplitude, int amplitude_stride, Real* sums,
                    const ConvolutionGeometry& g, int strip, int threads, Arrive arrive) {
    // a spike here takes as long as about forty of a convolution's events
    if (40 * (int64_t)n <= PARALLEL_EVENTS) threads = 1;
    constexpr int SUMMED = 8192;
    auto sum = [&](int task) {
        for (int q = task * SUMMED; q < std::min(n, (task + 1) * SUMMED); q++)
            sums[spikes[q]] += amplitude[q * amplitude_stride];
    };
    parallel_for((n + SUMMED - 1) / SUMMED, threads, sum);
    const int strips = (g.out_height + strip - 1) / strip;
    std::atomic<int64_t> events{0};
    auto add = [&](int task) {
        const int image = task / strips, first_oy = task % strips * strip;
        const int last_oy = std::min(g.out_height, first_oy + strip) - 1;
        int64_t first = ((int64_t)image * g.height + first_oy * g.stride) * g.width * g.channels, arrived = 0;
        int q = std::lower_bound(spikes, spikes + n, first) - spikes;
        for (int y = first_oy * g.stride; y < last_oy * g.stride + g.kernel; y++) {
            // the windows over y are those with oy*stride <= y < oy*stride + kernel
            const int oy0 = std::max(first_oy, y < g.kernel ? 0 : (y - g.kernel) / g.stride + 1);
            const int oy1 = std::min(y / g.stride, last_oy);
            for (int x = 0; x < g.width; x++, first += g.channels) {
                if (q == n || spikes[q] >= first + g.channels) continue;
                const int ox0 = x < g.kernel ? 0 : (x - g.kernel) / g.stride + 1;
                const int ox1 = std::min(x / g.stride, g.out_width - 1);
                const int windows = std::max(0, oy1 - oy0 + 1) * std::max(0, ox1 - ox0 + 1);
                for (; q < n && spikes[q] < first + g.channels; q++, arrived += windows)
                    for (int oy = oy0; oy <= oy1; oy++)
                        for (int ox = ox0; ox <= ox1; ox++)
                            arrive((((int64_t)image * g.out_height + oy) * g.out_width + ox) * g.channels + spikes[q] - first,
                                   spikes[q], sums[spikes[q]], amplitude[q * amplitude_stride]);
            }
        }
        events += arrived;
    };
    parallel_for(g.images * strips, threads, add);
    return events;
}

// max_pool.toml: the running maximum over each window of its inputs' cumulated amplitudes.  maximum, emitted and rise
// (how much of the maximum was not emitted yet) are kept per postsynaptic neuron.
template <typename Real>
int64_t pool_events(const int32_t* spikes, int n, const Real* amplitude, int amplitude_stride,
                    Real* sums, Real* maximum, const Real* emitted, Real* rise,
                    const ConvolutionGeometry& g, int strip, int threads) {
    return each_window(spikes, n, amplitude, amplitude_stride, sums, g, strip, threads,
                       [=](int64_t j, int32_t, Real total, Real) {
                           maximum[j] = std::max(maximum[j], total);
                           rise[j] = maximum[j] - emitted[j];
                       });
}

// max_pool_first.toml and, without leaders, max_pool_all.toml: what a leading input's spike carries passes.
template <typename Real>
int64_t gate_events(const int32_t* spikes, int n, const Real* amplitude, int amplitude_stride,
                    Real* sums, Real* maximum, int32_t* leader, Real* passed,
                    const ConvolutionGeometry& g, int strip, int threads) {
    return each_window(spikes, n, amplitude, amplitude_stride, sums, g, strip, threads,
                       [=](int64_t j, int32_t i, Real total, Real carried) {
                           if (total < maximum[j] || (leader && total == maximum[j] && i >= leader[j])) return;
                           maximum[j] = total;
                           passed[j] = carried;
                           if (leader) leader[j] = i;
                       });
}

}  // namespace siamsnn
#endif
