//! When a snapshot is due by itself: when the log behind the last one has grown, and when too much of the
//! files is dead, which removals alone may bring about.
//!
//! Home threads note what each shard keeps. Whatever else is in the files is dead: overwritten or removed, in
//! the log or in the last snapshot. A snapshot leaves some of that (segments that are half live stay, and
//! compaction is bounded), so what is dead is compared with what the last one left.
//!
//! Invariant: where nothing is written or removed, snapshots become due only as long as each makes the files
//! smaller.
//! May not know: how one is taken.

use skeg_io::sync::atomic::{AtomicU64, Ordering};
use skeg_log::Log;

use crate::shard::Shard;

/// A snapshot is due when the log behind the last one is this part of it. So the last one, the log and
/// the next one are less than three times what is live.
const PART_BEHIND: u64 = 2;
/// Or when this part of what is live has died since the last one.
const PART_DEAD: u64 = 2;
/// The same parts on a full disk, and the least that is worth one there.
const PART_FULL: u64 = 16;
const FULL_BYTES_MIN: u64 = 1 << 20;
/// What a snapshot leaves dead is no more than what is live, if it has freed this part of it, or on a full disk
/// anything.
const PART_FREED: u64 = 8;
/// What a snapshot has beside the entries: this part of them, rather too much than too little.
const PART_OVERHEAD: u64 = 16;
/// A shard that nobody has looked at yet.
const UNKNOWN: u64 = u64::MAX;

/// What each shard keeps, when it was last looked at.
#[derive(Debug)]
pub(crate) struct Live(Vec<Kept>);

#[derive(Debug)]
struct Kept {
    /// Bytes that a snapshot would have of it, about.
    inline: AtomicU64,
    /// Bytes of strings that stay in the log.
    logged: AtomicU64,
}

impl Live {
    pub(crate) fn new(shards: u16) -> Self {
        let kept = || Kept { inline: AtomicU64::new(UNKNOWN), logged: AtomicU64::new(0) };
        Self((0..shards).map(|_| kept()).collect())
    }

    /// Looks at a shard.
    pub(crate) fn note(&self, shard: &Shard) {
        let kept = &self.0[usize::from(shard.id().0)];
        let logged = shard.homes().map(|(_, kept)| kept.bytes).sum();
        kept.logged.store(logged, Ordering::Relaxed);
        kept.inline.store(shard.inline_bytes(), Ordering::Relaxed);
    }

    /// About how many bytes a snapshot would have; `None` as long as not all shards were looked at.
    pub(super) fn snapshot_bytes(&self) -> Option<u64> {
        let inline = self.inline_bytes()?;
        Some(inline + inline / PART_OVERHEAD)
    }

    fn inline_bytes(&self) -> Option<u64> {
        let of_each = self.0.iter().map(|kept| kept.inline.load(Ordering::Relaxed));
        of_each.map(|bytes| (bytes != UNKNOWN).then_some(bytes)).sum()
    }

    /// All that is live; `None` as before.
    fn bytes(&self) -> Option<u64> {
        Some(self.inline_bytes()? + self.logged_bytes())
    }

    /// Bytes of strings that stay in the log.
    pub(super) fn logged_bytes(&self) -> u64 {
        self.0.iter().map(|kept| kept.logged.load(Ordering::Relaxed)).sum()
    }
}

/// Bytes of the files, and what of them is of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    /// The last snapshot.
    snapshot: u64,
    /// The log behind it.
    behind: u64,
    /// All segments of the log, up to their last blocks.
    log: u64,
    /// What is live, if that is known.
    live: Option<u64>,
    /// Growth is refused because the disk has no room for it.
    full: bool,
}

impl Files {
    pub(super) fn of(log: &Log, live: &Live) -> Self {
        let status = log.status();
        Self {
            snapshot: status.snapshot.map_or(0, |snapshot| snapshot.bytes),
            behind: status.behind_bytes,
            // What is there for older snapshots goes with them, not with the next one.
            log: status.bytes - status.older_bytes,
            live: live.bytes(),
            full: status.refuses_growth,
        }
    }

    /// Bytes that an open would load and replay.
    pub(super) fn replayed(&self) -> u64 {
        self.snapshot + self.behind
    }

    /// Bytes that the log behind the last snapshot has grown by since.
    pub(super) fn behind_since(&self, log: &Log) -> u64 {
        log.behind_bytes().0.saturating_sub(self.behind)
    }

    /// Bytes of all files, and of what is live if that is known.
    pub(super) fn used_and_live(&self) -> (u64, Option<u64>) {
        (self.snapshot + self.log, self.live)
    }

    fn dead(&self, live: u64) -> u64 {
        (self.snapshot + self.log).saturating_sub(live)
    }

