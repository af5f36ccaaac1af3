//! Snapshots: when one is taken, by whom, and what became of it.
//!
//! A thread of its own takes a snapshot (`run.rs`); it is started when one is asked for or due, and
//! ends with it. An engine without threads is driven by hand, a step at a time.
//!
//! Invariants: one snapshot at a time; a snapshot that fails leaves the database as it was, is told
//! of, and is tried again after a pause; nobody waits for a latch.
//! May not know: command names, what is in an entry.

mod compact;
mod due;
mod errand;
mod pace;
mod ration;
mod run;

use std::time::Duration;

use skeg_io::Join;
use skeg_io::sync::{Arc, Mutex};
use skeg_log::{Log, SnapshotInfo};

use crate::engine::{Engine, Shared};
use crate::error::{Refusal, SnapshotError};
use crate::home::Bell;
use due::Files;
pub(crate) use due::Live;
use errand::Progress;
use pace::{Pace, REST_MAX};
use run::Run;

/// After a failure none is taken by itself for so long.
const PAUSE_MS: u64 = 5_000;
/// How often the thread looks again for what it waits for, at least.
const NAP: Duration = Duration::from_millis(2);

/// A snapshot is taken when so much time has passed since the last, and so many records were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Milliseconds.
    pub after_ms: u64,
    /// Records of the log: commands that changed something.
    pub changes: u64,
}

/// Called once, on any thread, when a snapshot that was asked for is published or has failed.
pub type SnapshotDone = Box<dyn FnOnce(Result<SnapshotInfo, SnapshotError>) + Send>;

/// How snapshots stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// One is being taken.
    pub running: bool,
    /// Another one follows it.
    pub scheduled: bool,
    /// Entries written by the one that is being taken.
    pub entries: u64,
    /// Bytes written by it.
    pub bytes: u64,
    /// When it began, in Unix milliseconds.
    pub started_ms: u64,
    /// The one that CURRENT names.
    pub last: Option<SnapshotInfo>,
    /// When the last one was published, in Unix milliseconds; before that, when the database was opened.
    pub last_ms: u64,
    /// How long the last one took that ended, in milliseconds.
    pub last_duration_ms: Option<u64>,
    /// Processor time that it, or the last one, has held a shard's latch for at most, in nanoseconds.
    pub longest_hold_ns: u64,
    /// Why the last one failed, if it did.
    pub last_error: Option<String>,
    /// Snapshots published since the database was opened.
    pub published: u64,
    /// Records written since the last one began.
    pub changes: u64,
    /// Bytes of log that an open would replay behind it.
    pub behind_bytes: u64,
}

/// The snapshots of an engine.
#[derive(Default)]
pub(crate) struct Snapshots {
    state: Mutex<State>,
    pub(crate) bell: Arc<Bell>,
}

#[derive(Default)]
struct State {
    running: bool,
    scheduled: bool,
    /// Of an engine without threads: what is under way, unless somebody drives it just now.
    by_hand: Option<Run>,
    thread: Option<Box<dyn Join>>,
    waiting: Vec<SnapshotDone>,
    /// Those that asked while one was being taken: it may lack what they want to have in it.
    next: Vec<SnapshotDone>,
    save_points: Vec<SavePoint>,
    entries: u64,
    bytes: u64,
    started_ms: u64,
    started_pushed: u64,
    last_ms: u64,
    /// Records pushed when the last one began that was published.
    last_pushed: u64,
    last_duration_ms: Option<u64>,
    longest_hold_ns: u64,
    last_error: Option<String>,
    published: u64,
    /// None is taken by itself before this, in milliseconds of the monotonic clock.
    not_before_ms: u64,
    /// The files when the last one began.
    files: Files,
    /// Bytes that were dead and that the last one has not freed.
    left: Option<u64>,
}

impl Engine {
    /// Starts a snapshot; `false` when one is being taken already.
    ///
    /// # Errors
    /// [`SnapshotError`]: there is nothing to take one of, or no thread for it.
    pub fn start_snapshot(&self) -> Result<bool, SnapshotError> {
        self.shared.start_snapshot(None, false)
    }

    /// Starts a snapshot, or has one follow the one that is being taken; `false` then.
    ///
    /// # Errors
    /// As [`Engine::start_snapshot`].
    pub fn schedule_snapshot(&self) -> Result<bool, SnapshotError> {
        self.shared.start_snapshot(None, true)
    }

    /// Takes a snapshot with everything in it that was written before this call; `done` is told.
    ///
    /// # Errors
    /// As [`Engine::start_snapshot`]; then `done` is not called.
    pub fn snapshot(&self, done: SnapshotDone) -> Result<(), SnapshotError> {
        self.shared.start_snapshot(Some(done), true).map(drop)
    }

