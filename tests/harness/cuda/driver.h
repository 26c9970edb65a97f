/* Launches kernels as a file of jobs says, and writes all arrays after each step to another file.
 *
 * Included once, behind the table `kernels`. Arrays have memory of exactly their size under a
 * sanitizer, and elsewhere a margin that must stay as it was. */
#ifndef NOSC_DRIVER_H
#define NOSC_DRIVER_H

#include <cstdio>
#include <cstdlib>
#include <vector>

Place3 threadIdx, blockIdx, blockDim, gridDim;

#ifdef __SANITIZE_ADDRESS__
static const std::size_t MARGIN = 0;
#else
static const std::size_t MARGIN = 64;
#endif

static std::FILE *input, *output;

[[noreturn]] static void stop(const char *why)
{
    std::fprintf(stderr, "%s\n", why);
    std::exit(1);
}

static void read(void *to, std::size_t bytes)
{
    if (bytes != 0 && std::fread(to, 1, bytes, input) != bytes) {
        stop("the jobs end early");
    }
}

template <class T> static T read()
{
    T value;
    read(&value, sizeof value);
    return value;
}

/* Memory of an array that starts some bytes behind a multiple of 16. */
struct Array {
    std::size_t offset, bytes;
    unsigned char *memory;

    Array(std::size_t offset_, std::size_t bytes_) : offset(offset_ + MARGIN), bytes(bytes_)
    {
        memory = static_cast<unsigned char *>(std::malloc(offset + bytes + MARGIN));
        std::memset(memory, 0xa5, offset);
        std::memset(memory + offset + bytes, 0xa5, MARGIN);
    }
    Array(const Array &) = delete;
    Array(Array &&other) : offset(other.offset), bytes(other.bytes), memory(other.memory)
    {
        other.memory = nullptr;
    }
    ~Array() { std::free(memory); }
    unsigned char *start() const { return memory + offset; }
    void write() const
    {
        for (std::size_t i = 0; i < offset + bytes + MARGIN; i++) {
            if ((i < offset || i >= offset + bytes) && memory[i] != 0xa5) {
                stop("a kernel wrote beside an array");
            }
        }
        if (bytes != 0 && std::fwrite(start(), 1, bytes, output) != bytes) {
            stop("no room for the results");
        }
    }
};

static void launch(const Kernel &kernel, const unsigned char *tensors, const unsigned char *chunks,
    const std::uint32_t *head, const float *scalars, const std::uint32_t *words)
{
    gridDim = {head[9], 1, 1};
    blockDim = {head[10], 1, 1};
    for (blockIdx = {0, 0, 0}; blockIdx.x < gridDim.x; blockIdx.x++) {
        for (threadIdx = {0, 0, 0}; threadIdx.x < blockDim.x; threadIdx.x++) {
            kernel(tensors, chunks, head[7], head[8], scalars, words);
        }
    }
}

/* head: kernel, tensors, states, bytes of a parameter, bytes of a gradient, scalars, steps, chunks, elements of
 * a chunk, blocks, threads of a block, bytes of a row of tensors. */
static void job()
{
    std::uint32_t head[12];
    read(head, sizeof head);
    const std::size_t tensors = head[1], states = head[2], row = head[11];
    std::vector<unsigned char> chunks(head[7] * std::size_t(8)), table(tensors * row);
    read(chunks.data(), chunks.size());
    read(table.data(), table.size());
    std::vector<Array> written, gradients;
    for (std::size_t t = 0; t < tensors; t++) {
        std::uint64_t length;
        std::memcpy(&length, &table[t * row + 16], 8);
        const std::size_t skipped = read<std::uint32_t>();
        const auto place = [&](std::vector<Array> &list, std::size_t element, std::size_t at) {
            list.emplace_back(skipped * element, length * element);
            const std::uint64_t address = reinterpret_cast<std::uintptr_t>(list.back().start());
            std::memcpy(&table[t * row + at], &address, 8);
        };
        place(written, head[3], 0);
        read(written.back().start(), written.back().bytes);
        place(gradients, head[4], 8);
        for (std::size_t s = 0; s < states; s++) {
            place(written, 4, 40 + 8 * s);
            read(written.back().start(), written.back().bytes);
        }
    }
    std::vector<float> scalars(head[5]);
    for (std::uint32_t step = 0; step < head[6]; step++) {
        std::uint32_t words[3];
        read(scalars.data(), scalars.size() * 4);
        read(words, sizeof words);
        for (const Array &gradient : gradients) {
            read(gradient.start(), gradient.bytes);
        }
        launch(kernels[head[0]], table.data(), chunks.data(), head, scalars.data(), words);
        for (const Array &array : written) {
            array.write();
        }
    }
}

int main(int count, char **arguments)
{
    input = count == 3 ? std::fopen(arguments[1], "rb") : nullptr;
    output = count == 3 ? std::fopen(arguments[2], "wb") : nullptr;
    if (input == nullptr || output == nullptr) {
        stop("expected a file of jobs and one for the results");
    }
    for (std::uint32_t jobs = read<std::uint32_t>(); jobs > 0; jobs--) {
        job();
    }
    return std::fclose(output) == 0 ? 0 : 1;
}

#endif
