//! The passes of a net over a batch.
//!
//! ```text
//! forward   each unit:  each few images: what came before ► convolution ► sums
//!                       statistics of the batch ► batch norm
//!                       each image: pooling or residual addition, if any
//!           each image: average ► linear ► loss
//! backward  each image: loss ► linear ► average ► mask of the last unit, its sums
//!           each unit:  sums ► derivatives of batch norm
//!                       each few images: derivatives by the convolution's outputs ► by its weights
//!                       ► by its inputs ► mask of the unit before, its sums
//! ```
//!
//! Of a unit that ends in `ReLU` only the convolution's outputs are kept. Whoever reads the unit
//! computes batch norm and `ReLU` again, while it copies the values between borders anyway: memory is
//! slower. Sums over images are taken in their order, in f32 within an image and in f64 beyond.

use std::ops::Range;

use pulp::Simd;

use super::convolution::Convolution;
use super::elementwise::{self, Shortcut};
use super::images::Images;
use super::normalization::Normalization;
use super::plan::{After, Plan, Planned};
use crate::child::net::aligned::Aligned;
use crate::child::net::head::{self, Sums};
use crate::child::net::vectors::vectorize;

/// A unit's memory.
#[derive(Debug, Clone)]
pub(super) struct State {
    planned: Planned,
    convolution: Convolution,
    pub(super) normalization: Normalization,
    /// Outputs of the convolution, for each image of a batch.
    values: Aligned,
    /// What comes out of the unit, if it is kept.
    activations: Aligned,
    /// Whether it is: `ReLU` of batch norm is not, unless a later unit adds it.
    keeps: bool,
    /// Derivatives by what comes out of it.
    gradients: Aligned,
    /// Whether a later unit adds what comes out of it.
    is_joined: bool,
}

/// Memory for the passes of a net.
#[derive(Debug, Clone)]
pub(super) struct Network {
    plan: Plan,
    pub(super) states: Vec<State>,
    /// Of the last unit, for one image.
    last: Aligned,
    features: Aligned,
    of_features: Aligned,
    /// Logits, then derivatives by them.
    logits: Aligned,
}

/// What a pass reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) parameters: &'a [f32],
    pub(super) images: &'a Images,
    /// Indices of images: at least one, at most as many as the net has memory for.
    pub(super) batch: &'a [usize],
}

impl State {
    fn new(plan: &Plan, index: usize) -> Self {
        let planned = plan.units[index].clone();
        let batch = plan.batch();
        let is_joined = plan.units.iter().any(|unit| unit.after == After::Join(index));
        let keeps = is_joined || planned.after != After::Relu;
        Self {
            convolution: Convolution::new(planned.sizes, batch),
            normalization: Normalization::new(planned.sizes.filters),
            values: Aligned::new(batch * planned.sizes.outputs()),
            activations: Aligned::new(if keeps { batch * planned.out() } else { 0 }),
            gradients: Aligned::new(batch * planned.out()),
            keeps,
            is_joined,
            planned,
        }
    }

    /// The outputs of the convolution for an image.
    fn image(&self, slot: usize) -> &[f32] {
        let length = self.planned.sizes.outputs();
        &self.values[slot * length..][..length]
    }

    /// What comes out of the unit for an image, if it is kept.
    fn kept(&self, slot: usize) -> Option<&[f32]> {
        let length = self.planned.out();
        self.keeps.then(|| &self.activations[slot * length..][..length])
    }

