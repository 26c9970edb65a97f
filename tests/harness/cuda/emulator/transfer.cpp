/* Allocating, freeing, copying and filling memory. */
#include "settings.h"
#include "state.h"

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace nosc_emulator {

/* Up to this size, the driver keeps what pageable memory holds at the call; larger copies it waits for. */
static const std::size_t STAGED = 64 << 10;

struct Copy {
    void *to;
    const void *from;
    std::size_t bytes;
};

static CUresult carry_out(Copy copy)
{
    const auto body = [](void *argument) {
        const Copy &one = *static_cast<const Copy *>(argument);
        std::memmove(one.to, one.from, one.bytes);
    };
    return guarded(body, &copy, "copy");
}

static void *place(CUdeviceptr address) { return reinterpret_cast<void *>(static_cast<std::uintptr_t>(address)); }

static void check_device(const Context &context, CUdeviceptr start, std::size_t bytes)
{
    if (allocation_of(context, start, bytes) == nullptr) {
        refuse(INVALID_VALUE, std::to_string(bytes) + " bytes, " + described(start));
    }
}

static void check_host(const void *start)
{
    if (start == nullptr || is_device_memory(reinterpret_cast<std::uintptr_t>(start))) {
        refuse(INVALID_VALUE, "not an address of the host");
    }
}

static void submit_copy(Stream &stream, const char *what, Copy copy)
{
    submit(stream, {what, nullptr, [=] { return carry_out(copy); }, nullptr, nullptr});
}

static void submit_staged(Stream &stream, CUdeviceptr to, const void *from, std::size_t bytes)
{
    const auto *const start = static_cast<const unsigned char *>(from);
    const auto staged = std::make_shared<std::vector<unsigned char>>(start, start + bytes);
    const auto act = [=] { return carry_out({place(to), staged->data(), bytes}); };
    submit(stream, {"copy to the device", nullptr, act, nullptr, nullptr});
}

static void count_copy(const char *copies, const char *bytes_of, std::size_t bytes)
{
    count(copies);
    count(bytes_of, static_cast<std::int64_t>(bytes));
}

CUDA_API cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, std::size_t bytes, CUstream handle)
{
    return api("cuMemcpyHtoDAsync_v2", [&] {
        Stream &stream = stream_of(handle);
        if (bytes == 0) {
            return;
        }
        check_device(*stream.context, to, bytes);
        check_host(from);
        count_copy("copies_to_device", "bytes_to_device", bytes);
        const bool pageable = !is_pinned(from, bytes);
        if (pageable && stream.capture == nullptr && bytes <= STAGED) {
            submit_staged(stream, to, from, bytes);
            return;
        }
        submit_copy(stream, "copy to the device", {place(to), from, bytes});
        if (pageable && stream.capture == nullptr) {
            count("blocking_copies");
            synchronize(stream);
        }
    });
}

/* A driver waits where the host's memory is pageable; who relies on it cannot take pinned memory instead. */
CUDA_API cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, std::size_t bytes, CUstream handle)
{
    return api("cuMemcpyDtoHAsync_v2", [&] {
        Stream &stream = stream_of(handle);
        if (bytes == 0) {
            return;
        }
        check_device(*stream.context, from, bytes);
        check_host(to);
        count_copy("copies_to_host", "bytes_to_host", bytes);
        submit_copy(stream, "copy to the host", {to, place(from), bytes});
        if (!is_pinned(to, bytes) && stream.capture == nullptr) {
            count("blocking_copies");
            if (setting("NOSC_EMULATED_PAGEABLE", "late") == "wait") {
                synchronize(stream);
            }
        }
    });
}

static void copy_on_device(Stream &stream, CUdeviceptr to, CUdeviceptr from, std::size_t bytes)
{
    if (bytes != 0) {
        check_device(*stream.context, to, bytes);
        check_device(*stream.context, from, bytes);
        count("copies_on_device");
        submit_copy(stream, "copy on the device", {place(to), place(from), bytes});
    }
}

CUDA_API cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream handle)
{
    return api("cuMemcpyDtoDAsync_v2", [&] { copy_on_device(stream_of(handle), to, from, bytes); });
}

/* The host does not wait for it. */
CUDA_API cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes)
{
    return api("cuMemcpyDtoD_v2", [&] {
        Context &context = current();
        check_no_capture(context);
        copy_on_device(legacy(context), to, from, bytes);
    });
}

