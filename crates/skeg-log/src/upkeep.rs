//! What keeps the writer going: allocated room ahead of it, the next segment, the spare, CURRENT.
//!
//! Invariants:
//! - Before a segment's first block, its file, its directory entry and the CURRENT that names it are
//!   durable. CURRENT gives a segment its length only when no block can follow and all are synced.
//! - A full disk is a state, not an error: growth is refused, what is allocated and the spare serve
//!   releases, and it is tried again at a bounded rate until there is space. It counts as full while it
//!   could not hold the next snapshot beside what is allocated, so that space can always be got back; and older
//!   snapshots are given up first. Anything else that fails poisons the database, as nobody knows what a crash would leave.
//!
//! May not know: blocks; the writer takes what is prepared here when it needs it.

use std::path::PathBuf;

use skeg_io::sync::Arc;

use crate::core::Core;
use crate::current::{self, Current, NamedSegment, SnapshotRef, ValueRef};
use crate::error::LogError;
use crate::failpoint::{Broken, breaks};
use crate::room::{Present, Room, UNSYNCED_BYTES, Wanted};
use crate::segment::{HEADER_BYTES, Segment, SegmentHeader};
use crate::small_file::{remove_if_there, replace};
use crate::snapshot::SnapshotInfo;
use crate::spare::Spare;
use crate::types::Upkeep;

/// A full disk is tried again after this.
const RETRY_NS: u64 = 100_000_000;
/// The least that the spare gives to releases at a time.
const RELEASE_BYTES: u64 = 64 << 10;
/// File systems allocate in units of this, as a rule.
pub(crate) const BLOCK_BYTES: u64 = 4096;
/// A log is idle when so long after an fsync nothing has been written.
const IDLE_NS: u64 = 100_000_000;
/// A spare grown for one large change shrinks again after this.
const SHRINK_NS: u64 = 10_000_000_000;

/// The files of the log but for the blocks in them.
#[derive(Debug)]
pub(crate) struct Upkeeper {
    /// As it was published last.
    pub(crate) current: Current,
    /// Segments that CURRENT gives no length yet, in order.
    pub(crate) live: Vec<Arc<Segment>>,
    spare: Spare,
    retry_ns: u64,
    demanded_ns: u64,
    /// The greatest number that a segment of vectors was given.
    pub(crate) vectors_begun: u64,
    /// The greatest number that the file of a value was given.
    pub(crate) values_begun: u64,
    /// Backups under way.
    backups: u32,
    /// What is to be removed when they have ended.
    withheld: Vec<PathBuf>,
    /// Older snapshots that were given up for want of room.
    pub(crate) given_up: u64,
}

/// The segments of a log.
#[derive(Clone, Debug)]
pub(crate) struct Inventory {
    pub(crate) segments: u64,
    pub(crate) snapshot: Option<SnapshotInfo>,
    pub(crate) snapshots: u64,
    pub(crate) given_up: u64,
    /// Of segments and of files of values.
    sealed_bytes: u64,
    /// Bytes of segments that an open does not replay and that stay for their values, and of files of values.
    pub(crate) kept_bytes: u64,
    /// Bytes of those that are there for older snapshots alone.
    pub(crate) older_bytes: u64,
    live: Vec<Arc<Segment>>,
}

impl Inventory {
    /// Bytes of all segments up to their last blocks.
    pub(crate) fn bytes(&self) -> u64 {
        let live: u64 = self.live.iter().map(|segment| segment.written_bytes()).sum();
        self.sealed_bytes + live
    }
}

/// What a round of upkeep came to.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// Who waits for room should try again.
    changed: bool,
    /// When to try again, if the disk is full.
    retry_ns: Option<u64>,
}

impl Upkeeper {
    pub(crate) fn new(current: Current, live: Vec<Arc<Segment>>, spare: Spare) -> Self {
        Self {
            current,
            live,
            spare,
            retry_ns: 0,
            demanded_ns: 0,
            vectors_begun: 0,
            values_begun: 0,
            backups: 0,
            withheld: Vec::new(),
            given_up: 0,
        }
    }

    pub(crate) fn allowed(&self) -> u64 {
        self.spare.allowed()
    }

    /// From now on files stay whatever happens, until [`Self::release`].
    pub(crate) fn hold(&mut self) {
        self.backups += 1;
    }

    /// Whether somebody holds the files.
    pub(crate) fn is_held(&self) -> bool {
        self.backups > 0
    }

    /// Ends a [`Self::hold`], and removes what nobody holds any more.
    pub(crate) fn release(&mut self, core: &Core) {
        self.backups -= 1;
        if self.backups == 0 {
            for path in std::mem::take(&mut self.withheld) {
                // What cannot be removed now is at the next open.
                let _ = remove_if_there(&*core.io.disk, &path);
            }
        }
    }

