/* libnvrtc: checks options and source, and makes images that hold the source. */
#include "image.h"
#include "settings.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

using nosc_emulator::Image;
using nosc_emulator::count;
using nosc_emulator::setting;
using nosc_emulator::split;

enum nvrtcResult : std::uint32_t {
    SUCCESS = 0,
    INVALID_INPUT = 3,
    INVALID_PROGRAM = 4,
    INVALID_OPTION = 5,
    COMPILATION = 6,
};

/* A handle is a number that is never given out twice. */
using nvrtcProgram = std::uintptr_t;

#define NVRTC_API extern "C" __attribute__((visibility("default"))) nvrtcResult

struct Program {
    Image image;
    std::set<std::string> headers;
    std::string ptx, cubin, log;
    bool compiled = false;
};

static std::mutex mutex;
static std::map<nvrtcProgram, Program> programs;

/* What the body returns, or what a test asked for. */
template <class Body> static nvrtcResult enter(const char *name, Body body)
{
    const std::lock_guard<std::mutex> held(mutex);
    count(name);
    const std::uint32_t code = nosc_emulator::injected(name);
    return code != 0 ? static_cast<nvrtcResult>(code) : body();
}

template <class Body> static nvrtcResult of(const char *name, nvrtcProgram handle, Body body)
{
    return enter(name, [&] {
        const auto found = programs.find(handle);
        return found == programs.end() ? INVALID_PROGRAM : body(found->second);
    });
}

static std::vector<std::string> archs()
{
    return split(setting("NOSC_EMULATED_ARCHS", "75,80,86,87,88,89,90,100,103,107,110,120,121"), ',');
}

static int compiler_version() { return nosc_emulator::version(setting("NOSC_EMULATED_NVRTC", "13.5"), 1000, 10); }

/* Where an option with a value stands in one string or in two. */
static std::vector<std::string> joined(int count, const char *const *options)
{
    static const std::set<std::string> with_value = {"--gpu-architecture", "-arch", "--std", "-std", "--fmad",
        "-fmad", "--diag-suppress", "--include-path", "-I", "--define-macro", "-D", "--ptxas-options",
        "--maxrregcount"};
    std::vector<std::string> all;
    for (int at = 0; at < count; at++) {
        std::string option = options[at];
        if (with_value.count(option) != 0 && at + 1 < count) {
            option += "=" + std::string(options[++at]);
        }
        all.push_back(option);
    }
    return all;
}

static bool starts(const std::string &text, const char *with) { return text.rfind(with, 0) == 0; }

/* Options that change nothing here. */
static bool is_harmless(const std::string &option)
{
    static const char *const known[] = {"--std=", "-std=", "--diag-suppress=", "-diag-suppress=", "--no-cache",
        "-no-cache", "--device-as-default-execution-space", "-default-device", "--ptxas-options=", "--ftz=false",
        "-ftz=false", "--prec-div=true", "--prec-sqrt=true", "--restrict", "-restrict", "--generate-line-info",
        "-lineinfo", "--include-path=", "-I", "--define-macro=", "-D", "--maxrregcount=", "--minimal",
        "--no-display-error-number", "--display-error-number", "--disable-warnings", "-w",
        "--extra-device-vectorization", "--dopt=on"};
    return std::any_of(std::begin(known), std::end(known), [&](const char *start) { return starts(option, start); });
}

/* The architecture wanted, with its kind before it: `sm_90`. Messages about options go to the log. */
static std::string checked(Program &program, const std::vector<std::string> &options)
{
    std::string arch = "compute_75";
    bool no_fmad = false;
    for (const std::string &option : options) {
        const std::string value = option.substr(option.find('=') + 1);
        if (starts(option, "--gpu-architecture=") || starts(option, "-arch=")) {
            arch = value;
        } else if (option == "--fmad=false" || option == "-fmad=false") {
            no_fmad = true;
        } else if (is_harmless(option)) {
            continue;
        } else if (starts(option, "--use_fast_math") || starts(option, "-use_fast_math")
            || starts(option, "--ftz=") || starts(option, "--prec-") || starts(option, "--fmad=")) {
            program.log += "emulated: " + option + " changes results\n";
        } else {
            program.log += "nvrtc: error: unrecognized option " + option + " found\n";
        }
    }
    const std::vector<std::string> all = archs();
    const std::string digits = arch.substr(arch.find('_') + 1);
    const bool is_known = std::find(all.begin(), all.end(), digits) != all.end();
    if (!is_known || (!starts(arch, "sm_") && !starts(arch, "compute_"))) {
        program.log += "nvrtc: error: invalid value for --gpu-architecture (-arch)\n";
    }
    if (!no_fmad) {
        program.log += "emulated: without --fmad=false, results depend on contraction\n";
    }
    return arch;
}

