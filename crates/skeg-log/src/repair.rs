//! Repairing: makes the salvaged prefix the database, and keeps what was there.
//!
//! The order of steps, each durable before the next:
//! 1. in `repair.new/`: the new segment, and a second name for every file that goes away;
//! 2. the second names get their place, `damaged-N/`; the new segment gets its own;
//! 3. MANIFEST, then CURRENT. This is the moment: before, the database is as damaged as it was, from
//!    here on it is the repaired one;
//! 4. the first names of what was moved away are removed, as the next open would do it.
//!
//! What stays where it is and nobody witnesses as durable is written over itself first: a process whose fsync has failed
//! leaves pages that can be read and are not on the disk.
//!
//! Invariants: no byte of an original is changed or lost at any step; a crash at any step leaves the
//! damaged or the repaired database, and a repair can be started again.
//! May not know: what payloads mean.

use std::path::Path;

use crate::block::{BlockBuilder, Claim, Place, parts};
use crate::current::{self, End, NamedSegment, Position};
use crate::error::{LogError, io_error};
use crate::files::{create_dir, link_or_copy, remove_tree, sync_dir, write_again};
use crate::format::KIND_COMMIT;
use crate::manifest::{self, Manifest};
use crate::offline::Offline;
use crate::route::Section;
use crate::salvage::{Fresh, NewHistory, RepairPlan};
use crate::segment::{FILES, HEADER_BYTES, Segment, SegmentHeader, fsync_error};
use crate::small_file::{remove_if_there, replace, write_all};
use crate::snapshot::format as snapshot;
use crate::{value_file, vector};

/// Where a repair puts together what it needs.
pub(crate) const STAGE_NAME: &str = "repair.new";
/// Originals are kept in directories of this name and a number.
pub(crate) const ORIGINALS_PREFIX: &str = "damaged-";

impl Offline {
    /// Does what was planned, and checks that the outcome is sound.
    ///
    /// # Errors
    /// [`LogError::ReadOnly`] for a handle that only looks; [`LogError::Full`] when there is no space
    /// for the new segment: nothing has changed then, and a repair can be started again; others as
    /// they come.
    pub fn repair(&self, plan: &RepairPlan, fresh: &mut Fresh<'_>) -> Result<(), LogError> {
        self.may_write()?;
        let disk = &*self.disk;
        let stage = self.dir.join(STAGE_NAME);
        remove_tree(disk, &stage)?;
        create_dir(disk, &stage.join(FILES.folder))?;
        let written = plan.steps.history.as_ref().map(|new| self.write_prefix(new, &stage));
        if let Some(Err(LogError::Full { .. })) = written {
            // Whatever keeps it from being removed: the next repair removes it.
            let _ = remove_tree(disk, &stage);
        }
        let new_segment = written.transpose()?;
        if let Some(NewHistory { prefix, whole, .. }) = &plan.steps.history {
            let is_doubtful = |section: &&Section| section.end.position.epoch > prefix.witness;
            for Section { segment, end, .. } in prefix.sections[..*whole].iter().filter(is_doubtful)
            {
                write_again(disk, &segment.path, end.length)?;
            }
        }
        self.keep_originals(plan, &stage)?;
        if let Some(named) = new_segment {
            let to = FILES.path(&self.dir, named.id);
            let from = FILES.path(&stage, named.id);
            disk.rename(&from, &to).map_err(|error| io_error("rename", &from, error))?;
            sync_dir(disk, &self.dir.join(FILES.folder))?;
        }
        remove_tree(disk, &stage)?;
        sync_dir(disk, &self.dir)?;
        if plan.steps.manifest {
            let manifest = Manifest { database_id: plan.steps.database_id };
            replace(disk, &self.dir.join(manifest::FILE_NAME), &manifest.encode())?;
        }
        if let (Some(history), Some(named)) = (&plan.steps.history, new_segment) {
            let mut current = history.current.clone();
            current.segments.push(named);
            replace(disk, &self.dir.join(current::FILE_NAME), &current.encode())?;
            for id in &history.dropped {
                remove_if_there(disk, &FILES.path(&self.dir, *id))?;
            }
            sync_dir(disk, &self.dir.join(FILES.folder))?;
        }
        match self.check(&mut *fresh())?.damage.into_iter().next() {
            Some(damage) => Err(LogError::Corrupt(Box::new(damage))),
            None => Ok(()),
        }
    }

