//! The level `scale`: a value divided by one positive number.
//!
//! Each sum below the decisions has a first term; its constant part is taken out. Of all sums the one with
//! the least hash after that gives the number by which everything is divided.

use smallvec::SmallVec;

use super::arena::{Factor, Reals, SumId, Term, Value, ValueId};
use super::product::Product;
use super::rational::{Bounded, Rational};

/// Most sums that are looked at.
const MAX_SUMS: usize = 4096;

/// The value divided by its positive constant factor.
pub(crate) fn scaled(reals: &mut Reals, value: ValueId) -> Bounded<ValueId> {
    let mut best: Option<(u128, u128, ValueId)> = None;
    for sum in sums(reals, value)? {
        let divisor = divisor(reals, sum)?;
        let leaf = reals.leaf(sum);
        let normal = reals.mul(leaf, divisor)?;
        let found = (reals.info(normal).hash, reals.info(divisor).hash, divisor);
        if best.is_none_or(|best| (found.0, found.1) < (best.0, best.1)) {
            best = Some(found);
        }
    }
    match best {
        Some((_, _, divisor)) => reals.mul(value, divisor),
        None => Ok(value),
    }
}

/// The sums of a value that are not 0.
fn sums(reals: &mut Reals, value: ValueId) -> Bounded<Vec<SumId>> {
    let mut found = Vec::new();
    let mut seen: Vec<ValueId> = vec![value];
    let mut next = 0;
    while let Some(value) = seen.get(next).copied() {
        next += 1;
        match reals.at(value) {
            Value::Choice { yes, no, .. } => {
                for value in [yes, no] {
                    if !seen.contains(&value) {
                        seen.push(value);
                    }
                }
            }
            Value::Leaf(sum) if sum != Reals::ZERO_SUM => found.push(sum),
            _ => {}
        }
        reals.spend(1)?;
        if found.len() > MAX_SUMS {
            return Err(super::rational::Limit);
        }
    }
    Ok(found)
}

/// One over the magnitude of the constant part of the first term.
fn divisor(reals: &mut Reals, sum: SumId) -> Bounded<ValueId> {
    let mut first: Option<(u128, Term)> = None;
    for term in SmallVec::<[Term; 8]>::from_slice(reals.terms(sum)) {
        let (_, varying) = split(reals, term);
        let varying = reals.monomial(&varying)?;
        let place = reals.monomial_info(varying).hash;
        if first.is_none_or(|(least, _)| place < least) {
            first = Some((place, term));
        }
    }
    let Some((_, term)) = first else { return Ok(Reals::ONE) };
    let (constant, _) = split(reals, term);
    let mut product = Product::new(term.coefficient.abs().recip()?);
    for factor in constant {
        product.push(factor.base, false, factor.exponent.mul(Rational::MINUS_ONE)?);
    }
    reals.normalize(&mut product)?;
    reals.product_value(&product)
}

type Factors = SmallVec<[Factor; 6]>;

/// The factors that are positive numbers, and the others.
fn split(reals: &Reals, term: Term) -> (Factors, Factors) {
    let mut parts = (Factors::new(), Factors::new());
    for factor in reals.factors(term.monomial) {
        if reals.is_constant(factor.base) && reals.base(factor.base).range.is_positive() {
            parts.0.push(*factor);
        } else {
            parts.1.push(*factor);
        }
    }
    parts
}
