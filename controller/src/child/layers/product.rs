//! Matrix products of rows that lie anywhere in an array, and of which several may overlap.
//!
//! A row is a list of [`Segment`]s, the same for all rows, each so far from where the row starts. The
//! patch of a pixel is such a row: three segments in an image with a border. So a convolution is a
//! product of rows in place, with no copy of its patches, and so are both of its derivatives.
//!
//! Columns are taken one or two vectors at a time, rows in tiles whose sums stay in registers.

use pulp::Simd;

use crate::child::net::vectors::{of, of_mut};

/// Elements of a row that are multiplied without looking again where it ends: as many as a pixel has
/// channels, at the least, behind the first convolution.
const RUN: usize = 16;

/// Floats that lie together in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Distance from the start of the row.
    pub(super) start: usize,
    pub(super) length: usize,
}

/// A matrix whose row `i` starts at `data[starts[i]]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) data: &'a [f32],
    pub(super) starts: &'a [usize],
    pub(super) segments: &'a [Segment],
}

impl Rows<'_> {
    /// Elements of a row.
    fn depth(&self) -> usize {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    /// Whether all rows lie in the array.
    fn are_inside(&self) -> bool {
        let end = self.segments.iter().map(|segment| segment.start + segment.length).max();
        let last = self.starts.iter().max();
        last.is_none_or(|last| last + end.unwrap_or(0) <= self.data.len())
    }
}

/// Where the rows of a product go: row `i` to `places[i]`.
#[derive(Debug)]
pub(super) struct Product<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) places: &'a [usize],
    pub(super) columns: usize,
    /// Whether what is there is added to.
    pub(super) adds: bool,
}

/// Columns that are taken together: two vectors, or one if two do not divide them.
fn width<S: Simd>(columns: usize) -> usize {
    if columns.is_multiple_of(2 * S::F32_LANES) { 2 * S::F32_LANES } else { S::F32_LANES }
}

/// A matrix with `columns` columns in the order in which [`multiply`] reads it: columns that are
/// taken together lie together.
#[inline(always)]
pub(super) fn pack<S: Simd>(
    columns: usize,
    packed: &mut [f32],
    element: impl Fn(usize, usize) -> f32,
) {
    let width = width::<S>(columns);
    let depth = packed.len() / columns;
    for (block, packed) in packed.chunks_exact_mut(depth * width).enumerate() {
        for (k, row) in packed.chunks_exact_mut(width).enumerate() {
            for (column, value) in row.iter_mut().enumerate() {
                *value = element(k, block * width + column);
            }
        }
    }
}

/// `product = rows * packed`, or `product += rows * packed`.
#[inline(always)]
pub(super) fn multiply<S: Simd>(simd: S, rows: Rows<'_>, packed: &[f32], mut product: Product<'_>) {
    debug_assert!(rows.are_inside() && rows.starts.len() <= product.places.len());
    debug_assert_eq!(rows.depth() * product.columns, packed.len());
    debug_assert!(product.columns.is_multiple_of(width::<S>(product.columns)));
    let two = width::<S>(product.columns) == 2 * S::F32_LANES;
    if S::F32_LANES < 16 && two {
        multiply_blocks::<S, 2, 4>(simd, rows, packed, &mut product);
    } else if two {
        multiply_blocks::<S, 2, 8>(simd, rows, packed, &mut product);
    } else {
        multiply_blocks::<S, 1, 16>(simd, rows, packed, &mut product);
    }
}

/// The same, `V` vectors of columns and `P` rows at a time.
#[inline(always)]
fn multiply_blocks<S: Simd, const V: usize, const P: usize>(
    simd: S,
    rows: Rows<'_>,
    packed: &[f32],
    product: &mut Product<'_>,
) {
    let width = V * S::F32_LANES;
    let depth = packed.len() / product.columns;
    for (block, packed) in packed.chunks_exact(depth * width).enumerate() {
        let (tiles, rest) = rows.starts.as_chunks::<P>();
        for (tile, starts) in tiles.iter().enumerate() {
            multiply_tile::<S, V, P>(simd, rows, (starts, tile * P), packed, (block, product));
        }
        for (row, start) in rest.iter().enumerate() {
            let tile = (&[*start], tiles.len() * P + row);
            multiply_tile::<S, V, 1>(simd, rows, tile, packed, (block, product));
        }
    }
}

