/* Streams: queues of work, and who waits for whom. */
#include "settings.h"
#include "state.h"

#include <algorithm>
#include <chrono>

namespace nosc_emulator {

static double now()
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool is_early() { return setting("NOSC_EMULATED_ORDER", "late") == "early"; }

Stream &legacy(Context &context) { return *context.streams.front(); }

static Stream &add_stream(Context &context, Kind kind)
{
    auto made = std::make_shared<Stream>();
    made->context = &context;
    made->kind = kind;
    made->number = context.streams.size();
    context.streams.push_back(made);
    return *made;
}

static Stream &of_thread(Context &context)
{
    Stream *&stream = context.of_threads[std::this_thread::get_id()];
    if (stream == nullptr) {
        stream = &add_stream(context, Kind::blocking);
    }
    return *stream;
}

Stream &stream_of(CUstream handle)
{
    Context &context = current();
    if (handle <= 1) {
        return legacy(context);
    }
    if (handle == 2) {
        return of_thread(context);
    }
    Stream &stream = *found(driver().streams, handle, "stream");
    if (stream.context != &context) {
        refuse(INVALID_HANDLE, "the stream is of another context");
    }
    return stream;
}

/* A mark at the end of a stream's queue. */
static std::shared_ptr<Mark> tail(Stream &stream)
{
    auto mark = std::make_shared<Mark>();
    mark->stream = &stream;
    stream.queue.push_back({"mark", nullptr, nullptr, mark, nullptr});
    return mark;
}

static void wait_for(Stream &stream, Stream &other)
{
    if (!other.queue.empty()) {
        stream.queue.push_back({"wait", tail(other), nullptr, nullptr, nullptr});
    }
}

/* Work of the legacy stream comes after all work of blocking streams so far, and theirs after its own. */
static void keep_order(Stream &stream)
{
    if (stream.kind == Kind::blocking) {
        wait_for(stream, legacy(*stream.context));
    } else if (stream.kind == Kind::legacy) {
        for (const auto &other : stream.context->streams) {
            if (other->kind == Kind::blocking) {
                wait_for(stream, *other);
            }
        }
    }
}

void submit(Stream &stream, Operation operation)
{
    if (stream.capture != nullptr) {
        capture(stream, std::move(operation));
        return;
    }
    check_no_implicit_capture(stream);
    keep_order(stream);
    stream.queue.push_back(std::move(operation));
    if (is_early()) {
        run(stream);
    }
}

void abandon(Context &context, CUresult code)
{
    context.broken = code;
    for (const auto &stream : context.streams) {
        for (Operation &operation : stream->queue) {
            if (operation.mark != nullptr) {
                operation.mark->done = true;
            }
        }
        stream->queue.clear();
    }
}

/* The first operation of a stream. False if the device broke. */
static bool step(Stream &stream)
{
    const std::shared_ptr<Mark> after = stream.queue.front().after;
    if (after != nullptr && !after->done) {
        run(*after->stream, after.get());
        if (stream.context->broken != SUCCESS) {
            return false;
        }
    }
    const Operation operation = std::move(stream.queue.front());
    stream.queue.pop_front();
    const CUresult code = operation.act == nullptr ? SUCCESS : operation.act();
    if (operation.mark != nullptr) {
        operation.mark->done = true;
        operation.mark->seconds = now();
    }
    if (code != SUCCESS) {
        tell(std::string(operation.what) + " failed with " + std::to_string(code));
        abandon(*stream.context, code);
    }
    return code == SUCCESS;
}

void run(Stream &stream, const Mark *until)
{
    if (stream.queue.empty() || (until != nullptr && until->done)) {
        return;
    }
    const Opened open(*stream.context);
    while (!stream.queue.empty() && (until == nullptr || !until->done)) {
        if (!step(stream)) {
            return;
        }
    }
}

/* The newest stream comes first, so that what is in order by luck on a device is not so here. */
void run_all(Context &context)
{
    for (std::size_t at = context.streams.size(); at > 0; at--) {
        run(*context.streams[at - 1]);
    }
    const auto is_over = [](const std::shared_ptr<Stream> &s) { return s->destroyed && s->queue.empty(); };
    auto &streams = context.streams;
    /* Marks name their streams until they are done, and these have none left. */
    streams.erase(std::remove_if(streams.begin(), streams.end(), is_over), streams.end());
}

static void throw_if_broken(const Context &context)
{
    if (context.broken != SUCCESS) {
        refuse(context.broken, "the device broke");
    }
}

void synchronize(Stream &stream, const Mark *until)
{
    if (stream.capture != nullptr) {
        invalidate(*stream.capture);
        refuse(STREAM_CAPTURE_UNSUPPORTED, "a stream that captures was waited for");
    }
    count("synchronisations");
    run(stream, until);
    throw_if_broken(*stream.context);
}

void synchronize_all(Context &context)
{
    count("synchronisations");
    run_all(context);
    throw_if_broken(context);
}

static CUresult create(const char *name, CUstream *stream, unsigned flags)
{
    return api(name, [&] {
        Context &context = current();
        if (stream == nullptr || flags > 1) {
            refuse(INVALID_VALUE, "unknown flags of a stream");
        }
        add_stream(context, flags == 1 ? Kind::free : Kind::blocking);
        *stream = new_handle();
        driver().streams[*stream] = context.streams.back();
        count("live_streams");
    });
}

CUDA_API cuStreamCreate(CUstream *stream, unsigned flags) { return create("cuStreamCreate", stream, flags); }

CUDA_API cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int)
{
    return create("cuStreamCreateWithPriority", stream, flags);
}

