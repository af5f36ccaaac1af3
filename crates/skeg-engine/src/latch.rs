//! Latches and queues: who may run commands on a shard, and in which order.
//!
//! A latch is the box of the shard itself: whoever has moved it out of its slot may run commands,
//! and putting it back frees the latch. Beside it stands a queue for work that found it taken.
//!
//! Invariants:
//! - after a push the latch is tried, after a release the queue is looked at, both sequentially
//!   consistent: work is never left behind by both sides;
//! - nobody borrows a latch past queued work; the queue is first in, first out, but for what it waits for:
//!   a segment that is put in its place goes before all others;
//! - nobody waits for a latch while holding one, except jobs, in ascending order;
//! - a command that must wait for log space gives back every latch of its job and keeps its place; one
//!   that waits for values may keep it (`fetch.rs`).

use std::collections::VecDeque;

use skeg_io::sync::atomic::{AtomicUsize, Ordering};
use skeg_io::sync::{Arc, Mutex, Slot};
use skeg_log::ShardId;
use smallvec::SmallVec;

use crate::blocking::Owed;
use crate::engine::Shared;
use crate::error::Refusal;
use crate::fetch::Fetching;
use crate::job::{Hold, Progress, Ticket};
use crate::shard::{Group, Shard};

/// Jobs that a thread runs for others before it lets go of a latch for good.
const DRAIN_MAX: usize = 64;

/// A shard's latch and its queue.
#[derive(Debug)]
pub(crate) struct Latch {
    slot: Slot<Shard>,
    queue: Mutex<VecDeque<Ticket>>,
    queued: AtomicUsize,
}

