//! The points at which rules are evaluated: where rules that look alike come apart.
//!
//! A law that is false mostly fails at zeros, at signs, where two variables are equal, at small integers, at the
//! pole of a division, or where one value dwarfs another. So points come in kinds, interleaved, and any first
//! part of them has some of each. Most numbers have 10 bits: products of a few are then exact, and zeros and
//! integers are known for what they are.
//!
//! Decays are variables of their own, although all are functions of the step: rules that agree here agree at
//! every step. The variable `v` is never negative, decays are in `[0, 1]`.

use super::value::Value;
use crate::splitmix;

/// An independent variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variable {
    /// `g`
    Gradient,
    /// `w`
    Weight,
    /// `m`
    Mean,
    /// `v`, which is not negative
    Square,
    /// `gamma`
    Cube,
    /// `eps`
    Noise,
    /// `eps_t`
    DecayingNoise,
    /// `ld`
    LinearDecay,
    /// `cd_N`, by the bits of N
    CosineDecay(u64),
    /// `rd_N`, by the bits of N
    RestartDecay(u64),
}

/// What is special about a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Magnitudes from 1e-7 to 16 and some to 1e6, some zeros.
    Wide,
    /// The same in all bits of an f64.
    WideLong,
    /// About 1.
    Tame,
    /// About 1 and positive.
    Positive,
    /// Every other variable is 0.
    Zeros,
    /// 0, ±1/2, ±1, ±2, 3 and decays of 0 or 1.
    Few,
    /// Every other variable is the same number or its negative.
    Pairs,
    /// Some variables are `-delta`, the pole of `div`, or `delta`.
    Pole,
    /// Averages as they are after one step: `m = g`, `v = g^2`, `gamma = g^3`.
    FirstStep,
    /// Magnitudes from 1e-12 to 1e-6.
    Tiny,
    /// About 1 in all bits of an f64.
    TameLong,
}

/// Points in one round of kinds.
pub(super) const ROUND: usize = 8;

const KINDS: [Kind; ROUND - 1] =
    [Kind::Tame, Kind::Zeros, Kind::Wide, Kind::Pairs, Kind::Few, Kind::Positive, Kind::WideLong];

const RARE_KINDS: [Kind; 4] = [Kind::Pole, Kind::FirstStep, Kind::Tiny, Kind::TameLong];

/// The kind of a point.
pub(super) fn kind(point: usize) -> Kind {
    KINDS.get(point % ROUND).copied().unwrap_or(RARE_KINDS[point / ROUND % RARE_KINDS.len()])
}

/// `delta`, the addend of divisors.
pub(super) fn delta() -> Value {
    Value::power_of_ten(8)
}

/// Random words for a purpose, a function of seed, point and variable.
struct Words(u64);

impl Words {
    fn new(parts: [u64; 3]) -> Words {
        Words(parts.into_iter().fold(0x6e6f_7363, |state, part| splitmix(state ^ splitmix(part))))
    }

    fn word(&mut self) -> u64 {
        self.0 = splitmix(self.0);
        self.0
    }

    /// In [0, 1).
    fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    fn signed(&mut self, magnitude: f64) -> f64 {
        if self.chance(0.5) { -magnitude } else { magnitude }
    }
}

/// Rounded to 10 bits.
fn short(value: f64) -> f64 {
    f64::from_bits(value.to_bits() >> 43 << 43)
}

impl Variable {
    /// Its value at a point.
    pub fn value(self, seed: u64, point: usize) -> Value {
        let mut words = Words::new([seed, point as u64, self.number()]);
        if self.is_decay() {
            return Value::exact(decay(&mut words, kind(point)));
        }
        let value = match kind(point) {
            Kind::Pole if words.chance(0.5) => {
                if words.chance(0.3) {
                    delta()
                } else {
                    delta().neg()
                }
            }
            Kind::Pairs if words.chance(0.5) => {
                let mut shared = Words::new([seed, point as u64, u64::MAX]);
                Value::exact(words.signed(number(&mut shared, Kind::Tame)))
            }
            Kind::FirstStep => {
                let mut first = Words::new([seed, point as u64, Variable::Gradient.number()]);
                let zero = first.chance(0.2);
                let g = if zero { 0.0 } else { number(&mut first, Kind::Tame) };
                Value::exact(match self {
                    Variable::Gradient | Variable::Mean => g,
                    Variable::Square => g * g,
                    Variable::Cube => g * g * g,
                    _ => number(&mut words, Kind::Tame),
                })
            }
            kind => Value::exact(number(&mut words, kind)),
        };
        if self == Variable::Square { value.abs() } else { value }
    }

