//! Bytes that are written one after the other, handed on in large pieces that begin and end at multiples of their size.
//!
//! The page cache keeps what one write brings in as few blocks as it may (large folios, Linux 6.16 and later on ext4),
//! and what is read from all over is then found the sooner. See `docs/decisions/0073`.
//!
//! May not know: what is in the bytes, where they go.

/// Bytes of a piece. One of 1 MiB is read a tenth faster still, but nobody else has the processor while it is written.
const PIECE_BYTES: u64 = 256 << 10;

/// What has not been handed on.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    bytes: Vec<u8>,
    start: u64,
}

impl Pieces {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Takes bytes at an offset, and hands on what is whole, or does not go on there.
    pub(crate) fn add<E>(
        &mut self,
        mut bytes: &[u8],
        offset: u64,
        write: &mut impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        if offset != self.end() {
            self.finish(write)?;
            self.start = offset;
        }
        while !bytes.is_empty() {
            let room = PIECE_BYTES - self.end() % PIECE_BYTES;
            let (now, later) = bytes.split_at(bytes.len().min(room as usize));
            self.bytes.extend_from_slice(now);
            bytes = later;
            if self.end().is_multiple_of(PIECE_BYTES) {
                self.finish(write)?;
            }
        }
        Ok(())
    }

    /// Hands on all.
    pub(crate) fn finish<E>(
        &mut self,
        write: &mut impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.bytes.is_empty() {
            write(&self.bytes, self.start)?;
            self.start = self.end();
            self.bytes.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn all_bytes_arrive_in_order_and_in_aligned_pieces(
            parts in prop::collection::vec((0_u64..3, 1_usize..400_000), 1..6),
        ) {
            let mut pieces = Pieces::default();
            let (mut expected, mut written) = (Vec::new(), Vec::new());
            let mut last = 0;
            let mut write = |bytes: &[u8], offset: u64| {
                assert!(bytes.len() as u64 <= PIECE_BYTES - offset % PIECE_BYTES);
                let end = offset as usize + bytes.len();
                if written.len() < end {
                    written.resize(end, 0);
                }
                written[offset as usize..end].copy_from_slice(bytes);
                Ok::<(), Infallible>(())
            };
            for (number, (gap, length)) in parts.into_iter().enumerate() {
                let start = last + gap as usize * 5_000;
                let bytes: Vec<u8> = (0..length).map(|n| (n + number) as u8 | 1).collect();
                expected.resize(start, 0);
                expected.extend_from_slice(&bytes);
                pieces.add(&bytes, start as u64, &mut write).unwrap();
                last = start + length;
            }
            pieces.add(&[9; 10], 0, &mut write).unwrap();
            expected.resize(expected.len().max(10), 0);
            expected[..10].fill(9);
            pieces.finish(&mut write).unwrap();
            prop_assert!(written == expected);
        }
    }

    #[test]
    fn what_goes_on_is_handed_on_in_one() {
        let mut pieces = Pieces::default();
        let mut written = Vec::new();
        let mut write = |bytes: &[u8], offset| {
            written.push((offset, bytes.len() as u64));
            Ok::<(), Infallible>(())
        };
        for row in 1..129 {
            pieces.add(&[7; 4_096], row * 4_096, &mut write).unwrap();
        }
        pieces.add(&[7; 4_096], 0, &mut write).unwrap();
        pieces.finish(&mut write).unwrap();
        let expected = [
            (4_096, PIECE_BYTES - 4_096),
            (PIECE_BYTES, PIECE_BYTES),
            (2 * PIECE_BYTES, 4_096),
            (0, 4_096),
        ];
        assert_eq!(written, expected);
    }
}
