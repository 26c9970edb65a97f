/* For checks of the emulation: the functions as a program of a user sees them, and what checks share. */
#ifndef NOSC_EMULATOR_CHECK_H
#define NOSC_EMULATOR_CHECK_H

#include "cuda.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
CUresult cuInit(unsigned);
CUresult cuDriverGetVersion(int *);
CUresult cuDeviceGet(CUdevice *, int);
CUresult cuDeviceGetCount(int *);
CUresult cuDeviceGetName(char *, int, CUdevice);
CUresult cuDeviceGetAttribute(int *, int, CUdevice);
CUresult cuDeviceTotalMem_v2(std::size_t *, CUdevice);
CUresult cuDevicePrimaryCtxRetain(CUcontext *, CUdevice);
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice);
CUresult cuCtxGetCurrent(CUcontext *);
CUresult cuCtxSetCurrent(CUcontext);
CUresult cuCtxSynchronize();
CUresult cuMemGetInfo_v2(std::size_t *, std::size_t *);
CUresult cuMemAlloc_v2(CUdeviceptr *, std::size_t);
CUresult cuMemFree_v2(CUdeviceptr);
CUresult cuMemAllocAsync(CUdeviceptr *, std::size_t, CUstream);
CUresult cuMemFreeAsync(CUdeviceptr, CUstream);
CUresult cuMemHostAlloc(void **, std::size_t, unsigned);
CUresult cuMemFreeHost(void *);
CUresult cuMemcpyHtoD_v2(CUdeviceptr, const void *, std::size_t);
CUresult cuMemcpyDtoH_v2(void *, CUdeviceptr, std::size_t);
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr, const void *, std::size_t, CUstream);
CUresult cuMemcpyDtoHAsync_v2(void *, CUdeviceptr, std::size_t, CUstream);
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr, CUdeviceptr, std::size_t, CUstream);
CUresult cuMemsetD8Async(CUdeviceptr, unsigned char, std::size_t, CUstream);
CUresult cuMemsetD32Async(CUdeviceptr, unsigned, std::size_t, CUstream);
CUresult cuPointerGetAttribute(void *, int, CUdeviceptr);
CUresult cuStreamCreate(CUstream *, unsigned);
CUresult cuStreamDestroy_v2(CUstream);
CUresult cuStreamSynchronize(CUstream);
CUresult cuStreamQuery(CUstream);
CUresult cuStreamWaitEvent(CUstream, CUevent, unsigned);
CUresult cuStreamBeginCapture_v2(CUstream, int);
CUresult cuStreamEndCapture(CUstream, CUgraph *);
CUresult cuStreamIsCapturing(CUstream, int *);
CUresult cuLaunchHostFunc(CUstream, void (*)(void *), void *);
CUresult cuGraphInstantiateWithFlags(CUgraphExec *, CUgraph, unsigned long long);
CUresult cuGraphLaunch(CUgraphExec, CUstream);
CUresult cuGraphDestroy(CUgraph);
CUresult cuGraphExecDestroy(CUgraphExec);
CUresult cuEventCreate(CUevent *, unsigned);
CUresult cuEventDestroy_v2(CUevent);
CUresult cuEventRecord(CUevent, CUstream);
CUresult cuEventSynchronize(CUevent);
CUresult cuEventQuery(CUevent);
CUresult cuEventElapsedTime_v2(float *, CUevent, CUevent);
CUresult cuModuleLoadData(CUmodule *, const void *);
CUresult cuModuleUnload(CUmodule);
CUresult cuModuleGetFunction(CUfunction *, CUmodule, const char *);
CUresult cuFuncGetAttribute(int *, int, CUfunction);
CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream,
    void **, void **);
CUresult cuGetErrorName(CUresult, const char **);
CUresult cuGetErrorString(CUresult, const char **);
std::int64_t nosc_emulated_count(const char *);

int nvrtcVersion(int *, int *);
int nvrtcGetNumSupportedArchs(int *);
int nvrtcGetSupportedArchs(int *);
int nvrtcCreateProgram(std::uintptr_t *, const char *, const char *, int, const char *const *, const char *const *);
int nvrtcDestroyProgram(std::uintptr_t *);
int nvrtcCompileProgram(std::uintptr_t, int, const char *const *);
int nvrtcGetPTXSize(std::uintptr_t, std::size_t *);
int nvrtcGetPTX(std::uintptr_t, char *);
int nvrtcGetCUBINSize(std::uintptr_t, std::size_t *);
int nvrtcGetCUBIN(std::uintptr_t, char *);
int nvrtcGetProgramLogSize(std::uintptr_t, std::size_t *);
int nvrtcGetProgramLog(std::uintptr_t, char *);
const char *nvrtcGetErrorString(int);
std::int64_t nosc_emulated_nvrtc_count(const char *);
}

/* A check by name. */
struct Check {
    const char *name;
    void (*run)();
    Check *next;
    static Check *first;
    Check(const char *name_, void (*run_)()) : name(name_), run(run_), next(first) { first = this; }
};

#define CHECK(name)                                                                                \
    static void name();                                                                            \
    static Check check_##name(#name, name);                                                        \
    static void name()

/* A call's result against the one that is right. */
#define EXPECT(wanted, call) expect(static_cast<long long>(wanted), static_cast<long long>(call), #call, __LINE__)
#define OK(call) EXPECT(0, call)
#define TRUE(condition) EXPECT(1, (condition) ? 1 : 0)
void expect(long long wanted, long long found, const char *call, int line);

/* What a compilation leaves. */
struct Compiled {
    int result;
    std::string ptx, cubin, log;
};
Compiled compiled(const std::string &source, std::vector<const char *> options);

extern const char *const CUBIN_90[2];
/* y[i] = a * x[i] + y[i] for i < n; `add` adds 1 to each of n floats; `poke` writes to an address. */
extern const char *const SOURCE;

/* A context with the module of `SOURCE`. */
struct Setup {
    CUcontext context;
    CUmodule module;
    CUfunction axpy, add, poke;
    Setup();
    void launch_add(CUdeviceptr floats, unsigned count, CUstream stream, CUresult wanted = SUCCESS) const;
};

CUstream new_stream(unsigned flags = 1);
CUevent new_event();
CUdeviceptr floats(const std::vector<float> &values);
std::vector<float> values(CUdeviceptr start, std::size_t count);

#endif
