//! Layout of blocks and records: names for every byte of `docs/format/log.md`.
//!
//! Invariants: little-endian; a block starts at a multiple of 8; every checksum is a CRC-32C whose
//! input begins with the segment's salt, the block's epoch and the offset in the file, so that
//! stale or misplaced bytes never verify.
//! May not know: files, locks, what a payload means.

use crate::failpoint::{Broken, breaks};

/// Version of every file of the database and of every block; unknown ones are refused.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// "SBLK".
pub(crate) const BLOCK_MAGIC: u32 = u32::from_le_bytes(*b"SBLK");
/// Blocks start at multiples of this.
pub(crate) const BLOCK_ALIGN: u64 = 8;
/// Bytes of a block's header, before its shard table.
pub(crate) const BLOCK_HEADER_BYTES: usize = 48;
/// Bytes of an entry of the shard table: shard u16, zero u16, length u32.
pub(crate) const TABLE_ENTRY_BYTES: usize = 8;
/// Bytes of a record before its payload: length u32, checksum u32, kind u8.
pub(crate) const RECORD_HEADER_BYTES: usize = 9;

/// Records of one epoch.
pub(crate) const KIND_COMMIT: u8 = 1;
// Kind 2 is reserved for pieces of large values, written ahead: this version refuses it.
/// No records: only names the durable epoch.
pub(crate) const KIND_WATERMARK: u8 = 3;

/// The part of a block's seed that is the same for the whole block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(u32);

impl Seed {
    /// Begins every checksum of the block `epoch` in a segment.
    pub(crate) fn new(salt: u64, epoch: u64) -> Self {
        let salt = if breaks(Broken::DropsTheSalt) { 0 } else { salt };
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&salt.to_le_bytes());
        bytes[8..].copy_from_slice(&epoch.to_le_bytes());
        Self(skeg_simd::crc32c(0, &bytes))
    }

    /// Begins the checksum of what lies at `offset` of the file.
    fn at(self, offset: u64) -> u32 {
        let offset = if breaks(Broken::DropsTheOffset) { 0 } else { offset };
        skeg_simd::crc32c(self.0, &offset.to_le_bytes())
    }

    /// Checksum of the record at `offset`: over length, kind and payload. `record` is all of it.
    pub(crate) fn record(self, offset: u64, record: &[u8]) -> u32 {
        let offset = if breaks(Broken::DropsTheOffset) { 0 } else { offset };
        let mut start = [0; 12];
        start[..8].copy_from_slice(&offset.to_le_bytes());
        start[8..].copy_from_slice(&record[..4]);
        skeg_simd::crc32c(skeg_simd::crc32c(self.0, &start), &record[8..])
    }
}

/// A block's header, without its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    /// One of the `KIND_` constants.
    pub(crate) kind: u8,
    /// Entries of the shard table.
    pub(crate) entries: u16,
    /// The block's epoch; of a watermark, that of the last commit block before it.
    pub(crate) epoch: u64,
    /// Highest epoch known to be durable when the block was written.
    pub(crate) durable: u64,
    /// Bytes of records, without padding.
    pub(crate) payload_bytes: u64,
    /// Checksum of the block before: the chain.
    pub(crate) previous: u32,
    /// Checksum over the header and the shard table.
    pub(crate) header_sum: u32,
    /// Checksum of the block: over the header's and every record's.
    pub(crate) block_sum: u32,
}

impl BlockHeader {
    /// Writes all but the checksums into the first bytes of a block.
    pub(crate) fn encode(&self, out: &mut [u8]) {
        out[0..4].copy_from_slice(&BLOCK_MAGIC.to_le_bytes());
        out[4] = FORMAT_VERSION as u8;
        out[5] = self.kind;
        out[6..8].copy_from_slice(&self.entries.to_le_bytes());
        out[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        out[16..24].copy_from_slice(&self.durable.to_le_bytes());
        out[24..32].copy_from_slice(&self.payload_bytes.to_le_bytes());
        out[32..36].copy_from_slice(&self.previous.to_le_bytes());
        out[36..40].fill(0);
    }

    /// Writes both checksums. `front` is header and table of the block at `offset`.
    pub(crate) fn seal(front: &mut [u8], seed: Seed, offset: u64, record_sums: &[u8]) -> u32 {
        let header_sum = front_sum(front, seed, offset);
        let block_sum = skeg_simd::crc32c(header_sum, record_sums);
        front[40..44].copy_from_slice(&header_sum.to_le_bytes());
        front[44..48].copy_from_slice(&block_sum.to_le_bytes());
        block_sum
    }

    /// Reads the fields as they stand; nothing is verified.
    pub(crate) fn decode(bytes: &[u8; BLOCK_HEADER_BYTES]) -> Self {
        Self {
            kind: bytes[5],
            entries: u16::from_le_bytes([bytes[6], bytes[7]]),
            epoch: u64_at(bytes, 8),
            durable: u64_at(bytes, 16),
            payload_bytes: u64_at(bytes, 24),
            previous: u32_at(bytes, 32),
            header_sum: u32_at(bytes, 40),
            block_sum: u32_at(bytes, 44),
        }
    }

    /// Bytes of header and shard table.
    pub(crate) fn front_bytes(&self) -> usize {
        front_bytes(usize::from(self.entries))
    }

    /// Bytes of the whole block with its padding; `None` when the length is absurd.
    pub(crate) fn block_bytes(&self) -> Option<u64> {
        block_bytes(usize::from(self.entries), self.payload_bytes)
    }
}

/// Checksum over a block's header and shard table.
pub(crate) fn front_sum(front: &[u8], seed: Seed, offset: u64) -> u32 {
    skeg_simd::crc32c(
        skeg_simd::crc32c(seed.at(offset), &front[..40]),
        &front[BLOCK_HEADER_BYTES..],
    )
}

/// Bytes of header and shard table of a block with so many entries.
pub(crate) fn front_bytes(entries: usize) -> usize {
    BLOCK_HEADER_BYTES + entries * TABLE_ENTRY_BYTES
}

/// Bytes of a block with so many table entries and bytes of records, padding included.
pub(crate) fn block_bytes(entries: usize, payload_bytes: u64) -> Option<u64> {
    payload_bytes.checked_add(front_bytes(entries) as u64)?.checked_next_multiple_of(BLOCK_ALIGN)
}

/// The number at a place that the caller knows to be there.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were cut out"))
}

/// The number at a place that the caller knows to be there.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were cut out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_verifies_only_in_its_place() {
        let record = [5, 0, 0, 0, 0, 0, 0, 0, 9, b'h', b'e', b'l', b'l', b'o'];
        let sum = Seed::new(1, 2).record(64, &record);
        assert_ne!(sum, Seed::new(2, 2).record(64, &record), "another salt");
        assert_ne!(sum, Seed::new(1, 3).record(64, &record), "another epoch");
        assert_ne!(sum, Seed::new(1, 2).record(72, &record), "another offset");
        let mut other = record;
        other[8] = 8;
        assert_ne!(sum, Seed::new(1, 2).record(64, &other), "another kind");
        other = record;
        other[4] = 1;
        assert_eq!(sum, Seed::new(1, 2).record(64, &other), "the checksum itself is left out");
    }

    #[test]
    fn block_lengths_are_whole_and_never_overflow() {
        assert_eq!(block_bytes(0, 0), Some(48));
        assert_eq!(block_bytes(1, 1), Some(64));
        assert_eq!(block_bytes(2, 8), Some(72));
        assert_eq!(block_bytes(0, u64::MAX), None);
        assert_eq!(block_bytes(0, u64::MAX - 50), None);
    }
}
