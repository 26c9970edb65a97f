//! Functions of the files for PyTorch: what `torch._foreach_*` lacks, and floats where Python raises.

use crate::export::helpers::Helper;

/// Names under which the operations on lists are called: `torch._foreach_NAME`.
pub(super) const LIST_OPERATIONS: &[&str] =
    &["add", "sub", "mul", "div", "neg", "exp", "log", "sqrt", "abs", "sigmoid", "tanh"];

const fn row(name: &'static str, calls: &'static [&'static str], text: &'static str) -> Helper {
    Helper { name, calls, text }
}

/// All of them, each before its users.
pub(super) const HELPERS: &[Helper] = &[
    row(
        "each",
        &[],
        "
def each(function, *operands):
    \"\"\"The function over lists of tensors; a number stands for a list of itself, in float32.\"\"\"
    count = next(len(x) for x in operands if isinstance(x, (list, tuple)))

    def column(x):
        return x if isinstance(x, (list, tuple)) else [torch.tensor(x, dtype=torch.float32)] * count

    return [function(*row) for row in zip(*map(column, operands))]

",
    ),
    row(
        "sign",
        &["each"],
        "
def sign(x):
    \"\"\"-1 or +1; zeros, with their sign, and NaN stay.\"\"\"
    return each(lambda x: torch.where(x > 0, 1.0, torch.where(x < 0, -1.0, x)), x)

",
    ),
    row(
        "over",
        &["each"],
        "
def over(a, b):
    \"\"\"a / b for a number a, correctly rounded.\"\"\"
    return each(torch.div, a, b)

",
    ),
    row(
        "power",
        &["each"],
        "
def power(a, b):
    return each(torch.pow, a, b)

",
    ),
    row(
        "smaller",
        &["each"],
        "
def smaller(a, b):
    \"\"\"a < b ? a : b; NaN if either is.\"\"\"
    return each(lambda a, b: torch.where((a < b) | (a != a), a, b), a, b)

",
    ),
    row(
        "larger",
        &["each"],
        "
def larger(a, b):
    \"\"\"a > b ? a : b; NaN if either is.\"\"\"
    return each(lambda a, b: torch.where((a > b) | (a != a), a, b), a, b)

",
    ),
    row(
        "clip",
        &["each"],
        "
def clip(x, low, high):
    \"\"\"x within the bounds; NaN if x or a bound is.\"\"\"

    def clipped(x, low, high):
        inside = torch.where(x < low, low, torch.where(x > high, high, x))
        return torch.where(low != low, low, torch.where(high != high, high, inside))

    return each(clipped, x, low, high)

",
    ),
    row("less", &["each"], "\ndef less(a, b):\n    return each(torch.lt, a, b)\n\n"),
    row("less_equal", &["each"], "\ndef less_equal(a, b):\n    return each(torch.le, a, b)\n\n"),
    row("equal", &["each"], "\ndef equal(a, b):\n    return each(torch.eq, a, b)\n\n"),
    row("not_equal", &["each"], "\ndef not_equal(a, b):\n    return each(torch.ne, a, b)\n\n"),
    row(
        "where",
        &["each"],
        "
def where(condition, a, b):
    if isinstance(condition, bool):
        condition = float(condition)
    return each(lambda c, a, b: torch.where(c != 0, a, b), condition, a, b)

",
    ),
    row(
        "spread",
        &["each"],
        "
def spread(number, like):
    \"\"\"A number as tensors.\"\"\"
    return each(lambda x, like: x * torch.ones_like(like), number, like)

",
    ),
    row(
        "new_generator",
        &[],
        "
def new_generator(device, seed, step, tensor):
    \"\"\"Random numbers of a tensor at a step (those of -1 are the schedule's): nothing has to be saved.\"\"\"
    word = int(seed) & 0xFFFFFFFFFFFFFFFF
    for part in (int(step), tensor):  # SplitMix64
        word = (word ^ part) + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        word = (word ^ word >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        word ^= word >> 31
    return torch.Generator(device).manual_seed(word >> 1)

",
    ),
    row(
        "normal",
        &["new_generator"],
        "
def normal(deviation, like, generators):
    draws = zip(like, generators)
    draws = [torch.randn(x.shape, generator=r, device=x.device, dtype=torch.float32) for x, r in draws]
    return torch._foreach_mul(draws, deviation)

",
    ),
    row(
        "drop",
        &["each", "new_generator"],
        "
def drop(x, p, like, generators):
    \"\"\"0 with probability p, else x, which is not rescaled.\"\"\"
    draws = zip(like, generators)
    draws = [torch.rand(x.shape, generator=r, device=x.device, dtype=torch.float32) for x, r in draws]
    return each(lambda u, x: torch.where(u < p, 0.0, x), draws, x)

",
    ),
    row(
        "scalar_normal",
        &["new_generator"],
        "
def scalar_normal(deviation, generator):
    return float(torch.randn((), generator=generator, dtype=torch.float32)) * deviation

",
    ),
    row(
        "scalar_drop",
        &["new_generator"],
        "
def scalar_drop(x, p, generator):
    return 0.0 if float(torch.rand((), generator=generator, dtype=torch.float32)) < p else x

",
    ),
    row(
        "ieee",
        &[],
        "
def ieee(function, of_tensors):
    \"\"\"A function of floats that returns what IEEE 754 says where Python raises.\"\"\"

    def safe(*numbers):
        try:
            return function(*numbers)
        except (ArithmeticError, ValueError):
            return float(of_tensors(*(torch.tensor(x, dtype=torch.float64) for x in numbers)))

    return safe

",
    ),
    row("scalar_div", &["ieee"], "\nscalar_div = ieee(lambda a, b: a / b, torch.div)\n"),
    row("scalar_exp", &["ieee"], "\nscalar_exp = ieee(math.exp, torch.exp)\n"),
    row("scalar_log", &["ieee"], "\nscalar_log = ieee(math.log, torch.log)\n"),
    row("scalar_sqrt", &["ieee"], "\nscalar_sqrt = ieee(math.sqrt, torch.sqrt)\n"),
    row("scalar_pow", &["ieee"], "\nscalar_pow = ieee(math.pow, torch.pow)\n"),
    row("scalar_abs", &[], "\nscalar_abs = math.fabs\n"),
    row("scalar_tanh", &[], "\nscalar_tanh = math.tanh\n"),
    row(
        "scalar_sigmoid",
        &["scalar_exp"],
        "
def scalar_sigmoid(x):
    return 1.0 / (1.0 + scalar_exp(-x))

",
    ),
    row(
        "scalar_sign",
        &[],
        "
def scalar_sign(x):
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x

",
    ),
    row(
        "scalar_min",
        &[],
        "
def scalar_min(a, b):
    return a if a < b or a != a else b

",
    ),
    row(
        "scalar_max",
        &[],
        "
def scalar_max(a, b):
    return a if a > b or a != a else b

",
    ),
    row(
        "scalar_clip",
        &[],
        "
def scalar_clip(x, low, high):
    if x != x or low != low or high != high:
        return math.nan
    return low if x < low else high if x > high else x

",
    ),
    row(
        "ld",
        &[],
        "
def ld(t, T):
    return 1.0 - min(t, T) / T

",
    ),
    row(
        "cd",
        &[],
        "
def cd(n, t, T):
    return 0.5 * (1.0 + math.cos(2.0 * math.pi * n * min(t, T) / T))

",
    ),
    row(
        "rd",
        &[],
        "
def rd(n, t, T):
    return 0.5 * (1.0 + math.cos(math.pi * math.fmod(min(t, T) * n, T) / T))

",
    ),
    row(
        "descend",
        &[],
        "
def descend(params, w, scale, update):
    \"\"\"w - scale * update, rounded to the types of the parameters; those of float64 move in float64.\"\"\"
    wide = [i for i, p in enumerate(params) if p.dtype == torch.float64]
    others = [i for i, p in enumerate(params) if p.dtype != torch.float64]
    if others:
        change = torch._foreach_mul([update[i] for i in others], scale)
        moved = torch._foreach_sub([w[i] for i in others], change)
        torch._foreach_copy_([params[i] for i in others], moved)
    for i in wide:
        params[i].sub_(update[i].double() * torch.tensor(scale, dtype=torch.float32).double())

",
    ),
];
