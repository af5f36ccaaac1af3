//! Clients that wait for keys: what BLPOP and its relatives leave behind when there is nothing for them.
//!
//! A client that waits is one object, registered at every key it waits for, with one claim. Whoever
//! takes the claim answers the client: a command that makes one of its keys ready, the end of its time,
//! whoever calls it off, the end of the engine.
//!
//! Invariants:
//! - a claim is taken once, and to serve only under all latches that serving needs, with log space
//!   reserved: until then the client keeps its place;
//! - the clients of a key are served in the order in which they began to wait;
//! - registering happens under the latches of all keys at once, so a key is never made ready between
//!   the look at it and the wait for it.
//!
//! May not know: which commands there are, how clients are answered.

mod serve;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;

use skeg_io::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use skeg_io::sync::{Arc, Mutex, Slot};
use skeg_keyspace::Kind;
use smallvec::SmallVec;

use crate::exec::Exec;
use crate::job::{Bound, Receipt};
use crate::options::DATABASES;
use crate::router::ShardList;
use crate::{Engine, Refusal};

pub(crate) use serve::{Owed, Then};

/// How a wait ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitEnd {
    /// The client was served; its reply waits for this.
    Served(Receipt),
    /// Its time is up; that it got nothing may be due to changes that its reply waits for.
    TimedOut(Receipt),
    /// Somebody called it off.
    CalledOff,
    /// The engine cannot serve it any more.
    Refused(Refusal),
}

