//! How clients that wait are served: at the end of the command that made their key ready, in its record.
//!
//! Invariants: keys are served in the order in which they became ready, until none is ready that can
//! be served; what needs other latches is handed over to a job that owns them, and whoever replies for
//! the command does so after that job.

use skeg_io::sync::atomic::Ordering;
use skeg_io::sync::{Arc, Slot};
use skeg_log::{Epoch, ShardId};
use smallvec::SmallVec;

use super::{Blocked, Keys, Wait, WaitEnd, Waiter};
use crate::engine::Shared;
use crate::error::Refusal;
use crate::exec::Exec;
use crate::holder::Drain;
use crate::job::{Bound, Hold, Job, Progress, Receipt, Ticket};
use crate::router::{Router, ShardList};
use crate::shard::Shard;

/// What goes on when everybody has been served that a command made ready.
pub(crate) type Then = Box<dyn FnOnce() + Send>;

/// What serving clients has left to whoever lets go of the latches.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    /// Keys that are ready for clients whom to serve takes more latches than the command held, and the
    /// shards of these latches.
    keys: Keys,
    shards: ShardList,
    /// Shards to whose queues something was added.
    queues: SmallVec<[ShardId; 2]>,
}

impl Owed {
    /// Whether nobody is left to be served.
    #[inline]
    pub(crate) fn is_served(&self) -> bool {
        self.keys.is_empty()
    }

    /// The shards whose queues have to be looked after.
    pub(crate) fn take_queues(&mut self) -> SmallVec<[ShardId; 2]> {
        std::mem::take(&mut self.queues)
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        other.shards.as_slice().iter().for_each(|id| self.shards.insert(*id));
        self.keys.append(&mut other.keys);
        self.queues.append(&mut other.queues);
    }

    fn add(&mut self, db: u8, key: &[u8], shard: ShardId, also: &ShardList) {
        self.shards.insert(shard);
        also.as_slice().iter().for_each(|id| self.shards.insert(*id));
        self.keys.push((db, key.into()));
    }
}

/// A client that was served, or could not be.
type Claimed = (Box<dyn Blocked>, Result<(), Refusal>);

/// Clients whose claims were taken: answered when the record has its epoch.
#[derive(Default)]
pub(crate) struct Served(SmallVec<[Claimed; 1]>);

impl Served {
    /// Answers them.
    pub(crate) fn end(self, receipt: Receipt) {
        for (blocked, outcome) in self.0 {
            blocked.end(match outcome {
                Ok(()) => WaitEnd::Served(receipt),
                Err(refusal) => WaitEnd::Refused(refusal),
            });
        }
    }
}

impl Exec<'_> {
    /// Lets a client wait for keys. The latches of all of them are held.
    pub fn wait(&mut self, wait: Wait) -> Arc<Waiter> {
        let Wait { db, keys, kind, also, deadline_ms, room, blocked } = wait;
        let board = Arc::clone(&self.shared.board);
        let number = board.next_number();
        let claim = Slot::new(Box::new(blocked));
        let waiter =
            Arc::new(Waiter { number, db, keys, kind, also, deadline_ms, room, claim, board });
        waiter.board.waiting.fetch_add(1, Ordering::Relaxed);
        for key in &waiter.keys {
            self.shard(key).waits.add(key, &waiter);
        }
        if let Some(at) = deadline_ms {
            let mut deadlines = waiter.board.deadlines.lock();
            deadlines.insert((at, number), Arc::clone(&waiter));
            let is_next = deadlines.first_key_value().is_some_and(|((_, next), _)| *next == number);
            drop(deadlines);
            if is_next && let Some(bell) = self.shared.bells.first() {
                bell.ring();
            }
        }
        waiter
    }

    /// Serves whom the command has made ready, and says what is left for more latches.
    #[cold]
    pub(crate) fn serve_ready(&mut self) -> (Served, Option<Box<Owed>>) {
        let (mut served, mut owed) = (Served::default(), Owed::default());
        let first = |exec: &Self| {
            let numbers = exec.shards.iter().enumerate();
            let ready = numbers.filter_map(|(at, it)| Some((it.waits.ready_number()?, at)));
            ready.min().map(|(_, at)| at)
        };
        while let Some(at) = first(self) {
            if let Some((db, key)) = self.shards[at].waits.next_ready() {
                self.serve_key(db, &key, &mut served, &mut owed);
            }
        }
        let is_nothing = owed.is_served() && owed.queues.is_empty();
        (served, (!is_nothing).then(|| Box::new(owed)))
    }

    fn serve_key(&mut self, db: u8, key: &[u8], served: &mut Served, owed: &mut Owed) {
        loop {
            let shard = self.shard(key);
            let id = shard.id;
            let Some(kind) = shard.kind(db, key) else { return };
            let Some(waiter) = shard.waits.first(db, key, kind).cloned() else { return };
            if !self.holds(&waiter.also) {
                return owed.add(db, key, id, &waiter.also);
            }
            let bound = (waiter.room)(self, key);
            let outcome = match self.reserve(bound) {
                // It keeps its place until there is log space.
                Err(Refusal::Wait) => return owed.add(db, key, id, &waiter.also),
                outcome => outcome,
            };
            let claimed = waiter.claim();
            self.remove_wait(&waiter, owed);
            let Some(mut blocked) = claimed.filter(|blocked| !blocked.is_gone()) else { continue };
            if outcome.is_ok() {
                blocked.serve(self, key);
            }
            served.0.push((blocked, outcome));
        }
    }

    fn holds(&self, shards: &ShardList) -> bool {
        let held = |id: &ShardId| self.shards.iter().any(|shard| shard.id == *id);
        shards.as_slice().iter().all(held)
    }

    /// Removes a wait that is over from the queues of its keys; what is not held, a job does.
    fn remove_wait(&mut self, waiter: &Arc<Waiter>, owed: &mut Owed) {
        let router = self.shared.router;
        self.shards.iter_mut().for_each(|shard| waiter.leave(shard, router));
        let held: SmallVec<[ShardId; 4]> = self.shards.iter().map(|shard| shard.id).collect();
        owed.queues.extend(self.shared.forget(waiter, &held));
    }
}

