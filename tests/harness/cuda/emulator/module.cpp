/* Modules, functions, launches. */
#include "image.h"
#include "settings.h"
#include "state.h"

#include <cstdio>
#include <cstring>
#include <dlfcn.h>

namespace nosc_emulator {

Module::~Module()
{
    if (library != nullptr) {
        dlclose(library);
    }
}

static int capability() { return attribute(75) * 10 + attribute(76); }

/* Refuses an image that the device cannot run. */
static void check_image(const Image &image)
{
    const int driver_version = static_cast<int>(number("NOSC_EMULATED_DRIVER", 13000));
    if (image.kind == "cubin") {
        if (image.compiler / 1000 > driver_version / 1000) {
            refuse(INVALID_IMAGE, "the compiler is of a later major version than the driver");
        }
        if (image.arch / 10 != capability() / 10 || image.arch > capability()) {
            refuse(NO_BINARY_FOR_GPU, "code for " + std::to_string(image.arch));
        }
        return;
    }
    const std::string policy = setting("NOSC_EMULATED_PTX", "accept");
    if (policy == "refuse" || (policy == "version" && image.compiler > driver_version)) {
        refuse(UNSUPPORTED_PTX_VERSION, "the driver is older than the compiler");
    }
    if (image.arch > capability()) {
        refuse(INVALID_PTX, "PTX for " + std::to_string(image.arch));
    }
}

static std::shared_ptr<Module> loaded(Context &context, const void *bytes)
{
    Image image;
    if (bytes == nullptr) {
        refuse(INVALID_VALUE, "no image");
    }
    if (!unpacked(bytes, image)) {
        refuse(INVALID_IMAGE, "no image, or a damaged one");
    }
    check_image(image);
    const Built built = build(image.name, image.source);
    count("compilations", built.fresh);
    if (built.path.empty()) {
        refuse(INVALID_IMAGE, built.log);
    }
    auto module = std::make_shared<Module>();
    module->context = &context;
    module->arch = image.arch;
    module->library = dlopen(built.path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (module->library == nullptr) {
        refuse(SHARED_OBJECT_INIT_FAILED, dlerror());
    }
    module->kernels = static_cast<const Kernel *>(dlsym(module->library, "nosc_kernels"));
    module->launch = reinterpret_cast<void (*)(const Launch *)>(dlsym(module->library, "nosc_launch"));
    return module;
}

static CUresult load(const char *name, CUmodule *module, const std::function<const void *()> &image)
{
    return api(name, [&] {
        Context &context = current();
        check_no_capture(context);
        const std::shared_ptr<Module> made = loaded(context, image());
        *module = new_handle();
        driver().modules[*module] = made;
        count("module_loads");
        count("live_modules");
    });
}

CUDA_API cuModuleLoadData(CUmodule *module, const void *image)
{
    return load("cuModuleLoadData", module, [=] { return image; });
}

CUDA_API cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned, void *, void *)
{
    return load("cuModuleLoadDataEx", module, [=] { return image; });
}

CUDA_API cuModuleLoad(CUmodule *module, const char *path)
{
    std::string text;
    return load("cuModuleLoad", module, [&]() -> const void * {
        std::FILE *const file = std::fopen(path, "rb");
        if (file == nullptr) {
            refuse(FILE_NOT_FOUND, path);
        }
        for (int letter; (letter = std::fgetc(file)) != EOF;) {
            text += static_cast<char>(letter);
        }
        std::fclose(file);
        return text.c_str();
    });
}

static bool is_queued(const Context &context, const std::shared_ptr<Module> &module)
{
    for (const auto &stream : context.streams) {
        for (const Operation &operation : stream->queue) {
            if (operation.module == module) {
                return true;
            }
        }
    }
    return false;
}

/* Work that is queued comes first, which the host waits for; nothing says that a driver does so, hence the
 * setting under which the work fails. */
CUDA_API cuModuleUnload(CUmodule handle)
{
    return api("cuModuleUnload", [&] {
        Context &context = current();
        const std::shared_ptr<Module> module = found(driver().modules, handle, "module");
        if (is_queued(context, module)) {
            if (setting("NOSC_EMULATED_UNLOAD", "wait") == "fail") {
                abandon(context, LAUNCH_FAILED);
                refuse(LAUNCH_FAILED, "a module was unloaded while its kernels are queued");
            }
            synchronize_all(context);
        }
        module->unloaded = true;
        for (auto at = driver().functions.begin(); at != driver().functions.end();) {
            at = at->second->module == module ? driver().functions.erase(at) : std::next(at);
        }
        driver().modules.erase(handle);
        count("live_modules", -1);
    });
}

CUDA_API cuModuleGetFunction(CUfunction *function, CUmodule handle, const char *name)
{
    return api("cuModuleGetFunction", [&] {
        current();
        const std::shared_ptr<Module> module = found(driver().modules, handle, "module");
        for (const Kernel *kernel = module->kernels; kernel->name != nullptr; kernel++) {
            if (std::strcmp(kernel->name, name) == 0) {
                *function = new_handle();
                driver().functions[*function] = std::make_shared<Function>(Function{module, kernel});
                return;
            }
        }
        refuse(NOT_FOUND, std::string("no kernel ") + name);
    });
}

CUDA_API cuModuleGetGlobal_v2(CUdeviceptr *, std::size_t *, CUmodule handle, const char *name)
{
    return api("cuModuleGetGlobal_v2", [&] {
        current();
        found(driver().modules, handle, "module");
        refuse(NOT_FOUND, std::string("globals are not emulated: ") + name);
    });
}

CUDA_API cuFuncGetAttribute(int *value, int attribute, CUfunction handle)
{
    return api("cuFuncGetAttribute", [&] {
        current();
        const Function &function = *found(driver().functions, handle, "function");
        const int values[] = {static_cast<int>(function.kernel->threads), 0, 0, 0, 32, function.module->arch,
            function.module->arch, 0, 49152, -1};
        if (attribute < 0 || attribute >= static_cast<int>(sizeof values / sizeof values[0])) {
            refuse(INVALID_VALUE, "no such attribute");
        }
        *value = values[attribute];
    });
}

CUDA_API cuFuncSetAttribute(CUfunction handle, int, int)
{
    return api("cuFuncSetAttribute", [&] { found(driver().functions, handle, "function"); });
}

CUDA_API cuFuncSetCacheConfig(CUfunction handle, int)
{
    return api("cuFuncSetCacheConfig", [&] { found(driver().functions, handle, "function"); });
}

static CUresult occupancy(const char *name, int *blocks, CUfunction handle, int threads)
{
    return api(name, [&] {
        current();
        const Function &function = *found(driver().functions, handle, "function");
        if (threads <= 0) {
            refuse(INVALID_VALUE, "blocks without threads");
        }
        *blocks = static_cast<std::uint32_t>(threads) > function.kernel->threads ? 0 : 2048 / threads;
    });
}

CUDA_API cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction handle, int threads, std::size_t)
{
    return occupancy("cuOccupancyMaxActiveBlocksPerMultiprocessor", blocks, handle, threads);
}

