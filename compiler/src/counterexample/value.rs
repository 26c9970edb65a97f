//! What is known of a value at a point: over the extended reals, with an error bound.
//!
//! A value is a real number within a bound of an f64, an infinity, undefined, or unknown. Bounds are honest,
//! so that two values that are apart prove that two rules differ. A bound of 0 means the number itself: by it
//! zeros, poles and integers are told. `log 0` is the negative infinity and `0^y` with `y < 0` the positive
//! one; `0*Inf`, `Inf - Inf`, `Inf/Inf`, `x/0` and what is outside a function's domain are undefined, and so is
//! all that is computed from them but `x^0` and `1^y`.

use std::cmp::Ordering;

use crate::primitive::{Binary, Comparison, Unary};

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    /// A real number within a bound of this one.
    Real(f64, f64),
    /// An infinity; `true` for the positive one.
    Infinite(bool),
    /// No value, for certain.
    Undefined,
    /// Anything.
    Unknown,
}

use Value::{Infinite, Real, Undefined, Unknown};

/// A bound on the relative error of an operation, twice the rounding.
const ROUNDING: f64 = 2.3e-16;

/// A bound on the relative error of a function of `libm`.
const FUNCTION: f64 = 2e-15;

/// Differences count from so many times the bounds.
const SLACK: f64 = 8.0;

impl Value {
    pub(super) const ZERO: Value = Real(0.0, 0.0);
    pub(super) const ONE: Value = Real(1.0, 0.0);

    /// The f64 itself.
    pub(super) fn exact(value: f64) -> Value {
        Value::within(value, 0.0)
    }

    /// The decimal number that was written and rounded to this f64.
    pub(super) fn literal(value: f64) -> Value {
        let few_bits = value.abs() < 1e15 && (value * 4096.0).fract() == 0.0;
        Value::within(value, if few_bits { 0.0 } else { value.abs() * ROUNDING })
    }

    fn within(value: f64, bound: f64) -> Value {
        let size = value.abs();
        let in_range = size == 0.0 || (1e-280..1e300).contains(&size);
        // A bound that is not a number is not below anything.
        if in_range && bound < 1e300 { Real(value, bound * (1.0 + 1e-12)) } else { Unknown }
    }

    /// Less than, equal to or greater than 0; `None` where that is not known.
    pub(super) fn sign(self) -> Option<Ordering> {
        match self {
            Real(x, bound) if x.abs() > bound => x.partial_cmp(&0.0),
            Real(0.0, 0.0) => Some(Ordering::Equal),
            Infinite(positive) => Some(if positive { Ordering::Greater } else { Ordering::Less }),
            _ => None,
        }
    }

    fn is_zero(self) -> bool {
        self.sign() == Some(Ordering::Equal)
    }

    fn neg(self) -> Value {
        match self {
            // No zero has a sign.
            Real(x, bound) => Real(0.0 - x, bound),
            Infinite(positive) => Infinite(!positive),
            other => other,
        }
    }

    fn abs(self) -> Value {
        match self {
            Real(x, bound) => Real(x.abs(), bound),
            Infinite(_) => Infinite(true),
            other => other,
        }
    }

    pub(super) fn add(self, other: Value) -> Value {
        match (self, other) {
            (Real(x, a), Real(y, b)) => {
                let sum = x + y;
                // What the rounding took, exactly (Knuth's two-sum).
                let part = sum - x;
                let lost = (x - (sum - part)) + (y - part);
                Value::within(sum, a + b + lost.abs())
            }
            (Undefined, _) | (_, Undefined) => Undefined,
            (Unknown, _) | (_, Unknown) => Unknown,
            (Infinite(a), Infinite(b)) if a != b => Undefined,
            (Infinite(a), _) | (_, Infinite(a)) => Infinite(a),
        }
    }

    fn sub(self, other: Value) -> Value {
        self.add(other.neg())
    }

