//! Matrices as plain slices.
//!
//! What is stored here is row-major throughout. A matrix that is not, or values that do not fill one, are faults of this
//! program: both functions stop with a reason, where an empty default would go on with wrong numbers.

use std::slice::ChunksExact;

use ndarray::{Array2, ArrayBase, Data, Ix2};

/// Returns the rows of a row-major matrix; none if it has no columns.
///
/// # Panics
/// If the matrix is not in standard layout.
pub fn rows<T, S: Data<Elem = T>>(matrix: &ArrayBase<S, Ix2>) -> ChunksExact<'_, T> {
    let values = matrix.as_slice().expect("matrices are stored row by row");
    values.chunks_exact(matrix.ncols().max(1))
}

/// Makes a matrix of `values`, row by row.
///
/// # Panics
/// If there are not `rows` × `columns` values.
pub fn matrix<T>((rows, columns): (usize, usize), values: Vec<T>) -> Array2<T> {
    let found = values.len();
    Array2::from_shape_vec((rows, columns), values)
        .unwrap_or_else(|_| panic!("{found} values do not fill {rows} rows of {columns}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_of_the_matrix() {
        let whole = matrix((2, 3), vec![1, 2, 3, 4, 5, 6]);
        assert_eq!(rows(&whole).collect::<Vec<_>>(), [[1, 2, 3], [4, 5, 6]]);
        assert_eq!(rows(&whole.slice(ndarray::s![1.., ..])).collect::<Vec<_>>(), [[4, 5, 6]]);
        assert_eq!(rows(&matrix::<u8>((0, 3), vec![])).len(), 0);
        assert_eq!(rows(&matrix::<u8>((3, 0), vec![])).len(), 0);
    }

    #[test]
    #[should_panic(expected = "stored row by row")]
    fn columns_are_not_taken_for_rows() {
        let whole = matrix((2, 3), vec![1, 2, 3, 4, 5, 6]);
        let _ = rows(&whole.t());
    }

    #[test]
    #[should_panic(expected = "5 values do not fill 2 rows of 3")]
    fn values_that_do_not_fill_a_matrix_stop_the_program() {
        let _ = matrix((2, 3), vec![0; 5]);
    }
}
