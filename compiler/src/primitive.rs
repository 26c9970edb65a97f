//! The one table of primitives: everything that must know an operator reads it.
//!
//! Lexer aliases aside, a name has a meaning only by standing here. The checker resolves names with
//! it, the printers write them, the token strings name them, and a test compares the manual with it. What a
//! new row needs besides is listed in `CONTRIBUTING.md`.

/// Operands that are leaves of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operand {
    /// `g`, the gradient's element.
    Gradient,
    /// `w`, the parameter's element before the step.
    Weight,
    /// `eps`, normal noise of variance 0.01.
    Noise,
    /// `eps_t`, normal noise of variance `1/(1+t)^0.55`.
    DecayingNoise,
    /// `lr`, the caller's learning rate.
    LearningRate,
    /// `t`, steps done before this one.
    Step,
    /// `T`, total steps.
    TotalSteps,
    /// `ld`, linear decay `1 - t/T`.
    LinearDecay,
}

/// Functions of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unary {
    /// `-x`
    Neg,
    /// `exp(x)`
    Exp,
    /// `log(x)`, NaN below 0.
    Log,
    /// `sqrt(x)`, NaN below 0.
    Sqrt,
    /// `abs(x)`
    Abs,
    /// `sign(x)`: -1, +1, and ±0 and NaN as they are.
    Sign,
    /// `sigmoid(x)`, `1/(1+exp(-x))`.
    Sigmoid,
    /// `tanh(x)`
    Tanh,
}

/// Functions of two arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`
    Div,
    /// `a ^ b`, IEEE pow.
    Pow,
    /// `min(a, b)`: `a < b ? a : b`, NaN if either is.
    Min,
    /// `max(a, b)`: `a > b ? a : b`, NaN if either is.
    Max,
}

/// Comparisons, in the condition of `where`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// What a name stands for when nothing in the rule shadows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meaning {
    /// A leaf.
    Leaf(Operand),
    /// A constant.
    Constant(f64),
    /// A parameter that every rule has, with its default.
    Parameter(f64),
    /// `debias(ema(g^power, decay))`.
    Average {
        /// 1, 2 or 3.
        power: u8,
        /// Name of the decay's parameter.
        decay: &'static str,
    },
    /// `numerator / (sqrt(v) + delta)`.
    Scaled {
        /// Name of the numerator.
        numerator: &'static str,
    },
    /// `cd` or `rd`: cosine decay and its restarts; called with the number of cycles, `cd` also bare.
    Decay(Cosine),
    /// A function of one argument.
    Unary(Unary),
    /// A function of two arguments, written as a call.
    Binary(Binary),
    /// A form with its own argument rules.
    Form(Form),
}

/// The two decays with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cosine {
    /// `cd(n) = 0.5 (1 + cos(2 pi n t/T))`
    Cosine,
    /// `rd(n) = 0.5 (1 + cos(pi ((t n) mod T)/T))`
    Restart,
}

/// Forms that are not plain functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `clip(x, c)` or `clip(x, lo, hi)`
    Clip,
    /// `drop(x, p)`
    Drop,
    /// `where(condition, a, b)`
    Where,
    /// `prev(state)`
    Prev,
    /// `ema(x, decay)`
    Ema,
    /// `debias(average)`
    Debias,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Primitive {
    /// As written.
    pub name: &'static str,
    /// What it stands for.
    pub meaning: Meaning,
    /// Fewest and most arguments of a call; both 0 for a plain name.
    pub arity: (usize, usize),
    /// How it is written.
    pub usage: &'static str,
    /// One line for people.
    pub about: &'static str,
}

const fn row(
    name: &'static str,
    meaning: Meaning,
    arity: (usize, usize),
    usage: &'static str,
    about: &'static str,
) -> Primitive {
    Primitive { name, meaning, arity, usage, about }
}

use Meaning as M;