/// The same for the rows that start at `starts`, the first of which is row `first`.
#[inline(always)]
fn multiply_tile<S: Simd, const V: usize, const P: usize>(
    simd: S,
    rows: Rows<'_>,
    (starts, first): (&[usize; P], usize),
    packed: &[f32],
    (block, product): (usize, &mut Product<'_>),
) {
    let width = V * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); V]; P];
    let mut packed = of::<S>(packed).as_chunks::<V>().0;
    for segment in rows.segments {
        let (mut start, end) = (segment.start, segment.start + segment.length);
        while start < end {
            let (weights, left) =
                if end - start >= RUN { packed.split_at(RUN) } else { packed.split_at(1) };
            if weights.len() == RUN {
                add_run::<S, V, P, RUN>(simd, rows.data, starts, start, weights, &mut sums);
            } else {
                add_run::<S, V, P, 1>(simd, rows.data, starts, start, weights, &mut sums);
            }
            start += weights.len();
            packed = left;
        }
    }
    for (sums, place) in sums.iter().zip(&product.places[first..first + P]) {
        let to = of_mut::<S>(&mut product.values[place + block * width..][..width]);
        for (to, sum) in to.iter_mut().zip(sums) {
            *to = if product.adds { simd.add_f32s(*to, *sum) } else { *sum };
        }
    }
}

/// Adds what the `K` elements that are `offset` from the starts of the rows make of their weights.
#[inline(always)]
fn add_run<S: Simd, const V: usize, const P: usize, const K: usize>(
    simd: S,
    data: &[f32],
    starts: &[usize; P],
    offset: usize,
    weights: &[[S::f32s; V]],
    sums: &mut [[S::f32s; V]; P],
) {
    // Arrays of a length that is known: one check for `K` elements.
    let mut inputs = [&[0.0; K]; P];
    for (inputs, start) in inputs.iter_mut().zip(starts) {
        let Some(run) = data[start + offset..].first_chunk::<K>() else { return };
        *inputs = run;
    }
    let Some(weights) = weights.first_chunk::<K>() else { return };
    for k in 0..K {
        for p in 0..P {
            let input = simd.splat_f32s(inputs[p][k]);
            for v in 0..V {
                sums[p][v] = simd.mul_add_e_f32s(input, weights[k][v], sums[p][v]);
            }
        }
    }
}

/// `sums += transposed(rows) * right`, where row `i` of the right matrix starts at
/// `right[places[i]]`. Of `sums`, rows follow each other.
#[inline(always)]
pub(super) fn add_transposed<S: Simd>(
    simd: S,
    rows: Rows<'_>,
    right: &[f32],
    places: &[usize],
    columns: usize,
    sums: &mut [f32],
) {
    debug_assert!(rows.are_inside() && rows.starts.len() <= places.len());
    debug_assert_eq!(rows.depth() * columns, sums.len());
    debug_assert!(columns.is_multiple_of(width::<S>(columns)));
    debug_assert!(places.iter().all(|place| place + columns <= right.len()));
    let right = Right { values: right, places, columns };
    let two = width::<S>(columns) == 2 * S::F32_LANES;
    if S::F32_LANES < 16 && two {
        add_blocks::<S, 2, 4>(simd, rows, &right, sums);
    } else if two {
        add_blocks::<S, 2, 8>(simd, rows, &right, sums);
    } else {
        add_blocks::<S, 1, 16>(simd, rows, &right, sums);
    }
}

/// The right matrix of a transposed product.
struct Right<'a> {
    values: &'a [f32],
    places: &'a [usize],
    columns: usize,
}

