//! One pass forward, or forward and backward, over a batch.
//!
//! ```text
//! moments of the batch ► first batch norm
//!   each image: convolution 1, norm, ReLU, pool ► convolution 2                ► second batch norm
//!   each image: norm, ReLU, pool ► linear, loss ► back to the pooled values    ► its derivatives
//!   each image: back through norm 2, convolution 2, pool 1 ► sums for convolution 1
//! ```
//!
//! The first batch norm is never gone through backward. Its derivative by the outputs z of the
//! convolution is a dy + c z + d (see `child/batch_norm.rs`), so that the one by the weights is
//!
//! ```text
//! dW_k = a sum(dy p_k) + c sum(z p_k) + d sum(p_k)
//! ```
//!
//! of which the last two sums follow from the patch moments, as z = W . p, and the first one has
//! one term for each pooled value. The derivative by gamma needs
//! `sum(dy z) = sum_k W_k sum(dy p_k)`.
//!
//! A batch is cut in [`CHUNKS`] parts whatever the threads. Sums within a part are f32; parts are
//! added in their order.

use std::ops::Range;

use pulp::Simd;

use super::batch_norm::{Affine, Backward, Channels, Running, Statistics};
use super::buffers::Buffers;
use super::convolutions::{Convolutions, FirstLayer, reverse};
use super::head;
use super::prepared::Prepared;
use super::shape::{FILTERS, Parts, PartsMut, Shape};
use super::vectors::{Grid, add_sums, mask_first, mask_second, vectorize};
use crate::child::Sums;

/// Parts of a batch.
const CHUNKS: usize = 4;

/// What a pass works on.
pub(super) struct Pass<'a, S, C> {
    pub(super) simd: S,
    pub(super) convolutions: &'a mut C,
    pub(super) shape: Shape,
    pub(super) buffers: &'a mut Buffers,
    pub(super) parameters: Parts<'a>,
    pub(super) images: &'a Prepared,
    /// Indices of the images; at most as many as the buffers hold.
    pub(super) batch: &'a [usize],
}

