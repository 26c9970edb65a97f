/* Start, devices, contexts, and the way into every function of the API. */
#include "settings.h"
#include "state.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>

namespace nosc_emulator {

thread_local bool in_host_function;
/* Handle of the thread's context. */
static thread_local CUcontext current_handle;

static std::mutex mutex;

/* Never destroyed: threads may call while the program ends. */
Driver &driver()
{
    static Driver *const one = new Driver;
    return *one;
}

std::uintptr_t new_handle()
{
    static std::uintptr_t last = 0x6e6f000;
    return last += 16;
}

/* Errors after which a context is of no use. */
static bool breaks_context(std::uint32_t code)
{
    return (code >= ILLEGAL_ADDRESS && code <= 720 && code != 701 && code != 704 && code != 705
               && code != 708 && code != 709 && code != 711 && code != 712 && code != 713 && code != 720)
        || code == 214;
}

static void check_injected(const char *name)
{
    const std::uint32_t code = injected(name);
    if (code == 0) {
        return;
    }
    const auto found = driver().contexts.find(current_handle);
    if (breaks_context(code) && found != driver().contexts.end()) {
        abandon(*found->second, static_cast<CUresult>(code));
    }
    refuse(static_cast<CUresult>(code), "as a test wishes");
}

CUresult enter(const char *name, bool needs_start, const std::function<void()> &body)
{
    if (in_host_function) {
        return NOT_PERMITTED;
    }
    const std::lock_guard<std::mutex> held(mutex);
    count(name);
    try {
        check_injected(name);
        if (needs_start && !driver().initialized) {
            refuse(NOT_INITIALIZED, "before cuInit");
        }
        body();
        return SUCCESS;
    } catch (const Refusal &refusal) {
        tell(std::string(name) + ": " + std::to_string(refusal.code) + ": " + refusal.why);
        return refusal.code;
    } catch (const std::bad_alloc &) {
        return OUT_OF_MEMORY;
    }
}

static Context &current_even_if_broken()
{
    if (current_handle == 0) {
        refuse(INVALID_CONTEXT, "the thread has no context");
    }
    const auto found = driver().contexts.find(current_handle);
    if (found == driver().contexts.end()) {
        refuse(CONTEXT_IS_DESTROYED, "the thread's context was destroyed");
    }
    return *found->second;
}

Context &current()
{
    Context &context = current_even_if_broken();
    if (context.broken != SUCCESS) {
        refuse(context.broken, "the device broke before");
    }
    return context;
}

static int driver_version() { return static_cast<int>(number("NOSC_EMULATED_DRIVER", 13000)); }

CUDA_API cuInit(unsigned flags)
{
    return enter("cuInit", false, [&] {
        if (flags != 0) {
            refuse(INVALID_VALUE, "flags must be 0");
        }
        const auto error = static_cast<CUresult>(number("NOSC_EMULATED_INIT_ERROR", SUCCESS));
        if (error != SUCCESS) {
            refuse(error, "as NOSC_EMULATED_INIT_ERROR says");
        }
        const std::size_t devices = number("NOSC_EMULATED_DEVICES", 1);
        if (devices == 0) {
            refuse(NO_DEVICE, "as NOSC_EMULATED_DEVICES says");
        }
        driver().devices.resize(devices);
        driver().initialized = true;
    });
}

CUDA_API cuDriverGetVersion(int *version)
{
    return enter("cuDriverGetVersion", false, [&] { *version = driver_version(); });
}

CUDA_API cuDeviceGetCount(int *devices)
{
    return api("cuDeviceGetCount", [&] { *devices = static_cast<int>(driver().devices.size()); });
}

CUDA_API cuDeviceGet(CUdevice *device, int ordinal)
{
    return api("cuDeviceGet", [&] {
        if (ordinal < 0 || ordinal >= static_cast<int>(driver().devices.size())) {
            refuse(INVALID_DEVICE, "no device of this number");
        }
        *device = ordinal;
    });
}

static Device &device_of(CUdevice device)
{
    if (device < 0 || device >= static_cast<int>(driver().devices.size())) {
        refuse(INVALID_DEVICE, "no such device");
    }
    return driver().devices[static_cast<std::size_t>(device)];
}

CUDA_API cuDeviceGetName(char *name, int bytes, CUdevice device)
{
    return api("cuDeviceGetName", [&] {
        device_of(device);
        if (bytes <= 0) {
            refuse(INVALID_VALUE, "no room for a name");
        }
        const std::string text = "Emulated " + setting("NOSC_EMULATED_CAPABILITY", "9.0");
        std::snprintf(name, static_cast<std::size_t>(bytes), "%s", text.c_str());
    });
}

CUDA_API cuDeviceGetUuid_v2(unsigned char *uuid, CUdevice device)
{
    return api("cuDeviceGetUuid_v2", [&] {
        device_of(device);
        std::memset(uuid, 0x6e, 16);
        uuid[15] = static_cast<unsigned char>(device);
    });
}

CUDA_API cuDeviceTotalMem_v2(std::size_t *bytes, CUdevice device)
{
    return api("cuDeviceTotalMem_v2", [&] {
        device_of(device);
        *bytes = device_memory();
    });
}

int attribute(int number_of)
{
    const int capability = version(setting("NOSC_EMULATED_CAPABILITY", "9.0"), 10, 1);
    static const std::map<int, int> fixed = {{1, 1024}, {2, 1024}, {3, 1024}, {4, 64}, {5, 0x7fffffff},
        {6, 65535}, {7, 65535}, {8, 49152}, {9, 65536}, {10, 32}, {12, 65536}, {13, 1755000}, {15, 1}, {16, 4},
        {19, 1}, {31, 1}, {36, 2619000}, {37, 5120}, {38, 50 << 20}, {39, 2048}, {40, 3}, {41, 1}, {78, 1},
        {81, 233472}, {82, 65536}, {95, 1}, {97, 232448}, {106, 32}};
    if (number_of == 75 || number_of == 76) {
        return number_of == 75 ? capability / 10 : capability % 10;
    }
    if (number_of == 115) {
        return static_cast<int>(number("NOSC_EMULATED_POOLS", 1));
    }
    const auto found = fixed.find(number_of);
    return found == fixed.end() ? 0 : found->second;
}

CUDA_API cuDeviceGetAttribute(int *value, int number_of, CUdevice device)
{
    return api("cuDeviceGetAttribute", [&] {
        device_of(device);
        if (number_of < 1 || number_of >= 148) {
            refuse(INVALID_VALUE, "no such attribute");
        }
        *value = attribute(number_of);
    });
}

static Context *add_context(CUdevice device, bool primary)
{
    auto made = std::make_shared<Context>();
    made->handle = new_handle();
    made->device = device;
    made->primary = primary;
    auto stream = std::make_shared<Stream>();
    stream->context = made.get();
    stream->kind = Kind::legacy;
    made->streams.push_back(stream);
    driver().contexts[made->handle] = made;
    count("live_contexts");
    return made.get();
}

/* What belongs to a context goes with it. */
template <class Thing> static void forget(Handles<Thing> &all, const Context &context, const char *counter)
{
    for (auto at = all.begin(); at != all.end();) {
        if (at->second->context == &context) {
            at = all.erase(at);
            count(counter, -1);
        } else {
            ++at;
        }
    }
}

static void destroy(Context &context)
{
    if (context.broken == SUCCESS) {
        run_all(context);
    }
    std::vector<std::shared_ptr<Allocation>> own;
    for (const auto &entry : driver().memory) {
        if (entry.second->context == &context) {
            own.push_back(entry.second);
        }
    }
    for (const auto &allocation : own) {
        count("leaked_allocations", allocation->freed ? 0 : 1);
        give_back(*allocation);
        set_usable(*allocation, false);
    }
    forget(driver().events, context, "live_events");
    forget(driver().graphs, context, "live_graphs");
    forget(driver().executables, context, "live_executable_graphs");
    forget(driver().streams, context, "live_streams");
    forget(driver().modules, context, "live_modules");
    for (auto at = driver().functions.begin(); at != driver().functions.end();) {
        at = at->second->module->context == &context ? driver().functions.erase(at) : std::next(at);
    }
    count("live_contexts", -1);
    driver().contexts.erase(context.handle);
}

CUDA_API cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
    return api("cuDevicePrimaryCtxRetain", [&] {
        Device &of = device_of(device);
        if (of.primary == nullptr) {
            of.primary = add_context(device, true);
        }
        of.retained++;
        *context = of.primary->handle;
    });
}

