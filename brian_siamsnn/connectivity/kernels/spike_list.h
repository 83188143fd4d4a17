// The spikes of one time step, arranged for the convolution in event_kernel.h.
#ifndef BRIAN_SIAMSNN_SPIKE_LIST_H
#define BRIAN_SIAMSNN_SPIKE_LIST_H

#include <algorithm>
#include <cstdint>
#include <vector>

#include "instructions.h"

#if defined(__GNUC__)
#define SIAMSNN_INLINE inline __attribute__((always_inline))
#else
#define SIAMSNN_INLINE inline
#endif

namespace siamsnn {

struct ConvolutionGeometry {
    int images;                               // simulated side by side, one after another in memory
    int height, width, channels;              // presynaptic layer
    int out_height, out_width, out_channels;  // postsynaptic layer
    int kernel, stride, groups;
    int block;  // number of output channels that are added together: 16, 32, 48 or 64
};

// A vector of potentials or weights, unaligned. It must be as wide as the processor's registers: then the compiler
// keeps a small array of them in registers, otherwise in memory, at a fifth of the speed.
template <typename Real, int Bytes>
struct Vector {
    static constexpr int width = Bytes / sizeof(Real);
    typedef Real type __attribute__((vector_size(Bytes), aligned(sizeof(Real)), may_alias));
};

// Number of entries that may be read past the last spike.
constexpr int SPIKE_PADDING = 16;

// The spikes that reach one group of output channels, sorted by pixel. Spikes of neighbouring pixels in a line are then
// contiguous, as are the kernel rows that they add: for a spike in the window of output ox, its row in the line of the
// kernel starts at row[q] - ox*stride*pixel_rows.
template <typename Real>
struct GroupSpikes {
    std::vector<int32_t> row;     // (x*channels of a group + channel in the group) * block
    std::vector<Real> amplitude;  // of each spike; empty if all are 1
    std::vector<int32_t> start;   // index of the first spike of each pixel, and the end
    int count = 0;

    void clear(int most, int64_t pixels, bool unit) {
        count = 0;
        row.resize(most + SPIKE_PADDING);
        amplitude.resize(unit ? 0 : most + 1);
        start.assign(pixels + 2, 0);
    }
};

// The loops over spikes have no data-dependent branch, because the number of spikes per pixel cannot be predicted.
template <typename Real>
class SpikeList {
public:
    std::vector<GroupSpikes<Real>> groups;

    // Builds the lists from ascending neuron indices.
    void collect(const int32_t* spikes, int n, const Real* amplitudes, int amplitude_stride,
                 const ConvolutionGeometry& g) {
        const int64_t pixels = (int64_t)g.images * g.height * g.width;
        bool unit = true;
        for (int q = 0; q < (amplitude_stride ? n : 1); q++) unit &= amplitudes[q] == Real(1);
        groups.resize(g.groups);
        for (auto& group : groups) group.clear(n, pixels, unit);
        for (int first = 0; first < n; first += AT_ONCE) {
            const int some = std::min(AT_ONCE, n - first);
            locate_widest(spikes + first, some, g);
            for (int k = 0; k < g.groups; k++)
                append(groups[k], k, some, amplitudes + first * amplitude_stride, amplitude_stride, pixels);
        }
        // a pixel without spikes ends where the previous one ends
        for (auto& group : groups) {
            int32_t last = 0;
            for (int32_t& end : group.start) end = last = std::max(last, end);
        }
    }

private:
    static constexpr int AT_ONCE = 1024;
    int32_t row_[AT_ONCE], pixel_[AT_ONCE], group_[AT_ONCE];

    // Appends the located spikes of group k. Spikes of other groups are written past the end, where the next one
    // overwrites them.
    void append(GroupSpikes<Real>& list, int k, int some, const Real* amplitudes, int amplitude_stride,
                int64_t pixels) {
        int32_t *row = list.row.data(), *start = list.start.data(), m = list.count;
        Real* amplitude = list.amplitude.data();
        const bool carried = !list.amplitude.empty();
        for (int q = 0; q < some; q++) {
            const bool mine = group_[q] == k;
            row[m] = row_[q];
            if (carried) amplitude[m] = amplitudes[q * amplitude_stride];
            m += mine;
            start[mine ? pixel_[q] + 1 : pixels + 1] = m;
        }
        list.count = m;
    }

    // number / divisor without a division. It is exact, because adding 0.5 keeps the product away from whole numbers,
    // where rounding would matter.
    static SIAMSNN_INLINE int32_t quotient(int32_t number, double reciprocal) { return (number + 0.5) * reciprocal; }

    // Computes pixel, channel group and row of some spikes.
    SIAMSNN_INLINE void locate(const int32_t* __restrict__ spikes, int some, const ConvolutionGeometry& g) {
        const int channels = g.channels, group_channels = channels / g.groups, width = g.width, block = g.block;
        const double per_channel = 1.0 / channels, per_group = 1.0 / group_channels, per_width = 1.0 / width;
        for (int q = 0; q < some; q++) {
            const int32_t pixel = quotient(spikes[q], per_channel), line = quotient(pixel, per_width);
            const int32_t channel = spikes[q] - pixel * channels, group = quotient(channel, per_group);
            pixel_[q] = pixel;
            group_[q] = group;
            row_[q] = ((pixel - line * width - group) * group_channels + channel) * block;
        }
    }

    // Uses the widest vectors of the processor, as in event_kernel.h.
    void locate_widest(const int32_t* spikes, int some, const ConvolutionGeometry& g) {
#if SIAMSNN_X86
        if (instructions() >= AVX2) return locate_avx2(spikes, some, g);
#endif
        locate(spikes, some, g);
    }
#if SIAMSNN_X86
    SIAMSNN_AVX2 void locate_avx2(const int32_t* spikes, int some, const ConvolutionGeometry& g) {
        locate(spikes, some, g);
    }
#endif
};

}  // namespace siamsnn
#endif
