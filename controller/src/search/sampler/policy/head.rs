//! What is made of the logits of a position: probabilities, a choice, the loss and its derivatives.
//!
//! In f64, since ratios of probabilities are taken. A choice that is forbidden has the logit minus infinity: its
//! probability is 0, and no derivative reaches its weights.

/// Natural logarithms of the probabilities of all choices of a position; minus infinity for those that are
/// forbidden. Returns whether they are numbers.
pub(super) fn log_probabilities(logits: &[f32], allowed: &[bool], out: &mut [f64]) -> bool {
    let mut most = f64::NEG_INFINITY;
    for ((out, logit), is_allowed) in out.iter_mut().zip(logits).zip(allowed) {
        *out = if *is_allowed { f64::from(*logit) } else { f64::NEG_INFINITY };
        most = most.max(*out);
    }
    let total: f64 = out.iter().map(|logit| libm::exp(logit - most)).sum();
    let shift = most + libm::log(total);
    for logit in out {
        *logit -= shift;
    }
    // An infinite or undefined logit makes the sum undefined.
    shift.is_finite()
}

/// The choice whose share of the numbers from 0 to 1 holds `uniform`.
pub(super) fn draw(log_probabilities: &[f64], uniform: f64) -> usize {
    let (mut sum, mut last) = (0.0, 0);
    for (choice, value) in log_probabilities.iter().enumerate() {
        if *value > f64::NEG_INFINITY {
            sum += libm::exp(*value);
            last = choice;
            if uniform < sum {
                break;
            }
        }
    }
    // The probabilities may add up to a little less than 1.
    last
}

/// Entropy of the choice, nats.
pub(super) fn entropy(log_probabilities: &[f64]) -> f64 {
    let term =
        |value: &f64| if *value == f64::NEG_INFINITY { 0.0 } else { libm::exp(*value) * value };
    -log_probabilities.iter().map(term).sum::<f64>()
}

/// What is maximized: for a token of advantage A whose probability is r times the one it had when it was proposed,
/// at a position of entropy H,
///
/// ```text
/// min(r A, clip(r, 1 - clip, 1 + clip) A) + bonus H
/// ```
///
/// (Schulman, Wolski, Dhariwal, Radford and Klimov 2017, *Proximal policy optimization algorithms*,
/// equations 7 and 9), summed over the tokens of a string, a mean over strings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// Epsilon of the clipping.
    pub clip: f64,
    /// What a nat of entropy is worth.
    pub entropy: f64,
}

/// A token that was proposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Token {
    pub(super) choice: usize,
    /// Its log-probability when it was proposed.
    pub(super) before: f64,
    pub(super) advantage: f64,
}

impl Objective {
    /// `-share` of the token's objective, and the entropy of its position; the derivatives by the logits go to
    /// `of_logits`.
    pub(super) fn loss(
        &self,
        log_probabilities: &[f64],
        token: Token,
        share: f64,
        of_logits: &mut [f32],
    ) -> (f64, f64) {
        let Token { choice, before, advantage } = token;
        let ratio = libm::exp(log_probabilities[choice] - before);
        let (plain, bounded) =
            (ratio * advantage, ratio.clamp(1.0 - self.clip, 1.0 + self.clip) * advantage);
        // Where the bounded one is less, it is constant.
        let slope = if plain <= bounded { plain } else { 0.0 };
        let entropy = entropy(log_probabilities);
        for (other, (out, value)) in of_logits.iter_mut().zip(log_probabilities).enumerate() {
            let probability = libm::exp(*value);
            let hit = if other == choice { 1.0 } else { 0.0 };
            let of_entropy = if probability > 0.0 { -probability * (value + entropy) } else { 0.0 };
            *out = (-share * (slope * (hit - probability) + self.entropy * of_entropy)) as f32;
        }
        (-share * (plain.min(bounded) + self.entropy * entropy), entropy)
    }
}

#[cfg(test)]
mod tests {
    use super::{Objective, Token, draw, entropy, log_probabilities};

    fn of(logits: &[f32], allowed: &[bool]) -> Vec<f64> {
        let mut out = vec![0.0; logits.len()];
        assert!(log_probabilities(logits, allowed, &mut out));
        out
    }

    #[test]
    fn what_is_forbidden_has_probability_0_and_the_rest_adds_up_to_1() {
        let out = of(&[1.0, 50.0, -1.0, 0.5], &[true, false, true, true]);
        assert_eq!(out[1], f64::NEG_INFINITY);
        let total: f64 = out.iter().map(|value| libm::exp(*value)).sum();
        assert!((total - 1.0).abs() < 1e-15);
        assert!((out[0] - out[2] - 2.0).abs() < 1e-15);
        assert!(of(&[3e38, -3e38], &[true, true])[0].abs() < 1e-15);
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(!log_probabilities(&[bad, 0.0], &[true, true], &mut [0.0; 2]));
        }
    }

    #[test]
    fn draws_share_out_the_numbers_below_1() {
        let out = of(&[0.0, 9.0, 0.0, 0.0, 9.0], &[true, false, true, true, false]);
        let drawn = [0.0, 0.33, 0.34, 0.66, 0.67, 1.0].map(|uniform| draw(&out, uniform));
        assert_eq!(drawn, [0, 0, 2, 2, 3, 3]);
        assert!((entropy(&out) - libm::log(3.0)).abs() < 1e-15);
        assert_eq!(entropy(&of(&[2.0, 1.0], &[true, false])), 0.0);
    }

    #[test]
    fn only_a_ratio_that_went_the_right_way_is_clipped() {
        let out = of(&[0.0, 0.0], &[true, true]);
        let objective = Objective { clip: 0.2, entropy: 0.0 };
        // (ratio, advantage, objective, whether there is a derivative)
        for (ratio, advantage, expected, moves) in [
            (1.0, 2.0, 2.0, true),
            (1.5, 2.0, 2.4, false),
            (1.5, -2.0, -3.0, true),
            (0.5, 2.0, 1.0, true),
            (0.5, -2.0, -1.6, false),
        ] {
            let token = Token { choice: 1, before: out[1] - libm::log(ratio), advantage };
            let mut of_logits = [0.0; 2];
            let (loss, _) = objective.loss(&out, token, 1.0, &mut of_logits);
            assert!((loss + expected).abs() < 1e-12, "{ratio} {advantage}: {loss}");
            assert_eq!(of_logits[1] != 0.0, moves);
        }
    }
}
