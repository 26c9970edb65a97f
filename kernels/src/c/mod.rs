//! C99 source: functions that carry a plan out, with the bits of the [interpreter](crate::interpreter).
//!
//! ```text
//! plan ─► [function] loops, declarations ─► text
//!   └► [expression] one instruction, for CUDA too
//! ```
//!
//! The text needs `<math.h>`, `<stdint.h>`, `<string.h>` and [`PRELUDE`], and a compiler that neither contracts
//! `a * b + c` nor computes in a wider type.

pub(crate) mod expression;
mod function;

pub use function::{once, step};

/// What the functions call: bits of floats, and the element of a block of four. It may stand in a file several times.
pub const PRELUDE: &str = "\
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error \"compile without fast math\"
#endif
#if FLT_EVAL_METHOD != 0
#error \"floats are computed in a wider type: compile for SSE2 or a newer processor\"
#endif
#if defined(__clang__) || !defined(__GNUC__)
#pragma STDC FP_CONTRACT OFF
#endif

#ifndef NOSC_PRELUDE
#define NOSC_PRELUDE
#if defined(__GNUC__)
#define NOSC_INLINE static inline __attribute__((unused))
#else
#define NOSC_INLINE static inline
#endif
#if defined(__cplusplus) && defined(__GNUC__)
#define NOSC_RESTRICT __restrict__
#elif defined(__cplusplus)
#define NOSC_RESTRICT
#else
#define NOSC_RESTRICT restrict
#endif

NOSC_INLINE uint32_t noscf_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

NOSC_INLINE float noscf_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The value of an element from those of its block of four. */
NOSC_INLINE uint32_t noscf_pick(unsigned lane, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return lane == 0 ? a : lane == 1 ? b : lane == 2 ? c : d;
}
#endif
";
