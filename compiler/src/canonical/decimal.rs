//! Whether a fold of constants is true over the reals, and not of rounded numbers only.
//!
//! A constant denotes the number that its shortest decimal form writes: 0.1 is one tenth, whatever f64 is
//! next to it; `e` and `pi` are themselves. In f64 `0.1 + 0.2` is 0.30000000000000004, which is another
//! number, so such a sum stays as it is written: it has the same bits, and no key of a different rule.
//! Divisions by 0 are undefined over the reals, and a zero has no sign there.
//!
//! All arithmetic is exact, on at most 38 digits before and after the point; what does not fit is not folded,
//! because the level `real` could not read it.

use std::f64::consts::{E, PI};

use crate::primitive::{Binary, Unary};
use crate::tree::{Node, NodeId};

/// Whole exponents up to this magnitude are tried.
const MAX_POWER: f64 = 2048.0;

/// Whether an operation on constants, which gives `result` in f64, gives the number that `result` denotes.
pub(super) fn is_true(node: Node, value: impl Fn(NodeId) -> Option<f64>, result: f64) -> bool {
    let value = |id| value(id).unwrap_or(f64::NAN);
    match node {
        Node::Unary(op, x) => unary(op, value(x), result),
        Node::Binary(op, a, b) => binary(op, value(a), value(b), result),
        // Decimals are ordered as their numbers are, but nothing compares with what is undefined.
        Node::Where(_, [a, b, ..]) => ![a, b].map(value).iter().any(|x| x.is_nan()),
        Node::Clip(x, lo, hi) => ![x, lo, hi].map(value).iter().any(|x| x.is_nan()),
        _ => true,
    }
}

fn unary(op: Unary, x: f64, result: f64) -> bool {
    if x.is_nan() {
        return true;
    }
    match op {
        Unary::Neg | Unary::Abs | Unary::Sign => true,
        Unary::Exp => x == 0.0 || x.is_infinite() || (x == 1.0 && result == E),
        // The logarithm of 0 is -Inf, and that of what is below undefined.
        Unary::Log => x <= 0.0 || x == 1.0 || x.is_infinite() || (x == E && result == 1.0),
        Unary::Sqrt => x <= 0.0 || x.is_infinite() || binary(Binary::Mul, result, result, x),
        Unary::Sigmoid | Unary::Tanh => x == 0.0,
    }
}

/// [`is_true`] of an operation of two arguments.
pub(super) fn binary(op: Binary, a: f64, b: f64, result: f64) -> bool {
    match op {
        Binary::Pow => return power(a, b, result),
        Binary::Min | Binary::Max => return true,
        _ if a.is_nan() || b.is_nan() => return true,
        Binary::Div if b == 0.0 => return a == 0.0,
        _ if a.is_infinite() || b.is_infinite() => return true,
        _ if is_named(a) || is_named(b) => return of_named(op, a, b),
        _ => {}
    }
    let (Some(a), Some(b), Some(c)) = (Decimal::of(a), Decimal::of(b), Decimal::of(result)) else {
        return false;
    };
    let is_true = match op {
        Binary::Add => a.plus(b) == Some(c),
        Binary::Sub => a.plus(b.neg()) == Some(c),
        Binary::Mul => a.times(b) == Some(c),
        _ => c.times(b) == Some(a),
    };
    is_true && c.is_short()
}

/// What is known of `e` and `pi`, with each other and with numbers.
fn of_named(op: Binary, a: f64, b: f64) -> bool {
    match op {
        Binary::Add => a == 0.0 || b == 0.0 || a == -b,
        Binary::Sub => a == 0.0 || b == 0.0 || a == b,
        Binary::Mul => [0.0, 1.0].contains(&a.abs()) || [0.0, 1.0].contains(&b.abs()),
        _ => a == 0.0 || b.abs() == 1.0 || a.abs() == b.abs(),
    }
}

