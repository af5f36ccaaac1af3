//! What is known about room on the disk, what limits follow from it, and what upkeep should change.
//!
//! Invariants: the limits are functions of what is known and nothing else; what is wanted grows when
//! somebody had to wait and is the least again when the disk was found full.
//! May not know: who reserves (that is `space.rs`), files.

use crate::error::ReserveError;
use crate::ration::Ration;
use crate::types::Purpose;

/// Free allocated bytes that upkeep keeps ahead of the writer, at first and at most: doubled
/// whenever a reservation had to wait for it.
const HEADROOM_BYTES: u64 = 64 << 10;
const HEADROOM_BYTES_MAX: u64 = 32 << 20;
/// Unsynced bytes that are allowed at first: doubled whenever they alone cause an fsync.
pub(crate) const UNSYNCED_BYTES: u64 = 448 << 10;

/// What should be done about space, apart from the caller's own business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pressure {
    /// Upkeep should allocate.
    pub(crate) room: bool,
    /// An fsync should free unsynced bytes.
    pub(crate) sync: bool,
    /// Somebody waits because the ration is used up.
    pub(crate) rationed: bool,
}

/// What upkeep should bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Free bytes in the active or the next segment.
    pub(crate) free: u64,
    /// Unsynced bytes that the spare should allow.
    pub(crate) allowed: u64,
    /// The part of `free` that a release waits for.
    pub(crate) release: u64,
    /// The largest growth that waits for this.
    pub(crate) growth_demand: u64,
    /// The largest reservation that waits for this.
    pub(crate) demand: u64,
}

/// What upkeep has brought about so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Present {
    /// Free bytes of the next segment, when there is one.
    pub(crate) next_free: Option<u64>,
    /// Free bytes of the active or the next segment, whichever has more.
    pub(crate) free: u64,
    /// Unsynced bytes that the spare allows.
    pub(crate) allowed: u64,
    /// Whether growth is refused because the disk is full.
    pub(crate) full: bool,
}

/// The free part of a segment; ids start at 1, 0 stands for none.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    id: u64,
    free: u64,
}

/// The room of a log, under the lock of its `Space`.
#[derive(Debug)]
pub(crate) struct Room {
    active: Extent,
    next: Extent,
    unsynced: u64,
    /// Unsynced bytes that the spare covers.
    allowed: u64,
    headroom: u64,
    headroom_min: u64,
    headroom_max: u64,
    allowed_target: u64,
    unsynced_max: u64,
    /// Largest reservation of each purpose that was told to wait, until upkeep has seen to it.
    growth_demand: u64,
    release_demand: u64,
    /// Growth by so many bytes and more was found not to fit on the disk.
    unaffordable: u64,
    /// Upkeep could not allocate.
    disk_full: bool,
    /// The writer could not write.
    write_full: bool,
    /// Even the spare has nothing more to give.
    exhausted: bool,
    ration: Ration,
    /// Poisoned, closed or read-only: nothing is granted any more.
    refusing: Option<ReserveError>,
}

impl Room {
    pub(crate) fn new(segment_bytes: u64, unsynced_max: u64) -> Self {
        let headroom = HEADROOM_BYTES.min(segment_bytes / 4);
        Self {
            active: Extent::default(),
            next: Extent::default(),
            unsynced: 0,
            allowed: 0,
            headroom,
            headroom_min: headroom,
            headroom_max: HEADROOM_BYTES_MAX.min(segment_bytes / 2),
            allowed_target: UNSYNCED_BYTES.min(unsynced_max),
            unsynced_max,
            growth_demand: 0,
            release_demand: 0,
            unaffordable: u64::MAX,
            disk_full: false,
            write_full: false,
            exhausted: false,
            ration: Ration::default(),
            refusing: None,
        }
    }

    /// Outstanding bytes fit into one segment: blocks may be of any size.
    pub(crate) fn free(&self) -> u64 {
        self.active.free.max(self.next.free)
    }

    /// Outstanding and unsynced bytes fit into the spare: recovery may have to rewrite them.
    pub(crate) fn unsynced_left(&self) -> u64 {
        self.allowed.saturating_sub(self.unsynced)
    }

