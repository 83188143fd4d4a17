// One window of a wave in one pass (see windows.py): what a layer gathers, and what it then fires.
//
// A neuron that fires n times in a window does so in its first n steps, so a layer's spikes of the window are one array
// of counts, one byte per neuron. The next layer, whose threshold is out of reach meanwhile, gathers
//
//     v += unit * sum of n_j * w_j,      v += I, p times,
//
// and then fires; the p tests and resets of its window are made one after another while v is in a register:
//
//     p times:  fired = v >= 1;  v -= fired;  n += fired
//
// The sum of n_j * w_j is taken digit by digit of the binary counts, n = sum of 2^b n_b. Each digit adds a row of weights
// at most once, and no sum of a window's weights exceeds 16 bits (fixed_point_weights.py), so 16-bit sums hold each
// digit's part exactly, without a multiplication. All sums are exact, so their order does not matter.
#ifndef BRIAN_SIAMSNN_WINDOW_KERNEL_H
#define BRIAN_SIAMSNN_WINDOW_KERNEL_H

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "instructions.h"
#include "presynaptic_rows.h"
#include "spike_list.h"
#include "thread_pool.h"

namespace siamsnn {

// Fewest output rows of a task, and how many tasks each thread gets: what is listed of the rows below is used again for
// the outputs above them, so a task should be large.
constexpr int FEWEST_ROWS = 4, TASKS_PER_THREAD = 3;

// With fewer multiply-adds than this (about 0.05 ms), a second thread wakes too late.
constexpr int64_t PARALLEL_PRODUCTS = 2000000;

// Part of a kernel that is swept at once, in bytes: its rows stay in the first-level cache.
constexpr int64_t SWEPT_BYTES = 48 * 1024;

// Adds n rows of B weights to 16-bit sums that begin at zero, and then 2^digit times the sums to 32-bit ones, or with Set
// stores the sums there; rows are in bytes.
template <int B, int Bytes, bool Set>
SIAMSNN_INLINE void add_digit(const int32_t* row, int n, int digit, const int16_t* weights, int32_t* __restrict__ total) {
    constexpr int bytes = B * sizeof(int16_t) % Bytes ? Bytes / 2 : Bytes;
    typedef typename Vector<int16_t, bytes>::type V;
    constexpr int vectors = B / Vector<int16_t, bytes>::width;
    const char* base = (const char*)weights;
    V sum[vectors];
    for (int k = 0; k < vectors; k++) sum[k] = V{};
    int q = 0;
    for (; q + 2 <= n; q += 2) {
        const char *one = base + row[q], *other = base + row[q + 1];
        for (int k = 0; k < vectors; k++) sum[k] += *(const V*)(one + k * bytes);
        for (int k = 0; k < vectors; k++) sum[k] += *(const V*)(other + k * bytes);
    }
    if (q < n)
        for (int k = 0; k < vectors; k++) sum[k] += *(const V*)(base + row[q] + k * bytes);
    int16_t sums[B];
    for (int k = 0; k < vectors; k++) *(V*)((char*)sums + k * bytes) = sum[k];
    for (int k = 0; k < B; k++) total[k] = Set ? sums[k] : total[k] + ((int32_t)sums[k] << digit);
}

// Writes sixteen counts, given as 32-bit or 64-bit numbers, as bytes.
template <typename Count>
SIAMSNN_INLINE void store_sixteen(const Count* sums, uint8_t* counts) {
#if SIAMSNN_X86
    if constexpr (sizeof(Count) == 4) {
        typedef int32_t Four __attribute__((vector_size(16), aligned(4), may_alias));
        typedef char Bytes16 __attribute__((vector_size(16), aligned(1), may_alias));
        const Four* four = (const Four*)sums;
        *(Bytes16*)counts = (Bytes16)__builtin_ia32_packuswb128(__builtin_ia32_packssdw128(four[0], four[1]),
                                                                __builtin_ia32_packssdw128(four[2], four[3]));
        return;
    }
#endif
    for (int i = 0; i < 16; i++) counts[i] = (uint8_t)sums[i];
}

// What neurons have to gather before they fire: nothing, or weighted sums and p times their current.
struct Gathered {
    template <typename V>
    SIAMSNN_INLINE V operator()(V x, int) const {
        return x;
    }
};

template <typename Real>
struct Gathers {
    const int32_t* total;
    const Real *unit, *current;
    int p;

