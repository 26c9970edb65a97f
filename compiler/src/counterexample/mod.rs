//! A point at which two rules differ.
//!
//! ```text
//! two rules ─► subjects: what each reads ─► points, simple ones first ─► values with bounds ─► apart?
//! ```
//!
//! Rules are evaluated in f64 over the extended reals, each value with a bound on its error. A difference
//! beyond the bounds proves that the rules differ; that none is found proves nothing. States that are averages
//! of powers of the gradient are variables, as any value can be reached; if a rule has other states, both run
//! some steps from the start. The drops of the two rules may be paired in any way: there is a difference only if
//! there is one for every pairing.

mod pairing;
mod point;
mod power;
mod subject;
mod value;

use std::collections::BTreeMap;

use crate::Rule;

use pairing::Masks;
use point::{Point, Points, SIMPLE, Variable};
use subject::{Memory, Subject};
use value::Value;

pub use subject::{What, has_free_states};

/// Points that are tried.
const POINTS: usize = 3_000;

/// After so many, a difference that is plain is good enough.
const PATIENCE: usize = 300;

/// What a rule comes to at a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// A number.
    Finite(f64),
    /// An infinity; `true` for the positive one.
    Infinite(bool),
    /// Nothing: `0*Inf`, `x/0`, a function outside its domain.
    Undefined,
}

/// A place where two rules were evaluated.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Place {
    /// Values of what the rules read, by name: `t`, `T` and `lr` where states are followed, else all.
    pub inputs: Vec<(String, f64)>,
    /// Where states are followed: what is read at each step from the first. Else empty.
    pub steps: Vec<Vec<(String, f64)>>,
    /// For each rule and each of its drops, in the order in which they are written: whether it lets pass.
    pub kept: [Vec<bool>; 2],
    /// The values of the two rules, after the last step.
    pub values: [Outcome; 2],
}

/// A proof that two rules differ.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Counterexample {
    /// What differs.
    pub what: What,
    /// One place; two where only the ratio of the rules is in question and differs between them.
    pub places: Vec<Place>,
}

/// A point at which two rules differ at the level `real`, always the same for a seed. The simplest of some.
///
/// ```
/// use nosc_compiler::Rule;
/// use nosc_compiler::counterexample::{Outcome, find};
///
/// let [a, b] = ["g*sign(g)*sign(g) + 1 - 1", "2*g - g"].map(|text| Rule::parse(text));
/// assert_eq!(find(&a?, &b?, 1), None);
/// let found = find(&Rule::parse("sign(g)^2")?, &Rule::parse("1")?, 1).map(|found| found.places);
/// let place = found.and_then(|mut places| places.pop());
/// let place = place.as_ref();
/// assert_eq!(place.map(|p| p.inputs.clone()), Some(vec![("g".to_owned(), 0.0)]));
/// assert_eq!(place.map(|p| p.values), Some([Outcome::Finite(0.0), Outcome::Finite(1.0)]));
/// # Ok::<(), nosc_compiler::CompileErrors>(())
/// ```
pub fn find(a: &Rule, b: &Rule, seed: u64) -> Option<Counterexample> {
    Search::new(a, b).real(seed)
}

/// One or two points at which two rules differ at the level `scale`: no positive factor makes them one.
pub fn find_scaled(a: &Rule, b: &Rule, seed: u64) -> Option<Counterexample> {
    Search::new(a, b).scaled(seed)
}

/// How plain a difference is; none is 0.
type Score = u8;
const PLAIN: Score = 4;

fn score(a: Value, b: Value) -> Score {
    let is_real = |x| matches!(x, Value::Real(..));
    match a.distance(b) {
        0.0 => 0,
        distance if is_real(a) && is_real(b) => match distance {
            d if d > 1e-3 => PLAIN,
            d if d > 1e-9 => 2,
            _ => 1,
        },
        _ => 3,
    }
}

/// Two rules, and what they read.
struct Search<'a> {
    subjects: [Subject<'a>; 2],
    memory: Memory,
}

