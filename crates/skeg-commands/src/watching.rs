//! Letting go of watched keys.
//!
//! A watch is registered at the shards of its keys, so ending it needs their latches. That changes
//! nothing anybody can see, so nobody waits for it: what cannot be done at once is left to the engine.

use skeg_engine::{Bound, Engine, Holder, ShardList};

use crate::session::{Session, Watching};

impl Watching {
    /// The shards of the watched keys.
    pub(crate) fn shards(&self, engine: &Engine) -> ShardList {
        self.keys.iter().map(|(_, key)| engine.shard_of(key)).collect()
    }
}

impl Session {
    /// Ends what the session watches.
    pub(crate) fn unwatch(&mut self, holder: &mut Holder) {
        let Some(watching) = self.watching.take() else { return };
        let engine = holder.engine().clone();
        let shards = watching.shards(&engine);
        let held = holder.try_hold(&shards) == Ok(true);
        let done = held
            && holder
                .run(&shards, Bound::READ, |exec| exec.unwatch(&watching.flag, &watching.keys))
                .is_ok();
        if !done {
            engine.unwatch_later(watching.flag, watching.keys);
        }
    }
}
