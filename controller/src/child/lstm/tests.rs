//! The net against its definition in f64 and finite differences of it, and what it promises.

use super::reference::reference;
use super::{MAX_LENGTH, TextModel, TextSettings};
use crate::child::{ChildError, Model, Part};
use crate::dataset::text::{MIN_LENGTH, Text, TextPart, novel};
use crate::random::Random;

/// A text of random characters of `symbols` kinds.
fn noise(symbols: u64) -> Text {
    let mut random = Random::new(5, 0);
    let bytes: Vec<u8> = (0..MIN_LENGTH + 7).map(|_| b'0' + random.below(symbols) as u8).collect();
    Text::new("noise", String::new(), &bytes).unwrap()
}

fn model(symbols: u64, hidden: usize, length: usize, batch: usize) -> TextModel {
    TextModel::new(&noise(symbols), TextSettings { hidden, length, batch }).unwrap()
}

/// Parameters that reach the curved parts of the gates.
fn parameters(model: &TextModel, scale: f32) -> Vec<f32> {
    model.initial_parameters(1).into_iter().map(|value| scale * value).collect()
}

fn differentiated(model: &TextModel, parameters: &[f32], batch: &[usize]) -> (f64, Vec<f32>) {
    let mut gradients = vec![f32::NAN; parameters.len()];
    let loss = model.child().differentiate(parameters, batch, &mut gradients).unwrap();
    (loss, gradients)
}

#[test]
fn loss_and_gradients_are_those_of_the_definition() {
    for (symbols, hidden, length, batch) in [
        (5, 3, 4, vec![3, 1]),
        (2, 1, 1, vec![0]),
        (7, 17, 9, vec![4, 0, 99]),
        (3, 8, 1, vec![1, 2]),
    ] {
        let model = model(symbols, hidden, length, 3);
        let parameters = parameters(&model, 2.0);
        let (loss, gradients) = differentiated(&model, &parameters, &batch);
        let windows: Vec<&[u8]> = batch.iter().map(|i| model.train.get(*i).unwrap()).collect();
        let mut wide: Vec<f64> = parameters.iter().copied().map(f64::from).collect();
        let exact = reference(&model.shape, &wide, &windows).0;
        assert!((loss - exact).abs() < 1e-6, "{loss} {exact}");
        let largest = gradients.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let mut moved = |index: usize, by: f64| {
            let before = wide[index];
            wide[index] = before + by;
            let loss = reference(&model.shape, &wide, &windows).0;
            wide[index] = before;
            loss
        };
        for (index, gradient) in gradients.iter().enumerate() {
            let slope = (moved(index, 1e-5) - moved(index, -1e-5)) / 2e-5;
            let error = (slope - f64::from(*gradient)).abs();
            assert!(error < 1e-5 * f64::from(largest), "{index}: {slope} {gradient}");
        }
    }
}

#[test]
fn a_score_is_over_all_windows_of_the_part() {
    let model = model(6, 5, 11, 64);
    let parameters = parameters(&model, 3.0);
    let wide: Vec<f64> = parameters.iter().copied().map(f64::from).collect();
    let mut child = model.child();
    for (part, windows) in [(Part::Validation, &model.validation), (Part::Test, &model.test)] {
        let score = child.evaluate(&parameters, part).unwrap();
        let all: Vec<&[u8]> = (0..windows.len()).map(|i| windows.get(i).unwrap()).collect();
        let (loss, correct) = reference(&model.shape, &wide, &all);
        assert!((score.loss - loss).abs() < 1e-6, "{score:?} {loss}");
        assert_eq!(score.count, 11 * all.len());
        assert_eq!((model.examples(part), score.correct), (all.len(), correct));
    }
    let train = child.evaluate(&parameters, Part::Train).unwrap();
    assert_eq!(train.count, 11 * model.examples(Part::Train));
}

#[test]
fn the_same_calls_give_the_same_bits_whatever_came_before() {
    let model = model(9, 20, 13, 8);
    let parameters = parameters(&model, 1.0);
    let mut gradients = [vec![0.0; parameters.len()], vec![1.0; parameters.len()]];
    let [first, second] = &mut gradients;
    let mut fresh = model.child();
    let loss = fresh.differentiate(&parameters, &[5, 9, 5], first).unwrap();
    let mut used = model.child();
    used.differentiate(&parameters, &[0, 1, 2, 3, 4, 5, 6, 7], second).unwrap();
    let score = used.evaluate(&parameters, Part::Test).unwrap();
    let again = used.differentiate(&parameters, &[5, 9, 5], second).unwrap();
    assert_eq!(loss.to_bits(), again.to_bits());
    assert_eq!(first, second);
    assert_eq!(fresh.evaluate(&parameters, Part::Test).unwrap(), score);
}

#[test]
fn initial_parameters_are_a_function_of_the_seed_within_their_bounds() {
    let shape = *model(4, 16, 5, 2).shape();
    let values = shape.initial_parameters(3);
    assert_eq!(values.len(), 64 * 4 + 64 * 16 + 64 + 64 + 4 * 16 + 4);
    assert_eq!(values, shape.initial_parameters(3));
    assert_ne!(values, shape.initial_parameters(4));
    assert!(values.iter().all(|value| value.abs() <= 0.25));
    assert!(values.iter().any(|value| value.abs() > 0.24));
    let tensors = shape.tensors();
    assert_ne!(values[tensors[2].range.clone()], values[tensors[3].range.clone()]);
}