/* The host waits for the legacy stream, and until what is copied was read, but not until it is there. */
CUDA_API cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, std::size_t bytes)
{
    return api("cuMemcpyHtoD_v2", [&] {
        Context &context = current();
        check_no_capture(context);
        if (bytes == 0) {
            return;
        }
        check_device(context, to, bytes);
        check_host(from);
        count_copy("copies_to_device", "bytes_to_device", bytes);
        check_no_implicit_capture(legacy(context));
        synchronize(legacy(context));
        submit_staged(legacy(context), to, from, bytes);
    });
}

CUDA_API cuMemcpyDtoH_v2(void *to, CUdeviceptr from, std::size_t bytes)
{
    return api("cuMemcpyDtoH_v2", [&] {
        Context &context = current();
        check_no_capture(context);
        if (bytes == 0) {
            return;
        }
        check_device(context, from, bytes);
        check_host(to);
        count_copy("copies_to_host", "bytes_to_host", bytes);
        submit_copy(legacy(context), "copy to the host", {to, place(from), bytes});
        synchronize(legacy(context));
    });
}

struct Fill {
    unsigned char *start;
    std::size_t count;
    unsigned value;
    std::size_t width;
};

static CUresult carry_out(Fill fill)
{
    const auto body = [](void *argument) {
        const Fill &one = *static_cast<const Fill *>(argument);
        for (std::size_t at = 0; at < one.count; at++) {
            std::memcpy(one.start + at * one.width, &one.value, one.width);
        }
    };
    return guarded(body, &fill, "fill");
}

/* Numbers of some width, little-endian. */
static void fill(Stream &stream, CUdeviceptr start, unsigned value, std::size_t count, std::size_t width)
{
    if (count == 0) {
        return;
    }
    if (start % width != 0 || count > SIZE_MAX / width) {
        refuse(INVALID_VALUE, "a fill that is not aligned, or too long");
    }
    check_device(*stream.context, start, count * width);
    const Fill one{static_cast<unsigned char *>(place(start)), count, value, width};
    submit(stream, {"fill", nullptr, [=] { return carry_out(one); }, nullptr, nullptr});
}

CUDA_API cuMemsetD8Async(CUdeviceptr start, unsigned char value, std::size_t count, CUstream handle)
{
    return api("cuMemsetD8Async", [&] { fill(stream_of(handle), start, value, count, 1); });
}

CUDA_API cuMemsetD32Async(CUdeviceptr start, unsigned value, std::size_t count, CUstream handle)
{
    return api("cuMemsetD32Async", [&] { fill(stream_of(handle), start, value, count, 4); });
}

/* The host waits for neither. */
static CUresult fill_legacy(const char *name, CUdeviceptr start, unsigned value, std::size_t count, std::size_t width)
{
    return api(name, [&] {
        Context &context = current();
        check_no_capture(context);
        fill(legacy(context), start, value, count, width);
    });
}

CUDA_API cuMemsetD8_v2(CUdeviceptr start, unsigned char value, std::size_t count)
{
    return fill_legacy("cuMemsetD8_v2", start, value, count, 1);
}

CUDA_API cuMemsetD32_v2(CUdeviceptr start, unsigned value, std::size_t count)
{
    return fill_legacy("cuMemsetD32_v2", start, value, count, 4);
}

CUDA_API cuMemAlloc_v2(CUdeviceptr *start, std::size_t bytes)
{
    return api("cuMemAlloc_v2", [&] {
        Context &context = current();
        check_no_capture(context);
        const std::shared_ptr<Allocation> made = allocate(context, bytes, false);
        set_usable(*made, true);
        *start = made->start;
    });
}

/* By its start only. */
static std::shared_ptr<Allocation> to_free(const Context &context, CUdeviceptr start)
{
    const std::shared_ptr<Allocation> found = allocation_of(context, start, 0);
    if (found == nullptr || found->start != start) {
        refuse(INVALID_VALUE, "not the start of an allocation: " + described(start));
    }
    return found;
}

/* Waits for all work, but not if the memory is of a stream: then the host must have waited. */
CUDA_API cuMemFree_v2(CUdeviceptr start)
{
    return api("cuMemFree_v2", [&] {
        Context &context = current();
        check_no_capture(context);
        const std::shared_ptr<Allocation> freed = to_free(context, start);
        if (!freed->of_stream) {
            synchronize_all(context);
        }
        give_back(*freed);
        set_usable(*freed, false);
    });
}

