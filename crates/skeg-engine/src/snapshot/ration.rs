//! How much the log may grow while a snapshot is taken: so that the files stay below three times what is
//! live, however fast somebody writes.
//!
//! A snapshot is begun early enough for what is written beside it in an ordinary store. Who writes faster
//! than that gets as large a part of what the files may still grow by as is done of the snapshot, and something
//! in advance. So he is slowed down to a pace at which both come to their ends together, and nobody stands
//! still until it is published.
//!
//! Invariants: nobody waits before the least that a snapshot is taken for was written; more is done, never less
//! may be written.
//! May not know: how growth is made to wait.

use super::due::Files;

/// Files are to stay below so many times what is live.
const TIMES_LIVE: u64 = 3;
/// Files that are together no longer than so many times the least log that a snapshot is taken for are small,
/// whatever is live in them.
const TIMES_LEAST: u64 = 16;
/// What is live is known by what it takes in memory: that is too much, by less than this part.
const PART_UNSURE: u64 = 8;
/// Where there is no room for it, this part of what the snapshot writes may be written beside it all the same.
const PART_LEAST: u64 = 8;
/// This part of all may be written in advance.
const PART_ADVANCE: u64 = 4;
/// The snapshot's thread rests until this part of what may be written now is.
const PART_REST: u64 = 2;

/// What may be written beside a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ration {
    /// Bytes, all in all.
    bytes: u64,
    /// Those of them that may be written in advance.
    advance: u64,
    /// Bytes that the snapshot will write, and compaction before it.
    work: u64,
}

impl Ration {
    /// For a snapshot that will write so much, begun with such files, while so much of the log is allocated
    /// ahead. Nobody waits for less than `bytes_min`.
    pub(super) fn new(files: &Files, work: u64, ahead_bytes: u64, bytes_min: u64) -> Self {
        let (used, live) = files.used_and_live();
        let taken = used.saturating_add(work).saturating_add(ahead_bytes);
        let live = live.unwrap_or(work);
        let allowed = (TIMES_LIVE * live).saturating_sub(live / PART_UNSURE);
        let room = allowed.max(TIMES_LEAST * bytes_min).saturating_sub(taken);
        let bytes = room.max(work / PART_LEAST).max(2 * bytes_min);
        Self { bytes, advance: (bytes / PART_ADVANCE).max(bytes_min), work }
    }

    /// Bytes that may have been written beside it when it has written so many.
    pub(super) fn when(&self, done: u64) -> u64 {
        let paced = u128::from(self.bytes - self.advance) * u128::from(done.min(self.work));
        let paced = paced / u128::from(self.work.max(1));
        self.advance + u64::try_from(paced).expect("it is a part of what is left")
    }

    /// And how many before its thread stops resting.
    pub(super) fn rests_until(&self, done: u64) -> u64 {
        self.when(done) / PART_REST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn ration(snapshot: u64, log: u64, live: u64, work: u64) -> Ration {
        let files = Files::new(snapshot * MIB, log * MIB, live * MIB);
        Ration::new(&files, work * MIB, 192 * MIB, 64 * MIB)
    }

    #[test]
    fn the_files_stay_below_three_times_what_is_live() {
        // As large a snapshot, half of it again in the log.
        for gib in [1, 4, 100] {
            let live = gib << 10;
            let ration = ration(live, live / 2, live, live);
            let all = ration.when(live * MIB) / MIB;
            assert_eq!(live + live / 2 + live + all + 192, 3 * live - live / 8);
            assert!(all > live / 6, "{all}");
        }
        // Strings that stay in the log, half of it live; an eighth is stated again.
        let ration = ration(10, 10_250, 4_096, 522);
        assert_eq!(ration.when(522 * MIB) / MIB, 3 * 4_096 - 512 - 10_260 - 522 - 192);
    }

    #[test]
    fn it_comes_with_what_is_done() {
        let ration = ration(4_096, 2_048, 4_096, 4_096);
        let all = 12_288 - 512 - 6_144 - 4_096 - 192;
        assert_eq!(ration.when(0) / MIB, all / 4);
        assert_eq!(ration.when(2_048 * MIB) / MIB, all / 4 + all * 3 / 8);
        assert_eq!(ration.when(4_096 * MIB) / MIB, all);
        assert_eq!(ration.when(u64::MAX) / MIB, all, "a snapshot larger than was expected");
        assert_eq!(ration.rests_until(4_096 * MIB), all * MIB / 2);
    }

    #[test]
    fn there_is_always_something_to_be_had() {
        // A small store, one of which most was removed, and one of which nothing is known.
        let small = 1_024 - 66 - 192;
        assert_eq!(ration(1, 64, 1, 1).when(0), small * MIB / 4);
        assert_eq!(ration(1, 64, 1, 1).when(MIB), small * MIB);
        let removed = ration(8_192, 100, 2_048, 2_048);
        assert_eq!(removed.when(u64::MAX), 256 * MIB);
        let unknown = Ration::new(&Files::default(), 0, 192 * MIB, 64 * MIB);
        assert_eq!((unknown.when(0), unknown.when(5)), (208 * MIB, 208 * MIB));
    }
}