    template <typename V>
    SIAMSNN_INLINE V operator()(V x, int k) const {
        constexpr int width = sizeof(V) / sizeof(Real);
        if constexpr (width > 1) {
            typedef int32_t Whole __attribute__((vector_size(4 * width), aligned(4), may_alias));
            x += *(const V*)(unit + k) * __builtin_convertvector(*(const Whole*)(total + k), V);
            const V more = *(const V*)(current + k);
            for (int s = 0; s < p; s++) x += more;
        } else {
            x += unit[k] * total[k];
            for (int s = 0; s < p; s++) x += current[k];
        }
        return x;
    }
};

// Some neurons gather and then fire for p steps, sixteen neurons at a time.
template <typename Real, int Bytes, typename Gather>
SIAMSNN_INLINE void fire_some(Real* __restrict__ v, uint8_t* __restrict__ counts, int n, int p, Gather gather) {
    typedef typename Vector<Real, Bytes>::type V;
    typedef decltype(V{} >= V{}) Mask;
    constexpr int width = Vector<Real, Bytes>::width, vectors = 16 / width;
    const V one = V{} + 1;
    int k = 0;
    for (; k + 16 <= n; k += 16) {
        V x[vectors];
        Mask count[vectors];
        for (int i = 0; i < vectors; i++) {
            x[i] = gather(*(const V*)(v + k + i * width), k + i * width);
            count[i] = Mask{};
        }
        for (int s = 0; s < p; s++)
            for (int i = 0; i < vectors; i++) {
                const Mask fired = x[i] >= one;  // -1 where it fires
                count[i] -= fired;
                x[i] -= fired ? one : V{};
            }
        for (int i = 0; i < vectors; i++) *(V*)(v + k + i * width) = x[i];
        store_sixteen((const std::remove_reference_t<decltype(count[0][0])>*)count, counts + k);
    }
    for (; k < n; k++) {
        Real x = gather(v[k], k);
        int count = 0;
        for (int s = 0; s < p; s++) {
            const bool fired = x >= Real(1);
            x -= fired;
            count += fired;
        }
        v[k] = x;
        counts[k] = count;
    }
}

// Number of spikes in each step of the window, and of their synaptic events, for `pixels` pixels with their fan-out.
SIAMSNN_INLINE void tally(const uint8_t* counts, const int32_t* fan_out, int64_t pixels, int channels, int p,
                          int64_t* spikes, int64_t* events) {
    typedef uint8_t Bytes16 __attribute__((vector_size(16), aligned(1), may_alias));
    typedef int64_t Sums __attribute__((vector_size(16)));
    const int whole = channels / 16 * 16;
    for (int64_t pixel = 0; pixel < pixels; pixel++, counts += channels) {
        Bytes16 any{};
        for (int c = 0; c < whole; c += 16) any |= *(const Bytes16*)(counts + c);
        uint8_t tail = 0;
        for (int c = whole; c < channels; c++) tail |= counts[c];
        const Sums halves = (Sums)any;
        if (!(halves[0] | halves[1] | tail)) continue;
        for (int s = 0; s < p; s++) {
            int fired = 0;
            Bytes16 sum{};
            for (int c = 0; c < whole; c += 16) {
                sum -= (Bytes16)(*(const Bytes16*)(counts + c) > (uint8_t)s);
                if (c % 2048 == 2032 || c + 16 == whole) {  // before a byte overflows
#if SIAMSNN_X86
                    const Sums both = (Sums)__builtin_ia32_psadbw128((__attribute__((vector_size(16))) char)sum,
                                                                     (__attribute__((vector_size(16))) char){});
                    fired += both[0] + both[1];
#else
                    for (int i = 0; i < 16; i++) fired += sum[i];
#endif
                    sum = Bytes16{};
                }
            }
            for (int c = whole; c < channels; c++) fired += counts[c] > s;
            if (!fired) break;
            spikes[s] += fired;
            events[s] += (int64_t)fired * fan_out[pixel];
        }
    }
}

// What a strip of a convolution needs.
template <typename Real>
struct WindowArguments {
    const uint8_t* arriving;  // counts of the presynaptic layer
    const int16_t* weights;   // [groups][blocks][ky][kx][channels/groups][block], zero-padded
    const Real *unit, *current;
    Real* v;
    uint8_t* counts;
    int p;
};

// Gathers and fires output rows first_row to last_row - 1 of one image, for all channels.
template <typename Real, int B, int Bytes>
SIAMSNN_INLINE void window_strip(const WindowArguments<Real>& a, int image, int first_row, int last_row,
                                 const ConvolutionGeometry& g) {
    const int kernel = g.kernel, stride = g.stride, width = g.width, out_width = g.out_width;
    const int group_channels = g.channels / g.groups, group_outputs = g.out_channels / g.groups;
    const int blocks = (group_outputs + B - 1) / B, pixel_rows = group_channels * B, line_rows = kernel * pixel_rows;
    const int outputs = (last_row - first_row) * out_width, height = (last_row - first_row - 1) * stride + kernel;
    static thread_local PresynapticRows own_lists;
    static thread_local std::vector<int32_t> own_window, own_totals;
    PresynapticRows& lists = own_lists;
    // as many lines of the kernel at once as fit in the cache, or some positions of one line
    const int64_t place_bytes = (int64_t)pixel_rows * sizeof(int16_t);
    const int places = std::min<int64_t>(kernel, std::max<int64_t>(1, SWEPT_BYTES / place_bytes));
    const int lines = places < kernel ? 1 : std::min<int64_t>(kernel, std::max<int64_t>(1, SWEPT_BYTES / (kernel * place_bytes)));
    const bool at_once = lines == kernel;
    own_window.resize(std::max<size_t>(own_window.size(), kernel * kernel * group_channels + 2 * SPIKE_PADDING));
    own_totals.resize(std::max<size_t>(own_totals.size(), at_once ? B : (int64_t)outputs * B));
    int32_t *window = own_window.data(), *totals = own_totals.data();
    const int64_t first_output = ((int64_t)image * g.out_height + first_row) * out_width;
    for (int group = 0; group < g.groups; group++) {
        lists.template collect<B>(
            a.arriving + (((int64_t)image * g.height + first_row * stride) * width) * g.channels + group * group_channels,
            height, width, g.channels, group_channels, a.p);
        for (int block = 0; block < blocks; block++) {
            const int16_t* weights = a.weights + (int64_t)(group * blocks + block) * kernel * line_rows;
            const int first = group * group_outputs + block * B, channels = std::min(B, group_outputs - block * B);
            // gathers the rows of an output's window at some positions of the kernel
            auto gather = [&](int oy, int ox, int digit, int ky, int last_ky, int kx, int last_kx) {
                const DigitRows& list = lists.of[digit];
                const int32_t* start = list.start.data() + (int64_t)(oy * stride + ky) * width + ox * stride;
                return list.gather(start, last_ky - ky, kx, last_kx, width,
                                   (ky * line_rows - ox * stride * pixel_rows) * (int)sizeof(int16_t),
                                   line_rows * (int)sizeof(int16_t), window);
            };
            auto fire_one = [&](int output, const int32_t* total) {
                const int64_t at = (first_output + output) * g.out_channels + first;
                fire_some<Real, Bytes>(a.v + at, a.counts + at, channels, a.p,
                                       Gathers<Real>{total, a.unit + first, a.current + at, a.p});
            };
            if (at_once) {
                for (int output = 0, oy = 0; oy < last_row - first_row; oy++)
                    for (int ox = 0; ox < out_width; ox++, output++) {
                        add_digit<B, Bytes, true>(window, gather(oy, ox, 0, 0, kernel, 0, kernel), 0, weights, totals);
                        for (int digit = 1; digit < lists.digits; digit++) {
                            const int n = lists.of[digit].count ? gather(oy, ox, digit, 0, kernel, 0, kernel) : 0;
                            if (n) add_digit<B, Bytes, false>(window, n, digit, weights, totals);
                        }
                        fire_one(output, totals);
                    }
                continue;
            }
            std::fill_n(totals, (int64_t)outputs * B, 0);
            for (int ky = 0; ky < kernel; ky += lines)
                for (int kx = 0; kx < kernel; kx += places)
                    for (int digit = 0; digit < lists.digits; digit++) {
                        if (!lists.of[digit].count) continue;
                        const int last_ky = std::min(kernel, ky + lines), last_kx = std::min(kernel, kx + places);
                        int32_t* total = totals;
                        for (int oy = 0; oy < last_row - first_row; oy++)
                            for (int ox = 0; ox < out_width; ox++, total += B) {
                                const int n = gather(oy, ox, digit, ky, last_ky, kx, last_kx);
                                if (n) add_digit<B, Bytes, false>(window, n, digit, weights, total);
                            }
                    }
            for (int output = 0; output < outputs; output++) fire_one(output, totals + (int64_t)output * B);
        }
    }
}

// Largest of the counts in each window of a pooling layer.
SIAMSNN_INLINE void pool_row(const uint8_t* __restrict__ arriving, uint8_t* __restrict__ counts, const ConvolutionGeometry& g) {
    const int channels = g.channels;
    for (int ox = 0; ox < g.out_width; ox++, counts += channels, arriving += g.stride * channels) {
        std::copy_n(arriving, channels, counts);
        for (int ky = 0; ky < g.kernel; ky++)
            for (int kx = 0; kx < g.kernel; kx++) {
                const uint8_t* other = arriving + ((int64_t)ky * g.width + kx) * channels;
                for (int c = 0; c < channels; c++) counts[c] = std::max(counts[c], other[c]);
            }
    }
}

// The first layer: what its neurons gather of their current, and what they fire.
// With `whole`, p times the current at once, as in the first step of the equations; otherwise p times, one by one.
template <typename Real, int Bytes>
SIAMSNN_INLINE void fire_current(const Real* __restrict__ current, Real* __restrict__ v, uint8_t* counts, int n, int p,
                                 bool whole) {
    if (whole)
        for (int k = 0; k < n; k++) v[k] = (double)v[k] + (double)current[k] * p;
    else
        for (int s = 0; s < p; s++)
            for (int k = 0; k < n; k++) v[k] += current[k];
    fire_some<Real, Bytes>(v, counts, n, p, Gathered{});
}

// Defines the passes for one set of vector instructions.
#define SIAMSNN_PASSES(NAME, TARGET, BYTES)                                                                            \
    template <typename Real, int B>                                                                                    \
    TARGET void window_strip_##NAME(const WindowArguments<Real>& a, int image, int first, int last,                    \
                                    const ConvolutionGeometry& g) {                                                    \
        window_strip<Real, B, BYTES>(a, image, first, last, g);                                                        \
    }                                                                                                                  \
    template <typename Real>                                                                                           \
    TARGET void fire_current_##NAME(const Real* current, Real* v, uint8_t* counts, int n, int p, bool whole) {         \
        fire_current<Real, BYTES>(current, v, counts, n, p, whole);                                                    \
    }                                                                                                                  \
    TARGET inline void pool_row_##NAME(const uint8_t* arriving, uint8_t* counts, const ConvolutionGeometry& g) {       \
        pool_row(arriving, counts, g);                                                                                 \
    }                                                                                                                  \
    TARGET inline void tally_##NAME(const uint8_t* counts, const int32_t* fan_out, int64_t pixels, int channels, int p, \
                                    int64_t* spikes, int64_t* events) {                                                \
        tally(counts, fan_out, pixels, channels, p, spikes, events);                                                   \
    }
