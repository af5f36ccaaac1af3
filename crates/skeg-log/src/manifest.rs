//! MANIFEST: what is fixed when a database is created. Layout: `docs/format/manifest.md`.
//!
//! Invariants: written once, as the last step of creation, so its presence means that everything
//! else is there; options that it does not know make a file of another version.
//! May not know: anything that changes while the database lives.

use std::path::Path;

use crate::block::Mismatch;
use crate::error::{LogError, corrupt};
use crate::format::{FORMAT_VERSION, u32_at};
use crate::small_file::{Fields, open_frame};

/// Name of the file in the database directory.
pub(crate) const FILE_NAME: &str = "MANIFEST";
const MAGIC: [u8; 8] = *b"SKEGMAN\x1a";
/// Hash slots of a database, as in Redis Cluster.
const SLOTS: u32 = 16384;
/// The hash that maps keys to slots, padded with zeros.
const HASH: [u8; 16] = *b"crc16-xmodem\0\0\0\0";
const CONTENT_BYTES: usize = 40;

/// The content of MANIFEST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Random identity of the database; every other file repeats it.
    pub(crate) database_id: u128,
}

impl Manifest {
    pub(crate) fn encode(self) -> Vec<u8> {
        Fields::new(MAGIC, FORMAT_VERSION)
            .bytes(&self.database_id.to_le_bytes())
            .u32(SLOTS)
            .u32(0)
            .bytes(&HASH)
            .seal()
    }

    pub(crate) fn decode(file: &Path, bytes: &[u8]) -> Result<Self, LogError> {
        let Some((_, content)) = open_frame(file, bytes, MAGIC, FORMAT_VERSION)? else {
            return Err(corrupt(file, 0, Mismatch::new("a skeg MANIFEST", "another file")));
        };
        let Ok(content) = <&[u8; CONTENT_BYTES]>::try_from(content) else {
            let found = format!("{} bytes", content.len());
            return Err(corrupt(file, 16, Mismatch::new("40 bytes of content", found)));
        };
        if u32_at(content, 16) != SLOTS || u32_at(content, 20) != 0 || content[24..] != HASH {
            return Err(LogError::Version {
                file: file.to_owned(),
                found: u32_at(content, 16),
                supported: SLOTS,
                need: "its slots or options are those of another skeg",
            });
        }
        let id = content.first_chunk().expect("the length was checked");
        Ok(Self { database_id: u128::from_le_bytes(*id) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn what_is_written_is_read() {
        let manifest = Manifest { database_id: 7 << 100 };
        let bytes = manifest.encode();
        assert_eq!(bytes.len(), 60, "docs/format/manifest.md");
        assert_eq!(Manifest::decode(Path::new("MANIFEST"), &bytes).unwrap(), manifest);
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = Manifest { database_id: 7 << 100 }.encode();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = Manifest::decode(Path::new("MANIFEST"), &bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "bit {bit}: {error}");
        }
    }

    #[test]
    fn an_unknown_version_is_told_from_damage() {
        let mut bytes = Manifest { database_id: 1 }.encode();
        bytes[8] = 2;
        let end = bytes.len() - 4;
        let sum = skeg_simd::crc32c(0, &bytes[..end]);
        bytes[end..].copy_from_slice(&sum.to_le_bytes());
        let error = Manifest::decode(Path::new("MANIFEST"), &bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Version);
    }
}