impl Waiter {
    /// Leaves the queues of a shard.
    fn leave(&self, shard: &mut Shard, router: Router) {
        for key in self.keys.iter().filter(|key| router.shard_of(key) == shard.id) {
            shard.waits.remove(key, self);
        }
    }
}

impl Shared {
    /// Ends the waits whose time is up.
    pub(crate) fn end_due_waits(&self) {
        if self.board.next_deadline_ms().is_none_or(|at| at > self.monotonic_ms()) {
            return;
        }
        for waiter in self.board.due(self.monotonic_ms()) {
            self.time_out(&waiter);
        }
    }

    pub(crate) fn time_out(&self, waiter: &Arc<Waiter>) -> bool {
        // The keys hold nothing, perhaps because of what was written last.
        let seen = self.log.as_ref().map_or_else(Epoch::default, |log| log.last_epoch());
        self.end_wait(waiter, WaitEnd::TimedOut(Receipt { seen, ..Receipt::default() }))
    }

    pub(crate) fn end_wait(&self, waiter: &Arc<Waiter>, end: WaitEnd) -> bool {
        let Some(blocked) = waiter.claim() else { return false };
        blocked.end(end);
        self.leave_queues(waiter);
        true
    }

    /// See [`Engine::abandon`](crate::Engine::abandon).
    pub(crate) fn abandon(&self, waiter: &Arc<Waiter>) -> bool {
        let claimed = waiter.claim().is_some();
        if claimed {
            self.leave_queues(waiter);
        }
        claimed
    }

    fn leave_queues(&self, waiter: &Arc<Waiter>) {
        if let Some(at) = self.forget(waiter, &[]) {
            self.look_after(at, Drain::WakeOnly);
        }
    }

    /// Has a wait that is over removed from the shards of its keys but those that are held; returns
    /// whose queue has to be looked after for that.
    fn forget(&self, waiter: &Arc<Waiter>, held: &[ShardId]) -> Option<ShardId> {
        let ids = waiter.keys.iter().map(|key| self.router.shard_of(key));
        let shards: ShardList = ids.filter(|id| !held.contains(id)).collect();
        if shards.is_empty() || self.check_open().is_err() {
            return None;
        }
        let forget = Forget { shards, waiter: Arc::clone(waiter) };
        Some(self.enqueue(Ticket::new(Box::new(forget))))
    }

    /// Lets a job serve what a command could not, and goes on with `then`; returns whose queue has to
    /// be looked after for that.
    pub(crate) fn hand_over(&self, owed: Owed, then: Option<Then>) -> ShardId {
        self.enqueue(Ticket::new(Box::new(Handoff { owed, then })))
    }
}

/// Marks keys as ready under more latches than the command had that made them so; as after any
/// command, whoever waits for them is served then.
struct Handoff {
    owed: Owed,
    then: Option<Then>,
}

impl Job for Handoff {
    fn shards(&self) -> &ShardList {
        &self.owed.shards
    }

    fn bound(&self) -> Bound {
        Bound::release(0)
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        for (db, key) in &self.owed.keys {
            exec.shard(key).waits.note_change(*db, key);
        }
        Progress::Done
    }

    fn done(self: Box<Self>, _: Result<Receipt, Refusal>) {
        if let Some(then) = self.then {
            then();
        }
    }
}

/// Removes a wait that is over from the queues of its keys.
struct Forget {
    shards: ShardList,
    waiter: Arc<Waiter>,
}

impl Job for Forget {
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
        let router = exec.shared.router;
        exec.shards().for_each(|shard| self.waiter.leave(shard, router));
        Progress::Done
    }

    fn done(self: Box<Self>, _: Result<Receipt, Refusal>) {}
}