/* Files that a source includes must be given; there is no search path. */
static void check_headers(Program &program)
{
    std::size_t line = 1;
    const std::string &source = program.image.source;
    for (std::size_t at = 0; at < source.size(); line++) {
        const std::size_t end = std::min(source.find('\n', at), source.size());
        const std::string text = source.substr(at, end - at);
        const std::size_t found = text.find("#include");
        if (found != std::string::npos && text.find_first_not_of(" \t") == found) {
            const std::size_t open = text.find_first_of("\"<"), close = text.find_last_of("\">");
            const std::string header = close > open ? text.substr(open + 1, close - open - 1) : text;
            if (program.headers.count(header) == 0) {
                program.log += program.image.name + "(" + std::to_string(line) + "): catastrophic error: cannot "
                    "open source file \"" + header + "\"\n";
            }
        }
        at = end + 1;
    }
}

/* Messages as NVRTC writes them: `step.cu(3): error: ...`. */
static std::string translated(const std::string &log, const std::string &name)
{
    std::string out;
    std::size_t errors = 0;
    for (const std::string &line : split(log, '\n')) {
        const std::vector<std::string> parts = split(line, ':');
        const std::size_t error = line.find("error: ");
        if (parts.size() > 3 && parts[0] == name && error != std::string::npos) {
            out += name + "(" + parts[1] + "): " + line.substr(error) + "\n";
            errors++;
        } else {
            out += line + "\n";
        }
    }
    return out + std::to_string(errors) + " error" + (errors == 1 ? "" : "s") + " detected in the compilation of \""
        + name + "\".\n";
}

/* What the assembler tells with `-v`; numbers are those of a small kernel. */
static std::string resources(const std::string &source, const std::string &arch)
{
    std::string out = "ptxas info    : 0 bytes gmem\n";
    for (const nosc_emulator::Definition &kernel : nosc_emulator::definitions(source)) {
        out += "ptxas info    : Compiling entry function '" + kernel.name + "' for '" + arch + "'\n";
        out += "ptxas info    : Function properties for " + kernel.name + "\n";
        out += "ptxas         . 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n";
        out += "ptxas info    : Used 32 registers, used 0 barriers, 400 bytes cmem[0]\n";
    }
    return out;
}

static nvrtcResult compile(Program &program, int count_of_options, const char *const *options)
{
    Image &image = program.image;
    program.log.clear();
    program.compiled = false;
    const std::vector<std::string> all = joined(count_of_options, options);
    const std::string arch = checked(program, all);
    if (!program.log.empty()) {
        return INVALID_OPTION;
    }
    check_headers(program);
    if (!program.log.empty()) {
        program.log += "1 catastrophic error detected in the compilation of \"" + image.name + "\".\n";
        return COMPILATION;
    }
    if (nosc_emulator::number("NOSC_EMULATED_SYNTAX", 1) != 0) {
        const nosc_emulator::Built built = nosc_emulator::build(image.name, image.source);
        count("compilations", built.fresh);
        if (built.path.empty()) {
            program.log = translated(built.log, image.name);
            return COMPILATION;
        }
    }
    image.arch = std::atoi(arch.substr(arch.find('_') + 1).c_str());
    image.compiler = compiler_version();
    image.kind = "ptx";
    program.ptx = packed(image);
    image.kind = "cubin";
    const bool assembled = starts(arch, "sm_");
    program.cubin = assembled ? packed(image) : "";
    const auto wants_numbers = [](const std::string &o) { return o == "--ptxas-options=-v" || o == "-Xptxas=-v"; };
    if (assembled && std::any_of(all.begin(), all.end(), wants_numbers)) {
        program.log += resources(image.source, arch);
    }
    program.compiled = true;
    return SUCCESS;
}

NVRTC_API nvrtcVersion(int *major, int *minor)
{
    return enter("nvrtcVersion", [&] {
        *major = compiler_version() / 1000;
        *minor = compiler_version() % 1000 / 10;
        return SUCCESS;
    });
}

