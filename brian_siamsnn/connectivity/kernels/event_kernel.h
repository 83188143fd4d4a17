// Event-driven convolution with a shared kernel (see shared_kernel.py).
//
// Neurons are channels-last: index = ((image*height + y)*width + x)*channels + c. Each presynaptic spike adds rows of
// one shared kernel to the postsynaptic membrane potentials:
//
//     v[oy, ox, o] += sum over spikes (y, x, c) of  amplitude * w[o, c, ky, kx],
//     y = oy*stride + ky,  x = ox*stride + kx                       (Eq. 3)
//
// The spikes of a step are sorted by neuron index, as Brian2 keeps them. For every output they are added in this order,
// and products are rounded (not fused with the addition), as with explicit Synapses, so both forms give the same bits.
#ifndef BRIAN_SIAMSNN_EVENT_KERNEL_H
#define BRIAN_SIAMSNN_EVENT_KERNEL_H

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "spike_list.h"
#include "thread_pool.h"

namespace siamsnn {

// With fewer events than this (about 0.1 ms), the work is done before a second thread wakes up.
constexpr int64_t PARALLEL_EVENTS = 500000;

// Size of the kernel rows that are swept together, in bytes; they fit in the first-level cache together with the
// potentials.
constexpr int64_t CACHED_BYTES = 32 * 1024;

// With fewer spikes per line of the kernel than SHORT_RUN (on average), all its lines are swept together, provided that
// they take no more than GATHERED_BYTES: the end of each short run of spikes costs as much as five spikes.
constexpr double SHORT_RUN = 12;
constexpr int64_t GATHERED_BYTES = 128 * 1024;

// How a strip is swept: the number of kernel lines, and of positions within a line, at once. Lines are swept one at a
// time, or all together with all their positions; either way the spikes of an output are added in the order of their
// pixels.
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
    constexpr int bytes = B * sizeof(Real) % Bytes ? Bytes / 2 : Bytes;
    typedef typename Vector<Real, bytes>::type V;
    constexpr int width = Vector<Real, bytes>::width;
    Real edge[B];  // padded copy for a last block with fewer than B channels
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

// Gathers the spikes in the window of one output, line by line, with rows relative to the start of the kernel. row and
// amplitude must have space for the largest possible number of spikes plus SPIKE_PADDING. Returns the number of spikes.
template <bool Unit, typename Real>
SIAMSNN_INLINE int gather(const int32_t* list_row, const Real* list_amplitude, const int32_t* start, int kernel, int width,
                          int offset, int line_rows, int32_t* row, Real* amplitude) {
    typedef Vector<int32_t, 32>::type Eight;
    int n = 0;
    for (int ky = 0; ky < kernel; ky++, start += width, offset += line_rows) {
        const int from = start[0], count = start[kernel] - from;
        // copies eight at a time, the first sixteen unconditionally; entries past the end are overwritten by the next
        // line
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

// A range of output rows of one image.
struct Strip {
    int image, first_row, last_row;
};

// Adds all spikes in the windows of a strip to one block of output channels. target is the position of the first
// output; the next output is `spacing` numbers further. The outer loops take as many kernel positions of a line as fit
// in the first-level cache, so that their rows stay there while the strip is swept.
template <typename Real, int B, bool Unit, int Bytes>
SIAMSNN_INLINE int64_t add_strip(const GroupSpikes<Real>& list, const Sweep& sweep, const Real* __restrict__ kernel,
                                 Real* __restrict__ target, int spacing, int channels, const Strip& strip,
                                 const ConvolutionGeometry& g) {
    // local copies, so that the compiler knows that stores do not change them
    const int kernel_side = g.kernel, stride = g.stride, width = g.width, out_width = g.out_width;
    const int lines = sweep.lines, places = sweep.places;
    const int pixel_rows = g.channels / g.groups * B, line_rows = kernel_side * pixel_rows;
    const int32_t* row = list.row.data();
    const Real* amplitude = list.amplitude.data();
    const int32_t* pixel_start = &list.start[(int64_t)strip.image * g.height * width];
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
            const Real* line = kernel + (int64_t)ky * line_rows;
            Real* sums = target;
            for (int oy = strip.first_row; oy < strip.last_row; oy++) {
                const int32_t* start = pixel_start + (oy * stride + ky) * width;
                for (int ox = 0; ox < out_width; ox++, sums += spacing, start += stride) {
                    const int before = ox * stride * pixel_rows, from = start[kx];
                    int n = start[last_kx] - from;
                    if (lines > 1) {
                        n = gather<Unit>(row, amplitude, start, kernel_side, width, -before, line_rows, window_row,
                                         window_amplitude);
                        add_rows<Real, B, Unit, Bytes>(window_row, window_amplitude, n, line, sums, channels);
                    } else if (n > 0)
                        add_rows<Real, B, Unit, Bytes>(row + from, amplitude + from, n, line - before, sums, channels);
                    events += n;
                }
            }
        }
    return events * channels;
}

// Computes v += unit * sums for a strip of outputs.
template <typename Real>
SIAMSNN_INLINE void add_sums(const int16_t* __restrict__ sums, const Real* __restrict__ unit, Real* __restrict__ v,
                             int outputs, int block, int channels, int spacing) {
    for (int k = 0; k < outputs; k++, sums += block, v += spacing)
        for (int o = 0; o < channels; o++) v[o] += unit[o] * sums[o];
}

#define SIAMSNN_PARAMETERS(REAL)                                                                                \
    const GroupSpikes<REAL>&list, const Sweep &sweep, const REAL *kernel, REAL *target, int spacing, int channels, \
        const Strip &strip, const ConvolutionGeometry &g
#define SIAMSNN_ARGUMENTS list, sweep, kernel, target, spacing, channels, strip, g
#define SIAMSNN_SUMS(REAL) \
    const int16_t *sums, const REAL *unit, REAL *v, int outputs, int block, int channels, int spacing

// Defines add_strip and add_sums with vectors of the given size, for processors that support them.
#define SIAMSNN_WITH_VECTORS(NAME, TARGET, BYTES)                                                  \
    template <typename Real, int B>                                                                \
    TARGET int64_t add_strip_##NAME(SIAMSNN_PARAMETERS(Real)) {                                    \
        return list.amplitude.empty() ? add_strip<Real, B, true, BYTES>(SIAMSNN_ARGUMENTS)         \
                                      : add_strip<Real, B, false, BYTES>(SIAMSNN_ARGUMENTS);       \
    }                                                                                              \
    template <typename Real>                                                                       \
    TARGET void add_sums_##NAME(SIAMSNN_SUMS(Real)) {                                              \
        add_sums(sums, unit, v, outputs, block, channels, spacing);                                \
    }
