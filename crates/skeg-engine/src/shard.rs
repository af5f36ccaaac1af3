//! A shard's state: its databases, its vector indexes, and what the current slice has done to them.
//!
//! Every change goes through a method here that also writes its effect to the slice's record and
//! tells watchers, so that no command can change memory and forget the log.
//!
//! Invariants: only the holder of the latch (the owner of the box) runs these methods; a deadline
//! that has passed is never seen, whether or not the entry could be removed yet; an effect is
//! recorded exactly when memory changed.
//! May not know: command names, wire formats, files.

mod evict;
mod hashed;
mod hashes;
mod large;
mod lists;
mod restate;
mod sets;
mod sorted_sets;
mod strings;
mod values;

pub(crate) use hashed::HashedKey;
pub(crate) use restate::{Seek, Stray};
pub use values::Held;
pub(crate) use values::{ELEMENT_COST, bytes_of, changes_from, each_change};

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use skeg_io::sync::Arc;
use skeg_keyspace::{Away, Collection, EntryRef, HashSeed, Keyspace, Kind, ValueRef};
use skeg_log::{Broken, Epoch, Log, Purpose, Reservation, ShardId, ShardPlace, breaks};
use smallvec::SmallVec;

use crate::blocking::Waits;
use crate::effect::{Change, Effect, KIND_EFFECTS, Run};
use crate::error::ReadError;
use crate::indexes::Indexes;
use crate::notify::{Event, NotifyClass, Switches};
use crate::options::DATABASES;
use crate::pending::Pending;
use crate::stats::ShardStats;
use crate::values::{Fetched, Values, Wanted, logged};
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
    tidying: Tidying,
}

/// Shards whose latches one command holds, ascending by id.
pub(crate) type Group = SmallVec<[Box<Shard>; 4]>;

/// What the current slice knows and has done.
#[derive(Debug)]
struct Slice {
    now_ms: u64,
    /// The epoch that has reached the default level: younger changes are pending.
    reached: Epoch,
    seen: Epoch,
    record: Vec<u8>,
    /// The run of elements that the record ends with.
    run: Option<Run>,
    /// Databases that have large collections to free, as bits.
    removed: u16,
    touched: Vec<u64>,
    touched_all: bool,
    /// Something was changed, beside the removal of what has expired.
    made_changes: bool,
    /// Large strings in the record.
    large: Vec<large::Large>,
    /// Values from the log that are at hand.
    pins: HashMap<Wanted, Result<Arc<[u8]>, ReadError>>,
    /// Values that were asked for and are not.
    missing: Vec<Wanted>,
    /// A large value that is to be changed has to be handed out to a snapshot first.
    is_held_up: bool,
    /// Vectors were to be stored that there is no room for yet.
    lacks_room: bool,
    /// There is room for all vectors that the command stores.
    has_room: bool,
    /// Log space for effects that reads cause: the removal of what has expired.
    space: Reservation,
}

impl Slice {
    /// The bytes of a string that is in the log, if they are to be had without waiting; they are at hand
    /// from then on.
    fn bytes_of(&mut self, values: Option<&Values>, away: &Away) -> Result<&[u8], ReadError> {
        self.wanted_of(values, Wanted::whole(logged(away)))
    }

    /// As [`Slice::bytes_of`], for what is wanted of it.
    fn wanted_of(&mut self, values: Option<&Values>, wanted: Wanted) -> Result<&[u8], ReadError> {
        let bytes = match self.pins.entry(wanted) {
            Entry::Occupied(pin) => pin.into_mut(),
            Entry::Vacant(free) => {
                let values = values.expect("only a shard with a log has strings there");
                match values.find(&wanted) {
                    Err(ReadError::Away) => {
                        self.missing.push(wanted);
                        return Err(ReadError::Away);
                    }
                    found => free.insert(found),
                }
            }
        };
        match bytes {
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(error.clone()),
        }
    }

    fn pinned(&self, away: &Away) -> Option<Arc<[u8]>> {
        let bytes = self.pins.get(&Wanted::whole(logged(away)))?;
        bytes.as_ref().ok().map(Arc::clone)
    }
}

