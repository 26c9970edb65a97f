//! Products of matrices, row by row, with the same bits on every machine.
//!
//! A product is rows added to rows: `sums[r] += x(r, k) * rows[k]`, k ascending. No two numbers of a row
//! meet, so the width of the vectors changes nothing; multiplication and addition round apart. Where numbers
//! of a row do meet, in [`dot`], there are always 16 partial sums. All of it is `inline(always)`, to be compiled for
//! the vectors of who calls it.

use pulp::Simd;

/// Partial sums of a dot product.
const LANES: usize = 16;
/// Rows that are added to a sum while it is in registers.
const BLOCK: usize = 8;

/// `sums[r] += x(r, k) * rows[k]` for all rows of both, which have so many columns.
#[inline(always)]
pub(super) fn add_products<S: Simd>(
    simd: S,
    sums: &mut [f32],
    columns: usize,
    rows: &[f32],
    x: impl Fn(usize, usize) -> f32,
) {
    let blocks = rows.chunks_exact(BLOCK * columns);
    let rest = blocks.remainder();
    let mut first = 0;
    for block in blocks {
        add_block::<S, BLOCK>(simd, sums, columns, block, |row, k| x(row, first + k));
        first += BLOCK;
    }
    for row in rest.chunks_exact(columns) {
        add_block::<S, 1>(simd, sums, columns, row, |row, _| x(row, first));
        first += 1;
    }
}

/// The same for `K` rows.
#[inline(always)]
fn add_block<S: Simd, const K: usize>(
    simd: S,
    sums: &mut [f32],
    columns: usize,
    block: &[f32],
    x: impl Fn(usize, usize) -> f32,
) {
    let rows: [&[f32]; K] = std::array::from_fn(|k| &block[k * columns..][..columns]);
    let vectors = rows.map(|row| S::as_simd_f32s(row).0);
    for (row, sums) in sums.chunks_exact_mut(columns).enumerate() {
        let factors: [f32; K] = std::array::from_fn(|k| x(row, k));
        let wide = factors.map(|factor| simd.splat_f32s(factor));
        let (sums, rest) = S::as_mut_simd_f32s(sums);
        let done = S::F32_LANES * sums.len();
        for (place, to) in sums.iter_mut().enumerate() {
            let mut sum = *to;
            for k in 0..K {
                sum = simd.add_f32s(sum, simd.mul_f32s(wide[k], vectors[k][place]));
            }
            *to = sum;
        }
        // Half a vector of 16 is common: 150 units have 600 gates.
        let (halves, rest) = rest.as_chunks_mut::<8>();
        for (place, sums) in halves.iter_mut().enumerate() {
            for (row, factor) in rows.iter().zip(factors) {
                add_scaled(sums, &row[done + 8 * place..][..8], factor);
            }
        }
        let done = done + 8 * halves.len();
        for (row, factor) in rows.iter().zip(factors) {
            add_scaled(rest, &row[done..], factor);
        }
    }
}

/// `sums += factor * row`.
#[inline(always)]
pub(super) fn add_scaled(sums: &mut [f32], row: &[f32], factor: f32) {
    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
}

/// The sum of products, in 16 partial sums.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    for ((lane, a), b) in lanes.iter_mut().zip(rest_a).zip(rest_b) {
        *lane += a * b;
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

/// Rows of `columns` values become columns of rows that are `stride` apart; what is between them stays.
#[inline(always)]
pub(super) fn transpose(from: &[f32], columns: usize, to: &mut [f32], stride: usize) {
    for (place, rows) in from.chunks(LANES * columns).enumerate() {
        for (column, to) in to.chunks_exact_mut(stride).enumerate().take(columns) {
            let values = rows.iter().skip(column).step_by(columns);
            to[LANES * place..].iter_mut().zip(values).for_each(|(to, value)| *to = *value);
        }
    }
}
