//! The memory limit: what keys, values and vectors take, as far as it must be known to refuse.
//!
//! Counting costs nothing while there is no limit. With one, every write notes what its shards take
//! now; before a command that may grow the data is refused, all shards are asked again, because
//! expiry in the background makes room too.

use skeg_engine::{Bound, Exec, Holder, Shard, ShardList};
use skeg_io::sync::atomic::{AtomicU64, Ordering};

use crate::context::Context;
use crate::error::CommandError;

/// What each shard took when it was last looked at.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    shards: Vec<AtomicU64>,
}

impl MemoryWatch {
    pub(crate) fn new(shards: u16) -> Self {
        Self { shards: (0..shards).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Notes what a shard takes.
    pub(crate) fn note(&self, shard: &Shard) {
        let figures = shard.figures();
        let bytes = figures.memory_bytes + figures.vector_bytes;
        self.shards[usize::from(shard.id().0)].store(bytes, Ordering::Relaxed);
    }

    fn total(&self) -> u64 {
        self.shards.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum()
    }
}

impl Context {
    /// Notes what the held shards take, if there is a limit.
    #[inline]
    pub(crate) fn note_memory(&self, exec: &mut Exec<'_>) {
        if self.config().memory_max() > 0 {
            exec.shards().for_each(|shard| self.memory().note(shard));
        }
    }

    /// Refuses when the data takes more than the limit.
    ///
    /// # Errors
    /// OOM.
    pub(crate) fn check_memory(&self, holder: &mut Holder) -> Result<(), CommandError> {
        let max = self.config().memory_max();
        if max == 0 || self.memory().total() <= max {
            return Ok(());
        }
        let all = ShardList::all(self.engine().shards());
        if holder.try_hold(&all)? {
            holder.run(&all, Bound::READ, |exec| {
                exec.shards().for_each(|shard| self.memory().note(shard));
            })?;
        }
        if self.memory().total() <= max {
            return Ok(());
        }
        Err(CommandError::constant("OOM command not allowed when used memory > 'maxmemory'."))
    }
}
