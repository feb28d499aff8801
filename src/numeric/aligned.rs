//! Numbers that begin at a cache line, so that no wide register's worth of them lies across two.

use std::ops::{Deref, DerefMut};

/// A cache line's bytes, and a wide register's.
const LINE: usize = 64;

/// A slice of f32 whose first element begins a cache line.
#[derive(Debug, Default)]
pub struct Aligned {
    /// The numbers, and before and behind them some that do not count.
    values: Vec<f32>,
    first: usize,
    length: usize,
}

impl Aligned {
    /// `length` zeros.
    pub fn zeros(length: usize) -> Self {
        let values = vec![0.0; length + LINE / size_of::<f32>()];
        let offset = values.as_ptr().align_offset(LINE);
        // An allocator that gives no usable address costs time, not correctness.
        let first = if offset <= values.len() - length { offset } else { 0 };
        Self { values, first, length }
    }

    /// Appends zeros until there are at least `length` numbers.
    pub fn grow(&mut self, length: usize) {
        if self.length < length {
            // Growing by half at least, it is not copied again and again.
            let mut longer = Self::zeros(length.max(self.length + self.length / 2));
            longer[..self.length].copy_from_slice(self);
            *self = longer;
        }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.first..self.first + self.length]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.first..self.first + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_at_a_line_and_stay_when_more_come() {
        let aligned = |numbers: &Aligned| (numbers.as_ptr() as usize).is_multiple_of(LINE);
        for length in [0, 1, 15, 16, 1000, 100_000] {
            let mut numbers = Aligned::zeros(length);
            assert!(numbers.len() == length && aligned(&numbers));
            numbers.fill(3.0);
            numbers.grow(length / 2);
            assert_eq!(numbers.len(), length);
            numbers.grow(length + 7);
            assert!(numbers.len() >= length + 7 && aligned(&numbers));
            assert!(numbers[..length].iter().all(|v| *v == 3.0) && numbers[length..].iter().all(|v| *v == 0.0));
        }
    }
}