    /// Removes a file that no CURRENT names any more, at once or when nobody holds it.
    pub(crate) fn remove(&mut self, core: &Core, path: PathBuf) -> Result<(), LogError> {
        if self.is_held() && !breaks(Broken::RemovesUnderBackups) {
            self.withheld.push(path);
            return Ok(());
        }
        remove_if_there(&*core.io.disk, &path)
    }

    /// Bytes up to the last block of a segment that CURRENT gives no length yet.
    pub(crate) fn written_bytes_of(&self, id: u64) -> Option<u64> {
        let segment = self.live.iter().find(|segment| segment.id == id)?;
        Some(segment.written_bytes())
    }

    /// What there is on the disk, to be looked at without waiting for upkeep.
    pub(crate) fn inventory(&self) -> Inventory {
        let named = || self.current.segments.iter();
        let sealed = named().filter_map(|named| named.sealed);
        let (kept, older): (Vec<_>, Vec<_>) = named()
            .filter(|named| named.id < self.current.start_segment)
            .partition(|named| self.current.is_for_values(named));
        let bytes = |named: &[&NamedSegment]| -> u64 {
            named.iter().filter_map(|named| named.sealed).map(|end| end.length).sum()
        };
        let (own, own_older): (Vec<_>, Vec<_>) =
            self.current.values.iter().partition(|named| named.needed & 1 != 0);
        let length = |named: &[&ValueRef]| named.iter().map(|named| named.length).sum::<u64>();
        Inventory {
            segments: self.current.segments.len() as u64,
            snapshot: self.current.snapshot.map(SnapshotRef::info),
            snapshots: self.current.snapshots().count() as u64,
            given_up: self.given_up,
            sealed_bytes: sealed.map(|end| end.length).sum::<u64>()
                + length(&own)
                + length(&own_older),
            kept_bytes: bytes(&kept) + length(&own),
            older_bytes: bytes(&older) + length(&own_older),
            live: self.live.clone(),
        }
    }

    /// Frees what a closed database does not need: room ahead of the writer, most of the spare.
    pub(crate) fn compact(&mut self, core: &Core) -> Result<(), LogError> {
        for segment in &self.live {
            segment.trim(segment.written_bytes())?;
        }
        self.spare.shrink(UNSYNCED_BYTES.min(core.options.unsynced_bytes_max))
    }

    fn run(&mut self, core: &Core, now: u64) -> Result<Round, LogError> {
        let wanted = wanted(core);
        let release_waits = wanted.release > present(core).free;
        if now < self.retry_ns && !release_waits {
            return Ok(Round { changed: false, retry_ns: Some(self.retry_ns) });
        }
        if wanted.demand > 0 {
            self.demanded_ns = now;
        }
        let before = present(core);
        let retry = match self.provide_or_give_up(core, &wanted, now) {
            Ok(()) => {
                core.space.update(|room| room.satisfied(wanted.demand));
                false
            }
            Err(LogError::Full { .. }) => {
                self.provide_less(core, wanted.growth_demand, now)?;
                true
            }
            Err(error) => return Err(error),
        };
        self.retry_ns = if retry { now + RETRY_NS } else { 0 };
        let changed = before != present(core) || (retry && wanted.demand > 0);
        Ok(Round { changed, retry_ns: retry.then_some(self.retry_ns) })
    }

    /// [`Self::provide`], without older snapshots where there is no room beside them.
    fn provide_or_give_up(
        &mut self,
        core: &Core,
        wanted: &Wanted,
        now: u64,
    ) -> Result<(), LogError> {
        loop {
            match self.provide(core, wanted, now) {
                Err(LogError::Full { .. })
                    if self.give_up_for(core, needed(core, wanted).unwrap_or(0))? => {}
                other => return other,
            }
        }
    }

    /// Allocates what is wanted, if that leaves room for the next snapshot.
    fn provide(&mut self, core: &Core, wanted: &Wanted, now: u64) -> Result<(), LogError> {
        if let Some(bytes) = needed(core, wanted).filter(|_| !breaks(Broken::FillsTheDisk)) {
            core.check_room(bytes)?;
        }
        self.make_free(core, wanted.free)?;
        self.allow(core, wanted.allowed)?;
        if self.spare.allowed() > core.options.unsynced_bytes_max.max(wanted.allowed)
            && now >= self.demanded_ns + SHRINK_NS
        {
            self.lower_spare(core, core.options.unsynced_bytes_max)?;
        }
        Ok(())
    }

    /// Sees to it that the spare allows so many unsynced bytes.
    fn allow(&mut self, core: &Core, allowed: u64) -> Result<(), LogError> {
        if present(core).allowed < allowed {
            self.spare.grow(&core.io, allowed)?;
            core.space.update(|room| room.raise_allowed(self.spare.allowed()));
        }
        Ok(())
    }

