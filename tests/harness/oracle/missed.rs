//! Equal rules with two keys: who meets at a few points is compared at all.
//!
//! A sign of a rule is its values at a few tame points, to 40 bits. Two equal rules have one sign wherever both
//! are known sharply at these points, so there are several sets of points. Rules that share a sign are
//! compared in full, each with those before it that differ from one another, unless a sign that both had
//! before has decided.

use rayon::prelude::*;

use super::equality::{Relation, Verdict, compare, is_clear};
use super::function::{Column, Function, Oracle};
use super::judge::{PROBES, Pair, function};
use super::points::{Kind, ROUND, kind};
use super::program::{Malformed, Program};
use super::value::Value;
use crate::splitmix;

/// Sets of points.
const SETS: usize = PROBES / ROUND;

/// Sets of more points come first: their groups are small.
const WIDE_SETS: usize = 3;

/// Rounds of points in such a set.
const WIDE_SET: usize = 3;

/// Rules of one sign that differ from one another; a further one is compared with these only.
const MOST_LEADERS: usize = 48;

/// Rules of one sign that are compared with the leaders at a time, on all threads.
const BATCH: usize = 256;

/// A rule's sign in each set of points, where it has one.
pub type Signs = [Option<u64>; SETS];

/// Marks the rules that belong together (Tarjan).
struct Classes(Vec<usize>);

impl Classes {
    fn find(&mut self, mut index: usize) -> usize {
        while self.0[index] != index {
            self.0[index] = self.0[self.0[index]];
            index = self.0[index];
        }
        index
    }

