//! CURRENT: which files make up the database now. Layout: `docs/format/current.md`.
//!
//! Invariants: one owner publishes it, each time with the next generation; a segment is named before
//! its first block is written, and gets its length only when that is synced, so open segments
//! stand behind the sealed ones; ids ascend and are never used twice.
//! May not know: how files are written.

use std::path::Path;

use crate::block::Mismatch;
use crate::error::{LogError, corrupt};
use crate::format::{FORMAT_VERSION, u32_at, u64_at};
use crate::small_file::{Fields, open_frame};
use crate::snapshot::SnapshotInfo;
use crate::types::{Epoch, ShardPlace};
use crate::value_file::HEADER_BYTES as VALUE_HEADER_BYTES;

/// Name of the file in the database directory.
pub(crate) const FILE_NAME: &str = "CURRENT";
const MAGIC: [u8; 8] = *b"SKEGCUR\x1a";
const FIXED_BYTES: usize = 104;
const SEGMENT_BYTES: usize = 32;
const VECTOR_SEGMENT_BYTES: usize = 40;
const SNAPSHOT_BYTES: usize = 32;
const OLDER_BYTES: usize = 48;
const VALUE_BYTES: usize = 24;
/// Of the count of files of values.
const COUNT_BYTES: usize = 4;
/// Version of a CURRENT that names older snapshots: builds that do not know them must not take what they rely
/// on for leftovers.
const WITH_OLDER: u32 = 2;
/// Version of a CURRENT that names files of values, for the same reason.
const WITH_VALUES: u32 = 3;
/// Snapshots that can be kept, the newest included: one bit for each.
pub(crate) const SNAPSHOTS_MAX: usize = u8::BITS as usize;
/// No database gets as far as this; larger numbers are refused, so that none can overflow.
pub(crate) const NUMBER_MAX: u64 = 1 << 62;
const OPEN: u8 = 1;
const SEALED: u8 = 2;

/// A place between two blocks: the epoch of the last commit block before it, and the checksum of
/// the last block before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) epoch: u64,
    pub(crate) chain: u32,
}

/// Where a segment ends that no block will follow in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Bytes from the start of the file to the end of the last block.
    pub(crate) length: u64,
    /// Behind the last block.
    pub(crate) position: Position,
}

/// A snapshot as CURRENT names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotRef {
    /// From 1.
    pub(crate) id: u64,
    /// Bytes of its file.
    pub(crate) length: u64,
    /// The newest epoch that is in it, in part at least.
    pub(crate) covered: u64,
    /// Checksum of its end mark, which stands for the whole file.
    pub(crate) sum: u32,
}

impl SnapshotRef {
    pub(crate) fn info(self) -> SnapshotInfo {
        SnapshotInfo { id: self.id, bytes: self.length, covered: Epoch(self.covered) }
    }

    /// Whether a shard's place can be one of this snapshot, when the log goes on behind an epoch.
    pub(crate) fn covers(&self, place: ShardPlace, log_from: u64) -> bool {
        place.covered().0 <= self.covered && place.epoch.0 > log_from
    }

    fn encode(this: Option<Self>) -> [u8; SNAPSHOT_BYTES] {
        let mut bytes = [0; SNAPSHOT_BYTES];
        if let Some(this) = this {
            bytes[..8].copy_from_slice(&this.id.to_le_bytes());
            bytes[8..16].copy_from_slice(&this.length.to_le_bytes());
            bytes[16..24].copy_from_slice(&this.covered.to_le_bytes());
            bytes[24..28].copy_from_slice(&this.sum.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let this = Self {
            id: u64_at(bytes, 0),
            length: u64_at(bytes, 8),
            covered: u64_at(bytes, 16),
            sum: u32_at(bytes, 24),
        };
        (this.id != 0).then_some(this)
    }
}

/// A snapshot that is kept beside the newest, and where the log goes on behind it: what is loaded when newer
/// ones are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Older {
    pub(crate) snapshot: SnapshotRef,
    /// As in [`Current`], of this one.
    pub(crate) start_segment: u64,
    pub(crate) start: Position,
}

impl Older {
    fn decode(bytes: &[u8; OLDER_BYTES]) -> Option<Self> {
        Some(Self {
            snapshot: SnapshotRef::decode(bytes)?,
            start_segment: u64_at(bytes, 32),
            start: Position { epoch: u64_at(bytes, 40), chain: u32_at(bytes, 28) },
        })
    }
}

/// A segment of vectors as CURRENT names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VectorRef {
    /// From 1.
    pub(crate) id: u64,
    /// Number of its index.
    pub(crate) index: u64,
    /// Bytes of its file.
    pub(crate) length: u64,
    /// The newest epoch that is in it, in part at least.
    pub(crate) covered: u64,
    /// Checksum of its header, which stands for the whole file.
    pub(crate) sum: u32,
    /// The shard of its index.
    pub(crate) shard: u16,
}

