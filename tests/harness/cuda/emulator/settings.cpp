/* Settings, counters and injected failures. */
#include "settings.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace nosc_emulator {

std::string setting(const char *name, const char *otherwise)
{
    const char *found = std::getenv(name);
    return found == nullptr ? otherwise : found;
}

std::uint64_t number(const char *name, std::uint64_t otherwise)
{
    const char *found = std::getenv(name);
    return found == nullptr ? otherwise : std::strtoull(found, nullptr, 0);
}

int version(const std::string &text, int major_weight, int minor_weight)
{
    int major = 0, minor = 0;
    std::sscanf(text.c_str(), "%d.%d", &major, &minor);
    return major * major_weight + minor * minor_weight;
}

std::vector<std::string> split(const std::string &text, char at)
{
    std::vector<std::string> parts(1);
    for (const char letter : text) {
        if (letter == at) {
            parts.emplace_back();
        } else {
            parts.back() += letter;
        }
    }
    std::vector<std::string> full;
    for (const std::string &part : parts) {
        if (!part.empty()) {
            full.push_back(part);
        }
    }
    return full;
}

/* A counter as it lies in the file: rows up to one without a name. */
struct Counter {
    char name[56];
    std::int64_t value;
};

static const std::size_t COUNTERS = 256;

/* A file of a library in the folder that a test looks into; empty without such a folder. */
static std::string outside(const char *what)
{
    const std::string folder = setting("NOSC_EMULATED_FOLDER", "");
    return folder.empty() ? folder : folder + "/" + what + "." NOSC_LIBRARY;
}

static Counter *counters()
{
    static Counter *const table = [] {
        static Counter own[COUNTERS];
        const std::string path = outside("counts");
        const int file = path.empty() ? -1 : open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file < 0 || ftruncate(file, sizeof own) != 0) {
            return own;
        }
        void *const map = mmap(nullptr, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close(file);
        return map == MAP_FAILED ? own : static_cast<Counter *>(map);
    }();
    return table;
}

/* Calls of functions are counted before their lock is held. */
static std::mutex counting;

static Counter *counter(const char *name)
{
    Counter *const table = counters();
    for (std::size_t at = 0; at + 1 < COUNTERS; at++) {
        if (table[at].name[0] == 0) {
            std::strncpy(table[at].name, name, sizeof table[at].name - 1);
        }
        if (std::strncmp(table[at].name, name, sizeof table[at].name - 1) == 0) {
            return &table[at];
        }
    }
    return &table[COUNTERS - 1];
}

void count(const char *name, std::int64_t by)
{
    const std::lock_guard<std::mutex> held(counting);
    counter(name)->value += by;
}

std::int64_t counted(const char *name)
{
    const std::lock_guard<std::mutex> held(counting);
    return counter(name)->value;
}

std::string summary()
{
    const std::lock_guard<std::mutex> held(counting);
    std::string lines;
    const Counter *const table = counters();
    for (std::size_t at = 0; at < COUNTERS && table[at].name[0] != 0; at++) {
        if (table[at].value != 0) {
            lines += std::string(table[at].name) + " " + std::to_string(table[at].value) + "\n";
        }
    }
    return lines;
}

/* A failure that is still to come. */
struct Injection {
    std::string function;
    std::uint64_t calls;
    std::uint32_t code;
};

/* Adds what a text says: `function:call:code`, several of them with commas between. Call 0 takes back what is
 * still to come of a function. */
static void add(std::vector<Injection> &list, const std::string &text)
{
    for (const std::string &one : split(text, ',')) {
        const std::vector<std::string> parts = split(one, ':');
        const std::uint64_t call = parts.size() > 1 ? std::strtoull(parts[1].c_str(), nullptr, 10) : 1;
        if (call == 0) {
            for (Injection &injection : list) {
                injection.calls = injection.function == parts[0] ? 0 : injection.calls;
            }
        }
        const char *const code = parts.size() > 2 ? parts[2].c_str() : "999";
        list.push_back({parts[0], call, static_cast<std::uint32_t>(std::strtoul(code, nullptr, 10))});
    }
}

/* Failures that a test asks for while it runs. */
static void add_from_outside(std::vector<Injection> &list)
{
    static const std::string path = outside("fail");
    if (path.empty() || access(path.c_str(), F_OK) != 0) {
        return;
    }
    char text[4096] = {};
    if (std::FILE *const file = std::fopen(path.c_str(), "r")) {
        text[std::fread(text, 1, sizeof text - 1, file)] = 0;
        std::fclose(file);
    }
    std::remove(path.c_str());
    add(list, text);
}

/* Whether a name is meant: versions at the end of symbols, like `_v2`, need not be written. */
static bool is_meant(const std::string &name, const std::string &function)
{
    const std::size_t end = function.rfind("_v");
    return name == function || (end != std::string::npos && name == function.substr(0, end));
}

std::uint32_t injected(const char *function)
{
    const std::lock_guard<std::mutex> held(counting);
    static std::vector<Injection> list = [] {
        std::vector<Injection> first;
        add(first, setting("NOSC_EMULATED_FAIL", ""));
        return first;
    }();
    add_from_outside(list);
    std::uint32_t code = 0;
    for (Injection &injection : list) {
        if (injection.calls > 0 && is_meant(injection.function, function) && --injection.calls == 0) {
            code = injection.code;
        }
    }
    return code;
}

void tell(const std::string &what)
{
    if (number("NOSC_EMULATED_LOG", 0) != 0) {
        std::fprintf(stderr, "emulated: %s\n", what.c_str());
    }
}

} // namespace nosc_emulator
