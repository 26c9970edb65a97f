//! What a cell does besides the products of matrices, for the windows of a batch at one time.
//!
//! With `a` the sums that reach the gates, in the order i, f, g, o, and c' the cell's value before,
//!
//! ```text
//! i, f, o = sigmoid(a_i, a_f, a_o)     g = tanh(a_g)
//! c = f c' + i g                       h = o tanh(c)
//! ```
//!
//! (Hochreiter and Schmidhuber 1997, *Long short-term memory*, Neural Computation 9(8); the gate f:
//! Gers, Schmidhuber and Cummins 2000, *Learning to forget*, Neural Computation 12(10)). Backward,
//! for dh and for dc, which is what reaches c from later times,
//!
//! ```text
//! dc  = dc + dh o (1 - tanh(c)^2)      dc' = dc f
//! da_i = dc g i (1 - i)                da_f = dc c' f (1 - f)
//! da_g = dc i (1 - g^2)                da_o = dh tanh(c) o (1 - o)
//! ```
//!
//! Arrays are row by row, a row a window: `[windows, 4 hidden]` for gates, `[windows, hidden]` for
//! the rest. All of it is `inline(always)`, to be compiled for the vectors of who calls it.

use super::functions::{sigmoid, tanh};

/// Values of the cells that the backward pass needs, at one time.
pub(crate) struct Cells<'a> {
    /// The cells' values before.
    pub(crate) before: &'a [f32],
    /// c.
    pub(crate) after: &'a mut [f32],
    /// `tanh(c)`.
    pub(crate) squashed: &'a mut [f32],
    /// h.
    pub(crate) hidden: &'a mut [f32],
}

/// Turns the sums that reach the gates into the gates, and computes the cells.
#[inline(always)]
pub(crate) fn forward(gates: &mut [f32], cells: &mut Cells<'_>, hidden: usize) {
    let rows = gates
        .chunks_exact_mut(4 * hidden)
        .zip(cells.before.chunks_exact(hidden))
        .zip(cells.after.chunks_exact_mut(hidden))
        .zip(cells.squashed.chunks_exact_mut(hidden))
        .zip(cells.hidden.chunks_exact_mut(hidden));
    for ((((gates, before), after), squashed), output) in rows {
        let (input, rest) = gates.split_at_mut(hidden);
        let (forget, rest) = rest.split_at_mut(hidden);
        let (value, out) = rest.split_at_mut(hidden);
        squash(input, sigmoid);
        squash(forget, sigmoid);
        squash(value, tanh);
        squash(out, sigmoid);
        for j in 0..hidden {
            after[j] = forget[j] * before[j] + input[j] * value[j];
        }
        squashed.copy_from_slice(after);
        squash(squashed, tanh);
        for j in 0..hidden {
            output[j] = out[j] * squashed[j];
        }
    }
}

/// A loop over one array, which the compiler makes vectors of; it does not of one over all of them.
#[inline(always)]
fn squash(values: &mut [f32], function: impl Fn(f32) -> f32) {
    for value in values {
        *value = function(*value);
    }
}

/// Turns the gates into the derivatives by their sums. `of_hidden` is dh; `of_cell` is dc, and
/// becomes dc'.
#[inline(always)]
pub(crate) fn backward(
    gates: &mut [f32],
    before: &[f32],
    squashed: &[f32],
    of_hidden: &[f32],
    of_cell: &mut [f32],
    hidden: usize,
) {
    let rows = gates
        .chunks_exact_mut(4 * hidden)
        .zip(before.chunks_exact(hidden))
        .zip(squashed.chunks_exact(hidden))
        .zip(of_hidden.chunks_exact(hidden))
        .zip(of_cell.chunks_exact_mut(hidden));
    for ((((gates, before), squashed), of_hidden), of_cell) in rows {
        let (input, rest) = gates.split_at_mut(hidden);
        let (forget, rest) = rest.split_at_mut(hidden);
        let (value, out) = rest.split_at_mut(hidden);
        for j in 0..hidden {
            let (i, f, g, o) = (input[j], forget[j], value[j], out[j]);
            let (tanh_c, dh) = (squashed[j], of_hidden[j]);
            let dc = of_cell[j] + dh * o * (1.0 - tanh_c * tanh_c);
            of_cell[j] = dc * f;
            input[j] = dc * g * (i * (1.0 - i));
            forget[j] = dc * before[j] * (f * (1.0 - f));
            value[j] = dc * i * (1.0 - g * g);
            out[j] = dh * tanh_c * (o * (1.0 - o));
        }
    }
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, Scalar, Simd};

    use super::{Cells, backward, forward};
    use crate::child::Sums;
    use crate::child::lstm::output::cross_entropy;
    use crate::random::Random;

    const HIDDEN: usize = 37;
    const ROWS: usize = 3;

    /// What a cell and the loss compute of random numbers, all in one array.
    #[inline(always)]
    fn computed(seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed, 0);
        let mut numbers = |count: usize| -> Vec<f32> {
            (0..count * ROWS).map(|_| random.between(-4.0, 4.0)).collect()
        };
        let (mut gates, before) = (numbers(4 * HIDDEN), numbers(HIDDEN));
        let (of_hidden, mut of_cell) = (numbers(HIDDEN), numbers(HIDDEN));
        let [mut after, mut squashed, mut hidden] = [(); 3].map(|()| vec![0.0; HIDDEN * ROWS]);
        let cells = &mut Cells {
            before: &before,
            after: &mut after,
            squashed: &mut squashed,
            hidden: &mut hidden,
        };
        forward(&mut gates, cells, HIDDEN);
        let mut all = gates.clone();
        backward(&mut gates, &before, &squashed, &of_hidden, &mut of_cell, HIDDEN);
        let (mut logits, mut sums) = (numbers(HIDDEN), Sums::default());
        cross_entropy(&mut logits, HIDDEN, &[1, 36, 8], 0.25, &mut sums);
        logits.push(sums.loss as f32);
        for values in [gates, after, squashed, hidden, of_cell, logits] {
            all.extend(values);
        }
        all
    }

    /// As `Arch` calls an operation.
    #[inline(always)]
    fn on<S: Simd>(simd: S, operation: impl FnOnce() -> Vec<f32>) -> Vec<f32> {
        simd.vectorize(operation)
    }

    /// It tells more in a release build: others have fewer loops over vectors.
    #[test]
    fn all_vectors_give_the_same_bits() {
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
        let plain = bits(computed(8));
        let scalar = on(
            Scalar::new(),
            #[inline(always)]
            || computed(8),
        );
        assert_eq!(bits(scalar), plain);
        let best = Arch::new().dispatch(
            #[inline(always)]
            || computed(8),
        );
        assert_eq!(bits(best), plain);
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            let wide = on(
                simd,
                #[inline(always)]
                || computed(8),
            );
            assert_eq!(bits(wide), plain);
        }
    }
}
