/* Faults: of kernels and copies, which are errors of the device, and of the host, which end the program. */
#include "settings.h"
#include "state.h"

#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace nosc_emulator {

/* Where a fault of the work in progress goes; null while none is carried out by this thread. */
static thread_local sigjmp_buf *landing;
static thread_local CUresult code;
static thread_local char message[256];

static struct sigaction before_segv, before_bus;

/* The host touched device memory: says so, and lets the program end as it would have. */
static void host_fault(std::uintptr_t address)
{
    char text[256];
    const int length = std::snprintf(text, sizeof text,
        "emulated: the host touched device memory: %#zx is %s\n", address, described(address).c_str());
    if (write(2, text, static_cast<std::size_t>(length)) < 0) {
        return;
    }
}

static void on_signal(int number, siginfo_t *info, void *)
{
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    if (landing != nullptr) {
        fault(address, 1, "access");
    }
    if (is_device_memory(address)) {
        host_fault(address);
    }
    /* The instruction runs again, and what would have come without the emulation comes. */
    sigaction(number, number == SIGBUS ? &before_bus : &before_segv, nullptr);
}

static void install()
{
    static const bool once = [] {
        struct sigaction action = {};
        action.sa_sigaction = on_signal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        sigaction(SIGSEGV, &action, &before_segv);
        sigaction(SIGBUS, &action, &before_bus);
        return true;
    }();
    (void)once;
}

[[noreturn]] void fault(std::uintptr_t address, std::size_t bytes, const char *what)
{
    code = std::strcmp(what, "misaligned access") == 0 ? MISALIGNED_ADDRESS : ILLEGAL_ADDRESS;
    std::snprintf(message, sizeof message, "%s of %zu bytes at %#zx, which is %s", what, bytes, address,
        described(address).c_str());
    siglongjmp(*landing, 1);
}

CUresult guarded(void (*body)(void *), void *argument, const char *what)
{
    install();
    sigjmp_buf place;
    code = SUCCESS;
    if (sigsetjmp(place, 1) == 0) {
        landing = &place;
        body(argument);
    }
    landing = nullptr;
    if (code != SUCCESS) {
        tell(std::string(what) + ": " + message);
    }
    return code;
}

} // namespace nosc_emulator