    /// Writes what comes out of the unit for an image in rows.
    fn read<'a, S: Simd>(&self, simd: S, slot: usize, rows: impl Iterator<Item = &'a mut [f32]>) {
        let row = self.planned.out_side() * self.planned.sizes.filters;
        if let Some(kept) = self.kept(slot) {
            rows.zip(kept.chunks_exact(row)).for_each(|(to, from)| to.copy_from_slice(from));
            return;
        }
        let (affine, values) = (&self.normalization.affine, self.image(slot));
        vectorize(
            simd,
            #[inline(always)]
            || {
                for (to, from) in rows.zip(values.chunks_exact(row)) {
                    elementwise::activate(simd, from, affine, to);
                }
            },
        );
    }

    /// Adds up an image's outputs of the convolution.
    fn add_sums<S: Simd>(&mut self, simd: S, slot: usize) {
        let length = self.planned.sizes.outputs();
        let values = &self.values[slot * length..][..length];
        let Normalization { sums, products, .. } = &mut self.normalization;
        vectorize(
            simd,
            #[inline(always)]
            || elementwise::add_sums(simd, values, sums, products),
        );
    }

    /// Pooling or residual addition of an image.
    fn finish<S: Simd>(&mut self, simd: S, slot: usize, before: &[State]) {
        let (length, out) = (self.planned.sizes.outputs(), self.planned.out());
        let values = &self.values[slot * length..][..length];
        let affine = &self.normalization.affine;
        match self.planned.after {
            After::Relu => {
                // Empty, if nothing is kept.
                let kept = self.activations.get_mut(slot * out..(slot + 1) * out);
                let kept = kept.unwrap_or_default();
                vectorize(
                    simd,
                    #[inline(always)]
                    || elementwise::activate(simd, values, affine, kept),
                );
            }
            After::Pool => {
                let pooled = &mut self.activations[slot * out..][..out];
                let side = self.planned.sizes.outputs_side();
                vectorize(
                    simd,
                    #[inline(always)]
                    || elementwise::pool_image(simd, values, side, affine, pooled),
                );
            }
            After::Join(other) => {
                let other = &before[other];
                let shortcut = self.shortcut(other);
                let to = &mut self.activations[slot * out..][..out];
                // It is kept, as it is joined.
                let Some(from) = other.kept(slot) else { return };
                vectorize(
                    simd,
                    #[inline(always)]
                    || shortcut.join(simd, values, affine, from, to),
                );
            }
        }
    }

    fn shortcut(&self, from: &State) -> Shortcut {
        let side = from.planned.out_side();
        Shortcut {
            side,
            channels: from.planned.sizes.filters,
            stride: side / self.planned.out_side(),
        }
    }

    /// Once the derivatives by what comes out of the unit are there for an image: leaves of them what
    /// passes `ReLU`, adds it up, and hands it to the unit that this one adds.
    fn mask<S: Simd>(&mut self, simd: S, slot: usize, before: &mut [State]) {
        let (length, out) = (self.planned.sizes.outputs(), self.planned.out());
        let values = &self.values[slot * length..][..length];
        let gradients = &mut self.gradients[slot * out..][..out];
        let Normalization { sums, products, affine, .. } = &mut self.normalization;
        let side = self.planned.sizes.outputs_side();
        let activations = self.activations.get(slot * out..(slot + 1) * out).unwrap_or_default();
        let after = self.planned.after;
        vectorize(
            simd,
            #[inline(always)]
            || match after {
                After::Relu => elementwise::mask(simd, gradients, values, affine, sums, products),
                After::Pool => {
                    let values = (values, side);
                    elementwise::mask_pooled(simd, gradients, values, affine, sums, products);
                }
                After::Join(_) => {
                    elementwise::mask_joined(simd, gradients, activations, values, sums, products);
                }
            },
        );
        if let After::Join(other) = after {
            let shortcut = self.shortcut(&before[other]);
            let out = before[other].planned.out();
            let to = &mut before[other].gradients[slot * out..][..out];
            let filters = self.planned.sizes.filters;
            let length = self.planned.out();
            shortcut.back(&self.gradients[slot * length..][..length], to, filters);
        }
    }

    /// Writes derivatives by the convolution's outputs for an image as its image `index`.
    fn spread<S: Simd>(&mut self, simd: S, slot: usize, index: usize) {
        let Sides { row, pooled_row } = self.sides();
        let (length, out) = (self.planned.sizes.outputs(), self.planned.out());
        let values = &self.values[slot * length..][..length];
        let gradients = &self.gradients[slot * out..][..out];
        let Normalization { affine, maps, .. } = &self.normalization;
        let mut rows = self.convolution.of_outputs.rows_mut(index);
        let pools = self.planned.after == After::Pool;
        vectorize(
            simd,
            #[inline(always)]
            || {
                if pools {
                    let inputs = gradients.chunks_exact(pooled_row);
                    for (gradients, values) in inputs.zip(values.chunks_exact(2 * row)) {
                        let (Some(upper), Some(lower)) = (rows.next(), rows.next()) else { return };
                        let to = [upper, lower];
                        elementwise::spread_pooled(simd, gradients, values, affine, maps, to);
                    }
                } else {
                    let inputs = gradients.chunks_exact(row).zip(values.chunks_exact(row));
                    for (to, (gradients, values)) in rows.zip(inputs) {
                        elementwise::spread(simd, gradients, values, maps, to);
                    }
                }
            },
        );
    }

    fn sides(&self) -> Sides {
        let row = self.planned.sizes.outputs_side() * self.planned.sizes.filters;
        Sides { row, pooled_row: self.planned.out_side() * self.planned.sizes.filters }
    }
}

