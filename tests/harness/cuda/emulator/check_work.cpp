/* Checks: devices, images, memory, launches, the order of streams. */
#include "check.h"

#include <cmath>
#include <thread>

CHECK(devices)
{
    int count, version, major, minor;
    EXPECT(NOT_INITIALIZED, cuDeviceGetCount(&count));
    OK(cuInit(0));
    OK(cuDriverGetVersion(&version));
    EXPECT(13000, version);
    OK(cuDeviceGetCount(&count));
    EXPECT(1, count);
    CUdevice device;
    EXPECT(INVALID_DEVICE, cuDeviceGet(&device, 1));
    OK(cuDeviceGet(&device, 0));
    OK(cuDeviceGetAttribute(&major, 75, device));
    OK(cuDeviceGetAttribute(&minor, 76, device));
    EXPECT(90, major * 10 + minor);
    const char *text;
    OK(cuGetErrorName(OUT_OF_MEMORY, &text));
    TRUE(std::strcmp(text, "CUDA_ERROR_OUT_OF_MEMORY") == 0);
    EXPECT(INVALID_VALUE, cuGetErrorString(static_cast<CUresult>(77), &text));
    CUdeviceptr start;
    EXPECT(INVALID_CONTEXT, cuMemAlloc_v2(&start, 4));
}

/* Under NOSC_EMULATED_DEVICES=0. */
CHECK(no_device) { EXPECT(NO_DEVICE, cuInit(0)); }

/* Under NOSC_EMULATED_INIT_ERROR=34. */
CHECK(stub) { EXPECT(STUB_LIBRARY, cuInit(0)); }

CHECK(contexts)
{
    OK(cuInit(0));
    CUcontext one, again, after, now;
    OK(cuDevicePrimaryCtxRetain(&one, 0));
    OK(cuDevicePrimaryCtxRetain(&again, 0));
    TRUE(one == again);
    OK(cuCtxSetCurrent(one));
    CUdeviceptr start;
    OK(cuMemAlloc_v2(&start, 100));
    OK(cuDevicePrimaryCtxRelease_v2(0));
    EXPECT(1, nosc_emulated_count("live_allocations"));
    OK(cuDevicePrimaryCtxRelease_v2(0));
    EXPECT(0, nosc_emulated_count("live_allocations"));
    EXPECT(1, nosc_emulated_count("leaked_allocations"));
    EXPECT(INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(0));
    EXPECT(CONTEXT_IS_DESTROYED, cuMemFree_v2(start));
    OK(cuDevicePrimaryCtxRetain(&after, 0));
    TRUE(after != one);
    OK(cuCtxSetCurrent(after));
    OK(cuCtxGetCurrent(&now));
    TRUE(now == after);
    EXPECT(INVALID_VALUE, cuMemFree_v2(start));
}

/* Under NOSC_EMULATED_DEVICES=2. */
CHECK(two_devices)
{
    const Setup setup;
    const CUdeviceptr here = floats({1});
    const CUstream stream = new_stream();
    CUcontext other;
    OK(cuDevicePrimaryCtxRetain(&other, 1));
    OK(cuCtxSetCurrent(other));
    EXPECT(INVALID_HANDLE, cuStreamSynchronize(stream));
    EXPECT(INVALID_VALUE, cuMemcpyHtoD_v2(here, "abc", 4));
    EXPECT(INVALID_VALUE, cuMemFree_v2(here));
    setup.launch_add(here, 1, 0, INVALID_HANDLE);
    const CUdeviceptr there = floats({1});
    EXPECT(INVALID_HANDLE, cuEventRecord([&] {
        OK(cuCtxSetCurrent(setup.context));
        const CUevent event = new_event();
        OK(cuCtxSetCurrent(other));
        return event;
    }(), 0));
    OK(cuCtxSetCurrent(setup.context));
    setup.launch_add(there, 1, 0);
    EXPECT(ILLEGAL_ADDRESS, cuCtxSynchronize());
    /* The other one is whole. */
    OK(cuCtxSetCurrent(other));
    TRUE(values(there, 1)[0] == 1.0f);
}

