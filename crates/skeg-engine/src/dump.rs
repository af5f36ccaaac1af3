//! Values as DUMP gives them and RESTORE takes them: versioned, with a checksum, without the key and
//! without a deadline (`docs/format/dump.md`).
//!
//! Invariants: what was written reads back as the same value; bytes that are damaged, of another
//! program or of a newer version are refused, without a panic.

use skeg_keyspace::StrRef;
use skeg_simd::crc32c;

use crate::error::ReadError;
use crate::shard::{Expiry, Shard};

const MAGIC: [u8; 4] = *b"SKDV";
const VERSION: u8 = 1;
/// Magic, version, type.
const HEAD_BYTES: usize = 6;
const CHECKSUM_BYTES: usize = 4;
const CHECKSUM_SEED: u32 = 0;

/// Types of values.
mod kind {
    pub(super) const STRING: u8 = 1;
    pub(super) const INTEGER: u8 = 2;
}

/// A value that was dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dumped<'a> {
    /// A string.
    String(&'a [u8]),
    /// A string that is stored as an integer.
    Integer(i64),
}

/// Why bytes are no dumped value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// They were not written by this format, by a newer version of it, or were damaged since.
    #[error("the version or the checksum is wrong")]
    Foreign,
    /// The checksum is right and the contents are not: of a type that is not known, or too short.
    #[error("the data format is bad")]
    Malformed,
}

impl<'a> Dumped<'a> {
    /// Reads what [`Shard::dump`] has written.
    ///
    /// # Errors
    /// [`DumpError`] when it has not.
    pub fn read(bytes: &'a [u8]) -> Result<Self, DumpError> {
        let (covered, checksum) =
            bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(DumpError::Foreign)?;
        let known = covered.len() >= HEAD_BYTES && covered[..4] == MAGIC && covered[4] == VERSION;
        if !known || u32::from_le_bytes(*checksum) != crc32c(CHECKSUM_SEED, covered) {
            return Err(DumpError::Foreign);
        }
        let body = &covered[HEAD_BYTES..];
        match covered[5] {
            kind::STRING => Ok(Self::String(body)),
            kind::INTEGER => {
                let number = body.try_into().map_err(|_| DumpError::Malformed)?;
                Ok(Self::Integer(i64::from_le_bytes(number)))
            }
            _ => Err(DumpError::Malformed),
        }
    }

    fn write(self) -> Vec<u8> {
        let (kind, number);
        let body = match self {
            Self::String(bytes) => {
                kind = kind::STRING;
                bytes
            }
            Self::Integer(value) => {
                kind = kind::INTEGER;
                number = value.to_le_bytes();
                &number
            }
        };
        let mut out = Vec::with_capacity(HEAD_BYTES + body.len() + CHECKSUM_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, kind]);
        out.extend_from_slice(body);
        let checksum = crc32c(CHECKSUM_SEED, &out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }
}

impl Shard {
    /// The value of a key, for [`Dumped::read`].
    ///
    /// # Errors
    /// [`ReadError`]: it is of a type that cannot be dumped, or not to be had now.
    pub fn dump(&mut self, db: u8, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.string(db, key)?.map(|value| match value {
            StrRef::Bytes(bytes) => Dumped::String(bytes).write(),
            StrRef::Int(value) => Dumped::Integer(value).write(),
        }))
    }

    /// Stores a dumped value, in the place of what is there.
    pub fn restore(&mut self, db: u8, key: &[u8], value: Dumped<'_>, expiry: Expiry) {
        match value {
            Dumped::String(bytes) => self.set(db, key, bytes, expiry),
            Dumped::Integer(value) => self.set(db, key, value.to_string().as_bytes(), expiry),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_dumped_is_read(bytes: Vec<u8>, number: i64) {
            for value in [Dumped::String(&bytes), Dumped::Integer(number)] {
                let written = value.write();
                prop_assert_eq!(Dumped::read(&written), Ok(value));
            }
        }

        #[test]
        fn a_changed_bit_or_a_cut_is_noticed(bytes: Vec<u8>, bit: usize, cut in 1_usize..12) {
            let written = Dumped::String(&bytes).write();
            let mut changed = written.clone();
            changed[bit / 8 % written.len()] ^= 1 << (bit % 8);
            prop_assert_eq!(Dumped::read(&changed), Err(DumpError::Foreign));
            let end = written.len().saturating_sub(cut);
            prop_assert_eq!(Dumped::read(&written[..end]), Err(DumpError::Foreign));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Dumped::read(&bytes);
        }
    }

    #[test]
    fn a_type_that_is_not_known_is_malformed() {
        let mut bytes = Dumped::String(b"x").write();
        bytes.truncate(bytes.len() - CHECKSUM_BYTES);
        bytes[5] = 99;
        let checksum = crc32c(CHECKSUM_SEED, &bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        assert_eq!(Dumped::read(&bytes), Err(DumpError::Malformed));
    }
}
