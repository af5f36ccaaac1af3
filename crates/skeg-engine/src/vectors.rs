//! Segments of vectors: when one is made or merged, by whom, and what became of it.
//!
//! Whoever finds that something is to be done adds a task (`indexes.rs`): a delta that is large enough is
//! to be written, files of a dropped index are to be forgotten. A thread of its own does one after the
//! other (`run.rs`); it is started when there are tasks and ends when there are none. An engine without
//! threads is driven by hand, a step at a time.
//!
//! Invariants: one segment at a time is built and published; nobody waits for it; what fails leaves
//! index and database as they were, is told of, and is tried again after a pause.
//! May not know: command names, what is in a segment.

mod file;
mod run;

use std::collections::VecDeque;
use std::time::Duration;

use skeg_io::Join;
use skeg_io::sync::{Arc, Mutex};
use skeg_log::{Log, ShardId};

use crate::engine::{Engine, Shared};
use crate::error::{Refusal, VectorsError};
use crate::home::Bell;
pub(crate) use file::{open_segment, verify_segment};
use run::{Progress, Run};

/// After a failure the task is tried again no sooner.
const PAUSE_MS: u64 = 2_000;
/// How often the thread looks again for what it waits for, at least.
const NAP: Duration = Duration::from_millis(2);

/// Called now and then with rows written so far, and of how many; `false` gives up.
pub type ConsolidateProgress = Box<dyn FnMut(u64, u64) -> bool + Send>;

/// Called once, on any thread, when an index was consolidated, or that was given up.
pub type ConsolidateDone = Box<dyn FnOnce(Result<(), VectorsError>) + Send>;

/// Something to be done.
pub(crate) enum Task {
    /// The delta of an index becomes a segment, and segments that are many become one.
    Flush { shard: ShardId, name: Box<[u8]>, number: u64 },
    /// All of an index becomes one segment.
    Consolidate {
        shard: ShardId,
        name: Box<[u8]>,
        progress: ConsolidateProgress,
        done: ConsolidateDone,
    },
    /// The index of this number is no more.
    Forget { shard: ShardId, number: u64 },
}

impl Task {
    fn shard(&self) -> ShardId {
        match self {
            Self::Flush { shard, .. }
            | Self::Consolidate { shard, .. }
            | Self::Forget { shard, .. } => *shard,
        }
    }
}

/// Where tasks wait, and how far the one under way is.
pub(crate) struct Store {
    delta_bytes: usize,
    tasks: Mutex<VecDeque<Task>>,
    building: Mutex<Option<Building>>,
}

/// A segment that is being built.
struct Building {
    /// Of its index.
    number: u64,
    written: u64,
    rows: u64,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("delta_bytes", &self.delta_bytes).finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(delta_bytes: usize) -> Self {
        Self { delta_bytes, tasks: Mutex::default(), building: Mutex::default() }
    }

    /// Bytes of a delta that are written at once.
    pub(crate) fn delta_bytes(&self) -> usize {
        self.delta_bytes
    }

    pub(crate) fn add(&self, task: Task) {
        self.tasks.lock().push_back(task);
    }

    /// Rows written, and of how many, of the segment that is being built of the index of this number.
    pub(crate) fn progress_of(&self, number: u64) -> Option<(u64, u64)> {
        let building = self.building.lock();
        let of = building.as_ref().filter(|building| building.number == number);
        of.map(|building| (building.written, building.rows))
    }

    fn next(&self) -> Option<Task> {
        self.tasks.lock().pop_front()
    }

    fn is_empty(&self) -> bool {
        self.tasks.lock().is_empty()
    }
}

/// How the making of segments stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VectorsStatus {
    /// Something is being done.
    pub running: bool,
    /// Segments published since the database was opened, merged ones included.
    pub published: u64,
    /// Rows in them.
    pub rows: u64,
    /// Why the last task failed, if it did.
    pub last_error: Option<String>,
}

/// The making of segments of an engine.
#[derive(Default)]
pub(crate) struct Vectors {
    /// Of a database on disk that can be written to.
    pub(crate) store: Option<Arc<Store>>,
    state: Mutex<State>,
    pub(crate) bell: Arc<Bell>,
}

#[derive(Default)]
struct State {
    running: bool,
    /// Of an engine without threads: what is under way, unless somebody drives it just now.
    by_hand: Option<Run>,
    thread: Option<Box<dyn Join>>,
    status: VectorsStatus,
    /// Nothing is begun before this, in milliseconds of the monotonic clock.
    not_before_ms: u64,
}

impl Vectors {
    /// `store` is where tasks wait, in a database that makes segments.
    pub(crate) fn new(store: Option<Arc<Store>>) -> Self {
        Self { store, ..Self::default() }
    }
}

impl Engine {
    /// Makes one segment of all of an index; `progress` is called now and then, `done` at the end.
    ///
    /// # Errors
    /// [`VectorsError`]; then neither is called.
    pub fn consolidate(
        &self,
        name: &[u8],
        progress: ConsolidateProgress,
        done: ConsolidateDone,
    ) -> Result<(), VectorsError> {
        self.shared.check_open()?;
        let Some(store) = &self.shared.vectors.store else {
            let read_only = self.shared.options.read_only;
            return Err(if read_only {
                Refusal::ReadOnly.into()
            } else {
                VectorsError::NoSegments
            });
        };
        let shard = self.shard_of(name);
        store.add(Task::Consolidate { shard, name: name.into(), progress, done });
        self.shared.vectors.state.lock().not_before_ms = 0;
        self.shared.vectors_if_due();
        Ok(())
    }

