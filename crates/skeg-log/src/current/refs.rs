//! What CURRENT says of one file that it names: a snapshot, a segment, vectors, a value.
//!
//! Invariant: each is written as it is read, in as many bytes as its constant says.
//! May not know: what the files name each other for.

use crate::format::{u32_at, u64_at};
use crate::small_file::Fields;
use crate::snapshot::SnapshotInfo;
use crate::types::{Epoch, ShardPlace};

pub(super) const SEGMENT_BYTES: usize = 32;
pub(super) const VECTOR_BYTES: usize = 40;
pub(super) const SNAPSHOT_BYTES: usize = 28;
pub(super) const OLDER_BYTES: usize = 48;
pub(super) const VALUE_BYTES: usize = 24;
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

    /// In the place of none are zeros.
    pub(super) fn put(this: Option<Self>, fields: Fields) -> Fields {
        let Some(Self { id, length, covered, sum }) = this else {
            return fields.bytes(&[0; SNAPSHOT_BYTES]);
        };
        fields.u64(id).u64(length).u64(covered).u32(sum)
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
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
    /// As in [`Current`](super::Current), of this one.
    pub(crate) start_segment: u64,
    pub(crate) start: Position,
}

impl Older {
    pub(super) fn put(self, fields: Fields) -> Fields {
        SnapshotRef::put(Some(self.snapshot), fields)
            .u32(self.start.chain)
            .u64(self.start_segment)
            .u64(self.start.epoch)
    }

    pub(super) fn decode(bytes: &[u8; OLDER_BYTES]) -> Option<Self> {
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
    pub(super) fn put(self, fields: Fields) -> Fields {
        fields
            .u64(self.index)
            .u64(self.id)
            .u64(self.length)
            .u64(self.covered)
            .u32(self.sum)
            .u16(self.shard)
            .u16(0)
    }

    pub(super) fn decode(bytes: &[u8; VECTOR_BYTES]) -> Option<Self> {
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
    pub(super) fn put(self, fields: Fields) -> Fields {
        fields.u64(self.id).u64(self.length).u32(self.sum).bytes(&[self.needed, 0, 0, 0])
    }

    pub(super) fn decode(bytes: &[u8; VALUE_BYTES]) -> Option<Self> {
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

    pub(super) fn put(self, fields: Fields) -> Fields {
        let (state, end) = match self.sealed {
            None => (OPEN, End { length: 0, position: Position::default() }),
            Some(end) => (SEALED, end),
        };
        let fields = fields.u64(self.id).u64(end.length).u64(end.position.epoch);
        fields.u32(end.position.chain).bytes(&[state, self.needed, 0, 0])
    }

    pub(super) fn decode(bytes: &[u8; SEGMENT_BYTES]) -> Option<Self> {
        let position = Position { epoch: u64_at(bytes, 16), chain: u32_at(bytes, 24) };
        let end = End { length: u64_at(bytes, 8), position };
        let (sealed, needed) = match bytes[28..] {
            [OPEN, needed, 0, 0] => (None, needed),
            [SEALED, needed, 0, 0] => (Some(end), needed),
            _ => return None,
        };
        Some(Self { id: u64_at(bytes, 0), sealed, needed })
    }
}
