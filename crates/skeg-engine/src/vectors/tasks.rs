//! What is to be done for segments of vectors, and what is being done.
//!
//! Two segments at most are built at a time: one in turn with all other tasks, and beside it a large one,
//! so that deltas are flushed and small segments merged while it takes its minutes.
//!
//! What waits in memory goes before merges, and is not held up by one that fails: who writes waits for flushes alone.
//!
//! Invariants: what is merged beside others is known as taken until it is in its place or given up, and
//! nobody else merges it; a consolidation begins when what is beside is over, and a merge that nobody asked
//! for gives way to it.
//!
//! May not know: how a segment is built, threads.

use std::collections::VecDeque;

use skeg_io::sync::Mutex;
use skeg_io::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use skeg_log::ShardId;

use crate::error::VectorsError;
use crate::options::EngineOptions;

/// After a failure what is like it is tried again no sooner.
const PAUSE_MS: u64 = 2_000;

/// Of deltas that are idle one is written in so many milliseconds.
const IDLE_EACH_MS: u64 = 1_000;

/// Called now and then, also before anything is done; `false` gives up. Asks nothing of the engine.
pub type ConsolidateProgress = Box<dyn FnMut(BuildProgress) -> bool + Send>;

/// Called once, on any thread, when an index was consolidated, or that was given up.
pub type ConsolidateDone = Box<dyn FnOnce(Result<(), VectorsError>) + Send>;

/// How far a segment is that is being built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildProgress {
    /// Rows written so far.
    pub written: u64,
    /// Rows that it will have, at most.
    pub rows: u64,
    /// Of a segment that is to have a graph, rows linked so far: each is linked twice, and counts half
    /// each time.
    pub linked: Option<u64>,
}

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
    /// Segments of an index that are many become one, and one that should have a graph gets it.
    Tidy { shard: ShardId, name: Box<[u8]>, number: u64 },
    /// The index of this number is no more.
    Forget { shard: ShardId, number: u64 },
}

impl Task {
    pub(super) fn shard(&self) -> ShardId {
        match self {
            Self::Flush { shard, .. }
            | Self::Tidy { shard, .. }
            | Self::Consolidate { shard, .. }
            | Self::Forget { shard, .. } => *shard,
        }
    }

    /// It writes what waits in memory.
    fn is_flush(&self) -> bool {
        matches!(self, Self::Flush { .. } | Self::Consolidate { .. })
    }

    /// It is not done, for this reason: tells who asked for it.
    pub(super) fn end(self, error: VectorsError) {
        if let Self::Consolidate { done, .. } = self {
            done(Err(error));
        }
    }

    /// It is the same thing, to be done once.
    fn repeats(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Flush { number, .. }, Self::Flush { number: of, .. })
            | (Self::Tidy { number, .. }, Self::Tidy { number: of, .. }) => number == of,
            _ => false,
        }
    }
}

/// Where tasks wait, and how far those under way are.
pub(crate) struct Store {
    delta_bytes: usize,
    beside_bytes: u64,
    idle_ms: u64,
    /// When a delta that is idle may be written next.
    next_idle_ms: AtomicU64,
    /// The last flush failed.
    failing: AtomicBool,
    /// The last task that was none failed.
    others_fail: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    /// No flush is begun before this, in milliseconds of the monotonic clock.
    flushes_after_ms: u64,
    /// Nothing else is.
    others_after_ms: u64,
    /// The segment that is built in turn: of which index, and how far.
    in_turn: Option<(u64, BuildProgress)>,
    beside: Option<Beside>,
}