impl VectorRef {
    fn decode(bytes: &[u8; VECTOR_SEGMENT_BYTES]) -> Option<Self> {
        let this = Self {
            index: u64_at(bytes, 0),
            id: u64_at(bytes, 8),
            length: u64_at(bytes, 16),
            covered: u64_at(bytes, 24),
            sum: u32_at(bytes, 32),
            shard: u16::from_le_bytes([bytes[36], bytes[37]]),
        };
        (bytes[38..] == [0, 0]).then_some(this)
    }
}

/// A file of one value as CURRENT names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValueRef {
    /// From 1.
    pub(crate) id: u64,
    /// Bytes of its file.
    pub(crate) length: u64,
    /// Checksum of the value.
    pub(crate) sum: u32,
    /// Which snapshots name it or are replayed from before its record on: bit 0 for the newest, or for the log
    /// without one, then the older ones. Never 0.
    pub(crate) needed: u8,
}

impl ValueRef {
    fn decode(bytes: &[u8; VALUE_BYTES]) -> Option<Self> {
        let this = Self {
            id: u64_at(bytes, 0),
            length: u64_at(bytes, 8),
            sum: u32_at(bytes, 16),
            needed: bytes[20],
        };
        (bytes[21..] == [0; 3]).then_some(this)
    }
}

/// A segment as CURRENT names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NamedSegment {
    pub(crate) id: u64,
    /// `None` while blocks may follow, or did and were not known to be synced.
    pub(crate) sealed: Option<End>,
    /// Which snapshots name values in it, if it lies before their replay start: bit 0 for the newest, then
    /// the older ones. 0 when there are no older ones: then what lies there is for the one snapshot.
    pub(crate) needed: u8,
}

impl NamedSegment {
    /// One that blocks may follow in.
    pub(crate) fn open(id: u64) -> Self {
        Self { id, sealed: None, needed: 0 }
    }

    /// One that ends there.
    pub(crate) fn sealed(id: u64, end: End) -> Self {
        Self { id, sealed: Some(end), needed: 0 }
    }
}

/// The content of CURRENT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) database_id: u128,
    pub(crate) generation: u64,
    /// An epoch that was durable when this was written: a log that ends before it is damaged.
    pub(crate) durable: u64,
    /// No segment and no value with this id or a higher one has been published yet.
    pub(crate) next_segment: u64,
    pub(crate) shards: u16,
    /// Where replay starts: the first segment, and the position before its first block.
    pub(crate) start_segment: u64,
    pub(crate) start: Position,
    /// What is loaded before anything is replayed.
    pub(crate) snapshot: Option<SnapshotRef>,
    /// Kept beside it, the newest first.
    pub(crate) older: Vec<Older>,
    pub(crate) segments: Vec<NamedSegment>,
    pub(crate) vectors: Vec<VectorRef>,
    /// Files of one value each.
    pub(crate) values: Vec<ValueRef>,
}

