//! Powers, as C99 defines `pow`, for a zero without sign.
//!
//! What is special: `x^0` and `1^y` are 1 for every other argument, undefined ones included; `0^y` with `y < 0`
//! is the positive infinity; `(-1)^Inf` is 1; a negative base needs an integer exponent.

use std::cmp::Ordering;

use super::value::Value;
use Value::{Infinite, Real, Undefined, Unknown};

/// Integer exponents up to this are products, so that `x^2` of a short number is exact.
const LARGEST_PRODUCT: f64 = 8.0;

/// What an exponent does to the sign of its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parity {
    Even,
    Odd,
    Fraction,
}

/// `base ^ exponent`
pub fn power(base: Value, exponent: Value) -> Value {
    if exponent.is_zero() || base == Value::ONE {
        return Value::ONE;
    }
    match (base, exponent) {
        (Undefined, y) if y.sign().is_none() && y != Undefined => Unknown,
        (x, Undefined) if x != Undefined && x.cmp_one().is_none() => Unknown,
        (Undefined, _) | (_, Undefined) => Undefined,
        (Unknown, _) | (_, Unknown) => Unknown,
        (Real(..), Infinite(positive)) => infinite_exponent(base, positive),
        (Infinite(positive), y) => infinite_base(positive, y),
        (Real(..), Real(..)) => match (base.sign(), exponent.sign()) {
            (Some(Ordering::Greater), _) => positive_power(base, exponent),
            (Some(Ordering::Less), _) => match parity(exponent) {
                Some(Parity::Even) => positive_power(base.neg(), exponent),
                Some(Parity::Odd) => positive_power(base.neg(), exponent).neg(),
                Some(Parity::Fraction) => Undefined,
                None => Unknown,
            },
            (Some(Ordering::Equal), Some(Ordering::Less)) => Infinite(true),
            (Some(Ordering::Equal), Some(_)) => Value::ZERO,
            (Some(Ordering::Equal), None) | (None, _) => Unknown,
        },
    }
}

fn infinite_exponent(base: Value, positive: bool) -> Value {
    match base.cmp_one() {
        None => Unknown,
        Some(Ordering::Equal) => Value::ONE,
        Some(order) if (order == Ordering::Greater) == positive => Infinite(true),
        Some(_) => Value::ZERO,
    }
}

fn infinite_base(positive: bool, exponent: Value) -> Value {
    match exponent.sign() {
        None => Unknown,
        Some(Ordering::Less) => Value::ZERO,
        Some(_) if positive => Infinite(true),
        Some(_) => match parity(exponent) {
            None => Unknown,
            Some(parity) => Infinite(parity != Parity::Odd),
        },
    }
}

/// `None` where it is not known. An infinity counts as even.
fn parity(exponent: Value) -> Option<Parity> {
    let (y, bound) = match exponent {
        Real(y, bound) => (y, bound),
        Infinite(_) => return Some(Parity::Even),
        Undefined | Unknown => return None,
    };
    if bound == 0.0 {
        if y.high().fract() != 0.0 || y.low().fract() != 0.0 {
            return Some(Parity::Fraction);
        }
        let odd = (y.high() % 2.0 + y.low() % 2.0) % 2.0 != 0.0;
        return Some(if odd { Parity::Odd } else { Parity::Even });
    }
    let from_integer = (y.high() - y.high().round()).abs() - y.low().abs();
    (from_integer > bound).then_some(Parity::Fraction)
}

/// A positive real base.
fn positive_power(base: Value, exponent: Value) -> Value {
    let small = exponent
        .known()
        .filter(|y| y.high().fract() == 0.0 && y.low() == 0.0 && y.high().abs() <= LARGEST_PRODUCT);
    let Some(n) = small else { return exponent.mul(base.log()).exp() };
    let product = (0..n.high().abs() as u32).fold(Value::ONE, |product, _| product.mul(base));
    if n.high() < 0.0 { Value::ONE.div(product) } else { product }
}

#[cfg(test)]
mod tests {
    use super::power;
    use crate::oracle::value::{Agreement, Value};

    fn number(text: &str) -> Value {
        match text {
            "inf" => Value::Infinite(true),
            "-inf" => Value::Infinite(false),
            "undefined" => Value::Undefined,
            "unknown" => Value::Unknown,
            _ => Value::exact(text.parse().unwrap()),
        }
    }

    #[test]
    fn special_cases_are_those_of_c99_with_one_zero() {
        let table = "
            0 0 1; 0 2 0; 0 0.5 0; 0 -1 inf; 0 -2 inf; 0 -0.5 inf; 0 inf 0; 0 -inf inf
            -1 inf 1; -1 -inf 1; 1 inf 1; 1 undefined 1; 1 unknown 1; undefined 0 1; unknown 0 1; inf 0 1
            0.5 inf 0; 0.5 -inf inf; -2 inf inf; -2 -inf 0; inf 2 inf; inf -2 0; inf inf inf; inf -inf 0
            -inf 3 -inf; -inf 2 inf; -inf 0.5 inf; -inf -3 0; -inf inf inf; -inf -inf 0
            -2 3 -8; -2 2 4; -2 -1 -0.5; -2 0.5 undefined; -inf undefined undefined
            undefined 2 undefined; 2 undefined undefined; undefined undefined undefined
            unknown undefined unknown; undefined unknown unknown; -0.5 undefined undefined";
        for case in table.split([';', '\n']).filter(|case| !case.trim().is_empty()) {
            let words: Vec<Value> = case.split_whitespace().map(number).collect();
            assert_eq!(power(words[0], words[1]), words[2], "{case}");
        }
    }

    #[test]
    fn a_negative_base_needs_an_exponent_that_is_known() {
        let near_two = Value::power_of_ten(1).mul(Value::exact(20.0));
        let near_half = Value::power_of_ten(1).mul(Value::exact(5.0));
        assert_eq!(power(Value::exact(-3.0), near_two), Value::Unknown);
        assert_eq!(power(Value::exact(-3.0), near_half), Value::Undefined);
        assert_eq!(
            power(Value::exact(9.0), near_half).compare(Value::exact(3.0)),
            Agreement::Sharp
        );
    }
}
