//! The keys that an optimistic transaction has read.

use skeg_engine::{Exec, ShardList, WatchFlag};
use skeg_io::sync::{Arc, Mutex};

use crate::work::DB;

/// One transaction's reads: a flag that any change to one of them sets.
#[derive(Debug)]
pub(crate) struct Watching {
    flag: Arc<WatchFlag>,
    /// Locked for a moment by whoever runs a read of the transaction.
    keys: Mutex<Vec<Vec<u8>>>,
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
        if !keys.iter().any(|known| known == key) {
            keys.push(key.to_vec());
        }
    }

    /// Ends all of it. Under the latches of [`Watching::add_shards`].
    pub(crate) fn release(&self, exec: &mut Exec<'_>) {
        for key in std::mem::take(&mut *self.keys.lock()) {
            exec.shard(&key).unwatch(DB, &key, &self.flag);
        }
    }

    /// The shards of the watched keys.
    pub(crate) fn add_shards(&self, engine: &skeg_engine::Engine, shards: &mut ShardList) {
        for key in self.keys.lock().iter() {
            shards.insert(engine.shard_of(key));
        }
    }
}
