//! What is known of a rule's value at a point: over the extended reals, with an error bound.
//!
//! A value is a real number within a bound of a number that is kept, one of the two infinities, undefined, or
//! unknown. Bounds are honest: the true value is never outside. So two values that are apart are proof that
//! two rules differ, and the only doubt is in what is unknown. A bound of 0 means the kept number itself;
//! zeros, poles, domains and integers are told by it, and points are chosen so that it is common.
//!
//! Zero has no sign here. Of the infinities that a rule can reach, `log 0` is the negative one and `0^y` with
//! `y < 0` the positive one. `0 * Inf`, `Inf - Inf`, `Inf / Inf` and `x / 0` are undefined, and so is all that
//! is computed from them; the two exceptions are powers (in `power.rs`).

use std::cmp::Ordering;
use std::sync::LazyLock;

use super::double_double::{
    DoubleDouble, EXP_ERROR, LARGEST, LOG_ERROR, PRODUCT_ERROR, QUOTIENT_ERROR, ROOT_ERROR,
    SMALLEST,
};

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A real number within a bound of the number.
    Real(DoubleDouble, f64),
    /// An infinity; `true` for the positive one.
    Infinite(bool),
    /// No value, for certain.
    Undefined,
    /// Anything: out of range, or too close to a place where a function jumps.
    Unknown,
}

use Value::{Infinite, Real, Undefined, Unknown};

/// Whether two values are one, as far as they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// They are certainly not.
    Apart,
    /// They agree to 12 digits or more, or neither is real.
    Sharp,
    /// Their bounds overlap and are wide, or one is unknown.
    Vague,
}

/// Bounds are widened by this before a difference counts, against mistakes in the bounds themselves.
const SLACK: f64 = 4.0;

/// The bound at which a value is known sharply, relative to it.
const SHARP: f64 = 1e-12;

/// `10^22` is the last power of ten that is an f64.
pub(super) const MOST_DIGITS: usize = 22;

static POWERS_OF_TEN: LazyLock<[Value; MOST_DIGITS + 1]> = LazyLock::new(|| {
    let mut power = 1.0;
    std::array::from_fn(|_| {
        let inverse = DoubleDouble::inverse(power);
        power *= 10.0;
        Real(inverse, inverse.high() * 2f64.powi(-105))
    })
});

/// Room for the roundings in the computation of a bound, one of 0 aside.
#[inline(always)]
fn widened(bound: f64) -> f64 {
    if bound == 0.0 { 0.0 } else { bound * (1.0 + 1e-12) + 1e-300 }
}

impl Value {
    /// 0.
    pub const ZERO: Value = Real(DoubleDouble::ZERO, 0.0);

    /// 1.
    pub const ONE: Value = Value::exact(1.0);

    /// An f64.
    pub(crate) const fn exact(value: f64) -> Value {
        Real(DoubleDouble::new(value), 0.0)
    }

    /// `10^-digits` for up to 22 digits.
    pub(crate) fn power_of_ten(digits: usize) -> Value {
        POWERS_OF_TEN[digits]
    }

    /// A number and its bound, if they are in the range in which bounds hold.
    #[inline(always)]
    fn within(value: DoubleDouble, bound: f64) -> Value {
        let size = value.high().abs();
        // Not a number is in no range.
        let in_range = size == 0.0 || (SMALLEST..=LARGEST).contains(&size);
        if in_range && bound <= LARGEST { Real(value, widened(bound)) } else { Unknown }
    }

    /// Less than, equal to or greater than 0; `None` where that is not known.
    #[inline(always)]
    pub(crate) fn sign(self) -> Option<Ordering> {
        match self {
            Real(x, bound) if x.high().abs() * (1.0 - 1e-12) > bound => x.high().partial_cmp(&0.0),
            Real(x, 0.0) if x.high() == 0.0 => Some(Ordering::Equal),
            Infinite(positive) => Some(if positive { Ordering::Greater } else { Ordering::Less }),
            _ => None,
        }
    }

