//! Powers, as C99 defines `pow`, for a zero without a sign.
//!
//! `x^0` and `1^y` are 1 for every other argument, undefined ones included; `0^y` with `y < 0` is the positive
//! infinity; `(-1)^Inf` is 1; a negative base needs an integer exponent.

use std::cmp::Ordering;

use super::value::Value;
use Value::{Infinite, Real, Undefined, Unknown};

/// What an exponent does to the sign of its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parity {
    Even,
    Odd,
    Fraction,
}

/// `base ^ exponent`
pub(super) fn power(base: Value, exponent: Value) -> Value {
    if exponent == Value::ZERO || base == Value::ONE {
        return Value::ONE;
    }
    match (base, exponent) {
        (Undefined, y) if y.sign().is_none() && y != Undefined => Unknown,
        (x, Undefined) if x != Undefined && against_one(x).is_none() => Unknown,
        (Undefined, _) | (_, Undefined) => Undefined,
        (Unknown, _) | (_, Unknown) => Unknown,
        (Real(..), Infinite(positive)) => match against_one(base) {
            None => Unknown,
            Some(Ordering::Equal) => Value::ONE,
            Some(order) if (order == Ordering::Greater) == positive => Infinite(true),
            Some(_) => Value::ZERO,
        },
        (Infinite(positive), y) => match (y.sign(), parity(y)) {
            (None, _) => Unknown,
            (Some(Ordering::Less), _) => Value::ZERO,
            _ if positive => Infinite(true),
            (_, None) => Unknown,
            (_, Some(parity)) => Infinite(parity != Parity::Odd),
        },
        (Real(..), Real(..)) => match (base.sign(), exponent.sign()) {
            (Some(Ordering::Greater), _) => positive_power(base, exponent),
            (Some(Ordering::Less), _) => match parity(exponent) {
                Some(Parity::Even) => positive_power(negative(base), exponent),
                Some(Parity::Odd) => negative(positive_power(negative(base), exponent)),
                Some(Parity::Fraction) => Undefined,
                None => Unknown,
            },
            (Some(Ordering::Equal), Some(Ordering::Less)) => Infinite(true),
            (Some(Ordering::Equal), Some(_)) => Value::ZERO,
            (Some(Ordering::Equal), None) | (None, _) => Unknown,
        },
    }
}

fn negative(x: Value) -> Value {
    Value::ZERO.add(x.mul(Value::exact(-1.0)))
}

/// `|x|` against 1; `None` where that is not known.
fn against_one(x: Value) -> Option<Ordering> {
    match x {
        Real(x, bound) => Real(x.abs(), bound).order(Value::ONE),
        other => other.sign().map(|_| Ordering::Greater),
    }
}

/// An infinity counts as even; `None` where it is not known.
fn parity(exponent: Value) -> Option<Parity> {
    let (y, bound) = match exponent {
        Real(y, bound) => (y, bound),
        Infinite(_) => return Some(Parity::Even),
        Undefined | Unknown => return None,
    };
    if bound == 0.0 {
        // Every f64 of 2^53 or more is even.
        return Some(match y.abs() % 2.0 {
            0.0 => Parity::Even,
            1.0 => Parity::Odd,
            _ => Parity::Fraction,
        });
    }
    let nearest = y.round();
    ((y - nearest).abs() > bound).then_some(Parity::Fraction)
}

/// A product for a small integer, else by `exp` and `log`.
fn positive_power(base: Value, exponent: Value) -> Value {
    if let Real(n, 0.0) = exponent
        && n.fract() == 0.0
        && n.abs() <= 8.0
    {
        let product = (0..n.abs() as u32).fold(Value::ONE, |product, _| product.mul(base));
        return if n < 0.0 { Value::ONE.div(product) } else { product };
    }
    exponent.mul(Value::unary(crate::primitive::Unary::Log, base)).exp()
}
