// Kernels of nosc besides those of rules: numbers that come with a launch, and what is looked at in
// gradients before a step.

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned long long u64;

#if defined(__CUDACC_RTC__) || defined(__NVCC__)
#define GLOBAL(pointer) __builtin_assume(__isGlobal(pointer))
#else
#define GLOBAL(pointer)
#endif

struct FewWords {
    u32 word[28];
};

struct ManyWords {
    u32 word[960];
};

// Writes words that are arguments of the launch: nothing of the host is read later.
extern "C" __global__ void __launch_bounds__(256) nosc_put_few(u32 *to, u32 count, FewWords words)
{
    const u32 at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at < count) {
        to[at] = words.word[at];
    }
}

extern "C" __global__ void __launch_bounds__(256) nosc_put_many(u32 *to, u32 count, ManyWords words)
{
    const u32 at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at < count) {
        to[at] = words.word[at];
    }
}

// Gradients of a tensor. Type: 0 f32, 1 f64, 2 f16, 3 bf16.
struct Source {
    const void *elements;
    u64 length;
    u64 type;
};

struct Chunk {
    u32 tensor;
    u32 number;
};

// The bits of a half as those of the same number in f32.
__device__ __forceinline__ u32 half_bits(u32 half)
{
    const u32 sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    if (magnitude >= 0x7c00u) {
        return sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13);
    }
    if (magnitude < 0x400u) {
        // A multiple of 2^-24, exactly.
        return sign | __float_as_uint(__fmul_rn(__int2float_rn((int)magnitude), 5.9604644775390625e-8f));
    }
    return sign | ((magnitude << 13) + 0x38000000u);
}

// Elements of a type as a kernel of a rule loads them: rounded to f32.
struct Floats {
    typedef float Element;
    static __device__ __forceinline__ float number(float x) { return x; }
};
struct Doubles {
    typedef double Element;
    static __device__ __forceinline__ float number(double x) { return __double2float_rn(x); }
};
struct Halves {
    typedef u16 Element;
    static __device__ __forceinline__ float number(u16 x) { return __uint_as_float(half_bits(x)); }
};
struct Brains {
    typedef u16 Element;
    static __device__ __forceinline__ float number(u16 x) { return __uint_as_float((u32)x << 16); }
};

// The sum of squares of every 16th element, one after another.
template <class Type>
__device__ __forceinline__ double sum_of_squares(const void *from, u64 at, u64 end)
{
    const typename Type::Element *elements = (const typename Type::Element *)from;
    GLOBAL(elements);
    double sum = 0.0;
    // Loads ahead of the additions, which have to wait for each other.
    for (; at + 7 * 16 < end; at += 8 * 16) {
        typename Type::Element raw[8];
#pragma unroll
        for (int i = 0; i < 8; i++) {
            raw[i] = elements[at + i * 16];
        }
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const double x = (double)Type::number(raw[i]);
            sum = __dadd_rn(sum, __dmul_rn(x, x));
        }
    }
    for (; at < end; at += 16) {
        const double x = (double)Type::number(elements[at]);
        sum = __dadd_rn(sum, __dmul_rn(x, x));
    }
    return sum;
}

// Sums of squares: 16 for each chunk. A thread makes one of them.
extern "C" __global__ void __launch_bounds__(256) nosc_squares(
    const Source *sources, const Chunk *chunks, u32 chunk_count, u32 chunk_elements, double *sums)
{
    const u64 sum_count = 16 * (u64)chunk_count;
    for (u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x; index < sum_count;
         index += (u64)gridDim.x * blockDim.x) {
        const Chunk chunk = chunks[index / 16];
        const Source source = sources[chunk.tensor];
        const u64 start = (u64)chunk.number * chunk_elements;
        const u64 rest = source.length - start;
        const u64 end = start + (rest < chunk_elements ? rest : chunk_elements);
        const u64 at = start + index % 16;
        switch (source.type) {
        case 0: sums[index] = sum_of_squares<Floats>(source.elements, at, end); break;
        case 1: sums[index] = sum_of_squares<Doubles>(source.elements, at, end); break;
        case 2: sums[index] = sum_of_squares<Halves>(source.elements, at, end); break;
        default: sums[index] = sum_of_squares<Brains>(source.elements, at, end); break;
        }
    }
}

