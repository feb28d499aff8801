//! Dot products of bytes, many at once, where the processor has an instruction for them.
//!
//! AVX-512 VNNI multiplies 64 pairs of bytes and adds them to 16 sums in one instruction, four times as many as single
//! precision. All is whole numbers: the result is the same whatever computes it.

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "only an intrinsic reaches the instruction"))]

/// Columns of a tile.
pub const COLUMNS: usize = 64;
/// Rows that are multiplied by a tile at once: with their sums they just fill the registers.
pub const ROWS: usize = 6;

/// Four consecutive rows of a tile's columns: `[column / 16][4 (column mod 16) + row]`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Quad([[i8; 64]; 4]);

impl Quad {
    /// All zero.
    pub const ZERO: Self = Self([[0; 64]; 4]);

    /// Sets the value of `column` in row `row` (0 to 3).
    pub fn set(&mut self, column: usize, row: usize, value: i8) {
        self.0[column / 16][4 * (column % 16) + row] = value;
    }
}

/// Proof that the processor has the instruction.
#[derive(Debug, Clone, Copy)]
pub struct ByteProducts(());

impl ByteProducts {
    /// The proof, if there is any.
    pub fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
            return Some(Self(()));
        }
        None
    }

    /// `sums[r][c] = first[c] + Σ_d rows[d][r] tile[d][c]`, modulo 2³².
    ///
    /// `rows[q][r]` holds the four bytes (0 to 255) that row r has at d = 4q … 4q + 3, lowest first; both slices have the same length.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub fn multiply(
        self,
        rows: &[[u32; ROWS]],
        tile: &[Quad],
        first: &[i32; COLUMNS],
        sums: &mut [[i32; COLUMNS]; ROWS],
    ) {
        // SAFETY: a `ByteProducts` is made only if the processor has the instructions.
        unsafe {
            multiply(rows, tile, first, sums);
        }
    }

    /// Never runs: [`ByteProducts::detect`] makes no `ByteProducts` on this processor.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn multiply(
        self,
        _rows: &[[u32; ROWS]],
        _tile: &[Quad],
        _first: &[i32; COLUMNS],
        _sums: &mut [[i32; COLUMNS]; ROWS],
    ) {
        unreachable!("byte products exist on x86-64 only");
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn multiply(rows: &[[u32; ROWS]], tile: &[Quad], first: &[i32; COLUMNS], sums: &mut [[i32; COLUMNS]; ROWS]) {
    use std::arch::x86_64::{
        _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
    };
    let mut registers = [[_mm512_setzero_si512(); 4]; ROWS];
    let (parts, _) = first.as_chunks::<16>();
    for row in &mut registers {
        for (register, part) in row.iter_mut().zip(parts) {
            // SAFETY: `part` has the 64 bytes that are read.
            *register = unsafe { _mm512_loadu_si512(part.as_ptr().cast()) };
        }
    }
    for (rows, quad) in rows.iter().zip(tile) {
        // SAFETY: each part has the 64 bytes that are read.
        let columns = quad.0.each_ref().map(|part| unsafe { _mm512_loadu_si512(part.as_ptr().cast()) });
        for (row, bytes) in registers.iter_mut().zip(rows) {
            let bytes = _mm512_set1_epi32(*bytes as i32);
            for (register, columns) in row.iter_mut().zip(columns) {
                *register = _mm512_dpbusd_epi32(*register, bytes, columns);
            }
        }
    }
    for (sums, row) in sums.iter_mut().zip(&registers) {
        for (part, register) in sums.as_chunks_mut::<16>().0.iter_mut().zip(row) {
            // SAFETY: `part` has the 64 bytes that are written.
            unsafe { _mm512_storeu_si512(part.as_mut_ptr().cast(), *register) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn the_instruction_computes_the_sum() {
        let Some(products) = ByteProducts::detect() else {
            eprintln!("skipped: this processor does not multiply bytes (AVX-512 VNNI)");
            return;
        };
        let mut random = crate::numeric::random::stream(1, "bytes");
        for quads in [0, 1, 2, 32, 97] {
            let bytes: Vec<[[u8; 4]; ROWS]> =
                (0..quads).map(|_| std::array::from_fn(|_| std::array::from_fn(|_| random.random()))).collect();
            let rows: Vec<[u32; ROWS]> = bytes.iter().map(|quad| quad.map(u32::from_le_bytes)).collect();
            let values: Vec<[[i8; 4]; COLUMNS]> =
                (0..quads).map(|_| std::array::from_fn(|_| std::array::from_fn(|_| random.random()))).collect();
            let mut tile = vec![Quad::ZERO; quads];
            for (quad, values) in tile.iter_mut().zip(&values) {
                for (column, values) in values.iter().enumerate() {
                    for (row, value) in values.iter().enumerate() {
                        quad.set(column, row, *value);
                    }
                }
            }
            let first: [i32; COLUMNS] = std::array::from_fn(|_| random.random_range(-1000..1000));
            let mut sums = [[0; COLUMNS]; ROWS];
            products.multiply(&rows, &tile, &first, &mut sums);
            for row in 0..ROWS {
                for column in 0..COLUMNS {
                    let terms = (0..4 * quads)
                        .map(|d| i32::from(bytes[d / 4][row][d % 4]) * i32::from(values[d / 4][column][d % 4]));
                    assert_eq!(sums[row][column], first[column] + terms.sum::<i32>(), "{quads} {row} {column}");
                }
            }
        }
    }
}
