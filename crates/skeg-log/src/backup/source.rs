//! What is copied: the files of a database at one moment, each with the length that counts.
//!
//! Invariants: every segment of it is sealed, at its end or at the last block that is durable; nothing of
//! it is removed while it is held.
//! May not know: where the copy goes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use skeg_io::Disk;

use crate::block::Mismatch;
use crate::core::Core;
use crate::current::{Current, End, NamedSegment, Position};
use crate::error::{LogError, corrupt};
use crate::failpoint::{Broken, breaks};
use crate::format::KIND_COMMIT;
use crate::recover::History;
use crate::scan::{Reader, SegmentFile};
use crate::segment::{FILES, HEADER_BYTES};
use crate::types::Epoch;

/// See the module's header.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) dir: &'a Path,
    pub(super) current: Current,
    /// Segments that never change any more: the CURRENT that is on the disk gives them their length. One that
    /// is sealed in memory only is cut by a recovery.
    fixed: BTreeSet<u64>,
}

impl<'a> Source<'a> {
    /// A database that nobody has open, up to the end of its history.
    pub(super) fn closed(
        disk: &'a dyn Disk,
        dir: &'a Path,
        mut current: Current,
        history: &History,
    ) -> Self {
        let fixed = fixed(&current);
        let mut position = current.start;
        for (index, named) in current.segments.iter_mut().enumerate() {
            let empty = End { length: HEADER_BYTES, position };
            let end = named.sealed.or(history.end_of(index)).unwrap_or(empty);
            named.sealed = Some(end);
            position = end.position;
        }
        current.durable = position.epoch;
        Self { disk, dir, current, fixed }
    }

    /// A database that is used, up to the newest epoch that is durable.
    pub(super) fn open(
        disk: &'a dyn Disk,
        dir: &'a Path,
        held: &Held<'_>,
    ) -> Result<Self, LogError> {
        let mut current = held.current.clone();
        let fixed = held.fixed.clone();
        let sealed = current.segments.iter().filter(|named| named.sealed.is_some()).count();
        let position = match current.segments[..sealed].last() {
            Some(NamedSegment { id, sealed: Some(end), .. }) if *id >= current.start_segment => {
                end.position
            }
            _ => current.start,
        };
        let ends = ends(disk, dir, &current.segments[sealed..], position, held)?;
        for (named, end) in current.segments[sealed..].iter_mut().zip(&ends) {
            named.sealed = Some(*end);
        }
        current.durable = ends.last().map_or(position, |end| end.position).epoch;
        if current.durable < held.durable.0 {
            let last = current.segments.last().expect("CURRENT names at least one segment");
            let expected = format!("blocks up to epoch {}", held.durable.0);
            let found = format!("the last readable one of epoch {}", current.durable);
            let file = FILES.path(dir, last.id);
            return Err(corrupt(&file, HEADER_BYTES, Mismatch::new(expected, found)));
        }
        Ok(Self { disk, dir, current, fixed })
    }

    /// Bytes of a segment that count, and whether it never changes any more.
    pub(super) fn segment(&self, id: u64) -> (u64, bool) {
        let named = self.current.segments.iter().find(|named| named.id == id);
        let end = named.and_then(|named| named.sealed).expect("it is one of them, and sealed");
        (end.length, self.fixed.contains(&id))
    }

    /// Bytes of all files that are copied.
    pub(super) fn bytes(&self) -> u64 {
        let current = &self.current;
        let segments = current.segments.iter().filter_map(|named| named.sealed);
        segments.map(|end| end.length).sum::<u64>()
            + current.snapshots().map(|named| named.length).sum::<u64>()
            + current.vectors.iter().map(|named| named.length).sum::<u64>()
            + current.values.iter().map(|named| named.length).sum::<u64>()
    }
}

fn fixed(current: &Current) -> BTreeSet<u64> {
    current.segments.iter().filter(|named| named.sealed.is_some()).map(|named| named.id).collect()
}

/// Where open segments end if they are cut behind the last commit block that is durable. The last
/// watermark block may not be durable itself; one before a durable commit block is.
fn ends(
    disk: &dyn Disk,
    dir: &Path,
    open: &[NamedSegment],
    before: Position,
    held: &Held<'_>,
) -> Result<Vec<End>, LogError> {
    let mut ends = Vec::new();
    let (mut cut, mut position) = ((0, End { length: HEADER_BYTES, position: before }), before);
    'segments: for (index, named) in open.iter().enumerate() {
        let path = FILES.path(dir, named.id);
        let segment = SegmentFile::open(disk, dir, named.id)?.ok_or_else(|| {
            corrupt(&path, 0, Mismatch::new("a segment named in CURRENT", "no file"))
        })?;
        // What is allocated behind the last block may be given back meanwhile.
        let mut reader = Reader::new(&segment, held.written[&named.id]);
        let mut end = End { length: HEADER_BYTES, position };
        while let Ok(block) = reader.block(end.length, position, held.shards)? {
            if block.header.epoch > held.durable.0 {
                break 'segments;
            }
            position = Position { epoch: block.header.epoch, chain: block.header.block_sum };
            end = End { length: end.length + block.bytes.len() as u64, position };
            if block.header.kind == KIND_COMMIT {
                cut = (index, end);
            }
        }
        ends.push(end);
    }
    ends.truncate(cut.0);
    ends.push(cut.1);
    ends.resize(open.len(), End { length: HEADER_BYTES, position: cut.1.position });
    Ok(ends)
}

/// Keeps the files of an open log that CURRENT names.
#[derive(Debug)]
pub(super) struct Held<'a> {
    core: &'a Core,
    current: Current,
    /// Sealed by the CURRENT that was published last.
    fixed: BTreeSet<u64>,
    /// Bytes up to the end of the last block, of each segment that is not among them.
    written: BTreeMap<u64, u64>,
    durable: Epoch,
    shards: u16,
}

impl<'a> Held<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        let mut upkeeper = core.upkeeper.lock();
        upkeeper.hold();
        let current = upkeeper.sealed(core);
        let fixed = match breaks(Broken::LinksWhatIsCut) {
            true => fixed(&current),
            false => fixed(&upkeeper.current),
        };
        // Asked for last, so what is sealed is durable, too; and before anybody else can name a segment or a
        // file of a value, so nothing durable lies in one that is not in the list.
        let durable = core.durable();
        // Later than that, so they have all that is durable.
        let written = upkeeper.live.iter().map(|it| (it.id, it.written_bytes())).collect();
        drop(upkeeper);
        Self { core, shards: current.shards, current, fixed, written, durable }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.core.upkeeper.lock().release(self.core);
    }
}