/// A large segment that is being built beside others.
struct Beside {
    /// Of its index.
    number: u64,
    /// Numbers of the segments' files that it is built from.
    takes: Vec<u64>,
    progress: BuildProgress,
    /// The index was dropped.
    unwanted: bool,
    /// Nobody asked for it: it is given up for a consolidation, which takes the same rows or waits for it.
    gives_way: bool,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("delta_bytes", &self.delta_bytes).finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(options: &EngineOptions) -> Self {
        Self {
            delta_bytes: options.vector_delta_bytes,
            beside_bytes: options.vector_beside_bytes,
            idle_ms: options.vector_idle_ms,
            next_idle_ms: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            others_fail: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// For how long nobody has written to a delta that is idle.
    pub(crate) fn idle_ms(&self) -> u64 {
        self.idle_ms
    }

    /// Whether a delta that is idle may be written now.
    pub(crate) fn is_idle_turn(&self, now_ms: u64) -> bool {
        now_ms >= self.next_idle_ms.load(Ordering::Relaxed) && !self.has_next(now_ms)
    }

    /// Takes the turn, if it is there: nobody else has it for a while.
    pub(crate) fn take_idle_turn(&self, now_ms: u64) -> bool {
        let next_ms = self.next_idle_ms.fetch_max(now_ms + IDLE_EACH_MS, Ordering::Relaxed);
        now_ms >= next_ms
    }

    /// Bytes of a delta that are written at once.
    pub(crate) fn delta_bytes(&self) -> usize {
        self.delta_bytes
    }

    /// A merge that writes so many bytes is done beside all others.
    pub(crate) fn beside_bytes(&self) -> u64 {
        self.beside_bytes
    }

    /// Whether the last flush failed: who waits for one might wait for ever.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// The same of a merge.
    pub(crate) fn merges_fail(&self) -> bool {
        self.others_fail.load(Ordering::Relaxed)
    }

    /// Says whether what was done last fails, a flush or something else.
    pub(super) fn note_failing(&self, is_flush: bool, fails: bool) {
        let last = if is_flush { &self.failing } else { &self.others_fail };
        last.store(fails, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, task: Task) {
        let mut state = self.state.lock();
        if let (Task::Forget { number, .. }, Some(beside)) = (&task, &mut state.beside) {
            beside.unwanted |= beside.number == *number;
        }
        if !state.tasks.iter().any(|other| other.repeats(&task)) {
            state.tasks.push_back(task);
        }
    }

    /// The next task that may begin.
    pub(super) fn next(&self, now_ms: u64) -> Option<Task> {
        let mut state = self.state.lock();
        let at = state.ready(now_ms)?;
        state.tasks.remove(at)
    }

    /// Whether there is a task that may begin.
    pub(super) fn has_next(&self, now_ms: u64) -> bool {
        self.state.lock().ready(now_ms).is_some()
    }

    /// Something failed that is a flush or is none: others of its kind wait for a while.
    pub(super) fn pause(&self, is_flush: bool, now_ms: u64) {
        let mut state = self.state.lock();
        let State { flushes_after_ms, others_after_ms, .. } = &mut *state;
        *if is_flush { flushes_after_ms } else { others_after_ms } = now_ms + PAUSE_MS;
    }

    /// Nothing waits any longer because something has failed.
    pub(super) fn end_pauses(&self) {
        let mut state = self.state.lock();
        (state.flushes_after_ms, state.others_after_ms) = (0, 0);
    }

    /// Whether merges wait because one has failed.
    pub(super) fn merges_pause(&self, now_ms: u64) -> bool {
        now_ms < self.state.lock().others_after_ms
    }

    /// Consolidations that were called off before their turn.
    pub(super) fn take_called_off(&self) -> Vec<Task> {
        let mut state = self.state.lock();
        let mut called_off = Vec::new();
        for mut task in std::mem::take(&mut state.tasks) {
            if let Task::Consolidate { progress, .. } = &mut task
                && !progress(BuildProgress::default())
            {
                called_off.push(task);
            } else {
                state.tasks.push_back(task);
            }
        }
        called_off
    }

    /// All that wait: nothing is begun any more.
    pub(super) fn take_all(&self) -> VecDeque<Task> {
        std::mem::take(&mut self.state.lock().tasks)
    }

    /// How far the segment is that is being built of the index of this number, the large one first.
    pub(crate) fn progress_of(&self, number: u64) -> Option<BuildProgress> {
        let state = self.state.lock();
        let beside = state.beside.as_ref().map(|beside| (beside.number, beside.progress));
        let of = beside.into_iter().chain(state.in_turn).find(|(of, _)| *of == number);
        of.map(|(_, progress)| progress)
    }

    /// Segments of the index of this number, by their files, that are being merged beside others.
    pub(super) fn taken(&self, number: u64) -> Vec<u64> {
        let state = self.state.lock();
        let beside = state.beside.as_ref().filter(|beside| beside.number == number);
        beside.map(|beside| beside.takes.clone()).unwrap_or_default()
    }

    /// Whether a large segment of the index of this number is being built.
    pub(super) fn builds_beside(&self, number: u64) -> bool {
        self.state.lock().beside.as_ref().is_some_and(|beside| beside.number == number)
    }

    /// Whether a segment is built beside others, or is to be because somebody has asked.
    pub(super) fn is_beside_taken(&self) -> bool {
        let state = self.state.lock();
        state.beside.is_some() || state.is_consolidation_due()
    }

    /// Whether a segment is built beside others.
    pub(super) fn has_beside(&self) -> bool {
        self.state.lock().beside.is_some()
    }

    /// From now on these segments of an index are being merged beside others.
    pub(super) fn begin_beside(&self, number: u64, takes: Vec<u64>, gives_way: bool) {
        let mut state = self.state.lock();
        // It may have been dropped since whoever begins has looked at it.
        let drops = |task: &Task| matches!(task, Task::Forget { number: of, .. } if *of == number);
        let unwanted = state.tasks.iter().any(drops);
        let progress = BuildProgress::default();
        state.beside = Some(Beside { number, takes, progress, unwanted, gives_way });
    }

    /// Whether the index was dropped whose segment is built beside others.
    pub(super) fn is_unwanted(&self) -> bool {
        self.state.lock().beside.as_ref().is_some_and(|beside| beside.unwanted)
    }

    /// Says how far a segment is. `false` when its index was dropped, or it gives way to a consolidation.
    pub(super) fn note(&self, beside: bool, number: u64, progress: BuildProgress) -> bool {
        let mut state = self.state.lock();
        if !beside {
            state.in_turn = Some((number, progress));
            return true;
        }
        let is_asked = state.is_consolidation_due();
        let building = state.beside.as_mut();
        building.is_some_and(|building| {
            building.progress = progress;
            !(building.unwanted || building.gives_way && is_asked)
        })
    }

    /// Nothing is built any more.
    pub(super) fn end(&self, beside: bool) {
        let mut state = self.state.lock();
        if beside {
            state.beside = None;
        } else {
            state.in_turn = None;
        }
    }
}

impl State {
    fn is_consolidation_due(&self) -> bool {
        self.tasks.iter().any(|task| matches!(task, Task::Consolidate { .. }))
    }

    /// Where the next task stands that may begin: merges come last.
    fn ready(&self, now_ms: u64) -> Option<usize> {
        let may_begin = |task: &Task| {
            let after_ms =
                if task.is_flush() { self.flushes_after_ms } else { self.others_after_ms };
            let waits = matches!(task, Task::Consolidate { .. }) && self.beside.is_some();
            now_ms >= after_ms && !waits
        };
        let ready = self.tasks.iter().enumerate().filter(|(_, task)| may_begin(task));
        ready.min_by_key(|(_, task)| matches!(task, Task::Tidy { .. })).map(|(at, _)| at)
    }
}
