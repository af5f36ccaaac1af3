//! The bytes of a dump, counted and summed up as they are read.
//!
//! Invariant: a buffer grows with what has arrived, never by what was claimed.

use std::io::{ErrorKind, Read};

use crate::error::RdbError;

/// Redis's CRC-64 (Jones's polynomial, reflected, no inversions).
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

const TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Source<R> {
    inner: R,
    pub(crate) offset: u64,
    pub(crate) sum: u64,
}

impl<R: Read> Source<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, offset: 0, sum: 0 }
    }

    pub(crate) fn into_inner(self) -> R {
        self.inner
    }

    pub(crate) fn damaged(&self, what: impl Into<String>) -> RdbError {
        RdbError::Damaged { offset: self.offset, what: what.into() }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        for byte in bytes {
            self.sum = TABLE[usize::from(*byte ^ self.sum as u8)] ^ (self.sum >> 8);
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], RdbError> {
        let mut bytes = [0; N];
        match self.inner.read_exact(&mut bytes) {
            Ok(()) => self.note(&bytes),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(self.damaged("it ends in the middle"));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, RdbError> {
        Ok(self.array::<1>()?[0])
    }

    /// So many bytes, however many are claimed.
    pub(crate) fn bytes(&mut self, count: u64) -> Result<Vec<u8>, RdbError> {
        let mut bytes = Vec::new();
        self.inner.by_ref().take(count).read_to_end(&mut bytes)?;
        self.note(&bytes);
        if bytes.len() as u64 == count {
            Ok(bytes)
        } else {
            Err(self.damaged(format!("{count} bytes announced, {} there", bytes.len())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_redis() {
        let mut source = Source::new(&b"123456789"[..]);
        source.bytes(9).unwrap();
        assert_eq!(source.sum, 0xe9c6_d914_c4b8_d9ca, "redis/src/crc64.c");
    }
}
