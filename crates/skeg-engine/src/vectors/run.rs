//! One task from its start to its end, in steps that never block on anything but the disk.
//!
//! A flush freezes the delta under the latch, writes the segment without it, waits until the log is
//! durable up to there, lets CURRENT name the segment, and puts it in its place under the latch. Then
//! the index is looked at again: segments that have become many are merged, in the same steps. When that
//! takes its time, for it was asked for, rows are to be linked or they are many, it is done beside other tasks.
//!
//! Invariants: what is published is durable, and so is every epoch in it; memory takes a segment only
//! when it is published, so what a crash leaves is never older than what was told.

use std::time::Duration;

use skeg_io::sync::{Arc, Mutex};
use skeg_log::{
    Broken, Epoch, Health, Level, Log, LogError, ShardId, VectorEntry, VectorWriter, breaks,
};
use skeg_vector::segment::SegmentTag;
use skeg_vector::{Build, BuildError, Built};

use super::crew::{Linkers, crew_size};
use super::file::Opened;
use super::look::Wanted;
use super::tasks::{BuildProgress, Store, Task};
use super::turn::{Ask, Reply, Told, Turn};
use crate::engine::Shared;
use crate::error::{Refusal, VectorsError};
use crate::router::ShardList;

/// Rows that one step writes: who is to be served does not wait for many.
const ROWS: usize = 16;
/// What a step came to.
#[derive(Debug)]
pub(super) enum Progress {
    /// The next step has something to do.
    More,
    /// Something has to happen first: look again soon.
    Waits,
    /// The rest takes its time and is to be done beside other tasks.
    Beside,
    /// The task is done.
    Done,
}

enum Stage {
    Ask(Ask),
    Asked,
    /// A segment is to be built.
    Begin(Box<Build>),
    /// It is being built.
    Write(Box<Build>, VectorWriter),
    /// It is written; the log must be durable up to here.
    Durable(Box<Finished>, Epoch),
    /// Files of an index are to be forgotten when the log is durable up to here.
    Forget(Epoch),
}

/// A segment that is written and not yet published.
struct Finished {
    built: Box<Built>,
    writer: VectorWriter,
    sum: u32,
    rows: u64,
    replaces: Vec<u64>,
}

/// A task under way.
pub(super) struct Run {
    log: Arc<Log>,
    store: Arc<Store>,
    task: Task,
    stage: Stage,
    reply: Arc<Reply>,
    /// The index's number, when it is known.
    number: u64,
    /// The delta was written by this task.
    flushed: bool,
    /// It is not all of the delta that is being written.
    leaves_rows: bool,
    /// It is done beside others.
    beside: bool,
}

impl Run {
    pub(super) fn new(log: &Arc<Log>, store: &Arc<Store>, task: Task) -> Self {
        let (number, ask) = match &task {
            Task::Flush { number, .. } => (*number, Ask::Freeze),
            Task::Tidy { number, .. } => (*number, Ask::Look),
            Task::Consolidate { .. } => (0, Ask::Freeze),
            Task::Forget { number, .. } => (*number, Ask::Pass),
        };
        let flushed = matches!(task, Task::Tidy { .. });
        Self {
            log: Arc::clone(log),
            store: Arc::clone(store),
            task,
            stage: Stage::Ask(ask),
            reply: Arc::default(),
            number,
            flushed,
            leaves_rows: false,
            beside: false,
        }
    }

    /// Whether it is done beside other tasks.
    pub(super) fn is_beside(&self) -> bool {
        self.beside
    }

    /// Waits for what it waits for, so long at most.
    pub(super) fn wait(&self, time: Duration) {
        self.reply.bell.wait(time);
    }

    /// The task is over.
    pub(super) fn end(mut self, result: Result<(), VectorsError>) {
        // First of all the file of a failed one is gone.
        drop(std::mem::replace(&mut self.stage, Stage::Asked));
        self.store.end(self.beside);
        if self.beside && result.is_ok() {
            // What was merged meanwhile had to do without a graph.
            self.store.add(self.tidy());
        }
        if let Task::Consolidate { done, .. } = self.task {
            done(result);
        }
    }

    fn tidy(&self) -> Task {
        Task::Tidy { shard: self.shard(), name: self.name().into(), number: self.number }
    }

    /// It gives way to a consolidation.
    pub(super) fn gives_way(&self) -> bool {
        self.beside && !matches!(self.task, Task::Consolidate { .. })
    }

    /// What it is at is to write rows that wait in memory.
    pub(super) fn is_flush(&self) -> bool {
        !self.flushed && !matches!(self.task, Task::Forget { .. })
    }

