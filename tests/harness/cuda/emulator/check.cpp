/* Checks of the emulation, each run in a process of its own: `check NAME`, under the settings it needs. */
#include "check.h"

Check *Check::first;

const char *const CUBIN_90[2] = {"--gpu-architecture=sm_90", "--fmad=false"};

const char *const SOURCE = R"(
typedef unsigned int u32;

extern "C" __global__ void __launch_bounds__(256)
axpy(float *__restrict__ y, const float *__restrict__ x, float a, u32 n)
{
    for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        y[i] = __fmaf_rn(a, x[i], y[i]);
    }
}

extern "C" __global__ void add(float *x, u32 n)
{
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        x[i] = __fadd_rn(x[i], 1.0f);
    }
}

extern "C" __global__ void poke(unsigned long long address, u32 bytes)
{
    if (bytes == 1) {
        *(unsigned char *)address = 7;
    } else if (bytes == 16) {
        const float4 four = {1.0f, 2.0f, 3.0f, 4.0f};
        *(float4 *)address = four;
    }
}
)";

void expect(long long wanted, long long found, const char *call, int line)
{
    if (wanted != found) {
        std::fprintf(stderr, "line %d: %s is %lld, expected %lld\n", line, call, found, wanted);
        std::exit(1);
    }
}

Compiled compiled(const std::string &source, std::vector<const char *> options)
{
    Compiled made;
    std::uintptr_t program;
    OK(nvrtcCreateProgram(&program, source.c_str(), "step.cu", 0, nullptr, nullptr));
    made.result = nvrtcCompileProgram(program, static_cast<int>(options.size()), options.data());
    std::size_t size;
    OK(nvrtcGetProgramLogSize(program, &size));
    made.log.resize(size);
    OK(nvrtcGetProgramLog(program, made.log.data()));
    if (made.result == 0) {
        OK(nvrtcGetPTXSize(program, &size));
        made.ptx.resize(size);
        OK(nvrtcGetPTX(program, made.ptx.data()));
        OK(nvrtcGetCUBINSize(program, &size));
        made.cubin.resize(size);
        OK(nvrtcGetCUBIN(program, made.cubin.data()));
    }
    OK(nvrtcDestroyProgram(&program));
    return made;
}

Setup::Setup()
{
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&context, 0));
    OK(cuCtxSetCurrent(context));
    const Compiled image = compiled(SOURCE, {CUBIN_90[0], CUBIN_90[1]});
    EXPECT(0, image.result);
    OK(cuModuleLoadData(&module, image.cubin.data()));
    OK(cuModuleGetFunction(&axpy, module, "axpy"));
    OK(cuModuleGetFunction(&add, module, "add"));
    OK(cuModuleGetFunction(&poke, module, "poke"));
}

void Setup::launch_add(CUdeviceptr start, unsigned count, CUstream stream, CUresult wanted) const
{
    void *arguments[] = {&start, &count};
    EXPECT(wanted, cuLaunchKernel(add, (count + 31) / 32, 1, 1, 32, 1, 1, 0, stream, arguments, nullptr));
}

CUstream new_stream(unsigned flags)
{
    CUstream stream;
    OK(cuStreamCreate(&stream, flags));
    return stream;
}

CUevent new_event()
{
    CUevent event;
    OK(cuEventCreate(&event, 2));
    return event;
}

CUdeviceptr floats(const std::vector<float> &values)
{
    CUdeviceptr start;
    OK(cuMemAlloc_v2(&start, values.size() * 4));
    OK(cuMemcpyHtoD_v2(start, values.data(), values.size() * 4));
    OK(cuCtxSynchronize());
    return start;
}

std::vector<float> values(CUdeviceptr start, std::size_t count)
{
    std::vector<float> read(count);
    OK(cuMemcpyDtoH_v2(read.data(), start, count * 4));
    return read;
}

int main(int count, char **arguments)
{
    for (const Check *check = Check::first; check != nullptr; check = check->next) {
        if (count == 1) {
            std::printf("%s\n", check->name);
        } else if (std::strcmp(check->name, arguments[1]) == 0) {
            check->run();
            std::printf("%s holds\n", check->name);
            return 0;
        }
    }
    return count == 1 ? 0 : 2;
}
