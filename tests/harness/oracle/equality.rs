//! Whether two rules are equal: point by point, mask by mask, up to the names of their drops.
//!
//! `Different` is proof: a point and a mask at which the values are apart, for every way to pair the drops.
//! `Equal` is evidence: many points agree to 12 digits or more, and none is apart.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::function::{Column, Function};
use super::value::{Agreement, Value};

/// Points that must agree sharply for an equality to count.
const ENOUGH: usize = 40;

/// Of these, the points at which the rules have a value, unless they have none anywhere.
const ENOUGH_DEFINED: usize = 12;

/// What is asked of two rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The same value everywhere.
    Same,
    /// The same value everywhere but for one positive factor.
    Scaled,
}

/// What is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Proven not to be.
    Different,
    /// They agree at many points, and nowhere not.
    Equal,
    /// Too few points tell.
    Unsure,
}

use Verdict::{Different, Equal, Unsure};

/// Compares two rules.
///
/// Drops that are proven to matter must have a partner of their probability in the other rule; the others may be
/// left without. So a drop of which too little is known makes no difference by itself.
pub fn compare(a: &Function, b: &Function, relation: Relation) -> Verdict {
    let (live_a, live_b) = (live_sites(a), live_sites(b));
    let slots = a.sites.len().max(b.sites.len());
    let mut order: Vec<usize> = (0..slots).collect();
    let mut tried = BTreeSet::new();
    let mut verdict = Different;
    loop {
        let pairs = pairing(a, &live_a, b, &live_b, &order);
        if let Some(pairs) = pairs.filter(|pairs| tried.insert(pairs.clone())) {
            match compare_paired(a, b, &pairs, relation) {
                Equal => return Equal,
                Unsure => verdict = Unsure,
                Different => {}
            }
        }
        if !next_permutation(&mut order) {
            return verdict;
        }
    }
}

/// For each site whether it is proven to matter.
fn live_sites(function: &Function) -> Vec<bool> {
    let masks = || 0..function.columns.len();
    let matters = |site: usize| {
        masks().filter(|mask| mask & 1 << site == 0).any(|mask| {
            let (kept, dropped) = (&function.columns[mask], &function.columns[mask | 1 << site]);
            compare_columns(kept, dropped, None) == Different
        })
    };
    (0..function.sites.len()).map(matters).collect()
}

/// Site i of a with site `order[i]` of b, where one matters. `None` if one that matters gets no partner
/// of its probability.
fn pairing(
    a: &Function,
    live_a: &[bool],
    b: &Function,
    live_b: &[bool],
    order: &[usize],
) -> Option<Vec<(usize, usize)>> {
    let is_live = |live: &[bool], site: usize| live.get(site).copied().unwrap_or(false);
    let pairs = order.iter().copied().enumerate();
    let mut pairs = pairs.filter(|(i, j)| is_live(live_a, *i) || is_live(live_b, *j));
    let fits = |(i, j): (usize, usize)| {
        let alike = i < a.sites.len() && j < b.sites.len() && a.sites[i] == b.sites[j];
        alike.then_some((i, j))
    };
    pairs.try_fold(Vec::new(), |mut list, pair| {
        list.push(fits(pair)?);
        Some(list)
    })
}

/// Compares under all masks of paired sites, with all others kept.
fn compare_paired(
    a: &Function,
    b: &Function,
    pairs: &[(usize, usize)],
    relation: Relation,
) -> Verdict {
    let pair = |bits: usize| {
        let chosen = pairs.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1);
        let masks = chosen.fold((0, 0), |(in_a, in_b), (_, (i, j))| (in_a | 1 << i, in_b | 1 << j));
        (&a.columns[masks.0], &b.columns[masks.1])
    };
    let all = 0..1 << pairs.len();
    let factor = match relation {
        Relation::Same => None,
        Relation::Scaled => all.clone().map(pair).find_map(|(a, b)| factor(a, b)),
    };
    // Equal values are equal up to the factor 1, which needs no point to tell it.
    let same = |(a, b): (&Column, &Column)| compare_columns(a, b, None) == Equal;
    if relation == Relation::Scaled && factor.is_none() && all.clone().map(pair).all(same) {
        return Equal;
    }
    let mut verdict = Equal;
    for (a, b) in all.map(pair) {
        let found = match (relation, factor) {
            (Relation::Scaled, None) => compare_signs(a, b),
            _ => compare_columns(a, b, factor),
        };
        match found {
            Different => return Different,
            Unsure => verdict = Unsure,
            Equal => {}
        }
    }
    verdict
}

