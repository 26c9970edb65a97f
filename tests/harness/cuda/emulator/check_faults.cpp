/* Checks: faults of kernels and of the host, freed memory, capture, injected failures. */
#include "check.h"

static CUresult poke(const Setup &setup, unsigned long long address, unsigned bytes)
{
    void *arguments[] = {&address, &bytes};
    OK(cuLaunchKernel(setup.poke, 1, 1, 1, 1, 1, 1, 0, 0, arguments, nullptr));
    return cuCtxSynchronize();
}

/* A fault breaks the context: every later call returns it. */
static void check_broken(CUresult code)
{
    CUdeviceptr start;
    EXPECT(code, cuMemAlloc_v2(&start, 4));
    EXPECT(code, cuCtxSynchronize());
    OK(cuDevicePrimaryCtxRelease_v2(0));
}

CHECK(kernel_writes_in_its_memory)
{
    const Setup setup;
    const CUdeviceptr x = floats({1, 2, 3, 4, 5});
    OK(poke(setup, x + 19, 1));
    OK(poke(setup, x, 16));
    TRUE(values(x, 4)[3] == 4.0f);
}

CHECK(kernel_writes_one_byte_too_far)
{
    const Setup setup;
    EXPECT(ILLEGAL_ADDRESS, poke(setup, floats({1, 2, 3, 4, 5}) + 20, 1));
    check_broken(ILLEGAL_ADDRESS);
}

CHECK(kernel_writes_before_its_memory)
{
    const Setup setup;
    EXPECT(ILLEGAL_ADDRESS, poke(setup, floats({1, 2, 3, 4, 5}) - 1, 1));
    check_broken(ILLEGAL_ADDRESS);
}

CHECK(kernel_writes_to_the_host)
{
    const Setup setup;
    static unsigned char host;
    EXPECT(ILLEGAL_ADDRESS, poke(setup, reinterpret_cast<std::uintptr_t>(&host), 1));
    EXPECT(0, host);
}

CHECK(kernel_writes_misaligned)
{
    const Setup setup;
    EXPECT(MISALIGNED_ADDRESS, poke(setup, floats({1, 2, 3, 4, 5, 6}) + 4, 16));
    check_broken(MISALIGNED_ADDRESS);
}

CHECK(kernel_writes_to_freed_memory)
{
    const Setup setup;
    const CUdeviceptr x = floats({1});
    OK(cuMemFree_v2(x));
    EXPECT(ILLEGAL_ADDRESS, poke(setup, x, 1));
}

/* The parent expects the signal. */
CHECK(host_reads_device_memory)
{
    const Setup setup;
    const CUdeviceptr x = floats({1});
    std::printf("%f\n", static_cast<double>(*reinterpret_cast<volatile float *>(x)));
}

CHECK(free_waits)
{
    const Setup setup;
    const CUdeviceptr x = floats({1, 2});
    const CUstream stream = new_stream();
    setup.launch_add(x, 2, stream);
    const std::int64_t before = nosc_emulated_count("synchronisations");
    OK(cuMemFree_v2(x));
    EXPECT(before + 1, nosc_emulated_count("synchronisations"));
    EXPECT(1, nosc_emulated_count("kernels"));
    OK(cuCtxSynchronize());
}

CHECK(memory_of_streams)
{
    const Setup setup;
    const CUstream stream = new_stream();
    CUdeviceptr x;
    OK(cuMemAllocAsync(&x, 8, stream));
    OK(cuMemsetD8Async(x, 0, 8, stream));
    setup.launch_add(x, 2, stream);
    float found[2];
    OK(cuMemcpyDtoHAsync_v2(found, x, 8, stream));
    OK(cuMemFreeAsync(x, stream));
    EXPECT(INVALID_VALUE, cuMemFreeAsync(x, stream));
    EXPECT(INVALID_VALUE, cuMemsetD8Async(x, 0, 8, stream));
    OK(cuStreamSynchronize(stream));
    TRUE(found[1] == 1.0f);
    EXPECT(0, nosc_emulated_count("live_allocations"));
    /* On another stream, the memory is not there yet. */
    OK(cuMemAllocAsync(&x, 8, stream));
    OK(cuMemsetD8Async(x, 0, 8, 0));
    EXPECT(ILLEGAL_ADDRESS, cuStreamSynchronize(0));
}

