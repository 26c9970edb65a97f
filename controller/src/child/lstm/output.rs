//! The cross-entropy of the next characters.
//!
//! For logits z and the character y that comes,
//!
//! ```text
//! loss = log(sum_c exp(z_c)) - z_y                      cross-entropy, nats
//! dz_c = (exp(z_c)/sum_k exp(z_k) - [c = y]) share
//! ```
//!
//! The largest logit is taken off before `exp`, so that nothing overflows. Sums are taken in
//! sixteen lanes, which are then added in turn, whatever vectors the processor has.

use super::functions::exp;
use crate::child::Sums;

/// Sums and largest values are taken in so many lanes.
const LANES: usize = 16;

/// Adds up the losses of `targets`; their logits, a row for each, become the derivatives.
#[inline(always)]
pub(super) fn cross_entropy(
    logits: &mut [f32],
    symbols: usize,
    targets: &[u8],
    share: f32,
    sums: &mut Sums,
) {
    for (row, target) in logits.chunks_exact_mut(symbols).zip(targets) {
        let target = usize::from(*target);
        let largest = in_lanes(row, f32::NEG_INFINITY, larger);
        let answer = row[target];
        // The lower symbol wins a tie.
        let is_right = answer == largest && !row[..target].contains(&largest);
        sums.correct += usize::from(is_right);
        for value in &mut *row {
            *value = exp(*value - largest);
        }
        let total = in_lanes(row, 0.0, |sum, value| sum + value);
        sums.loss += libm::log(f64::from(total)) + (f64::from(largest) - f64::from(answer));
        let factor = share / total;
        for value in &mut *row {
            *value *= factor;
        }
        row[target] -= share;
    }
}

/// A number that is none is passed over here, and makes the total one that is none.
#[inline(always)]
fn larger(most: f32, value: f32) -> f32 {
    if value > most { value } else { most }
}

#[inline(always)]
fn in_lanes(row: &[f32], start: f32, combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = combine(*lane, *value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = combine(*lane, *value);
    }
    lanes.into_iter().fold(start, combine)
}

#[cfg(test)]
mod tests {
    use super::cross_entropy;
    use crate::child::Sums;

    fn computed(mut logits: Vec<f32>, target: u8) -> (Vec<f32>, Sums) {
        let mut sums = Sums::default();
        cross_entropy(&mut logits.clone(), logits.len(), &[target], 1.0, &mut sums);
        let symbols = logits.len();
        cross_entropy(&mut logits, symbols, &[target], 0.5, &mut Sums::default());
        (logits, sums)
    }

    #[test]
    fn loss_and_derivatives_are_those_of_the_definition() {
        for symbols in [2, 15, 16, 17, 68] {
            let logits: Vec<f32> = (0..symbols).map(|i| (i * 7 % 5) as f32 - 1.5).collect();
            let (derivatives, sums) = computed(logits.clone(), 1);
            let total: f64 = logits.iter().map(|z| libm::exp(f64::from(*z))).sum();
            assert!((sums.loss - (libm::log(total) - f64::from(logits[1]))).abs() < 1e-6);
            for (c, (derivative, z)) in derivatives.iter().zip(&logits).enumerate() {
                let hit = if c == 1 { 1.0 } else { 0.0 };
                let exact = 0.5 * (libm::exp(f64::from(*z)) / total - hit);
                assert!((f64::from(*derivative) - exact).abs() < 1e-7, "{symbols} {c}");
            }
        }
    }

    #[test]
    fn the_lower_of_equals_is_the_answer() {
        let right = |target| computed(vec![0.0, 3.0, 1.0, 3.0], target).1.correct;
        assert_eq!([0, 1, 2, 3].map(right), [0, 1, 0, 0]);
    }

    #[test]
    fn logits_that_are_large_or_not_finite_are_not_hidden() {
        let loss = |logits: [f32; 3]| computed(logits.to_vec(), 1).1.loss;
        assert!(loss([3e38, -3e38, 0.0]) > 5e38);
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(loss([bad, 0.0, 0.0]).is_nan() && loss([0.0, bad, 0.0]).is_nan());
        }
        assert!(loss([f32::NEG_INFINITY; 3]).is_nan());
    }
}
