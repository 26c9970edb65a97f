//! Softmax regression: one linear layer and cross-entropy, the smallest classifier.
//!
//! For an image x of `inputs` values and class y,
//!
//! ```text
//! z_c  = b_c + sum_i x_i W_ic                 logits
//! loss = log(sum_c exp(z_c)) - z_y            cross-entropy, nats
//! dz_c = exp(z_c)/sum_k exp(z_k) - [c = y]
//! dW_ic = x_i dz_c,   db_c = dz_c
//! ```
//!
//! (Bishop 2006, *Pattern Recognition and Machine Learning*, equations 4.104 to 4.109), averaged
//! over the batch. Parameters are f32; all sums are f64, in one order.

use crate::dataset::LabelledImages;

/// Parameters and gradients of a softmax regression, with the scratch memory that it needs.
#[derive(Debug, Clone)]
pub struct SoftmaxRegression {
    inputs: usize,
    classes: usize,
    /// `[inputs, classes]`, row by row.
    pub weights: Vec<f32>,
    /// `[classes]`.
    pub biases: Vec<f32>,
    /// Derivative of the mean loss of the last batch by `weights`.
    pub weight_gradient: Vec<f32>,
    /// Derivative of the mean loss of the last batch by `biases`.
    pub bias_gradient: Vec<f32>,
    sums: Sums,
}

/// Accumulators of one batch.
#[derive(Debug, Clone)]
struct Sums {
    logits: Vec<f64>,
    weights: Vec<f64>,
    biases: Vec<f64>,
}

/// How well the parameters do on a set of images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy, nats; 0 for an empty set.
    pub loss: f64,
    /// Share of images whose largest logit is their class (the lower class wins a tie), 0 to 1; 0
    /// for an empty set.
    pub accuracy: f64,
}

impl SoftmaxRegression {
    /// A child with all parameters 0. The loss is convex, so the start needs no randomness; it is
    /// `log(classes)` there.
    pub fn new(inputs: usize, classes: usize) -> Self {
        let weights = inputs * classes;
        Self {
            inputs,
            classes,
            weights: vec![0.0; weights],
            biases: vec![0.0; classes],
            weight_gradient: vec![0.0; weights],
            bias_gradient: vec![0.0; classes],
            sums: Sums {
                logits: vec![0.0; classes],
                weights: vec![0.0; weights],
                biases: vec![0.0; classes],
            },
        }
    }

    /// Number of elements of the parameter tensors: weights, biases.
    pub fn tensor_lengths(&self) -> [usize; 2] {
        [self.inputs * self.classes, self.classes]
    }

    /// Mean loss over the images `batch`, leaving its gradient in `weight_gradient` and
    /// `bias_gradient`.
    pub fn differentiate(&mut self, images: &LabelledImages, batch: &[usize]) -> f64 {
        let loss = self.sums.accumulate(&self.weights, &self.biases, images, batch);
        let scale = 1.0 / batch.len() as f64;
        for (gradient, sum) in self.weight_gradient.iter_mut().zip(&self.sums.weights) {
            *gradient = (sum * scale) as f32;
        }
        for (gradient, sum) in self.bias_gradient.iter_mut().zip(&self.sums.biases) {
            *gradient = (sum * scale) as f32;
        }
        loss * scale
    }

    /// Loss and accuracy on all `images`.
    pub fn evaluate(&mut self, images: &LabelledImages) -> Evaluation {
        let mut loss = 0.0;
        let mut correct = 0_usize;
        for index in 0..images.len() {
            let logits = &mut self.sums.logits;
            forward(&self.weights, &self.biases, images.image(index), logits);
            let class = usize::from(images.label(index));
            correct += usize::from(largest(logits) == class);
            loss += to_softmax(logits, class);
        }
        let count = images.len().max(1) as f64;
        Evaluation { loss: loss / count, accuracy: correct as f64 / count }
    }
}

impl Sums {
    /// Sum of the losses over `batch`, leaving the sums of the gradients in `weights` and `biases`.
    fn accumulate<P: Copy + Into<f64>>(
        &mut self,
        weights: &[P],
        biases: &[P],
        images: &LabelledImages,
        batch: &[usize],
    ) -> f64 {
        self.weights.fill(0.0);
        self.biases.fill(0.0);
        let mut loss = 0.0;
        for &index in batch {
            let image = images.image(index);
            let class = usize::from(images.label(index));
            forward(weights, biases, image, &mut self.logits);
            loss += to_softmax(&mut self.logits, class);
            self.logits[class] -= 1.0;
            let rows = self.weights.chunks_exact_mut(self.logits.len());
            for (&pixel, row) in image.iter().zip(rows) {
                for (sum, error) in row.iter_mut().zip(&self.logits) {
                    *sum += f64::from(pixel) * error;
                }
            }
            for (sum, error) in self.biases.iter_mut().zip(&self.logits) {
                *sum += error;
            }
        }
        loss
    }
}

