//! A pass over a batch of windows, forward and backward through time.
//!
//! Arrays are in the order of time: for each character of a window a block, in it a row for each
//! window. What is the same at all times is one product over all rows: logits, and the derivatives by
//! weights. One character is known, so its product with the input weights is a row of a table.

use pulp::Arch;

use super::cell::{self, Cells};
use super::output::cross_entropy;
use super::shape::{Parts, PartsMut, Shape};
use crate::child::Sums;
use crate::child::matrix::{View, multiply};

/// Memory for a batch, and the vectors that compute it.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    shape: Shape,
    arch: Arch,
    /// Windows of the batch that is there.
    rows: usize,
    /// `[length, rows]`.
    inputs: Vec<u8>,
    /// `[length, rows]`.
    targets: Vec<u8>,
    /// What reaches the gates from each symbol and the biases: `[symbols, 4 hidden]`.
    table: Vec<f32>,
    /// The derivatives by its rows.
    of_table: Vec<f32>,
    /// The recurrent weights, `[hidden, 4 hidden]`: products with them are faster so.
    recurrent: Vec<f32>,
    /// The gates, then the derivatives by their sums: `[length, rows, 4 hidden]`.
    gates: Vec<f32>,
    /// The cells, from the state before the first character on: `[length + 1, rows, hidden]`.
    cells: Vec<f32>,
    /// Their hyperbolic tangents: `[length, rows, hidden]`.
    squashed: Vec<f32>,
    /// Outputs of the layer: `[length, rows, hidden]`.
    hidden: Vec<f32>,
    /// The derivatives by them.
    of_hidden: Vec<f32>,
    /// The derivatives by the cells at one time: `[rows, hidden]`.
    of_cell: Vec<f32>,
    /// Logits, then the derivatives by them: `[length, rows, symbols]`.
    logits: Vec<f32>,
}

impl Pass {
    pub(super) fn new(shape: Shape) -> Self {
        let (characters, gates) = (shape.characters(), shape.gates());
        let of_batch = shape.batch * shape.hidden;
        Self {
            shape,
            arch: Arch::new(),
            rows: 0,
            inputs: vec![0; characters],
            targets: vec![0; characters],
            table: vec![0.0; shape.symbols * gates],
            of_table: vec![0.0; shape.symbols * gates],
            recurrent: vec![0.0; shape.hidden * gates],
            gates: vec![0.0; characters * gates],
            cells: vec![0.0; characters * shape.hidden + of_batch],
            squashed: vec![0.0; characters * shape.hidden],
            hidden: vec![0.0; characters * shape.hidden],
            of_hidden: vec![0.0; characters * shape.hidden],
            of_cell: vec![0.0; of_batch],
            logits: vec![0.0; characters * shape.symbols],
        }
    }

    /// Takes parameters for the passes that follow.
    pub(super) fn prepare(&mut self, parameters: &Parts<'_>) {
        let Shape { symbols, hidden, .. } = self.shape;
        let width = self.shape.gates();
        transpose(parameters.input, symbols, &mut self.table);
        transpose(parameters.recurrent, hidden, &mut self.recurrent);
        for row in self.table.chunks_exact_mut(width) {
            let biases = parameters.input_bias.iter().zip(parameters.recurrent_bias);
            row.iter_mut().zip(biases).for_each(|(sum, (a, b))| *sum += a + b);
        }
    }

