//! The net against its definition in f64, and that against finite differences.

use super::reference::{Moments, Reference, reference};
use super::{ConvNet, Path, Prepared, Running, Shape};
use crate::child::ChildError;
use crate::dataset::LabelledImages;
use crate::random::Random;

/// Images, labels and parameters of a shape.
struct Case {
    shape: Shape,
    planes: Vec<Vec<f32>>,
    labels: Vec<u8>,
    parameters: Vec<f32>,
}

/// Uniform in [-1, 1).
fn uniform(random: &mut Random) -> f32 {
    (random.next_u64() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
}

impl Case {
    /// Random images with a mean, parameters from the initial ones with scales and shifts that
    /// matter, some of the scales negative.
    fn new(shape: Shape, images: usize, seed: u64) -> Self {
        let mut random = Random::new(seed, 100);
        let length = shape.image_length();
        let planes = (0..images)
            .map(|_| (0..length).map(|_| 1.5 * uniform(&mut random) + 0.3).collect())
            .collect();
        let labels = (0..images).map(|_| random.below(shape.classes() as u64) as u8).collect();
        let mut parameters = shape.initial_parameters(seed);
        let short = shape.tensors().into_iter().filter(|tensor| tensor.fan_in == 0);
        for value in short.flat_map(|tensor| tensor.range) {
            let sign = if random.below(5) == 0 { -1.0 } else { 1.0 };
            parameters[value] = sign * (parameters[value] + 0.4 * uniform(&mut random));
        }
        Self { shape, planes, labels, parameters }
    }

    fn prepared(&self) -> Prepared {
        let mut images = LabelledImages::new(self.shape.image_length());
        for (planes, label) in self.planes.iter().zip(&self.labels) {
            images.push(planes.iter().copied(), *label);
        }
        Prepared::new(self.shape, &images).unwrap()
    }

    fn batch(&self) -> Vec<usize> {
        (0..self.planes.len()).collect()
    }

    fn reference(&self, given: Option<&[Moments; 2]>) -> Reference {
        let wide: Vec<f64> = self.parameters.iter().copied().map(f64::from).collect();
        self.reference_at(&wide, given)
    }

    fn reference_at(&self, parameters: &[f64], given: Option<&[Moments; 2]>) -> Reference {
        let pixels = self.shape.side() * self.shape.side();
        let channels = self.shape.channels();
        let images: Vec<Vec<f64>> = self
            .planes
            .iter()
            .map(|planes| {
                let index = |i: usize| i % channels * pixels + i / channels;
                (0..pixels * channels).map(|i| f64::from(planes[index(i)])).collect()
            })
            .collect();
        let labels: Vec<usize> = self.labels.iter().copied().map(usize::from).collect();
        reference(&self.shape, parameters, &images, &labels, given)
    }

    /// The first seed from `seed` on whose choices are further from a tie than rounding reaches.
    fn without_ties(shape: Shape, images: usize, seed: u64) -> (Self, Reference) {
        (seed..seed + 100)
            .map(|seed| {
                let case = Self::new(shape, images, seed);
                let expected = case.reference(None);
                (case, expected)
            })
            .find(|(_, expected)| expected.margin > 3e-6)
            .unwrap()
    }

    fn nets(&self) -> Vec<ConvNet> {
        let nets: Vec<ConvNet> =
            Path::ALL.iter().filter_map(|path| ConvNet::on_path(self.shape, *path).ok()).collect();
        assert!(nets.iter().any(|net| net.path() == Path::Gemm));
        nets
    }

    fn gradients(&self, net: &mut ConvNet) -> (super::Score, Vec<f32>) {
        let mut gradients = vec![f32::NAN; self.parameters.len()];
        let score = net
            .forward_backward(&self.parameters, &self.prepared(), &self.batch(), &mut gradients)
            .unwrap();
        (score, gradients)
    }
}

fn shape(side: usize, channels: usize, classes: usize, batch: usize) -> Shape {
    Shape::new(side, channels, classes, batch).unwrap()
}

#[test]
fn the_reference_agrees_with_finite_differences() {
    for (shape, images) in [(shape(4, 1, 3, 3), 3), (shape(8, 2, 4, 2), 2)] {
        let (case, expected) = Case::without_ties(shape, images, 1);
        let wide: Vec<f64> = case.parameters.iter().copied().map(f64::from).collect();
        let largest = expected.gradients.iter().fold(0.0_f64, |a, g| a.max(g.abs()));
        // Every parameter of short tensors, some of the long ones.
        for tensor in shape.tensors() {
            let stride = (tensor.range.len() / 40).max(1);
            for index in tensor.range.step_by(stride) {
                let at = |offset: f64| {
                    let mut moved = wide.clone();
                    moved[index] += offset;
                    case.reference_at(&moved, None).loss
                };
                let slope = (at(1e-7) - at(-1e-7)) / 2e-7;
                let error = (slope - expected.gradients[index]).abs() / largest;
                assert!(error < 1e-6, "{}, {index}: {slope} {error}", tensor.name);
            }
        }
    }
}

#[test]
fn every_path_agrees_with_the_reference() {
    let cases = [
        (shape(8, 1, 10, 100), 100),
        (shape(32, 3, 10, 4), 4),
        (shape(12, 2, 3, 7), 6),
        (shape(4, 4, 2, 5), 5),
        (shape(16, 6, 17, 3), 3),
        (shape(20, 1, 1, 1), 1),
    ];
    for (shape, images) in cases {
        let (case, expected) = Case::without_ties(shape, images, 7);
        let largest = expected.gradients.iter().fold(0.0_f64, |a, g| a.max(g.abs()));
        for mut net in case.nets() {
            let (score, gradients) = case.gradients(&mut net);
            let path = net.path();
            assert!((score.loss - expected.loss).abs() < 1e-6, "{path} {shape:?}: {score:?}");
            assert_eq!(score.correct, expected.correct, "{path} {shape:?}");
            for tensor in shape.tensors() {
                let pairs = gradients[tensor.range.clone()].iter();
                let pairs = pairs.zip(&expected.gradients[tensor.range]);
                let error = pairs.fold(0.0_f64, |a, (g, e)| a.max((f64::from(*g) - e).abs()));
                let most = 1e-5 * largest.max(1e-3);
                assert!(error <= most, "{path} {shape:?} {}: {error} of {largest}", tensor.name);
            }
            check_running(&net, &expected, images);
        }
    }
}

/// After one batch: a tenth of its mean, and of its sample variance.
fn check_running(net: &ConvNet, expected: &Reference, images: usize) {
    let pixels = images * net.shape().side() * net.shape().side();
    for (layer, (running, (mean, variance))) in
        net.running().iter().zip(&expected.statistics).enumerate()
    {
        let count = (pixels >> (2 * layer)) as f64;
        for channel in 0..mean.len() {
            let sample = variance[channel] * count / (count - 1.0);
            let mean_error = f64::from(running.mean[channel]) - 0.1 * mean[channel];
            let variance_error = f64::from(running.variance[channel]) - 0.9 - 0.1 * sample;
            assert!(mean_error.abs() < 1e-6 && variance_error.abs() < 1e-6, "{layer} {channel}");
        }
    }
}

#[test]
fn evaluation_uses_running_statistics() {
    for shape in [shape(8, 1, 10, 4), shape(12, 3, 5, 4)] {
        let case = Case::new(shape, 11, 3);
        let running = [0, 1].map(|layer| {
            let mut random = Random::new(5, layer);
            let mut running = Running::default();
            running.mean.iter_mut().for_each(|value| *value = 0.3 * uniform(&mut random));
            running.variance.iter_mut().for_each(|value| *value += 0.5 * uniform(&mut random));
            running
        });
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<f64>>();
        let given = running.map(|layer| (wide(&layer.mean), wide(&layer.variance)));
        let expected = case.reference(Some(&given));
        for mut net in case.nets() {
            net.set_running(running);
            let score = net.evaluate(&case.parameters, &case.prepared(), &case.batch()).unwrap();
            assert!((score.loss - expected.loss).abs() < 1e-6, "{score:?} {}", expected.loss);
            assert_eq!(score.correct, expected.correct);
            assert_eq!(net.running(), &running);
            let none = net.evaluate(&case.parameters, &case.prepared(), &[]).unwrap();
            assert_eq!((none.loss, none.correct), (0.0, 0));
        }
    }
}

#[test]
fn the_same_call_has_the_same_bits() {
    let case = Case::new(shape(12, 3, 10, 9), 9, 1);
    let bits = |net: &mut ConvNet| {
        let (score, gradients) = case.gradients(net);
        (score.loss.to_bits(), gradients.into_iter().map(f32::to_bits).collect::<Vec<u32>>())
    };
    let evaluated = |net: &mut ConvNet| {
        let score = net.evaluate(&case.parameters, &case.prepared(), &case.batch()).unwrap();
        (score.loss.to_bits(), score.correct)
    };
    for mut net in case.nets() {
        let first = bits(&mut net);
        let mut fresh = ConvNet::on_path(case.shape, net.path()).unwrap();
        assert_eq!(bits(&mut fresh), first);
        assert_eq!(evaluated(&mut fresh), evaluated(&mut net));
        // What was in memory before is not seen.
        let other = Case::new(case.shape, 5, 2);
        other.gradients(&mut net);
        net.evaluate(&other.parameters, &other.prepared(), &other.batch()).unwrap();
        assert_eq!(bits(&mut net), first);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let mut net = net.clone();
                std::thread::scope(|scope| scope.spawn(|| bits(&mut net)).join())
            })
            .collect();
        assert!(threads.into_iter().all(|result| result.unwrap() == first));
    }
}