CUDA_API cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
    return api("cuDevicePrimaryCtxRelease_v2", [&] {
        Device &of = device_of(device);
        if (of.retained == 0) {
            refuse(INVALID_CONTEXT, "the primary context is not retained");
        }
        if (--of.retained == 0) {
            destroy(*of.primary);
            of.primary = nullptr;
        }
    });
}

CUDA_API cuCtxCreate_v4(CUcontext *context, void *parameters, unsigned, CUdevice device)
{
    return api("cuCtxCreate_v4", [&] {
        device_of(device);
        if (parameters != nullptr) {
            refuse(NOT_SUPPORTED, "contexts with parameters are not emulated");
        }
        *context = current_handle = add_context(device, false)->handle;
    });
}

CUDA_API cuCtxDestroy_v2(CUcontext handle)
{
    return api("cuCtxDestroy_v2", [&] {
        const auto found = driver().contexts.find(handle);
        if (found == driver().contexts.end() || found->second->primary) {
            refuse(INVALID_CONTEXT, "no context that may be destroyed");
        }
        destroy(*std::shared_ptr<Context>(found->second));
        current_handle = current_handle == handle ? 0 : current_handle;
    });
}

CUDA_API cuCtxGetCurrent(CUcontext *context)
{
    return api("cuCtxGetCurrent", [&] { *context = current_handle; });
}

