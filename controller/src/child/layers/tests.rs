//! The nets against their definition in f64, and what they promise.

use super::images::Images;
use super::layered::{Layered, Vectors};
use super::plan::Plan;
use super::reference::{Moments, Reference, reference};
use crate::child::layers::LayeredModel;
use crate::child::net::Path;
use crate::child::{ChildError, Model, Part, Score};
use crate::dataset::{ImageData, ImageShape, LabelledImages, SplitSizes, shapes::Shapes};
use crate::random::Random;

/// A net with images and parameters.
struct Case {
    plan: Plan,
    data: ImageData,
    parameters: Vec<f32>,
}

const NETS: [&str; 2] = ["deep", "residual"];

fn plan(net: &str, data: &ImageData, batch: usize) -> Plan {
    match net {
        "deep" => LayeredModel::deep(data.clone(), batch, None).unwrap().plan().clone(),
        _ => LayeredModel::residual(data.clone(), batch, None).unwrap().plan().clone(),
    }
}

fn random_data(shape: ImageShape, count: usize, random: &mut Random) -> ImageData {
    let mut part = |count| {
        let mut images = LabelledImages::new(shape.image_length());
        for _ in 0..count {
            let label = random.below(shape.classes() as u64) as u8;
            images.push((0..shape.image_length()).map(|_| random.between(-1.2, 1.8)), label);
        }
        images
    };
    let parts = [part(count), part(count), part(0)];
    ImageData::new("random", String::new(), shape, parts).unwrap()
}

impl Case {
    /// Random images with a mean, parameters from the initial ones with scales and shifts that
    /// matter, some of the scales negative.
    fn new(net: &str, (side, channels): (usize, usize), images: usize, seed: u64) -> Self {
        let mut random = Random::new(seed, 100);
        let shape = ImageShape::new(side, channels, 4).unwrap();
        let data = random_data(shape, images, &mut random);
        let plan = plan(net, &data, images);
        let mut parameters = plan.initial_parameters(seed);
        for unit in &plan.units {
            for value in &mut parameters[unit.scale.start..unit.shift.end] {
                let sign = if random.below(5) == 0 { -1.0 } else { 1.0 };
                *value = sign * (*value + random.between(-0.4, 0.4));
            }
        }
        Self { plan, data, parameters }
    }

    /// The first seed whose choices are further from a tie than rounding and steps of differences reach.
    fn without_ties(net: &str, size: (usize, usize), images: usize) -> (Self, Reference) {
        let cases = (0..100).map(|seed| Self::new(net, size, images, seed));
        cases
            .map(|case| {
                let expected = case.reference(&case.wide(), Part::Train, None);
                (case, expected)
            })
            .find(|(_, expected)| expected.margin > 5e-6)
            .unwrap()
    }

    fn wide(&self) -> Vec<f64> {
        self.parameters.iter().copied().map(f64::from).collect()
    }

    fn images(&self, part: Part) -> Images {
        super::images::Parts::new(self.data.clone()).get(part).clone()
    }

    fn reference(&self, parameters: &[f64], part: Part, given: Option<&[Moments]>) -> Reference {
        let labelled = match part {
            Part::Train => self.data.train(),
            _ => self.data.validation(),
        };
        self.reference_on(labelled, parameters, given)
    }

    /// That of a batch of training images.
    fn reference_of(&self, batch: &[usize]) -> Reference {
        let train = self.data.train();
        let mut images = LabelledImages::new(train.image_length());
        for index in batch {
            images.push(train.image(*index).iter().copied(), train.label(*index));
        }
        self.reference_on(&images, &self.wide(), None)
    }

    fn reference_on(
        &self,
        labelled: &LabelledImages,
        parameters: &[f64],
        given: Option<&[Moments]>,
    ) -> Reference {
        let (pixels, channels) = (self.data.shape().plane_length(), self.data.shape().channels());
        let mut images = Vec::new();
        for planes in labelled.pixels().chunks(pixels * channels) {
            let index = |i: usize| i % channels * pixels + i / channels;
            images.extend((0..planes.len()).map(|i| f64::from(planes[index(i)])));
        }
        let labels: Vec<usize> = labelled.labels().iter().copied().map(usize::from).collect();
        reference(&self.plan, parameters, &images, &labels, given)
    }

    fn nets(&self) -> Vec<Layered> {
        let on = |path| Some(Layered::new(&self.plan, Vectors::of_path(path).ok()?));
        let nets: Vec<Layered> = Path::ALL.into_iter().filter_map(on).collect();
        assert!(nets.iter().any(|net| net.path() == Path::Gemm));
        nets
    }

