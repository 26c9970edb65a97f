//! Descent on a small quadratic, by the best learning rate of a sweep.
//!
//! ```text
//! f(w) = sum_i l_i (w_i - c_i)^2 / 2      l_i = 0.2 .. 1
//! ```
//!
//! The loss is looked at in four groups of elements by themselves, which start at distances of 1 to 0.001 from
//! the minimum. A rule descends if one of the groups does: one whose updates are clipped to 1e-5 cannot get
//! further in a few steps, and one of cubes does not move at small gradients. The minimum is as often nearer
//! to 0 than the start as it is farther, so weight decay is no descent.

use nosc_runtime::CompiledRule;

use super::points::{self, Points};
use super::reason::Reason;
use super::{Screen, optimizer};

/// A learning rate at which all losses rise so much is too high, and so are higher ones.
const BLOWN_UP: f64 = 10.0;
/// A learning rate at which all losses change by less is too low, and so are lower ones.
const STILL: f64 = 1e-3;

/// The least share of the loss that a group has left at any step of any learning rate. The sweep ends
/// as soon as it is not above what the screen asks for.
///
/// # Errors
///
/// [`Reason::Unusable`] if a step fails.
pub(super) fn least_left(screen: &Screen, compiled: &CompiledRule) -> Result<f64, Reason> {
    let bound = Screen::MAX_EXPONENT;
    let (mut low, mut high) = (screen.least_exponent.max(-bound), screen.most_exponent.min(bound));
    let mut left = 1.0_f64;
    for exponent in order(low, high) {
        if exponent < low || exponent > high {
            continue;
        }
        let descent = descend(screen, compiled, libm::exp10(f64::from(exponent)))?;
        left = left.min(descent.left);
        if left <= screen.most_left {
            break;
        }
        match descent.end {
            End::Still => low = exponent + 1,
            End::BlownUp => high = exponent - 1,
            End::Moved => {}
        }
    }
    Ok(left)
}

/// The exponents from the one that suits most rules, -1, outwards.
fn order(low: i32, high: i32) -> Vec<i32> {
    let mut exponents: Vec<i32> = (low..=high).collect();
    exponents.sort_by_key(|exponent| ((exponent + 1).abs(), *exponent));
    exponents
}

/// How far a run went.
enum End {
    Still,
    Moved,
    BlownUp,
}

struct Descent {
    /// The least share of the loss that a group had left.
    left: f64,
    end: End,
}

fn descend(
    screen: &Screen,
    compiled: &CompiledRule,
    learning_rate: f64,
) -> Result<Descent, Reason> {
    let steps = screen.descent_steps.clamp(1, Screen::MAX_STEPS);
    let (mut weights, distance) = (points::start(), points::distance());
    let minimum: Points = std::array::from_fn(|element| weights[element] - distance[element]);
    let first = losses(&weights, &minimum);
    let mut optimizer = optimizer(compiled, steps)?;
    let mut descent = Descent { left: 1.0, end: End::Moved };
    for _ in 0..steps {
        let gradients: Points = std::array::from_fn(|element| {
            points::curvature(element) * (weights[element] - minimum[element])
        });
        let step = optimizer.step(&mut [&mut weights], &[&gradients], learning_rate);
        step.map_err(Reason::unusable)?;
        let losses = losses(&weights, &minimum);
        let shares: [f64; points::GROUPS] =
            std::array::from_fn(|group| losses[group] / first[group]);
        if shares.iter().any(|share| !share.is_finite()) || shares.iter().all(|s| *s > BLOWN_UP) {
            return Ok(Descent { end: End::BlownUp, ..descent });
        }
        descent.left = shares.into_iter().fold(descent.left, f64::min);
        if descent.left <= screen.most_left {
            return Ok(descent);
        }
        let is_still = shares.iter().all(|share| (share - 1.0).abs() < STILL);
        descent.end = if is_still { End::Still } else { End::Moved };
    }
    Ok(descent)
}

/// The loss of each group.
fn losses(weights: &Points, minimum: &Points) -> [f64; points::GROUPS] {
    std::array::from_fn(|group| {
        let loss = |element: usize| {
            let distance = f64::from(weights[element]) - f64::from(minimum[element]);
            f64::from(points::curvature(element)) * distance * distance / 2.0
        };
        points::group(group).map(loss).sum()
    })
}
