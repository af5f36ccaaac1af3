//! Bits of rows as they are on disk (`docs/format/codes.md`): all of the first plane cut for the scan, those of the first
//! dimensions of all blocks and then the others; the further planes row after row. In memory only the first are cut.
//!
//! May not know: where the bytes go, what a scan does with them.

use std::ops::Range;

use skeg_simd::ROWS;

use super::cut::{to_groups, to_rows};
use super::laid::{BYTES, Laid};
use super::stored::{Fill, Sink};

/// Bytes that are brought from one layout into the other at once.
const PIECE: usize = 64 << 10;

/// The numbers below `count` in ranges of as many as have [`PIECE`] bytes; nothing when each has none.
fn pieces(count: usize, bytes: usize) -> impl Iterator<Item = Range<usize>> {
    let each = (PIECE / bytes.max(1)).max(1);
    let count = if bytes > 0 { count } else { 0 };
    (0..count).step_by(each).map(move |start| start..(start + each).min(count))
}

impl Laid {
    pub(super) fn save_planes<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        let (stride, tail) = (self.rest_bytes(), self.tail_bytes());
        out(&self.heads)?;
        let mut piece = Vec::new();
        for blocks in pieces(self.len.div_ceil(ROWS), tail * ROWS) {
            piece.resize(blocks.len() * tail * ROWS, 0);
            for (block, groups) in blocks.zip(piece.chunks_exact_mut(tail * ROWS)) {
                to_groups(&self.rests[block * ROWS * stride..], stride, groups);
            }
            out(&piece)?;
        }
        for rows in pieces(self.len, stride - tail) {
            piece.clear();
            rows.for_each(|row| piece.extend_from_slice(&self.rest(row)[tail..]));
            out(&piece)?;
        }
        Ok(())
    }

    /// In place of no rows.
    pub(super) fn load_planes<E>(&mut self, rows: usize, fill: &mut impl Fill<E>) -> Result<(), E> {
        let (stride, tail) = (self.rest_bytes(), self.tail_bytes());
        let blocks = rows.div_ceil(ROWS);
        for (lines, bytes) in
            [(&mut self.heads, blocks * self.head * BYTES), (&mut self.rests, rows * stride)]
        {
            lines.reserve_exact(bytes);
            lines.extend_zeros(bytes);
        }
        fill(&mut self.heads)?;
        let mut piece = Vec::new();
        for blocks in pieces(blocks, tail * ROWS) {
            piece.resize(blocks.len() * tail * ROWS, 0);
            fill(&mut piece)?;
            for (block, groups) in blocks.zip(piece.chunks_exact(tail * ROWS)) {
                to_rows(groups, &mut self.rests[block * ROWS * stride..], stride);
            }
        }
        for rows in pieces(rows, stride - tail) {
            piece.resize(rows.len() * (stride - tail), 0);
            fill(&mut piece)?;
            for (row, further) in rows.zip(piece.chunks_exact(stride - tail)) {
                self.rests[row * stride + tail..][..further.len()].copy_from_slice(further);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::code::Coder;

    fn planes(bits: u32, dim: usize, head: usize, rows: usize) -> Laid {
        let kernels = skeg_simd::kernels();
        let mut planes = Laid::new(kernels, bits, dim, head);
        let mut coder = Coder::default();
        for row in 0..rows {
            let row: Vec<f32> =
                (0..dim).map(|n| ((n * n + 31 * row * n + row) % 97) as f32 - 48.0).collect();
            let factors = coder.encode(kernels, bits, &row);
            planes.push(&coder.levels, factors.slope, factors.norm2);
        }
        planes
    }

    fn stored(planes: &Laid) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = |some: &[u8]| -> Result<(), ()> {
            bytes.extend_from_slice(some);
            Ok(())
        };
        planes.save_planes(&mut out).unwrap();
        bytes
    }

    #[test]
    fn signs_are_stored_cut_whatever_is_scanned_first() {
        let cases: [(u32, usize, usize); 6] =
            [(1, 512, 70), (2, 512, 64), (2, 640, 1_100), (4, 192, 33), (2, 128, 1), (2, 512, 0)];
        for (bits, dim, rows) in cases {
            let (blocks, further) = (rows.div_ceil(ROWS), (bits as usize - 1) * dim / 8);
            // What is cut in memory all the same is the oracle.
            let whole = stored(&planes(bits, dim, dim, rows));
            assert_eq!(
                whole.len(),
                blocks * ROWS * dim / 8 + rows * further,
                "{bits} {dim} {rows}"
            );
            for head in [64, 128] {
                let pushed = planes(bits, dim, head, rows);
                let bytes = stored(&pushed);
                let (signs, others) = bytes.split_at(blocks * dim * BYTES);
                let (first, second) = signs.split_at(blocks * head * BYTES);
                for (block, expected) in whole.chunks_exact(dim * BYTES).take(blocks).enumerate() {
                    let part =
                        |of: &[u8], dims| of[block * dims * BYTES..][..dims * BYTES].to_vec();
                    let found = [part(first, head), part(second, dim - head)].concat();
                    assert_eq!(found, expected, "{bits} {dim} {head} {block}");
                }
                assert_eq!(others, &whole[blocks * dim * BYTES..]);

                let mut loaded = planes(bits, dim, head, 0);
                let mut left = &bytes[..];
                let mut fill = |bytes: &mut [u8]| -> Result<(), ()> {
                    let (some, behind) = left.split_at(bytes.len());
                    bytes.copy_from_slice(some);
                    left = behind;
                    Ok(())
                };
                loaded.load_planes(rows, &mut fill).unwrap();
                assert!(left.is_empty());
                assert_eq!(loaded.heads[..], pushed.heads[..]);
                assert_eq!(loaded.rests[..], pushed.rests[..]);
            }
        }
    }
}