CHECK(threads_have_contexts_of_their_own)
{
    const Setup setup;
    const CUdeviceptr x = floats({1});
    std::thread([&] {
        CUcontext none;
        OK(cuCtxGetCurrent(&none));
        EXPECT(0, none);
        EXPECT(INVALID_CONTEXT, cuMemFree_v2(x));
        OK(cuCtxSetCurrent(setup.context));
        setup.launch_add(x, 1, 0);
    }).join();
    TRUE(values(x, 1)[0] == 2.0f);
}

CHECK(compilation)
{
    int major, minor, count, archs[64];
    OK(nvrtcVersion(&major, &minor));
    EXPECT(1305, major * 100 + minor);
    OK(nvrtcGetNumSupportedArchs(&count));
    OK(nvrtcGetSupportedArchs(archs));
    EXPECT(75, archs[0]);
    const Compiled cubin = compiled(SOURCE, {CUBIN_90[0], CUBIN_90[1]});
    EXPECT(0, cubin.result);
    TRUE(cubin.ptx.find(".target sm_90") != std::string::npos);
    TRUE(cubin.ptx.find(".entry axpy") != std::string::npos && cubin.ptx.back() == 0);
    TRUE(!cubin.cubin.empty() && cubin.log == std::string(1, '\0'));
    const Compiled ptx = compiled(SOURCE, {"-arch", "compute_80", "--fmad", "false", "--std=c++17", "--ftz=false"});
    EXPECT(0, ptx.result);
    const Compiled verbose = compiled(SOURCE, {CUBIN_90[0], CUBIN_90[1], "--ptxas-options=-v"});
    TRUE(verbose.log.find("0 bytes spill stores") != std::string::npos);
    TRUE(ptx.cubin.empty() && ptx.ptx.find(".target sm_80") != std::string::npos);
    for (const char *option : {"--use_fast_math", "--gpu-architecture=sm_61", "--no-such-option", "--ftz=true"}) {
        const Compiled refused = compiled(SOURCE, {CUBIN_90[0], CUBIN_90[1], option});
        EXPECT(5, refused.result);
        TRUE(refused.log.size() > 10);
    }
    EXPECT(5, compiled(SOURCE, {CUBIN_90[0]}).result);
    const Compiled mistake = compiled("\nextern \"C\" __global__ void k() { int x = y; }", {CUBIN_90[1]});
    EXPECT(6, mistake.result);
    TRUE(mistake.log.find("step.cu(2): error: ") != std::string::npos);
    const Compiled header = compiled("#include <cuda_fp16.h>\n", {CUBIN_90[1]});
    EXPECT(6, header.result);
    TRUE(header.log.find("step.cu(1): ") != std::string::npos);
    std::uintptr_t none = 0;
    EXPECT(4, nvrtcDestroyProgram(&none));
    EXPECT(0, nosc_emulated_nvrtc_count("live_programs"));
    TRUE(std::strcmp(nvrtcGetErrorString(6), "NVRTC_ERROR_COMPILATION") == 0);
}

static CUresult load(const std::string &image)
{
    CUmodule module;
    const CUresult result = cuModuleLoadData(&module, image.data());
    return result == SUCCESS ? cuModuleUnload(module) : result;
}

CHECK(images)
{
    const Setup setup;
    const auto of = [](const char *arch) { return compiled(SOURCE, {arch, "--fmad=false"}); };
    OK(load(of("--gpu-architecture=sm_90").ptx));
    OK(load(of("--gpu-architecture=compute_80").ptx));
    EXPECT(NO_BINARY_FOR_GPU, load(of("--gpu-architecture=sm_80").cubin));
    EXPECT(NO_BINARY_FOR_GPU, load(of("--gpu-architecture=sm_100").cubin));
    EXPECT(INVALID_PTX, load(of("--gpu-architecture=compute_100").ptx));
    EXPECT(INVALID_IMAGE, load(std::string("garbage\0", 8)));
    std::string damaged = of("--gpu-architecture=sm_90").cubin;
    damaged[damaged.size() - 30] ^= 1;
    EXPECT(INVALID_IMAGE, load(damaged));
    EXPECT(1, nosc_emulated_count("live_modules"));
    CUfunction function;
    EXPECT(NOT_FOUND, cuModuleGetFunction(&function, setup.module, "nothing"));
    int threads;
    OK(cuFuncGetAttribute(&threads, 0, setup.axpy));
    EXPECT(256, threads);
    OK(cuModuleUnload(setup.module));
    EXPECT(INVALID_HANDLE, cuModuleUnload(setup.module));
    setup.launch_add(0, 1, 0, INVALID_HANDLE);
}

