//! Signs cut for the scan, 32 rows of four dimensions in 16 bytes, and the same signs row by row.
//!
//! A scan looks at all rows of a block at once; what it leaves of a block are one or two rows, and
//! those are read by themselves. So memory has the first dimensions cut and the others row by row, where
//! on disk all are cut (`docs/format/codes.md`).
//!
//! May not know: which dimensions are scanned, what the signs are of.

use skeg_simd::ROWS;

/// Bytes of two groups: eight dimensions, one byte of each row.
const PAIR: usize = ROWS;

/// Writes the signs of some groups to the start of rows, which lie `stride` bytes apart: of as many as there are,
/// 32 at most.
pub(super) fn to_rows(groups: &[u8], rows: &mut [u8], stride: usize) {
    let pairs = groups.as_chunks::<PAIR>().0;
    for (place, row) in rows.chunks_exact_mut(stride).take(ROWS).enumerate() {
        let (column, shift) = (place % 16, place / 16 * 4);
        for (byte, pair) in row.iter_mut().zip(pairs) {
            *byte = pair[column] >> shift & 0x0f | pair[16 + column] >> shift << 4;
        }
    }
}

/// Writes the signs at the start of rows into groups: the other way round. Rows that are not there are zero.
pub(super) fn to_groups(rows: &[u8], stride: usize, groups: &mut [u8]) {
    groups.fill(0);
    let pairs = groups.as_chunks_mut::<PAIR>().0;
    for (place, row) in rows.chunks_exact(stride).take(ROWS).enumerate() {
        let (column, shift) = (place % 16, place / 16 * 4);
        for (&byte, pair) in row.iter().zip(&mut *pairs) {
            pair[column] |= (byte & 0x0f) << shift;
            pair[16 + column] |= byte >> 4 << shift;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The oracle: dimension after dimension, row after row.
    fn bit(groups: &[u8], row: usize, dim: usize) -> u8 {
        groups[dim / 4 * 16 + row % 16] >> (row / 16 * 4 + dim % 4) & 1
    }

    #[test]
    fn signs_are_the_same_cut_and_row_by_row() {
        let stride = 11;
        for (dims, count) in [(0, 32), (8, 32), (64, 32), (64, 16), (64, 17), (64, 1), (40, 0)] {
            let groups: Vec<u8> = (0..dims * 4).map(|n: usize| (n * n / 7 + n) as u8).collect();
            let mut rows = vec![0xaa; count * stride];
            to_rows(&groups, &mut rows, stride);
            for (row, dim) in (0..count).flat_map(|row| (0..dims).map(move |dim| (row, dim))) {
                let found = rows[row * stride + dim / 8] >> (dim % 8) & 1;
                assert_eq!(found, bit(&groups, row, dim), "{row} {dim}");
            }
            let mut back = vec![0x55; groups.len()];
            to_groups(&rows, stride, &mut back);
            for (row, dim) in (0..ROWS).flat_map(|row| (0..dims).map(move |dim| (row, dim))) {
                let expected = if row < count { bit(&groups, row, dim) } else { 0 };
                assert_eq!(bit(&back, row, dim), expected, "{row} {dim}");
            }
        }
    }
}