    /// How snapshots stand.
    #[must_use]
    pub fn snapshot_status(&self) -> SnapshotStatus {
        let log = self.shared.log.as_ref().map(|log| (log.pushed(), log.status()));
        let (pushed, log) = log.unwrap_or_default();
        let state = self.shared.snapshots.state.lock();
        SnapshotStatus {
            running: state.running,
            scheduled: state.scheduled,
            entries: state.entries,
            bytes: state.bytes,
            started_ms: state.started_ms,
            last: log.snapshot,
            last_ms: state.last_ms,
            last_duration_ms: state.last_duration_ms,
            longest_hold_ns: state.longest_hold_ns,
            last_error: state.last_error.clone(),
            published: state.published,
            changes: pushed.saturating_sub(state.last_pushed),
            behind_bytes: log.behind_bytes,
        }
    }

    /// Snapshots are taken by themselves at these points, too. None: only when the log has outgrown the
    /// last one.
    pub fn set_save_points(&self, points: Vec<SavePoint>) {
        self.shared.snapshots.state.lock().save_points = points;
    }

    /// The points at which snapshots are taken by themselves.
    #[must_use]
    pub fn save_points(&self) -> Vec<SavePoint> {
        self.shared.snapshots.state.lock().save_points.clone()
    }

    /// Does by hand what the snapshot's thread does in one go, if one is under way: for an engine
    /// without threads. Whether one is.
    pub fn step_snapshot(&self) -> bool {
        let Some(mut run) = self.shared.snapshots.state.lock().by_hand.take() else { return false };
        let ended = match run.step(&self.shared) {
            Ok(Progress::More | Progress::Rests | Progress::Waits) => {
                self.shared.note_progress(&run);
                self.shared.snapshots.state.lock().by_hand = Some(run);
                return true;
            }
            Ok(Progress::Done(info)) => Ok(info),
            Err(error) => Err(error),
        };
        if self.shared.end_snapshot(run, &ended) {
            self.shared.begin_by_hand();
        }
        true
    }
}

impl Shared {
    /// Notes the time of opening, which stands for that of the last snapshot.
    pub(crate) fn init_snapshots(&self) {
        let mut state = self.snapshots.state.lock();
        state.last_ms = self.now_ms();
        state.save_points.clone_from(&self.options.save_points);
    }

    fn snapshot_log(&self) -> Result<&Arc<Log>, SnapshotError> {
        self.check_open()?;
        match &self.log {
            Some(log) if !self.options.read_only => Ok(log),
            Some(_) => Err(SnapshotError::ReadOnly),
            None => Err(SnapshotError::InMemory),
        }
    }

    fn start_snapshot(
        self: &Arc<Self>,
        done: Option<SnapshotDone>,
        schedule: bool,
    ) -> Result<bool, SnapshotError> {
        self.snapshot_log()?;
        {
            let mut state = self.snapshots.state.lock();
            if state.running {
                state.scheduled |= schedule;
                state.next.extend(done);
                return Ok(false);
            }
            state.running = true;
            state.waiting.extend(done);
        }
        if self.bells.is_empty() {
            self.begin_by_hand();
        } else {
            let shared = Arc::clone(self);
            let body = Box::new(move || shared.take_snapshots());
            match self.io.threads.spawn("skeg-snapshot", body) {
                Ok(thread) => self.snapshots.state.lock().thread = Some(thread),
                Err(_) => drop(self.note_end(&Err(SnapshotError::NoThread))),
            }
        }
        Ok(true)
    }

    fn begin(&self) -> Result<Run, SnapshotError> {
        let log = self.snapshot_log()?;
        let files = Files::of(log, &self.live);
        {
            let mut state = self.snapshots.state.lock();
            state.files = files;
            state.started_pushed = log.pushed();
            state.started_ms = self.now_ms();
            (state.entries, state.bytes) = (0, 0);
        }
        Run::new(self, log, files)
    }

    fn begin_by_hand(&self) {
        loop {
            match self.begin() {
                Ok(run) => return self.snapshots.state.lock().by_hand = Some(run),
                Err(error) => {
                    if !self.note_end(&Err(error)) {
                        return;
                    }
                }
            }
        }
    }

    /// The snapshot's thread: takes one, and then another as long as one is scheduled.
    fn take_snapshots(self: &Arc<Self>) {
        loop {
            let again = match self.begin() {
                Ok(mut run) => {
                    let result = self.drive(&mut run);
                    self.end_snapshot(run, &result)
                }
                Err(error) => self.note_end(&Err(error)),
            };
            if !again {
                return;
            }
        }
    }