    /// Its magnitude against 1; `None` where that is not known.
    pub(super) fn cmp_one(self) -> Option<Ordering> {
        self.abs().add(Value::exact(-1.0)).sign()
    }

    /// The number, if it is known exactly.
    pub(crate) fn known(self) -> Option<DoubleDouble> {
        match self {
            Real(x, 0.0) => Some(x),
            _ => None,
        }
    }

    /// Whether it is certainly 0.
    pub(crate) fn is_zero(self) -> bool {
        self.sign() == Some(Ordering::Equal)
    }

    /// `-x`
    pub(crate) fn neg(self) -> Value {
        match self {
            Real(x, bound) => Real(-x, bound),
            Infinite(positive) => Infinite(!positive),
            other => other,
        }
    }

    /// `|x|`
    pub(crate) fn abs(self) -> Value {
        match self {
            Real(x, bound) => Real(x.abs(), bound),
            Infinite(_) => Infinite(true),
            other => other,
        }
    }

    /// `x + y`
    #[inline(always)]
    pub(crate) fn add(self, other: Value) -> Value {
        match (self, other) {
            (Real(x, a), Real(y, b)) => {
                let (sum, lost) = x.add(y);
                Value::within(sum, a + b + lost)
            }
            (Undefined, _) | (_, Undefined) => Undefined,
            (Unknown, _) | (_, Unknown) => Unknown,
            (Infinite(a), Infinite(b)) if a != b => Undefined,
            (Infinite(a), _) | (_, Infinite(a)) => Infinite(a),
        }
    }