CHECK(free_of_stream_memory_does_not_wait)
{
    const Setup setup;
    const CUstream stream = new_stream();
    CUdeviceptr x;
    OK(cuMemAllocAsync(&x, 8, stream));
    OK(cuStreamSynchronize(stream));
    setup.launch_add(x, 2, stream);
    OK(cuMemFree_v2(x));
    EXPECT(ILLEGAL_ADDRESS, cuCtxSynchronize());
}

/* Under NOSC_EMULATED_UNLOAD=fail. */
CHECK(unload_under_work)
{
    const Setup setup;
    const CUdeviceptr x = floats({1, 2});
    setup.launch_add(x, 2, 0);
    EXPECT(LAUNCH_FAILED, cuModuleUnload(setup.module));
}

CHECK(unload_waits)
{
    const Setup setup;
    const CUdeviceptr x = floats({1, 2});
    setup.launch_add(x, 2, 0);
    OK(cuModuleUnload(setup.module));
    TRUE(values(x, 2)[0] == 2.0f);
}

static CUgraphExec captured(const Setup &setup, CUstream stream, CUdeviceptr x, CUdeviceptr y)
{
    CUgraph graph;
    CUgraphExec executable;
    OK(cuStreamBeginCapture_v2(stream, 0));
    int status;
    OK(cuStreamIsCapturing(stream, &status));
    EXPECT(1, status);
    OK(cuMemcpyDtoDAsync_v2(y, x, 8, stream));
    setup.launch_add(y, 2, stream);
    OK(cuStreamEndCapture(stream, &graph));
    OK(cuGraphInstantiateWithFlags(&executable, graph, 0));
    EXPECT(INVALID_VALUE, cuGraphInstantiateWithFlags(&executable, graph, 5));
    OK(cuGraphDestroy(graph));
    return executable;
}

CHECK(graphs)
{
    const Setup setup;
    const CUstream stream = new_stream();
    const CUdeviceptr x = floats({1, 2}), y = floats({0, 0});
    const CUgraphExec executable = captured(setup, stream, x, y);
    EXPECT(0, nosc_emulated_count("kernels"));
    OK(cuGraphLaunch(executable, stream));
    TRUE(values(y, 2)[0] == 0.0f);
    OK(cuStreamSynchronize(stream));
    TRUE(values(y, 2)[0] == 2.0f);
    /* Other contents, same arguments. */
    OK(cuMemsetD8Async(x, 0, 8, stream));
    OK(cuGraphLaunch(executable, stream));
    OK(cuStreamSynchronize(stream));
    TRUE(values(y, 2)[0] == 1.0f);
    OK(cuModuleUnload(setup.module));
    EXPECT(INVALID_HANDLE, cuGraphLaunch(executable, stream));
    OK(cuGraphExecDestroy(executable));
    EXPECT(INVALID_HANDLE, cuGraphLaunch(executable, stream));
}

static CUdeviceptr spare;
static CUevent outside;

/* What is refused in a capture; the capture has failed with it. */
static void check_refused(CUresult wanted, CUresult (*call)(CUstream), int mode = 0, unsigned flags = 1)
{
    const CUstream stream = new_stream(flags);
    CUgraph graph = 1;
    OK(cuStreamBeginCapture_v2(stream, mode));
    EXPECT(wanted, call(stream));
    EXPECT(STREAM_CAPTURE_INVALIDATED, cuMemsetD8Async(spare, 0, 4, stream));
    EXPECT(STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, &graph));
    EXPECT(0, graph);
    OK(cuStreamSynchronize(stream));
}

