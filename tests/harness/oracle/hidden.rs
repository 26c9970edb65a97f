//! Rules that may be undefined at points that no sample hits.
//!
//! `0 / (log|g| + delta)` is 0 at every point that is ever tried, and undefined at `g = exp(-delta)`. Such a rule
//! is not equal to 0, but all the evidence says so, and a key that tells them apart would be called weak. So a
//! rule is set aside where something that has a pole between the points ends in a plain 0 or 1, or where a
//! negative base has a value only at integer exponents that no point has. This decides only what counts as
//! a missed merge, never what is a false one.

use std::cmp::Ordering;

use super::function::Known;
use super::points::{Kind, delta, kind};
use super::program::{Binary, Line, Program, Unary};
use super::value::Value;

/// Different values from which on an expression counts as one that passes through all between.
const MANY: usize = 12;

/// Whether a rule has a pole that its result does not show.
pub(super) fn has_hidden_points(program: &Program, known: &[Known]) -> bool {
    let column = |line: usize| known[line].kept();
    let mut poles: Vec<bool> = Vec::with_capacity(known.len());
    for (index, line) in program.lines.iter().enumerate() {
        let has_pole = match *line {
            Line::Leaf(..) => false,
            Line::Unary(Unary::Log, x) => poles[x] || crosses(column(x), Value::ZERO),
            Line::Unary(_, x) | Line::Drop(x, _) => poles[x],
            Line::Binary(Binary::Div, x, y) => poles[x] || poles[y] || crosses(column(y), delta()),
            Line::Binary(Binary::Pow, x, y) => {
                if misses_integers(column(x), column(y), column(index)) {
                    return true;
                }
                poles[x] || poles[y] || crosses(column(x), Value::ZERO)
            }
            Line::Binary(_, x, y) => poles[x] || poles[y],
        };
        if has_pole && matches!(line, Line::Binary(..)) && is_plain(column(index)) {
            return true;
        }
        poles.push(has_pole);
    }
    false
}

/// Whether there are integer exponents of a negative base that no point shows: the exponent passes 1 or -1
/// between the points, and either all points have fractions or the base is nowhere positive.
fn misses_integers(base: &[Value], exponent: &[Value], power: &[Value]) -> bool {
    let (mut within, mut beyond, mut positive, mut integer) = (false, false, false, false);
    for ((x, y), power) in base.iter().zip(exponent).zip(power) {
        match x.sign() {
            Some(Ordering::Less) if !y.is_zero() => match (power, y.cmp_one()) {
                (Value::Undefined, Some(Ordering::Less)) => within = true,
                (Value::Undefined, Some(Ordering::Greater)) => beyond = true,
                (Value::Undefined | Value::Unknown, _) => {}
                _ => integer = true,
            },
            Some(Ordering::Greater) => positive = true,
            _ => {}
        }
    }
    within && beyond && !(positive && integer)
}

/// Whether `x + shift` has both signs and many values.
fn crosses(column: &[Value], shift: Value) -> bool {
    let mut seen = Vec::with_capacity(MANY);
    let (mut above, mut below) = (false, false);
    for value in column.iter().map(|x| x.add(shift)) {
        match value.sign() {
            Some(Ordering::Greater) => above = true,
            Some(Ordering::Less) => below = true,
            Some(Ordering::Equal) | None => continue,
        }
        if seen.len() < MANY && !seen.contains(&value) {
            seen.push(value);
        }
        if above && below && seen.len() == MANY {
            return true;
        }
    }
    false
}

/// Whether at most tame points the value is 0 or 1.
fn is_plain(column: &[Value]) -> bool {
    let tame = || column.iter().enumerate().filter(|(point, _)| kind(*point) == Kind::Tame);
    let plain = tame().filter(|(_, value)| value.is_zero() || **value == Value::ONE);
    2 * plain.count() > tame().count()
}

#[cfg(test)]
mod tests {
    use crate::oracle::{Oracle, Program};

    fn check(texts: &[&str], wanted: bool) {
        let oracle = Oracle::new(1, 400);
        for text in texts {
            let function = oracle.function(&Program::parse(text).unwrap()).unwrap();
            assert_eq!(function.has_hidden_points, wanted, "{text}");
        }
    }

    #[test]
    fn poles_and_integers_between_the_points_are_suspected() {
        check(
            &[
                "1 g log log div",                  // 0 / (log|g| + delta)
                "1 g3 log id div",                  // 0 / (g^3 + delta)
                "2 g id exp sub, 1 %0 log log mul", // 0 * log|2 - exp(g)|
                "1 g2 neg id pow",                  // (-1)^(g^2)
                "1 rmsprop neg id pow",
            ],
            true,
        );
    }

    #[test]
    fn what_the_points_show_is_not() {
        check(
            &[
                "g m id id div",
                "1 sign_g log id div",
                "1 v log id div",
                "g m id id pow",
                "1 sign_m neg id pow",
                "g g id log mul",
                "g g id id sub",
            ],
            false,
        );
    }
}