    fn is_decay(self) -> bool {
        matches!(self, Variable::LinearDecay | Variable::CosineDecay(_) | Variable::RestartDecay(_))
    }

    /// Tells it from all others.
    fn number(self) -> u64 {
        match self {
            Variable::Gradient => 1,
            Variable::Weight => 2,
            Variable::Mean => 3,
            Variable::Square => 4,
            Variable::Cube => 5,
            Variable::Noise => 6,
            Variable::DecayingNoise => 7,
            Variable::LinearDecay => 8,
            Variable::CosineDecay(bits) => splitmix(bits),
            Variable::RestartDecay(bits) => splitmix(!bits),
        }
    }
}

fn decay(words: &mut Words, kind: Kind) -> f64 {
    let edges = match kind {
        Kind::Few => 1.0,
        Kind::Zeros => 0.6,
        Kind::Tame | Kind::Positive | Kind::TameLong => 0.0,
        _ => 0.2,
    };
    if words.chance(edges) {
        return if words.chance(0.6) { 0.0 } else { 1.0 };
    }
    // Below the bounds of clips, too.
    let small = matches!(kind, Kind::Wide | Kind::WideLong | Kind::Tiny) && words.chance(0.5);
    let value = if small { 10f64.powf(-8.0 * words.unit()) } else { words.unit() };
    if kind == Kind::WideLong || kind == Kind::TameLong { value } else { short(value) }
}

fn number(words: &mut Words, kind: Kind) -> f64 {
    let tame = |words: &mut Words| 2f64.powf(words.unit() * 4.0 - 2.0);
    match kind {
        Kind::Wide | Kind::WideLong => {
            let (from, to) = if words.chance(0.12) { (1.2, 6.0) } else { (-7.0, 1.2) };
            let magnitude = 10f64.powf(from + (to - from) * words.unit());
            let zero = words.chance(0.1);
            let magnitude = if kind == Kind::Wide { short(magnitude) } else { magnitude };
            if zero { 0.0 } else { words.signed(magnitude) }
        }
        Kind::Tiny => {
            let magnitude = 10f64.powf(-12.0 + 6.0 * words.unit());
            words.signed(short(magnitude))
        }
        Kind::Zeros if words.chance(0.5) => 0.0,
        Kind::Few => {
            let values = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0];
            values[words.word() as usize % values.len()]
        }
        Kind::Positive => short(tame(words)),
        Kind::TameLong => {
            let magnitude = tame(words);
            words.signed(magnitude)
        }
        Kind::Tame | Kind::Zeros | Kind::Pairs | Kind::Pole | Kind::FirstStep => {
            let magnitude = short(tame(words));
            words.signed(magnitude)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::Variable;

    #[test]
    fn variables_are_in_their_ranges_and_are_zero_at_times() {
        let decay = Variable::CosineDecay(0.5f64.to_bits());
        for variable in [Variable::Gradient, Variable::Square, Variable::LinearDecay, decay] {
            let values: Vec<_> = (0..400).map(|point| variable.value(7, point)).collect();
            let count = |sign| values.iter().filter(|value| value.sign() == Some(sign)).count();
            assert!(count(Ordering::Equal) >= 40, "{variable:?}");
            let negative = count(Ordering::Less);
            assert_eq!(negative > 100, variable == Variable::Gradient, "{variable:?}");
            assert_eq!(negative > 0, variable == Variable::Gradient, "{variable:?}");
        }
    }
}