/// Floats of a row of the convolution's outputs, and of what comes out of the unit.
struct Sides {
    row: usize,
    pooled_row: usize,
}

impl Network {
    /// Memory for a net.
    pub(super) fn new(plan: &Plan) -> Self {
        let states = (0..plan.units.len()).map(|index| State::new(plan, index)).collect();
        let per_image = |length| Aligned::new(plan.batch() * length);
        Self {
            states,
            last: Aligned::new(plan.units.last().map_or(0, Planned::out)),
            features: per_image(plan.features()),
            of_features: per_image(plan.features()),
            logits: per_image(plan.bias.len()),
            plan: plan.clone(),
        }
    }

    /// Sums of losses and of right answers with running statistics.
    pub(super) fn evaluate<S: Simd>(&mut self, simd: S, input: Input<'_>) -> Sums {
        self.forward(simd, input, false);
        self.loss(simd, input)
    }

    /// The same with the batch's statistics, which are added to the running ones. `gradients` become
    /// the derivatives of the mean loss.
    pub(super) fn train<S: Simd>(
        &mut self,
        simd: S,
        input: Input<'_>,
        gradients: &mut [f32],
    ) -> Sums {
        self.forward(simd, input, true);
        let sums = self.loss(simd, input);
        gradients.fill(0.0);
        self.states.iter_mut().for_each(|state| state.normalization.clear());
        self.head_backward(simd, input, gradients);
        for index in (0..self.states.len()).rev() {
            self.unit_backward(simd, index, input, gradients);
        }
        sums
    }

    fn forward<S: Simd>(&mut self, simd: S, input: Input<'_>, trains: bool) {
        let count = input.batch.len();
        for index in 0..self.states.len() {
            let (before, rest) = self.states.split_at_mut(index);
            let Some(state) = rest.first_mut() else { return };
            let planned = state.planned.clone();
            let length = planned.sizes.outputs();
            state.convolution.pack(simd, &input.parameters[planned.weights], true);
            state.normalization.clear();
            for slots in runs(count, state.convolution.images()) {
                fill(simd, before.last(), input, &slots, &mut state.convolution);
                let outputs = &mut state.values[slots.start * length..slots.end * length];
                state.convolution.forward(simd, slots.len(), outputs);
                if trains {
                    slots.for_each(|slot| state.add_sums(simd, slot));
                }
            }
            let gamma = &input.parameters[planned.scale];
            let beta = &input.parameters[planned.shift];
            if trains {
                let pixels = count * length / planned.sizes.filters;
                state.normalization.take_batch(pixels, gamma, beta);
            } else {
                state.normalization.take_running(gamma, beta);
            }
            (0..count).for_each(|slot| state.finish(simd, slot, before));
        }
    }

    /// From what comes out of the last unit to the loss, and to its derivatives by the logits.
    fn loss<S: Simd>(&mut self, simd: S, input: Input<'_>) -> Sums {
        let (count, length, classes) =
            (input.batch.len(), self.plan.features(), self.plan.bias.len());
        let mut sums = Sums::default();
        let Some(state) = self.states.last() else { return sums };
        let row = state.sides().pooled_row;
        for slot in 0..count {
            let last = &mut self.last[..];
            state.read(simd, slot, last.chunks_exact_mut(row));
            let features = &mut self.features[slot * length..][..length];
            vectorize(
                simd,
                #[inline(always)]
                || elementwise::average(simd, last, features),
            );
        }
        let features = &self.features[..count * length];
        let logits = &mut self.logits[..count * classes];
        let weights = &input.parameters[self.plan.linear.clone()];
        let bias = &input.parameters[self.plan.bias.clone()];
        vectorize(
            simd,
            #[inline(always)]
            || head::logits(simd, features, length, weights, bias, logits),
        );
        let share = 1.0 / count as f64;
        for (logits, image) in logits.chunks_exact_mut(classes).zip(input.batch) {
            head::cross_entropy(logits, input.images.label(*image), share, &mut sums);
        }
        sums
    }