impl Current {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let segments = u32::try_from(self.segments.len()).expect("so many files cannot be open");
        let vectors = u32::try_from(self.vectors.len()).expect("so many files cannot be open");
        let older = u16::try_from(self.older.len()).expect("they are few");
        let version = match (self.values.is_empty(), older) {
            (false, _) => WITH_VALUES,
            (true, 0) => FORMAT_VERSION,
            (true, _) => WITH_OLDER,
        };
        let mut fields = Fields::new(MAGIC, version)
            .bytes(&self.database_id.to_le_bytes())
            .u64(self.generation)
            .u64(self.durable)
            .u64(self.next_segment)
            .u16(self.shards)
            .u16(older)
            .u32(segments)
            .u32(vectors)
            .u32(self.start.chain)
            .u64(self.start_segment)
            .u64(self.start.epoch)
            .bytes(&SnapshotRef::encode(self.snapshot));
        for segment in &self.segments {
            let (state, end) = match segment.sealed {
                None => (OPEN, End { length: 0, position: Position::default() }),
                Some(end) => (SEALED, end),
            };
            fields = fields
                .u64(segment.id)
                .u64(end.length)
                .u64(end.position.epoch)
                .u32(end.position.chain)
                .bytes(&[state, segment.needed, 0, 0]);
        }
        for named in &self.vectors {
            fields = fields
                .u64(named.index)
                .u64(named.id)
                .u64(named.length)
                .u64(named.covered)
                .u32(named.sum)
                .u16(named.shard)
                .u16(0);
        }
        for Older { snapshot, start_segment, start } in &self.older {
            fields = fields
                .bytes(&SnapshotRef::encode(Some(*snapshot))[..28])
                .u32(start.chain)
                .u64(*start_segment)
                .u64(start.epoch);
        }
        if !self.values.is_empty() {
            let values = u32::try_from(self.values.len()).expect("so many files cannot be open");
            fields = fields.u32(values);
        }
        for ValueRef { id, length, sum, needed } in &self.values {
            fields = fields.u64(*id).u64(*length).u32(*sum).bytes(&[*needed, 0, 0, 0]);
        }
        fields.seal()
    }

    /// `None` when the file is not of skeg at all.
    pub(crate) fn decode(file: &Path, bytes: &[u8]) -> Result<Option<Self>, LogError> {
        let Some((version, content)) = open_frame(file, bytes, MAGIC, WITH_VALUES)? else {
            return Ok(None);
        };
        let wrong = |expected: &str| corrupt(file, 16, Mismatch::new(expected, "something else"));
        if content.len() < FIXED_BYTES {
            return Err(wrong("104 bytes of content"));
        }
        let (segments, vectors) = (u32_at(content, 44) as usize, u32_at(content, 48) as usize);
        let older = usize::from(u16::from_le_bytes([content[42], content[43]]));
        if version != WITH_VALUES && (version == WITH_OLDER) != (older > 0) {
            return Err(wrong("older snapshots in version 2 alone"));
        }
        let lists =
            [(segments, SEGMENT_BYTES), (vectors, VECTOR_SEGMENT_BYTES), (older, OLDER_BYTES)];
        let lists = lists.map(|(count, bytes)| count * bytes);
        let expected = FIXED_BYTES + lists.iter().sum::<usize>();
        let (content, value_bytes) = content
            .split_at_checked(expected)
            .and_then(|(content, rest)| Some((content, value_list(version, rest)?)))
            .ok_or_else(|| wrong("a length that its counts add up to"))?;
        let snapshot = &content[72..FIXED_BYTES];
        let unnamed = if snapshot[..8] == [0; 8] { snapshot } else { &snapshot[28..] };
        if unnamed.iter().any(|byte| *byte != 0) {
            return Err(LogError::Version {
                file: file.to_owned(),
                found: FORMAT_VERSION,
                supported: FORMAT_VERSION,
                need: "it says more than this version knows; open it with a newer skeg",
            });
        }
        let (segment_bytes, rest) = content[FIXED_BYTES..].split_at(lists[0]);
        let (vector_bytes, older_bytes) = rest.split_at(lists[1]);
        let current = Self {
            database_id: u128::from_le_bytes(*content.first_chunk().expect("it is long enough")),
            generation: u64_at(content, 16),
            durable: u64_at(content, 24),
            next_segment: u64_at(content, 32),
            shards: u16::from_le_bytes([content[40], content[41]]),
            start_segment: u64_at(content, 56),
            start: Position { epoch: u64_at(content, 64), chain: u32_at(content, 52) },
            snapshot: SnapshotRef::decode(snapshot),
            older: list(older_bytes, Older::decode)
                .ok_or_else(|| wrong("older snapshots with their numbers"))?,
            segments: list(segment_bytes, decode_segment)
                .ok_or_else(|| wrong("segments that are open or sealed"))?,
            vectors: list(vector_bytes, VectorRef::decode)
                .ok_or_else(|| wrong("vector segments with zeros at their ends"))?,
            values: list(value_bytes, ValueRef::decode)
                .ok_or_else(|| wrong("files of values with zeros at their ends"))?,
        };
        current.check().map_err(wrong)?;
        Ok(Some(current))
    }

    /// The snapshots, the newest first.
    pub(crate) fn snapshots(&self) -> impl Iterator<Item = SnapshotRef> {
        self.snapshot.into_iter().chain(self.older.iter().map(|older| older.snapshot))
    }

    /// Whether a segment lies before the replay start and is there for values of the newest snapshot or of
    /// memory.
    pub(crate) fn is_for_values(&self, named: &NamedSegment) -> bool {
        named.id < self.start_segment && (self.older.is_empty() || named.needed & 1 == 1)
    }

    /// Takes a snapshot as the newest, and keeps those before it as older ones, `keep` of them all
    /// together. The replay start is still that of the one before.
    pub(crate) fn take_snapshot(&mut self, snapshot: SnapshotRef, keep: usize) {
        let had_older = !self.older.is_empty();
        if let Some(before) = self.snapshot.replace(snapshot) {
            let (start_segment, start) = (self.start_segment, self.start);
            self.older.insert(0, Older { snapshot: before, start_segment, start });
        }
        self.older.truncate(keep.clamp(1, SNAPSHOTS_MAX) - 1);
        let known = if self.older.is_empty() { 0 } else { self.all_snapshots() };
        for named in &mut self.segments {
            let alone = !had_older && named.id < self.start_segment;
            named.needed = (named.needed | u8::from(alone)) << 1 & known;
        }
        let known = self.all_snapshots();
        self.values.iter_mut().for_each(|named| named.needed = named.needed << 1 & known);
    }

    /// A bit for the newest snapshot, or the log where there is none, and one for each older one.
    pub(crate) fn all_snapshots(&self) -> u8 {
        u8::MAX >> (7 - self.older.len())
    }

    /// As it is without its newest snapshot, if there is an older one.
    pub(crate) fn without_newest(&self) -> Option<Self> {
        let (Older { snapshot, start_segment, start }, rest) = self.older.split_first()?;
        let (snapshot, start_segment, start) = (Some(*snapshot), *start_segment, *start);
        let oldest = rest.last().map_or(start_segment, |oldest| oldest.start_segment);
        let mut segments = self.segments.clone();
        segments.retain_mut(|named| {
            named.needed >>= 1;
            let stays = named.id >= oldest || named.needed != 0;
            if rest.is_empty() {
                named.needed = 0;
            }
            stays
        });
        let mut values = self.values.clone();
        values.iter_mut().for_each(|named| named.needed >>= 1);
        values.retain(|named| named.needed != 0);
        Some(Self {
            snapshot,
            start_segment,
            start,
            older: rest.to_vec(),
            segments,
            values,
            ..self.clone()
        })
    }

    /// Without the older snapshots, and without what is there for them alone.
    pub(crate) fn newest_alone(mut self) -> Self {
        let mut segments = std::mem::take(&mut self.segments);
        segments.retain(|named| named.id >= self.start_segment || self.is_for_values(named));
        segments.iter_mut().for_each(|named| named.needed = 0);
        self.values.retain(|named| named.needed & 1 != 0);
        self.values.iter_mut().for_each(|named| named.needed = 1);
        Self { segments, older: Vec::new(), ..self }
    }

    /// As it is without its oldest snapshot, and without what is there for that one alone; `None` when there is no
    /// older one.
    pub(crate) fn without_oldest(&self) -> Option<Self> {
        let (_, rest) = self.older.split_last()?;
        let Some(oldest) = rest.last() else { return Some(self.clone().newest_alone()) };
        let log_from = oldest.start_segment;
        let mut next = Self { older: rest.to_vec(), ..self.clone() };
        let known = next.all_snapshots();
        next.segments.retain_mut(|named| {
            named.needed &= known;
            named.id >= log_from || named.needed != 0
        });
        next.values.iter_mut().for_each(|named| named.needed &= known);
        next.values.retain(|named| named.needed != 0);
        Some(next)
    }

    fn check_older(&self) -> Result<(), &'static str> {
        if self.older.len() >= SNAPSHOTS_MAX || (!self.older.is_empty() && self.snapshot.is_none())
        {
            return Err("no more older snapshots than can be kept beside one");
        }
        let ids: Vec<u64> = self.snapshots().map(|snapshot| snapshot.id).collect();
        if !ids.is_sorted_by(|a, b| a > b) {
            return Err("older snapshots, the newest first");
        }
        let known = if self.older.is_empty() { 0 } else { self.all_snapshots() };
        if self.segments.iter().any(|named| named.needed & !known != 0) {
            return Err("segments for snapshots that there are");
        }
        let mut newer = (self.start_segment, self.start.epoch);
        for Older { snapshot, start_segment, start } in &self.older {
            let is_named = self.segments.iter().any(|segment| segment.id == *start_segment);
            let is_before = *start_segment <= newer.0 && start.epoch <= newer.1;
            if !is_named || !is_before || snapshot.covered > self.durable {
                return Err("older snapshots with the log behind them");
            }
            newer = (*start_segment, start.epoch);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), &'static str> {
        let numbers = [self.generation, self.durable, self.next_segment, self.start.epoch];
        if numbers.into_iter().any(|number| number > NUMBER_MAX) {
            return Err("numbers that can be counted up");
        }
        if let Some(snapshot) = &self.snapshot
            && (snapshot.id > NUMBER_MAX || snapshot.covered > self.durable)
        {
            return Err("a snapshot of durable epochs");
        }
        self.check_older()?;
        let is_sound = |named: &VectorRef| {
            named.id != 0
                && named.id <= NUMBER_MAX
                && named.covered <= self.durable
                && named.shard < self.shards
        };
        if !self.vectors.iter().all(is_sound) {
            return Err("vector segments of durable epochs and of its shards");
        }
        let mut vectors: Vec<u64> = self.vectors.iter().map(|named| named.id).collect();
        vectors.sort_unstable();
        if vectors.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("each vector segment once");
        }
        let known = self.all_snapshots();
        let is_sound = |named: &ValueRef| {
            named.id != 0
                && named.id <= NUMBER_MAX
                && named.needed != 0
                && named.needed & !known == 0
                && (VALUE_HEADER_BYTES..=NUMBER_MAX).contains(&named.length)
        };
        if !self.values.iter().all(is_sound) {
            return Err("files of values for snapshots that there are");
        }
        if !self.values.is_sorted_by(|a, b| a.id < b.id) {
            return Err("ascending files of values");
        }
        if self.values.last().is_some_and(|named| named.id >= self.next_segment) {
            return Err("files of values below the next id");
        }
        if !self.shards.is_power_of_two() {
            return Err("a power of two as shard count");
        }
        if !self.segments.is_sorted_by(|a, b| a.id < b.id) {
            return Err("ascending segments");
        }
        if !self.segments.is_sorted_by_key(|segment| segment.sealed.is_none()) {
            return Err("open segments behind sealed ones");
        }
        if !self.segments.iter().any(|segment| segment.id == self.start_segment) {
            return Err("a segment where replay starts");
        }
        if self.segments.iter().any(|segment| segment.id >= self.next_segment) {
            return Err("segments below the next id");
        }
        Ok(())
    }
}