SIAMSNN_PASSES(plain, , 16)
#if SIAMSNN_X86
SIAMSNN_PASSES(avx2, SIAMSNN_AVX2, 32)
SIAMSNN_PASSES(avx512, SIAMSNN_AVX512, 64)
#define SIAMSNN_CHOOSE(NAME, ...)                                      \
    (instructions() >= AVX512 ? NAME##_avx512 __VA_ARGS__               \
     : instructions() >= AVX2 ? NAME##_avx2 __VA_ARGS__ : NAME##_plain __VA_ARGS__)
#else
#define SIAMSNN_CHOOSE(NAME, ...) NAME##_plain __VA_ARGS__
#endif
#undef SIAMSNN_PASSES

template <typename Real>
auto window_strip_of(int block) {
    return block == 16   ? SIAMSNN_CHOOSE(window_strip, <Real, 16>)
           : block == 32 ? SIAMSNN_CHOOSE(window_strip, <Real, 32>)
           : block == 48 ? SIAMSNN_CHOOSE(window_strip, <Real, 48>)
                         : SIAMSNN_CHOOSE(window_strip, <Real, 64>);
}

// Calls body(image, first row, last row) for the strips of all images, and adds up what is fired in each of the p steps:
// result[0..p) spikes, result[p..2p) their synaptic events in the next layer, by the fan-out of each pixel.
template <typename Body>
void each_strip(const uint8_t* counts, const int32_t* fan_out, int p, int64_t* result, int images, int height, int width,
                int channels, bool parallel, int threads, Body body) {
    threads = parallel ? threads : 1;
    const int wanted = threads == 1 ? 1 : std::max(1, threads * TASKS_PER_THREAD / images);
    const int rows = std::max(FEWEST_ROWS, (height + wanted - 1) / wanted), strips = (height + rows - 1) / rows;
    static thread_local std::vector<int64_t> parts;
    parts.assign((int64_t)images * strips * 2 * p, 0);
    int64_t* part = parts.data();
    const auto add_up = SIAMSNN_CHOOSE(tally, );
    auto task = [&](int number) {
        const int image = number / strips, first = number % strips * rows, last = std::min(height, first + rows);
        body(image, first, last);
        int64_t* own = part + (int64_t)number * 2 * p;
        add_up(counts + (((int64_t)image * height + first) * width) * channels, fan_out + (int64_t)first * width,
               (int64_t)(last - first) * width, channels, p, own, own + p);
    };
    parallel_for(images * strips, threads, task);
    std::fill_n(result, 2 * p, 0);
    for (int number = 0; number < images * strips; number++)
        for (int k = 0; k < 2 * p; k++) result[k] += part[(int64_t)number * 2 * p + k];
}

template <typename Real>
void window_of_convolution(const WindowArguments<Real>& a, const int32_t* fan_out, int64_t* result,
                           const ConvolutionGeometry& g, int threads) {
    const auto strip = window_strip_of<Real>(g.block);
    const int64_t outputs = (int64_t)g.images * g.out_height * g.out_width * g.out_channels;
    const bool parallel = outputs * g.kernel * g.kernel * (g.channels / g.groups) > PARALLEL_PRODUCTS;
    each_strip(a.counts, fan_out, a.p, result, g.images, g.out_height, g.out_width, g.out_channels, parallel, threads,
               [&](int image, int first, int last) { strip(a, image, first, last, g); });
}

inline void window_of_pool(const uint8_t* arriving, uint8_t* counts, const int32_t* fan_out, int p, int64_t* result,
                           const ConvolutionGeometry& g, int threads) {
    const auto row = SIAMSNN_CHOOSE(pool_row, );
    const bool parallel = (int64_t)g.images * g.out_height * g.out_width * g.channels > PARALLEL_PRODUCTS / 4;
    each_strip(counts, fan_out, p, result, g.images, g.out_height, g.out_width, g.channels, parallel, threads,
               [&](int image, int first, int last) {
                   for (int oy = first; oy < last; oy++)
                       row(arriving + (((int64_t)image * g.height + oy * g.stride) * g.width) * g.channels,
                           counts + (((int64_t)image * g.out_height + oy) * g.out_width) * g.channels, g);
               });
}

template <typename Real>
void window_of_current(const Real* current, Real* v, uint8_t* counts, const int32_t* fan_out, int p, bool whole,
                       int64_t* result, int images, int height, int width, int channels, int threads) {
    const auto fire = SIAMSNN_CHOOSE(fire_current, <Real>);
    const bool parallel = (int64_t)images * height * width * channels > PARALLEL_PRODUCTS / 8;
    each_strip(counts, fan_out, p, result, images, height, width, channels, parallel, threads,
               [&](int image, int first, int last) {
                   const int64_t at = (((int64_t)image * height + first) * width) * channels;
                   fire(current + at, v + at, counts + at, (last - first) * width * channels, p, whole);
               });
}
#undef SIAMSNN_CHOOSE

}  // namespace siamsnn
#endif
