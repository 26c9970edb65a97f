//! Functions of the files in C: operations on step scalars that C has not, guarded so that files may stand in one.

use crate::export::helpers::Helper;

const fn row(name: &'static str, text: &'static str) -> Helper {
    Helper { name, calls: &[], text }
}

/// All of them. Their names start as no rule's do.
pub(super) const HELPERS: &[Helper] = &[
    row(
        "noscf_sign",
        "
#ifndef NOSC_SIGN
#define NOSC_SIGN
NOSC_INLINE double noscf_sign(double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x; }
#endif
",
    ),
    row(
        "noscf_sigmoid",
        "
#ifndef NOSC_SIGMOID
#define NOSC_SIGMOID
NOSC_INLINE double noscf_sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
#endif
",
    ),
    row(
        "noscf_min",
        "
#ifndef NOSC_MIN
#define NOSC_MIN
NOSC_INLINE double noscf_min(double a, double b) { return a < b || a != a ? a : b; }
#endif
",
    ),
    row(
        "noscf_max",
        "
#ifndef NOSC_MAX
#define NOSC_MAX
NOSC_INLINE double noscf_max(double a, double b) { return a > b || a != a ? a : b; }
#endif
",
    ),
    row(
        "noscf_clip",
        "
#ifndef NOSC_CLIP
#define NOSC_CLIP
NOSC_INLINE double noscf_clip(double x, double low, double high)
{
    if (x != x || low != low || high != high) {
        return (double)NAN;
    }
    return x < low ? low : x > high ? high : x;
}
#endif
",
    ),
    row(
        "noscf_ld",
        "
#ifndef NOSC_LD
#define NOSC_LD
NOSC_INLINE double noscf_ld(double t, double T) { return 1.0 - fmin(t, T) / T; }
#endif
",
    ),
    row(
        "noscf_cd",
        "
#ifndef NOSC_CD
#define NOSC_CD
NOSC_INLINE double noscf_cd(double n, double t, double T)
{
    return 0.5 * (1.0 + cos(2.0 * 3.141592653589793 * n * fmin(t, T) / T));
}
#endif
",
    ),
    row(
        "noscf_rd",
        "
#ifndef NOSC_RD
#define NOSC_RD
NOSC_INLINE double noscf_rd(double n, double t, double T)
{
    return 0.5 * (1.0 + cos(3.141592653589793 * fmod(fmin(t, T) * n, T) / T));
}
#endif
",
    ),
];
