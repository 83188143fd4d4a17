// GeNN 4.9.0 calls cuCtxCreate with the arguments that it took before CUDA 13.
#if __has_include(<cuda.h>)
#include <cuda.h>
#if CUDA_VERSION >= 13000
#undef cuCtxCreate
#define cuCtxCreate(context, flags, device) cuCtxCreate_v4(context, nullptr, flags, device)
#endif
#endif
