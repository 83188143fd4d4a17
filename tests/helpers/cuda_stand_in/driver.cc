// What GeNN's code generator asks the driver and the runtime: one GPU, which nothing is run on.
#include <cstring>

#include <cuda.h>
#include <cuda_runtime.h>

extern "C" {
CUresult CUDAAPI cuDeviceGet(CUdevice*, int) { return CUDA_ERROR_NO_DEVICE; }
CUresult CUDAAPI cuCtxCreate(CUcontext*, CUctxCreateParams*, unsigned int, CUdevice) { return CUDA_ERROR_NO_DEVICE; }
CUresult CUDAAPI cuCtxDestroy(CUcontext) { return CUDA_ERROR_NO_DEVICE; }
CUresult CUDAAPI cuCtxSetCurrent(CUcontext) { return CUDA_ERROR_NO_DEVICE; }
CUresult CUDAAPI cuModuleLoad(CUmodule*, const char*) { return CUDA_ERROR_NO_DEVICE; }
CUresult CUDAAPI cuModuleUnload(CUmodule) { return CUDA_ERROR_NO_DEVICE; }
CUresult CUDAAPI cuModuleGetFunction(CUfunction*, CUmodule, const char*) { return CUDA_ERROR_NO_DEVICE; }
CUresult CUDAAPI cuFuncGetAttribute(int*, CUfunction_attribute, CUfunction) { return CUDA_ERROR_NO_DEVICE; }
CUresult CUDAAPI cuGetErrorName(CUresult, const char** name) { *name = "no device"; return CUDA_SUCCESS; }
cudaError_t CUDARTAPI cudaSetDevice(int) { return cudaSuccess; }
cudaError_t CUDARTAPI cudaGetDeviceCount(int* count) { *count = 1; return cudaSuccess; }
cudaError_t CUDARTAPI cudaRuntimeGetVersion(int* version) { *version = CUDART_VERSION; return cudaSuccess; }
cudaError_t CUDARTAPI cudaGetDeviceProperties(cudaDeviceProp* properties, int)
{
    std::memset(properties, 0, sizeof *properties);
    properties->major = 9;
    properties->warpSize = 32;
    properties->maxThreadsPerBlock = 1024;
    properties->maxGridSize[0] = 2147483647;
    properties->maxGridSize[1] = properties->maxGridSize[2] = 65535;
    properties->maxThreadsDim[0] = properties->maxThreadsDim[1] = 1024;
    properties->maxThreadsDim[2] = 64;
    return cudaSuccess;
}
cudaError_t CUDARTAPI cudaDeviceGetPCIBusId(char* id, int, int) { std::strcpy(id, "0000:00:00.0"); return cudaSuccess; }
const char* CUDARTAPI cudaGetErrorString(cudaError_t) { return "no device"; }
}