    pub(crate) fn unsynced(&self) -> u64 {
        self.unsynced
    }

    fn full(&self) -> bool {
        self.disk_full || self.write_full
    }

    /// Whether growth is refused because of the disk, be it only such by much at once.
    pub(crate) fn refuses_growth(&self) -> bool {
        self.full() || self.unaffordable < u64::MAX
    }

    /// How many bytes may be outstanding, for releases.
    pub(crate) fn release_limit(&self) -> u64 {
        if self.refusing.is_some() { 0 } else { self.free().min(self.unsynced_left()) }
    }

    /// How many bytes may be outstanding, for growth.
    pub(crate) fn growth_limit(&self) -> u64 {
        if self.full() || self.ration.is_used_up() { 0 } else { self.release_limit() }
    }

    /// Whether something should be done, after unsynced bytes have grown.
    pub(crate) fn pressure(&mut self) -> Pressure {
        let sync = self.unsynced > self.allowed / 2;
        if sync && self.allowed_target <= self.allowed {
            self.want_more_unsynced();
        }
        Pressure { room: self.is_short(), sync, rationed: false }
    }

    /// Whether upkeep should allocate.
    pub(crate) fn is_short(&self) -> bool {
        self.free() < self.headroom || self.allowed < self.allowed_target
    }

    fn want_more_unsynced(&mut self) {
        self.allowed_target = (self.allowed_target * 2).min(self.unsynced_max);
    }

    /// Why a reservation does not fit beside what is outstanding; notes what would be needed. Of what
    /// is outstanding, `held` is its own already: it will be given back, and asked for again with
    /// the rest.
    pub(crate) fn refuse(
        &mut self,
        held: u64,
        cost: u64,
        purpose: Purpose,
        outstanding: u64,
    ) -> (ReserveError, Pressure) {
        if let Some(error) = self.refusing {
            return (error, Pressure::default());
        }
        let no_space = match purpose {
            Purpose::Growth => self.full() || held + cost >= self.unaffordable,
            Purpose::Release => self.full() && self.exhausted,
        };
        if no_space {
            return (ReserveError::NoSpace, Pressure { room: true, ..Pressure::default() });
        }
        if purpose == Purpose::Growth && self.ration.is_used_up() {
            return (ReserveError::Wait, Pressure { rationed: true, ..Pressure::default() });
        }
        let needed = outstanding + cost;
        let mut pressure = self.pressure();
        if self.free() < needed {
            self.headroom = (self.headroom * 2).min(self.headroom_max);
            pressure.room = true;
        }
        if self.unsynced_left() < needed {
            self.want_more_unsynced();
            pressure = Pressure { room: true, sync: self.unsynced > 0, ..pressure };
        }
        self.demand(held + cost, purpose);
        (ReserveError::Wait, pressure)
    }

    /// Somebody waits for so many bytes.
    pub(crate) fn demand(&mut self, bytes: u64, purpose: Purpose) {
        let demand = match purpose {
            Purpose::Growth => &mut self.growth_demand,
            Purpose::Release => &mut self.release_demand,
        };
        *demand = bytes.max(*demand);
    }

    /// A block of `bytes` was written into the active segment.
    pub(crate) fn wrote(&mut self, bytes: u64) -> Pressure {
        self.active.free = self.active.free.saturating_sub(bytes);
        self.unsynced += bytes;
        self.ration.wrote(bytes);
        self.write_full = false;
        self.pressure()
    }

    /// So many of the unsynced bytes are durable.
    pub(crate) fn synced(&mut self, bytes: u64) {
        self.unsynced -= bytes;
    }

    /// Whether unsynced bytes alone are reason for an fsync.
    pub(crate) fn sync_pressing(&self) -> bool {
        self.unsynced > self.allowed / 2 || (self.demanded() > 0 && self.unsynced > 0)
    }

    /// Segment `id` is the active one from here on.
    pub(crate) fn set_active(&mut self, id: u64, free: u64) {
        self.active = Extent { id, free };
    }

