//! Letting go of watched keys.
//!
//! A watch is registered at the shards of its keys, so ending it needs their latches. That changes
//! nothing anybody can see, so nobody waits for it: what cannot be done at once is left to a job.

use skeg_engine::{
    Bound, Drain, Engine, Exec, Hold, Holder, Job, Progress, Receipt, Refusal, ShardList,
};

use crate::session::{Session, Watching};

impl Watching {
    /// The shards of the watched keys.
    pub(crate) fn shards(&self, engine: &Engine) -> ShardList {
        self.keys.iter().map(|(_, key)| engine.shard_of(key)).collect()
    }

    /// Ends the watch of the keys on the shards that are held.
    pub(crate) fn release_held(&self, engine: &Engine, exec: &mut Exec<'_>) {
        for shard in exec.shards() {
            let id = shard.id();
            for (db, key) in self.keys.iter().filter(|(_, key)| engine.shard_of(key) == id) {
                shard.unwatch(*db, key, &self.flag);
            }
        }
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
                .run(&shards, Bound::READ, |exec| watching.release_held(&engine, exec))
                .is_ok();
        if !done {
            release(&engine, *watching);
        }
    }
}

/// Leaves the end of a watch to a job. When even that is refused, the flag stays registered until
/// its keys change: it is nobody's any more.
pub(crate) fn release(engine: &Engine, watching: Watching) {
    let shards = watching.shards(engine);
    let job = ReleaseJob { engine: engine.clone(), watching, shards };
    if let Err((job, refusal)) = engine.post(Box::new(job), Drain::WakeOnly) {
        job.done(Err(refusal));
    }
}

struct ReleaseJob {
    engine: Engine,
    watching: Watching,
    shards: ShardList,
}

impl Job for ReleaseJob {
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
        self.watching.release_held(&self.engine, exec);
        Progress::Done
    }

    fn done(self: Box<Self>, _: Result<Receipt, Refusal>) {}
}