    /// From the logits back to the last unit.
    fn head_backward<S: Simd>(&mut self, simd: S, input: Input<'_>, gradients: &mut [f32]) {
        let (count, length, classes) =
            (input.batch.len(), self.plan.features(), self.plan.bias.len());
        let logits = &self.logits[..count * classes];
        let features = &self.features[..count * length];
        let of_features = &mut self.of_features[..count * length];
        let weights = &input.parameters[self.plan.linear.clone()];
        let (of_weights, of_bias) = gradients[self.plan.linear.start..].split_at_mut(weights.len());
        vectorize(
            simd,
            #[inline(always)]
            || {
                head::add_weight_gradients(simd, features, length, logits, of_weights, of_bias);
                head::feature_gradients(simd, logits, classes, weights, length, of_features);
            },
        );
        let Some((state, before)) = self.states.split_last_mut() else { return };
        let out = state.planned.out();
        for (slot, of_features) in of_features.chunks_exact(length).enumerate() {
            let to = &mut state.gradients[slot * out..][..out];
            vectorize(
                simd,
                #[inline(always)]
                || elementwise::average_back(simd, of_features, to),
            );
            state.mask(simd, slot, before);
        }
    }

    /// Back through a unit whose derivatives are masked and added up, and to those of the unit before it.
    fn unit_backward<S: Simd>(
        &mut self,
        simd: S,
        index: usize,
        input: Input<'_>,
        gradients: &mut [f32],
    ) {
        let count = input.batch.len();
        let (before, rest) = self.states.split_at_mut(index);
        let Some(state) = rest.first_mut() else { return };
        let Planned { sizes, weights, scale, shift, .. } = state.planned.clone();
        let pixels = count * sizes.outputs() / sizes.filters;
        let gamma = &input.parameters[scale.clone()];
        let (of_gamma, of_beta) = gradients[scale.start..shift.end].split_at_mut(scale.len());
        state.normalization.map_backward(pixels, gamma, of_gamma, of_beta);
        if index > 0 {
            state.convolution.pack(simd, &input.parameters[weights.clone()], false);
        }
        for slots in runs(count, state.convolution.images()) {
            fill(simd, before.last(), input, &slots, &mut state.convolution);
            for (place, slot) in slots.clone().enumerate() {
                state.spread(simd, slot, place);
            }
            let images = slots.len();
            state.convolution.add_weight_gradient(simd, images, &mut gradients[weights.clone()]);
            let Some((previous, earlier)) = before.split_last_mut() else { continue };
            let out = previous.planned.out();
            let of_inputs = &mut previous.gradients[slots.start * out..slots.end * out];
            state.convolution.backward(simd, images, of_inputs, previous.is_joined);
            slots.for_each(|slot| previous.mask(simd, slot, earlier));
        }
    }
}

/// Copies what a convolution reads, of a run of images, between its borders.
fn fill<S: Simd>(
    simd: S,
    before: Option<&State>,
    input: Input<'_>,
    slots: &Range<usize>,
    convolution: &mut Convolution,
) {
    for (place, slot) in slots.clone().enumerate() {
        let mut rows = convolution.inputs.rows_mut(place);
        if let Some(before) = before {
            before.read(simd, slot, rows);
            continue;
        }
        let mut image = input.images.image(input.batch[slot]);
        while let Some(row) = rows.next() {
            let (from, rest) = image.split_at(row.len());
            row.copy_from_slice(from);
            image = rest;
        }
    }
}

/// A batch, cut in runs of `length` images.
fn runs(count: usize, length: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(length).map(move |start| start..(start + length).min(count))
}