    /// The earlier of the two speaks for both.
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// Pairs of equal rules: for each class of them, the first with each of the others.
pub(super) fn find_missed(
    oracle: &Oracle,
    mut rules: Vec<&str>,
    relation: Relation,
) -> Result<Vec<Pair>, Malformed> {
    rules.sort_unstable_by_key(|tokens| (tokens.len(), *tokens));
    let signs = rules.par_iter().map(|tokens| signs_of(oracle, tokens, relation));
    let signs: Vec<Signs> = signs.collect::<Result<_, _>>()?;
    let mut classes = Classes((0..rules.len()).collect());
    for set in 0..SETS {
        // The earlier sets in which a rule has a sign, as bits.
        let decided_by = |rule: usize| {
            let known = signs[rule][..set].iter().map(|sign| u16::from(sign.is_some()));
            known.fold(0, |bits, known| bits << 1 | known)
        };
        let mut known: Vec<(u64, usize)> =
            (0..rules.len()).filter_map(|rule| signs[rule][set].map(|sign| (sign, rule))).collect();
        known.par_sort_unstable();
        let groups: Vec<Vec<usize>> = known
            .chunk_by(|one, other| one.0 == other.0)
            .map(|group| undecided(speakers(group, &mut classes), &decided_by))
            .filter(|group| group.len() > 1)
            .collect();
        let decided = |a: usize, b: usize| decided_by(a) & decided_by(b) != 0;
        let equal = groups.par_iter().map(|group| {
            find_equal(group, relation, &decided, &|rule| function(oracle, rules[rule]))
        });
        for (a, b) in equal.collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
            classes.join(a, b);
        }
    }
    // Equality through a third rule of which less is known is none: the two are compared once more. And
    // none that has no witness against it only because the point is not among those that are tried.
    let others = (0..rules.len()).map(|rule| (classes.find(rule), rule));
    let others: Vec<_> = others.filter(|(first, rule)| first != rule).collect();
    let pairs = others.par_iter().map(|(first, rule)| {
        let [one, other] = [rules[*first], rules[*rule]];
        let functions = (function(oracle, one)?, function(oracle, other)?);
        let (Some(a), Some(b)) = functions else { return Ok(None) };
        let seen = !a.has_hidden_points && !b.has_hidden_points;
        let equal = seen && compare(&a, &b, relation) == Verdict::Equal;
        Ok(equal.then(|| [one.to_owned(), other.to_owned()]))
    });
    Ok(pairs.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// One rule of each class in a group.
fn speakers(group: &[(u64, usize)], classes: &mut Classes) -> Vec<usize> {
    let mut speakers: Vec<usize> = group.iter().map(|(_, rule)| classes.find(*rule)).collect();
    speakers.sort_unstable();
    speakers.dedup();
    speakers
}

/// The rules of a group that are to be compared with any other.
fn undecided(mut group: Vec<usize>, decided_by: &impl Fn(usize) -> u16) -> Vec<usize> {
    let mut bits: Vec<u16> = group.iter().map(|rule| decided_by(*rule)).collect();
    bits.sort_unstable();
    bits.dedup();
    group.retain(|rule| bits.iter().any(|other| other & decided_by(*rule) == 0));
    group
}

/// The equal ones among rules of one sign, but for pairs that are decided.
fn find_equal(
    group: &[usize],
    relation: Relation,
    decided: &(impl Fn(usize, usize) -> bool + Sync),
    evaluate: &(impl Fn(usize) -> Result<Option<Function>, Malformed> + Sync),
) -> Result<Vec<(usize, usize)>, Malformed> {
    let mut leaders: Vec<(usize, Function)> = Vec::new();
    let mut equal = Vec::new();
    let find = |leaders: &[(usize, Function)], rule: usize, next: &Function| {
        let same = |leader: &&(usize, Function)| {
            !decided(leader.0, rule) && compare(&leader.1, next, relation) == Verdict::Equal
        };
        leaders.iter().find(same).map(|leader| leader.0)
    };
    for batch in group.chunks(BATCH) {
        let full = leaders.len() == MOST_LEADERS;
        let open = |rule: usize| !full || leaders.iter().any(|leader| !decided(leader.0, rule));
        let evaluated = batch.par_iter().filter(|rule| open(**rule)).map(|rule| {
            let function = evaluate(*rule)?;
            let leader = function.as_ref().and_then(|next| find(&leaders, *rule, next));
            Ok((*rule, function, leader))
        });
        let evaluated: Vec<_> = evaluated.collect::<Result<_, _>>()?;
        let known = leaders.len();
        for (rule, function, leader) in evaluated {
            let Some(next) = function else { continue };
            if let Some(leader) = leader.or_else(|| find(&leaders[known..], rule, &next)) {
                equal.push((leader, rule));
            } else if leaders.len() < MOST_LEADERS {
                leaders.push((rule, next));
            }
        }
    }
    Ok(equal)
}

/// The points of a set: those of its rounds where most rules are known sharply.
fn points_of(set: usize) -> impl Iterator<Item = usize> {
    let tame = |point: &usize| !matches!(kind(*point), Kind::Wide | Kind::WideLong | Kind::Tiny);
    let rounds = if set < WIDE_SETS { WIDE_SET } else { 1 };
    (set * ROUND..(set + rounds) * ROUND).filter(tame)
}

/// The sign of a rule for each set of points, where it has one.
///
/// # Errors
///
/// The string is no rule of the paper's space.
pub fn signs_of(oracle: &Oracle, tokens: &str, relation: Relation) -> Result<Signs, Malformed> {
    let column = oracle.probe(&Program::parse(tokens)?, PROBES);
    Ok(std::array::from_fn(|set| sign(&column, set, relation)))
}

fn sign(column: &Column, set: usize, relation: Relation) -> Option<u64> {
    let values = || points_of(set).map(|point| column[point]);
    let unit = match relation {
        Relation::Same => None,
        Relation::Scaled => values().find(|value| is_clear(*value)).map(Value::abs),
    };
    values().try_fold(set as u64, |state, value| {
        let value = unit.map_or(value, |unit| value.div(unit));
        Some(splitmix(state ^ digits(value)?))
    })
}

/// A number for a value that is known: for a real its first 40 bits.
fn digits(value: Value) -> Option<u64> {
    match value {
        Value::Unknown => None,
        Value::Undefined => Some(1),
        Value::Infinite(positive) => Some(2 + u64::from(positive)),
        value if value.is_zero() => Some(4),
        Value::Real(x, _) if is_clear(value) => Some(((x.high().to_bits() >> 11) + 1) >> 1),
        Value::Real(..) => None,
    }
}
