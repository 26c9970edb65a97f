/* What the emulated driver knows: contexts, streams with their queues, memory, modules, graphs.
 *
 * One lock is held in every function of the API, so nothing here is about threads. Work is queued on its stream
 * and carried out as late as an order allows: when the host waits. */
#ifndef NOSC_EMULATOR_STATE_H
#define NOSC_EMULATOR_STATE_H

#include "cuda.h"
#include "device.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace nosc_emulator {

/* Why a function of the API does nothing. */
struct Refusal {
    CUresult code;
    std::string why;
};

[[noreturn]] inline void refuse(CUresult code, const std::string &why) { throw Refusal{code, why}; }

struct Context;
struct Stream;
struct Capture;

/* A place in a stream's work. */
struct Mark {
    Stream *stream = nullptr;
    bool done = false;
    double seconds = 0;
};

struct Allocation {
    Context *context;
    std::uintptr_t start;
    std::size_t bytes;
    /* Whole pages around it, which may be opened, between pages that never are. */
    std::uintptr_t pages;
    std::size_t page_bytes;
    /* From `cuMemAllocAsync`. */
    bool of_stream = false;
    /* Whether work may touch it now: between the two points in the order of streams. */
    bool usable = false;
    /* Whether the host has given it back, and whether that has happened in the order of its stream. */
    bool freed = false, gone = false;
};

struct Module {
    Context *context = nullptr;
    void *library = nullptr;
    const Kernel *kernels = nullptr;
    void (*launch)(const Launch *) = nullptr;
    int arch = 0;
    bool unloaded = false;
    ~Module();
};

struct Function {
    std::shared_ptr<Module> module;
    const Kernel *kernel;
};

/* A piece of work. Graphs hold copies. */
struct Operation {
    const char *what;
    /* What is to be done before, by another stream. */
    std::shared_ptr<Mark> after;
    std::function<CUresult()> act;
    std::shared_ptr<Mark> mark;
    std::shared_ptr<Module> module;
};

/* The legacy stream waits for blocking ones, and they for it; free ones keep to themselves. */
enum class Kind { legacy, blocking, free };

struct Stream {
    Context *context;
    Kind kind;
    std::uint64_t number;
    std::deque<Operation> queue;
    std::shared_ptr<Capture> capture;
    /* In a capture: whether all of its work is waited for. */
    bool joined = true;
    std::uint64_t captured = 0;
    bool destroyed = false;
};

/* A capture in progress. */
struct Capture {
    Stream *origin;
    int mode;
    std::thread::id thread;
    bool invalid = false;
    std::vector<Stream *> streams;
    std::vector<Operation> work;
};

struct Event {
    Context *context;
    bool timed;
    std::shared_ptr<Mark> mark;
    /* If it was last recorded in a capture: of which stream, after how much work. */
    std::weak_ptr<Capture> capture;
    bool is_captured = false;
    Stream *stream = nullptr;
    std::uint64_t captured = 0;
};

struct Graph {
    Context *context;
    std::vector<Operation> work;
};

struct Context {
    CUcontext handle;
    int device;
    bool primary;
    /* An error that all later calls return. */
    CUresult broken = SUCCESS;
    /* In order of creation; the first is the legacy default stream. */
    std::vector<std::shared_ptr<Stream>> streams;
    std::map<std::thread::id, Stream *> of_threads;
    std::vector<std::weak_ptr<Capture>> captures;
};

struct Device {
    Context *primary = nullptr;
    unsigned retained = 0;
    std::size_t used = 0;
};

/* All that handles name. A handle that is no longer found was given back. */
template <class Thing> using Handles = std::map<std::uintptr_t, std::shared_ptr<Thing>>;

struct Driver {
    bool initialized = false;
    std::vector<Device> devices;
    Handles<Context> contexts;
    Handles<Stream> streams;
    Handles<Event> events;
    Handles<Module> modules;
    Handles<Function> functions;
    Handles<Graph> graphs;
    Handles<Graph> executables;
    /* By start; and those that no work may touch any more. */
    std::map<std::uintptr_t, std::shared_ptr<Allocation>> memory, past;
    /* Pinned memory of the host: start and bytes. */
    std::map<std::uintptr_t, std::size_t> pinned;
    std::uint64_t work = 0;
};

Driver &driver();
std::uintptr_t new_handle();

template <class Thing> std::shared_ptr<Thing> &found(Handles<Thing> &all, std::uintptr_t handle, const char *what)
{
    const auto place = all.find(handle);
    if (place == all.end()) {
        refuse(INVALID_HANDLE, std::string("no such ") + what);
    }
    return place->second;
}

/* driver.cpp: a function of the API, under the lock; counts the call, and turns refusals into codes. */
CUresult enter(const char *name, bool needs_start, const std::function<void()> &body);
inline CUresult api(const char *name, const std::function<void()> &body) { return enter(name, true, body); }
/* The current context of the thread, which must not be broken. */
Context &current();
/* While this is true, no function may be called by this thread. */
extern thread_local bool in_host_function;
/* An attribute of all devices, by its number. */
int attribute(int number_of);

/* memory.cpp */
std::uint64_t device_memory();
std::shared_ptr<Allocation> allocate(Context &context, std::size_t bytes, bool of_stream);
/* The host's own part of giving back, and that in the order of streams. */
void give_back(Allocation &allocation);
/* The allocation that some bytes of a context are in, if there is one that the host may name. */
std::shared_ptr<Allocation> allocation_of(const Context &context, CUdeviceptr start, std::size_t bytes);
bool is_device_memory(std::uintptr_t address);
bool is_pinned(const void *start, std::size_t bytes);
/* What an address is, in words. */
std::string described(std::uintptr_t address);
/* Memory is accessible as long as one of these lives. */
class Opened {
  public:
    explicit Opened(Context &of);
    ~Opened();
    Opened(const Opened &) = delete;

  private:
    Context &context;
    Context *before;
};
void set_usable(Allocation &allocation, bool usable);
std::vector<Range> usable_ranges(const Context &context);
/* Whether the bytes between the end of an allocation and that of its pages are as they were. */
bool margins_are_whole(const Context &context);

/* guard.cpp: runs something that may touch memory that it must not; the code of its fault, or success. */
CUresult guarded(void (*body)(void *), void *argument, const char *what);
[[noreturn]] void fault(std::uintptr_t address, std::size_t bytes, const char *what);

/* streams.cpp */
Stream &stream_of(CUstream handle);
Stream &legacy(Context &context);
/* Puts work on a stream, or into the graph that it captures. */
void submit(Stream &stream, Operation operation);
/* Carries out the work of a stream up to a mark, or all of it. */
void run(Stream &stream, const Mark *until = nullptr);
void run_all(Context &context);
/* The same because the host waits: counted, and refused in a capture. */
void synchronize(Stream &stream, const Mark *until = nullptr);
void synchronize_all(Context &context);
void abandon(Context &context, CUresult code);
bool is_early();

/* capture.cpp */
/* Refuses what may wait for the device where a capture says that nothing may. */
void check_no_capture(Context &context);
void invalidate(Capture &capture);
/* Refuses work on a legacy stream that would wait for a capture. */
void check_no_implicit_capture(Stream &stream);
void capture(Stream &stream, Operation operation);
void capture_wait(Stream &stream, Event &event);
/* What ends with a capture, whatever comes of it. */
void release(Context &context, const std::shared_ptr<Capture> &capture);

} // namespace nosc_emulator

#endif