impl<'a> Search<'a> {
    fn new(a: &'a Rule, b: &'a Rule) -> Search<'a> {
        let memory =
            if has_free_states(a) && has_free_states(b) { Memory::Free } else { Memory::Steps };
        Search { subjects: [Subject::new(a, memory), Subject::new(b, memory)], memory }
    }

    /// What the two read, with the names that it has.
    fn names(&self, what: What) -> BTreeMap<Variable, String> {
        let mut names = self.subjects[0].variables(what);
        names.extend(self.subjects[1].variables(what));
        // An average that is read both ways is read in one.
        let all: Vec<Variable> = names.keys().copied().collect();
        for variable in all {
            if let Variable::Average { power, decay, debiased: true } = variable {
                names.remove(&Variable::Average { power, decay, debiased: false });
            }
        }
        told_apart(names)
    }

    fn values(&self, what: What, point: &Point, masks: &Masks) -> [Value; 2] {
        let [a, b] = &self.subjects;
        [a.value(what, point, &masks.dropped[0]), b.value(what, point, &masks.dropped[1])]
    }

    fn real(&self, seed: u64) -> Option<Counterexample> {
        [What::Update, What::Schedule].into_iter().find_map(|what| self.real_of(what, seed))
    }

    fn real_of(&self, what: What, seed: u64) -> Option<Counterexample> {
        if what == What::Schedule && self.subjects.iter().all(|s| s.rule.schedule.is_none()) {
            return None;
        }
        let drops = [0, 1].map(|rule| self.subjects[rule].drops(what));
        let (whole, pairings) = (pairing::whole(&drops), pairing::pairings(&drops));
        if let Some((point, masks)) = self.best(what, &whole, POINTS, seed) {
            return Some(self.told(what, vec![(point, masks)]));
        }
        if self.memory == Memory::Steps || pairings.is_empty() {
            return None;
        }
        let found: Option<Vec<(Point, Masks)>> = pairings
            .iter()
            .map(|masks| self.best(what, masks, POINTS / (1 + masks.len()), seed))
            .collect();
        let first = found?.into_iter().next()?;
        Some(self.told(what, vec![first]))
    }

    /// The plainest difference at any of the masks.
    fn best(
        &self,
        what: What,
        masks: &[Masks],
        points: usize,
        seed: u64,
    ) -> Option<(Point, Masks)> {
        let mut best: Option<(Score, Point, &Masks)> = None;
        for (number, point) in self.points(what, seed).take(points).enumerate() {
            for masks in masks {
                let [a, b] = self.values(what, &point, masks);
                let score = score(a, b);
                if score > best.as_ref().map_or(0, |(score, ..)| *score) {
                    best = Some((score, point.clone(), masks));
                }
            }
            let enough = if number < PATIENCE { PLAIN } else { PLAIN - 1 };
            if best.as_ref().is_some_and(|(score, ..)| *score >= enough) {
                break;
            }
        }
        let (_, point, masks) = best?;
        Some((self.simplified(what, point, masks), masks.clone()))
    }

    fn points(&self, what: What, seed: u64) -> Points {
        let variables = self.names(what).into_keys().collect();
        Points::new(variables, self.memory == Memory::Steps, seed)
    }

    /// The point with as many simple values as leave the difference as plain as it is.
    fn simplified(&self, what: What, mut point: Point, masks: &Masks) -> Point {
        let score = |point: &Point| {
            let [a, b] = self.values(what, point, masks);
            score(a, b)
        };
        let wanted = score(&point);
        let places: Vec<(usize, Variable)> = point
            .steps
            .iter()
            .enumerate()
            .flat_map(|(step, read)| read.keys().map(move |variable| (step, *variable)))
            .collect();
        for (step, variable) in places {
            let own = point.steps[step].get(&variable).copied();
            let with = |simple: f64| {
                let mut other = point.clone();
                other.steps[step].insert(variable, simple);
                other
            };
            let simpler = SIMPLE
                .into_iter()
                .filter(|simple| *simple >= 0.0 || !variable.is_square())
                .take_while(|simple| own != Some(*simple))
                .map(with)
                .find(|other| score(other) >= wanted);
            point = simpler.unwrap_or(point);
        }
        point
    }

    fn scaled(&self, seed: u64) -> Option<Counterexample> {
        if let Some(found) = self.real_of(What::Schedule, seed) {
            return Some(found);
        }
        let what = What::Update;
        let drops = [0, 1].map(|rule| self.subjects[rule].drops(what));
        let whole = pairing::whole(&drops);
        let mut first: Option<(Value, Point, &Masks)> = None;
        let points = self.points(what, seed).take(POINTS);
        for (point, masks) in points.flat_map(|point| whole.iter().map(move |m| (point.clone(), m)))
        {
            let [a, b] = self.values(what, &point, masks);
            if !is_a_multiple(a, b) {
                return Some(self.told(what, vec![(point, masks.clone())]));
            }
            let ratio = b.div(a);
            if ratio.sign().is_none() || !matches!(ratio, Value::Real(..)) {
                continue;
            }
            let Some((wanted, before, their_masks)) = &first else {
                first = Some((ratio, point, masks));
                continue;
            };
            if ratio.distance(*wanted) > 0.0 {
                let before = (before.clone(), (*their_masks).clone());
                return Some(self.told(what, vec![before, (point, masks.clone())]));
            }
        }
        None
    }

    /// The places for people.
    fn told(&self, what: What, found: Vec<(Point, Masks)>) -> Counterexample {
        let places = found.into_iter().map(|(point, masks)| self.place(what, &point, &masks));
        Counterexample { what, places: places.collect() }
    }

    fn place(&self, what: What, point: &Point, masks: &Masks) -> Place {
        let names = self.names(what);
        let of_step = |step: &point::Step| -> Vec<(String, f64)> {
            let named = |(variable, value): (&Variable, &f64)| {
                names.get(variable).map(|name| (name.clone(), *value))
            };
            step.iter().filter_map(named).collect()
        };
        let mut inputs = Vec::new();
        let mut steps: Vec<Vec<(String, f64)>> = point.steps.iter().map(of_step).collect();
        if self.memory == Memory::Free {
            inputs = steps.drain(..).flatten().collect();
        }
        let last = point.time + point.steps.len() as u64 - 1;
        for (variable, value) in [
            (Variable::Rate, point.rate),
            (Variable::Time, last as f64),
            (Variable::Total, point.total as f64),
        ] {
            inputs.extend(names.get(&variable).map(|name| (name.clone(), value)));
        }
        let kept = [0, 1].map(|rule| {
            let drops = self.subjects[rule].drops(what);
            drops.iter().map(|(site, _)| !masks.dropped[rule].contains(site)).collect()
        });
        Place { inputs, steps, kept, values: self.values(what, point, masks).map(outcome) }
    }
}

/// The names, and the decay with those of averages that are called the same.
fn told_apart(mut names: BTreeMap<Variable, String>) -> BTreeMap<Variable, String> {
    let all: Vec<String> = names.values().cloned().collect();
    for (variable, name) in &mut names {
        if let Variable::Average { decay, .. } = variable
            && all.iter().filter(|other| *other == name).count() > 1
        {
            *name += &format!(" of decay {}", f64::from_bits(*decay));
        }
    }
    names
}

/// Whether one value may be a positive multiple of the other.
fn is_a_multiple(a: Value, b: Value) -> bool {
    match (a.sign(), b.sign()) {
        _ if a == Value::Unknown || b == Value::Unknown => true,
        (Some(one), Some(other)) if one != other => false,
        _ => match (a, b) {
            (Value::Real(..), Value::Real(..)) => true,
            _ => a == b,
        },
    }
}

fn outcome(value: Value) -> Outcome {
    match value {
        Value::Real(x, _) => Outcome::Finite(x),
        Value::Infinite(positive) => Outcome::Infinite(positive),
        Value::Undefined | Value::Unknown => Outcome::Undefined,
    }
}

#[cfg(test)]
mod tests;
