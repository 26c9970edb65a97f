//! What a letter of a law may stand for, and formulas that are of a class by the way they are made.

use crate::splitmix;

/// What is known of a formula at every point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing: it may be infinite or undefined.
    Any,
    /// A number.
    Finite,
    /// Never below 0; it may be infinite or undefined.
    Nonnegative,
    /// A number never below 0.
    Size,
    /// A number above 0.
    Positive,
    /// -1, 0 or 1.
    Sign,
}

use Class::{Any, Finite, Nonnegative, Positive, Sign, Size};

impl Class {
    /// The class in the words of the documentation.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Any => None,
            Finite => Some("finite"),
            Nonnegative => Some("never below 0"),
            Size => Some("finite, never below 0"),
            Positive => Some("positive"),
            Sign => Some("a sign"),
        }
    }

    /// A simple formula for a letter.
    pub(super) fn plain(self, place: usize, way: usize) -> &'static str {
        let ways = match self {
            Any => [["g", "m", "w"], ["log(abs(g))", "gamma", "1/m"], ["m", "1/v", "g^w"]],
            Finite => [["g", "m", "w"], ["exp(m)", "g*w", "v"], ["sign(g)", "g - m", "ld"]],
            Nonnegative => {
                [["v", "abs(m)", "ld"], ["exp(log(v))", "g*g", "v"], ["1/v", "m^2", "v"]]
            }
            Size => [["v", "abs(m)", "ld"], ["g*g", "exp(w)", "v"], ["abs(g)", "sqrt(v)", "g^4"]],
            Positive => [
                ["exp(g)", "1 + v", "2 + abs(m)"],
                ["2", "exp(m)", "sigmoid(g)"],
                ["1 + ld", "0.5", "exp(g*w)"],
            ],
            Sign => [
                ["sign(g)", "sign(m)", "sign(w)"],
                ["sign(g)*sign(m)", "-sign(g)", "sign(v)"],
                ["sign(g - m)", "abs(sign(w))", "sign(m)"],
            ],
        };
        ways[way][place]
    }
}

/// A formula of a class, a function of the seed; without brackets around it.
pub fn generated(class: Class, seed: u64) -> String {
    let mut dice = Dice(seed);
    let budget = dice.below(4);
    dice.formula(class, budget)
}

struct Dice(u64);

/// Shapes: in each, capital letters stand for formulas of a class: A any, F finite, N never below 0, U a size,
/// P positive, S sign.
type Shapes = &'static [&'static str];

const ANY: Shapes = &[
    "F",
    "F",
    "F",
    "A + A",
    "A - A",
    "A*A",
    "A/A",
    "-(A)",
    "log(abs(A))",
    "log(A)",
    "exp(A)",
    "sqrt(A)",
    "abs(A)",
    "sign(A)",
    "(A)^(A)",
    "clip(A, 0.1)",
    "drop(A, 0.5)",
    "1/(A)",
    "A/(F + delta)",
];
const FINITE: Shapes = &[
    "F + F",
    "F - F",
    "F*F",
    "-(F)",
    "F/(P)",
    "log(P)",
    "exp(F)",
    "abs(F)",
    "U",
    "P",
    "S",
    "sqrt(abs(F))",
    "clip(F, 0.1)",
    "tanh(F)",
    "drop(F, 0.5)",
    "(P)^(F)",
    "(F)^2",
    "max(F, F)",
    "where(F < F, F, F)",
];
const NONNEGATIVE: Shapes =
    &["U", "U", "abs(A)", "exp(A)", "sqrt(abs(A))", "(A)^2", "N + N", "(N)*(N)", "sqrt(N)"];
const SIZE: Shapes = &[
    "abs(F)",
    "(F)^2",
    "sqrt(abs(F))",
    "P",
    "U + U",
    "(U)*(U)",
    "sqrt(U)",
    "drop(U, 0.5)",
    "clip(U, 0.1)",
    "abs(S)",
    "(U)/(P)",
];
const POSITIVE: Shapes = &[
    "exp(F)",
    "1 + U",
    "P + U",
    "(P)*(P)",
    "(P)/(P)",
    "sqrt(P)",
    "sigmoid(F)",
    "(P)^(F)",
    "2*(P)",
    "clip(P, 1)",
];
const SIGN: Shapes =
    &["sign(F)", "sign(F)", "(S)*(S)", "-(S)", "drop(S, 0.5)", "abs(S)", "clip(S, 1)"];

const OPERANDS: Shapes =
    &["g", "m", "w", "v", "gamma", "eps", "g", "m", "ld", "1", "2", "0.5", "sign(g)", "1e-4*w"];
const SIZES: Shapes = &["v", "ld", "g*g", "abs(m)", "sqrt(v)"];
const POSITIVES: Shapes = &["1", "2", "exp(g)", "1 + v", "0.5", "exp(m)"];
const SIGNS: Shapes = &["sign(g)", "sign(m)", "sign(w)", "-sign(g)", "sign(v)"];

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = splitmix(self.0);
        ((u128::from(self.0) * count as u128) >> 64) as usize
    }

    fn formula(&mut self, class: Class, budget: usize) -> String {
        let (shapes, leaves) = match class {
            Any => (ANY, OPERANDS),
            Finite => (FINITE, OPERANDS),
            Nonnegative => (NONNEGATIVE, SIZES),
            Size => (SIZE, SIZES),
            Positive => (POSITIVE, POSITIVES),
            Sign => (SIGN, SIGNS),
        };
        if budget == 0 {
            return leaves[self.below(leaves.len())].to_owned();
        }
        let shape = shapes[self.below(shapes.len())];
        let mut text = String::new();
        for letter in shape.chars() {
            let class = match letter {
                'A' => Any,
                'F' => Finite,
                'N' => Nonnegative,
                'U' => Size,
                'P' => Positive,
                'S' => Sign,
                other => {
                    text.push(other);
                    continue;
                }
            };
            let inner = self.formula(class, budget - 1);
            let is_name = inner.chars().all(|c| c.is_alphanumeric() || "_.".contains(c));
            let is_bare = shape.len() == 1 || is_name;
            text.push_str(&if is_bare { inner } else { format!("({inner})") });
        }
        text
    }
}
