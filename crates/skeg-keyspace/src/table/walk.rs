//! The walk of a snapshot: every entry that is there when it starts is shown exactly once, as it was then.
//!
//! A bucket that was shown has the version of the walk. Whoever is about to change an entry has its
//! bucket shown first ([`Table::show_unshown`]); the walk itself goes through the table in hash order
//! and leaves out what was shown. Buckets inherit versions when they are split, and are merged only
//! when their versions are equal, so the entries that are at home in a bucket were shown together or
//! not at all, however the table grows meanwhile.

use super::segment::{POSITION_BITS, position};
use super::{Hashes, Table};

/// How much of a budget a bucket takes, whatever is in it.
const BUCKET_COST: usize = 16;

impl Table {
    /// Shows the entries from `cursor` on that `version` has not shown, whole buckets, until what
    /// `visit` says they cost reaches `budget`. Returns the cursor to go on from, 0 at the end.
    pub(crate) fn walk(
        &mut self,
        cursor: u64,
        version: u32,
        budget: usize,
        hashes: &impl Hashes,
        mut visit: impl FnMut(u32) -> usize,
    ) -> u64 {
        let mut at = cursor;
        let mut spent = 0;
        while at < 1 << POSITION_BITS {
            if spent >= budget {
                return at;
            }
            let number = self.directory.segment_of(at);
            let home = self.segments[number].home(at);
            spent += BUCKET_COST;
            self.show(number, home, version, hashes, &mut |handle| spent += visit(handle));
            at = self.segments[number].start_of(home + 1);
        }
        0
    }

    /// Shows the entries that are at home where `hash` is, unless `version` has shown them.
    #[inline]
    pub(crate) fn show_unshown(
        &mut self,
        hash: u64,
        version: u32,
        hashes: &impl Hashes,
        mut visit: impl FnMut(u32),
    ) {
        let position = position(hash);
        let number = self.directory.segment_of(position);
        let home = self.segments[number].home(position);
        self.show(number, home, version, hashes, &mut visit);
    }

    fn show(
        &mut self,
        number: usize,
        home: usize,
        version: u32,
        hashes: &impl Hashes,
        visit: &mut impl FnMut(u32),
    ) {
        let segment = &mut self.segments[number];
        if segment.bucket(home).version != version {
            segment.visit_home(home, &|handle| position(hashes.hash_of(handle)), visit);
            segment.set_version(home, version);
        }
    }
}