/// The same, `V` vectors of columns and `K` elements of each row at a time.
#[inline(always)]
fn add_blocks<S: Simd, const V: usize, const K: usize>(
    simd: S,
    rows: Rows<'_>,
    right: &Right<'_>,
    sums: &mut [f32],
) {
    for column in (0..right.columns).step_by(V * S::F32_LANES) {
        let mut row = 0;
        for segment in rows.segments {
            let (mut start, end) = (segment.start, segment.start + segment.length);
            while start < end {
                let sums = &mut sums[row * right.columns + column..];
                let taken = if end - start >= K {
                    add_tile::<S, V, K>(simd, rows, start, (right, column), sums)
                } else if end - start >= 3 {
                    add_tile::<S, V, 3>(simd, rows, start, (right, column), sums)
                } else {
                    add_tile::<S, V, 1>(simd, rows, start, (right, column), sums)
                };
                start += taken;
                row += taken;
            }
        }
    }
}

/// The same for the `K` elements that are `start` from the starts of the rows. Returns `K`.
#[inline(always)]
fn add_tile<S: Simd, const V: usize, const K: usize>(
    simd: S,
    rows: Rows<'_>,
    start: usize,
    (right, column): (&Right<'_>, usize),
    sums: &mut [f32],
) -> usize {
    let width = V * S::F32_LANES;
    let mut tile = [[simd.splat_f32s(0.0); V]; K];
    for (row, place) in rows.starts.iter().zip(right.places) {
        let inputs = rows.data[row + start..].first_chunk::<K>();
        let gradients = of::<S>(&right.values[place + column..]).first_chunk::<V>();
        let (Some(inputs), Some(gradients)) = (inputs, gradients) else { break };
        let gradients = *gradients;
        for k in 0..K {
            let input = simd.splat_f32s(inputs[k]);
            for v in 0..V {
                tile[k][v] = simd.mul_add_e_f32s(input, gradients[v], tile[k][v]);
            }
        }
    }
    for (tile, sums) in tile.iter().zip(sums.chunks_mut(right.columns)) {
        for (sum, part) in of_mut::<S>(&mut sums[..width]).iter_mut().zip(tile) {
            *sum = simd.add_f32s(*sum, *part);
        }
    }
    K
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::{Product, Rows, Segment, add_transposed, multiply, pack};

    /// Rows of two segments that overlap, columns that are one vector or several, tiles that are full
    /// and not: all numbers are small whole ones, so that sums are exact.
    #[test]
    fn products_are_those_of_the_definition() {
        let data: Vec<f32> = (0..60).map(|i| (i * 7 % 11) as f32 - 5.0).collect();
        let starts: Vec<usize> = (0..21).collect();
        let segments = [Segment { start: 0, length: 9 }, Segment { start: 30, length: 2 }];
        let rows = Rows { data: &data, starts: &starts, segments: &segments };
        let row = |i: usize| {
            let parts =
                segments.iter().map(move |part| i + part.start..i + part.start + part.length);
            parts.flatten().collect::<Vec<usize>>()
        };
        for columns in [1, 2, 6] {
            let weight = |k: usize, column: usize| (k * 5 % 7) as f32 - column as f32;
            let mut packed = vec![0.0; 11 * columns];
            pack::<Scalar>(columns, &mut packed, weight);
            let places: Vec<usize> = (0..21).rev().map(|i| i * columns).collect();
            let mut values = vec![1.0; 21 * columns];
            let product = Product { values: &mut values, places: &places, columns, adds: true };
            multiply(Scalar::new(), rows, &packed, product);
            let mut sums = vec![1.0; 11 * columns];
            add_transposed(Scalar::new(), rows, &values, &places, columns, &mut sums);
            for column in 0..columns {
                let mut expected = [1.0; 11];
                for i in 0..21 {
                    let value = values[places[i] + column];
                    let terms = row(i).into_iter().enumerate();
                    let sum: f32 =
                        terms.clone().map(|(k, place)| data[place] * weight(k, column)).sum();
                    assert_eq!(value, 1.0 + sum);
                    terms.for_each(|(k, place)| expected[k] += data[place] * value);
                }
                let found: Vec<f32> = sums.chunks(columns).map(|row| row[column]).collect();
                assert_eq!(found, expected);
            }
        }
    }
}
