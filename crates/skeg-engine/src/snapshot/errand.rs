//! What the snapshot's thread has done under latches: jobs that leave what they came to in a reply, and
//! steps that post them and wait.
//!
//! Invariant: one errand at a time for each reply, and each leaves something there, whatever becomes of it.
//! May not know: what it is for.

use std::collections::BTreeMap;

use skeg_io::sync::atomic::{AtomicU64, Ordering::Relaxed};
use skeg_io::sync::{Arc, Mutex};
use skeg_io::thread_cpu_ns;
use skeg_log::{Health, Level, Log, ShardId};

use crate::engine::Shared;
use crate::error::{Refusal, SnapshotError};
use crate::exec::Exec;
use crate::holder::Drain;
use crate::home::Bell;
use crate::job::{Bound, Hold, Job, Progress as JobProgress, Receipt, Ticket};
use crate::router::ShardList;
use crate::shard::{Seek, Shard, Stray};
use crate::walk::{Slice, Started};

/// What a step came to.
#[derive(Debug)]
pub(super) enum Progress<T> {
    /// The next step has something to do.
    More,
    /// Others do what the next step would do: it rests, if it may.
    Rests,
    /// Something has to happen first: look again soon.
    Waits,
    /// It is over, with this.
    Done(T),
}

/// What an errand came to.
#[derive(Default)]
pub(super) struct Told {
    pub(super) started: Option<Started>,
    pub(super) slice: Slice,
    /// Bytes of strings in each segment: the answer to a [`question`].
    pub(super) homes: BTreeMap<u64, u64>,
    pub(super) strays: Vec<Stray>,
    pub(super) seek: Option<Seek>,
    pub(super) receipt: Receipt,
}

/// Where an errand leaves what it came to.
pub(super) struct Reply {
    outcome: Mutex<Option<Result<Told, Refusal>>>,
    longest_hold_ns: AtomicU64,
    bell: Arc<Bell>,
}

impl Reply {
    pub(super) fn new(bell: &Arc<Bell>) -> Self {
        let (outcome, longest_hold_ns) = (Mutex::default(), AtomicU64::new(0));
        Self { outcome, longest_hold_ns, bell: Arc::clone(bell) }
    }

    pub(super) fn take(&self) -> Option<Result<Told, Refusal>> {
        self.outcome.lock().take()
    }

    /// Processor time that an errand has held a latch for at most, in nanoseconds.
    pub(super) fn longest_hold_ns(&self) -> u64 {
        self.longest_hold_ns.load(Relaxed)
    }
}

/// Posts an errand, after which `stage` is the next one.
pub(super) fn post<S, T>(
    shared: &Shared,
    errand: Box<dyn Job>,
    stage: &mut S,
    next: S,
) -> Result<Progress<T>, SnapshotError> {
    match shared.post(Ticket::new(errand), Drain::Serve) {
        Ok(()) => {
            *stage = next;
            Ok(Progress::More)
        }
        Err((_, refusal)) => Err(refusal.into()),
    }
}

/// What a step comes to that waits for an epoch of the log.
pub(super) fn wait_for_log<T>(log: &Log) -> Result<Progress<T>, SnapshotError> {
    match log.status().health {
        Health::Poisoned => Err(Refusal::Poisoned.into()),
        _ => Ok(Progress::Waits),
    }
}

struct Errand<W> {
    shards: ShardList,
    hold: Hold,
    bound: Bound,
    work: W,
    told: Told,
    reply: Arc<Reply>,
}

/// Work on one shard, done in one go.
pub(super) fn errand(
    id: ShardId,
    bound: Bound,
    reply: &Arc<Reply>,
    mut work: impl FnMut(&mut Shard, &mut Told) + Send + 'static,
) -> Box<dyn Job> {
    let work = move |shard: &mut Shard, told: &mut Told| {
        work(shard, told);
        JobProgress::Done
    };
    let (shards, hold, reply) = (ShardList::one(id), Hold::Together, Arc::clone(reply));
    Box::new(Errand { shards, hold, bound, work, told: Told::default(), reply })
}

/// Which segments the entries of all shards point to, after what is written was sent away.
pub(super) fn question(shards: u16, log: &Arc<Log>, reply: &Arc<Reply>) -> Box<dyn Job> {
    let log = Arc::clone(log);
    let work = move |shard: &mut Shard, told: &mut Told| {
        // Acknowledgements may lag behind what is durable, and the snapshot covers.
        let reached = log.reached(Level::Kernel).max(log.reached(Level::Disk));
        if shard.send_away(&log, reached) {
            return JobProgress::Again;
        }
        for (home, kept) in shard.homes() {
            *told.homes.entry(home).or_default() += kept.bytes;
        }
        JobProgress::Done
    };
    let (shards, hold, reply) = (ShardList::all(shards), Hold::Each, Arc::clone(reply));
    let (bound, told) = (Bound::READ, Told::default());
    Box::new(Errand { shards, hold, bound, work, told, reply })
}

impl<W: FnMut(&mut Shard, &mut Told) -> JobProgress + Send> Job for Errand<W> {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn hold(&self) -> Hold {
        self.hold
    }

    fn bound(&self) -> Bound {
        self.bound
    }

    /// Who queues may wait for the walk to come to a large value, or for more to be written of the snapshot.
    fn overtakes(&self) -> bool {
        true
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> JobProgress {
        // It is given one shard at a time, however many there are.
        let shard = exec.shards().next().expect("a job has a shard");
        let begun_ns = thread_cpu_ns();
        let progress = (self.work)(shard, &mut self.told);
        let held_ns = thread_cpu_ns().saturating_sub(begun_ns);
        self.reply.longest_hold_ns.fetch_max(held_ns, Relaxed);
        progress
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        let Self { reply, told, .. } = *self;
        *reply.outcome.lock() = Some(outcome.map(|receipt| Told { receipt, ..told }));
        reply.bell.ring();
    }
}
