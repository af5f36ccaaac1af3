//! The step at which a snapshot takes the place of the log before it.
//!
//! Invariants: CURRENT drops a segment only when every record in it is older than the place of its
//! shard, and no value in it is needed; a file is removed only when the CURRENT that does not name it is durable.
//! May not know: what is in the snapshot.

use std::collections::BTreeSet;

use skeg_io::sync::atomic::Ordering::SeqCst;

use super::format::FILES;
use crate::core::Core;
use crate::current::{Current, SnapshotRef};
use crate::error::LogError;
use crate::failpoint::{Broken, breaks};
use crate::segment;
use crate::types::Epoch;
use crate::upkeep::Upkeeper;
use crate::values::Place;

impl Upkeeper {
    /// Number for the next snapshot, the database's id, and how large the snapshot may be expected to
    /// become: as is forecast, but no more than what the last one had and what was written since.
    pub(crate) fn next_snapshot(&self, core: &Core) -> (u64, u128, u64) {
        let last = self.current.snapshot;
        let id = last.map_or(0, |snapshot| snapshot.id) + 1;
        let bytes = last.map_or(0, |snapshot| snapshot.length) + core.behind_bytes();
        let forecast = core.forecast.bytes(core.history_bytes.load(SeqCst));
        (id, self.current.database_id, forecast.unwrap_or(bytes).min(bytes))
    }

    /// Lets CURRENT name a snapshot, for which epochs from `needed` on are replayed, and removes what
    /// nobody needs any more. `kept` are segments that have values which somebody needs.
    pub(crate) fn publish_snapshot(
        &mut self,
        core: &Core,
        snapshot: SnapshotRef,
        needed: Epoch,
        kept: &BTreeSet<u64>,
    ) -> Result<(), LogError> {
        let before = self.current.clone();
        let mut next = self.sealed(core);
        next.take_snapshot(snapshot, core.options.keep_snapshots);
        let kept_from = if breaks(Broken::DropsTooMuch) { Epoch(u64::MAX) } else { needed };
        drop_superfluous(&mut next, kept_from, kept);
        for named in &mut next.values {
            let is_kept = kept.contains(&Place::in_own_file(named.id).segment);
            named.needed |= u8::from(core.needs_value(named.id, kept_from, is_kept));
        }
        next.values.retain(|named| named.needed != 0);
        if breaks(Broken::RemovesEarly) {
            self.remove_unnamed(core, &before, &next)?;
        }
        self.publish_or_poison(core, next)?;
        self.trim()?;
        *core.inventory.lock() = self.inventory();
        let now = self.current.clone();
        self.remove_unnamed(core, &before, &now)
    }

    /// Removes the files that `before` names and `now` does not.
    pub(super) fn remove_unnamed(
        &mut self,
        core: &Core,
        before: &Current,
        now: &Current,
    ) -> Result<(), LogError> {
        for named in &before.segments {
            if !now.segments.iter().any(|kept| kept.id == named.id) {
                let removed = self.remove(core, segment::FILES.path(&core.dir, named.id));
                core.values.forget(named.id);
                removed?;
            }
        }
        for named in &before.values {
            if !now.values.iter().any(|kept| kept.id == named.id) {
                self.remove_value(core, named.id)?;
            }
        }
        for old in before.snapshots() {
            if !now.snapshots().any(|kept| kept == old) {
                self.remove(core, FILES.path(&core.dir, old.id))?;
            }
        }
        Ok(())
    }
}

/// Starts the replay behind the leading segments whose blocks are all older than `needed`, and takes
/// those of them out that nobody needs for their values and no older snapshot for its log.
fn drop_superfluous(next: &mut Current, needed: Epoch, kept: &BTreeSet<u64>) {
    let older = next
        .segments
        .iter()
        .take_while(|named| named.sealed.is_some_and(|end| end.position.epoch < needed.0));
    let count = older.count().min(next.segments.len() - 1);
    let first = next.segments[count].id;
    let is_alone = next.older.is_empty();
    let log_from = next.older.last().map_or(first, |oldest| oldest.start_segment);
    if let Some(last) = next.segments[..count].last()
        && last.id >= next.start_segment
    {
        next.start = last.sealed.expect("only sealed ones are older").position;
        next.start_segment = first;
    }
    next.segments.retain_mut(|named| {
        let needed = kept.contains(&named.id) && !breaks(Broken::DropsValues);
        named.needed |= u8::from(!is_alone && needed && named.id < first);
        named.id >= log_from || named.needed != 0 || needed
    });
}
