/* Capture of streams into graphs, and their launch. A graph's work is done in the order of its capture. */
#include "settings.h"
#include "state.h"

#include <algorithm>

namespace nosc_emulator {

enum Mode { GLOBAL = 0, THREAD_LOCAL = 1, RELAXED = 2 };

void invalidate(Capture &capture)
{
    capture.invalid = true;
    count("invalidated_captures");
}

static std::vector<std::shared_ptr<Capture>> captures_of(Context &context)
{
    std::vector<std::shared_ptr<Capture>> running;
    for (const auto &one : context.captures) {
        if (auto capture = one.lock()) {
            running.push_back(capture);
        }
    }
    return running;
}

void check_no_capture(Context &context)
{
    for (const auto &capture : captures_of(context)) {
        const bool own = capture->thread == std::this_thread::get_id();
        if (capture->mode == GLOBAL || (capture->mode == THREAD_LOCAL && own)) {
            invalidate(*capture);
            refuse(STREAM_CAPTURE_UNSUPPORTED, "a call that may wait for the device, while a stream captures");
        }
    }
}

void check_no_implicit_capture(Stream &stream)
{
    if (stream.kind != Kind::legacy) {
        return;
    }
    for (const auto &capture : captures_of(*stream.context)) {
        const auto is_blocking = [](const Stream *one) { return one->kind == Kind::blocking; };
        if (std::any_of(capture->streams.begin(), capture->streams.end(), is_blocking)) {
            invalidate(*capture);
            refuse(STREAM_CAPTURE_IMPLICIT, "the legacy stream would wait for a stream that captures");
        }
    }
}

static void check_valid(const Capture &capture)
{
    if (capture.invalid) {
        refuse(STREAM_CAPTURE_INVALIDATED, "the capture has failed before");
    }
}

void capture(Stream &stream, Operation operation)
{
    Capture &capture = *stream.capture;
    check_valid(capture);
    capture.work.push_back(std::move(operation));
    stream.captured++;
    stream.joined = &stream == capture.origin;
}

/* A stream that waits for a capture takes part in it. */
static void join(Stream &stream, const std::shared_ptr<Capture> &capture)
{
    if (stream.kind == Kind::legacy) {
        invalidate(*capture);
        refuse(STREAM_CAPTURE_IMPLICIT, "the legacy stream was to wait for a stream that captures");
    }
    stream.capture = capture;
    stream.captured = 0;
    stream.joined = false;
    capture->streams.push_back(&stream);
}

void capture_wait(Stream &stream, Event &event)
{
    const std::shared_ptr<Capture> of_event = event.capture.lock();
    if (event.is_captured && of_event == nullptr) {
        refuse(CAPTURED_EVENT, "the event was last recorded in a capture that is over");
    }
    if (stream.capture == nullptr) {
        check_valid(*of_event);
        join(stream, of_event);
        return;
    }
    check_valid(*stream.capture);
    if (of_event == nullptr) {
        if (event.mark != nullptr) {
            invalidate(*stream.capture);
            refuse(STREAM_CAPTURE_ISOLATION, "a stream that captures was to wait for an event from outside");
        }
        return;
    }
    if (of_event != stream.capture) {
        invalidate(*of_event);
        invalidate(*stream.capture);
        refuse(STREAM_CAPTURE_MERGE, "a stream that captures was to wait for another capture");
    }
    stream.joined = &stream == stream.capture->origin;
    if (event.captured == event.stream->captured) {
        event.stream->joined = true;
    }
}

CUDA_API cuStreamBeginCapture_v2(CUstream handle, int mode)
{
    return api("cuStreamBeginCapture_v2", [&] {
        Stream &stream = stream_of(handle);
        if (mode < GLOBAL || mode > RELAXED) {
            refuse(INVALID_VALUE, "unknown mode of capture");
        }
        if (stream.kind == Kind::legacy) {
            refuse(STREAM_CAPTURE_UNSUPPORTED, "the legacy stream cannot capture");
        }
        if (stream.capture != nullptr) {
            refuse(ILLEGAL_STATE, "the stream captures already");
        }
        auto made = std::make_shared<Capture>();
        made->origin = &stream;
        made->mode = mode;
        made->thread = std::this_thread::get_id();
        made->streams = {&stream};
        stream.capture = made;
        stream.joined = true;
        stream.context->captures.push_back(made);
    });
}

void release(Context &context, const std::shared_ptr<Capture> &capture)
{
    for (Stream *const stream : capture->streams) {
        stream->capture = nullptr;
        stream->joined = true;
    }
    auto &all = context.captures;
    const auto is_it = [&](const std::weak_ptr<Capture> &one) { return one.lock() == capture; };
    all.erase(std::remove_if(all.begin(), all.end(), is_it), all.end());
}

CUDA_API cuStreamEndCapture(CUstream handle, CUgraph *graph)
{
    return api("cuStreamEndCapture", [&] {
        Stream &stream = stream_of(handle);
        const std::shared_ptr<Capture> capture = stream.capture;
        if (capture == nullptr) {
            refuse(ILLEGAL_STATE, "the stream does not capture");
        }
        if (capture->origin != &stream) {
            invalidate(*capture);
            refuse(STREAM_CAPTURE_UNMATCHED, "the capture began in another stream");
        }
        if (capture->mode != RELAXED && capture->thread != std::this_thread::get_id()) {
            refuse(STREAM_CAPTURE_WRONG_THREAD, "the capture began in another thread");
        }
        const auto is_joined = [](const Stream *one) { return one->joined; };
        const bool whole = std::all_of(capture->streams.begin(), capture->streams.end(), is_joined);
        release(*stream.context, capture);
        *graph = 0;
        check_valid(*capture);
        if (!whole) {
            refuse(STREAM_CAPTURE_UNJOINED, "a stream's work was not waited for");
        }
        *graph = new_handle();
        driver().graphs[*graph] = std::make_shared<Graph>(Graph{stream.context, capture->work});
        count("live_graphs");
    });
}

CUDA_API cuStreamIsCapturing(CUstream handle, int *status)
{
    return api("cuStreamIsCapturing", [&] {
        const Stream &stream = stream_of(handle);
        *status = stream.capture == nullptr ? 0 : stream.capture->invalid ? 2 : 1;
    });
}

CUDA_API cuGraphDestroy(CUgraph graph)
{
    return api("cuGraphDestroy", [&] {
        found(driver().graphs, graph, "graph");
        driver().graphs.erase(graph);
        count("live_graphs", -1);
    });
}

static CUresult instantiate(const char *name, CUgraphExec *executable, CUgraph graph, std::uint64_t flags)
{
    return api(name, [&] {
        const Graph &from = *found(driver().graphs, graph, "graph");
        const bool frees = (flags & 1) != 0, from_device = (flags & 4) != 0;
        if (flags > 15 || (frees && from_device)) {
            refuse(INVALID_VALUE, "flags of a graph that do not go together");
        }
        *executable = new_handle();
        driver().executables[*executable] = std::make_shared<Graph>(from);
        count("live_executable_graphs");
    });
}

CUDA_API cuGraphInstantiateWithFlags(CUgraphExec *executable, CUgraph graph, unsigned long long flags)
{
    return instantiate("cuGraphInstantiateWithFlags", executable, graph, flags);
}

CUDA_API cuGraphExecDestroy(CUgraphExec executable)
{
    return api("cuGraphExecDestroy", [&] {
        found(driver().executables, executable, "executable graph");
        driver().executables.erase(executable);
        count("live_executable_graphs", -1);
    });
}

static const Graph &executable_of(CUgraphExec handle, const Stream &stream)
{
    const Graph &graph = *found(driver().executables, handle, "executable graph");
    if (graph.context != stream.context) {
        refuse(INVALID_HANDLE, "the graph is of another context");
    }
    for (const Operation &operation : graph.work) {
        if (operation.module != nullptr && operation.module->unloaded) {
            refuse(INVALID_HANDLE, "the graph has a kernel of a module that was unloaded");
        }
    }
    return graph;
}

CUDA_API cuGraphUpload(CUgraphExec executable, CUstream handle)
{
    return api("cuGraphUpload", [&] { executable_of(executable, stream_of(handle)); });
}

CUDA_API cuGraphLaunch(CUgraphExec executable, CUstream handle)
{
    return api("cuGraphLaunch", [&] {
        Stream &stream = stream_of(handle);
        for (const Operation &operation : executable_of(executable, stream).work) {
            submit(stream, operation);
        }
        count("graph_launches");
    });
}

} // namespace nosc_emulator