/// The side of a wait that belongs to whoever takes the claim.
pub trait Blocked: Send {
    /// Takes what the client waits for from `key`, which holds a value of the kind it waits for, under
    /// every latch that needs. As any command it must not fail half-way; what it replies is kept until
    /// [`Blocked::end`].
    fn serve(&mut self, exec: &mut Exec<'_>, key: &[u8]);

    /// The wait is over. Called once, on any thread, perhaps under latches; must not block.
    fn end(self: Box<Self>, end: WaitEnd);

    /// Whether nobody waits for an answer any more.
    fn is_gone(&self) -> bool;
}

/// The log space that serving from a key needs.
pub type Room = Box<dyn Fn(&mut Exec<'_>, &[u8]) -> Bound + Send + Sync>;

/// What a client waits for.
pub struct Wait {
    /// The database of the keys.
    pub db: u8,
    /// The keys, whose latches are held.
    pub keys: Vec<Box<[u8]>>,
    /// What one of them must hold.
    pub kind: Kind,
    /// Shards whose latches serving needs beside that of the key.
    pub also: ShardList,
    /// When it ends without, in milliseconds of the monotonic clock; `None`: never.
    pub deadline_ms: Option<u64>,
    /// Log space.
    pub room: Room,
    /// Who is served.
    pub blocked: Box<dyn Blocked>,
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("db", &self.db)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A client that waits.
pub struct Waiter {
    /// Its place in the order of waits.
    number: u64,
    db: u8,
    keys: Vec<Box<[u8]>>,
    kind: Kind,
    also: ShardList,
    deadline_ms: Option<u64>,
    room: Room,
    claim: Slot<Box<dyn Blocked>>,
    board: Arc<Board>,
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Waiter {
    /// Takes the claim: whoever gets it ends the wait, and nobody else ever does.
    fn claim(&self) -> Option<Box<dyn Blocked>> {
        let blocked = self.claim.take()?;
        self.board.waiting.fetch_sub(1, Ordering::Relaxed);
        if let Some(at) = self.deadline_ms {
            self.board.deadlines.lock().remove(&(at, self.number));
        }
        Some(*blocked)
    }
}

/// What an engine knows of all waits.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// Numbers given to waits and to keys that became ready.
    numbers: AtomicU64,
    waiting: AtomicUsize,
    deadlines: Mutex<BTreeMap<(u64, u64), Arc<Waiter>>>,
}

impl Board {
    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// The next moment at which a wait may end by itself, in milliseconds of the monotonic clock.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.deadlines.lock().first_key_value().map(|((at, _), _)| *at)
    }

    fn due(&self, now_ms: u64) -> Vec<Arc<Waiter>> {
        let mut deadlines = self.deadlines.lock();
        let later = deadlines.split_off(&(now_ms + 1, 0));
        std::mem::replace(&mut *deadlines, later).into_values().collect()
    }
}

/// The clients that wait at one key.
#[derive(Debug, Default)]
struct Queue {
    waiters: BTreeMap<u64, Arc<Waiter>>,
    /// The key is in the list of what became ready.
    is_ready: bool,
}

/// A key that a command has made ready, or may have.
#[derive(Debug)]
struct ReadyKey {
    number: u64,
    db: u8,
    key: Box<[u8]>,
}

/// The clients that wait at the keys of a shard.
#[derive(Debug)]
pub(crate) struct Waits {
    databases: [HashMap<Box<[u8]>, Queue>; DATABASES as usize],
    /// Keys that somebody waits for.
    keys: usize,
    /// Those that the current command has changed, in that order.
    ready: VecDeque<ReadyKey>,
    board: Arc<Board>,
}

impl Waits {
    pub(crate) fn new(board: &Arc<Board>) -> Self {
        let databases = std::array::from_fn(|_| HashMap::new());
        Self { databases, keys: 0, ready: VecDeque::new(), board: Arc::clone(board) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.keys == 0
    }

    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    fn queues(&mut self, db: u8) -> &mut HashMap<Box<[u8]>, Queue> {
        &mut self.databases[usize::from(db)]
    }

    fn add(&mut self, key: &[u8], waiter: &Arc<Waiter>) {
        let queue = self.queues(waiter.db).entry(key.into()).or_default();
        let is_new = queue.waiters.is_empty();
        queue.waiters.insert(waiter.number, Arc::clone(waiter));
        self.keys += usize::from(is_new);
    }

    fn remove(&mut self, key: &[u8], waiter: &Waiter) {
        let queues = self.queues(waiter.db);
        let Some(queue) = queues.get_mut(key) else { return };
        let was_there = queue.waiters.remove(&waiter.number).is_some();
        if queue.waiters.is_empty() {
            queues.remove(key);
            self.keys -= usize::from(was_there);
        }
    }

    /// Notes that a key was changed: if somebody waits for it, it is looked at when the command is over.
    pub(crate) fn note_change(&mut self, db: u8, key: &[u8]) {
        let number = self.board.next_number();
        if let Some(queue) = self.queues(db).get_mut(key)
            && !std::mem::replace(&mut queue.is_ready, true)
        {
            self.ready.push_back(ReadyKey { number, db, key: key.into() });
        }
    }

    /// Notes that any key of a database may have been changed.
    pub(crate) fn note_all(&mut self, db: u8) {
        let first = |queue: &Queue| queue.waiters.first_key_value().map(|(number, _)| *number);
        let mut keys: Vec<_> =
            self.queues(db).iter().map(|(key, queue)| (first(queue), key.clone())).collect();
        keys.sort_unstable();
        keys.iter().for_each(|(_, key)| self.note_change(db, key));
    }

    /// The first client that waits for a key to hold this kind of value.
    fn first(&self, db: u8, key: &[u8], kind: Kind) -> Option<&Arc<Waiter>> {
        let queue = self.databases[usize::from(db)].get(key)?;
        queue.waiters.values().find(|waiter| waiter.kind == kind && waiter.claim.is_present())
    }

    /// Whether somebody waits for a key to hold this kind of value: who comes later stands behind.
    pub(crate) fn has_waiter(&self, db: u8, key: &[u8], kind: Kind) -> bool {
        !self.is_empty() && self.first(db, key, kind).is_some()
    }

    /// Takes the key that became ready first.
    fn next_ready(&mut self) -> Option<(u8, Box<[u8]>)> {
        let ReadyKey { db, key, .. } = self.ready.pop_front()?;
        if let Some(queue) = self.queues(db).get_mut(&key) {
            queue.is_ready = false;
        }
        Some((db, key))
    }

    /// The number of the key that became ready first.
    fn ready_number(&self) -> Option<u64> {
        self.ready.front().map(|ready| ready.number)
    }

    /// Ends every wait: the shard is about to be dropped.
    pub(crate) fn end_all(&mut self, refusal: Refusal) {
        for (_, queue) in self.databases.iter_mut().flat_map(HashMap::drain) {
            let claimed = queue.waiters.into_values().filter_map(|waiter| waiter.claim());
            claimed.for_each(|blocked| blocked.end(WaitEnd::Refused(refusal)));
        }
        (self.keys, self.ready) = (0, VecDeque::new());
    }
}

/// Keys, each with its database.
type Keys = SmallVec<[(u8, Box<[u8]>); 1]>;

impl Engine {
    /// Ends a wait as if its time were up; `false`: it is over already.
    pub fn time_out(&self, waiter: &Arc<Waiter>) -> bool {
        self.shared.time_out(waiter)
    }

    /// Calls a wait off; `false`: it is over already.
    pub fn call_off(&self, waiter: &Arc<Waiter>) -> bool {
        self.shared.end_wait(waiter, WaitEnd::CalledOff)
    }

    /// Gives a wait up without an answer to anybody; `false`: it is over already.
    pub fn abandon(&self, waiter: &Arc<Waiter>) -> bool {
        self.shared.abandon(waiter)
    }

    /// Clients that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.board.waiting.load(Ordering::Relaxed)
    }
}
