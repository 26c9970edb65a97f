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
//! Sums over images are taken in their order. Those of batch norms are in f32 within an image and in f64
//! beyond; derivatives by weights are in f32 within the few images that are computed at once, and these
//! sums are added up in f32; the linear layer's derivatives are in f32 over the batch, the loss is in f64.

use std::ops::Range;

use pulp::Simd;

use super::elementwise;
use super::images::Images;
use super::plan::{Plan, Planned};
use super::state::State;
use crate::child::Sums;
use crate::child::net::aligned::Aligned;
use crate::child::net::head;
use crate::child::net::vectors::vectorize;

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

impl Input<'_> {
    /// Copies what a unit's convolution reads, of a run of images, between its borders.
    fn fill<S: Simd>(
        &self,
        simd: S,
        before: Option<&State>,
        slots: &Range<usize>,
        state: &mut State,
    ) {
        for (place, slot) in slots.clone().enumerate() {
            let rows = state.convolution.inputs.rows_mut(place);
            if let Some(before) = before {
                before.read(simd, slot, rows);
                continue;
            }
            let mut image = self.images.image(self.batch[slot]);
            for row in rows {
                let (from, rest) = image.split_at(row.len());
                row.copy_from_slice(from);
                image = rest;
            }
        }
    }
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
                input.fill(simd, before.last(), &slots, state);
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
        let row = state.planned.out_row();
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
            input.fill(simd, before.last(), &slots, state);
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

/// A batch, cut in runs of `length` images.
fn runs(count: usize, length: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(length).map(move |start| start..(start + length).min(count))
}