    /// Whether a snapshot is due, when the last one has left so much that was dead. None is for less than
    /// `bytes_min`.
    pub(super) fn are_due(&self, left: Option<u64>, bytes_min: u64) -> bool {
        // Where the disk is full, nothing grows before there is space again.
        let (part_behind, part_dead, bytes_min) = match self.full {
            true => (PART_FULL, PART_FULL, bytes_min.min(FULL_BYTES_MIN)),
            false => (PART_BEHIND, PART_DEAD, bytes_min),
        };
        if self.behind > (self.snapshot / part_behind).max(bytes_min) {
            return true;
        }
        let Some(live) = self.live else { return false };
        let died = self.dead(live).saturating_sub(left.unwrap_or(live));
        died > (live / part_dead).max(bytes_min)
    }

    /// What the next snapshot need not try to free, because this one, begun when the files were as `before`,
    /// has not; `None` when nothing can be said.
    pub(super) fn left(&self, before: &Self) -> Option<u64> {
        let (live, live_before) = (self.live?, before.live?);
        // What was removed since it began is the next one's: a record of some bytes may have removed everything.
        let removed = live_before.saturating_sub(live);
        let dead = self.dead(live).saturating_sub(removed);
        // On a full disk each is bounded by the room there is, and the next one may do better. Otherwise all that
        // was written meanwhile may have made something dead that was not when it began.
        let (least, died) = if before.full { (0, 0) } else { (live / PART_FREED, self.behind) };
        let has_freed = dead + least < before.dead(live_before) + died;
        Some(if has_freed { dead.min(live) } else { dead })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: u64 = 10;

    impl Files {
        /// Such a snapshot, such a log behind it, and so much that is live.
        pub(in crate::snapshot) fn new(snapshot: u64, log: u64, live: u64) -> Self {
            Self { snapshot, behind: log, log, live: Some(live), full: false }
        }
    }

    fn files(snapshot: u64, behind: u64, log: u64, live: u64) -> Files {
        Files { snapshot, behind, log, live: Some(live), full: false }
    }

    #[test]
    fn a_snapshot_is_due_when_the_log_behind_the_last_one_is_half_as_large() {
        let due =
            |snapshot, behind| files(snapshot, behind, behind, 1_000_000).are_due(Some(0), MIN);
        assert!(!due(0, 10) && due(0, 11), "the least");
        assert!(!due(1_000, 500) && due(1_000, 501));
    }

    #[test]
    fn a_snapshot_is_due_when_much_was_removed() {
        // A snapshot of 1,000, and a log that says only what was removed.
        let due = |live, left| files(1_000, 30, 30, live).are_due(left, MIN);
        assert!(!due(1_000, Some(0)) && !due(690, Some(0)) && due(680, Some(0)));
        assert!(!due(680, Some(10)), "the last one has left as much");
        assert!(!due(420, None) && due(400, None), "nobody knows what the last one has left");
        assert!(!due(0, Some(1_025)), "less than the least");
        assert!(!Files { live: None, ..files(1_000, 30, 30, 0) }.are_due(Some(0), MIN));
    }

    #[test]
    fn on_a_full_disk_one_is_due_earlier() {
        let due = |behind, full| {
            Files { full, ..files(1_600, behind, behind, 1_600) }.are_due(Some(0), MIN)
        };
        assert!(!due(100, true) && due(101, true) && !due(101, false));
    }

    #[test]
    fn on_a_full_disk_little_is_enough_to_go_on() {
        let before = Files { full: true, ..files(0, 0, 300 << 20, 100 << 20) };
        let after = files(0, 0, 299 << 20, 100 << 20);
        assert_eq!(after.left(&before), Some(100 << 20));
        assert_eq!(after.left(&Files { full: false, ..before }), Some(199 << 20));
    }

    #[test]
    fn the_next_one_goes_on_only_where_one_has_freed_something() {
        let before = files(100, 10, 5_000, 1_000);
        // Half of what is dead is gone: there is more to be had.
        let halved = files(100, 10, 2_900, 1_000);
        assert_eq!(halved.left(&before), Some(1_000));
        assert!(halved.are_due(halved.left(&before), MIN));
        // Nothing went: it is not tried again before more has died.
        assert_eq!(before.left(&before), Some(4_100));
        assert!(!before.are_due(before.left(&before), MIN));
        // As much has died meanwhile as was freed.
        let overwritten = files(100, 1_000, 5_000, 1_000);
        assert_eq!(overwritten.left(&before), Some(1_000));
        // As good as it gets.
        let clean = files(100, 10, 1_200, 1_000);
        assert_eq!(clean.left(&before), Some(300));
        assert!(!clean.are_due(clean.left(&before), MIN));
        assert_eq!(clean.left(&Files { live: None, ..before }), None);
    }

    #[test]
    fn what_was_removed_while_one_was_taken_is_left_to_the_next_one() {
        for full in [false, true] {
            let before = Files { full, ..files(100, 10, 5_000, 4_900) };
            let flushed = Files { full, ..files(100, 11, 5_000, 0) };
            assert!(flushed.left(&before) <= Some(200), "what was dead before");
            assert!(flushed.are_due(flushed.left(&before), MIN));
        }
    }
}
