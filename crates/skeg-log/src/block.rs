//! Putting a block together, and taking one apart again.
//!
//! Invariants: nothing of a block is believed before its header's checksum has verified, and no
//! record is handed on before the whole block has; padding is zero; a block that verifies at its
//! place is the one that was written there.
//! May not know: where blocks are stored, which block should come next.

use crate::format::{
    BLOCK_HEADER_BYTES, BLOCK_MAGIC, BlockHeader, FORMAT_VERSION, KIND_COMMIT, KIND_WATERMARK,
    RECORD_HEADER_BYTES, Seed, TABLE_ENTRY_BYTES, block_bytes, front_sum, u32_at,
};
use crate::types::ShardId;

/// Where a block lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Salt of the segment.
    pub(crate) salt: u64,
    /// Offset in the file.
    pub(crate) offset: u64,
}

/// What a new block says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    /// Commit or watermark.
    pub(crate) kind: u8,
    /// The block's epoch.
    pub(crate) epoch: u64,
    /// Highest durable epoch.
    pub(crate) durable: u64,
    /// Checksum of the block before.
    pub(crate) previous: u32,
}

/// Why bytes are not a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// What should have been there.
    pub(crate) expected: String,
    /// What was there.
    pub(crate) found: String,
}

impl Mismatch {
    pub(crate) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }

    fn sum(what: &str, expected: u32, found: u32) -> Self {
        Self::new(format!("{what} checksum {expected:08x}"), format!("{found:08x}"))
    }
}

/// Builds blocks in a buffer that is used again and again.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    bytes: Vec<u8>,
    record_sums: Vec<u8>,
}

/// Memory that a builder keeps when there is nothing to do.
const KEPT_BYTES: usize = 256 << 10;

impl BlockBuilder {
    /// Puts a block together: `parts` are the shards in ascending order, each with its records as
    /// they will stand, but for their checksums. Returns the block's checksum.
    pub(crate) fn build<'a>(
        &mut self,
        place: Place,
        claim: Claim,
        parts: impl Iterator<Item = (u16, &'a [u8])> + Clone,
    ) -> u32 {
        let (mut entries, mut payload_bytes) = (0, 0);
        for (_, records) in parts.clone() {
            entries += 1;
            payload_bytes += records.len();
        }
        let total = block_bytes(entries, payload_bytes as u64).expect("it is in memory");
        self.bytes.clear();
        self.record_sums.clear();
        self.bytes.reserve(total as usize);
        self.bytes.resize(BLOCK_HEADER_BYTES, 0);
        BlockHeader {
            kind: claim.kind,
            entries: u16::try_from(entries).expect("there are no more shards than that"),
            epoch: claim.epoch,
            durable: claim.durable,
            payload_bytes: payload_bytes as u64,
            previous: claim.previous,
            header_sum: 0,
            block_sum: 0,
        }
        .encode(&mut self.bytes);
        for (shard, records) in parts.clone() {
            let length = u32::try_from(records.len()).expect("a shard's half is bounded");
            self.bytes.extend_from_slice(&shard.to_le_bytes());
            self.bytes.extend_from_slice(&[0, 0]);
            self.bytes.extend_from_slice(&length.to_le_bytes());
        }
        let front = self.bytes.len();
        let seed = Seed::new(place.salt, claim.epoch);
        for (_, records) in parts {
            let mut at = self.bytes.len();
            self.bytes.extend_from_slice(records);
            while at < self.bytes.len() {
                let end = at + RECORD_HEADER_BYTES + u32_at(&self.bytes, at) as usize;
                let sum = seed.record(place.offset + at as u64, &self.bytes[at..end]).to_le_bytes();
                self.bytes[at + 4..at + 8].copy_from_slice(&sum);
                self.record_sums.extend_from_slice(&sum);
                at = end;
            }
        }
        self.bytes.resize(total as usize, 0);
        BlockHeader::seal(&mut self.bytes[..front], seed, place.offset, &self.record_sums)
    }

    /// The block put together last.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives back memory that only a load like the last one needs.
    pub(crate) fn release_memory(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.record_sums.clear();
        self.record_sums.shrink_to(KEPT_BYTES / 16);
    }
}

/// How many bytes are needed before [`check_front`] can judge: header and claimed table.
pub(crate) fn front_bytes(header: &[u8; BLOCK_HEADER_BYTES]) -> usize {
    BlockHeader::decode(header).front_bytes()
}