/// The ratio of the sizes of a and b at the first point where both are known to many digits.
fn factor(a: &Column, b: &Column) -> Option<Value> {
    let mut pairs = a.iter().zip(b.iter());
    let (a, b) = pairs.find(|(a, b)| is_clear(**a) && is_clear(**b))?;
    Some(a.abs().div(b.abs()))
}

/// Whether a value is real, not 0 and known to 20 digits.
pub(super) fn is_clear(value: Value) -> bool {
    match value {
        Value::Real(x, bound) => x.high() != 0.0 && bound <= 1e-20 * x.high().abs(),
        _ => false,
    }
}

fn compare_columns(a: &Column, b: &Column, factor: Option<Value>) -> Verdict {
    if Arc::ptr_eq(a, b) && factor.is_none() {
        return Equal;
    }
    let (mut sharp, mut defined, mut vague) = (0, 0, 0);
    for (x, y) in a.iter().zip(b.iter()) {
        let y = factor.map_or(*y, |factor| factor.mul(*y));
        match x.compare(y) {
            Agreement::Apart => return Different,
            Agreement::Sharp => {
                sharp += 1;
                defined += usize::from(*x != Value::Undefined);
            }
            Agreement::Vague => vague += 1,
        }
    }
    let nowhere_defined = defined == 0 && vague == 0;
    let enough = sharp >= ENOUGH && (defined >= ENOUGH_DEFINED || nowhere_defined);
    if enough { Equal } else { Unsure }
}

/// Compares what a positive factor leaves, where no point tells the factor: the signs. They prove a difference;
/// equality only where no value is a number but 0.
fn compare_signs(a: &Column, b: &Column) -> Verdict {
    let sign = |value: &Value| match value {
        Value::Infinite(_) => *value,
        value => value.signum(),
    };
    let signs = |column: &Column| column.iter().map(sign).collect::<Column>();
    let sizeless =
        |value: &Value| value.is_zero() || matches!(value, Value::Infinite(_) | Value::Undefined);
    match compare_columns(&signs(a), &signs(b), None) {
        Equal if !a.iter().chain(b.iter()).all(sizeless) => Unsure,
        verdict => verdict,
    }
}

/// The next order in the dictionary; `false` after the last.
fn next_permutation(order: &mut [usize]) -> bool {
    let Some(turn) = order.windows(2).rposition(|pair| pair[0] < pair[1]) else { return false };
    let larger = order.iter().rposition(|item| *item > order[turn]);
    // There is one: the neighbour.
    order.swap(turn, larger.unwrap_or(turn + 1));
    order[turn + 1..].reverse();
    true
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Oracle, Program};
    use super::{Relation, Verdict, compare, next_permutation};

    /// `sqrt|x - x|` of rounded numbers is 0 to half the digits, which blurs the factor between two rules.
    #[test]
    fn a_factor_that_no_point_tells_proves_nothing() {
        let oracle = Oracle::new(1, 400);
        let function = |tokens: &str| oracle.function(&Program::parse(tokens).unwrap()).unwrap();
        let blurred = function("1 2 clip1e-3 clip1e-3 sub g g id id left sign_g %0 id sqrt add");
        for (tokens, verdict) in [
            ("sign_g 1 id id left", Verdict::Equal),
            ("2 sign_g id id mul", Verdict::Unsure),
            ("sign_g 1 neg id left", Verdict::Different),
            ("1 1 log id left", Verdict::Different),
            ("g g log id left", Verdict::Different),
        ] {
            assert_eq!(compare(&blurred, &function(tokens), Relation::Scaled), verdict, "{tokens}");
        }
    }

    #[test]
    fn all_orders_are_tried_once() {
        let mut order = vec![0, 1, 2, 3];
        let mut seen = BTreeSet::from([order.clone()]);
        while next_permutation(&mut order) {
            assert!(seen.insert(order.clone()), "{order:?}");
        }
        assert_eq!(seen.len(), 24);
        assert!(!next_permutation(&mut []));
    }
}