    /// How the making of segments stands.
    #[must_use]
    pub fn vectors_status(&self) -> VectorsStatus {
        let state = self.shared.vectors.state.lock();
        VectorsStatus { running: state.running, ..state.status.clone() }
    }

    /// Does by hand a step of what the thread does in one go, if there is something to do: for an engine
    /// without threads. Whether there was.
    pub fn step_vectors(&self) -> bool {
        let shared = &self.shared;
        let taken = shared.vectors.state.lock().by_hand.take();
        let Some(mut run) = taken.or_else(|| shared.begin_vectors()) else { return false };
        match run.step(shared) {
            Ok(Progress::More | Progress::Waits) => {
                shared.vectors.state.lock().by_hand = Some(run);
            }
            Ok(Progress::Done) => run.end(Ok(())),
            Err(error) => shared.note_failure(run, error),
        }
        true
    }
}

impl Shared {
    /// The database's log and where tasks wait, if there is something for them to do.
    fn vectors_log(&self) -> Option<(&Arc<Log>, &Arc<Store>)> {
        self.check_open().ok()?;
        Some((self.log.as_ref()?, self.vectors.store.as_ref()?))
    }

    /// Starts the thread if there are tasks for it.
    pub(crate) fn vectors_if_due(self: &Arc<Self>) {
        let Some((_, store)) = self.vectors_log() else { return };
        if self.bells.is_empty() || store.is_empty() {
            return;
        }
        {
            let mut state = self.vectors.state.lock();
            if state.running || self.monotonic_ms() < state.not_before_ms {
                return;
            }
            state.running = true;
        }
        let shared = Arc::clone(self);
        let body = Box::new(move || shared.make_segments());
        let thread = self.io.threads.spawn("skeg-vectors", body);
        let mut state = self.vectors.state.lock();
        match thread {
            // The one before it has ended: that is what `running` said.
            Ok(thread) => state.thread = Some(thread),
            Err(_) => state.running = false,
        }
    }

    fn begin_vectors(&self) -> Option<Run> {
        let (log, store) = self.vectors_log()?;
        if self.monotonic_ms() < self.vectors.state.lock().not_before_ms {
            return None;
        }
        Some(Run::new(log, store, store.next()?, &self.vectors.bell))
    }

    /// The thread: does task after task.
    fn make_segments(self: &Arc<Self>) {
        loop {
            while let Some(mut run) = self.begin_vectors() {
                match self.drive_vectors(&mut run) {
                    Ok(()) => run.end(Ok(())),
                    Err(error) => self.note_failure(run, error),
                }
            }
            // Rows of deltas that are segments now lay between what is in use.
            skeg_io::give_back_memory();
            let mut state = self.vectors.state.lock();
            state.running = false;
            let waits = self.monotonic_ms() < state.not_before_ms;
            if waits || self.vectors_log().is_none_or(|(_, store)| store.is_empty()) {
                return;
            }
            state.running = true;
        }
    }

    fn drive_vectors(&self, run: &mut Run) -> Result<(), VectorsError> {
        loop {
            self.check_open()?;
            match run.step(self)? {
                Progress::More => {}
                Progress::Waits => self.vectors.bell.wait(NAP),
                Progress::Done => return Ok(()),
            }
        }
    }

    fn note_failure(&self, run: Run, error: VectorsError) {
        {
            let mut state = self.vectors.state.lock();
            state.status.last_error = Some(error.to_string());
            if error != VectorsError::Aborted {
                state.not_before_ms = self.monotonic_ms() + PAUSE_MS;
            }
        }
        let again = run.again();
        run.end(Err(error));
        if let (Some(task), Some(store)) = (again, &self.vectors.store) {
            store.add(task);
        }
    }

    fn note_published(&self, rows: u64) {
        let mut state = self.vectors.state.lock();
        state.status.published += 1;
        state.status.rows += rows;
        state.status.last_error = None;
    }

    fn note_left(&self, error: &skeg_log::LogError) {
        self.vectors.state.lock().status.last_error = Some(error.to_string());
    }

    /// Joins the thread, which gives up when the engine is closed, and tells those that wait.
    pub(crate) fn close_vectors(&self) {
        self.vectors.bell.ring();
        let (thread, run) = {
            let mut state = self.vectors.state.lock();
            (state.thread.take(), state.by_hand.take())
        };
        if let Some(thread) = thread {
            // A panic there has failed nothing but what it built.
            let _ = thread.join();
        }
        if let Some(run) = run {
            run.end(Err(Refusal::Closed.into()));
        }
        while let Some(task) = self.vectors.store.as_ref().and_then(|store| store.next()) {
            if let Task::Consolidate { done, .. } = task {
                done(Err(Refusal::Closed.into()));
            }
        }
    }
}