/// The entries of the files of values in what stands behind the other lists; `None` when that is not what the version has
/// there.
fn value_list(version: u32, rest: &[u8]) -> Option<&[u8]> {
    if version != WITH_VALUES {
        return rest.is_empty().then_some(rest);
    }
    let (count, entries) = rest.split_first_chunk::<COUNT_BYTES>()?;
    let count = u32::from_le_bytes(*count) as usize;
    (count > 0 && entries.len() == count * VALUE_BYTES).then_some(entries)
}

/// Entries of one length, one behind the other; `None` when one of them is none.
fn list<T, const BYTES: usize>(
    bytes: &[u8],
    decode: impl Fn(&[u8; BYTES]) -> Option<T>,
) -> Option<Vec<T>> {
    bytes.as_chunks().0.iter().map(decode).collect()
}

fn decode_segment(bytes: &[u8; SEGMENT_BYTES]) -> Option<NamedSegment> {
    let position = Position { epoch: u64_at(bytes, 16), chain: u32_at(bytes, 24) };
    let end = End { length: u64_at(bytes, 8), position };
    let (sealed, needed) = match bytes[28..] {
        [OPEN, needed, 0, 0] => (None, needed),
        [SEALED, needed, 0, 0] => (Some(end), needed),
        _ => return None,
    };
    Some(NamedSegment { id: u64_at(bytes, 0), sealed, needed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn example() -> Current {
        let end = End { length: 4096, position: Position { epoch: 9, chain: 0xdead_beef } };
        Current {
            database_id: 5 << 77,
            generation: 3,
            durable: 12,
            next_segment: 8,
            shards: 16,
            start_segment: 2,
            start: Position { epoch: 4, chain: 17 },
            snapshot: Some(SnapshotRef { id: 3, length: 4_000, covered: 11, sum: 9 }),
            older: Vec::new(),
            segments: vec![NamedSegment::sealed(2, end), NamedSegment::open(7)],
            vectors: vec![
                VectorRef { id: 9, index: 5 << 44, length: 8192, covered: 12, sum: 77, shard: 3 },
                VectorRef { id: 2, index: 1, length: 4096, covered: 1, sum: 1, shard: 0 },
            ],
            values: Vec::new(),
        }
    }

    fn value(id: u64, needed: u8) -> ValueRef {
        ValueRef { id, length: 64 + 5_000, sum: 0xfeed, needed }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = example().encode();
        assert_eq!(bytes.len(), 124 + 2 * 32 + 2 * 40, "docs/format/current.md");
        assert_eq!(Current::decode(Path::new("CURRENT"), &bytes).unwrap(), Some(example()));
        let without = Current { snapshot: None, ..example() };
        let bytes = without.encode();
        assert_eq!(bytes[88..120], [0; 32], "docs/format/current.md");
        assert_eq!(Current::decode(Path::new("CURRENT"), &bytes).unwrap(), Some(without));
    }

    /// The example with a snapshot before its own, and a segment for values of each.
    fn with_older() -> Current {
        let end = End { length: 4096, position: Position { epoch: 3, chain: 5 } };
        let for_values = |id, needed| NamedSegment { needed, ..NamedSegment::sealed(id, end) };
        let snapshot = SnapshotRef { id: 1, length: 3_000, covered: 3, sum: 8 };
        let older = Older { snapshot, start_segment: 1, start: Position { epoch: 2, chain: 6 } };
        let mut current = Current { older: vec![older], ..example() };
        let more = [for_values(0, 2), for_values(1, 1)];
        current.segments.splice(0..0, more);
        current
    }

    #[test]
    fn older_snapshots_are_kept_with_what_they_need() {
        let current = with_older();
        let bytes = current.encode();
        assert_eq!(bytes.len(), 124 + 4 * 32 + 2 * 40 + 48, "docs/format/current.md");
        assert_eq!(Current::decode(Path::new("CURRENT"), &bytes).unwrap(), Some(current.clone()));
        let ids = |current: &Current| -> Vec<(u64, u8)> {
            current.segments.iter().map(|named| (named.id, named.needed)).collect()
        };

        let older = current.without_newest().unwrap();
        assert_eq!((older.snapshot.unwrap().id, older.start_segment, older.start.epoch), (1, 1, 2));
        assert_eq!((ids(&older), older.older.len()), (vec![(0, 0), (1, 0), (2, 0), (7, 0)], 0));
        assert_eq!(older.without_newest(), None);
        assert_eq!(ids(&current.clone().newest_alone()), [(1, 0), (2, 0), (7, 0)]);

        assert_eq!(current.without_oldest(), Some(current.clone().newest_alone()));

        let newest = SnapshotRef { id: 4, ..current.snapshot.unwrap() };
        let mut next = current.clone();
        next.take_snapshot(newest, 3);
        assert_eq!(ids(&next), [(0, 4), (1, 2), (2, 0), (7, 0)]);
        // What it has from segment 2 on, the one before the newest needs for its log.
        let two = next.without_oldest().unwrap();
        assert_eq!(ids(&two), [(1, 2), (2, 0), (7, 0)]);
        assert_eq!(two.snapshots().map(|named| named.id).collect::<Vec<_>>(), [4, 3]);
        assert_eq!(ids(&two.without_oldest().unwrap()), [(2, 0), (7, 0)]);
        assert_eq!(next.snapshots().map(|named| named.id).collect::<Vec<_>>(), [4, 3, 1]);
        assert_eq!((next.older[0].start_segment, next.older[1].start_segment), (2, 1));
        next.take_snapshot(SnapshotRef { id: 5, ..newest }, 2);
        assert_eq!(ids(&next), [(0, 0), (1, 0), (2, 0), (7, 0)]);
        assert_eq!(next.snapshots().map(|named| named.id).collect::<Vec<_>>(), [5, 4]);
        let mut alone = Current { older: Vec::new(), ..current }.newest_alone();
        alone.take_snapshot(newest, 8);
        assert_eq!(
            ids(&alone),
            [(0, 2), (1, 2), (2, 0), (7, 0)],
            "all before the start was for it"
        );
    }

    #[test]
    fn files_of_values_are_named_in_a_version_of_their_own() {
        for before in [example(), with_older()] {
            let needed = before.all_snapshots();
            let values = vec![value(2, needed), value(7, 1)];
            let current = Current { values, ..before.clone() };
            let bytes = current.encode();
            assert_eq!(bytes.len(), before.encode().len() + 4 + 2 * 24, "docs/format/current.md");
            assert_eq!(bytes[8..12], [3, 0, 0, 0]);
            assert_eq!(Current::decode(Path::new("CURRENT"), &bytes).unwrap(), Some(current));
        }
    }

    #[test]
    fn files_of_values_are_kept_as_long_as_a_snapshot_needs_them() {
        let ids = |current: &Current| -> Vec<(u64, u8)> {
            current.values.iter().map(|named| (named.id, named.needed)).collect()
        };
        let values = vec![value(1, 2), value(2, 1), value(3, 3)];
        let current = Current { values, ..with_older() };
        assert_eq!(ids(&current.without_newest().unwrap()), [(1, 1), (3, 1)]);
        assert_eq!(ids(&current.clone().newest_alone()), [(2, 1), (3, 1)]);
        let newest = SnapshotRef { id: 4, ..current.snapshot.unwrap() };
        let mut next = current.clone();
        next.take_snapshot(newest, 3);
        assert_eq!(ids(&next), [(1, 4), (2, 2), (3, 6)], "whether the newest does is for others");
        assert_eq!(ids(&next.without_oldest().unwrap()), [(2, 2), (3, 2)]);
        let mut next = current;
        next.take_snapshot(newest, 1);
        assert_eq!(ids(&next), [(1, 0), (2, 0), (3, 0)]);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = Current { values: vec![value(1, 2)], ..with_older() }.encode();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match Current::decode(Path::new("CURRENT"), &bytes) {
                Ok(None) => assert!(bit < 64, "only the magic makes it foreign"),
                Ok(Some(_)) => panic!("bit {bit} was not noticed"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "bit {bit}"),
            }
        }
        for length in 8..bytes.len() {
            let error = Current::decode(Path::new("CURRENT"), &bytes[..length]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "length {length}");
        }
    }

    #[test]
    fn contradictions_are_damage() {
        let refused = |change: fn(&mut Current)| {
            let mut current = example();
            change(&mut current);
            let error = Current::decode(Path::new("CURRENT"), &current.encode()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        };
        refused(|current| current.shards = 3);
        refused(|current| current.segments.reverse());
        refused(|current| current.start_segment = 3);
        refused(|current| current.next_segment = 7);
        refused(|current| current.start.epoch = u64::MAX);
        refused(|current| current.durable = 10);
        refused(|current| current.snapshot.as_mut().unwrap().id = u64::MAX);
        refused(|current| current.vectors[0].covered = 13);
        refused(|current| current.vectors[0].shard = 16);
        refused(|current| current.vectors[0].id = 2);
        refused(|current| current.vectors[1].id = 0);
        refused(|current| current.segments[0].needed = 1);
        refused(|current| current.values = vec![value(0, 1)]);
        refused(|current| current.values = vec![value(u64::MAX, 1)]);
        refused(|current| current.values = vec![value(1, 0)]);
        refused(|current| current.values = vec![value(8, 1)]);
        refused(|current| current.values = vec![value(1, 2)]);
        refused(|current| current.values = vec![value(2, 1), value(2, 1)]);
        refused(|current| current.values = vec![ValueRef { length: 63, ..value(1, 1) }]);
        refused(|current| *current = Current { snapshot: None, ..with_older() });
        refused(|current| {
            *current = with_older();
            current.older[0].snapshot.id = 3;
        });
        refused(|current| {
            *current = with_older();
            current.older[0].start_segment = 9;
        });
        refused(|current| {
            *current = with_older();
            current.older[0].start.epoch = 5;
        });
        refused(|current| {
            *current = with_older();
            current.segments[0].needed = 4;
        });
    }
}