/// Writes the logits of one image.
fn forward<P: Copy + Into<f64>>(weights: &[P], biases: &[P], image: &[f32], logits: &mut [f64]) {
    for (logit, &bias) in logits.iter_mut().zip(biases) {
        *logit = bias.into();
    }
    for (&pixel, row) in image.iter().zip(weights.chunks_exact(logits.len())) {
        for (logit, &weight) in logits.iter_mut().zip(row) {
            *logit += f64::from(pixel) * weight.into();
        }
    }
}

/// Turns logits into probabilities, in place, and returns the cross-entropy of `class`. The largest
/// logit is taken off first, so nothing overflows.
fn to_softmax(logits: &mut [f64], class: usize) -> f64 {
    let shift = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let of_class = logits[class] - shift;
    let mut total = 0.0;
    for logit in &mut *logits {
        *logit = libm::exp(*logit - shift);
        total += *logit;
    }
    for logit in logits {
        *logit /= total;
    }
    libm::log(total) - of_class
}

/// Index of the largest value, the first of equals.
fn largest(values: &[f64]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::SoftmaxRegression;
    use crate::dataset::LabelledImages;
    use crate::random::Random;

    const INPUTS: usize = 5;
    const CLASSES: usize = 3;

    fn random_images(count: usize) -> LabelledImages {
        let mut random = Random::new(3, 0);
        let mut images = LabelledImages::new(INPUTS);
        for _ in 0..count {
            let image: Vec<f32> = (0..INPUTS).map(|_| random.below(17) as f32 / 16.0).collect();
            images.push(image, random.below(CLASSES as u64) as u8);
        }
        images
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences_in_f64() {
        let images = random_images(7);
        let batch: Vec<usize> = (0..7).collect();
        let mut random = Random::new(4, 0);
        let count = INPUTS * CLASSES;
        let parameters: Vec<f64> =
            (0..count + CLASSES).map(|_| random.below(2001) as f64 / 1000.0 - 1.0).collect();
        let mut sums = SoftmaxRegression::new(INPUTS, CLASSES).sums;
        let mut loss = |p: &[f64]| {
            let total = sums.accumulate(&p[..count], &p[count..], &images, &batch);
            (total, [sums.weights.as_slice(), sums.biases.as_slice()].concat())
        };
        let gradient = loss(&parameters).1;
        for index in 0..parameters.len() {
            let moved = |by: f64| {
                let mut moved = parameters.clone();
                moved[index] += by;
                moved
            };
            let slope = (loss(&moved(1e-5)).0 - loss(&moved(-1e-5)).0) / 2e-5;
            assert!((slope - gradient[index]).abs() < 1e-8, "{index}: {slope} {}", gradient[index]);
        }
    }

    #[test]
    fn the_stored_gradient_is_the_mean_over_the_batch() {
        let images = random_images(4);
        let mut child = SoftmaxRegression::new(INPUTS, CLASSES);
        let loss = child.differentiate(&images, &[0, 1, 2, 3]);
        assert!((loss - libm::log(CLASSES as f64)).abs() < 1e-15);
        let expected: Vec<f64> = (0..CLASSES)
            .map(|class| {
                let hits = images.labels().iter().filter(|l| usize::from(**l) == class).count();
                1.0 / CLASSES as f64 - hits as f64 / 4.0
            })
            .collect();
        for (gradient, expected) in child.bias_gradient.iter().zip(expected) {
            assert!((f64::from(*gradient) - expected).abs() < 1e-7);
        }
    }

    #[test]
    fn large_logits_do_not_overflow_and_nan_is_not_hidden() {
        let mut images = LabelledImages::new(1);
        images.push([1.0], 1);
        let mut child = SoftmaxRegression::new(1, 2);
        child.weights = vec![3e38, -3e38];
        assert!(child.evaluate(&images).loss.is_finite());
        child.weights[0] = f32::NAN;
        assert!(child.evaluate(&images).loss.is_nan());
    }

    #[test]
    fn an_empty_set_has_no_loss() {
        let evaluation = SoftmaxRegression::new(1, 2).evaluate(&LabelledImages::new(1));
        assert_eq!((evaluation.loss, evaluation.accuracy), (0.0, 0.0));
    }
}
