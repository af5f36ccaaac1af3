//! Borrowing: a thread that serves commands holds the latches it needs for a slice.
//!
//! A holder takes latches as a pipeline needs them, only by trying, and frees all of them at once.
//! Its thread then serves what queued up meanwhile, or, on the JavaScript thread, only wakes the
//! home threads. Before, it hands out a little to a snapshot that walks the shard.

use std::hint::black_box;

use skeg_keyspace::{Collection, ElementHint, Keyspace};
use skeg_log::ShardId;
use smallvec::SmallVec;

use crate::blocking::{Owed, Then};
use crate::engine::Engine;
use crate::error::Refusal;
use crate::exec::{Exec, Ran, Undone};
use crate::job::{Bound, Job, Receipt, Ticket};
use crate::router::ShardList;
use crate::shard::{Group, HashedKey, Shard};

/// What a thread does for others when it frees latches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// It serves what is queued, up to a fair share.
    Serve,
    /// It wakes home threads: for a thread whose time is its user's.
    WakeOnly,
}

const CACHE_LINE_BYTES: usize = 64;
/// Lines of a leaf that are read ahead: a processor sees then that the others follow.
const LEAF_LINES: usize = 4;

/// Two arguments of a command that may be elements of what its key holds.
type Elements<'k> = [&'k [u8]; 2];

/// What one command will look for.
struct Touched<'k> {
    key: &'k [u8],
    shard: ShardId,
    hash: u64,
    elements: Elements<'k>,
    /// The key is that of the command before: its entry need not be read again.
    is_same: bool,
}

type Places<'k> = SmallVec<[Touched<'k>; Holder::TOUCHED_KEYS_MAX]>;

/// What is known of a key that a command ahead names.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    key: HashedKey,
    shard: ShardId,
}

/// The latches that a thread holds in its current slice.
#[derive(Debug)]
pub struct Holder {
    engine: Engine,
    drain: Drain,
    now_ms: u64,
    /// Slot `n` has shard `n` while its latch is held.
    held: Vec<Option<Box<Shard>>>,
    ids: SmallVec<[ShardId; 16]>,
    /// The keys that were read ahead, in the order of their commands; forgotten with the latches, and so
    /// before the bytes may change.
    ahead: SmallVec<[Ahead; Self::TOUCHED_KEYS_MAX]>,
    /// The first of them whose command has not come yet.
    ahead_at: usize,
    /// Whom the commands of the slice have made ready to be served under more latches.
    owed: Owed,
    /// Of a command that had to wait: the job that does it in the end counts it in.
    undone: Receipt,
    /// A job was queued that needs several shards.
    queued_over_several: bool,
}

impl Holder {
    /// A holder of nothing yet.
    #[must_use]
    pub fn new(engine: &Engine, drain: Drain) -> Self {
        let held = (0..engine.shards()).map(|_| None).collect();
        Self {
            engine: engine.clone(),
            drain,
            now_ms: 0,
            held,
            ids: SmallVec::new(),
            ahead: SmallVec::new(),
            ahead_at: 0,
            owed: Owed::default(),
            undone: Receipt::default(),
            queued_over_several: false,
        }
    }

    /// The engine whose latches these are.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether any latch is held.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Holds the latch of one shard, if that is free and nobody queues for it.
    ///
    /// # Errors
    /// [`Refusal::Closed`] when the engine is closed or failed.
    #[inline]
    pub fn try_hold_one(&mut self, id: ShardId) -> Result<bool, Refusal> {
        if self.held[usize::from(id.0)].is_some() {
            return Ok(true);
        }
        self.borrow(id)
    }

    #[inline(never)]
    fn borrow(&mut self, id: ShardId) -> Result<bool, Refusal> {
        let shared = &self.engine.shared;
        shared.check_open()?;
        let Some(mut shard) = shared.latch(id).borrow() else { return Ok(false) };
        if self.ids.is_empty() {
            self.now_ms = shared.now_ms();
        }
        shard.begin(self.now_ms, shared.reached());
        self.held[usize::from(id.0)] = Some(shard);
        self.ids.push(id);
        Ok(true)
    }

