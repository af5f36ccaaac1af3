//! A shard's state: its databases, its vector indexes, and what the current slice has done to them.
//!
//! Every change goes through a method here that also writes its effect to the slice's record and
//! tells watchers, so that no command can change memory and forget the log.
//!
//! Invariants: only the holder of the latch (the owner of the box) runs these methods; a deadline
//! that has passed is never seen, whether or not the entry could be removed yet; an effect is
//! recorded exactly when memory changed.
//! May not know: command names, wire formats, files.

mod databases;
mod evict;
mod expiry;
mod groups;
mod hashed;
mod hashes;
mod large;
mod lists;
mod restate;
mod sets;
mod slice;
mod sorted_sets;
mod strings;
mod values;

use databases::Tidying;
pub(crate) use hashed::HashedKey;
pub(crate) use restate::{Seek, Stray};
use slice::Slice;
pub use values::Held;
pub(crate) use values::{ELEMENT_COST, bytes_of, changes_from, each_change};

use std::convert::Infallible;

use skeg_io::sync::Arc;
use skeg_keyspace::{Collection, EntryRef, HashSeed, Keyspace, Kind, StrRef, ValueRef};
use skeg_log::{Broken, Epoch, Log, Reservation, ShardId, ShardPlace, breaks};
use smallvec::SmallVec;

use crate::blocking::Waits;
use crate::effect::{Change, Effect, KIND_EFFECTS, Run};
use crate::error::ReadError;
use crate::indexes::Indexes;
use crate::notify::{Event, NotifyClass, Switches};
use crate::options::DATABASES;
use crate::pending::Pending;
use crate::stats::ShardStats;
use crate::values::Values;
use crate::walk::Walk;
use crate::watch::Watches;

/// What a write does to the key's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It has none afterwards.
    Clear,
    /// It stays as it was; a new key has none.
    Keep,
    /// It is this, in Unix milliseconds.
    At(u64),
}

/// Bytes of log that an effect of a key may take beside the key and the value.
pub(crate) const EFFECT_SLACK: u64 = 64;

/// The state behind one latch.
#[derive(Debug)]
pub struct Shard {
    pub(crate) id: ShardId,
    pub(crate) databases: Vec<Keyspace>,
    pub(crate) indexes: Indexes,
    pub(crate) stats: ShardStats,
    pub(crate) watches: Watches,
    pub(crate) waits: Waits,
    pub(crate) switches: Arc<Switches>,
    /// What the current command is to publish.
    pub(crate) events: Vec<Event>,
    /// The walk of a snapshot, while there is one.
    pub(crate) walk: Option<Walk>,
    pending: Pending,
    log: Option<Arc<Log>>,
    /// What reads large strings back.
    values: Option<Arc<Values>>,
    /// A longer string is sent away once it is written.
    inline_max: usize,
    large: large::LargeStrings,
    slice: Slice,
    hashed: HashedKey,
    draws: evict::Draws,
    lap: groups::Lap,
    tidying: Tidying,
}

/// Shards whose latches one command holds, ascending by id.
pub(crate) type Group = SmallVec<[Box<Shard>; 4]>;

/// What a slice has done to one shard, taken when it ends.
pub(crate) struct Done {
    pub(crate) seen: Epoch,
    pub(crate) space: Reservation,
}

const _: () = assert!(DATABASES as u32 <= u16::BITS, "a bit for each database");

impl Shard {
    pub(crate) fn new(id: ShardId, seed: HashSeed, index_seed: u64) -> Self {
        Self {
            id,
            databases: (0..DATABASES).map(|_| Keyspace::new(seed)).collect(),
            indexes: Indexes::new(index_seed),
            stats: ShardStats::default(),
            watches: Watches::default(),
            waits: Waits::new(&Arc::default()),
            switches: Arc::default(),
            events: Vec::new(),
            walk: None,
            pending: Pending::new(),
            log: None,
            values: None,
            inline_max: usize::MAX,
            large: large::LargeStrings::default(),
            slice: Slice::new(),
            hashed: HashedKey::default(),
            draws: evict::Draws::new(index_seed ^ u64::from(id.0)),
            lap: groups::Lap::default(),
            tidying: Tidying::default(),
        }
    }

