//! The probe: a few updates at fixed parameters, with gradients that vary from step to step.
//!
//! Updates are read off as the way of the parameters at learning rate 1. The cosine of update and gradient is
//! the descent test of Wang, Xiong, Cheng, Hsieh 2022, *Efficient Non-Parametric Optimizer Search for Diverse
//! Tasks*, Advances in Neural Information Processing Systems 35: what does not go along the gradient at all need not be tried further.

use nosc_runtime::{CompiledRule, Optimizer};

use super::points::{self, Points};
use super::reason::Reason;
use super::{SEED, Screen, optimizer};
use crate::random::Random;

/// The mean cosine of update and gradient over all steps and groups of elements that are updated; 0 if none is.
///
/// # Errors
///
/// [`Reason`] if an update is not finite, or the same for other gradients.
pub(super) fn probe(screen: &Screen, compiled: &CompiledRule) -> Result<f64, Reason> {
    let steps = screen.probe_steps.clamp(1, Screen::MAX_STEPS);
    let (weights, slopes) = (points::start(), slopes());
    let (mut one, mut other) = (optimizer(compiled, steps)?, optimizer(compiled, steps)?);
    let mut depends = !screen.gradient;
    let (mut sum, mut count) = (0.0, 0_u32);
    for step in 0..steps {
        let gradients = gradients(&slopes, step);
        let moved = moved(&mut one, &weights, &gradients)?;
        if let Some(element) = moved.iter().position(|w| !w.is_finite())
            && screen.finite
        {
            let (gradient, weight) = (gradients[element], weights[element]);
            return Err(Reason::NotFinite { step, gradient, weight });
        }
        if !depends {
            let gradients = gradients.map(|g| -1.625 * g);
            depends = bits(&moved) != bits(&self::moved(&mut other, &weights, &gradients)?);
        }
        for group in 0..points::GROUPS {
            if let Some(cosine) = cosine(group, &weights, &moved, &gradients) {
                sum += cosine;
                count += 1;
            }
        }
    }
    if depends { Ok(sum / f64::from(count.max(1))) } else { Err(Reason::NoGradient) }
}

/// The gradients of the quadratic at its start.
fn slopes() -> Points {
    let distance = points::distance();
    std::array::from_fn(|element| points::curvature(element) * distance[element])
}

/// The gradients of a step. After the first each four elements have a factor of the normal distribution with mean
/// and standard deviation 1, so that signs change now and then, and averages differ from the gradient.
fn gradients(slopes: &Points, step: u64) -> Points {
    let mut gradients = *slopes;
    if step > 0 {
        let mut random = Random::new(SEED, step);
        for four in gradients.chunks_exact_mut(4) {
            let mut factor = 1.0 + random.normal() as f32;
            // No gradient is 0: a rule may divide by it.
            if factor.abs() < 0.1 {
                factor = 0.1;
            }
            for g in four {
                *g *= factor;
            }
        }
    }
    gradients
}

/// The parameters after a step of learning rate 1.
fn moved(
    optimizer: &mut Optimizer,
    weights: &Points,
    gradients: &Points,
) -> Result<Points, Reason> {
    let mut moved = *weights;
    optimizer.step(&mut [&mut moved], &[gradients], 1.0).map_err(Reason::unusable)?;
    Ok(moved)
}

fn bits(points: &Points) -> [u32; points::COUNT] {
    points.map(f32::to_bits)
}

/// The cosine of update and gradient in a group; none if the update is 0 or not finite.
fn cosine(group: usize, weights: &Points, moved: &Points, gradients: &Points) -> Option<f64> {
    let (mut product, mut update, mut gradient) = (0.0, 0.0, 0.0);
    for element in points::group(group) {
        let u = f64::from(weights[element]) - f64::from(moved[element]);
        let g = f64::from(gradients[element]);
        product += u * g;
        update += u * u;
        gradient += g * g;
    }
    let cosine = product / libm::sqrt(update * gradient);
    cosine.is_finite().then_some(cosine)
}
