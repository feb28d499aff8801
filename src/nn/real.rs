//! The two precisions that networks compute in.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};
use std::sync::Arc;

use macro_rules_attribute::apply;
use ndarray::linalg::general_mat_mul;
use ndarray::parallel::prelude::*;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, LinalgScalar};

use crate::ledger::TOLERANCE;
use crate::numeric::elementary::exp;
use crate::numeric::simd::avx512;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A floating-point number: f64, in which accounts close to nine digits, or f32, which is faster.
pub trait Real:
    sealed::Sealed
    + LinalgScalar
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + Sum
    + PartialOrd
    + Default
    + Debug
    + Send
    + Sync
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// −∞.
    const LOWEST: Self;
    /// What an account may miss, relative to the largest Σ |R| of any layer.
    const TOLERANCE: f64;

    /// The nearest number to `value`.
    fn of(value: f64) -> Self;

    /// The same number in double precision.
    fn wide(self) -> f64;

    /// The nearest numbers to `values`: the same ones, if nothing changes.
    fn shared(values: &Arc<Vec<f64>>) -> Arc<Vec<Self>>;

    /// The hyperbolic tangent of every value.
    fn hyperbolic_tangents(values: &[Self]) -> Vec<Self>;

    /// The value, if it is above 0, else 0.
    #[inline]
    fn positive(self) -> Self {
        if self > Self::ZERO { self } else { Self::ZERO }
    }

    /// The value, if it is below 0, else 0.
    #[inline]
    fn negative(self) -> Self {
        if self < Self::ZERO { self } else { Self::ZERO }
    }

    /// +1 if the value is at least 0 (−0, too), else −1.
    #[inline]
    fn sign(self) -> Self {
        if self >= Self::ZERO { Self::ONE } else { -Self::ONE }
    }
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const LOWEST: Self = Self::NEG_INFINITY;
    const TOLERANCE: f64 = 1e-4;

    #[inline]
    fn of(value: f64) -> Self {
        value as f32
    }

    #[inline]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    fn shared(values: &Arc<Vec<f64>>) -> Arc<Vec<Self>> {
        Arc::new(values.iter().map(|&value| value as f32).collect())
    }

    fn hyperbolic_tangents(values: &[Self]) -> Vec<Self> {
        let mut values = values.to_vec();
        to_hyperbolic_tangents(&mut values);
        values
    }
}

/// With `e = exp(−2|x|)`: `tanh |x| = (1 − e)/(1 + e)`, in double precision, of which single precision sees no error.
#[apply(avx512!)]
fn to_hyperbolic_tangents(values: &mut [f32]) {
    for value in values {
        let x = f64::from(*value);
        let e = exp(-2.0 * x.abs());
        *value = ((1.0 - e) / (1.0 + e)).copysign(x) as f32;
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const LOWEST: Self = Self::NEG_INFINITY;
    const TOLERANCE: f64 = TOLERANCE;

    #[inline]
    fn of(value: f64) -> Self {
        value
    }

    #[inline]
    fn wide(self) -> f64 {
        self
    }

    fn shared(values: &Arc<Vec<f64>>) -> Arc<Vec<Self>> {
        values.clone()
    }

    fn hyperbolic_tangents(values: &[Self]) -> Vec<Self> {
        values.iter().map(|x| x.tanh()).collect()
    }
}

/// A matrix in a slice, or its transpose.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a, T> {
    values: &'a [T],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a, T> Matrix<'a, T> {
    /// `rows` × `columns` values, row by row.
    pub fn new(values: &'a [T], rows: usize, columns: usize) -> Self {
        debug_assert_eq!(values.len(), rows * columns);
        Self { values, rows, columns, transposed: false }
    }

    /// The transpose.
    pub fn transposed(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    fn view(&self) -> ArrayView2<'a, T> {
        let view = ArrayView2::from_shape((self.rows, self.columns), self.values);
        let view = view.expect("a matrix has as many values as its shape says");
        if self.transposed { view.reversed_axes() } else { view }
    }
}

/// `out = a b`, row by row. Each element is summed in an order that depends on the inner dimension alone.
pub fn multiply<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>, out: &mut [T]) {
    multiply_onto(a, b, T::ZERO, out);
}

/// Products of fewer multiplications are made by one thread.
const SPLIT: usize = 1 << 20;
/// Rows or columns of a part are a multiple of it, so that all but the last are whole tiles of the product's innermost loop.
const TILE: usize = 64;

