/* The device side of the emulation: what stands around the source of a module, and how the driver calls its
 * kernels.
 *
 * A module is a shared library of the source, this file and `device.cpp`. The source is compiled so that each
 * access to memory calls back, which `device.cpp` judges; the table `nosc_kernels` says what each kernel takes. */
#ifndef NOSC_EMULATOR_DEVICE_H
#define NOSC_EMULATOR_DEVICE_H

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

/* Of a function that reads memory of the host. */
#define NOSC_UNWATCHED __attribute__((no_sanitize("thread")))

namespace nosc_emulator {

/* A kernel: its name, the threads of a block at most, number and sizes of its arguments, and a call by their
 * places. */
struct Kernel {
    const char *name;
    std::uint32_t threads, arguments;
    const std::uint32_t *sizes;
    void (*call)(void *const *arguments);
};

/* Memory that a kernel may touch. */
struct Range {
    std::uintptr_t start, end;
};

/* Who watches over the accesses of a kernel: ranges are in order of their addresses and do not overlap.
 * `fault` does not return. */
struct Watch {
    const Range *ranges;
    std::size_t count;
    [[noreturn]] void (*fault)(std::uintptr_t address, std::size_t bytes, const char *what);
};

/* A launch of a kernel. */
struct Launch {
    const Kernel *kernel;
    void *const *arguments;
    std::uint32_t grid[3], block[3];
    /* The last block and thread come first: their order means nothing. */
    bool backwards;
    Watch watch;
};

template <auto kernel> struct Bound;

template <class... Arguments, void (*kernel)(Arguments...)> struct Bound<kernel> {
    static constexpr std::uint32_t count = sizeof...(Arguments);
    static_assert((sizeof(Arguments) + ... + 0) <= 4096, "more than a kernel takes before CUDA 12.1");
    static constexpr std::uint32_t sizes[] = {sizeof(Arguments)..., 0};

    template <std::size_t... place>
    NOSC_UNWATCHED static void invoke(void *const *arguments, std::index_sequence<place...>)
    {
        (void)arguments;
        kernel(*static_cast<std::remove_cv_t<Arguments> *>(arguments[place])...);
    }
    NOSC_UNWATCHED static void call(void *const *arguments)
    {
        invoke(arguments, std::index_sequence_for<Arguments...>());
    }
};

template <auto kernel> constexpr Kernel bound(const char *name, std::uint32_t threads)
{
    return {name, threads, Bound<kernel>::count, Bound<kernel>::sizes, Bound<kernel>::call};
}

} // namespace nosc_emulator

#define NOSC_EXPORTED extern "C" __attribute__((visibility("default")))

/* Up to the first kernel without a name. */
NOSC_EXPORTED const nosc_emulator::Kernel nosc_kernels[];
/* Carries out a launch, thread by thread. */
NOSC_EXPORTED void nosc_launch(const nosc_emulator::Launch *launch);

#endif
