//! What a repair loses, file by file.
//!
//! Invariant: what the kept prefix has in another place is not lost.
//! May not know: why the prefix ends where it does.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::current::Current;
use crate::error::LogError;
use crate::inspect::{BlockInfo, RecordInfo};
use crate::offline::Offline;
use crate::route::Prefix;
use crate::scan::SegmentFile;
use crate::segment::{FILES, HEADER_BYTES};
use crate::types::Epoch;
use crate::walk::{ANY_SHARDS, Stretch, walk};

/// What a repair loses of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The file.
    pub file: PathBuf,
    /// Where the lost part begins.
    pub offset: u64,
    /// From there to the last byte that is not zero.
    pub bytes: u64,
    /// The part of them in which no block verifies.
    pub bad_bytes: u64,
    /// First and last epoch of the blocks that verify and are lost.
    pub epochs: Option<(Epoch, Epoch)>,
    /// Records in these.
    pub records: u64,
    /// Why the file as a whole cannot be read, if it cannot.
    pub unreadable: Option<String>,
}

impl Dropped {
    fn new(file: &Path, offset: u64) -> Self {
        Self {
            file: file.to_owned(),
            offset,
            bytes: 0,
            bad_bytes: 0,
            epochs: None,
            records: 0,
            unreadable: None,
        }
    }
}

impl Offline {
    /// What is lost in the segments that do not stay, and in those that are missing.
    pub(super) fn drops(
        &self,
        prefix: &Prefix,
        dropped: &[u64],
        current: Option<&Current>,
        database_id: u128,
        lost: &mut dyn FnMut(Epoch, RecordInfo<'_>),
    ) -> Result<Vec<Dropped>, LogError> {
        let mut drops = Vec::new();
        let named = current.into_iter().flat_map(|current| &current.segments);
        let mut ids: Vec<u64> = named.map(|named| named.id).collect();
        ids.retain(|id| !prefix.sections.iter().any(|kept| kept.segment.header.id == *id));
        let is_named = ids.clone();
        ids.extend(dropped);
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            match self.open_segment(id, Some(database_id))? {
                Ok(segment) => drops.extend(lost_of(&segment, prefix, lost)?),
                // One that CURRENT does not name was being prepared.
                Err(_) if !is_named.contains(&id) && current.is_some() => {}
                Err(error) => {
                    let path = FILES.path(&self.dir, id);
                    let bytes = self.disk.metadata(&path).map_or(0, |info| info.len);
                    let unreadable = Some(error.to_string());
                    let bad_bytes = bytes;
                    drops.push(Dropped { bytes, bad_bytes, unreadable, ..Dropped::new(&path, 0) });
                }
            }
        }
        Ok(drops)
    }
}

/// What is lost of a segment that can be read, behind what the prefix has of it.
fn lost_of(
    segment: &SegmentFile,
    prefix: &Prefix,
    lost: &mut dyn FnMut(Epoch, RecordInfo<'_>),
) -> Result<Option<Dropped>, LogError> {
    let followed = prefix.sections.iter().find(|kept| kept.segment.header.id == segment.header.id);
    let from = followed.map_or(HEADER_BYTES, |section| section.end.length);
    let mut drop: Option<Dropped> = None;
    walk(segment, from..segment.bytes, ANY_SHARDS, None, &mut |stretch| {
        let (offset, end, block) = match stretch {
            Stretch::Free { .. } => return Ok(ControlFlow::Continue(())),
            Stretch::Bad { offset, end, .. } => (offset, end, None),
            Stretch::Block { offset, block } => {
                // What the prefix has in another place is not lost.
                if block.header.epoch <= prefix.last_epoch() {
                    return Ok(ControlFlow::Continue(()));
                }
                let end = offset + block.bytes.len() as u64;
                (offset, end, Some(BlockInfo::new(offset, block)))
            }
        };
        let drop = drop.get_or_insert_with(|| Dropped::new(&segment.path, offset));
        drop.bytes = end - drop.offset;
        let Some(block) = block else {
            drop.bad_bytes += end - offset;
            return Ok(ControlFlow::Continue(()));
        };
        let first = drop.epochs.map_or(block.epoch, |(first, _)| first);
        drop.epochs = Some((first.min(block.epoch), block.epoch));
        drop.records += block.records;
        block.records().for_each(|record| lost(block.epoch, record));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(drop)
}
