//! Layout of a snapshot file: names for every byte of `docs/format/snapshot.md`.
//!
//! Invariants: little-endian; every checksum is a CRC-32C whose input begins with the file's salt and
//! the offset in the file; each block names the checksum of the one before, so the end mark's
//! stands for the whole file.
//! May not know: files, what a payload means.

use std::path::Path;

use crate::block::Mismatch;
use crate::error::{LogError, corrupt};
use crate::format::{FORMAT_VERSION, u32_at, u64_at};
use crate::numbered::Numbered;
use crate::types::{Epoch, ShardPlace};

const MAGIC: [u8; 8] = *b"SKEGSNP\x1a";
const BLOCK_MAGIC: u32 = u32::from_le_bytes(*b"SNPB");
/// Bytes of the header; the first block follows.
pub(crate) const HEADER_BYTES: u64 = 64;
/// Bytes of a block before its payload.
pub(crate) const BLOCK_HEADER_BYTES: usize = 40;
/// Bytes of the end mark before the places.
const END_FIXED_BYTES: usize = 16;
const PLACE_BYTES: usize = 16;
/// Where the snapshots are.
pub(crate) const FILES: Numbered = Numbered::new("snap", ".snap");

/// A record that recreates entries of one shard.
pub(crate) const BLOCK_ENTRIES: u8 = 1;
/// The last block: totals and places.
pub(crate) const BLOCK_END: u8 = 2;

/// The first bytes of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotHeader {
    pub(crate) id: u64,
    pub(crate) database_id: u128,
    pub(crate) salt: u64,
    pub(crate) shards: u16,
}

impl SnapshotHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES as usize] {
        let mut bytes = [0; HEADER_BYTES as usize];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(HEADER_BYTES as u32).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.database_id.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.salt.to_le_bytes());
        bytes[48..50].copy_from_slice(&self.shards.to_le_bytes());
        let sum = skeg_simd::crc32c(0, &bytes[..60]);
        bytes[60..64].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(file: &Path, bytes: &[u8]) -> Result<Self, LogError> {
        let damage = |at: u64, expected: &str, found: String| {
            Err(corrupt(file, at, Mismatch::new(expected, found)))
        };
        let Some(bytes) = bytes.first_chunk::<{ HEADER_BYTES as usize }>() else {
            return damage(0, "a snapshot header", format!("{} bytes", bytes.len()));
        };
        if bytes[..8] != MAGIC {
            return damage(0, "the magic of a snapshot", format!("{:02x?}", &bytes[..8]));
        }
        let (sum, stored) = (skeg_simd::crc32c(0, &bytes[..60]), u32_at(bytes, 60));
        if sum != stored {
            return damage(60, &format!("header checksum {sum:08x}"), format!("{stored:08x}"));
        }
        let (version, length) = (u32_at(bytes, 8), u32_at(bytes, 12));
        let reserved = bytes[50..60].iter().any(|&byte| byte != 0);
        if version != FORMAT_VERSION || u64::from(length) != HEADER_BYTES || reserved {
            return Err(LogError::Version {
                file: file.to_owned(),
                found: version,
                supported: FORMAT_VERSION,
                need: "open it with a newer skeg",
            });
        }
        Ok(Self {
            id: u64_at(bytes, 16),
            database_id: u128::from_le_bytes(
                *bytes[24..40].first_chunk().expect("sixteen bytes were cut out"),
            ),
            salt: u64_at(bytes, 40),
            shards: u16::from_le_bytes([bytes[48], bytes[49]]),
        })
    }
}

/// The first bytes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHead {
    /// One of the `BLOCK_` constants.
    pub(crate) kind: u8,
    /// The record's kind: for whoever loads, not looked at here. 0 in the end mark.
    pub(crate) record: u8,
    /// 0 in the end mark.
    pub(crate) shard: u16,
    /// Bytes of the payload.
    pub(crate) length: u64,
    /// Number of the block, from 0.
    pub(crate) number: u64,
    /// Entries that the payload recreates; in the end mark, that all blocks do.
    pub(crate) entries: u64,
    /// Checksum of the block before; 0 in the first.
    pub(crate) previous: u32,
}

impl BlockHead {
    /// The header with its checksum, which it returns as well.
    pub(crate) fn encode(
        &self,
        salt: u64,
        offset: u64,
        payload: &[u8],
    ) -> ([u8; BLOCK_HEADER_BYTES], u32) {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        bytes[0..4].copy_from_slice(&BLOCK_MAGIC.to_le_bytes());
        bytes[4] = self.kind;
        bytes[5] = self.record;
        bytes[6..8].copy_from_slice(&self.shard.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.length.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.entries.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.previous.to_le_bytes());
        let sum = block_sum(salt, offset, &bytes, payload);
        bytes[36..40].copy_from_slice(&sum.to_le_bytes());
        (bytes, sum)
    }

