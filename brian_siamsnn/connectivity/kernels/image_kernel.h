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
#include <type_traits>
#include <vector>

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

template <int Places, int Bytes>
SIAMSNN_INLINE void sum_some(int places, const float* image, const float* weights, const float* bias, float* current,
                             int channels, const ImageGeometry& g) {
    if constexpr (Places > 1)
        if (places < Places) return sum_some<Places - 1, Bytes>(places, image, weights, bias, current, channels, g);
    sum_windows<Places, Bytes>(image, weights, bias, current, channels, g);
}

// Computes one block of channels of one output row. Twelve vectors of sums fit in the registers; with fewer than eight,
// each would wait for the one before it, so what is left of a row is shared by the last two.
template <int Bytes>
SIAMSNN_INLINE void sum_row(const float* image, const float* weights, const float* bias, float* current, int channels,
                            const ImageGeometry& g) {
    constexpr int most = 12 / (IMAGE_BLOCK * sizeof(float) / Bytes);
    const int step = g.stride * g.channels;
    for (int ox = 0, places; ox < g.out_width; ox += places) {
        const int left = g.out_width - ox;
        places = left >= 2 * most ? most : left > most ? (left + 1) / 2 : left;
        sum_some<most, Bytes>(places, image + ox * step, weights, bias, current + ox * g.out_channels, channels, g);
    }
}

#define SIAMSNN_ROW(NAME, TARGET, BYTES)                                                                          \
    TARGET inline void sum_row_##NAME(const float* image, const float* weights, const float* bias, float* current, \
                                      int channels, const ImageGeometry& g) {                                     \
        sum_row<BYTES>(image, weights, bias, current, channels, g);                                               \
    }
SIAMSNN_ROW(plain, , 16)
#if SIAMSNN_X86
SIAMSNN_ROW(avx2, SIAMSNN_AVX2 __attribute__((optimize("fp-contract=fast"))), 32)
SIAMSNN_ROW(avx512, SIAMSNN_AVX512 __attribute__((optimize("fp-contract=fast"))), 64)
#endif
#undef SIAMSNN_ROW

// Output rows of one task.
constexpr int IMAGE_ROWS = 4;

// image: [y][x][channel], bytes or single precision; weights: [blocks][ky][kx][channel][IMAGE_BLOCK]. Weights and bias are
// zero-padded to whole blocks.
template <typename Pixel>
void convolve_image(const Pixel* image, const float* weights, const float* bias, float* current, const ImageGeometry& g,
                    int threads) {
    const auto widest = SIAMSNN_WIDEST(sum_row, );
    const int blocks = (g.out_channels + IMAGE_BLOCK - 1) / IMAGE_BLOCK;
    const int64_t block_size = (int64_t)g.kernel * g.kernel * g.channels * IMAGE_BLOCK, line = (int64_t)g.width * g.channels;
    auto rows = [&](int task) {  // all blocks of a row in one task, because neighbouring channels share a cache line
        const int first_row = task * IMAGE_ROWS, last_row = std::min(g.out_height, first_row + IMAGE_ROWS);
        const Pixel* pixels = image + first_row * g.stride * line;
        const float* lines;
        if constexpr (std::is_same_v<Pixel, float>)
            lines = pixels;
        else {
            static thread_local std::vector<float> converted;
            converted.resize(((IMAGE_ROWS - 1) * g.stride + g.kernel) * line);
            std::copy_n(pixels, ((last_row - 1 - first_row) * g.stride + g.kernel) * line, converted.begin());
            lines = converted.data();
        }
        for (int oy = first_row; oy < last_row; oy++, lines += g.stride * line) {
            float* sums = current + (int64_t)oy * g.out_width * g.out_channels;
            for (int b = 0, first = 0; b < blocks; b++, first += IMAGE_BLOCK)
                widest(lines, weights + b * block_size, bias + first, sums + first,
                       std::min(IMAGE_BLOCK, g.out_channels - first), g);
        }
    };
    parallel_for((g.out_height + IMAGE_ROWS - 1) / IMAGE_ROWS, threads, rows);
}

}  // namespace siamsnn
#endif
