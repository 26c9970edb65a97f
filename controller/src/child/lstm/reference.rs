//! The net in f64, window by window and straight from its definition.

use super::shape::Shape;

/// Mean loss of some windows, in nats a character, and the number of right answers.
pub(super) fn reference(shape: &Shape, parameters: &[f64], windows: &[&[u8]]) -> (f64, usize) {
    let (hidden, symbols) = (shape.hidden, shape.symbols);
    let [input, recurrent, input_bias, recurrent_bias, linear, bias] =
        shape.tensors().map(|tensor| &parameters[tensor.range]);
    let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    let dot = |row: &[f64], with: &[f64]| -> f64 { row.iter().zip(with).map(|(a, b)| a * b).sum() };
    let (mut loss, mut correct, mut count) = (0.0, 0, 0);
    for window in windows {
        let (mut h, mut c) = (vec![0.0; hidden], vec![0.0; hidden]);
        for pair in window.windows(2) {
            let (symbol, target) = (usize::from(pair[0]), usize::from(pair[1]));
            let sums: Vec<f64> = (0..4 * hidden)
                .map(|row| {
                    let from_input = input[row * symbols + symbol] + input_bias[row];
                    let weights = &recurrent[row * hidden..][..hidden];
                    from_input + dot(weights, &h) + recurrent_bias[row]
                })
                .collect();
            for unit in 0..hidden {
                let [i, f, g, o] = [0, 1, 2, 3].map(|gate| sums[gate * hidden + unit]);
                c[unit] = sigmoid(f) * c[unit] + sigmoid(i) * libm::tanh(g);
                h[unit] = sigmoid(o) * libm::tanh(c[unit]);
            }
            let rows = linear.chunks_exact(hidden).zip(bias);
            let logits: Vec<f64> = rows.map(|(row, bias)| dot(row, &h) + bias).collect();
            let total: f64 = logits.iter().map(|logit| libm::exp(*logit)).sum();
            loss += libm::log(total) - logits[target];
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            correct += usize::from(logits.iter().position(|z| *z == largest) == Some(target));
            count += 1;
        }
    }
    (loss / f64::from(count), correct)
}