SIAMSNN_WITH_VECTORS(plain, , 16)
// One binary for all x86-64 machines: the widest vectors of the processor are selected at run time.
#if SIAMSNN_X86
SIAMSNN_WITH_VECTORS(avx2, SIAMSNN_AVX2, 32)
SIAMSNN_WITH_VECTORS(avx512, SIAMSNN_AVX512, 64)
#endif

template <typename Real, int B>
int64_t add_strip_widest(SIAMSNN_PARAMETERS(Real)) {
    const auto add = SIAMSNN_WIDEST(add_strip, <Real, B>);
    return add(SIAMSNN_ARGUMENTS);
}

template <typename Real>
void add_sums_widest(SIAMSNN_SUMS(Real)) {
    const auto add = SIAMSNN_WIDEST(add_sums, <Real>);
    add(sums, unit, v, outputs, block, channels, spacing);
}

template <typename Real>
int64_t add_strip_any(SIAMSNN_PARAMETERS(Real)) {
    return g.block == 16   ? add_strip_widest<Real, 16>(SIAMSNN_ARGUMENTS)
           : g.block == 32 ? add_strip_widest<Real, 32>(SIAMSNN_ARGUMENTS)
           : g.block == 48 ? add_strip_widest<Real, 48>(SIAMSNN_ARGUMENTS)
                           : add_strip_widest<Real, 64>(SIAMSNN_ARGUMENTS);
}
#undef SIAMSNN_PARAMETERS
#undef SIAMSNN_ARGUMENTS
#undef SIAMSNN_SUMS
#undef SIAMSNN_WITH_VECTORS