impl<S: Simd, C: Convolutions> Pass<'_, S, C> {
    /// Loss and right answers with running statistics.
    pub(super) fn evaluate(&mut self, running: &[Running; 2]) -> Sums {
        let parameters = self.parameters;
        let [first, second] = running.map(|layer| layer.statistics());
        let first = first.affine(parameters.scale1, parameters.shift1);
        let second = second.affine(parameters.scale2, parameters.shift2);
        self.pack(&first);
        let all = 0..self.batch.len();
        for slot in all.clone() {
            self.first_layers(slot, &first);
        }
        self.pool_second(&all, &second);
        self.loss(&all)
    }

    /// Loss and right answers with the batch's statistics, which are added to `running`, and the
    /// derivatives of the mean loss.
    pub(super) fn train(
        &mut self,
        running: &mut [Running; 2],
        mut gradients: PartsMut<'_>,
    ) -> Sums {
        let parameters = self.parameters;
        let first = self.first_statistics();
        let affine = first.affine(parameters.scale1, parameters.shift1);
        self.pack(&affine);
        let second = self.forward(&affine);
        running[0].update(&first);
        running[1].update(&second);
        gradients.clear();
        let affine = second.affine(parameters.scale2, parameters.shift2);
        let mut sums = Sums::default();
        let (mut of_shift, mut products) = ([0.0; FILTERS], [0.0; FILTERS]);
        for chunk in chunks(self.batch.len()) {
            self.pool_second(&chunk, &affine);
            sums += self.loss(&chunk);
            self.linear_backward(&chunk, &mut gradients);
            self.mask_second(&chunk, &mut of_shift, &mut products);
        }
        let of_scale = second.scale_gradient(&of_shift, &products);
        write(gradients.scale2, &of_scale);
        write(gradients.shift2, &of_shift);
        let maps = second.backward(parameters.scale2, &of_shift, &of_scale);
        let of_shift = self.convolutions_backward(&Backward::rounded(&maps), &mut gradients);
        self.first_backward(&first, &of_shift, &mut gradients);
        sums
    }

    /// Mean and variance of the first convolution's outputs, from the patch moments.
    fn first_statistics(&mut self) -> Statistics {
        let moments = &mut self.buffers.moments;
        moments.clear();
        for image in self.batch {
            self.images.add_moments(*image, moments);
        }
        let (mut sums, mut squares) = ([0.0; FILTERS], [0.0; FILTERS]);
        let weights = self.parameters.convolution1.chunks_exact(FILTERS);
        let products = self.buffers.output_products.chunks_exact_mut(FILTERS);
        for (k, (row, products)) in weights.clone().zip(products).enumerate() {
            products.fill(0.0);
            for (l, weights) in weights.clone().enumerate() {
                let moment = moments.second(k, l);
                for (product, weight) in products.iter_mut().zip(weights) {
                    *product += moment * f64::from(*weight);
                }
            }
            let mean = moments.first(k);
            for (filter, weight) in row.iter().enumerate() {
                sums[filter] += mean * f64::from(*weight);
                squares[filter] += products[filter] * f64::from(*weight);
            }
        }
        Statistics::from_sums(&sums, &squares, moments.count())
    }

    /// Puts the weights in the form that the convolutions want.
    fn pack(&mut self, affine: &Affine) {
        let Parts { convolution1, convolution2, .. } = self.parameters;
        let Buffers { weights1, weights2, .. } = self.buffers;
        self.convolutions.pack_first(self.simd, convolution1, &affine.factor, weights1);
        self.convolutions.pack_second(self.simd, convolution2, weights2);
    }

    /// From the image to the outputs of the second convolution.
    fn first_layers(&mut self, slot: usize, affine: &Affine) {
        let image = self.images.image(self.batch[slot]);
        let buffers = &mut *self.buffers;
        let layer = FirstLayer { weights: &buffers.weights1, offset: &affine.offset };
        let hidden = buffers.hidden.get_mut(slot);
        self.convolutions.first(self.simd, image, &layer, hidden, buffers.codes1.get_mut(slot));
        let outputs = buffers.outputs.get_mut(slot);
        self.convolutions.second(self.simd, hidden, &buffers.weights2, outputs);
    }

    /// The first half of the forward pass, and the statistics of its outputs.
    fn forward(&mut self, affine: &Affine) -> Statistics {
        let (simd, half, row) = (self.simd, self.shape.half(), self.shape.hidden_row());
        let (mut sums, mut squares) = ([0.0; FILTERS], [0.0; FILTERS]);
        for slot in 0..self.batch.len() {
            self.first_layers(slot, affine);
            let outputs = self.buffers.outputs.get(slot);
            let (sums, squares) = (&mut sums, &mut squares);
            vectorize(
                simd,
                #[inline(always)]
                || add_sums(simd, outputs, half, row, sums, squares),
            );
        }
        let count = self.batch.len() * half * half;
        Statistics::from_sums(&sums, &squares, count as f64)
    }

    fn grid(&self) -> Grid {
        Grid { side: self.shape.half() / 2, row: self.shape.hidden_row() }
    }

    /// From the outputs of the second convolution to the features.
    fn pool_second(&mut self, slots: &Range<usize>, affine: &Affine) {
        let (simd, grid) = (self.simd, self.grid());
        for slot in slots.clone() {
            let outputs = self.buffers.outputs.get(slot);
            let features = self.buffers.features.get_mut(slot);
            let codes = self.buffers.codes2.get_mut(slot);
            let chosen = self.buffers.chosen.get_mut(slot);
            vectorize(
                simd,
                #[inline(always)]
                || grid.pool_second(simd, outputs, affine, features, codes, chosen),
            );
        }
    }

    /// From the features to the loss, and to its derivatives by the logits.
    fn loss(&mut self, slots: &Range<usize>) -> Sums {
        let (simd, length) = (self.simd, self.shape.features());
        let Parts { linear, bias, .. } = self.parameters;
        let features = self.buffers.features.run(slots);
        let logits = self.buffers.logits.run_mut(slots);
        vectorize(
            simd,
            #[inline(always)]
            || head::logits(simd, features, length, linear, bias, logits),
        );
        let mut sums = Sums::default();
        let share = 1.0 / self.batch.len() as f64;
        for slot in slots.clone() {
            let label = usize::from(self.images.labels()[self.batch[slot]]);
            head::cross_entropy(self.buffers.logits.get_mut(slot), label, share, &mut sums);
        }
        sums
    }

    /// From the logits to the linear layer's parameters and the features.
    fn linear_backward(&mut self, slots: &Range<usize>, gradients: &mut PartsMut<'_>) {
        let (simd, length) = (self.simd, self.shape.features());
        let (linear, classes) = (self.parameters.linear, self.shape.classes());
        let buffers = &mut *self.buffers;
        let of_logits = buffers.logits.run(slots);
        let features = buffers.features.run(slots);
        let of_features = buffers.of_features.run_mut(slots);
        let (weights, bias) = (&mut buffers.linear[..], &mut buffers.bias[..]);
        weights.fill(0.0);
        bias.fill(0.0);
        vectorize(
            simd,
            #[inline(always)]
            || head::add_weight_gradients(simd, features, length, of_logits, weights, bias),
        );
        add(gradients.linear, weights);
        add(gradients.bias, bias);
        vectorize(
            simd,
            #[inline(always)]
            || head::feature_gradients(simd, of_logits, classes, linear, length, of_features),
        );
    }

    /// Derivatives by the features become those by the values before `ReLU`.
    fn mask_second(
        &mut self,
        slots: &Range<usize>,
        of_shift: &mut Channels,
        products: &mut Channels,
    ) {
        let simd = self.simd;
        for slot in slots.clone() {
            let gradients = self.buffers.of_features.get_mut(slot);
            let codes = self.buffers.codes2.get(slot);
            let chosen = self.buffers.chosen.get(slot);
            let (of_shift, products) = (&mut *of_shift, &mut *products);
            vectorize(
                simd,
                #[inline(always)]
                || mask_second(simd, gradients, codes, chosen, of_shift, products),
            );
        }
    }

    /// Back through the second batch norm and convolution. Returns the derivatives by the first
    /// batch norm's beta; `patch_products` become sums of patches times derivatives.
    fn convolutions_backward(&mut self, maps: &Backward, gradients: &mut PartsMut<'_>) -> Channels {
        let Buffers { reversed, weights2, .. } = self.buffers;
        reverse(self.parameters.convolution2, reversed);
        self.convolutions.pack_second(self.simd, reversed, weights2);
        self.buffers.patch_products.fill(0.0);
        let mut of_shift = [0.0; FILTERS];
        for chunk in chunks(self.batch.len()) {
            self.buffers.convolution1.fill(0.0);
            self.buffers.convolution2.fill(0.0);
            for slot in chunk {
                self.image_backward(slot, maps, &mut of_shift);
            }
            let sums = &self.buffers.convolution2;
            self.convolutions.add_second_gradient(self.simd, sums, gradients.convolution2);
            let products = self.buffers.patch_products.iter_mut();
            for (sum, part) in products.zip(self.buffers.convolution1.iter()) {
                *sum += f64::from(*part);
            }
        }
        of_shift
    }

    /// The same for one image.
    fn image_backward(&mut self, slot: usize, maps: &Backward, of_shift: &mut Channels) {
        let (simd, grid, row, half) =
            (self.simd, self.grid(), self.shape.hidden_row(), self.shape.half());
        let buffers = &mut *self.buffers;
        let (of_features, codes) = (buffers.of_features.get(slot), buffers.codes2.get(slot));
        let outputs = buffers.outputs.get(slot);
        let padded = &mut buffers.of_outputs[..];
        let inside = &mut padded[row + FILTERS..];
        vectorize(
            simd,
            #[inline(always)]
            || grid.unpool_second(simd, of_features, codes, outputs, maps, inside),
        );
        let hidden = buffers.hidden.get(slot);
        let sums = &mut buffers.convolution2;
        self.convolutions.sum_second_gradient(simd, hidden, padded, sums);
        let of_hidden = &mut buffers.of_hidden[..];
        self.convolutions.second(simd, padded, &buffers.weights2, of_hidden);
        let codes = buffers.codes1.get(slot);
        vectorize(
            simd,
            #[inline(always)]
            || mask_first(simd, of_hidden, row, codes, half, of_shift),
        );
        let image = self.images.image(self.batch[slot]);
        let sums = &mut buffers.convolution1;
        self.convolutions.sum_first_gradient(simd, image, of_hidden, codes, sums);
    }

    /// Derivatives by the first convolution and batch norm, from sums over the batch.
    fn first_backward(
        &mut self,
        statistics: &Statistics,
        of_shift: &Channels,
        gradients: &mut PartsMut<'_>,
    ) {
        let buffers = &*self.buffers;
        let weights = self.parameters.convolution1.chunks_exact(FILTERS);
        let products = buffers.patch_products.chunks_exact(FILTERS);
        let mut with_outputs = [0.0; FILTERS];
        for (weights, products) in weights.zip(products.clone()) {
            for filter in 0..FILTERS {
                with_outputs[filter] += f64::from(weights[filter]) * products[filter];
            }
        }
        let of_scale = statistics.scale_gradient(of_shift, &with_outputs);
        write(gradients.scale1, &of_scale);
        write(gradients.shift1, of_shift);
        let [of_gradient, of_value, constant] =
            statistics.backward(self.parameters.scale1, of_shift, &of_scale);
        let rows = gradients.convolution1.chunks_exact_mut(FILTERS);
        let products = products.zip(buffers.output_products.chunks_exact(FILTERS));
        for (k, (row, (of_patches, of_outputs))) in rows.zip(products).enumerate() {
            let first = buffers.moments.first(k);
            for (filter, gradient) in row.iter_mut().enumerate() {
                let sum = of_gradient[filter] * of_patches[filter]
                    + of_value[filter] * of_outputs[filter]
                    + constant[filter] * first;
                *gradient = sum as f32;
            }
        }
    }
}

/// The parts of a batch, as ranges of its images.
fn chunks(images: usize) -> impl Iterator<Item = Range<usize>> {
    (0..CHUNKS).map(move |chunk| images * chunk / CHUNKS..images * (chunk + 1) / CHUNKS)
}

fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

fn write(to: &mut [f32], from: &Channels) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from as f32);
}
