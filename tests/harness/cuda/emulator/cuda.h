/* The part of CUDA's driver API that is emulated: codes and handles. Numbers are those of CUDA 13.0. */
#ifndef NOSC_EMULATOR_CUDA_H
#define NOSC_EMULATOR_CUDA_H

#include <cstddef>
#include <cstdint>

#define NOSC_CODES(CODE)                                                                           \
    CODE(SUCCESS, 0, "no error")                                                                   \
    CODE(INVALID_VALUE, 1, "invalid argument")                                                     \
    CODE(OUT_OF_MEMORY, 2, "out of memory")                                                        \
    CODE(NOT_INITIALIZED, 3, "initialization error")                                               \
    CODE(DEINITIALIZED, 4, "driver shutting down")                                                 \
    CODE(STUB_LIBRARY, 34, "CUDA driver is a stub library")                                        \
    CODE(DEVICE_UNAVAILABLE, 46, "CUDA-capable device(s) is/are busy or unavailable")              \
    CODE(NO_DEVICE, 100, "no CUDA-capable device is detected")                                     \
    CODE(INVALID_DEVICE, 101, "invalid device ordinal")                                            \
    CODE(INVALID_IMAGE, 200, "device kernel image is invalid")                                     \
    CODE(INVALID_CONTEXT, 201, "invalid device context")                                           \
    CODE(NO_BINARY_FOR_GPU, 209, "no kernel image is available for execution on the device")       \
    CODE(INVALID_PTX, 218, "a PTX JIT compilation failed")                                         \
    CODE(UNSUPPORTED_PTX_VERSION, 222, "the provided PTX was compiled with an unsupported toolchain.") \
    CODE(FILE_NOT_FOUND, 301, "file not found")                                                    \
    CODE(SHARED_OBJECT_INIT_FAILED, 303, "shared object initialization failed")                    \
    CODE(OPERATING_SYSTEM, 304, "OS call failed or operation not supported on this OS")            \
    CODE(INVALID_HANDLE, 400, "invalid resource handle")                                           \
    CODE(ILLEGAL_STATE, 401, "the operation cannot be performed in the present state")             \
    CODE(NOT_FOUND, 500, "named symbol not found")                                                 \
    CODE(NOT_READY, 600, "device not ready")                                                       \
    CODE(ILLEGAL_ADDRESS, 700, "an illegal memory access was encountered")                         \
    CODE(LAUNCH_OUT_OF_RESOURCES, 701, "too many resources requested for launch")                  \
    CODE(LAUNCH_TIMEOUT, 702, "the launch timed out and was terminated")                           \
    CODE(CONTEXT_IS_DESTROYED, 709, "context is destroyed")                                        \
    CODE(ASSERT, 710, "device-side assert triggered")                                              \
    CODE(HARDWARE_STACK_ERROR, 714, "hardware stack error")                                        \
    CODE(ILLEGAL_INSTRUCTION, 715, "an illegal instruction was encountered")                       \
    CODE(MISALIGNED_ADDRESS, 716, "misaligned address")                                            \
    CODE(LAUNCH_FAILED, 719, "unspecified launch failure")                                         \
    CODE(NOT_PERMITTED, 800, "operation not permitted")                                            \
    CODE(NOT_SUPPORTED, 801, "operation not supported")                                            \
    CODE(SYSTEM_NOT_READY, 802, "system not yet initialized")                                      \
    CODE(SYSTEM_DRIVER_MISMATCH, 803, "system has unsupported display driver / cuda driver combination") \
    CODE(STREAM_CAPTURE_UNSUPPORTED, 900, "operation not permitted when stream is capturing")      \
    CODE(STREAM_CAPTURE_INVALIDATED, 901, "operation failed due to a previous error during capture") \
    CODE(STREAM_CAPTURE_MERGE, 902, "operation would result in a merge of separate capture sequences") \
    CODE(STREAM_CAPTURE_UNMATCHED, 903, "capture was not ended in the same stream as it began")    \
    CODE(STREAM_CAPTURE_UNJOINED, 904, "capturing stream has unjoined work")                       \
    CODE(STREAM_CAPTURE_ISOLATION, 905, "dependency created on uncaptured work in another stream") \
    CODE(STREAM_CAPTURE_IMPLICIT, 906, "operation would make the legacy stream depend on a capturing blocking stream") \
    CODE(CAPTURED_EVENT, 907, "operation not permitted on an event last recorded in a capturing stream") \
    CODE(STREAM_CAPTURE_WRONG_THREAD, 908, "attempt to terminate a thread-local capture sequence from another thread") \
    CODE(UNKNOWN, 999, "unknown error")

/* Other codes may be injected, so a result is any number. */
enum CUresult : std::uint32_t {
#define NOSC_CODE(name, number, text) name = number,
    NOSC_CODES(NOSC_CODE)
#undef NOSC_CODE
};

using CUdevice = int;
using CUdeviceptr = unsigned long long;
/* Handles are numbers that are never given out twice. */
using CUcontext = std::uintptr_t;
using CUstream = std::uintptr_t;
using CUevent = std::uintptr_t;
using CUmodule = std::uintptr_t;
using CUfunction = std::uintptr_t;
using CUgraph = std::uintptr_t;
using CUgraphExec = std::uintptr_t;
using CUmemoryPool = std::uintptr_t;

#define CUDA_API extern "C" __attribute__((visibility("default"))) CUresult

#endif