/// Every primitive of the language.
pub const PRIMITIVES: &[Primitive] = &[
    row("g", M::Leaf(Operand::Gradient), (0, 0), "g", "gradient"),
    row("w", M::Leaf(Operand::Weight), (0, 0), "w", "parameter before the step"),
    row("m", M::Average { power: 1, decay: "beta1" }, (0, 0), "m", "debias(ema(g, beta1))"),
    row("v", M::Average { power: 2, decay: "beta2" }, (0, 0), "v", "debias(ema(g*g, beta2))"),
    row(
        "gamma",
        M::Average { power: 3, decay: "beta3" },
        (0, 0),
        "gamma",
        "debias(ema(g*g*g, beta3))",
    ),
    row("adam", M::Scaled { numerator: "m" }, (0, 0), "adam", "m / (sqrt(v) + delta)"),
    row("rmsprop", M::Scaled { numerator: "g" }, (0, 0), "rmsprop", "g / (sqrt(v) + delta)"),
    row(
        "eps",
        M::Leaf(Operand::Noise),
        (0, 0),
        "eps",
        "normal noise, variance 0.01, one draw an element a step",
    ),
    row(
        "eps_t",
        M::Leaf(Operand::DecayingNoise),
        (0, 0),
        "eps_t",
        "normal noise, variance 1/(1+t)^0.55",
    ),
    row("lr", M::Leaf(Operand::LearningRate), (0, 0), "lr", "the caller's learning rate"),
    row("t", M::Leaf(Operand::Step), (0, 0), "t", "steps done before this one"),
    row("T", M::Leaf(Operand::TotalSteps), (0, 0), "T", "total steps"),
    row("ld", M::Leaf(Operand::LinearDecay), (0, 0), "ld", "linear decay, 1 - t/T"),
    row(
        "cd",
        M::Decay(Cosine::Cosine),
        (0, 1),
        "cd or cd(n)",
        "cosine decay, 0.5*(1 + cos(2*pi*n*t/T)); cd is cd(1/2)",
    ),
    row(
        "rd",
        M::Decay(Cosine::Restart),
        (1, 1),
        "rd(n)",
        "restart decay, 0.5*(1 + cos(pi*((t*n) mod T)/T))",
    ),
    row("e", M::Constant(std::f64::consts::E), (0, 0), "e", "2.718281828459045"),
    row("pi", M::Constant(std::f64::consts::PI), (0, 0), "pi", "3.141592653589793"),
    row("beta1", M::Parameter(0.9), (0, 0), "beta1", "decay of m, a parameter of every rule"),
    row("beta2", M::Parameter(0.999), (0, 0), "beta2", "decay of v, a parameter of every rule"),
    row("beta3", M::Parameter(0.999), (0, 0), "beta3", "decay of gamma, a parameter of every rule"),
    row(
        "delta",
        M::Parameter(1e-8),
        (0, 0),
        "delta",
        "added to divisors, a parameter of every rule",
    ),
    row("exp", M::Unary(Unary::Exp), (1, 1), "exp(x)", "exponential"),
    row("log", M::Unary(Unary::Log), (1, 1), "log(x)", "natural logarithm, NaN below 0"),
    row("sqrt", M::Unary(Unary::Sqrt), (1, 1), "sqrt(x)", "square root, NaN below 0"),
    row("abs", M::Unary(Unary::Abs), (1, 1), "abs(x)", "magnitude"),
    row("sign", M::Unary(Unary::Sign), (1, 1), "sign(x)", "-1 or +1; ±0 and NaN stay"),
    row("sigmoid", M::Unary(Unary::Sigmoid), (1, 1), "sigmoid(x)", "1/(1 + exp(-x))"),
    row("tanh", M::Unary(Unary::Tanh), (1, 1), "tanh(x)", "hyperbolic tangent"),
    row("min", M::Binary(Binary::Min), (2, 2), "min(a, b)", "a < b ? a : b; NaN if either is"),
    row("max", M::Binary(Binary::Max), (2, 2), "max(a, b)", "a > b ? a : b; NaN if either is"),
    row(
        "clip",
        M::Form(Form::Clip),
        (2, 3),
        "clip(x, c) or clip(x, lo, hi)",
        "x clamped to [-c, c] or [lo, hi]; keeps NaN",
    ),
    row(
        "drop",
        M::Form(Form::Drop),
        (2, 2),
        "drop(x, p)",
        "0 with probability p, else x; no rescaling",
    ),
    row(
        "where",
        M::Form(Form::Where),
        (3, 3),
        "where(a < b, x, y)",
        "x where the comparison holds, else y",
    ),
    row("prev", M::Form(Form::Prev), (1, 1), "prev(state)", "a state's value before this step"),
    row(
        "ema",
        M::Form(Form::Ema),
        (2, 2),
        "ema(x, beta)",
        "running average s = beta*s + (1-beta)*x, starts at 0",
    ),
    row(
        "debias",
        M::Form(Form::Debias),
        (1, 1),
        "debias(ema(x, beta))",
        "the average divided by 1 - beta^(t+1)",
    ),
];