    pub(super) fn mul(self, other: Value) -> Value {
        match (self, other) {
            (Real(..), Real(..)) if self.is_zero() || other.is_zero() => Value::ZERO,
            (Real(x, a), Real(y, b)) => {
                let product = x * y;
                if product == 0.0 && x != 0.0 && y != 0.0 {
                    return Unknown;
                }
                let lost = libm::fma(x, y, -product).abs();
                Value::within(product, x.abs() * b + y.abs() * a + a * b + lost)
            }
            (Undefined, _) | (_, Undefined) => Undefined,
            (Unknown, _) | (_, Unknown) => Unknown,
            (Infinite(a), Infinite(b)) => Infinite(a == b),
            (Infinite(a), y) | (y, Infinite(a)) => match y.sign() {
                Some(Ordering::Equal) => Undefined,
                Some(sign) => Infinite(a == (sign == Ordering::Greater)),
                None => Unknown,
            },
        }
    }

    pub(super) fn div(self, divisor: Value) -> Value {
        if self == Undefined || divisor == Undefined || divisor.is_zero() {
            return Undefined;
        }
        let Some(sign) = divisor.sign() else { return Unknown };
        match (self, divisor) {
            (Infinite(_), Infinite(_)) => Undefined,
            (Real(..), Infinite(_)) => Value::ZERO,
            (Infinite(a), _) => Infinite(a == (sign == Ordering::Greater)),
            (Real(..), _) if self.is_zero() => Value::ZERO,
            (Real(x, a), Real(y, b)) => {
                let quotient = x / y;
                if quotient == 0.0 && x != 0.0 {
                    return Unknown;
                }
                let is_exact = libm::fma(-quotient, y, x) == 0.0;
                let rounding = if is_exact { 0.0 } else { quotient.abs() * ROUNDING };
                let nearest = y.abs() * (1.0 - 1e-15) - b;
                let passed_on = (a + quotient.abs() * b * (1.0 + 1e-15)) / nearest;
                Value::within(quotient, passed_on + rounding)
            }
            _ => Unknown,
        }
    }

    pub(super) fn exp(self) -> Value {
        match self {
            Infinite(true) => Infinite(true),
            Infinite(false) => Value::ZERO,
            x if x.is_zero() => Value::ONE,
            Real(x, bound) if bound <= 0.25 && (-600.0..=600.0).contains(&x) => {
                let value = libm::exp(x);
                // e^b - 1 <= b + b^2 for b <= 1.
                Value::within(value, value * (bound + bound * bound + FUNCTION))
            }
            Real(..) => Unknown,
            other => other,
        }
    }

    fn log(self) -> Value {
        match (self, self.sign()) {
            (Real(1.0, 0.0), _) => Value::ZERO,
            (Real(..), Some(Ordering::Equal)) => Infinite(false),
            (Real(..) | Infinite(_), Some(Ordering::Less)) => Undefined,
            (Real(x, bound), Some(_)) => {
                let value = libm::log(x);
                let passed_on = bound / (x * (1.0 - 1e-15) - bound);
                Value::within(value, passed_on + value.abs() * FUNCTION)
            }
            (Real(..), None) => Unknown,
            (other, _) => other,
        }
    }

    fn sqrt(self) -> Value {
        match (self, self.sign()) {
            (_, Some(Ordering::Equal)) => Value::ZERO,
            (Real(..) | Infinite(_), Some(Ordering::Less)) => Undefined,
            (Real(x, bound), Some(_)) => {
                let root = libm::sqrt(x);
                let is_exact = libm::fma(root, root, -x) == 0.0;
                let rounding = if is_exact { 0.0 } else { root * ROUNDING };
                Value::within(root, bound / root * (1.0 + 1e-15) + rounding)
            }
            (Real(..), None) => Unknown,
            (other, _) => other,
        }
    }

    fn signum(self) -> Value {
        match (self, self.sign()) {
            (Undefined, _) => Undefined,
            (_, Some(Ordering::Less)) => Value::exact(-1.0),
            (_, Some(Ordering::Equal)) => Value::ZERO,
            (_, Some(Ordering::Greater)) => Value::ONE,
            (_, None) => Unknown,
        }
    }

