//! Bytes of which the first lies at the start of a cache line, so that a block or a row of whole lines
//! touches no line more than it has.
//!
//! May not know: what the bytes are.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// With so many bytes before the first that nobody sees.
    bytes: Vec<u8>,
    skipped: usize,
}

impl Lines {
    /// Makes room for as many further bytes, and hardly more.
    pub(crate) fn reserve_exact(&mut self, more: usize) {
        if self.bytes.capacity() - self.bytes.len() >= more {
            return;
        }
        let mut bytes: Vec<u8> = Vec::with_capacity(self.len() + more + LINE - 1);
        let skipped = bytes.as_ptr().align_offset(LINE).min(LINE - 1);
        bytes.resize(skipped, 0);
        bytes.extend_from_slice(self);
        *self = Self { bytes, skipped };
    }

    /// Appends zeros.
    pub(crate) fn extend_zeros(&mut self, more: usize) {
        if self.bytes.capacity() - self.bytes.len() < more {
            self.reserve_exact(more.max(self.len()));
        }
        self.bytes.resize(self.bytes.len() + more, 0);
    }

    /// No bytes, and room for as many as before.
    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(self.skipped);
    }

    /// Bytes allocated behind this struct.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends bytes.
    pub(crate) fn extend_from_slice(&mut self, more: &[u8]) {
        let len = self.len();
        self.extend_zeros(more.len());
        self[len..].copy_from_slice(more);
    }
}

/// A copy begins a line, too.
impl Clone for Lines {
    fn clone(&self) -> Self {
        let mut same = Self::default();
        same.extend_from_slice(self);
        same
    }
}

impl Deref for Lines {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.skipped..]
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.skipped..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_begins_a_line_however_they_come() {
        let mut lines = Lines::default();
        let mut expected = Vec::new();
        for n in 0..300_usize {
            let more: Vec<u8> = (0..n % 70).map(|x| (x + n) as u8).collect();
            match n % 3 {
                0 => lines.extend_from_slice(&more),
                1 => {
                    lines.extend_zeros(more.len());
                    let len = lines.len();
                    lines[len - more.len()..].copy_from_slice(&more);
                }
                _ => {
                    lines.reserve_exact(more.len());
                    lines.extend_from_slice(&more);
                }
            }
            expected.extend_from_slice(&more);
            assert_eq!(&lines[..], &expected[..]);
            assert!(lines.is_empty() || lines.as_ptr().addr().is_multiple_of(LINE));
            let copy = lines.clone();
            assert_eq!(copy[..], lines[..]);
            assert!(copy.is_empty() || copy.as_ptr().addr().is_multiple_of(LINE));
        }
        lines.clear();
        lines.extend_from_slice(&[7]);
        assert_eq!(lines[..], [7]);
    }
}