    /// Writes what does not stay where it is into a new segment in `stage`: how CURRENT names it.
    fn write_prefix(&self, history: &NewHistory, stage: &Path) -> Result<NamedSegment, LogError> {
        let NewHistory { prefix, whole, current, .. } = history;
        let before = match whole.checked_sub(1) {
            Some(last) => prefix.sections[last].end.position,
            None => prefix.start,
        };
        let header = SegmentHeader {
            id: current.next_segment - 1,
            database_id: current.database_id,
            salt: self.io.entropy.next_u64(),
            after: before,
        };
        let rewritten = prefix.sections[*whole..].iter();
        let bytes: u64 = rewritten.map(|section| section.end.length - HEADER_BYTES).sum();
        let segment = Segment::create(&self.io, stage, &header, HEADER_BYTES + bytes)?;
        let mut end = End { length: HEADER_BYTES, position: before };
        let mut builder = BlockBuilder::default();
        prefix.each_commit(*whole, current.shards, &mut |block| {
            let (epoch, durable) = (block.header.epoch, block.header.durable);
            let claim = Claim { kind: KIND_COMMIT, epoch, durable, previous: end.position.chain };
            let place = Place { salt: header.salt, offset: end.length };
            let chain = builder.build(place, claim, parts(block.bytes, &block.header));
            write_all(&*segment.file, &segment.path, builder.bytes(), end.length)?;
            let length = end.length + builder.bytes().len() as u64;
            end = End { length, position: Position { epoch, chain } };
            Ok(())
        })?;
        let cut = segment.file.set_len(end.length);
        cut.map_err(|error| io_error("cut", &segment.path, error))?;
        segment.file.sync_all().map_err(|error| fsync_error(&segment.path, error))?;
        Ok(NamedSegment::sealed(header.id, end))
    }

    /// Gives everything that goes away a second name that stays.
    fn keep_originals(&self, plan: &RepairPlan, stage: &Path) -> Result<(), LogError> {
        let disk = &*self.disk;
        let originals = stage.join("originals");
        let mut folders = vec![FILES.folder];
        create_dir(disk, &originals.join(FILES.folder))?;
        let small = [manifest::FILE_NAME, current::FILE_NAME].map(str::to_owned);
        let history = plan.steps.history.iter();
        let dropped = history.flat_map(|history| history.dropped.iter().chain(&history.cut));
        let segments = dropped.map(|id| format!("{}/{}", FILES.folder, FILES.name(*id)));
        // The next open removes what CURRENT does not name any more.
        let mut beside = Vec::new();
        if let Some(NewHistory { current, .. }) = &plan.steps.history {
            let mut vectors = vector::FILES.ids(disk, &self.dir)?;
            vectors.retain(|id| !current.vectors.iter().any(|named| named.id == *id));
            let mut snapshots = snapshot::FILES.ids(disk, &self.dir)?;
            snapshots.retain(|id| !current.snapshots().any(|named| named.id == *id));
            let mut values = value_file::FILES.ids(disk, &self.dir)?;
            values.retain(|id| !current.values.iter().any(|named| named.id == *id));
            for (files, ids) in [
                (vector::FILES, vectors),
                (snapshot::FILES, snapshots),
                (value_file::FILES, values),
            ] {
                if !ids.is_empty() {
                    create_dir(disk, &originals.join(files.folder))?;
                    folders.push(files.folder);
                }
                let name = |id| format!("{}/{}", files.folder, files.name(id));
                beside.extend(ids.into_iter().map(name));
            }
        }
        for name in segments.chain(beside).chain(small) {
            let from = self.dir.join(&name);
            match disk.metadata(&from) {
                Ok(_) => drop(link_or_copy(disk, &from, &originals.join(&name))?),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(io_error("look at", &from, error)),
            }
        }
        folders.iter().try_for_each(|folder| sync_dir(disk, &originals.join(folder)))?;
        sync_dir(disk, &originals)?;
        let moved = disk.rename(&originals, &plan.originals);
        moved.map_err(|error| io_error("rename", &originals, error))?;
        sync_dir(disk, &self.dir)?;
        sync_dir(disk, stage)
    }
}