/* Work that is queued is still carried out. */
CUDA_API cuStreamDestroy_v2(CUstream handle)
{
    return api("cuStreamDestroy_v2", [&] {
        Stream &stream = *found(driver().streams, handle, "stream");
        if (const std::shared_ptr<Capture> capture = stream.capture) {
            invalidate(*capture);
            if (capture->origin == &stream) {
                release(*stream.context, capture);
            }
        }
        stream.destroyed = true;
        driver().streams.erase(handle);
        count("live_streams", -1);
    });
}

CUDA_API cuStreamSynchronize(CUstream handle)
{
    return api("cuStreamSynchronize", [&] { 
        Stream &stream = stream_of(handle);
        check_no_implicit_capture(stream);
        synchronize(stream);
    });
}

CUDA_API cuCtxSynchronize()
{
    return api("cuCtxSynchronize", [&] {
        Context &context = current();
        for (const auto &one : context.captures) {
            if (const auto running = one.lock()) {
                invalidate(*running);
                refuse(STREAM_CAPTURE_UNSUPPORTED, "the context was waited for while a stream captures");
            }
        }
        synchronize_all(context);
    });
}

/* Not ready as long as there is work; each question lets one piece of it happen. */
static void query(Stream &stream, const Mark *until)
{
    if (stream.queue.empty() || (until != nullptr && until->done)) {
        return;
    }
    {
        const Opened open(*stream.context);
        step(stream);
    }
    throw_if_broken(*stream.context);
    refuse(NOT_READY, "work is left");
}

CUDA_API cuStreamQuery(CUstream handle)
{
    return api("cuStreamQuery", [&] {
        Stream &stream = stream_of(handle);
        if (stream.capture != nullptr) {
            invalidate(*stream.capture);
            refuse(STREAM_CAPTURE_UNSUPPORTED, "a stream that captures was asked whether it is ready");
        }
        check_no_implicit_capture(stream);
        query(stream, nullptr);
    });
}

CUDA_API cuLaunchHostFunc(CUstream handle, void (*function)(void *), void *data)
{
    return api("cuLaunchHostFunc", [&] {
        submit(stream_of(handle), {"host function", nullptr,
            [=] {
                in_host_function = true;
                function(data);
                in_host_function = false;
                return SUCCESS;
            },
            nullptr, nullptr});
    });
}

