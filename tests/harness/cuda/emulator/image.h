/* Images of modules: what the emulated compiler makes of a source, and what the emulated driver loads. */
#ifndef NOSC_EMULATOR_IMAGE_H
#define NOSC_EMULATOR_IMAGE_H

#include <string>
#include <vector>

namespace nosc_emulator {

/* A source with what it was compiled for. */
struct Image {
    /* `cubin` or `ptx`. */
    std::string kind;
    /* Compute capability, as 90. */
    int arch = 0;
    /* Version of the compiler, as 13050. */
    int compiler = 0;
    /* Name of the file, for messages. */
    std::string name;
    std::string source;
};

/* A kernel that a source defines: its name, and the threads of a block at most, as the source writes them. */
struct Definition {
    std::string name, threads;
};

/* All that follow `extern "C" __global__`. */
std::vector<Definition> definitions(const std::string &source);

/* The image as bytes. A PTX image is text that ends with a zero byte. */
std::string packed(const Image &image);
/* Reads an image; false if it is none, or damaged. */
bool unpacked(const void *bytes, Image &image);

/* A library of a module, in the cache. */
struct Built {
    /* Empty if the source has mistakes. */
    std::string path;
    /* Messages of the compiler. */
    std::string log;
    /* Whether the compiler had to run. */
    bool fresh = false;
};

/* Makes a library of a source with the host's compiler, or takes it from the cache. */
Built build(const std::string &name, const std::string &source);

} // namespace nosc_emulator

#endif