#[test]
fn values_that_are_not_finite_show_in_the_loss() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut case = Case::new(shape(8, 3, 4, 3), 3, 1);
        case.planes[1][70] = bad;
        for mut net in case.nets() {
            let (score, gradients) = case.gradients(&mut net);
            assert!(!score.loss.is_finite(), "{} {bad}: {score:?}", net.path());
            assert!(gradients.iter().any(|gradient| !gradient.is_finite()));
        }
    }
    for (tensor, bad) in (0..8).flat_map(|t| [(t, f32::NAN), (t, f32::INFINITY)]) {
        let mut case = Case::new(shape(8, 1, 4, 3), 3, 1);
        let start = case.shape.tensors()[tensor].range.start;
        case.parameters[start] = bad;
        for mut net in case.nets() {
            let (score, gradients) = case.gradients(&mut net);
            let seen = !score.loss.is_finite() || gradients.iter().any(|g| !g.is_finite());
            assert!(seen, "{} tensor {tensor} {bad}", net.path());
            net.evaluate(&case.parameters, &case.prepared(), &case.batch()).unwrap();
        }
    }
}

#[test]
fn a_variance_beyond_f32_is_not_taken_for_a_constant() {
    let mut case = Case::new(shape(8, 1, 4, 3), 3, 1);
    let convolution2 = case.shape.tensors()[3].range.clone();
    case.parameters[convolution2].iter_mut().step_by(32).for_each(|weight| *weight = 3e19);
    for mut net in case.nets() {
        let (score, _) = case.gradients(&mut net);
        assert!(score.loss.is_nan(), "{}: {score:?}", net.path());
        let score = net.evaluate(&case.parameters, &case.prepared(), &case.batch()).unwrap();
        assert!(score.loss.is_nan(), "{}: {score:?}", net.path());
        let mut running = [Running::default(); 2];
        running[1].variance[5] = f32::INFINITY;
        net.set_running(running);
        let score = net.evaluate(&case.parameters, &case.prepared(), &case.batch()).unwrap();
        assert!(score.loss.is_nan(), "{}: {score:?}", net.path());
    }
}