    /// The disk is too full for what was wanted: does with the least, and if there is not even that,
    /// serves releases from the spare.
    fn provide_less(&mut self, core: &Core, demand: u64, now: u64) -> Result<(), LogError> {
        core.space.update(|room| room.be_modest(demand));
        let wanted = wanted(core);
        match self.provide_or_give_up(core, &wanted, now) {
            Ok(()) => core.space.update(Room::satisfied_for_now),
            Err(LogError::Full { .. }) => {
                let exhausted = !self.provide_release(core, wanted.release)?;
                core.space.update(|room| room.set_disk_full(exhausted));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Gives releases what the disk has, or else blocks of the spare. Whether there is more to come.
    fn provide_release(&mut self, core: &Core, wanted: u64) -> Result<bool, LogError> {
        let free = present(core).free;
        let (unsynced, left) = core.space.look(|room| (room.unsynced(), room.unsynced_left()));
        if wanted <= free.min(left) {
            core.space.update(Room::release_provided);
            return Ok(true);
        }
        // The disk may have room that growth may not have.
        let allowed = self.allow(core, unsynced + wanted);
        match allowed.and_then(|()| self.make_free(core, wanted.max(RELEASE_BYTES))) {
            Ok(()) => {
                core.space.update(Room::release_provided);
                return Ok(true);
            }
            Err(LogError::Full { .. }) if self.give_up_oldest(core)? => {
                return self.provide_release(core, wanted);
            }
            Err(LogError::Full { .. }) => {}
            Err(error) => return Err(error),
        }
        if wanted <= free {
            // It is only unsynced bytes that are too many, or what others hold: they come to be synced.
            return Ok(unsynced > 0 || core.space.outstanding() > 0);
        }
        // The room may have to be all in a new segment, with a header and a CURRENT that names it.
        let wanted = wanted.max(RELEASE_BYTES);
        let bytes = wanted + 4 * BLOCK_BYTES + self.current.encode().len() as u64;
        let Some(allowed) = self.spare.allowed_without(bytes) else { return Ok(false) };
        if !self.lower_spare(core, allowed)? {
            return Ok(true);
        }
        match self.make_free(core, wanted) {
            Ok(()) => {
                core.space.update(Room::release_provided);
                Ok(true)
            }
            Err(LogError::Full { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes so many bytes from the spare, if it can do without them.
    pub(crate) fn cut_spare(&mut self, core: &Core, bytes: u64) -> Result<bool, LogError> {
        let Some(allowed) = self.spare.allowed_without(bytes) else { return Ok(false) };
        self.lower_spare(core, allowed)
    }

    /// Has the spare cover so few unsynced bytes, if there are no more of them.
    fn lower_spare(&mut self, core: &Core, allowed: u64) -> Result<bool, LogError> {
        let lowers = core.space.lower_allowed(allowed);
        if lowers {
            self.spare.shrink(allowed)?;
        }
        Ok(lowers)
    }

    /// Sees to it that the active or the next segment has so many free bytes.
    fn make_free(&mut self, core: &Core, bytes: u64) -> Result<(), LogError> {
        // The writer may go on to the next segment at any time; then it is looked at afresh.
        loop {
            let Present { free, next_free, full, .. } = present(core);
            if free >= bytes {
                return Ok(());
            }
            if next_free.is_some() {
                let next = core.next.lock().clone();
                if let Some(next) = next {
                    grow(core, &next, HEADER_BYTES + bytes)?;
                }
                continue;
            }
            let active = self.live.iter().find(|segment| segment.end().is_none());
            let active = Arc::clone(active.expect("the writer always has a segment"));
            let (written, limit) = (active.written_bytes(), core.options.segment_bytes);
            if !full {
                grow(core, &active, (written + 2 * bytes).min(limit))?;
            } else if written + bytes <= limit {
                grow(core, &active, written + bytes)?;
            }
            let Present { free, next_free, .. } = present(core);
            if free < bytes && next_free.is_none() && active.end().is_none() {
                self.prepare(core, bytes)?;
            }
        }
    }

    /// Prepares the next segment, down to the CURRENT that names it.
    fn prepare(&mut self, core: &Core, free: u64) -> Result<(), LogError> {
        let header = SegmentHeader {
            id: self.current.next_segment,
            database_id: self.current.database_id,
            salt: core.io.entropy.next_u64(),
            after: *core.position.lock(),
        };
        let segment = Segment::create(&core.io, &core.dir, &header, HEADER_BYTES + free)?;
        let segment = Arc::new(segment);
        self.live.push(Arc::clone(&segment));
        let mut next = self.sealed(core);
        next.next_segment += 1;
        next.segments.push(NamedSegment::open(segment.id));
        if let Err(error) = self.publish(core, next) {
            // Only then it is certain that no CURRENT names the file.
            if matches!(error, LogError::Full { .. }) {
                self.live.pop();
                remove_if_there(&*core.io.disk, &segment.path)?;
            }
            return Err(error);
        }
        {
            // Under the lock, so that the writer cannot go on before the room is counted.
            let mut prepared = core.next.lock();
            core.space.update(|room| room.set_next(segment.id, free));
            *prepared = Some(segment);
        }
        let result = self.trim();
        *core.inventory.lock() = self.inventory();
        result
    }

    /// The next CURRENT: as before, with the length of each segment that has become durable whole.
    pub(crate) fn sealed(&self, core: &Core) -> Current {
        let mut clean_below = core.syncing.clean_below();
        if breaks(Broken::SealsEarly) {
            clean_below = u64::MAX;
        }
        let mut next = self.current.clone();
        for segment in self.live.iter().filter(|segment| segment.id < clean_below) {
            for named in next.segments.iter_mut().filter(|named| named.id == segment.id) {
                named.sealed = segment.end();
            }
        }
        next
    }

    pub(crate) fn publish(&mut self, core: &Core, mut next: Current) -> Result<(), LogError> {
        next.generation += 1;
        next.durable = core.durable().0;
        if !breaks(Broken::UsesUnnamedSegments) || next.snapshot != self.current.snapshot {
            replace(&*core.io.disk, &core.dir.join(current::FILE_NAME), &next.encode())?;
        }
        self.current = next;
        Ok(())
    }

    /// [`Self::publish`] for what is beside the log: only a full disk leaves everything as it was, and
    /// whatever else fails is known to nobody yet.
    pub(crate) fn publish_or_poison(&mut self, core: &Core, next: Current) -> Result<(), LogError> {
        match self.publish(core, next) {
            Err(error @ LogError::Full { .. }) => Err(error),
            other => other.map_err(|error| core.poison(error.to_string())),
        }
    }

    /// Frees what sealed segments do not use, and forgets them and those that are named no more.
    pub(crate) fn trim(&mut self) -> Result<(), LogError> {
        let named = &self.current.segments;
        let mut result = Ok(());
        self.live.retain(|segment| {
            let named = named.iter().find(|named| named.id == segment.id);
            let Some(named) = named else { return false };
            let Some(end) = named.sealed else { return true };
            let trimmed = segment.trim(end.length);
            if result.is_ok() {
                result = trimmed;
            }
            false
        });
        result
    }
}

fn wanted(core: &Core) -> Wanted {
    core.space.look(|room| room.wanted(core.space.outstanding()))
}

/// What the disk must have left for what is wanted and for the next snapshot, if anything is to be allocated and it is
/// known how large that will be.
fn needed(core: &Core, wanted: &Wanted) -> Option<u64> {
    let Present { free, allowed, .. } = present(core);
    // Up to twice as much is allocated, and all that is allocated may have to be in the snapshot.
    let ahead = if free < wanted.free { free + 4 * wanted.free } else { 0 };
    let bytes = ahead + wanted.allowed.saturating_sub(allowed);
    let room = core.snapshot_room().filter(|_| bytes > 0)?;
    Some(room.saturating_add(bytes))
}

fn present(core: &Core) -> Present {
    core.space.look(Room::present)
}

fn grow(core: &Core, segment: &Segment, bytes: u64) -> Result<(), LogError> {
    let before = segment.allocated();
    segment.grow(bytes)?;
    core.space.update(|room| room.grew(segment.id, segment.allocated() - before));
    Ok(())
}

impl Core {
    /// One round of upkeep, and what is due next.
    pub(crate) fn maintain(&self) -> Result<Upkeep, LogError> {
        self.condition.check()?;
        let now = self.now_ns();
        let round = self.upkeeper.lock().run(self, now);
        let round = round.map_err(|error| self.poison(error.to_string()))?;
        if round.changed {
            if self.space.stop_waiting() {
                self.subscribers.room();
            }
            self.look_again();
        }
        let idle_ns = self.idle_at_ns();
        if idle_ns.is_some_and(|idle_ns| idle_ns <= now) {
            self.rest();
        }
        let (sync_due, deadline) = self.sync_due(now);
        let idle_ns = self.idle_at_ns().map(|idle_ns| idle_ns.max(now + 1));
        let next_ns = [deadline, round.retry_ns, idle_ns].into_iter().flatten().min();
        Ok(Upkeep { sync_due, next_ns })
    }

    /// When the log counts as idle, if it still is to write its watermark.
    fn idle_at_ns(&self) -> Option<u64> {
        let durable = self.durable();
        let idle = self.buffers.newest() == durable && self.watermark() < durable;
        idle.then(|| self.syncing.ended_ns() + IDLE_NS)
    }
}