    /// `x * y`
    #[inline(always)]
    pub(crate) fn mul(self, other: Value) -> Value {
        match (self, other) {
            (Real(x, a), Real(y, b)) => {
                let is_zero = |x: DoubleDouble, bound: f64| bound == 0.0 && x.high() == 0.0;
                if is_zero(x, a) || is_zero(y, b) {
                    return Value::ZERO;
                }
                let (product, exact) = x.mul(y);
                if product.high() == 0.0 && x.high() != 0.0 && y.high() != 0.0 {
                    return Unknown; // underflow
                }
                let rounding = if exact { 0.0 } else { product.high().abs() * PRODUCT_ERROR };
                let passed_on = x.high().abs() * b + y.high().abs() * a + a * b;
                // 1e-15: the low halves. 1e-300: products of bounds that underflow.
                let tiny = if a == 0.0 && b == 0.0 { 0.0 } else { 1e-300 };
                Value::within(product, passed_on * (1.0 + 1e-15) + rounding + tiny)
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

    /// `x / y`
    pub(crate) fn div(self, divisor: Value) -> Value {
        if self == Undefined || divisor == Undefined || divisor.is_zero() {
            return Undefined;
        }
        let Some(sign) = divisor.sign() else { return Unknown };
        match (self, divisor) {
            (Infinite(_), Infinite(_)) => Undefined,
            (Real(..), Infinite(_)) => Value::ZERO,
            (Infinite(a), _) => Infinite(a == (sign == Ordering::Greater)),
            (x, _) if x.is_zero() => Value::ZERO,
            (Real(x, a), Real(y, b)) => {
                let (quotient, exact) = x.div(y);
                let size = quotient.high().abs();
                if size == 0.0 && x.high() != 0.0 {
                    return Unknown;
                }
                let rounding = if exact { 0.0 } else { size * QUOTIENT_ERROR };
                // |x'/y' - x/y| <= (a + |x/y| b) / |y'|, and |y'| >= |y| - b.
                let nearest = y.high().abs() * (1.0 - 1e-15) - b;
                let passed_on = (a + size * (1.0 + 1e-15) * b) / nearest;
                Value::within(quotient, passed_on + rounding)
            }
            _ => Unknown,
        }
    }

    /// `e^x`
    pub(crate) fn exp(self) -> Value {
        match self {
            Infinite(positive) => {
                if positive {
                    Infinite(true)
                } else {
                    Value::ZERO
                }
            }
            x if x.is_zero() => Value::ONE,
            Real(x, bound) if bound <= 0.25 && (-550.0..=640.0).contains(&x.high()) => {
                let value = x.exp();
                // e^b - 1 <= b + b^2 for b <= 1.
                let relative = bound + bound * bound + EXP_ERROR * 1.5;
                Value::within(value, value.high() * relative)
            }
            Real(..) => Unknown,
            other => other,
        }
    }

    /// `log |x|`
    pub(crate) fn log(self) -> Value {
        match (self, self.sign()) {
            (Real(..), Some(Ordering::Equal)) => Infinite(false),
            _ if self.abs() == Value::ONE => Value::ZERO,
            (Real(x, bound), Some(_)) => {
                let size = x.high().abs();
                let value = x.abs().ln();
                // |log(x') - log(x)| <= b / (|x| - b).
                let passed_on = bound / (size * (1.0 - 1e-15) - bound);
                let rounding = LOG_ERROR + value.high().abs() * PRODUCT_ERROR;
                Value::within(value, passed_on + rounding)
            }
            (Real(..), None) => Unknown,
            (Infinite(_), _) => Infinite(true),
            (other, _) => other,
        }
    }

    /// `sqrt |x|`
    pub(crate) fn sqrt(self) -> Value {
        match self.abs() {
            Real(x, bound) if x.high() == 0.0 => Value::within(x, bound.sqrt()),
            Real(x, bound) => {
                let (root, exact) = x.sqrt();
                let rounding = if exact { 0.0 } else { root.high() * ROOT_ERROR };
                // |sqrt(x') - sqrt(x)| = |x' - x| / (sqrt(x') + sqrt(x)).
                Value::within(root, bound / root.high() * (1.0 + 1e-15) + rounding)
            }
            other => other,
        }
    }

    /// -1, 0 or 1.
    pub(crate) fn signum(self) -> Value {
        match (self, self.sign()) {
            (Undefined, _) => Undefined,
            (_, Some(Ordering::Less)) => Value::exact(-1.0),
            (_, Some(Ordering::Equal)) => Value::ZERO,
            (_, Some(Ordering::Greater)) => Value::ONE,
            (_, None) => Unknown,
        }
    }

    /// The nearest value in `[-c, c]`, where c is a positive real.
    pub(crate) fn clip(self, c: Value) -> Value {
        let signed = |positive| if positive { c } else { c.neg() };
        match (self, c) {
            (Infinite(positive), _) => signed(positive),
            (Real(x, bound), Real(limit, limit_bound)) => {
                let (size, limit) = (x.abs(), limit.high());
                let doubt = bound + limit_bound + limit * 1e-15;
                if size.high() * (1.0 + 1e-12) < limit - doubt {
                    return self;
                }
                let at_limit = signed(x.high() > 0.0);
                if size.high() * (1.0 - 1e-12) > limit + doubt {
                    return at_limit;
                }
                // Either; and neither is further from the limit than x is.
                let apart = size.add(-c.number()).0.high().abs();
                Value::within(at_limit.number(), apart + bound + limit_bound)
            }
            (other, _) => other,
        }
    }

    /// The number that is kept; 0 where there is none.
    fn number(self) -> DoubleDouble {
        if let Real(x, _) = self { x } else { DoubleDouble::ZERO }
    }

    /// Whether the two are one value.
    #[inline(always)]
    pub(crate) fn compare(self, other: Value) -> Agreement {
        match (self, other) {
            (Real(x, a), Real(y, b)) => {
                let tolerance = SLACK * (a + b);
                let difference = x.add(-y).0.high().abs();
                if difference > tolerance {
                    Agreement::Apart
                } else if tolerance <= SHARP * x.high().abs().max(y.high().abs()) {
                    Agreement::Sharp
                } else {
                    Agreement::Vague
                }
            }
            (Unknown, _) | (_, Unknown) => Agreement::Vague,
            (one, other) if one == other => Agreement::Sharp,
            _ => Agreement::Apart,
        }
    }

    /// Whether it is known to 12 digits or more.
    pub(crate) fn is_sharp(self) -> bool {
        self.compare(self) == Agreement::Sharp
    }
}