    fn gradients(&self, net: &mut Layered) -> (Score, Vec<f32>) {
        let images = self.images(Part::Train);
        let batch: Vec<usize> = (0..images.len()).collect();
        let mut gradients = vec![f32::NAN; self.parameters.len()];
        let score = net.differentiate(&self.parameters, &images, &batch, &mut gradients).unwrap();
        (score, gradients)
    }

    /// Loss and gradients of a batch of training images, bit for bit.
    fn bits(&self, net: &mut Layered, batch: &[usize]) -> (u64, Vec<u32>) {
        let mut gradients = vec![f32::NAN; self.parameters.len()];
        let images = self.images(Part::Train);
        let score = net.differentiate(&self.parameters, &images, batch, &mut gradients).unwrap();
        (score.loss.to_bits(), gradients.into_iter().map(f32::to_bits).collect())
    }

    /// Loss, bit for bit, and right answers on the validation images.
    fn evaluated(&self, net: &mut Layered) -> (u64, usize) {
        let score = net.evaluate(&self.parameters, &self.images(Part::Validation)).unwrap();
        (score.loss.to_bits(), score.correct)
    }

    /// Slope of the loss along a direction, by central differences in f64.
    fn slope(&self, direction: &[(usize, f64)]) -> f64 {
        let step = 1e-7;
        let at = |step: f64| {
            let mut moved = self.wide();
            for (index, factor) in direction {
                moved[*index] += step * factor;
            }
            self.reference(&moved, Part::Train, None).loss
        };
        (at(step) - at(-step)) / (2.0 * step)
    }

    /// Directions in one tensor each: all elements up or down, and single elements.
    fn directions(&self, single: u64) -> Vec<Vec<(usize, f64)>> {
        let mut random = Random::new(9, 9);
        let units = self.plan.units.iter();
        let tensors = units.flat_map(|unit| [&unit.weights, &unit.scale, &unit.shift]);
        let mut directions = Vec::new();
        for tensor in tensors.chain([&self.plan.linear, &self.plan.bias]) {
            let mut sign = || if random.below(2) == 0 { -1.0 } else { 1.0 };
            directions.push(tensor.clone().map(|index| (index, sign())).collect());
            for _ in 0..single {
                let element = random.below(tensor.len() as u64) as usize;
                directions.push(vec![(tensor.start + element, 1.0)]);
            }
        }
        directions
    }
}

fn check_gradients(net: &str, size: (usize, usize), images: usize, single: u64) {
    let (case, expected) = Case::without_ties(net, size, images);
    let directions = case.directions(single);
    let slopes: Vec<f64> = directions.iter().map(|direction| case.slope(direction)).collect();
    for mut child in case.nets() {
        let (score, gradients) = case.gradients(&mut child);
        let path = child.path();
        assert!((score.loss - expected.loss).abs() < 1e-6, "{net} {path}: {score:?}");
        assert_eq!(score.correct, expected.correct, "{net} {path}");
        let largest = gradients.iter().fold(0.0_f32, |a, g| a.max(g.abs()));
        for (direction, slope) in directions.iter().zip(&slopes) {
            let product = direction.iter().map(|(i, factor)| f64::from(gradients[*i]) * factor);
            let error = (product.sum::<f64>() - slope).abs();
            // Errors of many elements add up like their signs, at random.
            let most = 1e-5 * f64::from(largest) * (direction.len() as f64).sqrt();
            let first = direction[0].0;
            assert!(error <= most, "{net} {path}, {first} on: {error} of {largest}, {slope}");
        }
    }
}

#[test]
fn gradients_of_the_deep_net_agree_with_finite_differences() {
    check_gradients("deep", (8, 1), 4, 3);
    check_gradients("deep", (12, 3), 2, 0);
}

#[test]
fn gradients_of_the_residual_net_agree_with_finite_differences() {
    check_gradients("residual", (8, 1), 4, 3);
    check_gradients("residual", (12, 3), 2, 0);
}

/// Runs of four images and of one, patches that end within a run of the kernel, a single pixel.
#[test]
fn gradients_are_those_of_the_definition_whatever_the_sizes() {
    for net in NETS {
        check_gradients(net, (8, 1), 5, 0);
        check_gradients(net, (8, 7), 2, 1);
        check_gradients(net, (4, 2), 1, 1);
    }
}

