//! What the snapshot's thread has done under latches: jobs that leave what they came to in a reply.
//!
//! Invariant: one errand at a time for each reply, and each leaves something there, whatever becomes of it.
//! May not know: what it is for.

use std::collections::BTreeMap;

use skeg_io::sync::{Arc, Mutex};
use skeg_log::{Level, Log, ShardId};

use crate::error::Refusal;
use crate::exec::Exec;
use crate::home::Bell;
use crate::job::{Bound, Hold, Job, Progress, Receipt};
use crate::router::ShardList;
use crate::shard::{Seek, Shard, Stray};
use crate::walk::{Slice, Started};

/// What an errand came to.
#[derive(Default)]
pub(super) struct Told {
    pub(super) started: Option<Started>,
    pub(super) slice: Slice,
    /// Bytes of strings in each segment: the answer to a [`Question`].
    pub(super) homes: BTreeMap<u64, u64>,
    pub(super) strays: Vec<Stray>,
    pub(super) seek: Option<Seek>,
    pub(super) receipt: Receipt,
}

/// Where an errand leaves what it came to.
pub(super) struct Reply {
    outcome: Mutex<Option<Result<Told, Refusal>>>,
    bell: Arc<Bell>,
}

impl Reply {
    pub(super) fn new(bell: &Arc<Bell>) -> Self {
        Self { outcome: Mutex::default(), bell: Arc::clone(bell) }
    }

    pub(super) fn take(&self) -> Option<Result<Told, Refusal>> {
        self.outcome.lock().take()
    }

    fn put(&self, told: Told, outcome: Result<Receipt, Refusal>) {
        *self.outcome.lock() = Some(outcome.map(|receipt| Told { receipt, ..told }));
        self.bell.ring();
    }
}

/// Work on one shard, done in one go.
pub(super) struct Errand<W> {
    shards: ShardList,
    bound: Bound,
    work: W,
    told: Told,
    reply: Arc<Reply>,
}

impl<W: FnMut(&mut Shard, &mut Told) + Send> Errand<W> {
    pub(super) fn new(id: ShardId, bound: Bound, reply: &Arc<Reply>, work: W) -> Box<Self> {
        let (shards, reply) = (ShardList::one(id), Arc::clone(reply));
        Box::new(Self { shards, bound, work, told: Told::default(), reply })
    }
}

impl<W: FnMut(&mut Shard, &mut Told) + Send> Job for Errand<W> {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        self.bound
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        exec.shards().for_each(|shard| (self.work)(shard, &mut self.told));
        Progress::Done
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        let Self { reply, told, .. } = *self;
        reply.put(told, outcome);
    }
}

/// Which segments the entries of all shards point to, after what is written was sent away.
pub(super) struct Question {
    shards: ShardList,
    log: Arc<Log>,
    reply: Arc<Reply>,
    told: Told,
}

impl Question {
    pub(super) fn new(shards: u16, log: &Arc<Log>, reply: &Arc<Reply>) -> Box<Self> {
        let (log, reply) = (Arc::clone(log), Arc::clone(reply));
        Box::new(Self { shards: ShardList::all(shards), log, reply, told: Told::default() })
    }
}

impl Job for Question {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn hold(&self) -> Hold {
        Hold::Each
    }

    fn bound(&self) -> Bound {
        Bound::READ
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        // Acknowledgements may lag behind what is durable, and the snapshot covers.
        let reached = self.log.reached(Level::Kernel).max(self.log.reached(Level::Disk));
        for shard in exec.shards() {
            if shard.send_away(&self.log, reached) {
                return Progress::Again;
            }
            for (home, kept) in shard.homes() {
                *self.told.homes.entry(home).or_default() += kept.bytes;
            }
        }
        Progress::Done
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        let Self { reply, told, .. } = *self;
        reply.put(told, outcome);
    }
}