fn power(a: f64, b: f64, result: f64) -> bool {
    // These two are 1 for what is undefined too.
    if b == 0.0 || a == 1.0 || a.is_nan() || b.is_nan() {
        return true;
    }
    if a.is_infinite() || b.is_infinite() {
        return false;
    }
    if a == 0.0 {
        return result != f64::NEG_INFINITY;
    }
    if b == 1.0 || (a < 0.0 && b.fract() != 0.0) {
        return true;
    }
    exact_power(a, b, result) == Some(true)
}

/// Whether `a^b = c` for a whole b.
fn exact_power(a: f64, b: f64, result: f64) -> Option<bool> {
    if b.fract() != 0.0 || b.abs() > MAX_POWER {
        return None;
    }
    let (a, c) = (Decimal::of(a)?, Decimal::of(result)?);
    let power = a.power(b.abs() as u32)?;
    let is_true = if b > 0.0 { c == power } else { c.times(power)? == Decimal::ONE };
    Some(is_true && c.is_short())
}

fn is_named(value: f64) -> bool {
    value.abs() == E || value.abs() == PI
}

/// The digits and the power of ten of the shortest decimal form; `None` if the value is not finite.
pub(super) fn shortest(value: f64) -> Option<(i128, i32)> {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return Some((value as i128, 0));
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent = exponent.parse::<i32>().ok()? - fraction.len() as i32;
    Some((format!("{whole}{fraction}").parse().ok()?, exponent))
}

/// The number `digits * 10^exponent`; `digits` does not end in 0, and of 0 the exponent is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

impl Decimal {
    const ONE: Decimal = Decimal { digits: 1, exponent: 0 };

    /// The shortest decimal form of a finite number that has no name.
    fn of(value: f64) -> Option<Decimal> {
        if is_named(value) {
            return None;
        }
        let (digits, exponent) = shortest(value)?;
        Some(Decimal::new(digits, exponent))
    }

    fn new(mut digits: i128, mut exponent: i32) -> Decimal {
        if digits == 0 {
            return Decimal { digits, exponent: 0 };
        }
        while digits % 10 == 0 {
            digits /= 10;
            exponent += 1;
        }
        Decimal { digits, exponent }
    }

    fn neg(self) -> Decimal {
        Decimal { digits: -self.digits, ..self }
    }

    fn plus(self, other: Decimal) -> Option<Decimal> {
        if self.digits == 0 || other.digits == 0 {
            return Some(if self.digits == 0 { other } else { self });
        }
        let least = self.exponent.min(other.exponent);
        let aligned = |number: Decimal| {
            let ten = 10i128.checked_pow(number.exponent.abs_diff(least))?;
            number.digits.checked_mul(ten)
        };
        Some(Decimal::new(aligned(self)?.checked_add(aligned(other)?)?, least))
    }

    fn times(self, other: Decimal) -> Option<Decimal> {
        let digits = self.digits.checked_mul(other.digits)?;
        Some(Decimal::new(digits, self.exponent.checked_add(other.exponent)?))
    }

    fn power(self, exponent: u32) -> Option<Decimal> {
        (0..exponent).try_fold(Decimal::ONE, |product, _| product.times(self))
    }

