// Which vector instructions the kernels use: the widest that the processor has, unless a limit is set.
#ifndef BRIAN_SIAMSNN_INSTRUCTIONS_H
#define BRIAN_SIAMSNN_INSTRUCTIONS_H

#include <algorithm>
#include <atomic>

#if defined(__x86_64__) && defined(__GNUC__)
#define SIAMSNN_X86 1
#define SIAMSNN_AVX2 __attribute__((target("avx2,fma")))
#define SIAMSNN_AVX512 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw")))
#define SIAMSNN_VNNI __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx512vnni")))
#else
#define SIAMSNN_X86 0
#endif

namespace siamsnn {

// Each includes those before it. PLAIN is what the compiler assumes of every processor.
enum Instructions { PLAIN, AVX2, AVX512, VNNI };

inline int supported_instructions() {
#if SIAMSNN_X86
    static const int widest = !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ? PLAIN
                              : !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
                                      !__builtin_cpu_supports("avx512dq")
                                  ? AVX2
                              : !__builtin_cpu_supports("avx512vnni") ? AVX512
                                                                      : VNNI;
    return widest;
#else
    return PLAIN;
#endif
}

// The limit is for tests, which compare the instruction sets with each other.
inline std::atomic<int>& instruction_limit() {
    static std::atomic<int> limit{VNNI};
    return limit;
}

inline int instructions() { return std::min(supported_instructions(), instruction_limit().load()); }

}  // namespace siamsnn
#endif
