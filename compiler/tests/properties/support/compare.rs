//! Whether two rules give the same bits, on the values where laws break.

use nosc_compiler::Rule;
use nosc_compiler::arbitrary::bytes_from_seed;

use super::evaluate::{Evaluator, Inputs};

/// Values of gradients and weights: zeros, subnormals, around delta and the clips, large, infinite, NaN.
const SPECIAL: &[f32] = &[
    0.0,
    -0.0,
    1e-45,
    -1e-45,
    1e-40,
    1.175_494_4e-38,
    -1e-38,
    1e-8,
    9.999_999e-9,
    1.000_000_1e-8,
    -1e-8,
    1e-5,
    -1e-3,
    0.1,
    0.010_000_001,
    0.3,
    -0.5,
    1.0,
    -1.0,
    0.999_999_94,
    2.0,
    -3.0,
    7.25,
    88.7,
    -104.0,
    1e10,
    -1e19,
    1e30,
    2e38,
    3e38,
    -3e38,
    f32::MAX,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// Values that a user may set a parameter to.
const SETTINGS: &[f64] = &[0.0, -1.0, 0.5, 1e300, 1e-300, -1e-300, 1e39, 0.999, 3.0, 1e-8];

const STEPS: u64 = 3;

/// Numbers from a seed.
#[derive(Debug)]
pub(crate) struct Numbers {
    bytes: Vec<u8>,
    at: usize,
}

impl Numbers {
    /// A stream of a seed; it repeats after a while.
    pub(crate) fn new(seed: u64) -> Numbers {
        Numbers { bytes: bytes_from_seed(seed, 4096), at: 0 }
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let word = [0, 1, 2, 3].map(|byte| self.bytes[(self.at + byte) % self.bytes.len()]);
        self.at += 4;
        u32::from_le_bytes(word) as usize % bound.max(1)
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// The first point where the two rules differ, as text for people. Both see the same draws if draws of one
/// probability are all dropped or all kept, so that it does not matter which site is which.
pub(crate) fn difference(a: &Rule, b: &Rule, seed: u64, elements: usize) -> Option<String> {
    let mut numbers = Numbers::new(seed);
    (0..elements).find_map(|element| element_difference(a, b, &mut numbers, element % 2 == 1))
}

fn element_difference(a: &Rule, b: &Rule, numbers: &mut Numbers, set: bool) -> Option<String> {
    let offset = numbers.below(SETTINGS.len());
    let parameter = |name: &str, default: f64| {
        if !set {
            return default;
        }
        let at = offset + name.bytes().map(usize::from).sum::<usize>();
        // Decays must be decays; other parameters may be anything.
        if name.starts_with("beta") {
            [0.0, 0.5, 0.9][at % 3]
        } else {
            SETTINGS[at % SETTINGS.len()]
        }
    };
    let (mut left, mut right) = (Evaluator::new(a, parameter), Evaluator::new(b, parameter));
    let mut inputs = Inputs {
        gradient: 0.0,
        weight: numbers.of(SPECIAL),
        noise: 0.0,
        decaying_noise: 0.0,
        learning_rate: numbers.of(&[1.0, 1e-3, 1e-300, 1e300, 0.1]),
        step: 0,
        total_steps: numbers.of(&[1, 2, 10]),
        drops_from: numbers.of(&[2.0, 0.0, 0.3, 0.5]),
    };
    for step in 0..STEPS {
        inputs.step = step;
        inputs.gradient = numbers.of(SPECIAL);
        inputs.noise = numbers.of(&[0.0, -0.0, 0.1, -0.25, 1e-9]);
        inputs.decaying_noise = numbers.of(&[0.0, 0.3, -1.5, 1e-4]);
        let (Some(x), Some(y)) = (left.step(&inputs), right.step(&inputs)) else { return None };
        let same = same32(x.update, y.update) && same64(x.schedule, y.schedule);
        if !same {
            let values: Vec<String> = a
                .parameters
                .iter()
                .map(|p| format!("{} = {:e}", p.name, parameter(&p.name, p.default)))
                .collect();
            return Some(format!("{inputs:?}, {values:?}: {x:?} and {y:?}"));
        }
    }
    None
}

fn same32(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

fn same64(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        // No schedule is a schedule of 1.
        (None, None) => true,
        (Some(one), None) | (None, Some(one)) => one == 1.0,
    }
}
