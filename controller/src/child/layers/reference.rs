//! The nets in f64 and plain loops, forward only, for tests: written from their definition, with none
//! of the algebra of the fast ones. Derivatives are finite differences of it.

use super::plan::{After, Plan, Planned};
use crate::child::batch_norm::EPSILON;

/// Mean and variance of each channel, of one batch norm.
pub(super) type Moments = (Vec<f64>, Vec<f64>);

/// Everything that one pass computes.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) loss: f64,
    pub(super) correct: usize,
    /// Of the batch, for each batch norm.
    pub(super) statistics: Vec<Moments>,
    /// How far the closest choice of a `ReLU` or a max-pool is from falling out otherwise.
    pub(super) margin: f64,
}

/// Values `[image, y, x, channel]`.
#[derive(Debug, Clone)]
struct Images {
    count: usize,
    side: usize,
    channels: usize,
    values: Vec<f64>,
}

impl Images {
    fn new(count: usize, side: usize, channels: usize) -> Self {
        Self { count, side, channels, values: vec![0.0; count * side * side * channels] }
    }

    /// Where the values of a pixel start.
    fn pixel(&self, image: usize, y: usize, x: usize) -> usize {
        ((image * self.side + y) * self.side + x) * self.channels
    }

    /// All pixels: image, row, column.
    fn pixels(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (side, pixels) = (self.side, self.side * self.side);
        (0..self.count * pixels).map(move |i| (i / pixels, i / side % side, i % side))
    }
}

fn convolve(inputs: &Images, unit: &Planned, weights: &[f64]) -> Images {
    let (stride, filters) = (unit.sizes.stride, unit.sizes.filters);
    let mut outputs = Images::new(inputs.count, inputs.side / stride, filters);
    for (image, v, u) in outputs.pixels() {
        let to = outputs.pixel(image, v, u);
        let sums = &mut outputs.values[to..to + filters];
        for place in 0..9 {
            let (y, x) = (stride * v + place / 3, stride * u + place % 3);
            if !(1..=inputs.side).contains(&y) || !(1..=inputs.side).contains(&x) {
                continue;
            }
            let from = inputs.pixel(image, y - 1, x - 1);
            let kernel = weights[place * inputs.channels * filters..].chunks_exact(filters);
            let inputs = &inputs.values[from..from + inputs.channels];
            for (input, weights) in inputs.iter().zip(kernel) {
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += input * weight);
            }
        }
    }
    outputs
}

fn moments(values: &Images) -> Moments {
    let channels = values.channels;
    let count = (values.values.len() / channels) as f64;
    let channel = |c: usize| values.values.iter().skip(c).step_by(channels);
    let mean: Vec<f64> = (0..channels).map(|c| channel(c).sum::<f64>() / count).collect();
    let variance = (0..channels)
        .map(|c| channel(c).map(|value| (value - mean[c]).powi(2)).sum::<f64>() / count)
        .collect();
    (mean, variance)
}

fn relu(values: &mut Images, margin: &mut f64) {
    for value in &mut values.values {
        *margin = margin.min(value.abs());
        *value = value.max(0.0);
    }
}

/// Max-pooling of values that `ReLU` has passed.
fn pool(values: &Images, margin: &mut f64) -> Images {
    let mut pooled = Images::new(values.count, values.side / 2, values.channels);
    for (image, y, x) in pooled.pixels() {
        let to = pooled.pixel(image, y, x);
        for c in 0..values.channels {
            let mut four = [(0, 0), (0, 1), (1, 0), (1, 1)]
                .map(|(dy, dx)| values.values[values.pixel(image, 2 * y + dy, 2 * x + dx) + c]);
            four.sort_by(|a, b| b.total_cmp(a));
            pooled.values[to + c] = four[0];
            if four[0] > 0.0 {
                *margin = margin.min(four[0] - four[1]);
            }
        }
    }
    pooled
}

/// Adds every pixel, or every second one, of `from`; channels that it lacks are 0.
fn join(to: &mut Images, from: &Images) {
    let stride = from.side / to.side;
    for (image, y, x) in to.pixels() {
        let (start, other) = (to.pixel(image, y, x), from.pixel(image, stride * y, stride * x));
        for c in 0..from.channels {
            to.values[start + c] += from.values[other + c];
        }
    }
}

/// The net on images `[y, x, channel]`, one after another. Batch norms use the batch's statistics,
/// or those that are given.
pub(super) fn reference(
    plan: &Plan,
    parameters: &[f64],
    images: &[f64],
    labels: &[usize],
    given: Option<&[Moments]>,
) -> Reference {
    let shape = plan.shape();
    let mut outputs: Vec<Images> = Vec::new();
    let (mut statistics, mut margin) = (Vec::new(), f64::INFINITY);
    let mut current = Images::new(labels.len(), shape.side(), shape.channels());
    current.values.copy_from_slice(images);
    for (index, unit) in plan.units.iter().enumerate() {
        current = convolve(&current, unit, &parameters[unit.weights.clone()]);
        let (mean, variance) =
            given.map_or_else(|| moments(&current), |given| given[index].clone());
        for (place, value) in current.values.iter_mut().enumerate() {
            let c = place % mean.len();
            let normal = (*value - mean[c]) / (variance[c] + EPSILON).sqrt();
            *value = parameters[unit.scale.start + c] * normal + parameters[unit.shift.start + c];
        }
        statistics.push((mean, variance));
        if let After::Join(other) = unit.after {
            join(&mut current, &outputs[other]);
        }
        relu(&mut current, &mut margin);
        if unit.after == After::Pool {
            current = pool(&current, &mut margin);
        }
        outputs.push(current.clone());
    }
    let features = current.channels;
    let pixels = (current.side * current.side) as f64;
    let (mut loss, mut correct) = (0.0, 0);
    for (image, label) in current.values.chunks(current.values.len() / labels.len()).zip(labels) {
        let mean = |c: usize| image.iter().skip(c).step_by(features).sum::<f64>() / pixels;
        let means: Vec<f64> = (0..features).map(mean).collect();
        let rows = parameters[plan.linear.clone()].chunks(features);
        let logits: Vec<f64> = rows
            .zip(&parameters[plan.bias.clone()])
            .map(|(row, bias)| bias + row.iter().zip(&means).map(|(w, f)| w * f).sum::<f64>())
            .collect();
        let total: f64 = logits.iter().map(|logit| logit.exp()).sum();
        loss += (total.ln() - logits[*label]) / labels.len() as f64;
        correct += usize::from(logits.iter().all(|logit| *logit <= logits[*label]));
    }
    Reference { loss, correct, statistics, margin }
}
