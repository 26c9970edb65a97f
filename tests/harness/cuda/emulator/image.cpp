/* Images of modules, and their libraries. */
#include "image.h"

#include "settings.h"

#include <cctype>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace nosc_emulator {

static const char ELF[] = "\x7f" "ELF";
static const char HEAD[] = "// emulated ";

static std::uint64_t hash(const std::string &text)
{
    std::uint64_t sum = 0xcbf29ce484222325;
    for (const char letter : text) {
        sum = (sum ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
    }
    return sum;
}

static std::size_t skip_space(const std::string &text, std::size_t at)
{
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at]))) {
        at++;
    }
    return at;
}

static std::string word_at(const std::string &text, std::size_t at)
{
    std::size_t end = at;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) {
        end++;
    }
    return text.substr(at, end - at);
}

std::vector<Definition> definitions(const std::string &source)
{
    static const std::string start = "extern \"C\" __global__";
    std::vector<Definition> found;
    for (std::size_t at = source.find(start); at != std::string::npos; at = source.find(start, at)) {
        Definition definition{"", "1024"};
        at += start.size();
        for (std::string word = "void"; !word.empty();) {
            at = skip_space(source, at);
            word = word_at(source, at);
            at += word.size();
            if (word == "__launch_bounds__") {
                const std::size_t open = source.find('(', at), close = source.find(')', open);
                definition.threads = "(" + source.substr(open + 1, close - open - 1) + ")";
                at = close + 1;
            } else if (word != "void" && !word.empty()) {
                definition.name = word;
                found.push_back(definition);
                break;
            }
        }
    }
    return found;
}

std::string packed(const Image &image)
{
    char head[160];
    std::snprintf(head, sizeof head, "%s%s %d %d %zu %016" PRIx64 " %.60s\n", HEAD, image.kind.c_str(),
        image.arch, image.compiler, image.source.size(), hash(image.source), image.name.c_str());
    if (image.kind == "cubin") {
        return ELF + std::string(head) + image.source;
    }
    const int major = image.compiler / 1000, minor = image.compiler % 1000 / 10;
    const std::string target = std::to_string(image.arch);
    std::string text = "//\n// Made by an emulation of NVRTC: the source, and no code\n//\n\n.version ";
    text += std::to_string(major - 4) + "." + std::to_string(minor) + "\n.target sm_" + target;
    text += "\n.address_size 64\n\n";
    for (const Definition &kernel : definitions(image.source)) {
        text += ".visible .entry " + kernel.name + "()\n";
    }
    return text + head + image.source + '\0';
}

bool unpacked(const void *bytes, Image &image)
{
    const char *text = static_cast<const char *>(bytes);
    const bool is_cubin = std::memcmp(text, ELF, 4) == 0;
    if (is_cubin) {
        text += 4;
    } else {
        if (std::strncmp(text, "//\n// Made by an emulation", 26) != 0) {
            return false;
        }
        text = std::strstr(text, HEAD);
    }
    if (text == nullptr || std::strncmp(text, HEAD, sizeof HEAD - 1) != 0) {
        return false;
    }
    char kind[8], name[64];
    std::size_t size;
    std::uint64_t sum;
    const int found = std::sscanf(text + sizeof HEAD - 1, "%7s %d %d %zu %" SCNx64 " %63[^\n]", kind, &image.arch,
        &image.compiler, &size, &sum, name);
    const char *const start = std::strchr(text, '\n');
    if (found != 6 || start == nullptr || (std::strcmp(kind, "cubin") == 0) != is_cubin) {
        return false;
    }
    image.kind = kind;
    image.name = name;
    /* A damaged source may be shorter than its size says, if it has a zero byte. */
    image.source.assign(start + 1, strnlen(start + 1, size));
    return hash(image.source) == sum;
}

/* The folder with the files of the device side, which lies beside that of this library. */
static std::string device_folder()
{
    Dl_info info;
    if (dladdr(reinterpret_cast<void *>(&device_folder), &info) == 0) {
        return ".";
    }
    const std::string path = info.dli_fname;
    const std::size_t slash = path.rfind('/');
    return (slash == std::string::npos ? "." : path.substr(0, slash)) + "/../device";
}

/* Runs a program with its output in a file; true if it succeeds. */
static bool run(const std::vector<std::string> &words, const std::string &output)
{
    std::vector<char *> arguments;
    for (const std::string &word : words) {
        arguments.push_back(const_cast<char *>(word.c_str()));
    }
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t child;
    const int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    return failed == 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static std::string contents(const std::string &path)
{
    std::string text;
    if (std::FILE *const file = std::fopen(path.c_str(), "rb")) {
        char part[4096];
        for (std::size_t size; (size = std::fread(part, 1, sizeof part, file)) > 0;) {
            text.append(part, size);
        }
        std::fclose(file);
    }
    return text;
}

static bool write(const std::string &path, const std::string &text)
{
    std::FILE *const file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) {
        return false;
    }
    const bool whole = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    return std::fclose(file) == 0 && whole;
}

/* The source with the table of its kernels, and with all else that its library depends on. */
static std::string translation_unit(const std::string &name, const std::string &source)
{
    static const std::string folder = device_folder();
    static const std::string with =
        contents(folder + "/shim.h") + contents(folder + "/device.h") + contents(folder + "/device.o");
    std::string text = "// " NOSC_DEVICE_COMPILER " " + std::to_string(hash(with)) + "\n";
    text += "#include \"shim.h\"\n#include \"device.h\"\n#line 1 \"" + name + "\"\n" + source;
    text += "\n#line 1 \"table of kernels\"\nconst nosc_emulator::Kernel nosc_kernels[] = {\n";
    for (const Definition &kernel : definitions(source)) {
        text += "    nosc_emulator::bound<" + kernel.name + ">(\"" + kernel.name + "\", " + kernel.threads + "),\n";
    }
    return text + "    {nullptr, 0, 0, nullptr, nullptr},\n};\n";
}

Built build(const std::string &name, const std::string &source)
{
    const std::string unit = translation_unit(name, source), folder = device_folder();
    const std::string cache = setting("NOSC_EMULATED_CACHE", (folder + "/../cache").c_str());
    mkdir(cache.c_str(), 0700);
    char key[20];
    std::snprintf(key, sizeof key, "%016" PRIx64, hash(unit));
    const std::string path = cache + "/" + key;
    Built built;
    /* The text lies beside the library, should two of them have the same hash. */
    if (contents(path + ".cpp") == unit && access((path + ".so").c_str(), R_OK) == 0) {
        built.path = path + ".so";
        return built;
    }
    static int attempts;
    const std::string trial = path + "." + std::to_string(getpid()) + NOSC_LIBRARY + std::to_string(attempts++);
    built.fresh = true;
    std::vector<std::string> words = split(NOSC_DEVICE_COMPILER, ' ');
    words.insert(words.end(), {"-w", "-I", folder, "-c", trial + ".cpp", "-o", trial + ".o"});
    const std::vector<std::string> link = {
        words[0], "-shared", "-Wl,-z,defs", trial + ".o", folder + "/device.o", "-o", trial + ".so"};
    const std::string log = trial + ".log";
    if (write(trial + ".cpp", unit) && run(words, log) && run(link, log)
        && std::rename((trial + ".so").c_str(), (path + ".so").c_str()) == 0
        && std::rename((trial + ".cpp").c_str(), (path + ".cpp").c_str()) == 0) {
        built.path = path + ".so";
    }
    built.log = contents(log);
    for (const char *ending : {".cpp", ".o", ".log", ".so"}) {
        std::remove((trial + ending).c_str());
    }
    return built;
}

} // namespace nosc_emulator
