//! The net in f64 and plain loops, for tests: written from its definition, with none of the algebra
//! of the fast one.

use super::shape::{FILTERS, Shape};
use crate::child::batch_norm::EPSILON;

/// Everything that one pass computes.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) loss: f64,
    pub(super) correct: usize,
    pub(super) gradients: Vec<f64>,
    /// Mean and variance of the batch, for each batch norm.
    pub(super) statistics: [Moments; 2],
    /// How far the closest choice of a `ReLU` or a max-pool is from falling out otherwise.
    pub(super) margin: f64,
}

/// Mean and variance of each channel.
pub(super) type Moments = (Vec<f64>, Vec<f64>);

/// Values `[image, y, x, channel]`.
#[derive(Debug, Clone)]
struct Images {
    side: usize,
    channels: usize,
    values: Vec<f64>,
}

impl Images {
    fn new(count: usize, side: usize, channels: usize) -> Self {
        Self { side, channels, values: vec![0.0; count * side * side * channels] }
    }

    fn count(&self) -> usize {
        self.values.len() / (self.side * self.side * self.channels)
    }

    fn index(&self, image: usize, y: usize, x: usize, channel: usize) -> usize {
        ((image * self.side + y) * self.side + x) * self.channels + channel
    }

    /// The places of a kernel around each pixel that lie in the image:
    /// (output pixel, kernel place, input pixel).
    fn places(&self) -> Vec<(usize, usize, usize)> {
        let mut places = Vec::new();
        for pixel in 0..self.count() * self.side * self.side {
            let (y, x) = (pixel / self.side % self.side, pixel % self.side);
            for place in 0..9 {
                let (row, column) = (y + place / 3, x + place % 3);
                if (1..=self.side).contains(&row) && (1..=self.side).contains(&column) {
                    places.push((
                        pixel,
                        place,
                        pixel + row * self.side + column - y * self.side - x - self.side - 1,
                    ));
                }
            }
        }
        places
    }
}

/// Output of a convolution without bias; weights `[9, inputs, 32]`.
fn convolve(inputs: &Images, weights: &[f64]) -> Images {
    let mut outputs = Images::new(inputs.count(), inputs.side, FILTERS);
    for (to, place, from) in inputs.places() {
        for i in 0..inputs.channels {
            let input = inputs.values[from * inputs.channels + i];
            for f in 0..FILTERS {
                outputs.values[to * FILTERS + f] +=
                    input * weights[(place * inputs.channels + i) * FILTERS + f];
            }
        }
    }
    outputs
}

/// Derivatives by the inputs and the weights.
fn convolve_backward(inputs: &Images, weights: &[f64], of_outputs: &Images) -> (Images, Vec<f64>) {
    let mut of_inputs = Images::new(inputs.count(), inputs.side, inputs.channels);
    let mut of_weights = vec![0.0; weights.len()];
    for (to, place, from) in inputs.places() {
        for i in 0..inputs.channels {
            let input = from * inputs.channels + i;
            for f in 0..FILTERS {
                let weight = (place * inputs.channels + i) * FILTERS + f;
                let of_output = of_outputs.values[to * FILTERS + f];
                of_weights[weight] += of_output * inputs.values[input];
                of_inputs.values[input] += of_output * weights[weight];
            }
        }
    }
    (of_inputs, of_weights)
}

/// Mean and variance of each channel.
fn moments(values: &Images) -> Moments {
    let channel = |c: usize| values.values.iter().skip(c).step_by(FILTERS);
    let count = (values.values.len() / FILTERS) as f64;
    let mean: Vec<f64> = (0..FILTERS).map(|c| channel(c).sum::<f64>() / count).collect();
    let variance = (0..FILTERS)
        .map(|c| channel(c).map(|value| (value - mean[c]).powi(2)).sum::<f64>() / count)
        .collect();
    (mean, variance)
}

/// Normalized values, before scale and shift.
fn normalize(values: &Images, (mean, variance): &Moments) -> Images {
    let mut normal = values.clone();
    for (index, value) in normal.values.iter_mut().enumerate() {
        let c = index % FILTERS;
        *value = (*value - mean[c]) / (variance[c] + EPSILON).sqrt();
    }
    normal
}

/// `ReLU` and max-pooling of `scale * normal + shift`. Also where each pooled value comes from, if it
/// is not 0, and the margin.
fn pool(normal: &Images, scale: &[f64], shift: &[f64]) -> (Images, Vec<Option<usize>>, f64) {
    let mut pooled = Images::new(normal.count(), normal.side / 2, FILTERS);
    let mut sources = vec![None; pooled.values.len()];
    let mut margin = f64::INFINITY;
    for (index, source) in sources.iter_mut().enumerate() {
        let (pixel, c) = (index / FILTERS, index % FILTERS);
        let (row, x) = (pixel / pooled.side, pixel % pooled.side);
        let (image, y) = (row / pooled.side, row % pooled.side);
        let mut four: Vec<(f64, usize)> = [(0, 0), (0, 1), (1, 0), (1, 1)]
            .into_iter()
            .map(|(dy, dx)| {
                let place = normal.index(image, 2 * y + dy, 2 * x + dx, c);
                (scale[c] * normal.values[place] + shift[c], place)
            })
            .collect();
        four.sort_by(|a, b| b.0.total_cmp(&a.0));
        margin = margin.min(four[0].0.abs());
        if four[0].0 > 0.0 {
            pooled.values[index] = four[0].0;
            *source = Some(four[0].1);
            margin = margin.min(four[0].0 - four[1].0);
        }
    }
    (pooled, sources, margin)
}

