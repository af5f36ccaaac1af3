//! Watched keys: optimistic transactions learn that a key they read has changed.
//!
//! A watcher is one flag, registered with every key it watches; any change to one of them sets the
//! flag, so that also a value that changed and changed back is noticed (no ABA).
//!
//! Invariant: a flag is set under the latch of the shard that owns the key, before the change can be
//! seen by anybody else.

use std::collections::HashMap;
use std::fmt;

use skeg_io::sync::Arc;
use skeg_io::sync::atomic::{AtomicBool, Ordering};

use crate::engine::{Engine, Shared};
use crate::error::Refusal;
use crate::exec::Exec;
use crate::holder::Drain;
use crate::job::{Bound, Hold, Job, Progress, Receipt, Ticket};
use crate::router::ShardList;
use crate::shard::Shard;

/// Tells its holder that something it watches has changed.
#[derive(Default)]
pub struct WatchFlag(AtomicBool);

impl WatchFlag {
    /// A flag that is not set.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Whether a watched key has changed.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl fmt::Debug for WatchFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WatchFlag").field(&self.is_set()).finish()
    }
}

/// Database and key.
pub type WatchedKey = (u8, Box<[u8]>);

#[derive(Debug, Default)]
pub(crate) struct Watches {
    keys: HashMap<WatchedKey, Vec<Arc<WatchFlag>>>,
}

impl Watches {
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn add(&mut self, db: u8, key: &[u8], flag: &Arc<WatchFlag>) {
        let flags = self.keys.entry((db, key.into())).or_default();
        if !flags.iter().any(|known| Arc::ptr_eq(known, flag)) {
            flags.push(Arc::clone(flag));
        }
    }

    pub(crate) fn remove(&mut self, db: u8, key: &[u8], flag: &Arc<WatchFlag>) {
        let at = (db, key.into());
        if let Some(flags) = self.keys.get_mut(&at) {
            flags.retain(|known| !Arc::ptr_eq(known, flag));
            if flags.is_empty() {
                self.keys.remove(&at);
            }
        }
    }

    /// Sets the flags of the key's watchers, and forgets those that nobody reads any more.
    pub(crate) fn changed(&mut self, db: u8, key: &[u8]) {
        let at = (db, key.into());
        let Some(flags) = self.keys.get_mut(&at) else { return };
        flags.iter().for_each(|flag| flag.set());
        flags.retain(|flag| Arc::strong_count(flag) > 1);
        if flags.is_empty() {
            self.keys.remove(&at);
        }
    }

    /// The watched keys of a database.
    pub(crate) fn keys(&self, db: u8) -> impl Iterator<Item = &[u8]> {
        self.keys.keys().filter(move |(of, _)| *of == db).map(|(_, key)| &**key)
    }

    /// Sets the flags of the watched keys of a database for which `concerned` holds.
    pub(crate) fn changed_where(&self, db: u8, mut concerned: impl FnMut(&[u8]) -> bool) {
        for ((_, key), flags) in self.keys.iter().filter(|((of, _), _)| *of == db) {
            if concerned(key) {
                flags.iter().for_each(|flag| flag.set());
            }
        }
    }
}

impl Shard {
    /// Sets `flag` when the key changes from now on. An entry whose deadline has passed counts as
    /// gone already.
    pub fn watch(&mut self, db: u8, key: &[u8], flag: &Arc<WatchFlag>) {
        self.exists(db, key);
        self.watches.add(db, key, flag);
    }

    /// Ends a watch.
    pub fn unwatch(&mut self, db: u8, key: &[u8], flag: &Arc<WatchFlag>) {
        self.watches.remove(db, key, flag);
    }
}

impl Exec<'_> {
    /// Ends the watch of those keys whose shards are held.
    pub fn unwatch(&mut self, flag: &Arc<WatchFlag>, keys: &[WatchedKey]) {
        let router = &self.shared.router;
        for shard in &mut *self.shards {
            let id = shard.id;
            for (db, key) in keys.iter().filter(|(_, key)| router.shard_of(key) == id) {
                shard.unwatch(*db, key, flag);
            }
        }
    }
}

impl Engine {
    /// Leaves the end of a watch to a job: that needs the latches of the keys' shards, but changes nothing
    /// anybody can see, so nobody waits for it. When even that is refused, the flag stays registered until its
    /// keys change, or the engine is closed: it is nobody's any more.
    pub fn unwatch_later(&self, flag: Arc<WatchFlag>, keys: Vec<WatchedKey>) {
        self.shared.unwatch_later(flag, keys);
    }
}

impl Shared {
    /// See [`Engine::unwatch_later`].
    pub(crate) fn unwatch_later(&self, flag: Arc<WatchFlag>, keys: Vec<WatchedKey>) {
        let shards = keys.iter().map(|(_, key)| self.router.shard_of(key)).collect();
        let job = Unwatch { flag, keys, shards };
        let _ = self.post(Ticket::new(Box::new(job)), Drain::WakeOnly);
    }
}

struct Unwatch {
    flag: Arc<WatchFlag>,
    keys: Vec<WatchedKey>,
    shards: ShardList,
}

impl Job for Unwatch {
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
        exec.unwatch(&self.flag, &self.keys);
        Progress::Done
    }

    fn done(self: Box<Self>, _: Result<Receipt, Refusal>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_watchers_of_the_changed_key_are_told() {
        let mut watches = Watches::default();
        let (one, two) = (WatchFlag::new(), WatchFlag::new());
        watches.add(0, b"a", &one);
        watches.add(1, b"a", &two);
        watches.changed(0, b"a");
        assert!(one.is_set() && !two.is_set());
        watches.remove(1, b"a", &two);
        watches.changed_where(1, |_| true);
        assert!(!two.is_set());
        watches.remove(0, b"a", &one);
        assert!(watches.is_empty());
    }

    #[test]
    fn a_watcher_that_is_gone_is_forgotten() {
        let mut watches = Watches::default();
        watches.add(0, b"a", &WatchFlag::new());
        watches.changed(0, b"a");
        assert!(watches.is_empty());
    }
}