    fn tanh(self) -> Value {
        match self {
            Infinite(positive) => Value::exact(if positive { 1.0 } else { -1.0 }),
            x if x.is_zero() => Value::ZERO,
            Real(x, bound) => {
                let value = libm::tanh(x);
                Value::within(value, bound + value.abs() * FUNCTION)
            }
            other => other,
        }
    }

    /// A function of one argument.
    pub(super) fn unary(op: Unary, x: Value) -> Value {
        match op {
            Unary::Neg => x.neg(),
            Unary::Exp => x.exp(),
            Unary::Log => x.log(),
            Unary::Sqrt => x.sqrt(),
            Unary::Abs => x.abs(),
            Unary::Sign => x.signum(),
            Unary::Sigmoid => Value::ONE.div(Value::ONE.add(x.neg().exp())),
            Unary::Tanh => x.tanh(),
        }
    }

    /// A function of two arguments.
    pub(super) fn binary(op: Binary, x: Value, y: Value) -> Value {
        match op {
            Binary::Add => x.add(y),
            Binary::Sub => x.sub(y),
            Binary::Mul => x.mul(y),
            Binary::Div => x.div(y),
            Binary::Pow => super::power::power(x, y),
            Binary::Min => x.either(y, Ordering::Less),
            Binary::Max => x.either(y, Ordering::Greater),
        }
    }

    /// The one that compares so with the other.
    fn either(self, other: Value, wanted: Ordering) -> Value {
        match (self, other) {
            (Undefined, _) | (_, Undefined) => Undefined,
            _ => match self.order(other) {
                Some(order) => {
                    if order == wanted {
                        self
                    } else {
                        other
                    }
                }
                None => self.hull(other),
            },
        }
    }

    /// One of two near values.
    fn hull(self, other: Value) -> Value {
        match (self, other) {
            (Real(x, a), Real(y, b)) => Value::within(x, (x - y).abs() * (1.0 + ROUNDING) + a + b),
            _ => Unknown,
        }
    }

    /// How it compares; `None` where that is not known.
    pub(super) fn order(self, other: Value) -> Option<Ordering> {
        match (self, other) {
            (Infinite(a), Infinite(b)) if a == b => Some(Ordering::Equal),
            _ => self.sub(other).sign(),
        }
    }

    /// `clip(x, lo, hi)`
    pub(super) fn clip(self, lo: Value, hi: Value) -> Value {
        if [self, lo, hi].contains(&Undefined) {
            return Undefined;
        }
        match (self.order(lo), self.order(hi)) {
            (Some(Ordering::Less), _) => lo,
            (Some(_), Some(Ordering::Greater)) => hi,
            (Some(_), Some(_)) => self,
            (None, Some(Ordering::Less | Ordering::Equal)) => self.hull(lo),
            (Some(_), None) => self.hull(hi),
            _ => Unknown,
        }
    }

    /// Whether a comparison holds; `None` where that is not known.
    pub(super) fn holds(op: Comparison, a: Value, b: Value) -> Option<bool> {
        let order = a.order(b)?;
        Some(match op {
            Comparison::Less => order == Ordering::Less,
            Comparison::LessEqual => order != Ordering::Greater,
            Comparison::Equal => order == Ordering::Equal,
            Comparison::NotEqual => order != Ordering::Equal,
        })
    }

    /// How far apart two values certainly are: 0 if they may be one, else their distance in proportion to the
    /// larger, or 2 where one is real and the other is not.
    pub(super) fn distance(self, other: Value) -> f64 {
        match (self, other) {
            (Unknown, _) | (_, Unknown) => 0.0,
            (Real(x, a), Real(y, b)) => {
                let difference = (x - y).abs();
                let is_apart = difference > SLACK * (a + b) + 2e-16 * (x.abs() + y.abs());
                if is_apart { difference / x.abs().max(y.abs()) } else { 0.0 }
            }
            (one, other) => {
                if one == other {
                    0.0
                } else {
                    2.0
                }
            }
        }
    }
}