    /// The task to be tried again after a failure.
    pub(super) fn again(&self) -> Option<Task> {
        match &self.task {
            Task::Flush { .. } | Task::Tidy { .. } if self.flushed => Some(self.tidy()),
            Task::Flush { shard, name, number } => {
                Some(Task::Flush { shard: *shard, name: name.clone(), number: *number })
            }
            Task::Forget { shard, number } => Some(Task::Forget { shard: *shard, number: *number }),
            // Whoever asked is told, but what was frozen for it is written all the same.
            Task::Consolidate { shard, name, .. } if !self.flushed && self.number != 0 => {
                Some(Task::Flush { shard: *shard, name: name.clone(), number: self.number })
            }
            // A look begins with what has been flushed.
            Task::Consolidate { .. } | Task::Tidy { .. } => None,
        }
    }

    /// One step.
    pub(super) fn step(&mut self, shared: &Shared) -> Result<Progress, VectorsError> {
        match std::mem::replace(&mut self.stage, Stage::Asked) {
            Stage::Ask(ask) => self.ask(shared, ask),
            Stage::Asked => self.receive(shared),
            Stage::Begin(build) => self.begin(shared, build),
            Stage::Write(build, writer) => self.write(shared, build, writer),
            Stage::Durable(finished, covered) => self.publish(shared, finished, covered),
            Stage::Forget(covered) => self.forget(shared, covered),
        }
    }

    fn name(&self) -> &[u8] {
        match &self.task {
            Task::Flush { name, .. } | Task::Tidy { name, .. } | Task::Consolidate { name, .. } => {
                name
            }
            Task::Forget { .. } => &[],
        }
    }

    fn shard(&self) -> ShardId {
        self.task.shard()
    }

    fn ask(&mut self, shared: &Shared, ask: Ask) -> Result<Progress, VectorsError> {
        let whole = matches!(self.task, Task::Consolidate { .. });
        // A consolidation that has not begun.
        if whole && self.number == 0 && !self.tell(BuildProgress::default()) {
            return Err(self.given_up());
        }
        let looks = matches!(ask, Ask::Look);
        if looks && !whole && self.store.merges_pause(shared.monotonic_ms()) {
            self.store.add(self.tidy());
            return Ok(Progress::Done);
        }
        let turn = Turn {
            shards: ShardList::one(self.shard()),
            name: self.name().into(),
            number: self.number,
            whole,
            taken: self.store.taken(self.number),
            crew: crew_size(shared),
            // A consolidation begins when nothing is.
            beside_bytes: (!self.store.is_beside_taken()).then(|| self.store.beside_bytes()),
            ask: Some(ask),
            told: None,
            reply: Arc::clone(&self.reply),
        };
        shared.post_first(Box::new(turn))?;
        Ok(Progress::More)
    }

    fn receive(&mut self, shared: &Shared) -> Result<Progress, VectorsError> {
        let Some(outcome) = self.reply.outcome.lock().take() else { return Ok(Progress::Waits) };
        self.stage = match outcome? {
            Told::Gone if self.number == 0 => return Err(VectorsError::NoIndex),
            // Perhaps a file of it was published just now.
            Told::Gone | Told::Passed => {
                let covered = self.log.last_epoch();
                self.log.request_sync(covered);
                Stage::Forget(covered)
            }
            Told::Build(number, Some(Wanted { build, beside, leaves_rows })) => {
                self.number = number;
                self.leaves_rows = leaves_rows;
                if beside {
                    self.beside = true;
                    let takes = build.replaces().collect();
                    self.store.begin_beside(number, takes, self.gives_way());
                    self.stage = Stage::Begin(build);
                    return Ok(Progress::Beside);
                }
                Stage::Begin(build)
            }
            Told::Build(number, None) => {
                self.number = number;
                if self.flushed {
                    return Ok(Progress::Done);
                }
                self.flushed = true;
                Stage::Ask(Ask::Look)
            }
            Told::Nothing => return Ok(Progress::Done),
            // What was flushed meanwhile was not there when it began.
            Told::Installed if self.beside => {
                shared.call_back();
                return Ok(Progress::Done);
            }
            Told::Installed => {
                shared.call_back();
                self.store.end(false);
                self.flushed = !self.leaves_rows;
                Stage::Ask(if self.flushed { Ask::Look } else { Ask::Freeze })
            }
        };
        Ok(Progress::More)
    }

    fn begin(&mut self, shared: &Shared, mut build: Box<Build>) -> Result<Progress, VectorsError> {
        let writer = self.log.start_vectors(build.bytes())?;
        let tag = SegmentTag {
            database: writer.database_id(),
            file: writer.id(),
            index: self.number,
            generation: build.generation(),
            salt: shared.io.entropy.next_u64(),
        };
        build.begin(tag, self.number).map_err(VectorsError::Vector)?;
        self.stage = Stage::Write(build, writer);
        Ok(Progress::More)
    }