/// Verifies header and shard table of a block at `place`. From here on its lengths can be trusted.
pub(crate) fn check_front(front: &[u8], place: Place) -> Result<BlockHeader, Mismatch> {
    let Some(fixed) = front.first_chunk::<BLOCK_HEADER_BYTES>() else {
        return Err(Mismatch::new("a block", "the end of the file"));
    };
    let magic = u32_at(fixed, 0);
    if magic != BLOCK_MAGIC {
        return Err(Mismatch::new(
            format!("a block ({BLOCK_MAGIC:08x})"),
            if magic == 0 { "zeros".to_owned() } else { format!("{magic:08x}") },
        ));
    }
    let header = BlockHeader::decode(fixed);
    if front.len() < header.front_bytes() {
        return Err(Mismatch::new("a shard table", "the end of the file"));
    }
    let front = &front[..header.front_bytes()];
    let sum = front_sum(front, Seed::new(place.salt, header.epoch), place.offset);
    if sum != header.header_sum {
        return Err(Mismatch::sum("block header", sum, header.header_sum));
    }
    Ok(header)
}

/// Whether a block with a verified front is of a kind and version that this build knows.
pub(crate) fn is_known(front: &[u8], header: &BlockHeader) -> bool {
    u32::from(front[4]) == FORMAT_VERSION
        && front[36..40] == [0; 4]
        && (header.kind == KIND_COMMIT || header.kind == KIND_WATERMARK)
}

/// Verifies all of a block whose front was verified: shard table, every record, the block's
/// checksum, padding. Returns the number of records.
pub(crate) fn check_block(
    block: &[u8],
    header: &BlockHeader,
    place: Place,
    shards: u16,
) -> Result<u64, Mismatch> {
    let seed = Seed::new(place.salt, header.epoch);
    let mut at = header.front_bytes();
    let (mut sum, mut records, mut above) = (header.header_sum, 0, 0);
    for (shard, length) in table(block, header) {
        if shard < above || shard >= u32::from(shards) || length == 0 {
            return Err(Mismatch::new("ascending shards with records", format!("shard {shard}")));
        }
        above = shard + 1;
        let end = at + length;
        if end > block.len() {
            return Err(Mismatch::new("records within the block", "records beyond its end"));
        }
        while at < end {
            let rest = &block[at..end];
            if rest.len() < RECORD_HEADER_BYTES {
                return Err(Mismatch::new("a record", "the end of the shard's part"));
            }
            let length = RECORD_HEADER_BYTES + u32_at(rest, 0) as usize;
            if length > rest.len() {
                return Err(Mismatch::new("a record within its part", "a longer one"));
            }
            let stored = u32_at(rest, 4);
            let computed = seed.record(place.offset + at as u64, &rest[..length]);
            if stored != computed {
                return Err(Mismatch::sum("record", computed, stored));
            }
            sum = skeg_simd::crc32c(sum, &rest[4..8]);
            records += 1;
            at += length;
        }
    }
    if at as u64 != header.front_bytes() as u64 + header.payload_bytes {
        return Err(Mismatch::new("a table that adds up", "another payload length"));
    }
    if sum != header.block_sum {
        return Err(Mismatch::sum("block", sum, header.block_sum));
    }
    if (records > 0) != (header.kind == KIND_COMMIT) {
        return Err(Mismatch::new("records in a commit block only", format!("{records} records")));
    }
    if block[at..].iter().any(|&byte| byte != 0) {
        return Err(Mismatch::new("zeros as padding", "other bytes"));
    }
    Ok(records)
}

/// The shards of a verified block, each with its records.
pub(crate) fn parts<'a>(
    block: &'a [u8],
    header: &BlockHeader,
) -> impl Iterator<Item = (u16, &'a [u8])> + Clone {
    let start = header.front_bytes();
    table(block, header).scan(start, move |at, (shard, length)| {
        let part = &block[*at..*at + length];
        *at += length;
        Some((shard as u16, part))
    })
}

/// A record of a verified block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) shard: ShardId,
    /// Where it begins in the shard's part.
    pub(crate) offset: u64,
    pub(crate) kind: u8,
    pub(crate) payload: &'a [u8],
    /// Where the payload begins in the block.
    pub(crate) payload_at: u64,
}

/// The records of a verified block.
pub(crate) fn records<'a>(
    block: &'a [u8],
    header: &BlockHeader,
) -> impl Iterator<Item = Record<'a>> {
    let mut next_part = header.front_bytes();
    parts(block, header).flat_map(move |(shard, part)| {
        let part_at = next_part;
        next_part += part.len();
        let mut at = 0;
        std::iter::from_fn(move || {
            if at == part.len() {
                return None;
            }
            let end = at + RECORD_HEADER_BYTES + u32_at(part, at) as usize;
            let (offset, record) = (at as u64, &part[at..end]);
            let payload_at = (part_at + at + RECORD_HEADER_BYTES) as u64;
            at = end;
            let (kind, payload) = (record[8], &record[RECORD_HEADER_BYTES..]);
            Some(Record { shard: ShardId(shard), offset, kind, payload, payload_at })
        })
    })
}

