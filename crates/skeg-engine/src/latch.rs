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
//! - a command that must wait for log space, or for room, gives back every latch of its job and keeps its
//!   place; one that waits for values, or for the walk of a snapshot, may keep it (`fetch.rs`), and only what
//!   it may be waiting for overtakes it;
//! - nobody holds a latch behind a command that waits for log space or room: it may be waiting for just that
//!   latch. A job that comes to stand there goes before it if it was queued earlier, which leaves nobody waiting for
//!   ever; otherwise it gives back what it holds, and waits where it begins.

use std::collections::VecDeque;

use skeg_io::sync::atomic::{AtomicUsize, Ordering};
use skeg_io::sync::{Arc, Mutex, Slot};
use skeg_log::{Broken, ShardId, breaks};
use smallvec::SmallVec;

use crate::blocking::Owed;
use crate::engine::Shared;
use crate::error::Refusal;
use crate::exec::Undone;
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

    /// Behind all others; but a ticket that holds latches goes before one that stalls here and is younger, and is
    /// given back when that one is older.
    fn push_back(&self, ticket: Ticket) -> Option<Ticket> {
        let mut queue = self.queue.lock();
        let stalling = queue.iter().position(|before| before.stalls);
        match stalling.filter(|_| !ticket.held.is_empty()) {
            Some(at) if queue[at].number < ticket.number => return Some(ticket),
            Some(at) => queue.insert(at, ticket),
            None => queue.push_back(ticket),
        }
        self.queued.store(queue.len(), Ordering::SeqCst);
        None
    }

    /// Before all others; but who has run without success stays behind what was put first meanwhile: it may
    /// be what he waits for.
    fn push_front(&self, ticket: Ticket) {
        let mut queue = self.queue.lock();
        push_front(&mut queue, ticket);
        self.queued.store(queue.len(), Ordering::SeqCst);
    }

    /// [`Latch::push_front`] of a ticket that stalls; of those that hold latches older ones go before it, and the
    /// others are taken out. Whether there are older ones.
    fn push_stalling(&self, mut ticket: Ticket) -> (bool, Tickets) {
        let mut queue = self.queue.lock();
        let (mut older, mut younger) = (Tickets::new(), Tickets::new());
        while let Some(at) = queue.iter().position(|behind| !behind.held.is_empty()) {
            let holding = queue.remove(at).expect("it was found there");
            if holding.number < ticket.number { &mut older } else { &mut younger }.push(holding);
        }
        ticket.stalls = true;
        let at = push_front(&mut queue, ticket);
        let has_older = !older.is_empty();
        older.into_iter().rev().for_each(|holding| queue.insert(at, holding));
        self.queued.store(queue.len(), Ordering::SeqCst);
        (has_older, younger)
    }

    /// The first job that does not wait for those before it.
    fn pop_overtaking(&self) -> Option<Ticket> {
        let mut queue = self.queue.lock();
        let at = queue.iter().position(|ticket| ticket.job.overtakes())?;
        let ticket = queue.remove(at);
        self.queued.store(queue.len(), Ordering::SeqCst);
        ticket.map(Ticket::taken_up)
    }

    fn has_overtaking(&self) -> bool {
        self.queue.lock().iter().any(|ticket| ticket.job.overtakes())
    }

    fn pop(&self) -> Option<Ticket> {
        let mut queue = self.queue.lock();
        let ticket = queue.pop_front();
        self.queued.store(queue.len(), Ordering::SeqCst);
        ticket.map(Ticket::taken_up)
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Returns where the ticket is.
fn push_front(queue: &mut VecDeque<Ticket>, ticket: Ticket) -> usize {
    let overtakes = |ticket: &Ticket| ticket.job.overtakes();
    let first = queue.iter().take_while(|before| overtakes(before)).count();
    let at = if overtakes(&ticket) { 0 } else { first };
    queue.insert(at, ticket);
    at
}

/// Tickets out of their queues.
type Tickets = SmallVec<[Ticket; 1]>;

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

    /// Queues a ticket that holds nothing at the shard it needs next.
    pub(crate) fn enqueue(&self, ticket: Ticket) -> ShardId {
        let ticket = self.numbered(ticket);
        let id = ticket.next_shard();
        let given_back = self.latch(id).push_back(ticket);
        debug_assert!(given_back.is_none(), "it holds no latch");
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
                        ticket.fetching = Some(Arc::clone(&fetching));
                        self.enqueue_first(ticket);
                        let Some(overtaking) = self.latch(id).pop_overtaking() else {
                            self.wait_in_place(&fetching, shard, work);
                            return None;
                        };
                        ticket = overtaking;
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
            let next = ticket.next_shard();
            match self.latch(next).push_back(ticket) {
                None => work.push(next),
                Some(ticket) => self.stall(ticket, work),
            }
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
        if let Err(Undone { refusal: Refusal::Wait, receipt }) = outcome {
            ticket.receipt = ticket.receipt.and(receipt);
            self.give_back_and_wait(ticket, work);
            return After::Gone;
        }
        let mut held = std::mem::take(&mut ticket.held);
        let last = held.pop().expect("a job has at least one shard");
        self.free(held, work);
        match outcome {
            Ok(ran) => {
                let receipt = ticket.receipt.and(ran.receipt);
                let then = move || ticket.job.done(Ok(receipt));
                self.settle(ran.owed, then, work);
            }
            Err(undone) => ticket.job.done(Err(undone.refusal)),
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
            Err(Undone { refusal: Refusal::Wait, receipt }) => {
                ticket.receipt = ticket.receipt.and(receipt);
                ticket.held.push(shard);
                self.give_back_and_wait(ticket, work);
                return After::Gone;
            }
            Err(undone) => ticket.job.done(Err(undone.refusal)),
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
    /// may not overtake it; otherwise it is set aside. Values are fetched for it; the walk of a snapshot has
    /// it run again.
    fn give_back_and_wait(&self, mut ticket: Ticket, work: &mut Work) {
        let mut held = std::mem::take(&mut ticket.held);
        let outlet = held.iter().find(|shard| shard.is_held_up()).and_then(|shard| shard.outlet());
        let missing = held.iter_mut().flat_map(|shard| shard.take_missing()).collect::<Vec<_>>();
        ticket.begin_again();
        let lacks_room = held.iter().any(|shard| shard.lacks_room());
        if lacks_room && (self.check_open().is_err() || !ticket.job.keeps_place()) {
            let refused = self.set_aside(ticket);
            self.free(held, work);
            if let Some((ticket, refusal)) = refused {
                ticket.job.done(Err(refusal));
            }
        } else if !missing.is_empty() {
            // First of all it has its place: nobody comes before it once the latch is free.
            let suspended = self.suspend(ticket);
            self.free(held, work);
            work.extend(self.fetch_for(suspended, missing));
        } else if let Some(outlet) = outlet {
            // The walk goes no further before the latch is free.
            work.extend(self.wait_for_walk(ticket, &outlet));
            self.free(held, work);
        } else {
            ticket.held = held;
            self.stall(ticket, work);
        }
    }

    /// Has a ticket wait where it begins, the first there and without a latch, until its home thread tries again
    /// in a millisecond. So do younger ones that have queued there with latches, which they would hold for as long.
    fn stall(&self, ticket: Ticket, work: &mut Work) {
        let mut stalling: Tickets = SmallVec::new();
        stalling.push(ticket);
        while let Some(mut ticket) = stalling.pop() {
            ticket.begin_again();
            let held = std::mem::take(&mut ticket.held);
            let (id, overtakes) = (ticket.next_shard(), ticket.job.overtakes());
            let (has_older, younger) = self.latch(id).push_stalling(ticket);
            // These begin at shards before this one, so there is an end.
            stalling.extend(younger);
            self.free(held, work);
            // Not before: its home thread might find the latch taken, and not look again.
            self.stalled(id);
            work.retain(|queued| *queued != id);
            if has_older {
                work.push(id);
            }
            // A snapshot may be what he waits for.
            if !overtakes && let Some(overtaking) = self.latch(id).pop_overtaking() {
                work.push(self.enqueue_first(overtaking));
            }
        }
    }

    fn numbered(&self, mut ticket: Ticket) -> Ticket {
        if ticket.number == 0 {
            ticket.number = self.tickets.fetch_add(1, Ordering::Relaxed) + 1;
        }
        ticket
    }

    /// Queues a ticket before all others at the shard it needs next.
    pub(crate) fn enqueue_first(&self, ticket: Ticket) -> ShardId {
        let ticket = self.numbered(ticket);
        let id = ticket.next_shard();
        self.latch(id).push_front(ticket);
        id
    }

    /// The first of a queue keeps its place until what it waits for is there: nobody else is served
    /// before, but those that overtake.
    fn wait_in_place(&self, fetching: &Fetching, shard: Box<Shard>, work: &mut Work) {
        let id = shard.id;
        self.latch(id).put_back(shard);
        // Who has come to its end, or has been queued, meanwhile has found the latch taken.
        let overtaken = self.latch(id).has_overtaking() && !breaks(Broken::ForgetsOvertaking);
        if fetching.is_done() || overtaken {
            work.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Exec;
    use crate::job::{Bound, Job, Receipt};
    use crate::router::ShardList;
    use skeg_keyspace::HashSeed;

    struct Idle(ShardList);

    impl Job for Idle {
        fn shards(&self) -> &ShardList {
            &self.0
        }

        fn bound(&self) -> Bound {
            Bound::READ
        }

        fn run(&mut self, _: &mut Exec<'_>) -> Progress {
            Progress::Done
        }

        fn done(self: Box<Self>, _: Result<Receipt, Refusal>) {}
    }

    fn shard(id: u16) -> Box<Shard> {
        Box::new(Shard::new(ShardId(id), HashSeed::from_bytes([7; 32]), 0))
    }

    fn latch() -> Latch {
        Latch::new(*shard(1))
    }

    fn ticket(number: u64, holds: bool) -> Ticket {
        let mut ticket =
            Ticket::new(Box::new(Idle([ShardId(0), ShardId(1)].into_iter().collect())));
        ticket.number = number;
        ticket.held.extend(holds.then(|| shard(0)));
        ticket
    }

    fn numbers(latch: &Latch) -> Vec<u64> {
        latch.queue.lock().iter().map(|ticket| ticket.number).collect()
    }

    #[test]
    fn who_holds_latches_goes_before_a_younger_one_that_stalls_and_never_behind_one() {
        let latch = latch();
        assert!(latch.push_back(ticket(4, false)).is_none());
        let (has_older, younger) = latch.push_stalling(ticket(5, false));
        assert!(!has_older && younger.is_empty());
        assert!(latch.push_back(ticket(6, true)).is_some_and(|ticket| ticket.number == 6));
        assert!(latch.push_back(ticket(3, true)).is_none());
        assert!(latch.push_back(ticket(2, false)).is_none(), "it holds nothing");
        assert_eq!(numbers(&latch), [3, 5, 4, 2]);
    }

    #[test]
    fn of_those_that_hold_latches_behind_one_that_begins_to_stall_younger_ones_give_them_back() {
        let latch = latch();
        for (number, holds) in [(7, true), (8, false), (3, true), (9, true), (4, true)] {
            assert!(latch.push_back(ticket(number, holds)).is_none());
        }
        let (has_older, younger) = latch.push_stalling(ticket(5, false));
        let younger: Vec<_> = younger.iter().map(|ticket| ticket.number).collect();
        assert!(has_older);
        assert_eq!((numbers(&latch), younger), (vec![3, 4, 5, 8], vec![7, 9]));
    }
}