/* Under NOSC_EMULATED_PTX=refuse, or under =version with an older driver. */
CHECK(refused_ptx)
{
    const Setup setup;
    EXPECT(UNSUPPORTED_PTX_VERSION, load(compiled(SOURCE, {"-arch=compute_80", "--fmad=false"}).ptx));
}

/* Under NOSC_EMULATED_CAPABILITY=8.6. */
CHECK(minor_capability)
{
    OK(cuInit(0));
    CUcontext context;
    OK(cuDevicePrimaryCtxRetain(&context, 0));
    OK(cuCtxSetCurrent(context));
    OK(load(compiled(SOURCE, {"-arch=sm_80", "--fmad=false"}).cubin));
    OK(load(compiled(SOURCE, {"-arch=sm_86", "--fmad=false"}).cubin));
    EXPECT(NO_BINARY_FOR_GPU, load(compiled(SOURCE, {"-arch=sm_89", "--fmad=false"}).cubin));
}

CHECK(launches)
{
    const Setup setup;
    const CUdeviceptr x = floats({1, 2, 3, 4, 5, 6, 7}), y = floats({10, 20, 30, 40, 50, 60, 70});
    CUdeviceptr y_argument = y, x_argument = x;
    float a = 2;
    unsigned n = 7;
    void *arguments[] = {&y_argument, &x_argument, &a, &n};
    const CUstream stream = new_stream();
    OK(cuLaunchKernel(setup.axpy, 2, 1, 1, 3, 1, 1, 0, stream, arguments, nullptr));
    /* Arguments were copied. */
    a = 100;
    y_argument = 0;
    EXPECT(0, nosc_emulated_count("kernels"));
    EXPECT(NOT_READY, cuStreamQuery(stream));
    OK(cuStreamSynchronize(stream));
    OK(cuStreamQuery(stream));
    const std::vector<float> found = values(y, 7);
    for (int i = 0; i < 7; i++) {
        TRUE(found[i] == 10.0f * (i + 1) + 2.0f * (i + 1));
    }
    const auto launch = [&](unsigned grid, unsigned grid_y, unsigned threads, void **with) {
        return cuLaunchKernel(setup.axpy, grid, grid_y, 1, threads, 1, 1, 0, stream, with, nullptr);
    };
    EXPECT(INVALID_VALUE, launch(0, 1, 32, arguments));
    EXPECT(INVALID_VALUE, launch(1, 1, 0, arguments));
    EXPECT(INVALID_VALUE, launch(1, 65536, 32, arguments));
    EXPECT(INVALID_VALUE, launch(1, 1, 257, arguments));
    EXPECT(INVALID_VALUE, launch(1, 1, 1025, arguments));
    EXPECT(INVALID_VALUE, launch(1, 1, 32, nullptr));
    EXPECT(INVALID_HANDLE, cuLaunchKernel(0x1234, 1, 1, 1, 1, 1, 1, 0, stream, arguments, nullptr));
    EXPECT(INVALID_HANDLE, launch(1, 1, 1, arguments) == SUCCESS ? cuStreamSynchronize(0x4321) : SUCCESS);
}