#[test]
fn logits_may_be_too_large_for_exp() {
    let mut case = Case::new(shape(8, 1, 3, 2), 2, 1);
    case.labels = vec![1, 2];
    let [.., bias] = case.shape.tensors();
    case.parameters[bias.range].copy_from_slice(&[1e4, 3e4, -2e4]);
    for mut net in case.nets() {
        let (score, gradients) = case.gradients(&mut net);
        // The first image is right; the second one is 50,000 off, a few of them by its features.
        assert!((score.loss - 25_000.0).abs() < 10.0, "{score:?}");
        assert_eq!(score.correct, 1);
        assert!(gradients.iter().all(|gradient| gradient.is_finite()));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    assert_eq!(Shape::new(10, 1, 2, 1), Err(ChildError::Side { side: 10 }));
    let channels = ChildError::Size { what: "channels", value: 17, most: 16 };
    assert_eq!(Shape::new(8, 17, 2, 1), Err(channels));
    assert!(Shape::new(0, 1, 2, 1).is_err() && Shape::new(8, 1, 257, 1).is_err());
    let case = Case::new(shape(8, 1, 3, 2), 3, 1);
    let images = case.prepared();
    let mut net = ConvNet::new(case.shape);
    let mut gradients = vec![0.0; case.parameters.len()];
    let mut call =
        |batch: &[usize]| net.forward_backward(&case.parameters, &images, batch, &mut gradients);
    assert_eq!(call(&[]), Err(ChildError::Size { what: "batch", value: 0, most: 2 }));
    assert_eq!(call(&[0, 1, 2]), Err(ChildError::Size { what: "batch", value: 3, most: 2 }));
    assert_eq!(call(&[0, 3]), Err(ChildError::Example { index: 3, examples: 3 }));
    let other = Case::new(shape(8, 1, 4, 2), 1, 1).prepared();
    assert_eq!(net.evaluate(&case.parameters, &other, &[0]), Err(ChildError::Prepared));
    assert!(net.evaluate(&[], &images, &[0]).is_err());
    let many = shape(8, 5, 2, 1);
    assert!(!Path::Avx2.runs(&many) && !Path::Avx512.runs(&many) && Path::Gemm.runs(&many));
    assert_eq!(ConvNet::new(many).path(), Path::Gemm);
    assert!(ConvNet::on_path(many, Path::Avx2).is_err());
    let mut wrong = LabelledImages::new(64);
    wrong.push([0.0; 64], 3);
    let label = ChildError::Label { image: 0, label: 3, classes: 3 };
    assert_eq!(Prepared::new(case.shape, &wrong).unwrap_err(), label);
}

#[test]
fn initial_parameters_are_within_their_bounds_and_follow_the_seed() {
    let shape = shape(32, 3, 10, 100);
    let parameters = shape.initial_parameters(1);
    assert_eq!(parameters.len(), 30_698);
    assert_eq!(parameters, shape.initial_parameters(1));
    assert_ne!(parameters, shape.initial_parameters(2));
    for tensor in shape.tensors() {
        let values = &parameters[tensor.range.clone()];
        if tensor.fan_in == 0 {
            let expected = if tensor.name.starts_with("scale") { 1.0 } else { 0.0 };
            assert!(values.iter().all(|value| *value == expected));
            continue;
        }
        let bound = (tensor.fan_in as f32).sqrt().recip();
        assert!(values.iter().all(|value| value.abs() <= bound));
        let spread = values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32;
        let expected = bound * bound / 3.0;
        assert!(values.len() < 100 || (spread / expected - 1.0).abs() < 0.1, "{spread}");
    }
}