// A strip and a block of output channels: its group, first channel and number of channels, the offset of its weights in
// the kernel, and the index of its first output.
struct Part {
    Strip strip;
    int group, first, channels;
    int64_t weights, output;
};

// Calls add(part), which returns its number of events, for all parts of a layer. Returns the sum.
template <typename Add>
int64_t each_part(const ConvolutionGeometry& g, int n, int rows, int threads, Add add) {
    const int group_outputs = g.out_channels / g.groups;
    const int blocks = (group_outputs + g.block - 1) / g.block;
    const int strips = (g.out_height + rows - 1) / rows, parts = g.images * strips;
    const int64_t fan_out = (int64_t)g.kernel * g.kernel / (g.stride * g.stride) * group_outputs;
    const int64_t block_size = (int64_t)g.kernel * g.kernel * (g.channels / g.groups) * g.block;
    std::atomic<int64_t> events{0};
    auto task = [&](int number) {
        const int s = number % strips, block = number / parts, b = block % blocks, group = block / blocks;
        const Strip strip{number / strips % g.images, s * rows, std::min(g.out_height, (s + 1) * rows)};
        const int first = group * group_outputs + b * g.block;
        const int64_t row = (int64_t)strip.image * g.out_height + strip.first_row;
        events += add(Part{strip, group, first, std::min(g.block, group_outputs - b * g.block), block * block_size,
                           row * g.out_width * g.out_channels + first});
    };
    parallel_for(g.groups * blocks * parts, n * fan_out > PARALLEL_EVENTS ? threads : 1, task);
    return events;
}

// kernel: [groups][blocks][ky][kx][channels/groups][block], zero-padded.
// Returns the number of synaptic events (spikes times fan-out).
template <typename Real>
int64_t convolve_events(const int32_t* spikes, int n, const Real* amplitude, int amplitude_stride,
                        const Real* kernel, Real* v, const ConvolutionGeometry& g,
                        int rows, int threads) {
    static thread_local SpikeList<Real> list;
    list.collect(spikes, n, amplitude, amplitude_stride, g);
    const SpikeList<Real>& spike_list = list;  // workers use the list of the calling thread, not their own
    const Sweep sweep(n, (int64_t)g.channels / g.groups * g.block * sizeof(Real), g);
    return each_part(g, n, rows, threads, [&](const Part& part) {
        return add_strip_any(spike_list.groups[part.group], sweep, kernel + part.weights, v + part.output, g.out_channels,
                             part.channels, part.strip, g);
    });
}

// The same for fixed-point weights (fixed_point_weights.py) and spikes of amplitude 1. The weights are multiples of one
// unit per output channel, and no sum of them exceeds 16 bits, so twice as many sums fit in a register. The sums are
// exact, and v += unit * sum rounds once.
template <typename Real>
int64_t convolve_fixed_point(const int32_t* spikes, int n, const int16_t* kernel, const Real* unit, Real* v,
                             const ConvolutionGeometry& g, int rows, int threads) {
    static thread_local SpikeList<int16_t> list;
    static const int16_t one = 1;
    list.collect(spikes, n, &one, 0, g);
    const SpikeList<int16_t>& spike_list = list;
    const Sweep sweep(n, (int64_t)g.channels / g.groups * g.block * sizeof(int16_t), g);
    return each_part(g, n, rows, threads, [&](const Part& part) {
        static thread_local std::vector<int16_t> sums;
        const int outputs = (part.strip.last_row - part.strip.first_row) * g.out_width;
        sums.assign((int64_t)outputs * g.block, 0);
        const int64_t events = add_strip_any(spike_list.groups[part.group], sweep, kernel + part.weights, sums.data(),
                                             g.block, g.block, part.strip, g);
        add_sums_widest(sums.data(), unit + part.first, v + part.output, outputs, g.block, part.channels, g.out_channels);
        return events / g.block * part.channels;
    });
}

}  // namespace siamsnn
#endif