CHECK(copies)
{
    const Setup setup;
    const CUstream stream = new_stream();
    CUdeviceptr start;
    OK(cuMemAlloc_v2(&start, 400));
    TRUE(start % 256 == 0);
    TRUE(std::isnan(values(start, 100)[99]));
    std::vector<float> host(100, 1.0f);
    /* Small pageable memory is read at the call. */
    OK(cuMemcpyHtoDAsync_v2(start, host.data(), 400, stream));
    host.assign(100, 2.0f);
    OK(cuStreamSynchronize(stream));
    TRUE(values(start, 100)[0] == 1.0f);
    /* Pinned memory is read when the copy happens. */
    void *pinned;
    OK(cuMemHostAlloc(&pinned, 400, 0));
    std::memcpy(pinned, host.data(), 400);
    OK(cuMemcpyHtoDAsync_v2(start, pinned, 400, stream));
    static_cast<float *>(pinned)[0] = 3.0f;
    OK(cuStreamSynchronize(stream));
    TRUE(values(start, 100)[0] == 3.0f && values(start, 100)[1] == 2.0f);
    /* What comes from the device is there when the host has waited. */
    OK(cuMemcpyDtoHAsync_v2(host.data(), start, 400, stream));
    TRUE(host[0] == 2.0f);
    OK(cuStreamSynchronize(stream));
    TRUE(host[0] == 3.0f);
    EXPECT(INVALID_VALUE, cuMemcpyHtoDAsync_v2(start, host.data(), 401, stream));
    EXPECT(INVALID_VALUE, cuMemcpyHtoDAsync_v2(start + 4, host.data(), 400, stream));
    EXPECT(INVALID_VALUE, cuMemcpyHtoDAsync_v2(start - 4, host.data(), 8, stream));
    EXPECT(INVALID_VALUE, cuMemcpyDtoHAsync_v2(reinterpret_cast<void *>(start), start, 4, stream));
    EXPECT(INVALID_VALUE, cuMemsetD8Async(start, 0, 401, stream));
    EXPECT(INVALID_VALUE, cuMemcpyDtoDAsync_v2(reinterpret_cast<CUdeviceptr>(host.data()), start, 4, stream));
    OK(cuMemcpyHtoDAsync_v2(1, nullptr, 0, stream));
    OK(cuMemsetD8Async(start + 396, 0, 4, stream));
    EXPECT(INVALID_VALUE, cuMemsetD32Async(start + 2, 0, 1, stream));
    OK(cuMemsetD32Async(start + 4, 0x40e00000, 2, stream));
    OK(cuStreamSynchronize(stream));
    TRUE(values(start, 100)[2] == 7.0f && values(start, 100)[3] == 2.0f);
    TRUE(values(start, 100)[99] == 0.0f && values(start, 100)[98] == 2.0f);
    /* A large pageable copy waits. */
    const std::vector<float> large(20000, 5.0f);
    const CUdeviceptr big = floats(large);
    const std::int64_t before = nosc_emulated_count("synchronisations");
    OK(cuMemcpyHtoDAsync_v2(big, large.data(), 80000, stream));
    EXPECT(before + 1, nosc_emulated_count("synchronisations"));
    unsigned type;
    OK(cuPointerGetAttribute(&type, 2, big + 4));
    EXPECT(2, type);
    EXPECT(INVALID_VALUE, cuPointerGetAttribute(&type, 2, reinterpret_cast<CUdeviceptr>(&type)));
    OK(cuMemFreeHost(pinned));
    EXPECT(INVALID_VALUE, cuMemFreeHost(pinned));
}

/* Under NOSC_EMULATED_MEMORY=1000000. */
CHECK(little_memory)
{
    const Setup setup;
    CUdeviceptr one, two;
    std::size_t free, total;
    EXPECT(OUT_OF_MEMORY, cuMemAlloc_v2(&one, 1000001));
    EXPECT(INVALID_VALUE, cuMemAlloc_v2(&one, 0));
    OK(cuMemAlloc_v2(&one, 900000));
    EXPECT(OUT_OF_MEMORY, cuMemAlloc_v2(&two, 200000));
    OK(cuMemGetInfo_v2(&free, &total));
    EXPECT(1000000, total);
    TRUE(free < 100000);
    OK(cuMemFree_v2(one));
    OK(cuMemAlloc_v2(&two, 200000));
    EXPECT(INVALID_VALUE, cuMemFree_v2(one));
    EXPECT(INVALID_VALUE, cuMemFree_v2(two + 256));
    OK(cuMemFree_v2(two));
    EXPECT(0, nosc_emulated_count("live_bytes"));
    EXPECT(900000, nosc_emulated_count("peak_bytes"));
}

