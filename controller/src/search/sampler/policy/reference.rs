//! The loss in f64, string by string and straight from its definition.

use super::batch::Batch;
use super::head::Objective;
use super::shape::Shape;

/// Log-probabilities of all choices at each position of a string.
pub(super) fn log_probabilities(
    shape: &Shape,
    weights: &[f64],
    batch: &Batch,
    string: usize,
) -> Vec<Vec<f64>> {
    let (hidden, gates) = (shape.hidden, shape.gates());
    let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    let (bias, recurrent) = (&weights[shape.bias.clone()], &weights[shape.recurrent.clone()]);
    let (mut h, mut c) = (vec![0.0; hidden], vec![0.0; hidden]);
    let mut input = &weights[shape.start.clone()];
    let mut out = Vec::new();
    for (position, place) in shape.places.iter().enumerate() {
        let from_units = |gate: usize| -> f64 {
            (0..hidden).map(|unit| h[unit] * recurrent[unit * gates + gate]).sum()
        };
        let sums: Vec<f64> =
            (0..gates).map(|gate| input[gate] + bias[gate] + from_units(gate)).collect();
        for unit in 0..hidden {
            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| sums[gate * hidden + unit]);
            c[unit] = sigmoid(f) * c[unit] + sigmoid(i) * libm::tanh(g);
            h[unit] = sigmoid(o) * libm::tanh(c[unit]);
        }
        let (linear, bias) = (&weights[place.linear.clone()], &weights[place.bias.clone()]);
        let allowed = batch.allowed(shape, string, position);
        let exponentials: Vec<f64> = (0..place.width)
            .map(|choice| {
                let row = &linear[choice * hidden..][..hidden];
                let logit: f64 = row.iter().zip(&h).map(|(w, h)| w * h).sum::<f64>() + bias[choice];
                if allowed[choice] { libm::exp(logit) } else { 0.0 }
            })
            .collect();
        let total: f64 = exponentials.iter().sum();
        out.push(exponentials.iter().map(|value| libm::log(value / total)).collect());
        if let Some(next) = shape.places.get(position + 1).map(|_| place.tokens.start) {
            let choice = usize::from(batch.string(shape, string)[position]);
            input = &weights[next + choice * gates..][..gates];
        }
    }
    out
}

/// The loss of a batch.
pub(super) fn loss(
    shape: &Shape,
    weights: &[f64],
    batch: &Batch,
    advantages: &[f64],
    objective: &Objective,
) -> f64 {
    let mut sum = 0.0;
    for (string, advantage) in advantages.iter().enumerate() {
        let positions = log_probabilities(shape, weights, batch, string);
        for (position, values) in positions.iter().enumerate() {
            let choice = usize::from(batch.string(shape, string)[position]);
            let before = batch.log_probabilities[string * shape.positions() + position];
            let ratio = libm::exp(values[choice] - before);
            let clipped = ratio.clamp(1.0 - objective.clip, 1.0 + objective.clip);
            sum += (ratio * advantage).min(clipped * advantage);
            let open = values.iter().filter(|value| value.is_finite());
            sum -= objective.entropy * open.map(|value| libm::exp(*value) * value).sum::<f64>();
        }
    }
    -sum / advantages.len() as f64
}