NVRTC_API nvrtcGetNumSupportedArchs(int *number)
{
    return enter("nvrtcGetNumSupportedArchs", [&] {
        *number = static_cast<int>(archs().size());
        return SUCCESS;
    });
}

NVRTC_API nvrtcGetSupportedArchs(int *list)
{
    return enter("nvrtcGetSupportedArchs", [&] {
        for (const std::string &arch : archs()) {
            *list++ = std::atoi(arch.c_str());
        }
        return SUCCESS;
    });
}

NVRTC_API nvrtcCreateProgram(nvrtcProgram *program, const char *source, const char *name, int headers,
    const char *const *, const char *const *names)
{
    return enter("nvrtcCreateProgram", [&] {
        if (program == nullptr || source == nullptr || headers < 0) {
            return INVALID_INPUT;
        }
        static nvrtcProgram next = 0x4e5000;
        Program made;
        made.image.source = source;
        made.image.name = name == nullptr ? "default_program" : name;
        for (int at = 0; at < headers; at++) {
            made.headers.insert(names[at]);
        }
        *program = next += 16;
        programs[*program] = made;
        count("live_programs");
        return SUCCESS;
    });
}

NVRTC_API nvrtcDestroyProgram(nvrtcProgram *program)
{
    return enter("nvrtcDestroyProgram", [&] {
        if (program == nullptr || programs.erase(*program) == 0) {
            return INVALID_PROGRAM;
        }
        *program = 0;
        count("live_programs", -1);
        return SUCCESS;
    });
}

NVRTC_API nvrtcCompileProgram(nvrtcProgram program, int options, const char *const *texts)
{
    return of("nvrtcCompileProgram", program,
        [&](Program &found) { return compile(found, options, texts); });
}

static nvrtcResult size(const Program &program, const std::string &text, std::size_t *bytes)
{
    *bytes = text.size();
    return program.compiled ? SUCCESS : INVALID_PROGRAM;
}

static nvrtcResult copy(const Program &program, const std::string &text, char *to)
{
    if (!program.compiled) {
        return INVALID_PROGRAM;
    }
    std::memcpy(to, text.data(), text.size());
    return SUCCESS;
}

NVRTC_API nvrtcGetPTXSize(nvrtcProgram program, std::size_t *bytes)
{
    return of("nvrtcGetPTXSize", program, [&](Program &found) { return size(found, found.ptx, bytes); });
}

NVRTC_API nvrtcGetPTX(nvrtcProgram program, char *to)
{
    return of("nvrtcGetPTX", program, [&](Program &found) { return copy(found, found.ptx, to); });
}

NVRTC_API nvrtcGetCUBINSize(nvrtcProgram program, std::size_t *bytes)
{
    return of("nvrtcGetCUBINSize", program, [&](Program &found) { return size(found, found.cubin, bytes); });
}

NVRTC_API nvrtcGetCUBIN(nvrtcProgram program, char *to)
{
    return of("nvrtcGetCUBIN", program, [&](Program &found) { return copy(found, found.cubin, to); });
}

NVRTC_API nvrtcGetProgramLogSize(nvrtcProgram program, std::size_t *bytes)
{
    return of("nvrtcGetProgramLogSize", program, [&](Program &found) {
        *bytes = found.log.size() + 1;
        return SUCCESS;
    });
}

NVRTC_API nvrtcGetProgramLog(nvrtcProgram program, char *to)
{
    return of("nvrtcGetProgramLog", program, [&](Program &found) {
        std::memcpy(to, found.log.c_str(), found.log.size() + 1);
        return SUCCESS;
    });
}

extern "C" __attribute__((visibility("default"))) const char *nvrtcGetErrorString(nvrtcResult result)
{
    static const char *const names[] = {"NVRTC_SUCCESS", "NVRTC_ERROR_OUT_OF_MEMORY",
        "NVRTC_ERROR_PROGRAM_CREATION_FAILURE", "NVRTC_ERROR_INVALID_INPUT", "NVRTC_ERROR_INVALID_PROGRAM",
        "NVRTC_ERROR_INVALID_OPTION", "NVRTC_ERROR_COMPILATION", "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE"};
    return result < std::size(names) ? names[result] : "NVRTC_ERROR unknown";
}

/* A counter, for programs that call it. */
extern "C" __attribute__((visibility("default"))) std::int64_t nosc_emulated_nvrtc_count(const char *name)
{
    return nosc_emulator::counted(name);
}
