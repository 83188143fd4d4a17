// The presynaptic neurons of a window, digit by digit of their binary spike counts, arranged for window_kernel.h.
#ifndef BRIAN_SIAMSNN_PRESYNAPTIC_ROWS_H
#define BRIAN_SIAMSNN_PRESYNAPTIC_ROWS_H

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "instructions.h"
#include "spike_list.h"

namespace siamsnn {

// Bytes of a row of weights.
template <int Block>
constexpr int ROW_BYTES = Block * sizeof(int16_t);

// Positions of the bits that are set in each byte, times the size of a row.
template <int Block>
struct BitRows {
    typedef Vector<int32_t, 32>::type Eight;
    Eight of[256];
    BitRows() {
        for (int byte = 0; byte < 256; byte++) {
            int n = 0;
            for (int bit = 0; bit < 8; bit++)
                if (byte >> bit & 1) of[byte][n++] = bit * ROW_BYTES<Block>;
            while (n < 8) of[byte][n++] = 0;
        }
    }
    static inline const BitRows table{};
};

// Neurons whose count has one digit, sorted by pixel: neighbouring pixels of a line are contiguous, as in spike_list.h.
struct DigitRows {
    std::vector<int32_t> row;    // (x*channels of the group + channel in the group) * bytes of a row
    std::vector<int32_t> start;  // index of the first neuron of each pixel, and the end
    int count = 0;

    // Gathers `lines` lines of a window, positions kx to last_kx - 1, with rows relative to the start of the kernel.
    SIAMSNN_INLINE int gather(const int32_t* line, int lines, int kx, int last_kx, int width, int offset, int line_rows,
                              int32_t* gathered) const {
        typedef Vector<int32_t, 32>::type Eight;
        int n = 0;
        for (int k = 0; k < lines; k++, line += width, offset += line_rows) {
            const int from = line[kx], found = line[last_kx] - from;
            // eight at a time, the first ones unconditionally; entries past the end are overwritten by the next line
            const int32_t* source = row.data() + from;
            int32_t* target = gathered + n;
            *(Eight*)target = *(const Eight*)source + offset;
            for (int q = 8; q < found; q += 8) *(Eight*)(target + q) = *(const Eight*)(source + q) + offset;
            n += found;
        }
        return n;
    }
};

// Lists of one group of channels for some lines of the presynaptic layer.
struct PresynapticRows {
    static constexpr int MOST_DIGITS = 8;
    DigitRows of[MOST_DIGITS];
    int digits = 0;

    // counts: of the first pixel's first channel in the group; `channels` of all groups are between two pixels.
    template <int B>
    SIAMSNN_INLINE void collect(const uint8_t* counts, int height, int width, int channels, int group_channels, int p) {
        for (digits = 0; p >> digits; digits++) {}
        const int64_t pixels = (int64_t)height * width;
        for (int d = 0; d < digits; d++) {
            of[d].row.resize(std::max<size_t>(of[d].row.size(), pixels * group_channels + 2 * SPIKE_PADDING));
            of[d].start.resize(std::max<size_t>(of[d].start.size(), pixels + 1));
            of[d].count = 0;
        }
        int32_t *row = of[0].row.data(), *start = of[0].start.data(), n = 0;
        int64_t pixel = 0;
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++, pixel++, counts += channels) {
                start[pixel] = n;
                uint8_t high = 0;  // whether any count of this pixel has another digit
                for (int c = 0; c < group_channels; c += 16) {
                    Sixteen some = sixteen(counts + c, group_channels - c);
                    n = append<B>(row, n, some << 7, (x * group_channels + c) * ROW_BYTES<B>);
                    const Longs rest = (Longs)(some & (uint8_t)0xfe);
                    high |= (rest[0] | rest[1]) != 0;
                }
                if (!high) {
                    for (int d = 1; d < digits; d++) of[d].start[pixel] = of[d].count;
                    continue;
                }
                for (int d = 1; d < digits; d++) {
                    int m = of[d].count;
                    of[d].start[pixel] = m;
                    for (int c = 0; c < group_channels; c += 16)
                        m = append<B>(of[d].row.data(), m, sixteen(counts + c, group_channels - c) << (7 - d),
                                      (x * group_channels + c) * ROW_BYTES<B>);
                    of[d].count = m;
                }
            }
        of[0].count = n;
        for (int d = 0; d < digits; d++) of[d].start[pixel] = of[d].count;
    }

private:
    typedef uint8_t Sixteen __attribute__((vector_size(16), aligned(1), may_alias));
    typedef int64_t Longs __attribute__((vector_size(16)));

    // The counts of 16 channels, zero for those that there are not.
    static SIAMSNN_INLINE Sixteen sixteen(const uint8_t* counts, int channels) {
        if (channels >= 16) return *(const Sixteen*)counts;
        uint8_t some[16] = {};
        std::memcpy(some, counts, channels);
        return *(const Sixteen*)some;
    }

    // Appends the rows of those of 16 channels whose highest bit is set, to a list of length n; returns its new length.
    // It writes up to 16 entries past the end.
    template <int B>
    static SIAMSNN_INLINE int append(int32_t* row, int n, Sixteen bits, int32_t first) {
        typedef typename BitRows<B>::Eight Eight;
#if SIAMSNN_X86
        const unsigned mask = __builtin_ia32_pmovmskb128((__attribute__((vector_size(16))) char)bits);
#else
        unsigned mask = 0;
        for (int k = 0; k < 16; k++) mask |= (unsigned)(bits[k] >> 7) << k;
#endif
        *(Eight*)(row + n) = BitRows<B>::table.of[mask & 255] + first;
        n += __builtin_popcount(mask & 255);
        *(Eight*)(row + n) = BitRows<B>::table.of[mask >> 8] + (first + 8 * ROW_BYTES<B>);
        return n + __builtin_popcount(mask >> 8);
    }
};

}  // namespace siamsnn
#endif