/// `out = keep · out + a b`, row by row. Each element is summed in an order that depends on the inner dimension alone, and neither on the threads
/// that share the work nor on the other rows and columns.
pub fn multiply_onto<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>, keep: T, out: &mut [T]) {
    let (a, b) = (a.view(), b.view());
    let (rows, inner, columns) = (a.nrows(), a.ncols(), b.ncols());
    if inner == 0 {
        out.iter_mut().for_each(|out| *out = keep * *out);
        return;
    }
    let mut out = ArrayViewMut2::from_shape((rows, columns), out).expect("the product has room for its elements");
    let part = rows.max(columns).div_ceil(rayon::current_num_threads()).next_multiple_of(TILE);
    if rows * inner * columns < SPLIT || part >= rows.max(columns) {
        general_mat_mul(T::ONE, &a, &b, keep, &mut out);
    } else if rows >= columns {
        let parts = out.axis_chunks_iter_mut(Axis(0), part).into_par_iter().zip(a.axis_chunks_iter(Axis(0), part));
        parts.for_each(|(mut out, a)| general_mat_mul(T::ONE, &a, &b, keep, &mut out));
    } else {
        let parts = out.axis_chunks_iter_mut(Axis(1), part).into_par_iter().zip(b.axis_chunks_iter(Axis(1), part));
        parts.for_each(|(mut out, b)| general_mat_mul(T::ONE, &a, &b, keep, &mut out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_parts() {
        assert_eq!([2.0, 0.0, -0.0, -3.0].map(Real::sign), [1.0, 1.0, 1.0, -1.0]);
        assert_eq!([2.0f32, -3.0].map(Real::positive), [2.0, 0.0]);
        assert_eq!([2.0f32, -3.0].map(Real::negative), [0.0, -3.0]);
    }

    #[test]
    fn hyperbolic_tangents_are_those_of_the_library() {
        let values: Vec<f32> = (-400..=400).map(|i| i as f32 / 16.0 * 1.1f32.powi(i / 40)).collect();
        for version in [to_hyperbolic_tangents::scalar, to_hyperbolic_tangents::avx2, to_hyperbolic_tangents::avx512] {
            let mut found = values.clone();
            version(&mut found);
            for (x, found) in values.iter().zip(&found) {
                assert_eq!(*found, f64::from(*x).tanh() as f32, "tanh {x}");
            }
        }
    }

    #[test]
    fn threads_that_share_a_product_change_no_bit() {
        let value = |i: usize| ((i * 7919 % 101) as f32 - 50.0) / 17.0;
        for (m, k, n) in [(25, 700, 190), (300, 70, 90), (70, 90, 300)] {
            let (a, b): (Vec<f32>, Vec<f32>) =
                ((0..m * k).map(value).collect(), (0..k * n).map(|i| value(i + 5)).collect());
            let product = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut out: Vec<f32> = (0..m * n).map(value).collect();
                pool.install(|| multiply_onto(Matrix::new(&a, m, k), Matrix::new(&b, k, n), 0.5, &mut out));
                out
            };
            let alone = product(1);
            for threads in [2, 3, 7] {
                assert_eq!(product(threads), alone);
            }
        }
    }

    #[test]
    fn products_are_those_of_three_loops_and_do_not_depend_on_the_number_of_rows() {
        let value = |i: usize| ((i * 7919 % 101) as f64 - 50.0) / 17.0;
        let (m, k, n) = (13, 700, 9);
        let a: Vec<f64> = (0..m * k).map(value).collect();
        let b: Vec<f64> = (0..n * k).map(|i| value(i + 5)).collect();
        let mut out = vec![0.0; m * n];
        multiply(Matrix::new(&a, m, k), Matrix::new(&b, n, k).transposed(), &mut out);
        for i in 0..m {
            for j in 0..n {
                let slow: f64 = (0..k).map(|l| a[i * k + l] * b[j * k + l]).sum();
                assert!((out[i * n + j] - slow).abs() < 1e-9);
            }
            let mut row = vec![0.0; n];
            multiply(Matrix::new(&a[i * k..(i + 1) * k], 1, k), Matrix::new(&b, n, k).transposed(), &mut row);
            assert_eq!(row, out[i * n..(i + 1) * n]);
        }
    }
}
