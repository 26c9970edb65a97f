//! Functions of the files for JAX: what the language defines in another way than `jax.numpy`, and numbers that may or may
//! not be known while a function is traced.

use crate::export::helpers::Helper;

const fn row(name: &'static str, calls: &'static [&'static str], text: &'static str) -> Helper {
    Helper { name, calls, text }
}

/// All of them, each before its users.
pub(super) const HELPERS: &[Helper] = &[
    row(
        "number",
        &[],
        "
def number(x):
    \"\"\"What Python knows as a float, which is computed with in float64; all else as a float32 array.\"\"\"
    return float(x) if isinstance(x, (int, float)) else jnp.asarray(x, jnp.float32)

",
    ),
    row(
        "sign",
        &[],
        "
def sign(x):
    \"\"\"-1 or +1; zeros, with their sign, and NaN stay.\"\"\"
    return jnp.where(x > 0, 1.0, jnp.where(x < 0, -1.0, x))

",
    ),
    row(
        "power",
        &[],
        "
def power(a, b):
    return jnp.power(jnp.asarray(a, jnp.float32), jnp.asarray(b, jnp.float32))

",
    ),
    row(
        "smaller",
        &[],
        "
def smaller(a, b):
    \"\"\"a < b ? a : b; NaN if either is.\"\"\"
    return jnp.where((a < b) | (a != a), a, b)

",
    ),
    row(
        "larger",
        &[],
        "
def larger(a, b):
    \"\"\"a > b ? a : b; NaN if either is.\"\"\"
    return jnp.where((a > b) | (a != a), a, b)

",
    ),
    row(
        "clip",
        &[],
        "
def clip(x, low, high):
    \"\"\"x within the bounds; NaN if x or a bound is.\"\"\"
    inside = jnp.where(x < low, low, jnp.where(x > high, high, x))
    return jnp.where(low != low, low, jnp.where(high != high, high, inside))

",
    ),
    row(
        "normal",
        &[],
        "
def normal(deviation, key, site, shape):
    return jax.random.normal(jax.random.fold_in(key, site), shape, jnp.float32) * deviation

",
    ),
    row(
        "drop",
        &[],
        "
def drop(x, p, key, site, shape):
    \"\"\"0 with probability p, else x, which is not rescaled.\"\"\"
    draws = jax.random.uniform(jax.random.fold_in(key, site), shape, jnp.float32)
    return jnp.where(draws < p, 0.0, x)

",
    ),
    row(
        "either",
        &[],
        "
def either(of_floats, of_arrays):
    \"\"\"A function of floats, in float64, and of arrays, in float32; these know an answer where Python raises.\"\"\"

    def function(*numbers):
        if all(isinstance(x, float) for x in numbers):
            try:
                return of_floats(*numbers)
            except (ArithmeticError, ValueError):
                pass
        return of_arrays(*(jnp.asarray(x, jnp.float32) for x in numbers))

    return function

",
    ),
    row(
        "one_minus_power",
        &["either"],
        "
def one_minus_power(a, b):
    \"\"\"1 - a ** b, without the digits that float32 would lose where a is near 1.\"\"\"
    if isinstance(a, float) and isinstance(b, float):
        return 1.0 - either(math.pow, jnp.power)(a, b)
    log = either(math.log, jnp.log)(a)
    return jnp.where(a > 0.0, -jnp.expm1(b * log), 1.0 - jnp.power(a, b))

",
    ),
    row("scalar_div", &["either"], "\nscalar_div = either(operator.truediv, jnp.divide)\n"),
    row("scalar_exp", &["either"], "\nscalar_exp = either(math.exp, jnp.exp)\n"),
    row("scalar_log", &["either"], "\nscalar_log = either(math.log, jnp.log)\n"),
    row("scalar_sqrt", &["either"], "\nscalar_sqrt = either(math.sqrt, jnp.sqrt)\n"),
    row("scalar_pow", &["either"], "\nscalar_pow = either(math.pow, jnp.power)\n"),
    row("scalar_tanh", &["either"], "\nscalar_tanh = either(math.tanh, jnp.tanh)\n"),
    row("scalar_abs", &["either"], "\nscalar_abs = either(math.fabs, jnp.abs)\n"),
    row(
        "scalar_sigmoid",
        &["scalar_exp"],
        "
def scalar_sigmoid(x):
    return 1.0 / (1.0 + scalar_exp(-x))

",
    ),
    row("scalar_sign", &["sign"], "\nscalar_sign = sign\n"),
    row("scalar_min", &["smaller"], "\nscalar_min = smaller\n"),
    row("scalar_max", &["larger"], "\nscalar_max = larger\n"),
    row("scalar_clip", &["clip"], "\nscalar_clip = clip\n"),
    row(
        "ld",
        &[],
        "
def ld(t, T):
    \"\"\"1 - t/T, and 0 at T, however the division is rounded.\"\"\"
    return (T - jnp.minimum(t, T)) / T

",
    ),
    row(
        "cd",
        &[],
        "
def cd(n, t, T):
    return 0.5 * (1.0 + jnp.cos(2.0 * math.pi * n * jnp.minimum(t, T) / T))

",
    ),
    row(
        "rd",
        &[],
        "
def rd(n, t, T):
    return 0.5 * (1.0 + jnp.cos(math.pi * jnp.fmod(jnp.minimum(t, T) * n, T) / T))

",
    ),
];
