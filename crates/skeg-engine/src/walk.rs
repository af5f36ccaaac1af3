//! A snapshot's walk over one shard: what is there at the shard's place is handed out exactly once.
//!
//! The walk starts under the latch: the place in the log is read, views of the vector indexes are
//! taken, every database starts a walk. From then on the walker takes small slices under the latch, and
//! whoever is about to change an entry has its bucket handed out first (`Shard::writable`). Both go into
//! one [`Outlet`], which the snapshot's thread empties without the latch. A database that is flushed
//! goes into the outlet as a whole; those that change places keep the number that they had.
//!
//! Invariants: an entry is handed out as it was at the place, under the database it was in then; who
//! finds the outlet full must not change anything, and waits for it without a latch.
//! May not know: files, threads.

use std::collections::BTreeSet;

use skeg_io::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use skeg_io::sync::{Arc, Mutex};
use skeg_keyspace::{EntryRef, Keyspace, ValueRef};
use skeg_log::ShardPlace;
use skeg_vector::Change;

use crate::effect::{Effect, Run};
use crate::indexes::{Created, Image, logged as logged_id};
use crate::options::DATABASES;
use crate::shard::{Shard, bytes_of, each_change};
use crate::values::logged;

/// What one slice may cost, in bytes of keys and values and 256 for each entry: about 100 microseconds.
const SLICE_COST: usize = 128 << 10;

/// Appends the effects that recreate an entry: the one place that knows how each kind of value is
/// recreated.
fn recreate(db: u8, key: &[u8], entry: EntryRef<'_>, out: &mut Vec<u8>) {
    let expire_at_ms = entry.expire_at_ms;
    if let ValueRef::Str(value) = entry.value {
        let mut digits = Vec::new();
        let value = bytes_of(value, &mut digits);
        Effect::Set { db, key, value, expire_at_ms }.encode(out);
        return;
    }
    if let ValueRef::Away(away) = entry.value {
        Effect::SetAway { db, key, value: logged(&away), expire_at_ms }.encode(out);
        return;
    }
    let mut run = None;
    each_change(entry.value, &mut |change, elements| {
        run = Some(Run::extend(run.take(), out, change, (db, key), elements));
    });
    if expire_at_ms.is_some() {
        Effect::Expire { db, key, expire_at_ms }.encode(out);
    }
}

/// What walk and writers have handed out and nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    /// Effects that recreate entries.
    pub(crate) effects: Vec<u8>,
    pub(crate) entries: u64,
    /// Segments with strings that are named by their places.
    pub(crate) homes: BTreeSet<u64>,
    /// Databases that were flushed: their number at the place, and where to go on in them.
    pub(crate) flushed: Vec<(u8, u64, Keyspace)>,
}

impl Handed {
    pub(crate) fn add(&mut self, db: u8, key: &[u8], entry: EntryRef<'_>) {
        if let ValueRef::Away(away) = entry.value {
            self.homes.insert(away.home);
        }
        recreate(db, key, entry, &mut self.effects);
        self.entries += 1;
    }

    /// Hands out a slice of what is left of a flushed database. Whether there is more to come.
    pub(crate) fn walk_flushed(&mut self, flushed: &mut (u8, u64, Keyspace)) -> bool {
        let (db, cursor, keyspace) = flushed;
        *cursor = keyspace.walk(*cursor, SLICE_COST, &mut |key, entry| self.add(*db, key, entry));
        *cursor != 0
    }

    /// Adds what was handed out later.
    pub(crate) fn append(&mut self, mut later: Self) {
        if self.effects.is_empty() {
            std::mem::swap(&mut self.effects, &mut later.effects);
        }
        self.effects.append(&mut later.effects);
        self.entries += later.entries;
        self.homes.append(&mut later.homes);
        self.flushed.append(&mut later.flushed);
    }

    /// Hands out an index without the rows that are in its segments.
    pub(crate) fn add_index(&mut self, image: &Image) {
        let created = Created {
            options: *image.view.options(),
            number: image.number,
            generation: image.view.base_generation(),
            relies_on: image.view.stored_generation(),
            memory_max: image.memory_max,
        };
        let options = &created.to_bytes();
        Effect::IndexCreate { name: &image.name, options }.encode(&mut self.effects);
    }

    /// Hands out what has happened to an index since its segments were written.
    pub(crate) fn add_change(&mut self, name: &[u8], change: Change<'_>) {
        match change {
            Change::Set(id, row) => {
                let bytes: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
                let effect = Effect::VectorSet { name, id: logged_id(id), row: &bytes };
                effect.encode(&mut self.effects);
                self.entries += 1;
            }
            Change::Remove(id) => {
                Effect::VectorRemove { name, id: logged_id(id) }.encode(&mut self.effects);
            }
            Change::Freeze => Effect::IndexFreeze { name }.encode(&mut self.effects),
        }
    }
}

