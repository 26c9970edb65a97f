//! Products of matrices that are views of slices: the one place that calls the `gemm` crate.

use gemm::Parallelism;

/// A matrix in a slice: element (i, j) is at `i * row_step + j * column_step`. Rows may overlap.
#[derive(Debug, Clone, Copy)]
pub(in crate::child) struct View<'a, T> {
    pub(in crate::child) data: &'a [T],
    pub(in crate::child) rows: usize,
    pub(in crate::child) columns: usize,
    pub(in crate::child) row_step: usize,
    pub(in crate::child) column_step: usize,
}

impl<'a, T> View<'a, T> {
    /// A matrix whose rows are contiguous and start `row_step` apart.
    pub(in crate::child) fn new(
        data: &'a [T],
        rows: usize,
        columns: usize,
        row_step: usize,
    ) -> Self {
        Self { data, rows, columns, row_step, column_step: 1 }
    }

    /// Rows and columns exchanged.
    pub(in crate::child) fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
        }
    }

    /// Whether all elements lie in the slice.
    fn is_inside(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_step + (self.columns - 1) * self.column_step
                < self.data.len()
    }
}

/// Numbers that can be multiplied here.
pub(in crate::child) trait Number: Copy + 'static {
    const ZERO: Self;
    const ONE: Self;
}

impl Number for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
}

impl Number for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
}

/// `product = left * right`, or `product += left * right` if `adds`. The product's rows follow
/// each other without gaps. On one thread.
///
/// # Panics
///
/// If the sizes do not fit each other or the slices; they never do not, they are the net's own.
pub(in crate::child) fn multiply<T: Number>(
    product: &mut [T],
    left: View<'_, T>,
    right: View<'_, T>,
    adds: bool,
) {
    let (rows, columns, depth) = (left.rows, right.columns, left.columns);
    assert!(depth == right.rows && rows * columns <= product.len(), "sizes of a matrix product");
    assert!(left.is_inside() && right.is_inside(), "a matrix leaves its slice");
    // SAFETY: The three matrices lie in their slices, as has just been checked; the product is
    // borrowed mutably, so that it overlaps neither of the others, and its elements are distinct.
    // Steps are at most lengths of slices, which fit `isize`. `T` is f32 or f64, which the crate
    // has kernels for.
    #[expect(unsafe_code, reason = "the crate takes pointers")]
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            product.as_mut_ptr(),
            1,
            columns as isize,
            adds,
            left.data.as_ptr(),
            left.column_step as isize,
            left.row_step as isize,
            right.data.as_ptr(),
            right.column_step as isize,
            right.row_step as isize,
            if adds { T::ONE } else { T::ZERO },
            T::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{View, multiply};

    #[test]
    fn products_are_those_of_the_definition() {
        let left: Vec<f64> = (0..12).map(f64::from).collect();
        let right: Vec<f64> = (0..6).map(|value| f64::from(value) - 2.0).collect();
        // Rows of the left matrix overlap: 2 apart, 3 long.
        let left = View::new(&left, 4, 3, 2);
        let right = View::new(&right, 3, 2, 2);
        let mut product = vec![1.0; 8];
        multiply(&mut product, left, right, true);
        for i in 0..4 {
            for j in 0..2 {
                let sum: f64 = (0..3).map(|k| left.data[2 * i + k] * right.data[2 * k + j]).sum();
                assert_eq!(product[2 * i + j], 1.0 + sum);
            }
        }
        let mut square = vec![0.0; 9];
        multiply(&mut square, left.transposed(), left, false);
        let column = |j: usize| (0..4).map(move |i| left.data[2 * i + j]);
        let sum: f64 = column(0).zip(column(1)).map(|(a, b)| a * b).sum();
        assert_eq!(square[1], sum);
    }
}