CHECK(no_waiting_in_a_capture)
{
    const Setup setup;
    spare = floats({1});
    outside = new_event();
    OK(cuEventRecord(outside, 0));
    OK(cuCtxSynchronize());
    const CUresult unsupported = STREAM_CAPTURE_UNSUPPORTED;
    check_refused(unsupported, [](CUstream stream) { return cuStreamSynchronize(stream); });
    check_refused(unsupported, [](CUstream stream) { return cuStreamSynchronize(stream); }, 2);
    check_refused(unsupported, [](CUstream stream) { return cuStreamQuery(stream); });
    check_refused(unsupported, [](CUstream) { return cuCtxSynchronize(); });
    check_refused(unsupported, [](CUstream) { return cuMemAlloc_v2(&spare, 4); });
    check_refused(unsupported, [](CUstream) { return cuMemFree_v2(spare); });
    check_refused(unsupported, [](CUstream) { return cuMemcpyHtoD_v2(spare, "abc", 4); });
    check_refused(STREAM_CAPTURE_IMPLICIT, [](CUstream) { return cuMemsetD8Async(spare, 0, 4, 0); }, 0, 0);
    check_refused(STREAM_CAPTURE_ISOLATION, [](CUstream stream) { return cuStreamWaitEvent(stream, outside, 0); });
    check_refused(CAPTURED_EVENT, [](CUstream stream) {
        const CUevent event = new_event();
        OK(cuEventRecord(event, stream));
        return cuEventSynchronize(event);
    });
    /* An event that was never recorded, and memory in relaxed mode, do no harm. */
    const CUstream stream = new_stream();
    CUgraph graph;
    CUdeviceptr more;
    OK(cuStreamBeginCapture_v2(stream, 2));
    EXPECT(ILLEGAL_STATE, cuStreamBeginCapture_v2(stream, 2));
    OK(cuStreamWaitEvent(stream, new_event(), 0));
    OK(cuMemAlloc_v2(&more, 4));
    OK(cuStreamEndCapture(stream, &graph));
    EXPECT(ILLEGAL_STATE, cuStreamEndCapture(stream, &graph));
    EXPECT(STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture_v2(0, 0));
}

CHECK(captures_over_two_streams)
{
    const Setup setup;
    const CUdeviceptr x = floats({1, 2});
    const CUstream one = new_stream(), two = new_stream();
    const CUevent fork = new_event(), join = new_event();
    CUgraph graph;
    OK(cuStreamBeginCapture_v2(one, 0));
    setup.launch_add(x, 2, one);
    OK(cuEventRecord(fork, one));
    OK(cuStreamWaitEvent(two, fork, 0));
    setup.launch_add(x, 2, two);
    OK(cuEventRecord(join, two));
    OK(cuStreamWaitEvent(one, join, 0));
    OK(cuStreamEndCapture(one, &graph));
    CUgraphExec executable;
    OK(cuGraphInstantiateWithFlags(&executable, graph, 0));
    OK(cuGraphLaunch(executable, two));
    OK(cuStreamSynchronize(two));
    TRUE(values(x, 2)[0] == 3.0f);
    OK(cuStreamBeginCapture_v2(one, 0));
    OK(cuEventRecord(fork, one));
    OK(cuStreamWaitEvent(two, fork, 0));
    setup.launch_add(x, 2, two);
    EXPECT(STREAM_CAPTURE_UNJOINED, cuStreamEndCapture(one, &graph));
    setup.launch_add(x, 2, two);
    OK(cuStreamSynchronize(two));
    TRUE(values(x, 2)[0] == 4.0f);
}

CHECK(a_stream_destroyed_in_its_capture)
{
    const Setup setup;
    const CUstream stream = new_stream();
    OK(cuStreamBeginCapture_v2(stream, 0));
    OK(cuStreamDestroy_v2(stream));
    OK(cuCtxSynchronize());
}