CUDA_API cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *blocks, CUfunction handle, int threads, std::size_t, unsigned)
{
    return occupancy("cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags", blocks, handle, threads);
}

CUDA_API cuOccupancyMaxPotentialBlockSize(
    int *blocks, int *threads, CUfunction handle, void *, std::size_t, int limit)
{
    return api("cuOccupancyMaxPotentialBlockSize", [&] {
        current();
        const int most = static_cast<int>(found(driver().functions, handle, "function")->kernel->threads);
        *threads = limit > 0 && limit < most ? limit : most;
        *blocks = attribute(16) * (2048 / *threads);
    });
}

static std::string text_of(const std::uint32_t *three)
{
    return std::to_string(three[0]) + " x " + std::to_string(three[1]) + " x " + std::to_string(three[2]);
}

static void check_sizes(const Function &function, const std::uint32_t *grid, const std::uint32_t *block,
    std::uint32_t shared)
{
    const std::uint32_t most[] = {0x7fffffff, 65535, 65535}, most_threads[] = {1024, 1024, 64};
    std::uint64_t threads = 1;
    for (int at = 0; at < 3; at++) {
        if (grid[at] == 0 || grid[at] > most[at] || block[at] == 0 || block[at] > most_threads[at]) {
            refuse(INVALID_VALUE, "a launch of " + text_of(grid) + " blocks of " + text_of(block));
        }
        threads *= block[at];
    }
    if (threads > 1024 || threads > function.kernel->threads) {
        refuse(INVALID_VALUE, "blocks of " + text_of(block) + " for at most "
            + std::to_string(function.kernel->threads) + " threads");
    }
    if (shared > 49152) {
        refuse(INVALID_VALUE, "too much shared memory");
    }
}

