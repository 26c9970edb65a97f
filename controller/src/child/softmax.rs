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

use crate::child::net::Path;
use crate::child::{Child, ChildError, Model, Part, Score};
use crate::dataset::{ImageData, LabelledImages};

/// Softmax regression on a data set. Parameters are the weights, `[inputs, classes]` row by row,
/// followed by the biases, `[classes]`. All start at 0: the loss is convex, so the start needs no
/// randomness, and is `log(classes)` there.
#[derive(Debug)]
pub struct SoftmaxModel {
    data: ImageData,
    batch: usize,
}

/// Most images in a batch.
pub const MAX_BATCH: usize = 65_536;

/// A regression in training.
struct SoftmaxChild<'a> {
    model: &'a SoftmaxModel,
    sums: Sums,
}

/// Accumulators of one batch.
#[derive(Debug, Clone)]
struct Sums {
    logits: Vec<f64>,
    weights: Vec<f64>,
    biases: Vec<f64>,
}

impl SoftmaxModel {
    /// A regression on the values of these images as they are, in batches of at most `batch`.
    ///
    /// # Errors
    ///
    /// [`ChildError::Size`] for a batch of 0 or too many.
    pub fn new(data: ImageData, batch: usize) -> Result<Self, ChildError> {
        ChildError::check_size("batch", batch, MAX_BATCH)?;
        Ok(Self { data, batch })
    }

    fn inputs(&self) -> usize {
        self.data.shape().image_length()
    }

    fn classes(&self) -> usize {
        self.data.shape().classes()
    }

    fn parameter_count(&self) -> usize {
        (self.inputs() + 1) * self.classes()
    }

    fn part(&self, part: Part) -> &LabelledImages {
        match part {
            Part::Train => self.data.train(),
            Part::Validation => self.data.validation(),
            Part::Test => self.data.test(),
        }
    }
}

impl Model for SoftmaxModel {
    fn examples(&self, part: Part) -> usize {
        self.part(part).len()
    }

    fn initial_parameters(&self, _: u64) -> Vec<f32> {
        vec![0.0; self.parameter_count()]
    }

    fn path(&self) -> Option<Path> {
        None
    }

    fn child(&self) -> Box<dyn Child + '_> {
        Box::new(SoftmaxChild { model: self, sums: Sums::new(self.inputs(), self.classes()) })
    }
}

impl Child for SoftmaxChild<'_> {
    fn differentiate(
        &mut self,
        parameters: &[f32],
        batch: &[usize],
        gradients: &mut [f32],
    ) -> Result<f64, ChildError> {
        let model = self.model;
        ChildError::check_parameters(parameters, model.parameter_count())?;
        ChildError::check_gradients(gradients, model.parameter_count())?;
        let images = model.part(Part::Train);
        ChildError::check_batch(batch, model.batch, images.len())?;
        let (weights, biases) = parameters.split_at(model.inputs() * model.classes());
        let loss = self.sums.accumulate(weights, biases, images, batch);
        let scale = 1.0 / batch.len() as f64;
        let sums = self.sums.weights.iter().chain(&self.sums.biases);
        gradients.iter_mut().zip(sums).for_each(|(gradient, sum)| *gradient = (sum * scale) as f32);
        Ok(loss * scale)
    }

    fn evaluate(&mut self, parameters: &[f32], part: Part) -> Result<Score, ChildError> {
        ChildError::check_parameters(parameters, self.model.parameter_count())?;
        let (weights, biases) = parameters.split_at(self.model.inputs() * self.model.classes());
        let images = self.model.part(part);
        let (mut loss, mut correct) = (0.0, 0);
        for index in 0..images.len() {
            let logits = &mut self.sums.logits;
            forward(weights, biases, images.image(index), logits);
            let class = usize::from(images.label(index));
            correct += usize::from(largest(logits) == class);
            loss += to_softmax(logits, class);
        }
        Ok(Score { loss: loss / images.len().max(1) as f64, correct, count: images.len() })
    }
}

impl Sums {
    fn new(inputs: usize, classes: usize) -> Self {
        Self {
            logits: vec![0.0; classes],
            weights: vec![0.0; inputs * classes],
            biases: vec![0.0; classes],
        }
    }

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
    use super::{SoftmaxModel, Sums};
    use crate::child::{ChildError, Model, Part};
    use crate::dataset::{ImageData, ImageShape, LabelledImages};
    use crate::random::Random;

    const INPUTS: usize = 4;
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

    fn model(train: LabelledImages) -> SoftmaxModel {
        let shape = ImageShape::new(2, 1, CLASSES).unwrap();
        let parts = [train, random_images(3), LabelledImages::new(INPUTS)];
        SoftmaxModel::new(ImageData::new("dots", String::new(), shape, parts).unwrap(), 100)
            .unwrap()
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences_in_f64() {
        let images = random_images(7);
        let batch: Vec<usize> = (0..7).collect();
        let mut random = Random::new(4, 0);
        let count = INPUTS * CLASSES;
        let parameters: Vec<f64> =
            (0..count + CLASSES).map(|_| random.below(2001) as f64 / 1000.0 - 1.0).collect();
        let mut sums = Sums::new(INPUTS, CLASSES);
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
    fn the_gradient_is_the_mean_over_the_batch() {
        let images = random_images(4);
        let labels = images.labels().to_vec();
        let model = model(images);
        let parameters = model.initial_parameters(0);
        let mut gradients = vec![f32::NAN; parameters.len()];
        let loss = model.child().differentiate(&parameters, &[0, 1, 2, 3], &mut gradients).unwrap();
        assert!((loss - libm::log(CLASSES as f64)).abs() < 1e-15);
        for (class, gradient) in gradients[INPUTS * CLASSES..].iter().enumerate() {
            let hits = labels.iter().filter(|label| usize::from(**label) == class).count();
            let expected = 1.0 / CLASSES as f64 - hits as f64 / 4.0;
            assert!((f64::from(*gradient) - expected).abs() < 1e-7);
        }
    }

    #[test]
    fn large_logits_do_not_overflow_and_nan_is_not_hidden() {
        let model = model(random_images(4));
        let mut parameters = model.initial_parameters(0);
        parameters[0] = 3e38;
        parameters[1] = -3e38;
        let loss =
            |parameters: &[f32]| model.child().evaluate(parameters, Part::Validation).unwrap().loss;
        assert!(loss(&parameters).is_finite());
        parameters[0] = f32::NAN;
        assert!(loss(&parameters).is_nan());
    }

    #[test]
    fn an_empty_part_has_no_loss_and_what_does_not_fit_is_refused() {
        let model = model(random_images(4));
        let parameters = model.initial_parameters(0);
        let mut gradients = parameters.clone();
        let mut child = model.child();
        let score = child.evaluate(&parameters, Part::Test).unwrap();
        assert_eq!((score.loss, score.accuracy()), (0.0, 0.0));
        let mut differentiate =
            |batch: &[usize]| child.differentiate(&parameters, batch, &mut gradients).unwrap_err();
        assert_eq!(differentiate(&[4]), ChildError::Example { index: 4, examples: 4 });
        assert!(matches!(differentiate(&[]), ChildError::Size { value: 0, .. }));
        assert!(matches!(child.evaluate(&[0.0], Part::Test), Err(ChildError::Length { .. })));
    }
}