    /// Connects the shard with the log that its effects go to, once replay is over; strings of more
    /// than `inline_max` bytes will stay there.
    pub(crate) fn attach(&mut self, log: &Arc<Log>, values: &Arc<Values>, inline_max: usize) {
        self.log = Some(Arc::clone(log));
        self.values = Some(Arc::clone(values));
        self.inline_max = inline_max;
    }

    /// Whether the slice has changed anything beside removing what has expired.
    #[inline]
    pub(crate) fn has_made_changes(&self) -> bool {
        self.slice.made_changes
    }

    /// Which shard this is.
    #[must_use]
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// The clock reading of this slice, in Unix milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.slice.now_ms
    }

    // --- what the slice did -------------------------------------------------------------------

    /// The effects recorded so far.
    pub(crate) fn record(&self) -> &[u8] {
        &self.slice.record
    }

    /// Pushes the effects as the one record of a command on this shard alone.
    pub(crate) fn push_record(&mut self, log: &Log) -> Epoch {
        let Self { id, slice, .. } = self;
        if slice.large.is_empty() {
            return log.push(&mut slice.space, *id, KIND_EFFECTS, &slice.record);
        }
        let place = log.push_traced(&mut slice.space, *id, KIND_EFFECTS, &slice.record);
        self.trace_large(place, 0);
        place.epoch
    }

    /// Whether anything was changed in this slice.
    pub(crate) fn is_changed(&self) -> bool {
        !self.slice.record.is_empty()
    }

    /// Hands the command's log space to the shard, which may add to it.
    pub(crate) fn give_space(&mut self, space: Reservation) {
        self.slice.space = space;
    }

    /// The log space that the slice has not used yet.
    pub(crate) fn space_mut(&mut self) -> &mut Reservation {
        &mut self.slice.space
    }

    /// Ends the slice's command: marks what it touched as pending until `epoch`.
    pub(crate) fn finish(&mut self, epoch: Epoch) -> Done {
        let slice = &mut self.slice;
        if !slice.record.is_empty() {
            if slice.touched_all {
                self.pending.note_all(epoch);
            }
            for &hash in &slice.touched {
                self.pending.note(hash, epoch);
            }
            slice.record.clear();
            slice.record.shrink_to(1 << 20);
            slice.run = None;
            slice.touched.clear();
            slice.touched_all = false;
            slice.made_changes = false;
            slice.given.recorded(epoch);
        }
        slice.has_room = false;
        if !slice.pins.is_empty() {
            slice.pins.clear();
        }
        Done {
            seen: std::mem::replace(&mut slice.seen, Epoch(0)),
            space: std::mem::take(&mut slice.space),
        }
    }

    /// Whether the slice has removed large collections, or may have.
    #[inline]
    pub(crate) fn may_have_removed(&self) -> bool {
        self.slice.removed != 0
    }

    /// The large collections that the slice has removed: no key names them any more.
    pub(crate) fn take_removed(&mut self) -> Vec<Collection> {
        let mut databases = std::mem::take(&mut self.slice.removed);
        let mut removed = Vec::new();
        while databases != 0 {
            let keyspace = &mut self.databases[databases.trailing_zeros() as usize];
            if keyspace.has_removed() {
                removed.append(&mut keyspace.take_removed());
            }
            databases &= databases - 1;
        }
        removed
    }

    pub(crate) fn log_effect(&mut self, effect: &Effect<'_>) {
        if self.log.is_some() {
            effect.encode(&mut self.slice.record);
            self.slice.run = None;
            self.slice.made_changes = true;
        }
    }

    pub(crate) fn touch(&mut self, hash: u64) {
        if self.log.is_some() && self.slice.touched.last() != Some(&hash) {
            self.slice.touched.push(hash);
        }
    }

    pub(crate) fn see(&mut self, hash: u64) {
        if self.pending.newest() > self.slice.reached && !breaks(Broken::ForgetsToWait) {
            self.slice.seen = self.slice.seen.max(self.pending.of(hash));
        }
    }

    /// Makes the reply wait for every pending change of this shard: for replies about all keys.
    pub fn see_all(&mut self) {
        if self.pending.newest() > self.slice.reached {
            self.slice.seen = self.slice.seen.max(self.pending.newest());
        }
    }

    fn changed(&mut self, db: u8, hash: u64, key: &[u8], effect: &Effect<'_>) {
        self.log_effect(effect);
        self.note_change(db, hash, key);
    }

    /// Logs what happened to elements of a collection, in one effect with those before them.
    fn changed_elements(
        &mut self,
        db: u8,
        hash: u64,
        key: &[u8],
        change: Change,
        elements: &[&[u8]],
    ) {
        if self.log.is_some() {
            let Slice { record, run, made_changes, .. } = &mut self.slice;
            *made_changes = true;
            *run = Some(Run::extend(run.take(), record, change, (db, key), elements));
        }
        self.note_change(db, hash, key);
    }

    fn note_change(&mut self, db: u8, hash: u64, key: &[u8]) {
        self.forget_large(db, hash);
        self.note_moved(db, hash, key);
    }

    /// [`Shard::note_change`], of a key that has a value of which is known where it goes.
    fn note_moved(&mut self, db: u8, hash: u64, key: &[u8]) {
        self.slice.removed |= u16::from(self.keyspace(db).has_removed()) << db;
        self.touch(hash);
        if !self.watches.is_empty() {
            self.watches.changed(db, key);
        }
        if !self.waits.is_empty() {
            self.waits.note_change(db, key);
        }
        self.note_use_of(db, hash, key);
    }

    pub(crate) fn keyspace(&self, db: u8) -> &Keyspace {
        &self.databases[usize::from(db)]
    }

    /// The database, for a change of the key with this hash and of nothing else: what a snapshot under
    /// way must have as it is has been handed out. All changes but those of replay come through here.
    pub(crate) fn writable(&mut self, db: u8, hash: u64) -> &mut Keyspace {
        let keyspace = &mut self.databases[usize::from(db)];
        if let Some(walk) = &mut self.walk
            && !breaks(Broken::ForgetsImages)
        {
            walk.preserve(db, keyspace, hash);
        }
        keyspace
    }

    /// The database, for replay.
    pub(crate) fn keyspace_mut(&mut self, db: u8) -> &mut Keyspace {
        debug_assert!(self.walk.is_none(), "a walk must see changes before they happen");
        &mut self.databases[usize::from(db)]
    }

    /// Where the shard's history stands.
    pub(crate) fn log_place(&self) -> ShardPlace {
        self.log.as_ref().map_or_else(ShardPlace::default, |log| log.place(self.id))
    }

    /// What a change of a collection begins with: the key's hash, and nothing there that has expired.
    fn begin_write(&mut self, db: u8, key: &[u8]) -> u64 {
        let hash = self.hash_of(key);
        self.see(hash);
        self.clear_expired(db, hash, key);
        self.notify_if_new(db, hash, key);
        hash
    }

    /// What storing a collection begins with, whatever the key held: its hash, and nothing there. The key is new
    /// only if it held nothing, and holds something then.
    fn begin_store(&mut self, db: u8, key: &[u8], is_empty: bool) -> u64 {
        let hash = self.hash_of(key);
        self.clear_expired(db, hash, key);
        if !self.remove(db, key) && !is_empty {
            self.notify(NotifyClass::NEW, "new", db, key);
        }
        hash
    }

    /// What a removal from a collection begins with: the key's hash, if the key is there.
    fn begin_removal(&mut self, db: u8, key: &[u8]) -> Option<u64> {
        let hash = self.hash_of(key);
        self.see(hash);
        let live = self.keyspace(db).expiring_len() == 0 || self.is_live(db, hash, key);
        live.then_some(hash)
    }

    // --- reads --------------------------------------------------------------------------------

    fn find(&mut self, db: u8, key: &[u8]) -> Option<EntryRef<'_>> {
        let hash = self.hash_of(key);
        self.see(hash);
        if self.keyspace(db).expiring_len() != 0 && !self.is_live(db, hash, key) {
            return None;
        }
        self.keyspace(db).get(hash, key)
    }

    /// What a counted read begins with. Whether the key may be there; a miss is counted otherwise.
    #[inline]
    fn begin_read(&mut self, db: u8, hash: u64, key: &[u8]) -> bool {
        self.see(hash);
        if self.keyspace(db).expiring_len() != 0 && !self.is_live(db, hash, key) {
            self.stats.misses += 1;
            self.notify(NotifyClass::KEY_MISS, "keymiss", db, key);
            return false;
        }
        self.note_use_of(db, hash, key);
        true
    }

    /// [`Shard::find`], counted as a keyspace hit or miss.
    fn read(&mut self, db: u8, key: &[u8]) -> Option<EntryRef<'_>> {
        let Ok(entry) =
            self.read_as(db, key, |keyspace, hash| Ok::<_, Infallible>(keyspace.get(hash, key)));
        entry
    }

    /// As [`Shard::read`], of what `look` makes of the key and its hash. A value of another kind counts as a
    /// hit.
    #[inline]
    fn read_as<'s, T, E>(
        &'s mut self,
        db: u8,
        key: &[u8],
        look: impl FnOnce(&'s Keyspace, u64) -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let hash = self.hash_of(key);
        if !self.begin_read(db, hash, key) {
            return Ok(None);
        }
        let found = look(&self.databases[usize::from(db)], hash);
        if matches!(found, Ok(None)) {
            self.stats.misses += 1;
            // Not through the shard: what was found borrows its databases.
            self.switches.note_key(&mut self.events, NotifyClass::KEY_MISS, "keymiss", db, key);
        } else {
            self.stats.hits += 1;
        }
        found
    }

    /// What the key holds, as long as its deadline has not passed. Nothing is noted of it: the command
    /// has read the key before, and looks at several at once now.
    #[must_use]
    pub fn peek(&self, db: u8, key: &[u8]) -> Option<ValueRef<'_>> {
        let keyspace = self.keyspace(db);
        let entry = keyspace.get(self.hash_of(key), key)?;
        let is_live = entry.expire_at_ms.is_none_or(|at| at > self.slice.now_ms);
        is_live.then_some(entry.value)
    }

    /// What the key holds.
    pub(crate) fn value(&mut self, db: u8, key: &[u8]) -> Option<ValueRef<'_>> {
        self.find(db, key).map(|entry| entry.value)
    }

    /// What kind of value the key holds.
    pub fn kind(&mut self, db: u8, key: &[u8]) -> Option<Kind> {
        self.find(db, key).map(|entry| entry.kind())
    }

    /// Whether a client waits for the key to hold this kind of value.
    #[must_use]
    pub fn has_waiter(&self, db: u8, key: &[u8], kind: Kind) -> bool {
        self.waits.has_waiter(db, key, kind)
    }

    /// Whether the key exists.
    pub fn exists(&mut self, db: u8, key: &[u8]) -> bool {
        self.find(db, key).is_some()
    }

    /// The key's deadline in Unix milliseconds: `None` without key, `Some(None)` without deadline.
    pub fn expiry(&mut self, db: u8, key: &[u8]) -> Option<Option<u64>> {
        self.find(db, key).map(|entry| entry.expire_at_ms)
    }

    /// Bytes of memory that the entry takes.
    pub fn memory_of(&mut self, db: u8, key: &[u8]) -> Option<usize> {
        self.find(db, key)?;
        let keyspace = self.keyspace(db);
        keyspace.entry_bytes(self.hash_of(key), key)
    }

    // --- writes -------------------------------------------------------------------------------

    /// Stores a string; `true` when the key was there.
    pub fn set(&mut self, db: u8, key: &[u8], value: &[u8], expiry: Expiry) -> bool {
        let hash = self.hash_of(key);
        self.clear_expired(db, hash, key);
        let expire_at_ms = self.deadline_of(db, hash, key, expiry);
        let replaced = self.writable(db, hash).set(hash, key, value, expire_at_ms);
        if !replaced {
            self.notify(NotifyClass::NEW, "new", db, key);
        }
        self.changed(db, hash, key, &Effect::Set { db, key, value, expire_at_ms });
        self.note_string(db, hash, key, value.len());
        replaced
    }

    /// The deadline that a value gets which takes the place of what the key holds.
    fn deadline_of(&self, db: u8, hash: u64, key: &[u8], expiry: Expiry) -> Option<u64> {
        match expiry {
            Expiry::Clear => None,
            Expiry::At(at) => Some(at),
            Expiry::Keep => self.keyspace(db).get(hash, key).and_then(|entry| entry.expire_at_ms),
        }
    }

    /// Stores an integer and keeps the deadline: what INCR does.
    pub fn set_int(&mut self, db: u8, key: &[u8], value: i64) {
        let hash = self.hash_of(key);
        self.clear_expired(db, hash, key);
        if !self.writable(db, hash).set_int(hash, key, value) {
            self.notify(NotifyClass::NEW, "new", db, key);
        }
        self.changed(db, hash, key, &Effect::SetInt { db, key, value });
    }

    /// Stores the integer that `change` makes of the string that the key holds, and keeps the deadline;
    /// returns it.
    ///
    /// # Errors
    /// Those of `change`, and as [`Shard::string`]: nothing is changed.
    pub fn change_int<E: From<ReadError>>(
        &mut self,
        db: u8,
        key: &[u8],
        change: impl FnOnce(Option<StrRef<'_>>) -> Result<i64, E>,
    ) -> Result<i64, E> {
        if self.keyspace(db).has_away() {
            // Perhaps it has to be fetched.
            let value = change(self.string(db, key)?)?;
            self.set_int(db, key, value);
            return Ok(value);
        }
        let hash = self.hash_of(key);
        self.see(hash);
        self.clear_expired(db, hash, key);
        let result = self
            .writable(db, hash)
            .change_int(hash, key, |value| change(value.map_err(ReadError::from)?));
        let (value, replaced) = result?;
        if !replaced {
            self.notify(NotifyClass::NEW, "new", db, key);
        }
        self.changed(db, hash, key, &Effect::SetInt { db, key, value });
        Ok(value)
    }

    /// Removes the key; `true` when it was there.
    pub fn remove(&mut self, db: u8, key: &[u8]) -> bool {
        let hash = self.hash_of(key);
        self.see(hash);
        if self.keyspace(db).expiring_len() != 0 && !self.is_live(db, hash, key) {
            return false;
        }
        let removed = self.writable(db, hash).remove(hash, key);
        if removed {
            self.changed(db, hash, key, &Effect::Remove { db, key });
        }
        removed
    }

    /// Sets or removes the key's deadline; `false` when the key is not there. A deadline that has
    /// passed removes the key.
    pub fn set_expiry(&mut self, db: u8, key: &[u8], expire_at_ms: Option<u64>) -> bool {
        let hash = self.hash_of(key);
        self.see(hash);
        if !self.is_live(db, hash, key) {
            return false;
        }
        if expire_at_ms.is_some_and(|at| at <= self.slice.now_ms) {
            return self.remove(db, key);
        }
        self.writable(db, hash).set_expiry(hash, key, expire_at_ms);
        self.changed(db, hash, key, &Effect::Expire { db, key, expire_at_ms });
        true
    }
}