// The sum of the 16 of each chunk, behind those of all chunks.
extern "C" __global__ void __launch_bounds__(256) nosc_chunk_sums(double *sums, u32 chunk_count)
{
    for (u64 chunk = (u64)blockIdx.x * blockDim.x + threadIdx.x; chunk < chunk_count;
         chunk += (u64)gridDim.x * blockDim.x) {
        double sum = 0.0;
        for (u32 i = 0; i < 16; i++) {
            sum = __dadd_rn(sum, sums[16 * chunk + i]);
        }
        sums[16 * (u64)chunk_count + chunk] = sum;
    }
}

// The norm of all gradients divided by the loss scale, and what they are multiplied by so that it is at most
// `most`: min(1, most / (norm + 1e-6)) / loss_scale. Limits: the loss scale, below 0 if gradients are to be negated, and
// `most`. One thread: the chunks are added in order.
extern "C" __global__ void nosc_clip_scale(
    const double *sums, u32 chunk_count, const double *limits, double *norm, float *scale)
{
    const double loss_scale = limits[0], most = limits[1];
    const double *of_chunks = sums + 16 * (u64)chunk_count;
    double sum = 0.0;
#pragma unroll 8
    for (u32 chunk = 0; chunk < chunk_count; chunk++) {
        sum = __dadd_rn(sum, of_chunks[chunk]);
    }
    const double divided = __ddiv_rn(__dsqrt_rn(sum), loss_scale < 0.0 ? -loss_scale : loss_scale);
    double coefficient = __ddiv_rn(most, __dadd_rn(divided, 1e-6));
    if (coefficient > 1.0) {
        coefficient = 1.0; // a NaN stays
    }
    *norm = divided;
    *scale = __double2float_rn(__ddiv_rn(coefficient, loss_scale));
}

// The place of the first of a thread's elements that is infinite or NaN; ~0 if there is none.
template <class Type>
__device__ __forceinline__ u32 first_non_finite(const void *from, u64 start, u32 count)
{
    const typename Type::Element *elements = (const typename Type::Element *)from + start;
    GLOBAL(elements);
    u32 first = ~0u;
#pragma unroll 8
    for (u32 at = threadIdx.x; at < count; at += blockDim.x) {
        const u32 bits = __float_as_uint(Type::number(elements[at]));
        const u32 here = (bits & 0x7f800000u) == 0x7f800000u ? at : ~0u;
        first = here < first ? here : first;
    }
    return first;
}

// The first element that is infinite or NaN: number of the chunk in the upper half of `first`, its place in
// the chunk in the lower.
extern "C" __global__ void __launch_bounds__(256) nosc_non_finite(
    const Source *sources, const Chunk *chunks, u32 chunk_count, u32 chunk_elements, u64 *first)
{
    for (u64 index = blockIdx.x; index < chunk_count; index += gridDim.x) {
        const Chunk chunk = chunks[index];
        const Source source = sources[chunk.tensor];
        const u64 start = (u64)chunk.number * chunk_elements;
        const u64 rest = source.length - start;
        const u32 count = rest < chunk_elements ? (u32)rest : chunk_elements;
        u32 at;
        switch (source.type) {
        case 0: at = first_non_finite<Floats>(source.elements, start, count); break;
        case 1: at = first_non_finite<Doubles>(source.elements, start, count); break;
        case 2: at = first_non_finite<Halves>(source.elements, start, count); break;
        default: at = first_non_finite<Brains>(source.elements, start, count); break;
        }
        if (at != ~0u) {
            atomicMin(first, index << 32 | at);
        }
    }
}
