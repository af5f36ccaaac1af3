//! One snapshot from its start to CURRENT, in steps that never block on anything but the disk.
//!
//! First the log is compacted (`compact.rs`). Then, shard after shard: a job starts the walk under the
//! latch, further jobs walk slices, fewer where whoever uses the shard walks along; what all of them and
//! the writers of the shard hand out is written to the file between them. Then what was flushed meanwhile
//! and the rows of the vector indexes follow, without any latch.
//!
//! Invariants: the outlet is emptied in every step, whatever the step waits for, so whoever waits for
//! room in it goes on; a walk is over when its run is dropped.

use std::collections::BTreeSet;

use skeg_io::sync::{Arc, Weak};
use skeg_log::{Epoch, Level, Log, ShardId, ShardPlace, SnapshotInfo, SnapshotWriter};
use skeg_vector::Backend;

use super::compact::{Compaction, Moved, is_full};
use super::due::Files;
use super::errand::{Progress, Reply, Told, errand, post, question, wait_for_log};
use super::ration::Ration;
use crate::effect::KIND_EFFECTS;
use crate::engine::Shared;
use crate::error::SnapshotError;
use crate::indexes::Image;
use crate::job::Bound;
use crate::shard::Shard;
use crate::walk::{Handed, Outlet, Sizes, Started};

/// Blocks of the file are about this large, or as large as what was handed out together.
const BLOCK_BYTES: usize = 256 << 10;

/// With so much handed out by others since the last look, the thread walks no slice itself.
const ALONG_BYTES: usize = 16 << 10;

#[derive(Debug)]
enum Stage {
    /// A slice is to be posted to the shard; with the walk's start if that is to come.
    Post { starts: bool },
    /// It is on its way.
    Posted,
    /// The shard's latch is not needed any more.
    Rest,
    /// All shards are written.
    Complete,
    /// The file is; the log must be durable up to here.
    Durable(Epoch),
    /// It is; all shards are asked which segments they need.
    Asked,
}

/// A snapshot under way.
pub(super) struct Run {
    /// Until it is published.
    writer: Option<SnapshotWriter>,
    log: Arc<Log>,
    /// Until it is over.
    compaction: Option<Compaction>,
    moved: Moved,
    /// As they were when it began.
    files: Files,
    /// Bytes that it will have, about.
    expected: u64,
    log_bytes_min: u64,
    stage: Stage,
    shards: u16,
    /// The one that is being walked.
    shard: ShardId,
    outlet: Arc<Outlet>,
    slice_bytes: usize,
    /// Whose latches are walked.
    shared: Weak<Shared>,
    reply: Arc<Reply>,
    places: Vec<ShardPlace>,
    indexes: Vec<Image>,
    /// Others have used the shard lately.
    in_use: bool,
    /// What was handed out and is not yet written.
    handed: Handed,
    /// Segments with strings that the snapshot or memory names.
    kept: BTreeSet<u64>,
}

/// Where the walk of a shard puts what it hands out.
fn outlet(shared: &Shared) -> Arc<Outlet> {
    let sizes = Sizes {
        full: shared.options.snapshot_buffer_bytes,
        block: BLOCK_BYTES,
        slice: shared.options.snapshot_slice_bytes,
    };
    Arc::new(Outlet::new(sizes, &shared.snapshots.bell))
}

impl Run {
    pub(super) fn new(
        shared: &Shared,
        log: &Arc<Log>,
        files: Files,
    ) -> Result<Self, SnapshotError> {
        let shards = shared.router.shards();
        Ok(Self {
            writer: Some(log.start_snapshot()?),
            log: Arc::clone(log),
            compaction: Some(Compaction::new(shared, shards)),
            moved: Moved::default(),
            expected: shared.live.snapshot_bytes().unwrap_or_else(|| files.replayed()),
            files,
            log_bytes_min: shared.options.snapshot_log_bytes,
            stage: Stage::Post { starts: true },
            shards,
            shard: ShardId(0),
            outlet: outlet(shared),
            slice_bytes: shared.options.snapshot_slice_bytes,
            shared: shared.this.get().cloned().unwrap_or_default(),
            reply: Arc::new(Reply::new(&shared.snapshots.bell)),
            places: Vec::new(),
            indexes: Vec::new(),
            in_use: false,
            handed: Handed::default(),
            kept: BTreeSet::new(),
        })
    }