static void check_no_memory_nodes(Stream &stream)
{
    if (stream.capture != nullptr) {
        invalidate(*stream.capture);
        refuse(STREAM_CAPTURE_UNSUPPORTED, "allocating and freeing in graphs is not emulated");
    }
}

static CUresult allocate_async(const char *name, CUdeviceptr *start, std::size_t bytes, CUstream handle)
{
    return api(name, [&] {
        Stream &stream = stream_of(handle);
        check_no_memory_nodes(stream);
        if (attribute(115) == 0) {
            refuse(NOT_SUPPORTED, "the device has no memory pools");
        }
        const std::shared_ptr<Allocation> made = allocate(*stream.context, bytes, true);
        *start = made->start;
        const auto act = [=] {
            set_usable(*made, true);
            return SUCCESS;
        };
        submit(stream, {"allocation", nullptr, act, nullptr, nullptr});
    });
}

CUDA_API cuMemAllocAsync(CUdeviceptr *start, std::size_t bytes, CUstream stream)
{
    return allocate_async("cuMemAllocAsync", start, bytes, stream);
}

CUDA_API cuMemAllocFromPoolAsync(CUdeviceptr *start, std::size_t bytes, CUmemoryPool, CUstream stream)
{
    return allocate_async("cuMemAllocFromPoolAsync", start, bytes, stream);
}

CUDA_API cuMemFreeAsync(CUdeviceptr start, CUstream handle)
{
    return api("cuMemFreeAsync", [&] {
        Stream &stream = stream_of(handle);
        check_no_memory_nodes(stream);
        const std::shared_ptr<Allocation> freed = to_free(*stream.context, start);
        give_back(*freed);
        const auto act = [=] {
            set_usable(*freed, false);
            return SUCCESS;
        };
        submit(stream, {"free", nullptr, act, nullptr, nullptr});
    });
}

static std::size_t whole_pages(std::size_t bytes)
{
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return (bytes + page - 1) / page * page;
}

CUDA_API cuMemHostAlloc(void **start, std::size_t bytes, unsigned)
{
    return api("cuMemHostAlloc", [&] {
        check_no_capture(current());
        if (bytes == 0) {
            refuse(INVALID_VALUE, "an allocation of no bytes");
        }
        const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
        *start = mmap(nullptr, whole_pages(bytes), PROT_READ | PROT_WRITE, flags, -1, 0);
        if (*start == MAP_FAILED) {
            refuse(OUT_OF_MEMORY, "the host has no memory");
        }
        driver().pinned[reinterpret_cast<std::uintptr_t>(*start)] = bytes;
        count("live_pinned");
    });
}

/* Copies that are still queued find no memory. */
CUDA_API cuMemFreeHost(void *start)
{
    return api("cuMemFreeHost", [&] {
        check_no_capture(current());
        const auto found = driver().pinned.find(reinterpret_cast<std::uintptr_t>(start));
        if (found == driver().pinned.end()) {
            refuse(INVALID_VALUE, "not the start of pinned memory");
        }
        mmap(start, whole_pages(found->second), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
            -1, 0);
        driver().pinned.erase(found);
        count("live_pinned", -1);
    });
}

CUDA_API cuPointerGetAttribute(void *value, int attribute, CUdeviceptr address)
{
    return api("cuPointerGetAttribute", [&] {
        const Context &context = current();
        const std::shared_ptr<Allocation> in = allocation_of(context, address, 0);
        const bool pinned = is_pinned(place(address), 0);
        if (in == nullptr && !pinned) {
            refuse(INVALID_VALUE, "memory that the driver does not know");
        }
        const std::uint32_t memory_type = pinned ? 1 : 2;
        const std::uint32_t is_managed = 0;
        if (attribute == 1) {
            std::memcpy(value, &context.handle, 8);
        } else if (attribute == 2) {
            std::memcpy(value, &memory_type, 4);
        } else if (attribute == 3) {
            std::memcpy(value, &address, 8);
        } else if (attribute == 8) {
            std::memcpy(value, &is_managed, 4);
        } else if (attribute == 9) {
            std::memcpy(value, &context.device, 4);
        } else if (attribute == 11 && in != nullptr) {
            std::memcpy(value, &in->start, 8);
        } else if (attribute == 12 && in != nullptr) {
            std::memcpy(value, &in->bytes, 8);
        } else {
            refuse(NOT_SUPPORTED, "this attribute of pointers is not emulated");
        }
    });
}

} // namespace nosc_emulator
