//! The keys that an optimistic transaction has read.

use std::collections::HashMap;

use skeg_engine::{Engine, Exec, ShardList, WatchFlag, WatchedKey};
use skeg_io::sync::{Arc, Mutex};

use crate::work::DB;

/// One transaction's reads: a flag that any change to one of them sets.
#[derive(Debug)]
pub(crate) struct Watching {
    flag: Arc<WatchFlag>,
    /// Locked for a moment by whoever runs a read of the transaction.
    keys: Mutex<Vec<WatchedKey>>,
}

impl Watching {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { flag: WatchFlag::new(), keys: Mutex::default() })
    }

    /// Whether a key that was read has changed since.
    pub(crate) fn is_outdated(&self) -> bool {
        self.flag.is_set()
    }

    /// Notices changes of a key from now on. Under its latch.
    pub(crate) fn watch(&self, exec: &mut Exec<'_>, key: &[u8]) {
        exec.shard(key).watch(DB, key, &self.flag);
        let mut keys = self.keys.lock();
        if !keys.iter().any(|(_, known)| **known == *key) {
            keys.push((DB, key.into()));
        }
    }

    /// Ends all of it. Under the latches of [`Watching::add_shards`].
    pub(crate) fn release(&self, exec: &mut Exec<'_>) {
        exec.unwatch(&self.flag, &std::mem::take(&mut *self.keys.lock()));
    }

    /// The shards of the watched keys.
    pub(crate) fn add_shards(&self, engine: &Engine, shards: &mut ShardList) {
        for (_, key) in self.keys.lock().iter() {
            shards.insert(engine.shard_of(key));
        }
    }
}

/// The transactions that are open on one database, by their numbers. Those that are left when it
/// goes stop watching: otherwise every write to their shards would go on telling them.
pub(crate) struct Watchings {
    engine: Engine,
    open: HashMap<u32, Arc<Watching>>,
}

impl Watchings {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), open: HashMap::new() }
    }

    /// The transaction, which begins with its first read.
    pub(crate) fn of(&mut self, transaction: u32) -> Arc<Watching> {
        Arc::clone(self.open.entry(transaction).or_insert_with(Watching::new))
    }

    /// The transaction, if it has read anything.
    pub(crate) fn get(&self, transaction: u32) -> Option<Arc<Watching>> {
        self.open.get(&transaction).map(Arc::clone)
    }

    /// The transaction is over.
    pub(crate) fn remove(&mut self, transaction: u32) -> Option<Arc<Watching>> {
        self.open.remove(&transaction)
    }
}

impl Drop for Watchings {
    fn drop(&mut self) {
        for (_, watching) in self.open.drain() {
            let keys = std::mem::take(&mut *watching.keys.lock());
            self.engine.unwatch_later(Arc::clone(&watching.flag), keys);
        }
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;
    use skeg_engine::{Bound, Drain, EngineOptions, Holder};
    use skeg_io::Io;

    #[test]
    fn what_a_closed_database_watched_is_forgotten() {
        let options = EngineOptions { home_threads: 0, ..EngineOptions::default() };
        let engine = Engine::open(&Io::real(), None, &options).unwrap();
        let mut watchings = Watchings::new(&engine);
        let watching = watchings.of(1);
        for key in [b"a".as_slice(), b"b", b"c"] {
            let shards = ShardList::one(engine.shard_of(key));
            let mut holder = Holder::new(&engine, Drain::Serve);
            assert_eq!(holder.try_hold(&shards), Ok(true));
            holder.run(&shards, Bound::READ, |exec| watching.watch(exec, key)).unwrap();
        }
        let flag = Arc::clone(&watching.flag);
        drop(watching);
        assert!(Arc::strong_count(&flag) > 2, "the shards have it, too");
        drop(watchings);
        engine.tick();
        assert_eq!(Arc::strong_count(&flag), 1);
        engine.close().unwrap();
    }
}