CUDA_API cuEventCreate(CUevent *event, unsigned flags)
{
    return api("cuEventCreate", [&] {
        Context &context = current();
        if (event == nullptr || flags > 7) {
            refuse(INVALID_VALUE, "unknown flags of an event");
        }
        auto made = std::make_shared<Event>();
        made->context = &context;
        made->timed = (flags & 2) == 0;
        *event = new_handle();
        driver().events[*event] = made;
        count("live_events");
    });
}

CUDA_API cuEventDestroy_v2(CUevent event)
{
    return api("cuEventDestroy_v2", [&] {
        found(driver().events, event, "event");
        driver().events.erase(event);
        count("live_events", -1);
    });
}

CUDA_API cuEventRecord(CUevent handle, CUstream of)
{
    return api("cuEventRecord", [&] {
        Stream &stream = stream_of(of);
        Event &event = *found(driver().events, handle, "event");
        if (event.context != stream.context) {
            refuse(INVALID_HANDLE, "the event is of another context");
        }
        event.is_captured = stream.capture != nullptr;
        event.capture = stream.capture;
        event.stream = &stream;
        event.mark = nullptr;
        if (event.is_captured) {
            capture(stream, {"mark", nullptr, nullptr, nullptr, nullptr});
            event.captured = stream.captured;
            return;
        }
        auto mark = std::make_shared<Mark>();
        mark->stream = &stream;
        event.mark = mark;
        submit(stream, {"mark", nullptr, nullptr, mark, nullptr});
    });
}

CUDA_API cuStreamWaitEvent(CUstream handle, CUevent of, unsigned)
{
    return api("cuStreamWaitEvent", [&] {
        Stream &stream = stream_of(handle);
        Event &event = *found(driver().events, of, "event");
        if (event.is_captured || stream.capture != nullptr) {
            capture_wait(stream, event);
        } else if (event.mark != nullptr && !event.mark->done && event.mark->stream != &stream) {
            submit(stream, {"wait", event.mark, nullptr, nullptr, nullptr});
        }
    });
}

static Event &event_outside_capture(CUevent handle)
{
    Event &event = *found(driver().events, handle, "event");
    if (event.is_captured) {
        if (const auto running = event.capture.lock()) {
            invalidate(*running);
        }
        refuse(CAPTURED_EVENT, "the event was last recorded in a capture");
    }
    return event;
}

CUDA_API cuEventSynchronize(CUevent handle)
{
    return api("cuEventSynchronize", [&] {
        const Context &context = current();
        const std::shared_ptr<Mark> mark = event_outside_capture(handle).mark;
        count("synchronisations");
        if (mark != nullptr && !mark->done) {
            run(*mark->stream, mark.get());
        }
        throw_if_broken(context);
    });
}

CUDA_API cuEventQuery(CUevent handle)
{
    return api("cuEventQuery", [&] {
        current();
        const std::shared_ptr<Mark> mark = event_outside_capture(handle).mark;
        if (mark != nullptr && !mark->done) {
            query(*mark->stream, mark.get());
        }
    });
}

static CUresult elapsed(const char *name, float *milliseconds, CUevent from, CUevent to)
{
    return api(name, [&] {
        const Event &start = event_outside_capture(from), &end = event_outside_capture(to);
        if (!start.timed || !end.timed || start.mark == nullptr || end.mark == nullptr) {
            refuse(INVALID_HANDLE, "an event without a time");
        }
        if (!start.mark->done || !end.mark->done) {
            refuse(NOT_READY, "an event that is still to come");
        }
        *milliseconds = static_cast<float>((end.mark->seconds - start.mark->seconds) * 1e3);
    });
}

CUDA_API cuEventElapsedTime(float *milliseconds, CUevent from, CUevent to)
{
    return elapsed("cuEventElapsedTime", milliseconds, from, to);
}

CUDA_API cuEventElapsedTime_v2(float *milliseconds, CUevent from, CUevent to)
{
    return elapsed("cuEventElapsedTime_v2", milliseconds, from, to);
}

} // namespace nosc_emulator