/// The default of a parameter that every rule has.
pub(crate) fn built_in_default(name: &str) -> Option<f64> {
    match primitive(name)?.meaning {
        Meaning::Parameter(default) => Some(default),
        _ => None,
    }
}

/// The number of `cd` where none is written.
pub(crate) const BARE_DECAY: f64 = 0.5;

/// The row of a name.
pub fn primitive(name: &str) -> Option<&'static Primitive> {
    PRIMITIVES.iter().find(|row| row.name == name)
}

impl Primitive {
    /// Whether the name is a function, which nothing may shadow.
    pub fn is_function(&self) -> bool {
        self.arity.0 > 0
    }
}

impl Unary {
    /// Name in a formula.
    pub fn name(self) -> &'static str {
        match self {
            Unary::Neg => "-",
            Unary::Exp => "exp",
            Unary::Log => "log",
            Unary::Sqrt => "sqrt",
            Unary::Abs => "abs",
            Unary::Sign => "sign",
            Unary::Sigmoid => "sigmoid",
            Unary::Tanh => "tanh",
        }
    }
}

impl Binary {
    /// Operator or function name in a formula.
    pub fn name(self) -> &'static str {
        match self {
            Binary::Add => "+",
            Binary::Sub => "-",
            Binary::Mul => "*",
            Binary::Div => "/",
            Binary::Pow => "^",
            Binary::Min => "min",
            Binary::Max => "max",
        }
    }
}

impl Operand {
    /// Name in a formula.
    pub fn name(self) -> &'static str {
        match self {
            Operand::Gradient => "g",
            Operand::Weight => "w",
            Operand::Noise => "eps",
            Operand::DecayingNoise => "eps_t",
            Operand::LearningRate => "lr",
            Operand::Step => "t",
            Operand::TotalSteps => "T",
            Operand::LinearDecay => "ld",
        }
    }
}

impl Comparison {
    /// Operator in a formula.
    pub fn name(self) -> &'static str {
        match self {
            Comparison::Less => "<",
            Comparison::LessEqual => "<=",
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
        }
    }
}

/// A word that has a meaning by its place: at the start of a rule or statement, and after the name of a state.
#[derive(Debug, Clone, Copy)]
pub struct Keyword {
    /// As written.
    pub name: &'static str,
    /// What it stands in.
    pub usage: &'static str,
    /// One line for people.
    pub about: &'static str,
}

const fn keyword(name: &'static str, usage: &'static str, about: &'static str) -> Keyword {
    Keyword { name, usage, about }
}

/// Every keyword: that of a rule, then those of a block.
pub const KEYWORDS: &[Keyword] = &[
    keyword("rule", "rule NAME = FORMULA or rule NAME { ... }", "a rule of the file"),
    keyword("param", "param NAME = CONSTANT", "a hyper-parameter and its default"),
    keyword("let", "let NAME = FORMULA", "a name for a formula"),
    keyword("state", "state NAME = FORMULA", "memory that is updated once a step, 0 at the start"),
    keyword("init", "state NAME init START = FORMULA", "where a state starts"),
    keyword("update", "update = FORMULA", "what is subtracted, times lr * schedule; exactly one"),
    keyword("schedule", "schedule = FORMULA", "a factor that is the same for all elements"),
];

/// Operand tokens of the paper's space that are plain names with a formula; `%k`, `cd_N` and `rd_N`
/// are read by their form.
pub const OPERAND_TOKENS: &[&str] = &[
    "g", "g2", "g3", "m", "v", "gamma", "sign_g", "sign_m", "1", "2", "eps", "w1e-4", "w1e-3",
    "w1e-2", "w1e-1", "adam", "rmsprop", "ld", "cd", "eps_t",
];

/// Unary tokens of the paper's space.
pub const UNARY_TOKENS: &[&str] = &[
    "id", "neg", "exp", "log", "sqrt", "clip1e-5", "clip1e-4", "clip1e-3", "drop0.1", "drop0.3",
    "drop0.5", "sign",
];

/// Binary tokens of the paper's space.
pub const BINARY_TOKENS: &[&str] = &["add", "sub", "mul", "div", "pow", "left"];

#[cfg(test)]
mod tests {
    use super::PRIMITIVES;

    #[test]
    fn names_are_unique() {
        for (i, a) in PRIMITIVES.iter().enumerate() {
            assert!(PRIMITIVES[..i].iter().all(|b| b.name != a.name), "{} stands twice", a.name);
        }
    }
}