impl Latch {
    pub(crate) fn new(shard: Shard) -> Self {
        Self {
            slot: Slot::new(Box::new(shard)),
            queue: Mutex::new(VecDeque::new()),
            queued: AtomicUsize::new(0),
        }
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::SeqCst)
    }

    /// The shard, if its latch is free and nobody waits for it.
    pub(crate) fn borrow(&self) -> Option<Box<Shard>> {
        if self.queued() > 0 { None } else { self.slot.take() }
    }

    /// The shard, if its latch is free: for closing, when nobody may queue any more.
    pub(crate) fn take(&self) -> Option<Box<Shard>> {
        self.slot.take()
    }

    pub(crate) fn put_back(&self, shard: Box<Shard>) {
        self.slot.put(shard);
    }

    fn push_back(&self, ticket: Ticket) {
        let mut queue = self.queue.lock();
        queue.push_back(ticket);
        self.queued.store(queue.len(), Ordering::SeqCst);
    }

    fn push_front(&self, ticket: Ticket) {
        let mut queue = self.queue.lock();
        queue.push_front(ticket);
        self.queued.store(queue.len(), Ordering::SeqCst);
    }

    fn pop(&self) -> Option<Ticket> {
        let mut queue = self.queue.lock();
        let ticket = queue.pop_front();
        self.queued.store(queue.len(), Ordering::SeqCst);
        ticket
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Shards whose queues still have to be looked at.
type Work = SmallVec<[ShardId; 4]>;

/// What became of the latch under which a ticket was served.
enum After {
    /// It is still held: go on with the queue.
    Held(Box<Shard>),
    /// The ticket took it along, or gave it back.
    Gone,
}

impl Shared {
    pub(crate) fn latch(&self, id: ShardId) -> &Latch {
        &self.latches[usize::from(id.0)]
    }

    /// Queues a ticket at the shard it needs next.
    pub(crate) fn enqueue(&self, ticket: Ticket) -> ShardId {
        let id = ticket.job.shards().as_slice()[ticket.at];
        self.latch(id).push_back(ticket);
        id
    }

    /// Runs what is queued at a shard, and what that sets free, while latches can be had. What is
    /// left after a fair share is the home thread's.
    pub(crate) fn attend(&self, first: ShardId) {
        if self.latch(first).queued() == 0 {
            return;
        }
        let now_ms = self.now_ms();
        let mut left = DRAIN_MAX;
        let mut work: Work = SmallVec::from_slice(&[first]);
        while let Some(id) = work.pop() {
            let latch = self.latch(id);
            while latch.queued() > 0 {
                if left == 0 {
                    self.wake_home(id);
                    break;
                }
                // Taken: whoever has it looks at the queue when it lets go.
                let Some(shard) = latch.take() else { break };
                match self.drain(shard, now_ms, &mut left, &mut work) {
                    Some(shard) => latch.put_back(shard),
                    None => break,
                }
            }
        }
    }

    /// Serves tickets under one latch; `None` when it is not held any more.
    fn drain(
        &self,
        mut shard: Box<Shard>,
        now_ms: u64,
        left: &mut usize,
        work: &mut Work,
    ) -> Option<Box<Shard>> {
        let id = shard.id;
        while *left > 0 {
            let Some(mut ticket) = self.latch(id).pop() else { break };
            if let Some(fetching) = ticket.fetching.take() {
                match fetching.take() {
                    Some(fetched) => ticket.fetched.extend(fetched),
                    None => {
                        self.wait_for_values(ticket, &fetching, shard, work);
                        return None;
                    }
                }
            }
            *left -= 1;
            let after = match ticket.job.hold() {
                Hold::Together => self.serve_together(ticket, shard, now_ms, work),
                Hold::Each => self.serve_each(ticket, shard, now_ms, work),
            };
            match after {
                After::Held(held) => shard = held,
                After::Gone => return None,
            }
        }
        Some(shard)
    }

    fn serve_together(
        &self,
        mut ticket: Ticket,
        shard: Box<Shard>,
        now_ms: u64,
        work: &mut Work,
    ) -> After {
        ticket.held.push(shard);
        ticket.at += 1;
        if ticket.at < ticket.job.shards().as_slice().len() {
            work.push(self.enqueue(ticket));
            return After::Gone;
        }
        let Ticket { job, held, fetched, .. } = &mut ticket;
        // Latches may have been held for a while: all shards see the clock that the job sees.
        let reached = self.reached();
        held.iter_mut().for_each(|shard| {
            shard.begin(now_ms, reached);
            shard.lay_out(fetched);
        });
        let outcome = self.run(held, now_ms, job.bound(), |exec| job.run(exec));
        if matches!(outcome, Err(Refusal::Wait)) {
            self.give_back_and_wait(ticket, work);
            return After::Gone;
        }
        let mut held = std::mem::take(&mut ticket.held);
        let last = held.pop().expect("a job has at least one shard");
        self.free(held, work);
        match outcome {
            Ok(ran) => {
                let then = move || ticket.job.done(Ok(ran.receipt));
                self.settle(ran.owed, then, work);
            }
            Err(refusal) => ticket.job.done(Err(refusal)),
        }
        After::Held(last)
    }

    fn serve_each(
        &self,
        mut ticket: Ticket,
        mut shard: Box<Shard>,
        now_ms: u64,
        work: &mut Work,
    ) -> After {
        let job = &mut ticket.job;
        shard.begin(now_ms, self.reached());
        shard.lay_out(&ticket.fetched);
        let outcome =
            self.run(std::slice::from_mut(&mut shard), now_ms, job.bound(), |exec| job.run(exec));
        match outcome {
            Err(Refusal::Wait) => {
                ticket.held.push(shard);
                self.give_back_and_wait(ticket, work);
                return After::Gone;
            }
            Err(refusal) => ticket.job.done(Err(refusal)),
            Ok(ran) => {
                self.settle(ran.owed, || (), work);
                ticket.receipt = ticket.receipt.and(ran.receipt);
                ticket.at += usize::from(ran.result == Progress::Done);
                if ticket.at < ticket.job.shards().as_slice().len() {
                    work.push(self.enqueue(ticket));
                } else {
                    ticket.job.done(Ok(ticket.receipt));
                }
            }
        }
        After::Held(shard)
    }

    /// Goes on with `then` when everybody is served that a run has made ready.
    fn settle(
        &self,
        owed: Option<Box<Owed>>,
        then: impl FnOnce() + Send + 'static,
        work: &mut Work,
    ) {
        let Some(mut owed) = owed else { return then() };
        work.extend(owed.take_queues());
        if owed.is_served() {
            then();
        } else {
            work.push(self.hand_over(*owed, Some(Box::new(then))));
        }
    }

    /// Puts shards back; what is queued at them is served next.
    fn free(&self, shards: Group, work: &mut Work) {
        for shard in shards {
            let id = shard.id;
            self.latch(id).put_back(shard);
            work.push(id);
        }
    }

    /// A job that must wait holds no latch meanwhile. For log space it is the first to be served where
    /// it began, and its home thread tries again in a millisecond, and so for room for vectors, if others
    /// may not overtake it; otherwise it is set aside. Values are fetched for it.
    fn give_back_and_wait(&self, mut ticket: Ticket, work: &mut Work) {
        let mut held = std::mem::take(&mut ticket.held);
        let missing = held.iter_mut().flat_map(|shard| shard.take_missing()).collect::<Vec<_>>();
        let first = if ticket.job.hold() == Hold::Together { 0 } else { ticket.at };
        ticket.at = first;
        let id = ticket.job.shards().as_slice()[first];
        let lacks_room = held.iter().any(|shard| shard.lacks_room());
        if lacks_room && (self.check_open().is_err() || !ticket.job.keeps_place()) {
            let aside = self.set_aside(ticket);
            self.free(held, work);
            if let Err((ticket, refusal)) = aside {
                ticket.job.done(Err(refusal));
            }
        } else if missing.is_empty() {
            self.enqueue_first(ticket);
            self.stalled(id);
            self.free(held, work);
            work.retain(|queued| *queued != id);
        } else {
            self.free(held, work);
            work.extend(self.fetch_for(ticket, missing));
        }
    }

    /// Queues a ticket before all others at the shard it needs next.
    pub(crate) fn enqueue_first(&self, ticket: Ticket) -> ShardId {
        let id = ticket.job.shards().as_slice()[ticket.at];
        self.latch(id).push_front(ticket);
        id
    }

    /// The first of a queue keeps its place until its values are there: nobody else is served before.
    fn wait_for_values(
        &self,
        mut ticket: Ticket,
        fetching: &Arc<Fetching>,
        shard: Box<Shard>,
        work: &mut Work,
    ) {
        let id = shard.id;
        ticket.fetching = Some(Arc::clone(fetching));
        self.enqueue_first(ticket);
        self.latch(id).put_back(shard);
        // Who has read them meanwhile has found the latch taken.
        if fetching.is_done() {
            work.push(id);
        }
    }
}