    /// Holds the latches of all these shards. When one is not to be had, those taken before stay
    /// held, until [`Holder::release`].
    ///
    /// # Errors
    /// As [`Holder::try_hold_one`].
    pub fn try_hold(&mut self, shards: &ShardList) -> Result<bool, Refusal> {
        for &id in shards.as_slice() {
            if !self.try_hold_one(id)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads what commands of a database with these first arguments will read, so far as their shards
    /// can be held, [`Holder::TOUCHED_KEYS_MAX`] at most. Commands wait for memory one after the other;
    /// this way they wait together. The latches stay held, and the bytes of the keys as and where they are,
    /// until [`Holder::release`]. `looks_up`: elements of large collections too.
    pub fn touch<'k>(
        &mut self,
        db: u8,
        commands: impl Iterator<Item = [&'k [u8]; 3]>,
        looks_up: bool,
    ) {
        let mut places: Places<'k> = SmallVec::new();
        self.forget_ahead();
        for [key, elements @ ..] in commands.take(Self::TOUCHED_KEYS_MAX) {
            if let Some((shard, hash)) = self.look_up(db, key, elements, &mut places) {
                self.ahead.push(Ahead { key: HashedKey::new(key, hash), shard });
            }
        }
        self.touch_keys_at(db, &places);
        if looks_up {
            self.touch_elements(db, &places);
        }
    }

    /// Reads what one command will read that names these keys, so far as their shards can be held and if
    /// there are several: [`Holder::KEYS_OF_ONE_MAX`] at most.
    pub fn touch_keys<'k>(&mut self, db: u8, keys: impl Iterator<Item = &'k [u8]>) {
        let mut keys = keys.take(Self::KEYS_OF_ONE_MAX).peekable();
        while keys.peek().is_some() {
            let mut places: Places<'k> = SmallVec::new();
            for key in keys.by_ref().take(Self::TOUCHED_KEYS_MAX) {
                self.look_up(db, key, [&[]; 2], &mut places);
            }
            if places.len() > 1 {
                self.touch_keys_at(db, &places);
            }
        }
    }

    /// Adds what a command will look for that names this key, if the key's shard can be held; returns that,
    /// and the key's hash.
    #[inline]
    fn look_up<'k>(
        &mut self,
        db: u8,
        key: &'k [u8],
        elements: Elements<'k>,
        places: &mut Places<'k>,
    ) -> Option<(ShardId, u64)> {
        if let Some(&Touched { shard, hash, .. }) = places.last().filter(|it| it.key == key) {
            places.push(Touched { key, shard, hash, elements, is_same: true });
            return Some((shard, hash));
        }
        let shard = self.engine.shard_of(key);
        if !matches!(self.try_hold_one(shard), Ok(true)) {
            return None;
        }
        let hash = self.keyspace(shard, db).hash(key);
        places.push(Touched { key, shard, hash, elements, is_same: false });
        Some((shard, hash))
    }

    /// No load waits for another one of its loop, and the loops that load do nothing else: so a processor
    /// sees far enough ahead to have all of them under way.
    fn touch_keys_at(&self, db: u8, places: &Places<'_>) {
        let others = || places.iter().filter(|it| !it.is_same);
        let buckets: SmallVec<[&u64; Self::TOUCHED_KEYS_MAX]> =
            others().map(|it| self.keyspace(it.shard, db).bucket_hint(it.hash)).collect();
        black_box(buckets.iter().fold(0, |sum, it| sum ^ **it));
        let entries: SmallVec<[[&u8; 2]; Self::TOUCHED_KEYS_MAX]> =
            others().filter_map(|it| self.keyspace(it.shard, db).entry_hint(it.hash)).collect();
        black_box(entries.iter().fold(0, |sum, [first, last]| sum ^ **first ^ **last));
    }