/// Where a walk puts what it hands out.
#[derive(Debug)]
pub(crate) struct Outlet {
    handed: Mutex<Handed>,
    /// Bytes in it, to be looked at without the lock.
    bytes: AtomicUsize,
    bytes_max: usize,
    /// The snapshot is over, or was given up: nobody takes anything out any more.
    closed: AtomicBool,
}

impl Outlet {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            handed: Mutex::default(),
            bytes: AtomicUsize::new(0),
            bytes_max,
            closed: AtomicBool::new(false),
        }
    }

    fn with<R>(&self, change: impl FnOnce(&mut Handed) -> R) -> R {
        let mut handed = self.handed.lock();
        let result = change(&mut handed);
        self.bytes.store(handed.effects.len(), Ordering::SeqCst);
        result
    }

    /// Takes everything out.
    pub(crate) fn take(&self) -> Handed {
        self.with(std::mem::take)
    }

    /// Whether writers must wait until somebody has taken everything out.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::SeqCst) >= self.bytes_max && !self.is_closed()
    }

    /// Whether writers are about to find it full.
    pub(crate) fn is_half_full(&self) -> bool {
        self.bytes.load(Ordering::SeqCst) >= self.bytes_max / 2
    }

    /// Walks that use it are over, wherever they are.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        drop(self.take());
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

/// How far the walk is in one database.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// The number of the database at the shard's place.
    origin: u8,
    /// `None`: all of it was handed out, or it is younger than the place.
    cursor: Option<u64>,
}

/// A walk under way.
#[derive(Debug)]
pub(crate) struct Walk {
    outlet: Arc<Outlet>,
    /// By the numbers that the databases have now.
    parts: Vec<Part>,
    /// What the shard had run when the last slice was over.
    commands: u64,
}

/// What the start of a walk found.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) place: ShardPlace,
    /// The vector indexes, as they were at the place.
    pub(crate) indexes: Vec<Image>,
}

/// What a slice found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slice {
    /// There is more to come.
    pub(crate) more: bool,
    /// Others have used the shard since the slice before.
    pub(crate) in_use: bool,
}

impl Shard {
    /// Starts a walk at the place where the shard's history stands now. One that was under way is over.
    pub(crate) fn start_walk(&mut self, outlet: &Arc<Outlet>) -> Started {
        self.databases.iter_mut().for_each(Keyspace::begin_walk);
        let part = |origin: u8| Part {
            origin,
            cursor: (!self.databases[usize::from(origin)].is_empty()).then_some(0),
        };
        let parts = (0..DATABASES).map(part).collect();
        let commands = self.stats.commands;
        self.walk = Some(Walk { outlet: Arc::clone(outlet), parts, commands });
        Started { place: self.log_place(), indexes: self.indexes.images() }
    }

    /// Hands out a slice; when there is nothing more to come, the walk is over.
    pub(crate) fn walk_slice(&mut self) -> Slice {
        let Some(walk) = &mut self.walk else { return Slice::default() };
        let in_use = self.stats.commands > walk.commands;
        // The job that this slice is will be counted, too.
        walk.commands = self.stats.commands + 1;
        let next = walk.parts.iter().position(|part| part.cursor.is_some());
        let Some(db) = next else {
            self.walk = None;
            return Slice { more: false, in_use };
        };
        let (part, keyspace) = (&mut walk.parts[db], &mut self.databases[db]);
        let from = part.cursor.unwrap_or(0);
        let cursor = walk.outlet.with(|handed| {
            keyspace.walk(from, SLICE_COST, &mut |key, entry| handed.add(part.origin, key, entry))
        });
        part.cursor = (cursor != 0).then_some(cursor);
        Slice { more: true, in_use }
    }

    /// Whether a walk cannot take what a change would have to hand out first.
    #[inline]
    pub(crate) fn must_wait_for_walk(&self) -> bool {
        self.walk.as_ref().is_some_and(|walk| walk.outlet.is_full())
    }
}

impl Walk {
    /// Hands out what a change of the key with this hash would change, unless that was done.
    pub(crate) fn preserve(&self, db: u8, keyspace: &mut Keyspace, hash: u64) {
        let part = self.parts[usize::from(db)];
        if part.cursor.is_some() && !self.outlet.is_closed() {
            self.outlet.with(|handed| {
                keyspace.preserve(hash, &mut |key, entry| handed.add(part.origin, key, entry));
            });
        }
    }

    /// A database is flushed: takes its contents if not all of them were handed out.
    pub(crate) fn flushed(&mut self, db: u8, contents: Keyspace) -> Option<Keyspace> {
        let cursor = self.parts[usize::from(db)].cursor.take();
        let Some(cursor) = cursor.filter(|_| !self.outlet.is_closed()) else {
            return Some(contents);
        };
        let origin = self.parts[usize::from(db)].origin;
        self.outlet.with(|handed| handed.flushed.push((origin, cursor, contents)));
        None
    }

    /// Two databases change places.
    pub(crate) fn swapped(&mut self, a: u8, b: u8) {
        self.parts.swap(usize::from(a), usize::from(b));
    }
}