    fn drive(&self, run: &mut Run) -> Result<SnapshotInfo, SnapshotError> {
        let now_ns = || self.io.clock.monotonic_ns();
        let mut pace = Pace::new(now_ns());
        loop {
            self.check_open()?;
            match run.step(self)? {
                Progress::More => {
                    if let Some(time) = pace.due(now_ns()) {
                        self.rest(run, time);
                        pace = Pace::new(now_ns());
                    }
                }
                Progress::Rests => {
                    self.rest(run, REST_MAX);
                    pace = Pace::new(now_ns());
                }
                Progress::Waits => {
                    self.snapshots.bell.wait(NAP);
                    pace = Pace::new(now_ns());
                }
                Progress::Done(info) => return Ok(info),
            }
            self.note_progress(run);
        }
    }

    /// Rests, if the run may, until writers are about to wait for it.
    fn rest(&self, run: &Run, time: Duration) {
        self.snapshots.bell.forget();
        if run.may_rest() {
            self.snapshots.bell.wait(time);
        }
    }

    fn note_progress(&self, run: &Run) {
        run.ration();
        let mut state = self.snapshots.state.lock();
        (state.entries, state.bytes) = run.figures();
        state.longest_hold_ns = run.longest_hold_ns();
    }

    fn end_snapshot(&self, run: Run, result: &Result<SnapshotInfo, SnapshotError>) -> bool {
        // First of all the walk is over and the file of a failed one gone.
        drop(run);
        self.note_end(result)
    }

    /// A snapshot has ended. Whether another one is to be begun by the thread.
    fn note_end(&self, result: &Result<SnapshotInfo, SnapshotError>) -> bool {
        let files = self.log.as_ref().map(|log| Files::of(log, &self.live)).unwrap_or_default();
        let mut state = self.snapshots.state.lock();
        let now_ms = self.now_ms();
        state.last_duration_ms = Some(now_ms.saturating_sub(state.started_ms));
        match result {
            Ok(_) => {
                state.left = files.left(&state.files);
                state.last_ms = now_ms;
                state.last_pushed = state.started_pushed;
                state.last_error = None;
                state.published += 1;
            }
            Err(error) => {
                state.last_error = Some(error.to_string());
                state.not_before_ms = self.monotonic_ms() + PAUSE_MS;
            }
        }
        let told = std::mem::take(&mut state.waiting);
        let closed = self.check_open().is_err();
        let again = std::mem::take(&mut state.scheduled) && !closed;
        let mut left = std::mem::take(&mut state.next);
        state.running = again;
        if again {
            state.waiting.append(&mut left);
        }
        drop(state);
        told.into_iter().for_each(|done| done(result.clone()));
        left.into_iter().for_each(|done| done(Err(SnapshotError::GivenUp)));
        again
    }

    /// Starts a snapshot if the files have outgrown what is live, or a save point is reached.
    pub(crate) fn snapshot_if_due(self: &Arc<Self>) {
        if let (Some(log), Some(bytes)) = (&self.log, self.live.snapshot_bytes()) {
            // On a full disk, compaction states again what is live in one segment.
            let moved = self.live.logged_bytes().min(self.options.segment_bytes);
            log.expect_snapshot(bytes, moved);
        }
        if self.is_snapshot_due() {
            // Whatever refuses it now is tried again at the next tick, or is told of by others.
            let _ = self.start_snapshot(None, false);
        }
    }

    fn is_snapshot_due(&self) -> bool {
        let Ok(log) = self.snapshot_log() else { return false };
        let files = Files::of(log, &self.live);
        let state = self.snapshots.state.lock();
        if state.running || self.monotonic_ms() < state.not_before_ms {
            return false;
        }
        if files.are_due(state.left, self.options.snapshot_log_bytes) {
            return true;
        }
        if state.save_points.is_empty() {
            return false;
        }
        let changes = log.pushed().saturating_sub(state.last_pushed);
        let passed_ms = self.now_ms().saturating_sub(state.last_ms);
        let mut points = state.save_points.iter();
        points.any(|point| changes >= point.changes.max(1) && passed_ms >= point.after_ms)
    }

    /// Joins the snapshot's thread, which gives up when the engine is closed.
    pub(crate) fn close_snapshots(&self) {
        self.snapshots.bell.ring();
        let (thread, run) = {
            let mut state = self.snapshots.state.lock();
            (state.thread.take(), state.by_hand.take())
        };
        if let Some(thread) = thread {
            // A panic there has failed nothing but the snapshot.
            let _ = thread.join();
        }
        if let Some(run) = run {
            self.end_snapshot(run, &Err(Refusal::Closed.into()));
        }
    }
}
