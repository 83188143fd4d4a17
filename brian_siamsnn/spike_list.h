// The spikes of one time step, put where the convolution of event_kernel.h finds them.
#ifndef BRIAN_SIAMSNN_SPIKE_LIST_H
#define BRIAN_SIAMSNN_SPIKE_LIST_H

#include <algorithm>
#include <cstdint>
#include <vector>

#if defined(__GNUC__)
#define SIAMSNN_INLINE inline __attribute__((always_inline))
#else
#define SIAMSNN_INLINE inline
#endif

namespace siamsnn {

struct ConvolutionGeometry {
    int images;                               // side by side, each with a height of its own
    int height, width, channels;              // presynaptic layer
    int out_height, out_width, out_channels;  // postsynaptic layer
    int kernel, stride, groups;
    int block;  // output channels that are added together: 16, 32 or 48
};

// So many bytes of potentials or weights, unaligned.  It has to be as wide as
// the processor's registers: the compiler keeps an array of a few of them in
// registers then, and in memory otherwise (a fifth of the speed).
template <typename Real, int Bytes>
struct Vector {
    static constexpr int width = Bytes / sizeof(Real);
    typedef Real type __attribute__((vector_size(Bytes), aligned(sizeof(Real)), may_alias));
};

// Entries that may be read behind the last spike.
constexpr int SPIKE_PADDING = 16;

// Sorted by channel group and within it by pixel.  The spikes of neighbouring
// pixels of a line are then side by side, and so are the kernel rows that they
// add: row[q] - ox*stride*pixel_rows is where a spike under the output ox finds
// its row in the kernel's line.
template <typename Real>
struct SpikeList {
    std::vector<int32_t> row;     // (x*channels of a group + channel in the group) * block
    std::vector<Real> amplitude;  // what the spike carries; empty: all carry 1
    std::vector<int32_t> start;   // [group][pixel]: its first spike; and the end

    // From neuron indices, ascending.  No loop here has a branch: how many spikes a pixel has, no processor foresees.
    void collect(const int32_t* spikes, int n, const Real* amplitudes, int amplitude_stride,
                 const ConvolutionGeometry& g) {
        const int64_t pixels = (int64_t)g.images * g.height * g.width;
        for (auto* list : {&row, &pixel_, &located_row_, &located_pixel_, &group_}) list->resize(n + SPIKE_PADDING);
        amplitude.resize(n + 1);
        if (g.groups == 1) {
            locate_widest<false>(spikes, n, g, row.data(), pixel_.data(), nullptr);
            for (int q = 0; q < n; q++) amplitude[q] = amplitudes[q * amplitude_stride];
        } else {
            locate_widest<true>(spikes, n, g, located_row_.data(), located_pixel_.data(), group_.data());
            int m = 0;
            for (int group = 0; group < g.groups; group++)
                for (int q = 0; q < n; q++) {
                    row[m] = located_row_[q];
                    pixel_[m] = located_pixel_[q] + group * pixels;
                    amplitude[m] = amplitudes[q * amplitude_stride];
                    m += group_[q] == group;
                }
        }
        // the end of the last spike of each pixel, and for those without spikes that of the one before
        start.assign(g.groups * pixels + 1, 0);
        for (int q = 0; q < n; q++) start[pixel_[q] + 1] = q + 1;
        int32_t last = 0;
        for (int32_t& end : start) end = last = std::max(last, end);
        bool unit = true;
        for (int q = 0; q < n; q++) unit &= amplitude[q] == Real(1);
        if (unit) amplitude.clear();
    }

private:
    std::vector<int32_t> pixel_, located_row_, located_pixel_, group_;

    // number / divisor without the instruction: exact, as the half keeps it away from where a double rounds.
    static SIAMSNN_INLINE int32_t quotient(int32_t number, double reciprocal) { return (number + 0.5) * reciprocal; }

    template <bool Groups>
    static SIAMSNN_INLINE void locate(const int32_t* __restrict__ spikes, int n, const ConvolutionGeometry& g,
                                      int32_t* __restrict__ row, int32_t* __restrict__ pixel,
                                      int32_t* __restrict__ group) {
        const int channels = g.channels, group_channels = channels / g.groups, width = g.width, block = g.block;
        const double per_channel = 1.0 / channels, per_group = 1.0 / group_channels, per_width = 1.0 / width;
        for (int q = 0; q < n; q++) {
            pixel[q] = quotient(spikes[q], per_channel);
            const int32_t line = quotient(pixel[q], per_width);
            if (!Groups) {
                row[q] = (spikes[q] - line * (width * channels)) * block;
                continue;
            }
            const int32_t channel = spikes[q] - pixel[q] * channels;
            group[q] = quotient(channel, per_group);
            row[q] = ((pixel[q] - line * width - group[q]) * group_channels + channel) * block;
        }
    }

#if defined(__x86_64__) && defined(__GNUC__)
    template <bool Groups>
    __attribute__((target("avx2"))) static void locate_avx2(const int32_t* spikes, int n, const ConvolutionGeometry& g,
                                                            int32_t* row, int32_t* pixel, int32_t* group) {
        locate<Groups>(spikes, n, g, row, pixel, group);
    }
#endif
    template <bool Groups>
    static void locate_widest(const int32_t* spikes, int n, const ConvolutionGeometry& g, int32_t* row, int32_t* pixel,
                              int32_t* group) {
#if defined(__x86_64__) && defined(__GNUC__)
        if (__builtin_cpu_supports("avx2")) return locate_avx2<Groups>(spikes, n, g, row, pixel, group);
#endif
        locate<Groups>(spikes, n, g, row, pixel, group);
    }
};

}  // namespace siamsnn
#endif
