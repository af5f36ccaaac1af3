//! Walks over the table: cursors and random picks.
//!
//! A cursor is a position: everything before it has been shown. Because the table is in hash
//! order, however it is cut into buckets, an entry that stays is passed exactly when the walk
//! passes its position, whatever grows, shrinks, splits or merges in between.

use super::bucket::SLOTS;
use super::segment::{BUCKETS_MAX, POSITION_BITS, position};
use super::{Hashes, Table};

/// How many buckets a scan looks at for each entry that it is asked for.
const BUCKETS_PER_ENTRY_MAX: usize = 10;

/// How many slots a random pick tries before it takes the first entry from some position on.
const TRIES_MAX: usize = 128;

/// The next number of a sequence that starts anywhere (SplitMix64).
fn next_draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Which of `count` things a draw picks.
fn pick(draw: u32, count: usize) -> usize {
    ((u64::from(draw) * count as u64) >> 32) as usize
}

impl Table {
    /// Shows the entries from `cursor` on, whole buckets, until `count` were shown or many
    /// buckets were looked at. Returns the cursor to go on from, 0 at the end.
    pub(crate) fn scan(
        &self,
        cursor: u64,
        count: usize,
        hashes: &impl Hashes,
        mut visit: impl FnMut(u32),
    ) -> u64 {
        let mut at = cursor;
        let mut shown = 0;
        let mut buckets_left = count.max(1).saturating_mul(BUCKETS_PER_ENTRY_MAX);
        while at < 1 << POSITION_BITS {
            if shown >= count.max(1) || buckets_left == 0 {
                return at;
            }
            let segment = &self.segments[self.directory.segment_of(at)];
            let home = segment.home(at);
            segment.visit_home(home, &|handle| position(hashes.hash_of(handle)), &mut |handle| {
                shown += 1;
                visit(handle);
            });
            at = segment.start_of(home + 1);
            buckets_left -= 1;
        }
        0
    }

    /// An entry picked by `draw`, every one as likely as any other.
    pub(crate) fn random(&self, draw: u64, hashes: &impl Hashes) -> Option<u32> {
        if self.len() == 0 {
            return None;
        }
        let mut state = draw;
        let buckets = match &self.segments[..] {
            [only] => only.bucket_count(),
            _ => BUCKETS_MAX,
        };
        for _ in 0..TRIES_MAX {
            let draw = next_draw(&mut state);
            let segment = &self.segments[pick((draw >> 32) as u32, self.segments.len())];
            let slot = pick(draw as u32, buckets * SLOTS);
            if slot < segment.bucket_count() * SLOTS {
                let bucket = segment.bucket(slot / SLOTS);
                if bucket.tag(slot % SLOTS) != 0 {
                    return Some(bucket.handle(slot % SLOTS));
                }
            }
        }
        let mut found = None;
        let mut cursor = position(next_draw(&mut state));
        while found.is_none() {
            cursor = self.scan(cursor, 1, hashes, |handle| found = Some(handle));
        }
        found
    }
}
