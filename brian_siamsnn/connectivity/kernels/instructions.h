// Which vector instructions the kernels use: the widest that the processor has, unless a limit is set.
#ifndef BRIAN_SIAMSNN_INSTRUCTIONS_H
#define BRIAN_SIAMSNN_INSTRUCTIONS_H

#include <algorithm>
#include <atomic>

#if defined(__x86_64__) && defined(__GNUC__)
#define SIAMSNN_X86 1
#define SIAMSNN_AVX2 __attribute__((target("avx2,fma")))
#define SIAMSNN_AVX512 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw")))
#else
#define SIAMSNN_X86 0
#endif

namespace siamsnn {

// Each includes those before it. PLAIN is what the compiler assumes of every processor.
enum Instructions { PLAIN, AVX2, AVX512 };

inline int supported_instructions() {
#if SIAMSNN_X86
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    static const int widest = !avx2 ? PLAIN : !avx512 ? AVX2 : AVX512;
    return widest;
#else
    return PLAIN;
#endif
}

// The limit is for tests, which compare the instruction sets with each other.
inline std::atomic<int>& instruction_limit() {
    static std::atomic<int> limit{AVX512};
    return limit;
}

inline int instructions() { return std::min(supported_instructions(), instruction_limit().load(std::memory_order_relaxed)); }

// The variant of a function for these instructions; NAME_plain, NAME_avx2 and NAME_avx512 exist. What follows the name,
// such as template arguments, is __VA_ARGS__.
#if SIAMSNN_X86
#define SIAMSNN_WIDEST(NAME, ...)                                \
    (instructions() >= AVX512 ? NAME##_avx512 __VA_ARGS__         \
     : instructions() >= AVX2 ? NAME##_avx2 __VA_ARGS__ : NAME##_plain __VA_ARGS__)
#else
#define SIAMSNN_WIDEST(NAME, ...) NAME##_plain __VA_ARGS__
#endif

}  // namespace siamsnn
#endif