/* A launch with its own copy of the arguments. */
struct Recorded {
    std::shared_ptr<Module> module;
    const Kernel *kernel;
    std::uint32_t grid[3], block[3];
    std::vector<std::vector<unsigned char>> arguments;

    CUresult run()
    {
        const Context &context = *module->context;
        const std::vector<Range> ranges = usable_ranges(context);
        std::vector<void *> places;
        for (std::vector<unsigned char> &argument : arguments) {
            places.push_back(argument.data());
        }
        count("kernels");
        const bool backwards = counted("kernels") % 2 == 0;
        Launch launch = {kernel, places.data(), {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]},
            backwards, {ranges.data(), ranges.size(), fault}};
        struct Call {
            void (*function)(const Launch *);
            const Launch *launch;
        } call = {module->launch, &launch};
        const auto body = [](void *argument) {
            const Call &one = *static_cast<const Call *>(argument);
            one.function(one.launch);
        };
        const CUresult code = guarded(body, &call, kernel->name);
        if (code == SUCCESS && !margins_are_whole(context)) {
            tell(std::string(kernel->name) + ": wrote beside an allocation");
            return ILLEGAL_ADDRESS;
        }
        return code;
    }
};

static void launch(CUfunction handle, const std::uint32_t *grid, const std::uint32_t *block, std::uint32_t shared,
    CUstream of, void *const *arguments)
{
    Stream &stream = stream_of(of);
    const Function &function = *found(driver().functions, handle, "function");
    if (function.module->context != stream.context) {
        refuse(INVALID_HANDLE, "the function is of another context");
    }
    check_sizes(function, grid, block, shared);
    auto recorded = std::make_shared<Recorded>();
    recorded->module = function.module;
    recorded->kernel = function.kernel;
    for (int at = 0; at < 3; at++) {
        recorded->grid[at] = grid[at];
        recorded->block[at] = block[at];
    }
    for (std::uint32_t at = 0; at < function.kernel->arguments; at++) {
        if (arguments == nullptr || arguments[at] == nullptr) {
            refuse(INVALID_VALUE, "a launch without argument " + std::to_string(at));
        }
        const auto *const start = static_cast<const unsigned char *>(arguments[at]);
        recorded->arguments.emplace_back(start, start + function.kernel->sizes[at]);
    }
    count("launches");
    submit(stream, {function.kernel->name, nullptr, [=] { return recorded->run(); }, nullptr, function.module});
}

CUDA_API cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
    unsigned block_y, unsigned block_z, unsigned shared, CUstream stream, void **arguments, void **extra)
{
    return api("cuLaunchKernel", [&] {
        if (extra != nullptr) {
            refuse(NOT_SUPPORTED, "arguments in a buffer are not emulated");
        }
        const std::uint32_t grid[] = {grid_x, grid_y, grid_z}, block[] = {block_x, block_y, block_z};
        launch(function, grid, block, shared, stream, arguments);
    });
}

} // namespace nosc_emulator
