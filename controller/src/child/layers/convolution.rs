//! A convolution 3x3 with a border of zeros, of stride 1 or 2, without bias, for a few images at a
//! time.
//!
//! With weights `W[row, column, input, filter]`, inputs x and outputs z, all indices from 0,
//!
//! ```text
//! z[v, u, f]  = sum_{r, c, i} x[s v + r - 1, s u + c - 1, i] W[r, c, i, f]        s: stride
//! dx[y, x, i] = sum_{r, c, f} dz[(y + 1 - r)/s, (x + 1 - c)/s, f] W[r, c, i, f]   whole places only
//! dW[r, c, i, f] = sum_{v, u} x[s v + r - 1, s u + c - 1, i] dz[v, u, f]
//! ```
//!
//! In an image with its border the three pixels under a row of the kernel lie together, forward and
//! backward: see `product`. At stride 2 the derivatives by the inputs fall in four classes by the
//! parities of y and x, each with kernel places of its own, so that no zero is multiplied.

use pulp::Simd;

use super::product::{self, Product, Rows, Segment};
use crate::child::net::aligned::Aligned;
use crate::child::net::vectors::vectorize;

/// Output pixels of the images that are computed at once, if one image has not more.
const PIXELS: usize = 256;

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Of the inputs; a multiple of the stride.
    pub(super) side: usize,
    pub(super) inputs: usize,
    pub(super) filters: usize,
    /// 1 or 2.
    pub(super) stride: usize,
}

impl Sizes {
    /// Side of the outputs.
    pub(super) fn outputs_side(&self) -> usize {
        self.side / self.stride
    }

    /// Floats of the outputs of an image.
    pub(super) fn outputs(&self) -> usize {
        self.outputs_side() * self.outputs_side() * self.filters
    }

    /// Inputs that one output sums over.
    pub(super) fn patch(&self) -> usize {
        9 * self.inputs
    }
}

/// Images `[side, side, channels]` with a border of zeros.
#[derive(Debug, Clone)]
pub(super) struct Padded {
    side: usize,
    channels: usize,
    values: Aligned,
}

impl Padded {
    fn new(images: usize, side: usize, channels: usize) -> Self {
        let values = Aligned::new(images * (side + 2) * (side + 2) * channels);
        Self { side, channels, values }
    }

    /// Where pixel (y, x) of the image with its border is.
    fn place(&self, image: usize, y: usize, x: usize) -> usize {
        let side = self.side + 2;
        ((image * side + y) * side + x) * self.channels
    }

    /// The rows of image `image`, without the border.
    pub(super) fn rows_mut(&mut self, image: usize) -> impl Iterator<Item = &mut [f32]> {
        let row = (self.side + 2) * self.channels;
        let inside = self.channels..row - self.channels;
        let values = &mut self.values[(image * (self.side + 2) + 1) * row..];
        let rows = values.chunks_exact_mut(row).take(self.side);
        rows.map(move |row| &mut row[inside.clone()])
    }
}

/// Input pixels whose derivatives sum over the same places of the kernel.
#[derive(Debug, Clone)]
struct Class {
    /// Where in the padded derivatives by the outputs their sums start.
    starts: Vec<usize>,
    /// Where the derivatives go, in a few images without border.
    places: Vec<usize>,
    segments: Vec<Segment>,
    /// Kernel places, row by row, in the order of the segments.
    taps: Vec<usize>,
    /// Weights in the order of the product.
    packed: Aligned,
}

/// Memory and places for the images that are computed at once.
#[derive(Debug, Clone)]
pub(super) struct Convolution {
    sizes: Sizes,
    images: usize,
    /// Inputs of these images.
    pub(super) inputs: Padded,
    /// Derivatives by their outputs.
    pub(super) of_outputs: Padded,
    /// Where patches start in the inputs, by output pixel.
    starts: Vec<usize>,
    /// Where output pixels are in images without border.
    places: Vec<usize>,
    /// Where they are in `of_outputs`.
    padded_places: Vec<usize>,
    segments: Vec<Segment>,
    packed: Aligned,
    classes: Vec<Class>,
}

impl Convolution {
    /// A convolution for batches of at most `batch` images.
    pub(super) fn new(sizes: Sizes, batch: usize) -> Self {
        let side = sizes.outputs_side();
        let images = (PIXELS / (side * side)).clamp(1, batch.max(1));
        let inputs = Padded::new(images, sizes.side, sizes.inputs);
        let of_outputs = Padded::new(images, side, sizes.filters);
        let pixels =
            || (0..images * side * side).map(|i| (i / side / side, i / side % side, i % side));
        let stride = sizes.stride;
        let row = (sizes.side + 2) * sizes.inputs;
        let parities = (0..stride * stride).map(|class| (class / stride, class % stride));
        Self {
            sizes,
            images,
            starts: pixels().map(|(i, y, x)| inputs.place(i, stride * y, stride * x)).collect(),
            places: (0..images * side * side).map(|pixel| pixel * sizes.filters).collect(),
            padded_places: pixels().map(|(i, y, x)| of_outputs.place(i, y + 1, x + 1)).collect(),
            segments: (0..3)
                .map(|r| Segment { start: r * row, length: 3 * sizes.inputs })
                .collect(),
            packed: Aligned::new(sizes.patch() * sizes.filters),
            classes: parities
                .map(|parity| Class::new(sizes, images, parity, &of_outputs))
                .collect(),
            inputs,
            of_outputs,
        }
    }