    /// Reads the fields as they stand, and the checksum; nothing is verified but the magic.
    pub(crate) fn decode(bytes: &[u8; BLOCK_HEADER_BYTES]) -> Result<(Self, u32), Mismatch> {
        let magic = u32_at(bytes, 0);
        if magic != BLOCK_MAGIC {
            let expected = format!("a block of a snapshot ({BLOCK_MAGIC:08x})");
            return Err(Mismatch::new(expected, format!("{magic:08x}")));
        }
        let head = Self {
            kind: bytes[4],
            record: bytes[5],
            shard: u16::from_le_bytes([bytes[6], bytes[7]]),
            length: u64_at(bytes, 8),
            number: u64_at(bytes, 16),
            entries: u64_at(bytes, 24),
            previous: u32_at(bytes, 32),
        };
        Ok((head, u32_at(bytes, 36)))
    }
}

/// Checksum of a block at `offset`: over its header up to the checksum, and its payload.
pub(crate) fn block_sum(salt: u64, offset: u64, head: &[u8], payload: &[u8]) -> u32 {
    let mut seed = [0; 16];
    seed[..8].copy_from_slice(&salt.to_le_bytes());
    seed[8..].copy_from_slice(&offset.to_le_bytes());
    let sum = skeg_simd::crc32c(skeg_simd::crc32c(0, &seed), &head[..BLOCK_HEADER_BYTES - 4]);
    skeg_simd::crc32c(sum, payload)
}

/// The payload of the end mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Bytes of all payloads before.
    pub(crate) payload_bytes: u64,
    /// Where each shard's part stands in the history.
    pub(crate) places: Vec<ShardPlace>,
}

impl End {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(END_FIXED_BYTES + self.places.len() * PLACE_BYTES);
        bytes.extend_from_slice(&self.payload_bytes.to_le_bytes());
        bytes.extend_from_slice(&(self.places.len() as u64).to_le_bytes());
        for place in &self.places {
            bytes.extend_from_slice(&place.epoch.0.to_le_bytes());
            bytes.extend_from_slice(&place.offset.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8], shards: u16) -> Option<Self> {
        let expected = END_FIXED_BYTES + usize::from(shards) * PLACE_BYTES;
        if bytes.len() != expected || u64_at(bytes, 8) != u64::from(shards) {
            return None;
        }
        let places = bytes[END_FIXED_BYTES..].as_chunks::<PLACE_BYTES>().0.iter();
        Some(Self {
            payload_bytes: u64_at(bytes, 0),
            places: places
                .map(|place| ShardPlace {
                    epoch: Epoch(u64_at(place, 0)),
                    offset: u64_at(place, 8),
                })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn example() -> SnapshotHeader {
        SnapshotHeader { id: 7, database_id: 3 << 99, salt: 0x0123_4567_89ab_cdef, shards: 16 }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = example().encode();
        assert_eq!(SnapshotHeader::decode(Path::new("x"), &bytes).unwrap(), example());
        let place = |number| ShardPlace { epoch: Epoch(number), offset: number * 3 };
        let end = End { payload_bytes: 12, places: (0..4).map(place).collect() };
        assert_eq!(End::decode(&end.encode(), 4), Some(end.clone()));
        assert_eq!(End::decode(&end.encode(), 8), None);
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_found() {
        let bytes = example().encode();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = SnapshotHeader::decode(Path::new("x"), &bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "bit {bit}");
        }
    }

    #[test]
    fn a_block_verifies_only_in_its_place() {
        let head = BlockHead {
            kind: BLOCK_ENTRIES,
            record: 1,
            shard: 3,
            length: 5,
            number: 9,
            entries: 2,
            previous: 77,
        };
        let (bytes, sum) = head.encode(1, 64, b"hello");
        assert_eq!(BlockHead::decode(&bytes).unwrap(), (head, sum));
        assert_eq!(block_sum(1, 64, &bytes, b"hello"), sum);
        assert_ne!(block_sum(2, 64, &bytes, b"hello"), sum, "another salt");
        assert_ne!(block_sum(1, 72, &bytes, b"hello"), sum, "another offset");
        assert_ne!(block_sum(1, 64, &bytes, b"hellp"), sum, "another payload");
    }
}
