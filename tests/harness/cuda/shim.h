/* What CUDA C has and C++ has not, for a host compiler: the kernels of nosc on a processor, for tests.
 *
 * Each intrinsic is the one IEEE operation that it stands for; the translation unit is compiled without
 * contraction. Kernels have no barriers, so the threads of a launch run one after another. */
#ifndef NOSC_SHIM_H
#define NOSC_SHIM_H

#include <cmath>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
/* Once is enough here: inlining an element four times only takes time. */
#define __forceinline__
#define __launch_bounds__(threads)

struct Place3 {
    unsigned int x, y, z;
};
extern Place3 threadIdx, blockIdx, blockDim, gridDim;

struct __attribute__((may_alias, aligned(16))) float4 {
    float x, y, z, w;
};
struct __attribute__((may_alias, aligned(16))) double2 {
    double x, y;
};
struct __attribute__((may_alias, aligned(8))) ushort4 {
    unsigned short x, y, z, w;
};

static inline unsigned int __float_as_uint(float value)
{
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
static inline float __uint_as_float(unsigned int bits)
{
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return std::sqrt(a); }
#ifdef NOSC_TWO_ROUNDINGS
/* A control that must be noticed. */
static inline float __fmaf_rn(float a, float b, float c) { return a * b + c; }
#else
static inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
#endif
static inline float __int2float_rn(int a) { return static_cast<float>(a); }
static inline float __double2float_rn(double a) { return static_cast<float>(a); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dsub_rn(double a, double b) { return a - b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }
static inline double __dsqrt_rn(double a) { return std::sqrt(a); }
static inline unsigned int __umulhi(unsigned int a, unsigned int b)
{
    return static_cast<unsigned int>((static_cast<std::uint64_t>(a) * b) >> 32);
}

/* There is one thread at a time. Each returns what was there before. */
template <class T> static inline T nosc_exchanged(T *place, T value)
{
    const T before = *place;
    *place = value;
    return before;
}
static inline unsigned int atomicAdd(unsigned int *place, unsigned int value)
{
    return nosc_exchanged(place, *place + value);
}
static inline unsigned int atomicMin(unsigned int *place, unsigned int value)
{
    return nosc_exchanged(place, *place < value ? *place : value);
}
static inline unsigned int atomicOr(unsigned int *place, unsigned int value)
{
    return nosc_exchanged(place, *place | value);
}
static inline unsigned long long atomicAdd(unsigned long long *place, unsigned long long value)
{
    return nosc_exchanged(place, *place + value);
}
static inline unsigned long long atomicMin(unsigned long long *place, unsigned long long value)
{
    return nosc_exchanged(place, *place < value ? *place : value);
}
static inline unsigned long long atomicOr(unsigned long long *place, unsigned long long value)
{
    return nosc_exchanged(place, *place | value);
}

#endif
