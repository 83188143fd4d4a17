// Event-driven max pooling: updates the gates of the windows that contain a spike (see shared_kernel.py).
#ifndef BRIAN_SIAMSNN_POOLING_KERNEL_H
#define BRIAN_SIAMSNN_POOLING_KERNEL_H

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "event_kernel.h"

namespace siamsnn {

// Calls arrive(window, neuron, sum of the neuron's amplitudes so far, amplitude of the spike) for each spike and each
// window that contains it. sums has one entry per presynaptic neuron, or is null if no sums are kept. One thread
// processes all windows of a strip, so each window receives its spikes in the order of their neuron index.
template <typename Real, typename Arrive>
int64_t each_window(const int32_t* spikes, int n, const Real* amplitude, int amplitude_stride, Real* sums,
                    const ConvolutionGeometry& g, int strip, int threads, Arrive arrive) {
    // a spike takes about as long as forty events of a convolution
    if (40 * (int64_t)n <= PARALLEL_EVENTS) threads = 1;
    constexpr int SUMMED = 8192;
    auto sum = [&](int task) {
        for (int q = task * SUMMED; q < std::min(n, (task + 1) * SUMMED); q++)
            sums[spikes[q]] += amplitude[q * amplitude_stride];
    };
    if (sums) parallel_for((n + SUMMED - 1) / SUMMED, threads, sum);
    const int strips = (g.out_height + strip - 1) / strip;
    std::atomic<int64_t> events{0};
    auto add = [&](int task) {
        const int image = task / strips, first_oy = task % strips * strip;
        const int last_oy = std::min(g.out_height, first_oy + strip) - 1;
        int64_t first = ((int64_t)image * g.height + first_oy * g.stride) * g.width * g.channels, arrived = 0;
        int q = std::lower_bound(spikes, spikes + n, first) - spikes;
        for (int y = first_oy * g.stride; y < last_oy * g.stride + g.kernel; y++) {
            // windows that contain y: oy*stride <= y < oy*stride + kernel
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
                                   spikes[q], sums ? sums[spikes[q]] : Real(0), amplitude[q * amplitude_stride]);
            }
        }
        events += arrived;
    };
    parallel_for(g.images * strips, threads, add);
    return events;
}

// max_pool.toml: the running maximum of the inputs' summed amplitudes over each window. maximum, emitted and rise (the
// part of the maximum that was not emitted yet) have one entry per postsynaptic neuron.
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

// max_pool_first.toml and, if leader is null, max_pool_all.toml: spikes of a leading input pass with their amplitude.
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

// or_pool.toml: what arrives at each window in this step. A wave's spikes all carry the same, so their order is nothing
// that a sum could show.
template <typename Real>
int64_t or_events(const int32_t* spikes, int n, const Real* amplitude, int amplitude_stride, Real* arrived,
                  const ConvolutionGeometry& g, int strip, int threads) {
    return each_window<Real>(spikes, n, amplitude, amplitude_stride, nullptr, g, strip, threads,
                             [=](int64_t j, int32_t, Real, Real carried) { arrived[j] += carried; });
}

}  // namespace siamsnn
#endif
