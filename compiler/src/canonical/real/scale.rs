//! The level `scale`: a value divided by one positive number.
//!
//! Each sum below the decisions has a first term; its constant part is taken out. Of all sums the one with
//! the least hash after that gives the number by which everything is divided; among several, the one that leaves
//! the least whole.

use smallvec::SmallVec;

use super::arena::{Factor, Reals, SumId, Term, Value, ValueId};
use super::draws;
use super::product::Product;
use super::rational::{Bounded, Rational};

/// Most sums that are looked at.
const MAX_SUMS: usize = 4096;

/// The value divided by its positive constant factor.
pub(crate) fn scaled(reals: &mut Reals, value: ValueId) -> Bounded<ValueId> {
    let sums = sums(reals, value)?;
    // Where every sum is a number of known sign and they differ in sign alone, those are left.
    if let Some(signs) = signs(reals, &sums)? {
        return signed(reals, value, signs);
    }
    let mut candidates: Vec<Product> = Vec::new();
    let mut least = u128::MAX;
    for sum in sums {
        let divisor = divisor(reals, sum)?;
        let leaf = reals.leaf(sum);
        let normal = times(reals, leaf, &divisor)?;
        let hash = reals.info(normal).hash;
        if hash < least {
            least = hash;
            candidates.clear();
        }
        if hash == least {
            candidates.push(divisor);
        }
    }
    // Sums that differ in a factor alone: what becomes of the whole does not depend on its own factor.
    let mut best: Option<(u128, ValueId)> = None;
    for divisor in candidates {
        let whole = times(reals, value, &divisor)?;
        let hash = draws::hash(reals, whole)?;
        if best.is_none_or(|(least, _)| hash < least) {
            best = Some((hash, whole));
        }
    }
    Ok(best.map_or(value, |(_, whole)| whole))
}

/// The value times a positive number. Powers of one sum meet before they are multiplied out.
fn times(reals: &mut Reals, value: ValueId, number: &Product) -> Bounded<ValueId> {
    reals.spend(1)?;
    match reals.at(value) {
        Value::Choice { test, yes, no } => {
            let yes = times(reals, yes, number)?;
            let no = times(reals, no, number)?;
            reals.choose(test, yes, no)
        }
        Value::Leaf(sum) => {
            let mut total = Reals::ZERO;
            for term in SmallVec::<[Term; 8]>::from_slice(reals.terms(sum)) {
                let mut product = number.clone();
                product.coefficient = product.coefficient.mul(term.coefficient)?;
                product.factors.extend_from_slice(reals.factors(term.monomial));
                reals.normalize(&mut product)?;
                let value = reals.product_value(&product)?;
                total = reals.add(total, value)?;
            }
            Ok(total)
        }
        _ => Ok(value),
    }
}

/// A positive number, and its opposite.
type Signs = (SumId, SumId);

/// The number, if all sums are one number that is not rational, or its opposite.
fn signs(reals: &mut Reals, sums: &[SumId]) -> Bounded<Option<Signs>> {
    let Some(first) = sums.first().copied() else { return Ok(None) };
    if reals.as_number(first).is_some() || !reals.is_number(first) {
        return Ok(None);
    }
    let opposite = reals.scaled(first, Rational::MINUS_ONE)?;
    let range = reals.range(first);
    let all = sums.iter().all(|sum| *sum == first || *sum == opposite);
    Ok(match (all, range.is_positive(), range.is_negative()) {
        (true, true, _) => Some((first, opposite)),
        (true, _, true) => Some((opposite, first)),
        _ => None,
    })
}

/// The value with 1 for a number and -1 for its opposite.
fn signed(reals: &mut Reals, value: ValueId, signs: Signs) -> Bounded<ValueId> {
    reals.spend(1)?;
    match reals.at(value) {
        Value::Choice { test, yes, no } => {
            let yes = signed(reals, yes, signs)?;
            let no = signed(reals, no, signs)?;
            reals.choose(test, yes, no)
        }
        Value::Leaf(sum) if sum == signs.0 => Ok(Reals::ONE),
        Value::Leaf(sum) if sum == signs.1 => reals.number(Rational::MINUS_ONE),
        _ => Ok(value),
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
fn divisor(reals: &mut Reals, sum: SumId) -> Bounded<Product> {
    let mut first: Option<(u128, Term)> = None;
    for term in SmallVec::<[Term; 8]>::from_slice(reals.terms(sum)) {
        let (_, varying) = split(reals, term);
        let varying = reals.monomial(&varying)?;
        let place = reals.monomial_info(varying).hash;
        if first.is_none_or(|(least, _)| place < least) {
            first = Some((place, term));
        }
    }
    let Some((_, term)) = first else { return Ok(Product::new(Rational::ONE)) };
    let (constant, _) = split(reals, term);
    let mut product = Product::new(term.coefficient.abs().recip()?);
    for factor in constant {
        product.push(factor.base, false, factor.exponent.mul(Rational::MINUS_ONE)?);
    }
    Ok(product)
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
