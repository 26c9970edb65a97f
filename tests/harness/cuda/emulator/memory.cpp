/* Device memory: pages between pages that are never accessible, each allocation up against the later ones.
 *
 * Addresses are those of the host, are given out once, and are accessible only while the emulation carries
 * out work. New memory is full of NaN. */
#include "settings.h"
#include "state.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace nosc_emulator {

static const std::size_t ALIGNMENT = 256;
static const unsigned char MARGIN = 0xa5;
/* Larger allocations are left as zeros, so that pages nobody touches need no memory. */
static const std::size_t FILLED = std::size_t(64) << 20;

static std::size_t page() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

static std::size_t rounded(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

std::uint64_t device_memory() { return number("NOSC_EMULATED_MEMORY", std::uint64_t(16) << 30); }

/* Addresses of all device memory. */
struct Arena {
    std::uintptr_t start = 0, next = 0, end = 0;

    Arena()
    {
        for (std::size_t bytes = std::size_t(1) << 44; bytes > 0; bytes /= 2) {
            void *const place =
                mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (place != MAP_FAILED) {
                start = next = reinterpret_cast<std::uintptr_t>(place);
                end = start + bytes;
                return;
            }
        }
    }
};

static Arena &arena()
{
    static Arena one;
    return one;
}

static void protect(const Allocation &allocation, int protection)
{
    mprotect(reinterpret_cast<void *>(allocation.pages), allocation.page_bytes, protection);
}

/* The context whose memory is accessible. */
static Context *opened;

static void fill(const Allocation &allocation)
{
    protect(allocation, PROT_READ | PROT_WRITE);
    unsigned char *const pages = reinterpret_cast<unsigned char *>(allocation.pages);
    unsigned char *const start = reinterpret_cast<unsigned char *>(allocation.start);
    unsigned char *const end = start + allocation.bytes;
    std::fill(pages, start, MARGIN);
    std::fill(end, pages + allocation.page_bytes, MARGIN);
    if (allocation.bytes <= FILLED) {
        std::memset(start, 0xff, allocation.bytes);
    }
    protect(allocation, PROT_NONE);
}

std::shared_ptr<Allocation> allocate(Context &context, std::size_t bytes, bool of_stream)
{
    if (bytes == 0) {
        refuse(INVALID_VALUE, "an allocation of no bytes");
    }
    Device &device = driver().devices[context.device];
    const std::uint64_t all = device_memory();
    if (bytes > all || rounded(bytes, 512) > all - device.used) {
        refuse(OUT_OF_MEMORY, std::to_string(bytes) + " bytes are more than are left");
    }
    const std::size_t place = rounded(bytes, ALIGNMENT), pages = rounded(place, page());
    if (pages + 2 * page() > arena().end - arena().next) {
        refuse(OUT_OF_MEMORY, "no addresses are left");
    }
    auto made = std::make_shared<Allocation>();
    made->context = &context;
    made->bytes = bytes;
    made->pages = arena().next + page();
    made->page_bytes = pages;
    made->start = made->pages + pages - place;
    made->of_stream = of_stream;
    arena().next = made->pages + pages;
    driver().memory[made->start] = made;
    device.used += rounded(bytes, 512);
    fill(*made);
    count("allocations");
    count("live_allocations");
    count("live_bytes", static_cast<std::int64_t>(bytes));
    count("peak_bytes", std::max<std::int64_t>(0, counted("live_bytes") - counted("peak_bytes")));
    return made;
}

void give_back(Allocation &allocation)
{
    if (allocation.freed) {
        return;
    }
    allocation.freed = true;
    driver().devices[allocation.context->device].used -= rounded(allocation.bytes, 512);
    count("live_allocations", -1);
    count("live_bytes", -static_cast<std::int64_t>(allocation.bytes));
}

void set_usable(Allocation &allocation, bool usable)
{
    allocation.usable = usable && !allocation.gone;
    if (!usable) {
        allocation.gone = true;
        const auto found = driver().memory.find(allocation.start);
        if (found != driver().memory.end()) {
            driver().past[allocation.start] = found->second;
            driver().memory.erase(found);
        }
        /* The memory goes back to the system, the addresses are never used again. */
        mmap(reinterpret_cast<void *>(allocation.pages), allocation.page_bytes, PROT_NONE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    } else if (allocation.usable && opened == allocation.context) {
        protect(allocation, PROT_READ | PROT_WRITE);
    }
}

using Memory = std::map<std::uintptr_t, std::shared_ptr<Allocation>>;

/* The last allocation that starts up to an address. */
static std::shared_ptr<Allocation> last_before(const Memory &memory, std::uintptr_t address)
{
    const auto after = memory.upper_bound(address);
    return after == memory.begin() ? nullptr : std::prev(after)->second;
}

std::shared_ptr<Allocation> allocation_of(const Context &context, CUdeviceptr start, std::size_t bytes)
{
    const std::shared_ptr<Allocation> found = last_before(driver().memory, start);
    const bool is_in = found != nullptr && !found->freed && found->context == &context
        && start - found->start <= found->bytes && bytes <= found->bytes - (start - found->start);
    return is_in ? found : nullptr;
}

bool is_device_memory(std::uintptr_t address) { return address >= arena().start && address < arena().end; }

bool is_pinned(const void *start, std::size_t bytes)
{
    const auto address = reinterpret_cast<std::uintptr_t>(start);
    const auto after = driver().pinned.upper_bound(address);
    if (after == driver().pinned.begin()) {
        return false;
    }
    const auto found = std::prev(after);
    return address - found->first <= found->second && bytes <= found->second - (address - found->first);
}

std::string described(std::uintptr_t address)
{
    if (!is_device_memory(address)) {
        return "not device memory";
    }
    const auto live = last_before(driver().memory, address), past = last_before(driver().past, address);
    const bool is_past = live == nullptr || (past != nullptr && past->start > live->start);
    const std::shared_ptr<Allocation> found = is_past ? past : live;
    if (found == nullptr) {
        return "before all allocations";
    }
    const std::string size = "an allocation of " + std::to_string(found->bytes) + " bytes";
    const std::uintptr_t end = found->start + found->bytes;
    if (address >= end) {
        return std::to_string(address - end) + " bytes behind the end of " + size;
    }
    const std::string offset = "at byte " + std::to_string(address - found->start) + " of " + size;
    return offset + (found->freed ? " that was freed" : found->usable ? "" : " that is not there yet");
}

static void protect_all(const Context &context, int protection)
{
    for (const auto &entry : driver().memory) {
        if (entry.second->usable && entry.second->context == &context) {
            protect(*entry.second, protection);
        }
    }
}

Opened::Opened(Context &of) : context(of), before(opened)
{
    if (before != &context) {
        opened = &context;
        protect_all(context, PROT_READ | PROT_WRITE);
    }
}

Opened::~Opened()
{
    if (before != &context) {
        protect_all(context, PROT_NONE);
        opened = before;
    }
}

std::vector<Range> usable_ranges(const Context &context)
{
    std::vector<Range> ranges;
    for (const auto &entry : driver().memory) {
        if (entry.second->usable && entry.second->context == &context) {
            ranges.push_back({entry.first, entry.first + entry.second->bytes});
        }
    }
    for (const auto &pinned : driver().pinned) {
        ranges.push_back({pinned.first, pinned.first + pinned.second});
    }
    std::sort(ranges.begin(), ranges.end(), [](Range a, Range b) { return a.start < b.start; });
    return ranges;
}

bool margins_are_whole(const Context &context)
{
    const auto is_margin = [](unsigned char byte) { return byte == MARGIN; };
    for (const auto &entry : driver().memory) {
        const Allocation &one = *entry.second;
        if (!one.usable || one.context != &context) {
            continue;
        }
        const auto *const pages = reinterpret_cast<const unsigned char *>(one.pages);
        const auto *const start = reinterpret_cast<const unsigned char *>(one.start);
        if (!std::all_of(pages, start, is_margin)
            || !std::all_of(start + one.bytes, pages + one.page_bytes, is_margin)) {
            return false;
        }
    }
    return true;
}

} // namespace nosc_emulator