/* The host's memory has to last until the copy. */
CHECK(pinned_memory_freed_too_early)
{
    const Setup setup;
    const CUdeviceptr x = floats({1, 2});
    void *pinned;
    OK(cuMemHostAlloc(&pinned, 8, 0));
    OK(cuMemcpyHtoDAsync_v2(x, pinned, 8, 0));
    OK(cuMemFreeHost(pinned));
    EXPECT(ILLEGAL_ADDRESS, cuCtxSynchronize());
}

/* Under NOSC_EMULATED_FAIL=cuMemAlloc:2:2,cuLaunchKernel:1:719. */
CHECK(injected_failures)
{
    const Setup setup;
    const CUdeviceptr x = floats({1});
    CUdeviceptr more;
    EXPECT(OUT_OF_MEMORY, cuMemAlloc_v2(&more, 4));
    OK(cuMemAlloc_v2(&more, 4));
    setup.launch_add(x, 1, 0, LAUNCH_FAILED);
    check_broken(LAUNCH_FAILED);
}

CHECK(atomics_and_doubles)
{
    const Setup setup;
    const Compiled image = compiled(R"(
extern "C" __global__ void all(unsigned *u, unsigned long long *v, double *d, int unused, const float *__restrict__ f)
{
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    atomicAdd(u, 1u);
    atomicMin(u + 1, i);
    atomicOr(u + 2, 1u << i);
    atomicAdd(v, 1ull << 40);
    atomicMin(v + 1, (unsigned long long)i);
    atomicOr(v + 2, 1ull << (i + 32));
    if (i == 0) {
        *d = __ddiv_rn(__dsqrt_rn(__dadd_rn(__dmul_rn(*f, 8.0), __dsub_rn(2.0, 1.0))), 2.0);
    }
})", {CUBIN_90[0], CUBIN_90[1]});
    EXPECT(0, image.result);
    CUmodule module;
    CUfunction function;
    OK(cuModuleLoadData(&module, image.cubin.data()));
    OK(cuModuleGetFunction(&function, module, "all"));
    CUdeviceptr u, v, d;
    const CUdeviceptr f = floats({1});
    OK(cuMemAlloc_v2(&u, 12));
    OK(cuMemAlloc_v2(&v, 24));
    OK(cuMemAlloc_v2(&d, 8));
    const unsigned first[] = {0, 99, 0};
    const unsigned long long second[] = {0, 99, 0};
    OK(cuMemcpyHtoD_v2(u, first, 12));
    OK(cuMemcpyHtoD_v2(v, second, 24));
    int unused = 0;
    CUdeviceptr f_argument = f;
    void *arguments[] = {&u, &v, &d, &unused, &f_argument};
    OK(cuLaunchKernel(function, 2, 1, 1, 3, 1, 1, 0, 0, arguments, nullptr));
    unsigned found[3];
    unsigned long long long_found[3];
    double number;
    OK(cuMemcpyDtoH_v2(found, u, 12));
    OK(cuMemcpyDtoH_v2(long_found, v, 24));
    OK(cuMemcpyDtoH_v2(&number, d, 8));
    TRUE(found[0] == 6 && found[1] == 0 && found[2] == 63);
    TRUE(long_found[0] == 6ull << 40 && long_found[1] == 0 && long_found[2] == 63ull << 32);
    TRUE(number == 1.5);
}

CHECK(two_modules_with_one_name)
{
    const Setup setup;
    const Compiled other = compiled("extern \"C\" __global__ void add(float *x, int n) { x[n - 1] = 9.0f; }",
        {CUBIN_90[0], CUBIN_90[1]});
    CUmodule module;
    Setup second = setup;
    OK(cuModuleLoadData(&module, other.cubin.data()));
    OK(cuModuleGetFunction(&second.add, module, "add"));
    const CUdeviceptr x = floats({1, 2});
    setup.launch_add(x, 2, 0);
    second.launch_add(x, 2, 0);
    setup.launch_add(x, 2, 0);
    TRUE(values(x, 2)[0] == 3.0f && values(x, 2)[1] == 10.0f);
}