/// Where giving back sparse pages goes on.
#[derive(Debug, Default)]
struct Tidying {
    /// The database to look at first.
    db: usize,
    /// Nothing is moved before: the last time gave nothing back. By the monotonic clock.
    resting_until_ms: u64,
}

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
            slice: Slice {
                now_ms: 0,
                reached: Epoch(0),
                seen: Epoch(0),
                record: Vec::new(),
                run: None,
                removed: 0,
                touched: Vec::new(),
                touched_all: false,
                made_changes: false,
                large: Vec::new(),
                pins: HashMap::new(),
                missing: Vec::new(),
                is_held_up: false,
                lacks_room: false,
                has_room: false,
                space: Reservation::default(),
            },
            hashed: HashedKey::default(),
            draws: evict::Draws::new(index_seed ^ u64::from(id.0)),
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

    /// Starts a slice: the clock reading it runs under, and the epoch that the default level has reached.
    pub(crate) fn begin(&mut self, now_ms: u64, reached: Epoch) {
        self.slice.now_ms = now_ms;
        self.slice.reached = reached;
    }

    /// What the command before had to wait for is not the next one's.
    #[inline]
    pub(crate) fn wait_for_nothing(&mut self) {
        self.slice.missing.clear();
        self.slice.is_held_up = false;
        self.slice.lacks_room = false;
        self.slice.has_room = false;
    }

    /// Values that were read for the job that runs next are at hand.
    pub(crate) fn lay_out(&mut self, fetched: &[Fetched]) {
        self.slice.pins.extend(fetched.iter().cloned());
    }

    /// Whether a value that was asked for has to be read from the disk, one that is to be changed handed out
    /// to a snapshot, or vectors written so that there is room for others.
    #[inline]
    pub(crate) fn must_wait(&self) -> bool {
        let slice = &self.slice;
        slice.is_held_up || slice.lacks_room || !slice.missing.is_empty()
    }

    /// The command waits for the walk of a snapshot.
    pub(crate) fn hold_up(&mut self) {
        self.slice.is_held_up = true;
    }

    /// Whether the command waits for the walk of a snapshot.
    pub(crate) fn is_held_up(&self) -> bool {
        self.slice.is_held_up
    }

    /// The values that were asked for and are not at hand.
    pub(crate) fn take_missing(&mut self) -> Vec<Wanted> {
        std::mem::take(&mut self.slice.missing)
    }

    /// The command is to be run again when vectors have been written to disk.
    pub(crate) fn wait_for_room(&mut self) {
        self.slice.lacks_room = true;
    }

    /// There is room for all vectors that the command will store: [`Shard::vector_room`] has said so.
    pub fn note_room(&mut self) {
        self.slice.has_room = true;
    }

    pub(crate) fn has_room(&self) -> bool {
        self.slice.has_room
    }

    /// Whether a command was told to return because there is no room for vectors yet.
    pub(crate) fn lacks_room(&self) -> bool {
        self.slice.lacks_room
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

    // --- expiry -------------------------------------------------------------------------------

    /// Whether the key is there and its deadline has not passed. A key whose deadline has passed is
    /// removed, if the log has room for saying so and no snapshot has still to hand out a large value.
    fn is_live(&mut self, db: u8, hash: u64, key: &[u8]) -> bool {
        match self.keyspace(db).get(hash, key) {
            None => false,
            Some(EntryRef { expire_at_ms: Some(at), .. }) if at <= self.slice.now_ms => {
                if !self.switches.keeps_expired(self.slice.now_ms)
                    && self.reserve_removals(key.len() as u64 + EFFECT_SLACK)
                    && !self.is_left_to_walk(db, hash)
                {
                    self.expire(db, hash, key);
                }
                false
            }
            Some(_) => true,
        }
    }

    /// What a change of a collection begins with: the key's hash, and nothing there that has expired.
    fn begin_write(&mut self, db: u8, key: &[u8]) -> u64 {
        let hash = self.hash_of(key);
        self.see(hash);
        self.clear_expired(db, hash, key);
        self.notify_if_new(db, hash, key);
        hash
    }

    /// What a removal from a collection begins with: the key's hash, if the key is there.
    fn begin_removal(&mut self, db: u8, key: &[u8]) -> Option<u64> {
        let hash = self.hash_of(key);
        self.see(hash);
        let live = self.keyspace(db).expiring_len() == 0 || self.is_live(db, hash, key);
        live.then_some(hash)
    }

    /// Removes the entry if its deadline has passed, so that a write starts from nothing. The
    /// write's own reservation covers the effect.
    fn clear_expired(&mut self, db: u8, hash: u64, key: &[u8]) {
        if self.keyspace(db).expiring_len() == 0 {
            return;
        }
        let now_ms = self.slice.now_ms;
        let entry = self.keyspace(db).get(hash, key);
        if entry.is_some_and(|entry| entry.expire_at_ms.is_some_and(|at| at <= now_ms)) {
            self.expire(db, hash, key);
        }
    }

    fn expire(&mut self, db: u8, hash: u64, key: &[u8]) {
        self.writable(db, hash).remove(hash, key);
        self.stats.expired += 1;
        let made_changes = self.slice.made_changes;
        self.changed(db, hash, key, &Effect::Remove { db, key });
        self.slice.made_changes = made_changes;
        self.notify(NotifyClass::EXPIRED, "expired", db, key);
    }

    fn reserve_removals(&mut self, bytes: u64) -> bool {
        if self.must_wait_for_walk() {
            return false;
        }
        let Some(log) = &self.log else { return true };
        log.reserve_more(&mut self.slice.space, bytes, Purpose::Release).is_ok()
    }

    /// Removes up to `limit` entries whose deadline has passed, in the order of their deadlines.
    pub(crate) fn expire_due(&mut self, limit: usize) -> usize {
        let now_ms = self.slice.now_ms;
        let mut removed = 0;
        for db in 0..DATABASES {
            let due = |ks: &Keyspace| ks.next_deadline_ms().is_some_and(|at| at <= now_ms);
            while removed < limit && due(self.keyspace(db)) && self.reserve_removals(16 << 10) {
                let mut keys: Vec<Box<[u8]>> = Vec::new();
                let batch = (limit - removed).min(64);
                self.keyspace(db).due(now_ms, batch, &mut |key| keys.push(key.into()));
                if keys.is_empty() {
                    break;
                }
                let before = removed;
                for key in &keys {
                    let hash = self.hash_of(key);
                    if !self.is_left_to_walk(db, hash) {
                        self.expire(db, hash, key);
                        removed += 1;
                    }
                }
                if removed - before < keys.len() {
                    // The others go once the snapshot under way has them.
                    break;
                }
            }
        }
        removed
    }

    // --- memory -------------------------------------------------------------------------------

    /// Moves up to about `budget` entries out of sparse pages, so that these are freed, when enough is
    /// to be had. Returns whether there is more; rests when moving gives nothing back. No effect is
    /// logged: what clients see stays the same.
    pub(crate) fn defragment(&mut self, monotonic_ms: u64, budget: usize, rest_ms: u64) -> bool {
        if monotonic_ms < self.tidying.resting_until_ms {
            return false;
        }
        let count = self.databases.len();
        let from = self.tidying.db;
        let Some(db) = (from..from + count)
            .map(|place| place % count)
            .find(|db| self.databases[*db].is_fragmented())
        else {
            return false;
        };
        let goes_on = self.databases[db].defragment(budget);
        if goes_on {
            self.tidying.db = db;
        } else {
            self.tidying = Tidying { db: db + 1, resting_until_ms: monotonic_ms + rest_ms };
        }
        goes_on
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
        let hash = self.hash_of(key);
        if !self.begin_read(db, hash, key) {
            return None;
        }
        let entry = self.databases[usize::from(db)].get(hash, key);
        if entry.is_some() {
            self.stats.hits += 1;
        } else {
            self.stats.misses += 1;
            // Not through the shard: the entry borrows its databases.
            self.switches.note_key(&mut self.events, NotifyClass::KEY_MISS, "keymiss", db, key);
        }
        entry
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

    /// Keys of the database on this shard, those included whose deadline has passed unnoticed.
    #[must_use]
    pub fn len(&self, db: u8) -> usize {
        self.keyspace(db).len()
    }

    /// Whether the database has no key on this shard.
    #[must_use]
    pub fn is_empty(&self, db: u8) -> bool {
        self.len(db) == 0
    }

    /// Keys of the database on this shard that have a deadline.
    #[must_use]
    pub fn expiring_len(&self, db: u8) -> usize {
        self.keyspace(db).expiring_len()
    }

    /// Visits about `count` entries from `cursor` on (0 starts; below 2^48) and returns the next
    /// cursor (0: done). What is there during the whole scan is visited at least once. Entries whose
    /// deadline has passed are left out.
    pub fn scan(
        &mut self,
        db: u8,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(&[u8], EntryRef<'_>),
    ) -> u64 {
        self.see_all();
        let now_ms = self.slice.now_ms;
        self.keyspace(db).scan(cursor, count, &mut |key, entry| {
            if entry.expire_at_ms.is_none_or(|at| at > now_ms) {
                visit(key, entry);
            }
        })
    }

    /// A key drawn by the random number, if there is one; its deadline may have passed.
    #[must_use]
    pub fn random(&self, db: u8, draw: u64) -> Option<&[u8]> {
        self.keyspace(db).random(draw).map(|(key, _)| key)
    }

    // --- writes -------------------------------------------------------------------------------

    /// Stores a string; `true` when the key was there.
    pub fn set(&mut self, db: u8, key: &[u8], value: &[u8], expiry: Expiry) -> bool {
        let hash = self.hash_of(key);
        self.clear_expired(db, hash, key);
        let expire_at_ms = match expiry {
            Expiry::Clear => None,
            Expiry::At(at) => Some(at),
            Expiry::Keep => self.keyspace(db).get(hash, key).and_then(|entry| entry.expire_at_ms),
        };
        let replaced = self.writable(db, hash).set(hash, key, value, expire_at_ms);
        if !replaced {
            self.notify(NotifyClass::NEW, "new", db, key);
        }
        self.changed(db, hash, key, &Effect::Set { db, key, value, expire_at_ms });
        self.note_string(db, hash, key, value.len());
        replaced
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

    /// Removes every key of the database on this shard and returns the old contents, to be freed
    /// off the latch, unless a snapshot still needs them.
    pub fn flush(&mut self, db: u8) -> Option<Keyspace> {
        if self.is_empty(db) {
            // That it is empty may be pending: what was removed last could come back.
            self.see_all();
            return None;
        }
        self.watchers_of_all(db, None);
        self.flush_large(db);
        let old = self.databases[usize::from(db)].clear();
        self.log_effect(&Effect::Flush { db });
        self.slice.touched_all = true;
        match &mut self.walk {
            Some(walk) => walk.flushed(db, old),
            None => Some(old),
        }
    }

    /// Exchanges two databases on this shard.
    pub fn swap(&mut self, a: u8, b: u8) {
        if a == b {
            return;
        }
        self.expire_watched(a, b);
        self.watchers_of_all(a, Some(b));
        self.watchers_of_all(b, Some(a));
        self.databases.swap(usize::from(a), usize::from(b));
        self.swap_large(a, b);
        self.slice.removed |= 1 << a | 1 << b;
        if let Some(walk) = &mut self.walk {
            walk.swapped(a, b);
        }
        self.log_effect(&Effect::Swap { a, b });
        self.slice.touched_all = true;
        if !self.waits.is_empty() {
            self.waits.note_all(a);
            self.waits.note_all(b);
        }
    }

    /// Removes what has expired under watched keys of two databases: to a watch, it is not there.
    fn expire_watched(&mut self, a: u8, b: u8) {
        let watched: Vec<Box<[u8]>> =
            self.watches.keys(a).chain(self.watches.keys(b)).map(Into::into).collect();
        for key in watched {
            self.exists(a, &key);
            self.exists(b, &key);
        }
    }

    /// Tells the watchers of keys that exist in the database or in the one that takes its place.
    fn watchers_of_all(&self, db: u8, other: Option<u8>) {
        let exists = |db: u8, key: &[u8]| {
            let keyspace = self.keyspace(db);
            keyspace.get(self.hash_of(key), key).is_some()
        };
        self.watches.changed_where(db, |key| {
            exists(db, key) || other.is_some_and(|other| exists(other, key))
        });
    }
}