#[test]
fn paths_differ_in_rounding_only() {
    for (net, size, images) in [("deep", (32, 3), 3), ("residual", (20, 5), 2)] {
        let (case, expected) = Case::without_ties(net, size, images);
        let mut nets = case.nets().into_iter().map(|mut net| case.gradients(&mut net));
        let (first, gradients) = nets.next().unwrap();
        assert!((first.loss - expected.loss).abs() < 1e-6, "{net}: {first:?}");
        let largest = gradients.iter().fold(0.0_f32, |a, g| a.max(g.abs()));
        for (_, other) in nets {
            let errors = gradients.iter().zip(&other).map(|(a, b)| (a - b).abs());
            assert!(errors.fold(0.0, f32::max) <= 1e-5 * largest, "{net}");
        }
    }
}

#[test]
fn running_statistics_are_a_tenth_of_the_batch_and_evaluation_uses_them() {
    for (net, size) in [("deep", (8, 1)), ("residual", (12, 2))] {
        let case = Case::new(net, size, 5, 3);
        let expected = case.reference(&case.wide(), Part::Train, None);
        for mut child in case.nets() {
            case.gradients(&mut child);
            let layers = child.running().zip(&expected.statistics).zip(&case.plan.units);
            for (((mean, variance), batch), unit) in layers {
                let count = (5 * unit.sizes.outputs_side().pow(2)) as f64;
                for c in 0..mean.len() {
                    let sample = batch.1[c] * count / (count - 1.0);
                    let error = f64::from(mean[c]) - 0.1 * batch.0[c];
                    assert!(error.abs() < 1e-6, "{net}: {error}");
                    let error = f64::from(variance[c]) - 0.9 - 0.1 * sample;
                    assert!(error.abs() < 1e-6 * (1.0 + sample), "{net}: {error}");
                }
            }
            let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect();
            let given: Vec<Moments> =
                child.running().map(|(mean, variance)| (wide(mean), wide(variance))).collect();
            let expected = case.reference(&case.wide(), Part::Validation, Some(&given));
            let images = case.images(Part::Validation);
            let score = child.evaluate(&case.parameters, &images).unwrap();
            assert!((score.loss - expected.loss).abs() < 1e-5 * expected.loss, "{net}: {score:?}");
            assert_eq!((score.correct, score.count), (expected.correct, 5));
            assert_eq!(child.evaluate(&case.parameters, &images).unwrap(), score);
            let none = child.evaluate(&case.parameters, &case.images(Part::Test)).unwrap();
            assert_eq!(none, Score { loss: 0.0, correct: 0, count: 0 });
        }
    }
}

#[test]
fn running_statistics_of_two_batches_follow_the_formula() {
    for net in NETS {
        let case = Case::new(net, (8, 2), 6, 3);
        let batches = [&[0, 1, 2, 3][..], &[5, 4]];
        let references = batches.map(|batch| (batch.len(), case.reference_of(batch).statistics));
        let expected = |layer: usize, c: usize| {
            let pixels = case.plan.units[layer].sizes.outputs_side().pow(2);
            references.iter().fold((0.0, 1.0), |(mean, variance), (images, statistics)| {
                let count = (images * pixels) as f64;
                let (batch, sample) = (&statistics[layer], count / (count - 1.0));
                (0.9 * mean + 0.1 * batch.0[c], 0.9 * variance + 0.1 * batch.1[c] * sample)
            })
        };
        for mut child in case.nets() {
            let start = child.running().flat_map(|(mean, variance)| [mean[0], variance[0]]);
            assert!(start.eq([0.0, 1.0].repeat(case.plan.units.len())));
            for batch in batches {
                case.bits(&mut child, batch);
            }
            for (layer, (mean, variance)) in child.running().enumerate() {
                for c in 0..mean.len() {
                    let (of_mean, of_variance) = expected(layer, c);
                    let error = f64::from(mean[c]) - of_mean;
                    assert!(error.abs() < 1e-6, "{net} {layer}: {error}");
                    let error = f64::from(variance[c]) - of_variance;
                    assert!(error.abs() < 1e-6 * (1.0 + of_variance), "{net}: {error}");
                }
            }
        }
    }
}

#[test]
fn evaluation_in_runs_is_that_of_all_at_once() {
    for net in NETS {
        let case = Case::new(net, (8, 1), 7, 3);
        let images = case.images(Part::Validation);
        let whole = Layered::new(&case.plan, Vectors::fastest())
            .evaluate(&case.parameters, &images)
            .unwrap();
        let mut small = Layered::new(&plan(net, &case.data, 3), Vectors::fastest());
        let parts = small.evaluate(&case.parameters, &images).unwrap();
        assert_eq!(parts.correct, whole.correct);
        assert!((parts.loss - whole.loss).abs() < 1e-6 * whole.loss);
    }
}