#[test]
fn parameters_that_are_not_finite_are_seen_in_the_loss() {
    let model = model(4, 6, 5, 2);
    for tensor in model.shape.tensors() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut parameters = parameters(&model, 1.0);
            parameters[tensor.range.start] = bad;
            let (loss, gradients) = differentiated(&model, &parameters, &[0, 1]);
            assert!(loss.is_nan() && gradients.iter().all(|value| value.is_nan()));
            let score = model.child().evaluate(&parameters, Part::Validation).unwrap();
            assert!(score.loss.is_nan() && score.correct == 0, "{}", tensor.name);
        }
    }
    let huge = vec![3e38; model.shape.parameter_count()];
    differentiated(&model, &huge, &[0]);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let model = model(4, 6, 5, 2);
    let parameters = parameters(&model, 1.0);
    let mut gradients = vec![7.0; parameters.len()];
    let examples = model.examples(Part::Train);
    let mut child = model.child();
    let mut refused = |parameters: &[f32], batch: &[usize], length: usize| {
        let error = child.differentiate(parameters, batch, &mut gradients[..length]).unwrap_err();
        assert!(gradients.iter().all(|value| *value == 7.0));
        error
    };
    let all = parameters.len();
    let size = |value| ChildError::Size { what: "batch", value, most: 2 };
    assert_eq!(refused(&parameters, &[], all), size(0));
    assert_eq!(refused(&parameters, &[0, 1, 2], all), size(3));
    let example = ChildError::Example { index: examples, examples };
    assert_eq!(refused(&parameters, &[0, examples], all), example);
    assert!(matches!(refused(&parameters[1..], &[0], all), ChildError::Length { .. }));
    assert!(matches!(refused(&parameters, &[0], all - 1), ChildError::Length { .. }));
    assert!(child.evaluate(&parameters[1..], Part::Test).is_err());
}

#[test]
fn sizes_beyond_their_limits_are_refused() {
    let text = noise(4);
    let error = |hidden, length, batch| {
        TextModel::new(&text, TextSettings { hidden, length, batch }).unwrap_err()
    };
    for (hidden, length, batch) in [(0, 5, 5), (1025, 5, 5), (5, 0, 5), (5, 5, 0), (5, 5, 4097)] {
        assert!(matches!(error(hidden, length, batch), ChildError::Size { .. }));
    }
    assert!(error(1024, 1024, 4096).to_string().contains("number of values"));
    let longest = TextSettings { hidden: 5, length: MAX_LENGTH, batch: 5 };
    let model = TextModel::new(&text, longest).unwrap();
    assert_eq!([Part::Train, Part::Validation, Part::Test].map(|p| model.examples(p)), [31, 3, 3]);
}

/// Nats a character of a model that knows how often each one stands in the training part, and nothing
/// else.
fn unigram(text: &Text) -> f64 {
    let counts = |part: &TextPart| {
        let mut counts = vec![0.0; text.alphabet().len()];
        part.runs().flatten().for_each(|symbol| counts[usize::from(*symbol)] += 1.0);
        counts
    };
    let (train, validation) = (counts(text.train()), counts(text.validation()));
    let length = text.train().len() as f64;
    let losses = validation.iter().zip(&train).map(|(n, m)| -n * libm::log((m + 1.0) / length));
    losses.sum::<f64>() / text.validation().len() as f64
}

#[test]
fn it_learns_what_follows_what() {
    let text = novel::load().unwrap();
    let settings = TextSettings { hidden: 48, length: 25, batch: 32 };
    let model = TextModel::new(&text, settings).unwrap();
    let mut child = model.child();
    let mut w = model.initial_parameters(0);
    let mut g = vec![0.0; w.len()];
    let (mut m, mut v) = (g.clone(), g.clone());
    let start = child.evaluate(&w, Part::Validation).unwrap();
    assert!((start.loss - libm::log(68.0)).abs() < 0.1, "{start:?}");
    let mut random = Random::new(0, 9);
    let examples = model.examples(Part::Train) as u64;
    for step in 1..=200 {
        let batch: Vec<usize> = (0..32).map(|_| random.below(examples) as usize).collect();
        child.differentiate(&w, &batch, &mut g).unwrap();
        let bias = |beta: f64| (1.0 - libm::pow(beta, f64::from(step))) as f32;
        let (of_m, of_v) = (bias(0.9), bias(0.99));
        for i in 0..w.len() {
            m[i] = 0.9 * m[i] + 0.1 * g[i];
            v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
            w[i] -= 0.01 * (m[i] / of_m) / ((v[i] / of_v).sqrt() + 1e-8);
        }
    }
    let score = child.evaluate(&w, Part::Validation).unwrap();
    let unigram = unigram(&text);
    assert!((2.8..3.2).contains(&unigram), "{unigram}");
    assert!(score.loss < unigram - 0.6 && score.accuracy() > 0.3, "{score:?} {unigram}");
}
