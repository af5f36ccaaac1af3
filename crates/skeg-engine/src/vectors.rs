//! Segments of vectors: when one is made or merged, by whom, and what became of it.
//!
//! Whoever finds that something is to be done adds a task (`indexes.rs`): a delta that is large enough is
//! to be written, files of a dropped index are to be forgotten. A thread of its own does one after the
//! other (`run.rs`); it is started when there are tasks and ends when there are none. The large segment of a
//! consolidation, or of a merge that takes its time, is built beside that by a second thread, and by those that help it to link its rows
//! (`crew.rs`). An engine without threads is driven by hand, a step at a time, the two in turns.
//!
//! Invariants: nobody waits for a segment that is built; what fails leaves index and database as they
//! were, is told of, and is tried again after a pause.
//! May not know: command names, what is in a segment.

mod aside;
mod crew;
mod file;
mod joint;
mod look;
mod run;
mod tasks;
mod turn;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use skeg_io::Join;
use skeg_io::sync::{Arc, Mutex};
use skeg_log::{ErrorKind, Log};

use self::aside::Aside;
use self::joint::Joint;
use crate::engine::{Engine, Shared};
use crate::error::{Refusal, VectorsError};
use crate::indexes::Parts;
pub(crate) use file::{open_segment, verify_segment};
pub(crate) use look::is_beyond;
use run::{Progress, Run};
pub use tasks::{BuildProgress, ConsolidateDone, ConsolidateProgress};
pub(crate) use tasks::{Store, Task};

/// By hand, of so many steps one is what is beside.
const BESIDE_STEPS: u64 = 3;
/// How often a thread looks again for what it waits for, at least.
const NAP: Duration = Duration::from_millis(2);

/// How the making of segments stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VectorsStatus {
    /// Something is being done.
    pub running: bool,
    /// Segments published since the database was opened, merged ones included.
    pub published: u64,
    /// Rows in them.
    pub rows: u64,
    /// Of the segments, those published while a large one of the same index was being built.
    pub published_beside: u64,
    /// Why the last task failed, if it did.
    pub last_error: Option<String>,
}

/// The making of segments of an engine.
#[derive(Default)]
pub(crate) struct Vectors {
    /// Of a database on disk that can be written to.
    pub(crate) store: Option<Arc<Store>>,
    state: Mutex<State>,
    aside: Aside,
}

#[derive(Default)]
struct State {
    running: bool,
    /// Of an engine without threads: the task under way, unless somebody drives it just now.
    in_turn: Option<Run>,
    /// What is to be built beside it, unless somebody drives it just now.
    beside: Option<Run>,
    /// Steps made by hand.
    steps: u64,
    thread: Option<Box<dyn Join>>,
    thread_beside: Option<Box<dyn Join>>,
    status: VectorsStatus,
}

impl State {
    fn put_back(&mut self, run: Run) {
        let place = if run.is_beside() { &mut self.beside } else { &mut self.in_turn };
        *place = Some(run);
    }
}

impl Vectors {
    /// `store` is where tasks wait, in a database that makes segments.
    pub(crate) fn new(store: Option<Arc<Store>>) -> Self {
        Self { store, ..Self::default() }
    }
}

