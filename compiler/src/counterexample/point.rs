//! Points: simple ones first, then random ones of several kinds.

use std::collections::BTreeMap;

use crate::random::SplitMix64;

/// What a rule reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variable {
    Gradient,
    Weight,
    /// An average of a power of the gradient, divided by what it lacks at the start or not.
    Average {
        power: u8,
        decay: u64,
        debiased: bool,
    },
    Noise,
    DecayingNoise,
    Rate,
    Time,
    Total,
}

impl Variable {
    /// Whether it differs from step to step, and stands in a [`Step`].
    pub(super) fn is_of_step(self) -> bool {
        !matches!(self, Variable::Rate | Variable::Time | Variable::Total)
    }

    /// Whether it is never negative.
    pub(super) fn is_square(self) -> bool {
        matches!(self, Variable::Average { power: 2, .. })
    }
}

/// What is read at one step.
pub(super) type Step = BTreeMap<Variable, f64>;

/// A point: one step, or some from the start.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// `t` of the first step.
    pub(super) time: u64,
    pub(super) total: u64,
    pub(super) rate: f64,
    pub(super) steps: Vec<Step>,
}

/// Simple values, the simplest first.
pub(super) const SIMPLE: [f64; 4] = [1.0, 0.0, 2.0, -1.0];

const SPECIAL: [f64; 14] =
    [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, 1e-3, -1e-3, 1e3, -1e3, -1e-8, 1e-8];

const TIMES: [(u64, u64); 10] = [
    (2, 10),
    (5, 10),
    (0, 10),
    (10, 10),
    (7, 10),
    (1, 3),
    (1, 1),
    (40, 100),
    (123, 1000),
    (15, 10),
];

const RATES: [f64; 4] = [0.5, 1.0, 0.01, 2.0];

/// The points of a seed.
pub(super) struct Points {
    variables: Vec<Variable>,
    /// Whether states are followed from the start.
    follows_states: bool,
    dice: SplitMix64,
    next: usize,
}

impl Points {
    pub(super) fn new(variables: Vec<Variable>, follows_states: bool, seed: u64) -> Points {
        Points { variables, follows_states, dice: SplitMix64::new(seed), next: 0 }
    }

    fn value(&mut self, kind: usize) -> f64 {
        match kind {
            0 | 1 => SPECIAL[self.dice.below(SPECIAL.len())],
            2 => SPECIAL[self.dice.below(6)],
            3 => number(&mut self.dice, 0.0, 1.0),
            4 => number(&mut self.dice, -3.0, 3.0),
            _ => number(&mut self.dice, -8.0, 2.0),
        }
    }

    fn step(&mut self, kind: usize) -> Step {
        let mut step = Step::new();
        let mut last = None;
        for variable in self.variables.clone().into_iter().filter(|v| v.is_of_step()) {
            let mut value = self.value(kind);
            // Some variables are equal.
            if let (Some(last), true) = (last, self.dice.below(5) == 0) {
                value = last;
            }
            if variable.is_square() {
                value = value.abs();
            }
            last = Some(value);
            step.insert(variable, value);
        }
        step
    }

    /// All 1, at several times; then all but one 1.
    fn simple(&self, number: usize) -> Option<Point> {
        let of_step: Vec<Variable> =
            self.variables.iter().copied().filter(|v| v.is_of_step()).collect();
        let mut step: Step = of_step.iter().map(|variable| (*variable, 1.0)).collect();
        let mut times = TIMES[0];
        if let Some(others) = TIMES.get(number) {
            times = *others;
        } else {
            let number = number - TIMES.len();
            let variable = *of_step.get(number / 4)?;
            let value: f64 = [2.0, 0.0, -1.0, 3.0][number % 4];
            step.insert(variable, if variable.is_square() { value.abs() } else { value });
        }
        let (time, total) = times;
        let time = if self.follows_states { 0 } else { time };
        Some(Point { time, total, rate: 0.5, steps: vec![step] })
    }
}

impl Iterator for Points {
    type Item = Point;

    fn next(&mut self) -> Option<Point> {
        let number = self.next;
        self.next += 1;
        if let Some(point) = self.simple(number) {
            return Some(point);
        }
        let (time, total) = TIMES[self.dice.below(TIMES.len())];
        let rate = RATES[self.dice.below(RATES.len())];
        let kind = self.dice.below(6);
        let count = if self.follows_states { 1 + self.dice.below(3) } else { 1 };
        let steps = (0..count).map(|_| self.step(kind)).collect();
        Some(Point { time: if self.follows_states { 0 } else { time }, total, rate, steps })
    }
}

/// A random number of a magnitude between two powers of ten, either sign, with few bits so that products are exact.
fn number(dice: &mut SplitMix64, low: f64, high: f64) -> f64 {
    let unit = (dice.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let magnitude = libm::exp10(low + unit * (high - low));
    let short = f64::from_bits(magnitude.to_bits() >> 43 << 43);
    if dice.below(2) == 0 { short } else { -short }
}
