//! The layer and the logits for some strings at once, forward and backward through the positions.
//!
//! Arrays are in the order of positions: for each a block, in it a row for each string. A row is computed
//! from its own string only, in an order of sums that does not depend on how many rows there are.

use pulp::{Arch, Simd, WithSimd};

use super::rows::{add_products, add_scaled, dot, transpose};
use super::shape::Shape;
use crate::child::lstm::cell::{self, Cells};

/// Most strings at once.
pub(super) const ROWS: usize = 32;
/// Floats of a cache line.
const LINE: usize = 16;

/// Memory for so many strings.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    pub(super) arch: Arch,
    /// Strings that are there.
    pub(super) rows: usize,
    /// `[positions, rows]`.
    tokens: Vec<u16>,
    /// The gates, then the derivatives by their sums: `[positions, rows, 4 hidden]`.
    gates: Vec<f32>,
    /// The cells, from the state before the first position on: `[positions + 1, rows, hidden]`.
    cells: Vec<f32>,
    /// Their hyperbolic tangents: `[positions, rows, hidden]`.
    squashed: Vec<f32>,
    /// Outputs of the layer: `[positions, rows, hidden]`.
    hidden: Vec<f32>,
    /// The derivatives by the outputs at one position, `[rows, hidden]`.
    of_hidden: Vec<f32>,
    /// What reaches them from the next position, `[rows, stride]`.
    from_next: Vec<f32>,
    /// The derivatives by the cells at one position: `[rows, hidden]`.
    of_cell: Vec<f32>,
    /// Logits, then the derivatives by them: a block of `ROWS` rows for each position.
    logits: Vec<f32>,
    /// The recurrent weights, `[4 hidden, stride]`: columns of whole cache lines.
    transposed: Vec<f32>,
}

/// A position for all strings, forward.
struct Forward<'a> {
    pass: &'a mut Pass,
    shape: &'a Shape,
    weights: &'a [f32],
    position: usize,
}

/// All positions for all strings, backward.
struct Backward<'a> {
    pass: &'a mut Pass,
    shape: &'a Shape,
    weights: &'a [f32],
    gradients: &'a mut [f32],
}

impl Pass {
    pub(super) fn new(shape: &Shape) -> Self {
        let (hidden, gates, positions) = (shape.hidden, shape.gates(), shape.positions());
        let stride = hidden.next_multiple_of(LINE);
        let of_layer = positions * ROWS * hidden;
        Self {
            arch: Arch::new(),
            rows: 0,
            tokens: vec![0; positions * ROWS],
            gates: vec![0.0; positions * ROWS * gates],
            cells: vec![0.0; of_layer + ROWS * hidden],
            squashed: vec![0.0; of_layer],
            hidden: vec![0.0; of_layer],
            of_hidden: vec![0.0; ROWS * hidden],
            from_next: vec![0.0; ROWS * stride],
            of_cell: vec![0.0; ROWS * hidden],
            logits: vec![0.0; ROWS * shape.choices()],
            transposed: vec![0.0; gates * stride],
        }
    }

    /// Begins with so many strings, at most [`ROWS`].
    pub(super) fn begin(&mut self, shape: &Shape, rows: usize) {
        self.rows = rows.min(ROWS);
        self.cells[..self.rows * shape.hidden].fill(0.0);
    }

    /// Tells which token a string has at a position.
    pub(super) fn choose(&mut self, position: usize, row: usize, choice: u16) {
        self.tokens[position * self.rows + row] = choice;
    }

    /// Computes the logits of a position. Those before must have been computed, and the tokens there chosen.
    pub(super) fn forward(&mut self, shape: &Shape, weights: &[f32], position: usize) {
        let arch = self.arch;
        arch.dispatch(Forward { pass: self, shape, weights, position });
    }

    /// The logits of a string at a position; the derivatives by them are put there.
    pub(super) fn logits(&mut self, shape: &Shape, position: usize, row: usize) -> &mut [f32] {
        let place = &shape.places[position];
        &mut self.logits[ROWS * place.first + row * place.width..][..place.width]
    }

    /// Takes weights for the backward passes that follow.
    pub(super) fn prepare(&mut self, shape: &Shape, weights: &[f32]) {
        let stride = shape.hidden.next_multiple_of(LINE);
        let (recurrent, transposed) = (&weights[shape.recurrent.clone()], &mut self.transposed);
        self.arch.dispatch(
            #[inline(always)]
            || transpose(recurrent, shape.gates(), transposed, stride),
        );
    }