    /// Takes the windows of a batch, at most as many as the shape has; each has a symbol more than
    /// the length.
    pub(super) fn load<'a>(&mut self, windows: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.rows = windows.len().min(self.shape.batch);
        for (row, window) in windows.take(self.rows).enumerate() {
            for (time, pair) in window.windows(2).take(self.shape.length).enumerate() {
                self.inputs[time * self.rows + row] = pair[0];
                self.targets[time * self.rows + row] = pair[1];
            }
        }
    }

    /// Losses of the batch; leaves `share` of the derivatives of each by its logits.
    pub(super) fn forward(&mut self, parameters: &Parts<'_>, share: f32) -> Sums {
        let Shape { symbols, hidden, length, .. } = self.shape;
        let (width, gates) = (self.shape.gates(), self.rows * self.shape.gates());
        let block = self.rows * hidden;
        self.cells[..block].fill(0.0);
        let recurrent = View::new(&self.recurrent, hidden, width, width);
        for time in 0..length {
            let sums = &mut self.gates[time * gates..][..gates];
            let inputs = &self.inputs[time * self.rows..][..self.rows];
            for (row, input) in sums.chunks_exact_mut(width).zip(inputs) {
                row.copy_from_slice(&self.table[usize::from(*input) * width..][..width]);
            }
            let (past, now) = self.hidden.split_at_mut(time * block);
            if let Some(last) = time.checked_sub(1) {
                let last = View::new(&past[last * block..], self.rows, hidden, hidden);
                multiply(sums, last, recurrent, true);
            }
            let (before, after) = self.cells.split_at_mut((time + 1) * block);
            let cells = &mut Cells {
                before: &before[time * block..],
                after: &mut after[..block],
                squashed: &mut self.squashed[time * block..][..block],
                hidden: &mut now[..block],
            };
            self.arch.dispatch(
                #[inline(always)]
                || cell::forward(sums, cells, hidden),
            );
        }
        let characters = length * self.rows;
        let logits = &mut self.logits[..characters * symbols];
        logits.chunks_exact_mut(symbols).for_each(|row| row.copy_from_slice(parameters.bias));
        let outputs = View::new(&self.hidden, characters, hidden, hidden);
        let linear = View::new(parameters.linear, symbols, hidden, hidden);
        multiply(logits, outputs, linear.transposed(), true);
        let mut sums = Sums::default();
        let (targets, total) = (&self.targets[..characters], &mut sums);
        self.arch.dispatch(
            #[inline(always)]
            || cross_entropy(logits, symbols, targets, share, total),
        );
        sums
    }

    /// The derivatives of what [`forward`](Self::forward) has computed last.
    pub(super) fn backward(&mut self, parameters: &Parts<'_>, gradients: &mut PartsMut<'_>) {
        let Shape { symbols, hidden, length, .. } = self.shape;
        let characters = length * self.rows;
        let logits = View::new(&self.logits, characters, symbols, symbols);
        let outputs = View::new(&self.hidden, characters, hidden, hidden);
        multiply(gradients.linear, logits.transposed(), outputs, false);
        let rows = self.logits[..characters * symbols].chunks_exact(symbols);
        sum_rows(self.arch, rows, gradients.bias);
        let linear = View::new(parameters.linear, symbols, hidden, hidden);
        multiply(&mut self.of_hidden, logits, linear, false);
        self.through_time(parameters);
        self.sum_gates(gradients);
    }

    /// Turns gates into the derivatives by their sums, from the last time to the first.
    fn through_time(&mut self, parameters: &Parts<'_>) {
        let Shape { hidden, length, .. } = self.shape;
        let (width, gates) = (self.shape.gates(), self.rows * self.shape.gates());
        let block = self.rows * hidden;
        let recurrent = View::new(parameters.recurrent, width, hidden, hidden);
        let of_cell = &mut self.of_cell[..block];
        of_cell.fill(0.0);
        for time in (0..length).rev() {
            let (now, later) = self.gates[time * gates..].split_at_mut(gates);
            let of_hidden = &mut self.of_hidden[time * block..][..block];
            if time + 1 < length {
                let later = View::new(later, self.rows, width, width);
                multiply(of_hidden, later, recurrent, true);
            }
            let (cells, squashed) = (&self.cells[time * block..], &self.squashed[time * block..]);
            self.arch.dispatch(
                #[inline(always)]
                || cell::backward(now, cells, squashed, of_hidden, of_cell, hidden),
            );
        }
    }

    /// The derivatives by the weights and biases of the gates.
    fn sum_gates(&mut self, gradients: &mut PartsMut<'_>) {
        let Shape { hidden, length, .. } = self.shape;
        let (width, characters) = (self.shape.gates(), length * self.rows);
        let of_sums = &self.gates[..characters * width];
        // Before the first character the output is 0.
        let later = characters - self.rows;
        let after = View::new(&of_sums[self.rows * width..], later, width, width).transposed();
        let before = View::new(&self.hidden, later, hidden, hidden);
        if later == 0 {
            gradients.recurrent.fill(0.0);
        } else {
            multiply(gradients.recurrent, after, before, false);
        }
        let (of_table, inputs) = (&mut self.of_table, &self.inputs[..characters]);
        of_table.fill(0.0);
        self.arch.dispatch(
            #[inline(always)]
            || add_rows(of_sums.chunks_exact(width).zip(inputs), width, of_table),
        );
        sum_rows(self.arch, self.of_table.chunks_exact(width), gradients.input_bias);
        gradients.recurrent_bias.copy_from_slice(gradients.input_bias);
        transpose(&self.of_table, width, gradients.input);
    }
}

/// Rows of `columns` values become columns.
fn transpose(from: &[f32], columns: usize, to: &mut [f32]) {
    let rows = from.len() / columns;
    for (column, row) in to.chunks_exact_mut(rows).enumerate() {
        let values = from.iter().skip(column).step_by(columns);
        row.iter_mut().zip(values).for_each(|(to, value)| *to = *value);
    }
}

/// Adds each row to that of `sums` whose number comes with it.
#[inline(always)]
fn add_rows<'a>(rows: impl Iterator<Item = (&'a [f32], &'a u8)>, width: usize, sums: &mut [f32]) {
    for (row, symbol) in rows {
        let sums = &mut sums[usize::from(*symbol) * width..][..width];
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}

/// The sum of all rows, in their order.
fn sum_rows<'a>(arch: Arch, rows: impl Iterator<Item = &'a [f32]>, sums: &mut [f32]) {
    sums.fill(0.0);
    arch.dispatch(
        #[inline(always)]
        || {
            for row in rows {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        },
    );
}