    /// As for keys: first the blocks of all elements, then their entries; of sorted sets then the leaves
    /// where scores will change.
    fn touch_elements(&self, db: u8, places: &Places<'_>) {
        let mut found: SmallVec<[ElementHint<'_>; Self::TOUCHED_KEYS_MAX]> = SmallVec::new();
        let mut large: SmallVec<[(&Collection, Elements<'_>); Self::TOUCHED_KEYS_MAX]> =
            SmallVec::new();
        let mut collection = None;
        for it in places {
            if !it.is_same {
                collection = self.keyspace(it.shard, db).large_collection(it.hash);
            }
            let Some(collection) = collection else { continue };
            large.push((collection, it.elements));
            found.extend(collection.element_hint(it.elements));
        }
        black_box(found.iter().fold(0, |sum, it| sum ^ it.touch_block()));
        let entries: SmallVec<[[&u8; 2]; Self::TOUCHED_KEYS_MAX]> =
            found.iter().filter_map(ElementHint::entry).collect();
        black_box(entries.iter().fold(0, |sum, [first, last]| sum ^ **first ^ **last));
        let leaves: SmallVec<[&[u8]; 2 * Self::TOUCHED_KEYS_MAX]> =
            large.iter().filter_map(|(it, elements)| it.score_hint(*elements)).flatten().collect();
        let lines =
            leaves.iter().flat_map(|leaf| leaf.iter().step_by(CACHE_LINE_BYTES).take(LEAF_LINES));
        black_box(lines.fold(0, |sum, line| sum ^ line));
    }

    /// The shard that owns the key of the next command.
    #[inline]
    #[must_use]
    pub fn shard_of(&mut self, key: &[u8]) -> ShardId {
        let ahead = &self.ahead[self.ahead_at..];
        let Some(skipped) = ahead.iter().position(|it| it.key.is(key)) else {
            return self.engine.shard_of(key);
        };
        let Ahead { key: hashed, shard } = ahead[skipped];
        debug_assert_eq!(shard, self.engine.shard_of(key), "the key was not changed meanwhile");
        self.ahead_at += skipped + 1;
        self.held[usize::from(shard.0)].as_mut().expect("the latch is held").know(hashed);
        shard
    }

    fn forget_ahead(&mut self) {
        self.ahead.clear();
        self.ahead_at = 0;
    }

    /// Keys that [`Holder::touch`] looks at: about as many as a processor fetches at a time.
    pub const TOUCHED_KEYS_MAX: usize = 16;

    /// Keys that [`Holder::touch_keys`] looks at: they stay in the processor's own cache until they are used.
    pub const KEYS_OF_ONE_MAX: usize = 256;

    #[inline]
    fn keyspace(&self, id: ShardId, db: u8) -> &Keyspace {
        self.shard(id).keyspace(db)
    }

    /// A shard that is held.
    pub(crate) fn shard(&self, id: ShardId) -> &Shard {
        self.held[usize::from(id.0)].as_ref().expect("the latch is held")
    }

    pub(crate) fn shard_mut(&mut self, id: ShardId) -> &mut Shard {
        self.held[usize::from(id.0)].as_mut().expect("the latch is held")
    }

    /// Runs a command on one shard that is held.
    ///
    /// # Errors
    /// The refusal, with nothing changed but that what has expired is removed; on [`Refusal::Wait`] queue
    /// it as a job ([`Holder::post`]).
    ///
    /// # Panics
    /// When the latch is not held.
    #[inline]
    pub fn run_one<R>(
        &mut self,
        id: ShardId,
        bound: Bound,
        command: impl FnOnce(&mut Exec<'_>) -> R,
    ) -> Result<(R, Receipt), Refusal> {
        let shard = self.held[usize::from(id.0)].as_mut().expect("the latch is held");
        let shared = &self.engine.shared;
        let outcome = shared.run(std::slice::from_mut(shard), self.now_ms, bound, command);
        self.note(outcome)
    }

    /// Runs a command on several shards that are held, atomically.
    ///
    /// # Errors
    /// As [`Holder::run_one`].
    ///
    /// # Panics
    /// When a latch is not held.
    pub fn run<R>(
        &mut self,
        shards: &ShardList,
        bound: Bound,
        command: impl FnOnce(&mut Exec<'_>) -> R,
    ) -> Result<(R, Receipt), Refusal> {
        if let [id] = *shards.as_slice() {
            return self.run_one(id, bound, command);
        }
        let mut group: Group = shards
            .as_slice()
            .iter()
            .map(|id| self.held[usize::from(id.0)].take().expect("the latch is held"))
            .collect();
        let outcome = self.engine.shared.run(&mut group, self.now_ms, bound, command);
        for shard in group {
            let place = usize::from(shard.id.0);
            self.held[place] = Some(shard);
        }
        self.note(outcome)
    }

    #[inline]
    fn note<R>(&mut self, outcome: Result<Ran<R>, Undone>) -> Result<(R, Receipt), Refusal> {
        match outcome {
            Ok(ran) => {
                if let Some(owed) = ran.owed {
                    self.owed.append(*owed);
                }
                Ok((ran.result, ran.receipt))
            }
            Err(undone) => {
                self.undone = self.undone.and(undone.receipt);
                Err(undone.refusal)
            }
        }
    }

    /// Frees every latch and queues a job, as [`Engine::post`] does. What a command that had to wait has
    /// written before counts in the job's receipt.
    ///
    /// # Errors
    /// As [`Engine::post`].
    pub fn post(&mut self, job: Box<dyn Job>) -> Result<(), (Box<dyn Job>, Refusal)> {
        self.release();
        self.queued_over_several |= job.shards().as_slice().len() > 1;
        let ticket = Ticket::going_on(job, std::mem::take(&mut self.undone));
        self.engine.shared.post(ticket, self.drain)
    }

    /// Whether a job over several shards was queued since this was asked last: until it has run, others may
    /// come before it at all of them but the first.
    #[must_use]
    pub fn take_queued_over_several(&mut self) -> bool {
        std::mem::take(&mut self.queued_over_several)
    }

    /// Whether the commands since the last release have made clients ready that wait for keys, and
    /// that only more latches can serve: their commands are over when [`Holder::hand_over`] says so.
    #[inline]
    #[must_use]
    pub fn owes(&self) -> bool {
        !self.owed.is_served()
    }

    /// Frees every latch and has those served who are owed; `then` is called when that is done, on any
    /// thread.
    pub fn hand_over(&mut self, then: impl FnOnce() + Send + 'static) {
        let owed = std::mem::take(&mut self.owed);
        self.release();
        self.settle(owed, Some(Box::new(then)));
    }

    fn settle(&self, mut owed: Owed, then: Option<Then>) {
        let shared = &self.engine.shared;
        let mut queues = owed.take_queues();
        if !owed.is_served() {
            queues.push(shared.hand_over(owed, then));
        }
        queues.into_iter().for_each(|id| shared.look_after(id, self.drain));
    }

    /// Frees every latch, then looks after what queued up.
    pub fn release(&mut self) {
        self.forget_ahead();
        if self.ids.is_empty() {
            return;
        }
        let ids = std::mem::take(&mut self.ids);
        for &id in &ids {
            if let Some(mut shard) = self.held[usize::from(id.0)].take() {
                shard.know(HashedKey::default());
                if self.drain == Drain::Serve {
                    shard.walk_along();
                }
                self.engine.shared.latch(id).put_back(shard);
            }
        }
        for &id in &ids {
            self.engine.shared.look_after(id, self.drain);
        }
        let owed = std::mem::take(&mut self.owed);
        self.settle(owed, None);
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.release();
    }
}