    /// Adds the derivatives by all weights to `gradients`, from those by the logits.
    pub(super) fn backward(&mut self, shape: &Shape, weights: &[f32], gradients: &mut [f32]) {
        let arch = self.arch;
        arch.dispatch(Backward { pass: self, shape, weights, gradients });
    }
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { pass, shape, weights, position } = self;
        let (hidden, gates, rows) = (shape.hidden, shape.gates(), pass.rows);
        let block = rows * hidden;
        let sums = &mut pass.gates[position * rows * gates..][..rows * gates];
        let bias = &weights[shape.bias.clone()];
        for (row, sums) in sums.chunks_exact_mut(gates).enumerate() {
            let input = match position.checked_sub(1) {
                None => &weights[shape.start.clone()],
                Some(before) => {
                    let token = usize::from(pass.tokens[before * rows + row]);
                    let place = shape.places[before].tokens.start + token * gates;
                    &weights[place..place + gates]
                }
            };
            let sources = input.iter().zip(bias);
            sums.iter_mut().zip(sources).for_each(|(sum, (input, bias))| *sum = input + bias);
        }
        let (past, now) = pass.hidden.split_at_mut(position * block);
        if let Some(before) = position.checked_sub(1) {
            let outputs = &past[before * block..];
            let output = |row: usize, unit: usize| outputs[row * hidden + unit];
            add_products(simd, sums, gates, &weights[shape.recurrent.clone()], output);
        }
        let (before, after) = pass.cells.split_at_mut((position + 1) * block);
        let cells = &mut Cells {
            before: &before[position * block..],
            after: &mut after[..block],
            squashed: &mut pass.squashed[position * block..][..block],
            hidden: &mut now[..block],
        };
        cell::forward(sums, cells, hidden);
        let place = &shape.places[position];
        let (linear, bias) = (&weights[place.linear.clone()], &weights[place.bias.clone()]);
        let logits = &mut pass.logits[ROWS * place.first..][..rows * place.width];
        let outputs = now[..block].chunks_exact(hidden);
        for (logits, output) in logits.chunks_exact_mut(place.width).zip(outputs) {
            let choices = linear.chunks_exact(hidden).zip(bias);
            for (logit, (weights, bias)) in logits.iter_mut().zip(choices) {
                *logit = dot(weights, output) + bias;
            }
        }
    }
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let rows = self.pass.rows;
        let (hidden, gates) = (self.shape.hidden, self.shape.gates());
        let stride = hidden.next_multiple_of(LINE);
        let block = rows * hidden;
        let last = self.shape.positions() - 1;
        self.pass.of_cell[..block].fill(0.0);
        for position in (0..=last).rev() {
            self.pass.of_hidden[..block].fill(0.0);
            if position < last {
                let pass = &mut *self.pass;
                let later = &pass.gates[(position + 1) * rows * gates..];
                let from_next = &mut pass.from_next[..rows * stride];
                from_next.fill(0.0);
                let of_gate = |row: usize, gate: usize| later[row * gates + gate];
                add_products(simd, from_next, stride, &pass.transposed, of_gate);
                let to = pass.of_hidden.chunks_exact_mut(hidden);
                for (to, from) in to.zip(from_next.chunks_exact(stride)) {
                    to.copy_from_slice(&from[..hidden]);
                }
            }
            self.head(simd, position);
            let pass = &mut *self.pass;
            let sums = &mut pass.gates[position * rows * gates..][..rows * gates];
            let (of_hidden, of_cell) = (&pass.of_hidden[..block], &mut pass.of_cell[..block]);
            let (cells, squashed) =
                (&pass.cells[position * block..], &pass.squashed[position * block..]);
            cell::backward(sums, cells, squashed, of_hidden, of_cell, hidden);
        }
        let (outputs, later) = (&self.pass.hidden, &self.pass.gates[rows * gates..]);
        let sums = &mut self.gradients[self.shape.recurrent.clone()];
        let output = |unit: usize, place: usize| outputs[place * hidden + unit];
        add_products(simd, sums, gates, &later[..last * rows * gates], output);
        self.inputs();
    }
}

impl Backward<'_> {
    /// The derivatives by the weights and biases of a position's logits, and what reaches the layer.
    #[inline(always)]
    fn head<S: Simd>(&mut self, simd: S, position: usize) {
        let (pass, hidden, place) =
            (&mut *self.pass, self.shape.hidden, &self.shape.places[position]);
        let block = pass.rows * hidden;
        let of_logits = &pass.logits[ROWS * place.first..][..pass.rows * place.width];
        let outputs = &pass.hidden[position * block..][..block];
        let of_logit = |row: usize, choice: usize| of_logits[row * place.width + choice];
        let linear = &self.weights[place.linear.clone()];
        add_products(simd, &mut pass.of_hidden[..block], hidden, linear, of_logit);
        let transposed = |choice: usize, row: usize| of_logits[row * place.width + choice];
        let of_linear = &mut self.gradients[place.linear.clone()];
        add_products(simd, of_linear, hidden, outputs, transposed);
        let of_bias = &mut self.gradients[place.bias.clone()];
        of_logits.chunks_exact(place.width).for_each(|row| add_scaled(of_bias, row, 1.0));
    }

    /// The derivatives by what reaches the gates besides the recurrent weights.
    #[inline(always)]
    fn inputs(&mut self) {
        let (pass, shape) = (&*self.pass, self.shape);
        let (gates, rows) = (shape.gates(), pass.rows);
        let blocks = pass.gates.chunks_exact(rows * gates).take(shape.positions());
        for (position, sums) in blocks.enumerate() {
            for (row, sums) in sums.chunks_exact(gates).enumerate() {
                let input = match position.checked_sub(1) {
                    None => shape.start.start,
                    Some(before) => {
                        let token = usize::from(pass.tokens[before * rows + row]);
                        shape.places[before].tokens.start + token * gates
                    }
                };
                add_scaled(&mut self.gradients[input..input + gates], sums, 1.0);
                add_scaled(&mut self.gradients[shape.bias.clone()], sums, 1.0);
            }
        }
    }
}