    /// Segment `id` is the next one from here on.
    pub(crate) fn set_next(&mut self, id: u64, free: u64) {
        self.next = Extent { id, free };
    }

    /// Segment `id` was extended; it may have become active or finished meanwhile.
    pub(crate) fn grew(&mut self, id: u64, bytes: u64) {
        for extent in [&mut self.active, &mut self.next] {
            if extent.id == id {
                extent.free += bytes;
            }
        }
    }

    /// The next segment has become the active one.
    pub(crate) fn switched(&mut self) {
        self.active = std::mem::take(&mut self.next);
    }

    /// The free bytes of the active segment, to be lowered by `Space::lower`.
    pub(crate) fn active_free_mut(&mut self) -> &mut u64 {
        &mut self.active.free
    }

    /// The unsynced bytes that the spare covers, to be lowered by `Space::lower`.
    pub(crate) fn allowed_mut(&mut self) -> &mut u64 {
        &mut self.allowed
    }

    /// The spare has grown: so many unsynced bytes are allowed.
    pub(crate) fn raise_allowed(&mut self, bytes: u64) {
        self.allowed = self.allowed.max(bytes);
    }

    /// What upkeep should bring about.
    pub(crate) fn wanted(&self, outstanding: u64) -> Wanted {
        let beside = |demand: u64, others: u64| if demand == 0 { 0 } else { demand + others };
        Wanted {
            free: self.headroom.max(beside(self.demanded(), outstanding)),
            allowed: self.allowed_target.max(beside(self.demanded(), outstanding + self.unsynced)),
            release: beside(self.release_demand, outstanding),
            growth_demand: self.growth_demand,
            demand: self.demanded(),
        }
    }

    fn demanded(&self) -> u64 {
        self.growth_demand.max(self.release_demand)
    }

    /// What there is.
    pub(crate) fn present(&self) -> Present {
        Present {
            next_free: (self.next.id != 0).then_some(self.next.free),
            free: self.free(),
            allowed: self.allowed,
            full: self.full(),
        }
    }

    /// Upkeep has brought about all that was wanted, but for demands larger than `seen`.
    pub(crate) fn satisfied(&mut self, seen: u64) {
        if self.growth_demand <= seen {
            self.growth_demand = 0;
        }
        if self.release_demand <= seen {
            self.release_demand = 0;
        }
        self.unaffordable = u64::MAX;
        self.satisfied_for_now();
    }

    /// Upkeep has brought about the least.
    pub(crate) fn satisfied_for_now(&mut self) {
        self.disk_full = false;
        self.exhausted = false;
    }

    /// The disk has not enough for what was wanted: wants the least from here on, and refuses growth
    /// as large as `demand` until all is satisfied again.
    pub(crate) fn be_modest(&mut self, demand: u64) {
        self.headroom = self.headroom_min;
        self.allowed_target = UNSYNCED_BYTES.min(self.unsynced_max);
        if demand > 0 {
            self.unaffordable = demand;
            self.growth_demand = 0;
        }
    }

    /// Upkeep found the disk full; `exhausted`: the spare has nothing more to give either.
    pub(crate) fn set_disk_full(&mut self, exhausted: bool) {
        self.disk_full = true;
        self.exhausted = exhausted;
        if exhausted {
            self.release_demand = 0;
        }
    }

    /// Upkeep has made room for the releases that wait.
    pub(crate) fn release_provided(&mut self) {
        self.release_demand = 0;
    }

    /// The writer found the disk full.
    pub(crate) fn set_write_full(&mut self) {
        self.write_full = true;
    }

    /// Growth waits when so many more bytes were written.
    pub(crate) fn ration(&mut self, bytes: u64) {
        self.ration.set(bytes);
    }

    /// So much was written beside the log.
    pub(crate) fn wrote_beside(&mut self, bytes: u64) {
        self.ration.wrote(bytes);
    }

    /// Somebody waits because the ration is used up.
    pub(crate) fn trickle(&mut self, now_ns: u64) {
        self.ration.trickle(now_ns);
    }

    /// Refuses everything from here on.
    pub(crate) fn refuse_all(&mut self, error: ReserveError) {
        self.refusing = Some(error);
    }
}