/// The entries of the shard table. The zeros behind a shard's number are taken for a part of it, so
/// that other bytes make it too large.
fn table<'a>(
    block: &'a [u8],
    header: &BlockHeader,
) -> impl Iterator<Item = (u32, usize)> + Clone + 'a {
    block[BLOCK_HEADER_BYTES..header.front_bytes()]
        .as_chunks::<TABLE_ENTRY_BYTES>()
        .0
        .iter()
        .map(|entry| (u32_at(entry, 0), u32_at(entry, 4) as usize))
}

/// Appends a record as a half holds it: its checksum is still to come.
pub(crate) fn append_record(half: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a reservation is smaller than that");
    let mut header = [0; RECORD_HEADER_BYTES];
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[8] = kind;
    half.reserve(RECORD_HEADER_BYTES + payload.len());
    half.extend_from_slice(&header);
    half.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    type Shards = std::collections::BTreeMap<u16, Vec<(u8, Vec<u8>)>>;

    const SHARDS: u16 = 16;
    const CLAIM: Claim = Claim { kind: KIND_COMMIT, epoch: 9, durable: 7, previous: 0xfeed };

    fn shards() -> impl Strategy<Value = Shards> {
        btree_map(0..SHARDS, vec((any::<u8>(), vec(any::<u8>(), 0..80)), 1..5), 1..5)
    }

    fn build(shards: &Shards, place: Place) -> (Vec<u8>, u32) {
        let halves: Vec<(u16, Vec<u8>)> = shards
            .iter()
            .map(|(shard, records)| {
                let mut half = Vec::new();
                for (kind, payload) in records {
                    append_record(&mut half, *kind, payload);
                }
                (*shard, half)
            })
            .collect();
        let mut builder = BlockBuilder::default();
        let parts = halves.iter().map(|(shard, half)| (*shard, half.as_slice()));
        let sum = builder.build(place, CLAIM, parts);
        (builder.bytes().to_vec(), sum)
    }

    fn check(block: &[u8], place: Place) -> Result<(BlockHeader, u64), Mismatch> {
        let header = check_front(block, place)?;
        let bytes = header.block_bytes().expect("a verified length") as usize;
        let block = block.get(..bytes).ok_or_else(|| Mismatch::new("a block", "less"))?;
        Ok((header, check_block(block, &header, place, SHARDS)?))
    }

    proptest! {
        #[test]
        fn a_block_gives_back_what_went_in(
            shards in shards(), salt: u64, offset in 0_u64..1 << 40,
        ) {
            let place = Place { salt, offset: offset * 8 };
            let (block, sum) = build(&shards, place);
            prop_assert_eq!(block.len() % 8, 0);
            let (header, count) = check(&block, place).expect("it was just built");
            prop_assert_eq!((header.epoch, header.durable, header.previous), (9, 7, 0xfeed));
            prop_assert_eq!(header.block_sum, sum);
            let found: Vec<_> = records(&block, &header)
                .map(|record| {
                    let at = record.payload_at as usize;
                    assert_eq!(&block[at..at + record.payload.len()], record.payload);
                    (record.shard.0, record.kind, record.payload.to_vec())
                })
                .collect();
            let expected: Vec<_> = shards
                .iter()
                .flat_map(|(shard, records)| {
                    records.iter().map(|(kind, payload)| (*shard, *kind, payload.clone()))
                })
                .collect();
            prop_assert_eq!(count, expected.len() as u64);
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn changed_cut_or_misplaced_bytes_never_verify(
            shards in shards(), salt: u64, at: prop::sample::Index, change in 1_u8..,
        ) {
            let place = Place { salt, offset: 64 };
            let (block, _) = build(&shards, place);
            let at = at.index(block.len());
            let mut changed = block.clone();
            changed[at] ^= change;
            prop_assert!(check(&changed, place).is_err(), "byte {} was changed", at);
            prop_assert!(check(&block[..at], place).is_err(), "cut at {}", at);
            let elsewhere = [Place { salt, offset: 72 }, Place { salt: salt ^ 1, offset: 64 }];
            for place in elsewhere {
                prop_assert!(check(&block, place).is_err(), "misplaced: {:?}", place);
            }
        }
    }

    /// A seed without the salt, or without the offset, would be found out by the tests above.
    #[cfg(feature = "failpoints")]
    #[test]
    fn flaw_misplaced_blocks_verify() {
        use crate::failpoint::{Broken, break_promise};

        let shards = Shards::from([(3, vec![(1, b"payload".to_vec())])]);
        let place = Place { salt: 1, offset: 64 };
        for (broken, elsewhere) in [
            (Broken::DropsTheSalt, Place { salt: 2, offset: 64 }),
            (Broken::DropsTheOffset, Place { salt: 1, offset: 72 }),
        ] {
            assert!(check(&build(&shards, place).0, elsewhere).is_err());
            break_promise(Some(broken));
            let verified = check(&build(&shards, place).0, elsewhere).is_ok();
            break_promise(None);
            assert!(verified, "{broken:?}");
        }
    }
}