    /// Entries and bytes written so far.
    pub(super) fn figures(&self) -> (u64, u64) {
        self.writer.as_ref().map_or((0, 0), |writer| (writer.entries(), writer.bytes()))
    }

    /// Processor time that its walk has held a latch for at most, in nanoseconds.
    pub(super) fn longest_hold_ns(&self) -> u64 {
        self.reply.longest_hold_ns()
    }

    /// Whether somebody is served whom its work delays; but no writer may soon have to wait until what
    /// he hands out is taken, or waits for a large value already, or until more may be written, and growth that is
    /// refused must not be refused for long.
    pub(super) fn may_rest(&self) -> bool {
        let (ration, done) = self.ration_and_done();
        if is_full(&self.log) || self.grown() > ration.rests_until(done) {
            return false;
        }
        let is_awaited = self.outlet.is_half_full() || self.outlet.is_awaited();
        self.compaction.is_some() || self.in_use && !is_awaited
    }

    /// Has growth wait that outruns it.
    pub(super) fn ration(&self) {
        let (ration, done) = self.ration_and_done();
        self.log.ration_growth(Some(ration.when(done).saturating_sub(self.grown())));
    }

    fn ration_and_done(&self) -> (Ration, u64) {
        let Moved { chosen, stated } = self.moved;
        let work = self.expected + chosen;
        let ration = Ration::new(&self.files, work, self.log.ahead_bytes(), self.log_bytes_min);
        (ration, stated + self.figures().1)
    }

    /// Bytes that others have written since it began.
    fn grown(&self) -> u64 {
        self.files.behind_since(&self.log).saturating_sub(self.moved.stated)
    }

    /// One step.
    pub(super) fn step(
        &mut self,
        shared: &Shared,
    ) -> Result<Progress<SnapshotInfo>, SnapshotError> {
        if let Some(compaction) = &mut self.compaction {
            let progress = compaction.step(shared, &self.log)?;
            self.moved = compaction.moved();
            return Ok(match progress {
                Progress::More | Progress::Rests => Progress::More,
                Progress::Waits => Progress::Waits,
                Progress::Done(()) => {
                    self.compaction = None;
                    Progress::More
                }
            });
        }
        let along = self.outlet.take();
        let is_carried = along.effects.len() >= ALONG_BYTES;
        self.handed.append(along);
        if self.handed.effects.len() >= BLOCK_BYTES {
            self.write()?;
        }
        match self.stage {
            Stage::Post { starts: false } if is_carried && self.may_rest() => Ok(Progress::Rests),
            Stage::Post { starts } => self.post(shared, starts),
            Stage::Posted => self.receive(shared),
            Stage::Rest => self.write_rest(shared),
            Stage::Complete => {
                let writer = self.writer.as_mut().expect("it is not yet published");
                let covered = writer.complete(&self.places)?;
                self.log.request_sync(covered);
                self.stage = Stage::Durable(covered);
                Ok(Progress::More)
            }
            Stage::Durable(covered) => self.ask(shared, covered),
            Stage::Asked => self.publish(shared),
        }
    }

    fn post(
        &mut self,
        shared: &Shared,
        starts: bool,
    ) -> Result<Progress<SnapshotInfo>, SnapshotError> {
        let mut outlet = starts.then(|| Arc::clone(&self.outlet));
        let walk = move |shard: &mut Shard, told: &mut Told| {
            told.started = outlet.take().map(|outlet| shard.start_walk(&outlet));
            told.slice = shard.walk_slice();
        };
        let errand = errand(self.shard, Bound::READ, &self.reply, walk);
        post(shared, errand, &mut self.stage, Stage::Posted)
    }