    /// Images that are computed at once.
    pub(super) fn images(&self) -> usize {
        self.images
    }

    /// Takes weights `[3, 3, inputs, filters]`, and puts them in order for the pass forward, or for
    /// the pass back to the inputs.
    pub(super) fn pack<S: Simd>(&mut self, simd: S, weights: &[f32], forward: bool) {
        let Sizes { inputs, filters, .. } = self.sizes;
        if forward {
            let packed = &mut self.packed;
            vectorize(
                simd,
                #[inline(always)]
                || product::pack::<S>(filters, packed, |k, filter| weights[k * filters + filter]),
            );
            return;
        }
        for Class { taps, packed, .. } in &mut self.classes {
            let element = |k: usize, input: usize| {
                weights[(taps[k / filters] * inputs + input) * filters + k % filters]
            };
            vectorize(
                simd,
                #[inline(always)]
                || product::pack::<S>(inputs, packed, element),
            );
        }
    }

    /// From `inputs` to the outputs of `images` images, without border.
    pub(super) fn forward<S: Simd>(&self, simd: S, images: usize, outputs: &mut [f32]) {
        let columns = self.sizes.filters;
        let rows = self.patches(images);
        let product = Product { values: outputs, places: &self.places, columns, adds: false };
        vectorize(
            simd,
            #[inline(always)]
            || product::multiply(simd, rows, &self.packed, product),
        );
    }

    /// Adds the derivatives by the weights, from `inputs` and `of_outputs`.
    pub(super) fn add_weight_gradient<S: Simd>(&self, simd: S, images: usize, sums: &mut [f32]) {
        let rows = self.patches(images);
        let (right, places) = (&self.of_outputs.values, &self.padded_places);
        let columns = self.sizes.filters;
        vectorize(
            simd,
            #[inline(always)]
            || product::add_transposed(simd, rows, right, places, columns, sums),
        );
    }

    /// From `of_outputs` to the derivatives by the inputs, without border.
    pub(super) fn backward<S: Simd>(
        &self,
        simd: S,
        images: usize,
        of_inputs: &mut [f32],
        adds: bool,
    ) {
        for class in &self.classes {
            let pixels = images * (class.starts.len() / self.images);
            let starts = &class.starts[..pixels];
            let rows = Rows { data: &self.of_outputs.values, starts, segments: &class.segments };
            let columns = self.sizes.inputs;
            let product = Product { values: of_inputs, places: &class.places, columns, adds };
            vectorize(
                simd,
                #[inline(always)]
                || product::multiply(simd, rows, &class.packed, product),
            );
        }
    }

    fn patches(&self, images: usize) -> Rows<'_> {
        let pixels = images * (self.starts.len() / self.images);
        let starts = &self.starts[..pixels];
        Rows { data: &self.inputs.values, starts, segments: &self.segments }
    }
}

impl Class {
    fn new(sizes: Sizes, images: usize, (py, px): (usize, usize), of_outputs: &Padded) -> Self {
        let (stride, side) = (sizes.stride, sizes.outputs_side());
        let (rows, columns) = (taps(stride, py), taps(stride, px));
        // At stride 1 the sum starts a pixel before; the border takes a pixel too.
        let first = stride - 1;
        let row = (side + 2) * sizes.filters;
        let pixels =
            || (0..images * side * side).map(|i| (i / side / side, i / side % side, i % side));
        let place = |(i, v, u): (usize, usize, usize)| {
            let (y, x) = (stride * v + py, stride * u + px);
            ((i * sizes.side + y) * sizes.side + x) * sizes.inputs
        };
        let taps: Vec<usize> =
            rows.iter().flat_map(|r| columns.iter().map(move |c| 3 * r + c)).collect();
        Self {
            starts: pixels().map(|(i, v, u)| of_outputs.place(i, v + first, u + first)).collect(),
            places: pixels().map(place).collect(),
            segments: (0..rows.len())
                .map(|r| Segment { start: r * row, length: columns.len() * sizes.filters })
                .collect(),
            packed: Aligned::new(taps.len() * sizes.filters * sizes.inputs),
            taps,
        }
    }
}

/// Along one axis: the places of the kernel that an input of this parity meets, by the outputs that
/// they belong to.
fn taps(stride: usize, parity: usize) -> &'static [usize] {
    match (stride, parity) {
        (1, _) => &[2, 1, 0],
        (_, 0) => &[1],
        _ => &[2, 0],
    }
}