#[test]
fn the_same_call_has_the_same_bits() {
    for net in NETS {
        const ALL: [usize; 6] = [0, 1, 2, 3, 4, 5];
        let case = Case::new(net, (12, 3), 6, 1);
        for mut child in case.nets() {
            let first = case.bits(&mut child, &ALL);
            // What was in memory before is not seen, nor what lies beyond a smaller batch.
            let used = case.bits(&mut child, &[4, 1]);
            let vectors = Vectors::of_path(child.path()).unwrap();
            let new = || Layered::new(&case.plan, vectors);
            assert_eq!(case.bits(&mut new(), &[4, 1]), used);
            let mut fresh = new();
            assert_eq!(case.bits(&mut fresh, &ALL), first);
            case.bits(&mut fresh, &[4, 1]);
            let score = case.evaluated(&mut child);
            assert_eq!(case.evaluated(&mut fresh), score);
            assert_eq!(case.evaluated(&mut child), score);
            assert_eq!(case.bits(&mut child, &ALL), first);
            let other = std::thread::scope(|scope| {
                let in_thread = || {
                    let mut fresh = new();
                    let bits = [&ALL[..], &[4, 1]].map(|batch| case.bits(&mut fresh, batch));
                    (bits, case.evaluated(&mut fresh))
                };
                scope.spawn(in_thread).join().unwrap()
            });
            assert_eq!(other, ([first, used], score));
        }
    }
}

#[test]
fn values_that_are_not_finite_show_in_the_loss_or_the_gradients() {
    for (net, bad) in [("deep", f32::NAN), ("residual", f32::INFINITY), ("residual", f32::NAN)] {
        let case = Case::new(net, (8, 1), 3, 1);
        let scales = case.plan.units.iter().flat_map(|unit| [&unit.weights, &unit.scale]);
        let starts: Vec<usize> =
            scales.chain([&case.plan.linear, &case.plan.bias]).map(|range| range.start).collect();
        for start in starts {
            let mut case = Case::new(net, (8, 1), 3, 1);
            case.parameters[start] = bad;
            let mut child = Layered::new(&case.plan, Vectors::fastest());
            let (score, gradients) = case.gradients(&mut child);
            let seen = !score.loss.is_finite() || gradients.iter().any(|g| !g.is_finite());
            assert!(seen, "{net} {start} {bad}: {score:?}");
            child.evaluate(&case.parameters, &case.images(Part::Validation)).unwrap();
        }
    }
}