impl Engine {
    /// Makes one segment of all of an index, or of each of its parts; `progress` is called now and then, `done` at the end.
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
        let parts = self.index_parts(name);
        if let Parts::One(name) = parts {
            let shard = self.shard_of(name);
            store.add(Task::Consolidate { shard, name: name.into(), progress, done });
        } else {
            let joint = Joint::new(parts.count(), progress, done);
            for (part, name) in parts.names().enumerate() {
                let ((progress, done), shard) = (joint.part(part), self.shard_of(name));
                store.add(Task::Consolidate { shard, name: name.into(), progress, done });
            }
        }
        store.end_pauses();
        self.shared.vectors_if_due();
        Ok(())
    }

    /// How the making of segments stands.
    #[must_use]
    pub fn vectors_status(&self) -> VectorsStatus {
        let Vectors { store, state, .. } = &self.shared.vectors;
        let state = state.lock();
        let beside = store.as_ref().is_some_and(|store| store.has_beside());
        VectorsStatus { running: state.running || beside, ..state.status.clone() }
    }

    /// Does by hand a step of what threads do in one go, if there is something to do: for an engine
    /// without threads. Whether there was.
    pub fn step_vectors(&self) -> bool {
        let shared = &self.shared;
        let (in_turn, beside) = {
            let mut state = shared.vectors.state.lock();
            state.steps += 1;
            // What is beside takes its time, so that others come to something meanwhile.
            let is_its_step = state.steps.is_multiple_of(BESIDE_STEPS);
            let beside = if is_its_step { state.beside.take() } else { None };
            (if beside.is_none() { state.in_turn.take() } else { None }, beside)
        };
        let run = beside.or(in_turn).or_else(|| shared.begin_vectors());
        let Some(mut run) = run else { return shared.vectors.state.lock().beside.is_some() };
        match run.step(shared) {
            Ok(Progress::More | Progress::Waits | Progress::Beside) => {
                shared.vectors.state.lock().put_back(run);
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
        if self.bells.is_empty() || !store.has_next(self.monotonic_ms()) {
            return;
        }
        if std::mem::replace(&mut self.vectors.state.lock().running, true) {
            return;
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

    /// Ends consolidations that were called off while they wait for others.
    pub(crate) fn end_called_off(&self) {
        let called_off = self.vectors.store.as_ref().map(|store| store.take_called_off());
        called_off.into_iter().flatten().for_each(|task| task.end(VectorsError::Aborted));
    }

    fn begin_vectors(&self) -> Option<Run> {
        let (log, store) = self.vectors_log()?;
        Some(Run::new(log, store, store.next(self.monotonic_ms())?))
    }

    /// The thread: does task after task.
    fn make_segments(self: &Arc<Self>) {
        loop {
            while let Some(mut run) = self.begin_vectors() {
                match self.drive_vectors(&mut run) {
                    Ok(()) if run.is_beside() => self.set_beside(run),
                    Ok(()) => run.end(Ok(())),
                    Err(error) => self.note_failure(run, error),
                }
            }
            // Rows of deltas that are segments now lay between what is in use.
            skeg_io::give_back_memory();
            let mut state = self.vectors.state.lock();
            state.running = false;
            let now_ms = self.monotonic_ms();
            if self.vectors_log().is_none_or(|(_, store)| !store.has_next(now_ms)) {
                return;
            }
            state.running = true;
        }
    }

    /// Has the rest of a consolidation done by a thread of its own; by this one, if there is none.
    fn set_beside(self: &Arc<Self>, run: Run) {
        self.vectors.state.lock().beside = Some(run);
        let shared = Arc::clone(self);
        let body = Box::new(move || {
            shared.io.threads.step_back();
            shared.build_beside();
        });
        match self.io.threads.spawn("skeg-link", body) {
            // The one before it has ended: only then does a consolidation begin.
            Ok(thread) => self.vectors.state.lock().thread_beside = Some(thread),
            Err(_) => self.build_beside(),
        }
    }

    fn build_beside(self: &Arc<Self>) {
        let run = self.vectors.state.lock().beside.take();
        let Some(mut run) = run else { return };
        match self.drive_vectors(&mut run) {
            Ok(()) => run.end(Ok(())),
            Err(error) => self.note_failure(run, error),
        }
        skeg_io::give_back_memory();
        // Another consolidation may wait for this one.
        self.vectors_if_due();
    }

    /// Goes on until all is done, or the rest is to be done beside others. A panic fails this task alone:
    /// the thread has others to do.
    fn drive_vectors(&self, run: &mut Run) -> Result<(), VectorsError> {
        let drive = || loop {
            self.check_open()?;
            match run.step(self)? {
                Progress::More => self.io.threads.give_way(),
                Progress::Waits => run.wait(NAP),
                Progress::Beside | Progress::Done => return Ok(()),
            }
        };
        catch_unwind(AssertUnwindSafe(drive)).unwrap_or_else(|_| {
            let reason = String::from("the thread that makes segments panicked");
            Err(VectorsError::Failed { kind: ErrorKind::Io, reason })
        })
    }

    fn note_failure(&self, run: Run, error: VectorsError) {
        let gave_way = run.gives_way() && matches!(error, VectorsError::Aborted);
        if !gave_way {
            self.vectors.state.lock().status.last_error = Some(error.to_string());
            if !matches!(error, VectorsError::Aborted | VectorsError::NoIndex)
                && let Some(store) = &self.vectors.store
            {
                store.pause(run.is_flush(), self.monotonic_ms());
                // Closing fails what is under way, too.
                store.note_failing(run.is_flush(), self.check_open().is_ok());
            }
        }
        self.call_back();
        let again = run.again();
        run.end(Err(error));
        if let (Some(task), Some(store)) = (again, &self.vectors.store) {
            store.add(task);
        }
    }

    fn note_published(&self, rows: u64, beside: bool) {
        let mut state = self.vectors.state.lock();
        state.status.published += 1;
        state.status.published_beside += u64::from(beside);
        state.status.rows += rows;
        state.status.last_error = None;
    }

    fn note_left(&self, error: &skeg_log::LogError) {
        self.vectors.state.lock().status.last_error = Some(error.to_string());
    }

    /// Joins the threads, which give up when the engine is closed, and tells those that wait.
    pub(crate) fn close_vectors(&self) {
        // A panic there has failed nothing but what it built. The second thread is started by the first.
        let thread = self.vectors.state.lock().thread.take();
        drop(thread.map(Join::join));
        let thread = self.vectors.state.lock().thread_beside.take();
        drop(thread.map(Join::join));
        self.end_aside();
        let runs = {
            let mut state = self.vectors.state.lock();
            [state.in_turn.take(), state.beside.take()]
        };
        for run in runs.into_iter().flatten() {
            run.end(Err(Refusal::Closed.into()));
        }
        let waiting = self.vectors.store.as_ref().map(|store| store.take_all());
        waiting.into_iter().flatten().for_each(|task| task.end(Refusal::Closed.into()));
    }
}