CHECK(order_of_streams)
{
    const Setup setup;
    const CUdeviceptr x = floats({0, 0});
    const CUstream first = new_stream(), second = new_stream();
    /* Without an event, the newest comes first. */
    OK(cuMemsetD8Async(x, 0, 8, first));
    setup.launch_add(x, 2, second);
    OK(cuCtxSynchronize());
    TRUE(values(x, 2)[0] == 0.0f);
    /* With one, in order. */
    const CUevent event = new_event();
    OK(cuStreamWaitEvent(second, event, 0));
    OK(cuMemsetD8Async(x, 0, 8, first));
    OK(cuEventRecord(event, first));
    OK(cuStreamWaitEvent(second, event, 0));
    setup.launch_add(x, 2, second);
    EXPECT(NOT_READY, cuEventQuery(event));
    OK(cuCtxSynchronize());
    OK(cuEventQuery(event));
    TRUE(values(x, 2)[1] == 1.0f);
    /* Waiting for one stream says nothing of another. */
    setup.launch_add(x, 2, first);
    setup.launch_add(x, 2, second);
    const std::int64_t before = nosc_emulated_count("kernels");
    OK(cuStreamSynchronize(second));
    EXPECT(before + 1, nosc_emulated_count("kernels"));
    OK(cuStreamDestroy_v2(first));
    EXPECT(INVALID_HANDLE, cuStreamSynchronize(first));
    OK(cuCtxSynchronize());
    TRUE(values(x, 2)[1] == 3.0f);
    OK(cuEventDestroy_v2(event));
    EXPECT(INVALID_HANDLE, cuEventQuery(event));
}

CHECK(legacy_stream)
{
    const Setup setup;
    const CUdeviceptr x = floats({0, 0});
    const CUstream blocking = new_stream(0);
    setup.launch_add(x, 2, blocking);
    OK(cuMemsetD8Async(x, 0, 8, 0));
    setup.launch_add(x, 2, blocking);
    OK(cuCtxSynchronize());
    TRUE(values(x, 2)[0] == 1.0f);
    /* A stream that does not block may be ahead of a copy that the host has done. */
    const CUstream free = new_stream(1);
    const float two[] = {2, 2};
    OK(cuMemcpyHtoD_v2(x, two, 8));
    setup.launch_add(x, 2, free);
    OK(cuStreamSynchronize(free));
    OK(cuStreamSynchronize(0));
    TRUE(values(x, 2)[0] == 2.0f);
}

/* Under NOSC_EMULATED_ORDER=early. */
CHECK(early_order)
{
    const Setup setup;
    const CUdeviceptr x = floats({0, 0});
    setup.launch_add(x, 2, new_stream());
    EXPECT(1, nosc_emulated_count("kernels"));
    TRUE(values(x, 2)[0] == 1.0f);
}

static void host_function(void *data)
{
    *static_cast<CUresult *>(data) = cuCtxSynchronize();
}

CHECK(host_functions_and_times)
{
    const Setup setup;
    const CUstream stream = new_stream();
    CUevent from, to;
    OK(cuEventCreate(&from, 0));
    OK(cuEventCreate(&to, 0));
    CUresult within = SUCCESS;
    float milliseconds;
    OK(cuEventRecord(from, stream));
    OK(cuLaunchHostFunc(stream, host_function, &within));
    OK(cuEventRecord(to, stream));
    EXPECT(SUCCESS, within);
    EXPECT(NOT_READY, cuEventElapsedTime_v2(&milliseconds, from, to));
    OK(cuEventSynchronize(to));
    EXPECT(NOT_PERMITTED, within);
    OK(cuEventElapsedTime_v2(&milliseconds, from, to));
    TRUE(milliseconds >= 0);
    EXPECT(INVALID_HANDLE, cuEventElapsedTime_v2(&milliseconds, new_event(), to));
}