#[test]
fn a_variance_beyond_f32_is_not_taken_for_a_constant() {
    for net in NETS {
        let units = Case::new(net, (8, 1), 3, 1).plan.units.len();
        for unit in [0, 1, units - 1] {
            let mut case = Case::new(net, (8, 1), 3, 1);
            let planned = case.plan.units[unit].clone();
            let weights = case.parameters[planned.weights].iter_mut();
            weights.step_by(planned.sizes.filters).for_each(|weight| *weight = 3e19);
            for mut child in case.nets() {
                let (score, _) = case.gradients(&mut child);
                assert!(score.loss.is_nan(), "{net} {unit} {}: {score:?}", child.path());
                let validation = case.images(Part::Validation);
                let score = child.evaluate(&case.parameters, &validation).unwrap();
                assert!(score.loss.is_nan(), "{net} {unit} {}: {score:?}", child.path());
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut random = Random::new(1, 1);
    let mut data = |side| random_data(ImageShape::new(side, 1, 3).unwrap(), 2, &mut random);
    let size = |value, most| ChildError::Size { what: "batch", value, most };
    assert_eq!(LayeredModel::deep(data(10), 1, None).unwrap_err(), ChildError::Side { side: 10 });
    assert_eq!(LayeredModel::residual(data(8), 0, None).unwrap_err(), size(0, 65_536));
    assert_eq!(LayeredModel::residual(data(256), 2000, None).unwrap_err(), size(2000, 113));
    let model = LayeredModel::residual(data(4), 2, None).unwrap();
    let counts = [Part::Train, Part::Validation, Part::Test].map(|part| model.examples(part));
    assert_eq!(counts, [2, 2, 0]);
    let parameters = model.initial_parameters(0);
    let mut gradients = vec![0.0; parameters.len()];
    let mut child = model.child();
    let mut call = |batch: &[usize]| child.differentiate(&parameters, batch, &mut gradients);
    assert_eq!(call(&[]), Err(size(0, 2)));
    assert_eq!(call(&[0, 1, 0]), Err(size(3, 2)));
    assert_eq!(call(&[0, 2]), Err(ChildError::Example { index: 2, examples: 2 }));
    assert!(call(&[1]).unwrap().is_finite());
    assert!(child.differentiate(&parameters, &[0], &mut [0.0]).is_err());
    assert!(child.differentiate(&[], &[0], &mut gradients).is_err());
    assert!(child.evaluate(&[], Part::Train).is_err());
}

#[test]
fn a_child_is_on_the_path_that_is_asked_for() {
    let data = random_data(ImageShape::new(4, 1, 3).unwrap(), 1, &mut Random::new(1, 1));
    let mut fastest = None;
    for path in Path::ALL {
        let runs = Vectors::of_path(path).is_ok();
        fastest = fastest.or(runs.then_some(path));
        let deep = LayeredModel::deep(data.clone(), 1, Some(path));
        let residual = LayeredModel::residual(data.clone(), 1, Some(path));
        if runs {
            assert_eq!(deep.unwrap().path(), Some(path));
            assert_eq!(residual.unwrap().path(), Some(path));
        } else {
            assert_eq!(deep.unwrap_err(), ChildError::Path { path });
            assert_eq!(residual.unwrap_err(), ChildError::Path { path });
        }
    }
    assert_eq!(LayeredModel::deep(data, 1, None).unwrap().path(), fastest);
}

#[test]
fn initial_parameters_have_their_spread_and_follow_the_seed() {
    let mut random = Random::new(1, 1);
    let data = random_data(ImageShape::new(32, 3, 10).unwrap(), 1, &mut random);
    for (net, count, variance) in [("deep", 72_954, 1.0 / 3.0), ("residual", 75_290, 2.0)] {
        let plan = plan(net, &data, 1);
        let parameters = plan.initial_parameters(1);
        assert_eq!(parameters.len(), count);
        assert_eq!(parameters, plan.initial_parameters(1));
        assert_ne!(parameters, plan.initial_parameters(2));
        for unit in &plan.units {
            let weights = &parameters[unit.weights.clone()];
            let squares: f32 = weights.iter().map(|weight| weight * weight).sum();
            let spread = squares / weights.len() as f32 * unit.sizes.patch() as f32;
            assert!((spread / variance - 1.0).abs() < 0.2, "{net}: {spread}");
            assert!(parameters[unit.scale.clone()].iter().all(|value| *value == 1.0));
            assert!(parameters[unit.shift.clone()].iter().all(|value| *value == 0.0));
        }
        let (linear, bias) = (&parameters[plan.linear.clone()], &parameters[plan.bias.clone()]);
        assert!(linear.iter().chain(bias).all(|value| value.abs() <= 0.125));
        let squares: f32 = linear.iter().map(|weight| weight * weight).sum();
        let spread = squares / linear.len() as f32 * 64.0;
        assert!((3.0 * spread - 1.0).abs() < 0.2, "{net}: {spread}");
        assert!(bias.iter().any(|value| value.abs() > 0.03), "{net}: {bias:?}");
    }
}

#[test]
fn a_few_steps_lower_the_loss_on_drawn_shapes() {
    let sizes = SplitSizes { train: 64, validation: 32, test: 1 };
    let shapes = Shapes { side: 16, classes: 3, difficulty: 0.0, sizes };
    let data = shapes.generate().unwrap().normalized();
    let models: [Box<dyn Model>; 2] = [
        Box::new(LayeredModel::deep(data.clone(), 32, None).unwrap()),
        Box::new(LayeredModel::residual(data, 32, None).unwrap()),
    ];
    for model in models {
        let mut parameters = model.initial_parameters(1);
        let mut gradients = vec![0.0; parameters.len()];
        let mut child = model.child();
        let batches: [Vec<usize>; 2] = [(0..32).collect(), (32..64).collect()];
        let mut losses = Vec::new();
        for batch in batches.iter().cycle().take(40) {
            losses.push(child.differentiate(&parameters, batch, &mut gradients).unwrap());
            parameters.iter_mut().zip(&gradients).for_each(|(w, g)| *w -= 0.1 * g);
        }
        assert!(losses[38] + losses[39] < 0.5 * (losses[0] + losses[1]), "{losses:?}");
        let score = child.evaluate(&parameters, Part::Train).unwrap();
        assert!(score.accuracy() > 0.6, "{score:?}");
    }
}
