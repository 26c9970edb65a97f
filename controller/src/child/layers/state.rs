//! A unit in memory, and what it does for one image: convolution, batch norm, and what follows.
//!
//! Of a unit that ends in `ReLU` only the convolution's outputs are kept. Whoever reads the unit
//! computes batch norm and `ReLU` again, while it copies the values between borders anyway: memory is
//! slower.

use pulp::Simd;

use super::convolution::Convolution;
use super::elementwise::{self, Shortcut};
use super::normalization::Normalization;
use super::plan::{After, Plan, Planned};
use crate::child::net::aligned::Aligned;
use crate::child::net::vectors::vectorize;

/// A unit's memory.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) planned: Planned,
    pub(super) convolution: Convolution,
    pub(super) normalization: Normalization,
    /// Outputs of the convolution, for each image of a batch.
    pub(super) values: Aligned,
    /// What comes out of the unit, if it is kept.
    activations: Aligned,
    /// Whether it is: `ReLU` of batch norm is not, unless a later unit adds it.
    keeps: bool,
    /// Derivatives by what comes out of it.
    pub(super) gradients: Aligned,
    /// Whether a later unit adds what comes out of it.
    pub(super) is_joined: bool,
}

impl State {
    pub(super) fn new(plan: &Plan, index: usize) -> Self {
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
    pub(super) fn read<'a, S: Simd>(
        &self,
        simd: S,
        slot: usize,
        rows: impl Iterator<Item = &'a mut [f32]>,
    ) {
        let row = self.planned.out_row();
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
    pub(super) fn add_sums<S: Simd>(&mut self, simd: S, slot: usize) {
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
    pub(super) fn finish<S: Simd>(&mut self, simd: S, slot: usize, before: &[State]) {
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
    pub(super) fn mask<S: Simd>(&mut self, simd: S, slot: usize, before: &mut [State]) {
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
    pub(super) fn spread<S: Simd>(&mut self, simd: S, slot: usize, index: usize) {
        let row = self.planned.sizes.outputs_side() * self.planned.sizes.filters;
        let pooled_row = self.planned.out_row();
        let (length, out) = (self.planned.sizes.outputs(), self.planned.out());
        let values = &self.values[slot * length..][..length];
        let gradients = &self.gradients[slot * out..][..out];
        let Normalization { affine, maps, .. } = &self.normalization;
        let mut rows = self.convolution.of_outputs.rows_mut(index);
        if self.planned.after == After::Pool {
            let inputs = gradients.chunks_exact(pooled_row);
            for (gradients, values) in inputs.zip(values.chunks_exact(2 * row)) {
                let (Some(upper), Some(lower)) = (rows.next(), rows.next()) else { return };
                vectorize(
                    simd,
                    #[inline(always)]
                    || {
                        let to = [upper, lower];
                        elementwise::spread_pooled(simd, gradients, values, affine, maps, to);
                    },
                );
            }
            return;
        }
        vectorize(
            simd,
            #[inline(always)]
            || {
                let inputs = gradients.chunks_exact(row).zip(values.chunks_exact(row));
                for (to, (gradients, values)) in rows.zip(inputs) {
                    elementwise::spread(simd, gradients, values, maps, to);
                }
            },
        );
    }
}
