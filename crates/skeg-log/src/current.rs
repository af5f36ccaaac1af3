//! CURRENT: which files make up the database now. Layout: `docs/format/current.md`.
//!
//! Invariants: one owner publishes it, each time with the next generation; a segment is named before
//! its first block is written, and gets its length only when that is synced, so open segments
//! stand behind the sealed ones; ids ascend and are never used twice.
//! May not know: how files are written.

mod check;
mod kept;
mod refs;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::block::Mismatch;
use crate::error::{LogError, corrupt};
use crate::format::{FORMAT_VERSION, u32_at, u64_at};
use crate::small_file::{Fields, open_frame};

pub(crate) use kept::SNAPSHOTS_MAX;
pub(crate) use refs::{End, NamedSegment, Older, Position, SnapshotRef, ValueRef, VectorRef};
use refs::{OLDER_BYTES, SEGMENT_BYTES, SNAPSHOT_BYTES, VALUE_BYTES, VECTOR_BYTES};

/// Name of the file in the database directory.
pub(crate) const FILE_NAME: &str = "CURRENT";
const MAGIC: [u8; 8] = *b"SKEGCUR\x1a";
const FIXED_BYTES: usize = 104;
/// Of the count of files of values.
const COUNT_BYTES: usize = 4;
/// Version of a CURRENT that names older snapshots: builds that do not know them must not take what they rely
/// on for leftovers.
const WITH_OLDER: u32 = 2;
/// Version of a CURRENT that names files of values, for the same reason.
const WITH_VALUES: u32 = 3;
/// No database gets as far as this; larger numbers are refused, so that none can overflow.
pub(crate) const NUMBER_MAX: u64 = 1 << 62;

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
        let fields = Fields::new(MAGIC, version)
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
            .u64(self.start.epoch);
        let fields = SnapshotRef::put(self.snapshot, fields).u32(0);
        let fields = put_all(fields, &self.segments, NamedSegment::put);
        let fields = put_all(fields, &self.vectors, VectorRef::put);
        let mut fields = put_all(fields, &self.older, Older::put);
        if !self.values.is_empty() {
            let values = u32::try_from(self.values.len()).expect("so many files cannot be open");
            fields = fields.u32(values);
        }
        put_all(fields, &self.values, ValueRef::put).seal()
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
        let lists = [(segments, SEGMENT_BYTES), (vectors, VECTOR_BYTES), (older, OLDER_BYTES)];
        let lists = lists.map(|(count, bytes)| count * bytes);
        let expected = FIXED_BYTES + lists.iter().sum::<usize>();
        let (content, value_bytes) = content
            .split_at_checked(expected)
            .and_then(|(content, rest)| Some((content, value_list(version, rest)?)))
            .ok_or_else(|| wrong("a length that its counts add up to"))?;
        let snapshot = &content[72..FIXED_BYTES];
        let unnamed = if snapshot[..8] == [0; 8] { snapshot } else { &snapshot[SNAPSHOT_BYTES..] };
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
            segments: list(segment_bytes, NamedSegment::decode)
                .ok_or_else(|| wrong("segments that are open or sealed"))?,
            vectors: list(vector_bytes, VectorRef::decode)
                .ok_or_else(|| wrong("vector segments with zeros at their ends"))?,
            values: list(value_bytes, ValueRef::decode)
                .ok_or_else(|| wrong("files of values with zeros at their ends"))?,
        };
        current.check().map_err(wrong)?;
        Ok(Some(current))
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

/// Appends entries, one behind the other.
fn put_all<T: Copy>(fields: Fields, entries: &[T], put: impl Fn(T, Fields) -> Fields) -> Fields {
    entries.iter().fold(fields, |fields, entry| put(*entry, fields))
}
