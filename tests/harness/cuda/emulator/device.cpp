/* The device side of the emulation: runs the threads of a launch one after another, and judges each access.
 *
 * Source of modules is compiled as for a thread sanitizer and with checks of alignment, but linked to the
 * functions below: an access outside the device's memory, by one byte or by a pointer of the host, is a fault
 * as on a device, and so is an access that is not aligned. */
#include "device.h"
#include "shim.h"

#define HIDDEN extern "C" __attribute__((visibility("hidden")))

Place3 threadIdx, blockIdx, blockDim, gridDim;

/* Bounds of this library, by the linker. */
HIDDEN const char __ehdr_start[];
HIDDEN const char _end[];

using nosc_emulator::Launch;
using nosc_emulator::Range;
using nosc_emulator::Watch;

static Watch watch;
static std::uintptr_t stack;
static Range last;

static std::uintptr_t address_of(const void *place) { return reinterpret_cast<std::uintptr_t>(place); }

static bool within(std::uintptr_t address, std::size_t bytes, std::uintptr_t start, std::uintptr_t end)
{
    return address >= start && address <= end && bytes <= end - address;
}

/* The range with the greatest start up to an address. */
static Range range_of(std::uintptr_t address)
{
    std::size_t low = 0, high = watch.count;
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (watch.ranges[middle].start <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? Range{0, 0} : watch.ranges[low - 1];
}

static void check(const void *place, std::size_t bytes, std::size_t alignment, const char *what)
{
    const std::uintptr_t address = address_of(place);
    const bool own = within(address, bytes, address_of(__ehdr_start), address_of(_end));
    const std::uintptr_t top = address_of(__builtin_frame_address(0));
    if (own || within(address, bytes, top, stack)) {
        return;
    }
    if (!within(address, bytes, last.start, last.end)) {
        last = range_of(address);
        if (!within(address, bytes, last.start, last.end)) {
            watch.fault(address, bytes, what);
        }
    }
    if (address % alignment != 0) {
        watch.fault(address, bytes, "misaligned access");
    }
}

#define ACCESS(bytes)                                                                              \
    HIDDEN void __tsan_read##bytes(void *place) { check(place, bytes, bytes, "read"); }            \
    HIDDEN void __tsan_write##bytes(void *place) { check(place, bytes, bytes, "write"); }          \
    HIDDEN void __tsan_unaligned_read##bytes(void *place) { check(place, bytes, 1, "read"); }      \
    HIDDEN void __tsan_unaligned_write##bytes(void *place) { check(place, bytes, 1, "write"); }    \
    HIDDEN void __tsan_read##bytes##_pc(void *place, void *) { check(place, bytes, bytes, "read"); } \
    HIDDEN void __tsan_write##bytes##_pc(void *place, void *) { check(place, bytes, bytes, "write"); } \
    HIDDEN void __tsan_volatile_read##bytes(void *place) { check(place, bytes, bytes, "read"); }   \
    HIDDEN void __tsan_volatile_write##bytes(void *place) { check(place, bytes, bytes, "write"); }

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

HIDDEN void __tsan_init() {}
HIDDEN void __tsan_func_entry(void *) {}
HIDDEN void __tsan_func_exit() {}
HIDDEN void __tsan_read_range(void *place, std::size_t bytes) { check(place, bytes, 1, "read"); }
HIDDEN void __tsan_write_range(void *place, std::size_t bytes) { check(place, bytes, 1, "write"); }
HIDDEN void *__tsan_memcpy(void *to, const void *from, std::size_t bytes)
{
    check(from, bytes, 1, "read");
    check(to, bytes, 1, "write");
    return std::memcpy(to, from, bytes);
}
HIDDEN void *__tsan_memmove(void *to, const void *from, std::size_t bytes)
{
    check(from, bytes, 1, "read");
    check(to, bytes, 1, "write");
    return std::memmove(to, from, bytes);
}
HIDDEN void *__tsan_memset(void *to, int value, std::size_t bytes)
{
    check(to, bytes, 1, "write");
    return std::memset(to, value, bytes);
}

/* Of the check of alignment, which is made where the source says so; a compiler may access by parts. */
HIDDEN void __ubsan_handle_type_mismatch_v1(void *, std::uintptr_t address)
{
    watch.fault(address, 1, "misaligned access");
}
HIDDEN void __ubsan_handle_type_mismatch_v1_abort(void *, std::uintptr_t address)
{
    watch.fault(address, 1, "misaligned access");
}

/* Number `at` of `count`, from the other end if wanted. */
static Place3 place(std::uint64_t at, const std::uint32_t *counts, bool backwards)
{
    const std::uint64_t count = std::uint64_t(counts[0]) * counts[1] * counts[2];
    const std::uint64_t number = backwards ? count - 1 - at : at;
    const std::uint64_t rest = number / counts[0];
    return {static_cast<unsigned>(number % counts[0]), static_cast<unsigned>(rest % counts[1]),
        static_cast<unsigned>(rest / counts[1])};
}

extern "C" void nosc_launch(const Launch *launch)
{
    const std::uint32_t *grid = launch->grid, *block = launch->block;
    watch = launch->watch;
    last = {0, 0};
    stack = address_of(__builtin_frame_address(0));
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    const std::uint64_t blocks = std::uint64_t(grid[0]) * grid[1] * grid[2];
    const std::uint64_t threads = std::uint64_t(block[0]) * block[1] * block[2];
    for (std::uint64_t b = 0; b < blocks; b++) {
        blockIdx = place(b, grid, launch->backwards);
        for (std::uint64_t t = 0; t < threads; t++) {
            threadIdx = place(t, block, launch->backwards);
            launch->kernel->call(launch->arguments);
        }
    }
}