CUDA_API cuCtxSetCurrent(CUcontext context)
{
    return api("cuCtxSetCurrent", [&] {
        if (context != 0 && driver().contexts.count(context) == 0) {
            refuse(INVALID_CONTEXT, "no such context");
        }
        current_handle = context;
    });
}

CUDA_API cuCtxSetFlags(unsigned) { return api("cuCtxSetFlags", [] { current(); }); }

CUDA_API cuCtxSetCacheConfig(int) { return api("cuCtxSetCacheConfig", [] { current(); }); }

CUDA_API cuCtxGetCacheConfig(int *configuration)
{
    return api("cuCtxGetCacheConfig", [&] {
        current();
        *configuration = 0;
    });
}

CUDA_API cuCtxGetLimit(std::size_t *value, int)
{
    return api("cuCtxGetLimit", [&] {
        current();
        *value = 1024;
    });
}

CUDA_API cuCtxSetLimit(int, std::size_t) { return api("cuCtxSetLimit", [] { current(); }); }

CUDA_API cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
    return api("cuCtxGetStreamPriorityRange", [&] {
        current();
        *least = 0;
        *greatest = -5;
    });
}

CUDA_API cuMemGetInfo_v2(std::size_t *free, std::size_t *total)
{
    return api("cuMemGetInfo_v2", [&] {
        const Device &device = driver().devices[static_cast<std::size_t>(current().device)];
        *total = device_memory();
        *free = *total - device.used;
    });
}

CUDA_API cuGetErrorName(CUresult code, const char **name)
{
    switch (code) {
#define NOSC_CODE(symbol, number, text)                                                            \
    case symbol:                                                                                   \
        *name = number == 0 ? "CUDA_SUCCESS" : "CUDA_ERROR_" #symbol;                              \
        return SUCCESS;
        NOSC_CODES(NOSC_CODE)
#undef NOSC_CODE
    }
    *name = nullptr;
    return INVALID_VALUE;
}

CUDA_API cuGetErrorString(CUresult code, const char **words)
{
    switch (code) {
#define NOSC_CODE(symbol, number, text)                                                            \
    case symbol:                                                                                   \
        *words = text;                                                                             \
        return SUCCESS;
        NOSC_CODES(NOSC_CODE)
#undef NOSC_CODE
    }
    *words = nullptr;
    return INVALID_VALUE;
}

/* A counter, for programs that call it. */
extern "C" __attribute__((visibility("default"))) std::int64_t nosc_emulated_count(const char *name)
{
    return counted(name);
}

/* Counters at the end, on request. */
static struct AtExit {
    ~AtExit()
    {
        if (number("NOSC_EMULATED_SUMMARY", 0) != 0) {
            std::fprintf(stderr, "emulated calls and work:\n%s", summary().c_str());
        }
    }
} at_exit;

} // namespace nosc_emulator