    /// Whether numerator and denominator have at most 38 digits.
    fn is_short(self) -> bool {
        let ten = 10i128.checked_pow(self.exponent.unsigned_abs());
        let factor = if self.exponent < 0 { 1 } else { self.digits };
        ten.is_some_and(|ten| ten.checked_mul(factor).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::{Binary, E, PI, Unary, binary, unary};
    use crate::scalar;

    #[track_caller]
    fn check(op: Binary, a: f64, b: f64, wanted: bool) {
        let result = scalar::binary(op, a, b);
        assert_eq!(binary(op, a, b, result), wanted, "{a:e} {op:?} {b:e} = {result:e}");
    }

    #[test]
    fn sums_and_products_are_those_of_decimals() {
        for (a, b, wanted) in [
            (1.0, 2.0, true),
            (0.1, 0.2, false),
            (0.5, 0.25, true),
            (0.1, 0.7, false),
            (1.0, 1e-17, false),
            (1.0, 1e-10, true),
            (1e300, -1e300, true),
            (1e300, 0.0, false),
            (1e30, 1e31, true),
            (1e300, 1e-300, false),
            (0.0, 1e-300, false),
            (1e-30, 0.0, true),
            (1e308, 1e308, false),
            (f64::INFINITY, 1.0, true),
            (f64::INFINITY, f64::NEG_INFINITY, true),
            (E, 0.0, true),
            (E, 1.0, false),
            (E, -E, true),
            (-0.0, 0.0, true),
        ] {
            check(Binary::Add, a, b, wanted);
        }
        check(Binary::Sub, 0.3, 0.1, false);
        check(Binary::Sub, 1.0, 0.1, true);
        check(Binary::Mul, 1e300, 1e-300, true);
        check(Binary::Mul, 1e-200, 1e-200, false);
        check(Binary::Mul, 0.1, 3.0, false);
        check(Binary::Mul, 9_007_199_254_740_991.0, 3.0, false);
        check(Binary::Mul, PI, -1.0, true);
        check(Binary::Mul, PI, 2.0, false);
        // The product has the decimal form of e, and is not e.
        assert!(!binary(Binary::Mul, 1.359_140_914_229_522_5, 2.0, E));
    }

    #[test]
    fn quotients_are_undefined_at_zero() {
        check(Binary::Div, 1.0, 4.0, true);
        check(Binary::Div, 1.0, 3.0, false);
        check(Binary::Div, 1e39, 1e39, true);
        check(Binary::Div, 1.0, 0.0, false);
        check(Binary::Div, -1.0, -0.0, false);
        check(Binary::Div, f64::INFINITY, 0.0, false);
        check(Binary::Div, 0.0, 0.0, true);
        check(Binary::Div, 1.0, f64::INFINITY, true);
        check(Binary::Div, PI, PI, true);
        check(Binary::Div, PI, E, false);
    }

    #[test]
    fn powers_and_roots_are_exact_or_stay() {
        for (a, b, wanted) in [
            (2.0, 10.0, true),
            (2.0, -10.0, true),
            (2.0, 100.0, false),
            (10.0, 22.0, true),
            (10.0, 50.0, false),
            (0.1, 2.0, false),
            (-2.0, 3.0, true),
            (-2.0, 0.5, true),
            (4.0, 0.5, false),
            (2.0, 0.5, false),
            (3.0, 0.0, true),
            (f64::NAN, 0.0, true),
            (0.0, -1.0, true),
            (-0.0, -1.0, false),
            (0.0, 0.3, true),
            (E, 2.0, false),
            (E, 1.0, true),
            (1.5, 1e300, false),
            (1.0 + f64::EPSILON, 1000.0, false),
        ] {
            check(Binary::Pow, a, b, wanted);
        }
        let roots = [(4.0, true), (0.25, true), (2.0, false), (-1.0, true), (0.01, true)];
        for (x, wanted) in roots {
            assert_eq!(unary(Unary::Sqrt, x, scalar::unary(Unary::Sqrt, x)), wanted, "{x}");
        }
    }

    #[test]
    fn functions_are_folded_where_their_value_is_a_number_that_is_written() {
        for (op, x, wanted) in [
            (Unary::Exp, 0.0, true),
            // One unit in the last place beside e.
            (Unary::Exp, 1.0, false),
            (Unary::Exp, 2.0, false),
            (Unary::Exp, 1e4, false),
            (Unary::Exp, f64::NEG_INFINITY, true),
            (Unary::Log, 1.0, true),
            (Unary::Log, 0.0, true),
            (Unary::Log, -1.0, true),
            (Unary::Log, E, true),
            (Unary::Log, 10.0, false),
            (Unary::Tanh, 0.0, true),
            (Unary::Tanh, 30.0, false),
            (Unary::Sigmoid, 0.0, true),
            (Unary::Sigmoid, 1.0, false),
            (Unary::Sign, -3.0, true),
            (Unary::Neg, PI, true),
        ] {
            assert_eq!(unary(op, x, scalar::unary(op, x)), wanted, "{op:?} {x}");
        }
    }
}