    fn write(
        &mut self,
        shared: &Shared,
        mut build: Box<Build>,
        mut writer: VectorWriter,
    ) -> Result<Progress, VectorsError> {
        let mut write = |bytes: &[u8], offset| writer.write(bytes, offset);
        let more = build.step(ROWS, &mut write).map_err(failed)?;
        let (written, rows) = (build.written(), build.len() as u64);
        let linked = build.is_to_be_linked().then_some(0);
        if !self.tell(BuildProgress { written, rows, linked }) {
            return Err(self.given_up());
        }
        if more {
            self.stage = Stage::Write(build, writer);
            return Ok(Progress::More);
        }
        build.large_blocks().for_each(skeg_io::use_large_pages);
        let replaces: Vec<u64> = build.replaces().collect();
        let rows = build.written();
        let file = Opened::new(writer.path(), writer.file());
        let tell = Mutex::new(|progress| self.tell(progress));
        let crew = Linkers { shared, rows, tell };
        let mut write = |bytes: &[u8], offset| writer.write(bytes, offset);
        let finished = build.finish(file, &crew, &mut write);
        let (built, length, sum) = match finished {
            Err(BuildError::Graph(_)) => {
                shared.check_open()?;
                return Err(self.given_up());
            }
            other => other.map_err(failed)?,
        };
        built.segment().large_blocks().for_each(skeg_io::use_large_pages);
        writer.complete(length)?;
        // Also of a merge: the writes that killed the rows that it leaves out have to stay.
        let covered = self.log.last_epoch();
        self.log.request_sync(covered);
        let built = Box::new(built);
        let finished = Finished { built, writer, sum, rows, replaces };
        self.stage = Stage::Durable(Box::new(finished), covered);
        Ok(Progress::More)
    }

    /// Says how far a segment is. `false` when nobody wants it any more.
    fn tell(&mut self, progress: BuildProgress) -> bool {
        let is_wanted = self.store.note(self.beside, self.number, progress);
        is_wanted
            && match &mut self.task {
                Task::Consolidate { progress: tell, .. } => tell(progress),
                _ => true,
            }
    }

    /// Why nobody wants it.
    fn given_up(&self) -> VectorsError {
        let is_gone = self.beside && self.store.is_unwanted();
        if is_gone { VectorsError::NoIndex } else { VectorsError::Aborted }
    }

    fn is_durable(&self, epoch: Epoch) -> Result<bool, VectorsError> {
        if self.log.reached(Level::Disk) >= epoch || breaks(Broken::PublishesVectorsEarly) {
            return Ok(true);
        }
        match self.log.status().health {
            Health::Poisoned => Err(Refusal::Poisoned.into()),
            _ => Ok(false),
        }
    }

    fn publish(
        &mut self,
        shared: &Shared,
        finished: Box<Finished>,
        covered: Epoch,
    ) -> Result<Progress, VectorsError> {
        if !self.is_durable(covered)? {
            self.stage = Stage::Durable(finished, covered);
            return Ok(Progress::Waits);
        }
        let Finished { built, writer, sum, rows, replaces } = *finished;
        let (index, shard) = (self.number, self.shard());
        let entry = VectorEntry { index, shard, sum, covered, replaces: &replaces };
        if let Some(left) = writer.publish(&entry)? {
            shared.note_left(&left);
        }
        self.store.note_failing(self.is_flush(), false);
        shared.note_published(rows, !self.beside && self.store.builds_beside(self.number));
        self.stage = Stage::Ask(Ask::Install(built));
        Ok(Progress::More)
    }

    fn forget(&mut self, shared: &Shared, covered: Epoch) -> Result<Progress, VectorsError> {
        if !self.is_durable(covered)? {
            self.stage = Stage::Forget(covered);
            return Ok(Progress::Waits);
        }
        if let Some(left) = self.log.drop_vectors(self.number, covered)? {
            shared.note_left(&left);
        }
        match self.task {
            Task::Consolidate { .. } => Err(VectorsError::NoIndex),
            _ => Ok(Progress::Done),
        }
    }
}

fn failed(error: BuildError<LogError>) -> VectorsError {
    match error {
        BuildError::Vector(error) => VectorsError::Vector(error),
        BuildError::Write(error) => error.into(),
        BuildError::Graph(_) => VectorsError::Aborted,
    }
}

impl From<LogError> for VectorsError {
    fn from(error: LogError) -> Self {
        Self::Failed { kind: error.kind(), reason: error.to_string() }
    }
}
