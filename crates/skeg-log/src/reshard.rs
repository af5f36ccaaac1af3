//! Another number of shards: what the database holds is dealt out to them, as a snapshot.
//!
//! The history is replayed with the number that it was written with, and made durable as by any open. Then
//! everything goes into a snapshot, each entry under its new shard, and one CURRENT takes the number, the
//! snapshot, and an empty segment that the log goes on with.
//!
//! Invariants: until that CURRENT is durable the database has its old number, so a crash leaves the next
//! open the same work; no block of the old number is behind the new replay start: it is kept for
//! values at most.
//! May not know: what an entry is, which shard it belongs to.

use std::collections::{BTreeMap, BTreeSet};

use skeg_io::sync::Arc;

use crate::core::Core;
use crate::current::{Current, End, NamedSegment, SnapshotRef};
use crate::error::LogError;
use crate::failpoint::{Broken, breaks};
use crate::segment::{HEADER_BYTES, Segment, SegmentHeader};
use crate::snapshot::SnapshotWriter;
use crate::types::{Epoch, Replay, ShardId, ShardPlace};
use crate::upkeep::Upkeeper;
use crate::values::Place;

/// What was dealt out beside the entries in the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dealt {
    /// Segments and files with values that the snapshot names, as in [`Place::segment`].
    pub segments: BTreeSet<u64>,
    /// The new shard of each vector index that has segments, by the index's number.
    pub indexes: BTreeMap<u64, ShardId>,
}

/// Deals out what was replayed to the shards that `core` was made for. Returns the CURRENT that has them.
pub(crate) fn reshard(core: &Arc<Core>, replay: &mut dyn Replay) -> Result<Current, LogError> {
    let shards = core.buffers.shards();
    let stored = core.upkeeper.lock().current.shards;
    let mut snapshot = SnapshotWriter::create(core)?;
    let dealt = replay.deal(shards, &mut snapshot)?;
    let dealt = dealt.ok_or(LogError::ShardCount { stored, asked: shards })?;
    // All of the history is in it.
    let place = ShardPlace { epoch: Epoch(core.durable().0 + 1), offset: 0 };
    snapshot.complete(&vec![place; usize::from(shards)])?;
    snapshot.publish_dealt(&dealt)?;
    let current = core.upkeeper.lock().current.clone();
    Ok(current)
}

impl Upkeeper {
    /// Lets CURRENT name a snapshot of another number of shards, with all there is in it. Nothing was
    /// written since recovery, which has synced everything. What is superfluous then, the next recovery
    /// removes.
    pub(crate) fn publish_dealt(
        &mut self,
        core: &Core,
        snapshot: SnapshotRef,
        dealt: &Dealt,
    ) -> Result<(), LogError> {
        let after = *core.position.lock();
        let shards = core.buffers.shards();
        if breaks(Broken::NamesShardsFirst) {
            self.publish(core, Current { shards, ..self.current.clone() })?;
        }
        let id = self.current.next_segment;
        let database_id = self.current.database_id;
        let header = SegmentHeader { id, database_id, salt: core.io.entropy.next_u64(), after };
        Segment::create(&core.io, &core.dir, &header, HEADER_BYTES)?;
        let mut next = self.current.clone();
        for named in next.segments.iter_mut().filter(|named| named.sealed.is_none()) {
            let written = self.written_bytes_of(named.id);
            named.sealed = written.map(|length| End { length, position: after });
        }
        next.segments.retain(|named| dealt.segments.contains(&named.id));
        next.segments.iter_mut().for_each(|named| named.needed = 0);
        next.segments.push(NamedSegment::open(id));
        next.values.retain(|named| dealt.segments.contains(&Place::in_own_file(named.id).segment));
        next.values.iter_mut().for_each(|named| named.needed = 1);
        next.next_segment = id + 1;
        (next.start_segment, next.start) = (id, after);
        for named in &mut next.vectors {
            // One of no index any more is taken out by whoever finds it next, wherever it is.
            named.shard = dealt.indexes.get(&named.index).copied().unwrap_or_default().0;
        }
        // Older snapshots are of the former number: they go.
        (next.snapshot, next.older) = (Some(snapshot), Vec::new());
        next.shards = shards;
        self.publish(core, next)
    }
}
