/* Functions that a binding looks up and that are not emulated: they say so. */
#include "state.h"

namespace nosc_emulator {

static CUresult absent(const char *name)
{
    return api(name, [&] { refuse(NOT_SUPPORTED, "not emulated"); });
}

#define ABSENT(name)                                                                               \
    CUDA_API name() { return absent(#name); }

ABSENT(cuDestroyExternalMemory)
ABSENT(cuExternalMemoryGetMappedBuffer)
ABSENT(cuImportExternalMemory)
ABSENT(cuLaunchCooperativeKernel)
ABSENT(cuMemAdvise_v2)
ABSENT(cuMemAllocManaged)
ABSENT(cuMemPoolCreate)
ABSENT(cuMemPoolDestroy)
ABSENT(cuMemPrefetchAsync_v2)
ABSENT(cuMemcpyPeerAsync)
ABSENT(cuOccupancyAvailableDynamicSMemPerBlock)
ABSENT(cuOccupancyMaxPotentialBlockSizeWithFlags)
ABSENT(cuStreamAttachMemAsync)

#undef ABSENT

/* There is one pool, which keeps nothing. */
static const CUmemoryPool POOL = 0x6e6f001;

static void check_device(CUdevice device)
{
    if (device < 0 || device >= static_cast<CUdevice>(driver().devices.size())) {
        refuse(INVALID_DEVICE, "no such device");
    }
}

CUDA_API cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device)
{
    return api("cuDeviceGetDefaultMemPool", [&] {
        check_device(device);
        *pool = POOL;
    });
}

CUDA_API cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device)
{
    return api("cuDeviceGetMemPool", [&] {
        check_device(device);
        *pool = POOL;
    });
}

static CUresult of_pool(const char *name, CUmemoryPool pool)
{
    return api(name, [&] {
        if (pool != POOL) {
            refuse(INVALID_VALUE, "no such pool");
        }
    });
}

CUDA_API cuDeviceSetMemPool(CUdevice, CUmemoryPool pool) { return of_pool("cuDeviceSetMemPool", pool); }

CUDA_API cuMemPoolSetAttribute(CUmemoryPool pool, int, void *) { return of_pool("cuMemPoolSetAttribute", pool); }

CUDA_API cuMemPoolTrimTo(CUmemoryPool pool, std::size_t) { return of_pool("cuMemPoolTrimTo", pool); }

CUDA_API cuMemPoolGetAttribute(CUmemoryPool pool, int, void *value)
{
    *static_cast<std::uint64_t *>(value) = 0;
    return of_pool("cuMemPoolGetAttribute", pool);
}

} // namespace nosc_emulator