    fn receive(&mut self, shared: &Shared) -> Result<Progress<SnapshotInfo>, SnapshotError> {
        let Some(outcome) = self.reply.take() else { return Ok(Progress::Waits) };
        let Told { started, slice, .. } = outcome?;
        if let Some(Started { place, indexes }) = started {
            self.places.push(place);
            self.indexes = indexes;
        }
        self.in_use = slice.in_use;
        if slice.sets_free {
            shared.run_again(self.outlet.take_waiting());
        }
        self.stage = if slice.more { Stage::Post { starts: false } } else { Stage::Rest };
        // Taken before anything of the next shard can be in it.
        self.handed.append(self.outlet.take());
        Ok(Progress::More)
    }

    /// Flushed databases and indexes of the shard, and on to the next one.
    fn write_rest(&mut self, shared: &Shared) -> Result<Progress<SnapshotInfo>, SnapshotError> {
        while let Some(mut flushed) = self.handed.flushed.pop() {
            while self.handed.walk_flushed(&mut flushed, self.slice_bytes) {
                self.write_full()?;
            }
        }
        for image in std::mem::take(&mut self.indexes) {
            self.handed.add_index(&image);
            if image.view.options().backend == Backend::Ephemeral {
                continue;
            }
            for change in image.view.changes() {
                self.handed.add_change(&image.name, change);
                self.write_full()?;
            }
        }
        self.write()?;
        // An outlet for each: nothing of one shard is ever taken for another's.
        shared.run_again(self.outlet.close());
        self.outlet = outlet(shared);
        self.shard.0 += 1;
        let is_last = self.shard.0 == self.shards;
        self.stage = if is_last { Stage::Complete } else { Stage::Post { starts: true } };
        Ok(Progress::More)
    }

    /// Asks all shards which segments their entries point to, once everything is durable. What they
    /// tell stays true but for segments that will be replayed: what was written before has its place in
    /// its entry by then.
    fn ask(
        &mut self,
        shared: &Shared,
        covered: Epoch,
    ) -> Result<Progress<SnapshotInfo>, SnapshotError> {
        if self.log.reached(Level::Disk) < covered {
            return wait_for_log(&self.log);
        }
        let question = question(self.shards, &self.log, &self.reply);
        post(shared, question, &mut self.stage, Stage::Asked)
    }

    /// What is read part by part counts as well. It is asked for last: whoever began to read since the
    /// shards were asked did so at a place that they named, or that will be replayed.
    fn publish(&mut self, shared: &Shared) -> Result<Progress<SnapshotInfo>, SnapshotError> {
        let Some(outcome) = self.reply.take() else { return Ok(Progress::Waits) };
        self.kept.extend(outcome?.homes.into_keys());
        if let Some(values) = &shared.values {
            self.kept.extend(values.kept_segments());
        }
        let writer = self.writer.take().expect("it is published once");
        Ok(Progress::Done(writer.publish(&self.kept)?))
    }

    fn write_full(&mut self) -> Result<(), SnapshotError> {
        if self.handed.effects.len() >= BLOCK_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes what was handed out as one block.
    fn write(&mut self) -> Result<(), SnapshotError> {
        self.kept.append(&mut self.handed.homes);
        if !self.handed.effects.is_empty() {
            let Handed { effects, entries, .. } = &mut self.handed;
            let writer = self.writer.as_mut().expect("it is not yet published");
            writer.append(self.shard, KIND_EFFECTS, effects, std::mem::take(entries))?;
            effects.clear();
            effects.shrink_to(2 * BLOCK_BYTES);
        }
        Ok(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.log.ration_growth(None);
        let waiting = self.outlet.close();
        if let Some(shared) = self.shared.upgrade() {
            shared.run_again(waiting);
        }
    }
}