/// Derivatives by a convolution's outputs, scale and shift from those by the pooled values.
fn normalize_backward(
    normal: &Images,
    (_, variance): &Moments,
    scale: &[f64],
    of_pooled: &[f64],
    sources: &[Option<usize>],
) -> (Images, Vec<f64>, Vec<f64>) {
    let mut dense = vec![0.0; normal.values.len()];
    for (gradient, source) in of_pooled.iter().zip(sources) {
        if let Some(source) = source {
            dense[*source] += gradient;
        }
    }
    let (mut of_scale, mut of_shift) = (vec![0.0; FILTERS], vec![0.0; FILTERS]);
    for (index, gradient) in dense.iter().enumerate() {
        of_scale[index % FILTERS] += gradient * normal.values[index];
        of_shift[index % FILTERS] += gradient;
    }
    let count = (dense.len() / FILTERS) as f64;
    let mut of_values = normal.clone();
    for (index, value) in of_values.values.iter_mut().enumerate() {
        let c = index % FILTERS;
        let centred = dense[index] - of_shift[c] / count - *value * of_scale[c] / count;
        *value = scale[c] / (variance[c] + EPSILON).sqrt() * centred;
    }
    (of_values, of_scale, of_shift)
}

/// Mean loss, right answers, and derivatives by the logits.
fn cross_entropy(logits: &[f64], labels: &[usize]) -> (f64, usize, Vec<f64>) {
    let classes = logits.len() / labels.len();
    let count = labels.len() as f64;
    let (mut loss, mut correct) = (0.0, 0);
    let mut gradients = Vec::new();
    for (row, label) in logits.chunks(classes).zip(labels) {
        let total: f64 = row.iter().map(|logit| logit.exp()).sum();
        loss += (total.ln() - row[*label]) / count;
        correct += usize::from(row.iter().all(|logit| *logit <= row[*label]));
        gradients.extend(row.iter().enumerate().map(|(class, logit)| {
            (logit.exp() / total - f64::from(u8::from(class == *label))) / count
        }));
    }
    (loss, correct, gradients)
}

/// The net on images `[image][y, x, channel]`. Batch norms use the batch's statistics, or those that
/// are given.
pub(super) fn reference(
    shape: &Shape,
    parameters: &[f64],
    images: &[Vec<f64>],
    labels: &[usize],
    given: Option<&[Moments; 2]>,
) -> Reference {
    let tensors = shape.tensors();
    let part = |index: usize| &parameters[tensors[index].range.clone()];
    let (linear, bias) = (part(6), part(7));
    let image = Images { side: shape.side(), channels: shape.channels(), values: images.concat() };
    let z1 = convolve(&image, part(0));
    let m1 = given.map_or_else(|| moments(&z1), |given| given[0].clone());
    let n1 = normalize(&z1, &m1);
    let (a1, s1, margin1) = pool(&n1, part(1), part(2));
    let z2 = convolve(&a1, part(3));
    let m2 = given.map_or_else(|| moments(&z2), |given| given[1].clone());
    let n2 = normalize(&z2, &m2);
    let (a2, s2, margin2) = pool(&n2, part(4), part(5));
    let features = shape.features();
    let mut logits = Vec::new();
    for row in a2.values.chunks(features) {
        for (weights, bias) in linear.chunks(features).zip(bias) {
            logits.push(bias + weights.iter().zip(row).map(|(w, f)| w * f).sum::<f64>());
        }
    }
    let (loss, correct, of_logits) = cross_entropy(&logits, labels);
    let mut of_linear = vec![0.0; linear.len()];
    let mut of_bias = vec![0.0; bias.len()];
    let mut of_a2 = vec![0.0; a2.values.len()];
    for (index, gradient) in of_logits.iter().enumerate() {
        let (image, class) = (index / bias.len(), index % bias.len());
        of_bias[class] += gradient;
        for i in 0..features {
            of_linear[class * features + i] += gradient * a2.values[image * features + i];
            of_a2[image * features + i] += gradient * linear[class * features + i];
        }
    }
    let (of_z2, of_scale2, of_shift2) = normalize_backward(&n2, &m2, part(4), &of_a2, &s2);
    let (of_a1, of_weights2) = convolve_backward(&a1, part(3), &of_z2);
    let (of_z1, of_scale1, of_shift1) = normalize_backward(&n1, &m1, part(1), &of_a1.values, &s1);
    let (_, of_weights1) = convolve_backward(&image, part(0), &of_z1);
    let gradients =
        [of_weights1, of_scale1, of_shift1, of_weights2, of_scale2, of_shift2, of_linear, of_bias]
            .concat();
    Reference { loss, correct, gradients, statistics: [m1, m2], margin: margin1.min(margin2) }
}
