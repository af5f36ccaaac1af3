//! A snapshot's walk over one shard: what is there at the shard's place is handed out exactly once.
//!
//! The walk starts under the latch: the place in the log is read, views of the vector indexes are
//! taken, every database starts a walk. From then on the walker takes small slices under the latch,
//! whoever has used the shard hands out a little more before he frees it ([`Shard::walk_along`]), and
//! whoever is about to change an entry has its bucket handed out first (`Shard::writable`). All of it goes
//! into one [`Outlet`], which the snapshot's thread empties without the latch. A database that is flushed
//! goes into the outlet as a whole; those that change places keep the number that they had.
//!
//! A large value is handed out in slices of its own (`walk/part.rs`). Who wants to change it says so
//! before anything is changed ([`Shard::want_change`]), and waits without a latch until it is handed out.
//!
//! Invariants: an entry is handed out as it was at the place, under the database it was in then; who
//! finds the outlet full must not change anything, and waits for it without a latch.
//! May not know: files, threads.

mod handed;
mod outlet;
mod part;

use skeg_io::sync::Arc;
use skeg_keyspace::Keyspace;
use skeg_log::{Broken, ShardPlace, breaks};

pub(crate) use self::handed::Handed;
pub(crate) use self::outlet::{Outlet, Sizes};
pub(crate) use self::part::ENTRY_COST;
use self::part::{Flushed, Part};
use crate::indexes::Image;
use crate::options::DATABASES;
use crate::shard::Shard;

/// Who has used the shard hands out such a part of a slice: a microsecond or two beside what he came for.
const ALONG_PART: usize = 32;

/// A walk under way.
#[derive(Debug)]
pub(crate) struct Walk {
    outlet: Arc<Outlet>,
    /// By the numbers that the databases have now.
    parts: Vec<Part>,
    /// What the shard had run when the last slice was over.
    commands: u64,
    /// A value that jobs wait for has come to its end since.
    sets_free: bool,
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
    /// Jobs that wait are to look whether they have waited long enough.
    pub(crate) sets_free: bool,
}

impl Shard {
    /// Starts a walk at the place where the shard's history stands now. One that was under way is over.
    pub(crate) fn start_walk(&mut self, outlet: &Arc<Outlet>) -> Started {
        self.databases.iter_mut().for_each(Keyspace::begin_walk);
        let part = |db| Part::new(db, &self.databases[usize::from(db)]);
        let parts = (0..DATABASES).map(part).collect();
        let commands = self.stats.commands;
        self.walk = Some(Walk { outlet: Arc::clone(outlet), parts, commands, sets_free: false });
        Started { place: self.log_place(), indexes: self.indexes.images() }
    }

    /// Hands out a slice; when there is nothing more to come, the walk is over.
    pub(crate) fn walk_slice(&mut self) -> Slice {
        let Some(walk) = &mut self.walk else { return Slice::default() };
        let in_use = self.stats.commands > walk.commands;
        // The job that this slice is will be counted, too.
        walk.commands = self.stats.commands + 1;
        let more = walk.hand_out(&mut self.databases, walk.outlet.slice_bytes());
        let sets_free = std::mem::take(&mut walk.sets_free);
        if !more {
            self.walk = None;
        }
        Slice { more, in_use, sets_free }
    }

    /// Hands out a little more, if a walk is on and can take it: for a thread that serves others and has
    /// just used the shard. So the walk's own thread, which interrupts such a thread and may have to be
    /// waited for, has less to do.
    #[inline]
    pub(crate) fn walk_along(&mut self) {
        if let Some(walk) = &mut self.walk
            && walk.outlet.takes_more()
        {
            walk.hand_out(&mut self.databases, walk.outlet.slice_bytes() / ALONG_PART);
        }
    }

    /// Whether a walk cannot take what a change would have to hand out first.
    #[inline]
    pub(crate) fn must_wait_for_walk(&self) -> bool {
        self.walk.as_ref().is_some_and(|walk| walk.outlet.is_full())
    }

    /// Whether somebody waits for a walk to hand out a large value.
    pub(crate) fn is_walk_awaited(&self) -> bool {
        self.walk.as_ref().is_some_and(|walk| walk.parts.iter().any(Part::is_awaited))
    }

    /// Whether a walk has still to hand out a large value of the key with this hash; that comes next then.
    /// It is handed out in one go to whoever changes it all the same.
    #[inline]
    pub(crate) fn is_left_to_walk(&mut self, db: u8, hash: u64) -> bool {
        self.walk.is_some() && self.is_left(db, hash)
    }

    #[cold]
    fn is_left(&mut self, db: u8, hash: u64) -> bool {
        let Some(Walk { outlet, parts, .. }) = &mut self.walk else { return false };
        let (part, keyspace) = (&mut parts[usize::from(db)], &mut self.databases[usize::from(db)]);
        if part.is_over() || outlet.is_closed() || breaks(Broken::ForgetsImages) {
            return false;
        }
        outlet.with(|handed| part.is_left(keyspace, hash, outlet.slice_bytes(), handed))
    }

    /// Says that the command is about to change what a key holds. When a snapshot has still to hand out
    /// a large value of it, the command is to return without having changed anything, as
    /// [`Exec::must_wait`](crate::Exec::must_wait) says; it is run again.
    #[inline]
    pub fn want_change(&mut self, db: u8, key: &[u8]) {
        if self.walk.is_some() && self.is_left(db, self.keyspace(db).hash(key)) {
            self.hold_up();
        }
    }

    /// Where jobs wait for a walk.
    pub(crate) fn outlet(&self) -> Option<Arc<Outlet>> {
        self.walk.as_ref().map(|walk| Arc::clone(&walk.outlet))
    }
}

impl Walk {
    /// Hands out what comes next of these databases, for about so many bytes; whether there was anything.
    fn hand_out(&mut self, databases: &mut [Keyspace], budget: usize) -> bool {
        let Self { outlet, parts, sets_free, .. } = self;
        let awaited = parts.iter().position(Part::is_awaited);
        let next = awaited.or_else(|| parts.iter().position(|part| !part.is_over()));
        let Some(db) = next else { return false };
        let (part, keyspace) = (&mut parts[db], &mut databases[db]);
        // Without a budget a walk stays where it is, which may be the beginning: that looks like its end.
        let (budget, slice_bytes) = (budget.max(1), outlet.slice_bytes());
        *sets_free |= outlet.with(|handed| part.hand_out(keyspace, budget, slice_bytes, handed));
        true
    }

    /// Hands out what a change of the key with this hash would change, unless that was done.
    pub(crate) fn preserve(&mut self, db: u8, keyspace: &mut Keyspace, hash: u64) {
        let Self { outlet, parts, sets_free, .. } = self;
        let part = &mut parts[usize::from(db)];
        if !part.is_over() && !outlet.is_closed() {
            *sets_free |=
                outlet.with(|handed| part.preserve(keyspace, hash, outlet.slice_bytes(), handed));
        }
    }

    /// A database is flushed: takes its contents if not all of them were handed out.
    pub(crate) fn flushed(&mut self, db: u8, contents: Keyspace) -> Option<Keyspace> {
        let part = self.parts[usize::from(db)].take();
        if part.is_over() || self.outlet.is_closed() {
            return Some(contents);
        }
        // What jobs wait to change is not there any more.
        self.sets_free |= part.is_awaited();
        self.outlet.with(|handed| handed.flushed.push(Flushed { part, contents }));
        None
    }

    /// Two databases change places.
    pub(crate) fn swapped(&mut self, a: u8, b: u8) {
        self.parts.swap(usize::from(a), usize::from(b));
    }
}
