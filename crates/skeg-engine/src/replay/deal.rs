//! Dealing out: all that was replayed goes into a snapshot of another number of shards.
//!
//! Invariants: every entry is written once, under the shard that the new router gives its key; an index with
//! all its changes in order, under that of its name; what is in memory stays as it is.
//! May not know: how a snapshot becomes the database.

use skeg_keyspace::Keyspace;
use skeg_log::{Dealt, LogError, ShardId, SnapshotWriter};
use skeg_vector::Backend;

use crate::effect::KIND_EFFECTS;
use crate::indexes::Image;
use crate::router::Router;
use crate::shard::Shard;
use crate::walk::{ENTRY_COST, Handed};

/// Effects of a shard are written when they have so many bytes: what waits for all shards stays small.
const BLOCK_BYTES: usize = 64 << 10;
/// What a look at the entries costs at most before full parts are written.
const SLICE_COST: usize = 256 << 10;

/// See the module.
pub(super) struct Deal<'a> {
    router: Router,
    snapshot: &'a mut SnapshotWriter,
    /// What is not yet written, by the new shards.
    parts: Vec<Handed>,
    dealt: Dealt,
}

impl<'a> Deal<'a> {
    pub(super) fn new(shards: u16, snapshot: &'a mut SnapshotWriter) -> Self {
        let parts = (0..shards).map(|_| Handed::default()).collect();
        Self { router: Router::new(shards), snapshot, parts, dealt: Dealt::default() }
    }

    /// Deals out what a shard has.
    pub(super) fn shard(&mut self, shard: &mut Shard) -> Result<(), LogError> {
        for (db, keyspace) in (0..).zip(&mut shard.databases) {
            self.database(db, keyspace)?;
        }
        shard.indexes.images().iter().try_for_each(|image| self.index(image))
    }

    /// What the snapshot needs beside itself, when all of it is written.
    pub(super) fn finish(mut self) -> Result<Dealt, LogError> {
        (0..self.router.shards()).try_for_each(|id| self.write(ShardId(id), 1))?;
        Ok(self.dealt)
    }

    fn database(&mut self, db: u8, keyspace: &mut Keyspace) -> Result<(), LogError> {
        if keyspace.is_empty() {
            return Ok(());
        }
        keyspace.begin_walk();
        let mut cursor = 0;
        loop {
            let Self { router, parts, .. } = self;
            cursor = keyspace.walk(cursor, SLICE_COST, &mut |shown| {
                parts[usize::from(router.shard_of(shown.key).0)].add(db, shown.key, shown.entry);
                ENTRY_COST + shown.bytes
            });
            (0..self.router.shards()).try_for_each(|id| self.write(ShardId(id), BLOCK_BYTES))?;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    fn index(&mut self, image: &Image) -> Result<(), LogError> {
        let home = self.router.shard_of(&image.name);
        if image.number != 0 {
            self.dealt.indexes.insert(image.number, home);
        }
        let part = usize::from(home.0);
        self.parts[part].add_index(image);
        if image.view.options().backend == Backend::Ephemeral {
            return Ok(());
        }
        for change in image.view.changes() {
            self.parts[part].add_change(&image.name, change);
            self.write(home, BLOCK_BYTES)?;
        }
        Ok(())
    }

    /// Writes what waits for a shard, if it has so many bytes.
    fn write(&mut self, shard: ShardId, least: usize) -> Result<(), LogError> {
        let Handed { effects, entries, homes, .. } = &mut self.parts[usize::from(shard.0)];
        if effects.len() >= least {
            self.snapshot.append(shard, KIND_EFFECTS, effects, std::mem::take(entries))?;
            self.dealt.segments.append(homes);
            effects.clear();
            effects.shrink_to(2 * BLOCK_BYTES);
        }
        Ok(())
    }
}
