//! Groups of keys that live and die together: which group a key belongs to, when a group was used last, and
//! which groups have to go.
//!
//! A group is a name: the hash tag of its keys, or what they begin with. What is known of it is the time of
//! its last use, in a table that all shards share: by the hash of the name, in buckets of a cache line, where
//! a new group takes the place of the one that was not used for the longest time. A group that is not in it
//! counts as older than all others. Of the hash there is enough that hardly two groups ever look like one,
//! so that none stays for the sake of another. The table grows with the limit: about one place for each
//! kilobyte of data.
//!
//! Groups go in sweeps. A sweep has an age, chosen for all shards at once; each shard walks once through
//! its entries and removes those whose group has not been used since. When all of them have, there may be
//! another sweep. So of the groups that are in part there, each was older than that one age.
//!
//! Invariants: whether a group has to go depends on its name alone, so that shards agree; without the policy
//! there is no table, and nothing is noted.
//! May not know: shards, latches.

use skeg_io::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use skeg_io::sync::{Mutex, MutexGuard, OnceLock};
use skeg_keyspace::{Stamp, Used};

use crate::router::hash_tag;

/// Groups that there is a place for in a bucket: it is a cache line.
const PLACES: usize = 8;
/// Buckets of the smallest and the largest table, and of the one of a store without a limit, as powers of 2.
const TABLE_BITS_MIN: u32 = 11;
const TABLE_BITS_MAX: u32 = 19;
const TABLE_BITS_UNLIMITED: u32 = 15;
const TABLES: usize = (TABLE_BITS_MAX - TABLE_BITS_MIN + 1) as usize;
/// Bytes of data that there is a bucket for.
const BYTES_PER_BUCKET: u64 = (PLACES as u64) << 10;
/// The highest bits of a hash pick the bucket. A tag is the 32 bits behind those that always do.
const TAG_SHIFT: u32 = u64::BITS - TABLE_BITS_MIN - u32::BITS;
/// How often a place is looked for while others take theirs.
const TRIES: usize = 8;
/// The lowest bits of a hash, which nothing else depends on, are a group's rank among those as old as it is.
const RANK_MASK: u64 = (1 << TAG_SHIFT) - 1;
/// The age that no group has: no rank is so high.
const NOBODY: u64 = u32::MAX as u64;

/// Delimiters that the name of a group may have.
pub(crate) const DEPTH_MAX: u8 = 16;

/// Where the name of a key's group ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// What stands between the parts of a key.
    pub delimiter: u8,
    /// How many parts of a key are the name of its group, 0 to 16; 0: only hash tags make groups.
    pub depth: u8,
}

impl Default for Grouping {
    fn default() -> Self {
        Self { delimiter: b':', depth: 2 }
    }
}

impl Grouping {
    /// The name of the group that `key` belongs to: its hash tag, or its first parts; the whole key when it
    /// has no tag and no more parts than that.
    #[must_use]
    pub fn name(self, key: &[u8]) -> &[u8] {
        let tag = hash_tag(key);
        let Some(before) =
            usize::from(self.depth).checked_sub(1).filter(|_| tag.len() == key.len())
        else {
            return tag;
        };
        let mut ends = key.iter().enumerate().filter(|(_, byte)| **byte == self.delimiter);
        ends.nth(before).map_or(key, |(end, _)| &key[..end])
    }

    fn packed(self) -> u32 {
        u32::from(self.depth) << 8 | u32::from(self.delimiter)
    }

    fn unpacked(packed: u32) -> Self {
        Self { delimiter: packed as u8, depth: (packed >> 8) as u8 }
    }
}

/// A group, by the hash of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyGroup(pub(crate) u64);

impl KeyGroup {
    fn rank(self) -> u32 {
        (self.0 & RANK_MASK) as u32
    }

    fn tag(self) -> u32 {
        (self.0 >> TAG_SHIFT) as u32
    }
}

/// What is known of some groups: the tag of each and the stamp of its last use; 0 where there is none.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Bucket([AtomicU64; PLACES]);

// A modelled atomic is larger.
#[cfg(not(feature = "shuttle"))]
const _: () = assert!(size_of::<Bucket>() == 64);

fn known(tag: u32, stamp: Stamp) -> u64 {
    u64::from(tag) << u32::BITS | u64::from(stamp.bits())
}

fn tag_of(known: u64) -> u32 {
    (known >> u32::BITS) as u32
}

fn stamp_of(known: u64) -> Stamp {
    Stamp::from_bits(known as u32)
}

impl Bucket {
    /// When the group was used last, if that is known.
    fn stamp(&self, group: KeyGroup) -> Stamp {
        let mut known = self.0.iter().map(|place| place.load(Ordering::Acquire));
        let found = known.find(|known| *known != 0 && tag_of(*known) == group.tag());
        found.map_or_else(Stamp::default, stamp_of)
    }

    /// Notes that the group was used; `false` when others took the place each time.
    fn note(&self, tag: u32, stamp: Stamp, now_ms: u64) -> bool {
        let wanted = known(tag, stamp);
        (0..TRIES).any(|_| {
            let mut oldest = (0, &self.0[0], self.0[0].load(Ordering::Relaxed));
            for place in &self.0 {
                let seen = place.load(Ordering::Relaxed);
                let is_it = seen != 0 && tag_of(seen) == tag;
                let idle_ms = stamp_of(seen).idle_ms(now_ms);
                if is_it || idle_ms > oldest.0 {
                    oldest = (idle_ms, place, seen);
                }
                if is_it {
                    break;
                }
            }
            // Many uses in one millisecond are one store.
            let (_, place, seen) = oldest;
            let order = (Ordering::Release, Ordering::Relaxed);
            seen == wanted || place.compare_exchange(seen, wanted, order.0, order.1).is_ok()
        })
    }
}

/// How old a group is, and where it stands among those as old: what orders groups by who goes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age {
    stamp: Stamp,
    rank: u32,
}

impl Age {
    fn order(self, now_ms: u64) -> (u32, u32) {
        (self.stamp.idle_ms(now_ms), self.rank)
    }

    fn packed(self) -> u64 {
        u64::from(self.stamp.bits()) << u32::BITS | u64::from(self.rank)
    }

    fn unpacked(packed: u64) -> Self {
        Self { stamp: Stamp::from_bits((packed >> u32::BITS) as u32), rank: packed as u32 }
    }
}

/// When each group was used last, and which of them have to go.
#[derive(Debug)]
pub(crate) struct Groups {
    grouping: AtomicU32,
    /// Each is twice as large as the one before; one is in use. They are made when they are needed.
    tables: [OnceLock<Box<[Bucket]>>; TABLES],
    table: AtomicU8,
    /// Groups of this age and older go.
    goes: AtomicU64,
    /// The number of the sweep.
    sweep: AtomicU64,
    /// Shards that have not ended it.
    left: AtomicU32,
    /// Held by whoever chooses an age or gives all groups another one.
    choosing: Mutex<()>,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            grouping: AtomicU32::new(Grouping::default().packed()),
            tables: Default::default(),
            table: AtomicU8::new(0),
            goes: AtomicU64::new(NOBODY),
            sweep: AtomicU64::new(0),
            left: AtomicU32::new(0),
            choosing: Mutex::new(()),
        }
    }
}

/// The place of the table for a store that may take so many bytes.
fn table_for(max_bytes: u64) -> u8 {
    let bits = match max_bytes {
        0 => TABLE_BITS_UNLIMITED,
        bytes => u64::BITS - (bytes / BYTES_PER_BUCKET).leading_zeros(),
    };
    (bits.clamp(TABLE_BITS_MIN, TABLE_BITS_MAX) - TABLE_BITS_MIN) as u8
}

impl Groups {
    pub(crate) fn grouping(&self) -> Grouping {
        Grouping::unpacked(self.grouping.load(Ordering::Relaxed))
    }

    /// Says how keys are grouped from now on, and whether groups go; `went`: whether they did before.
    pub(crate) fn set(&self, grouping: Grouping, max_bytes: u64, goes: bool, went: bool) {
        let choosing = self.choosing.lock();
        let before = self.grouping.swap(grouping.packed(), Ordering::Relaxed);
        if !goes || max_bytes == 0 {
            self.goes.store(NOBODY, Ordering::Release);
        }
        if !goes {
            return;
        }
        let (old, wanted) = (self.table.load(Ordering::Relaxed), table_for(max_bytes));
        if went && before == grouping.packed() {
            if wanted > old {
                self.grow(old, wanted);
            }
            return;
        }
        // What is known is not true any more: first nobody goes, then nobody is known.
        self.goes.store(NOBODY, Ordering::Release);
        let place = wanted.max(old);
        let places = self.table_at(place).iter().flat_map(|bucket| &bucket.0);
        places.for_each(|place| place.store(0, Ordering::Release));
        self.table.store(place, Ordering::Release);
        drop(choosing);
    }

    /// Puts a larger table in place, in which everything is known that was.
    fn grow(&self, old: u8, wanted: u8) {
        let old_bits = u32::from(old) + TABLE_BITS_MIN;
        for (number, bucket) in self.table_at(old).iter().enumerate() {
            // Of the hash: what has always picked the bucket, and the tag.
            let highest = (number as u64) >> (old_bits - TABLE_BITS_MIN);
            for known in bucket.0.iter().map(|place| place.load(Ordering::Relaxed)) {
                if known != 0 {
                    let hash = highest << (u64::BITS - TABLE_BITS_MIN)
                        | u64::from(tag_of(known)) << TAG_SHIFT;
                    let bucket = self.bucket_at(wanted, KeyGroup(hash));
                    // Not more come to a bucket than were in one: there is a place that is free.
                    if let Some(free) =
                        bucket.0.iter().find(|place| place.load(Ordering::Relaxed) == 0)
                    {
                        free.store(known, Ordering::Relaxed);
                    }
                }
            }
        }
        self.table.store(wanted, Ordering::Release);
    }

    fn table_at(&self, place: u8) -> &[Bucket] {
        self.tables[usize::from(place)].get_or_init(|| {
            let buckets = 1 << (u32::from(place) + TABLE_BITS_MIN);
            (0..buckets).map(|_| Bucket::default()).collect()
        })
    }

    fn bucket_at(&self, place: u8, group: KeyGroup) -> &Bucket {
        let number = group.0 >> (u64::BITS - TABLE_BITS_MIN - u32::from(place));
        &self.table_at(place)[number as usize]
    }

    fn bucket(&self, group: KeyGroup) -> &Bucket {
        self.bucket_at(self.table.load(Ordering::Acquire), group)
    }

    /// Notes a use of a key of the group.
    pub(crate) fn note_use(&self, group: KeyGroup, now_ms: u64) {
        let stamp = Stamp::default().after(Used::At(now_ms));
        self.bucket(group).note(group.tag(), stamp, now_ms);
    }

    /// How old the group is.
    pub(crate) fn age(&self, group: KeyGroup) -> Age {
        Age { stamp: self.bucket(group).stamp(group), rank: group.rank() }
    }

    /// Whether the group has to go.
    pub(crate) fn goes(&self, group: KeyGroup, now_ms: u64) -> bool {
        // In this order: that a group is not known any more is seen no earlier than that nobody goes.
        let age = self.age(group);
        let goes = Age::unpacked(self.goes.load(Ordering::Relaxed));
        age.order(now_ms) >= goes.order(now_ms)
    }

    /// Whether there is a sweep that takes anything away.
    pub(crate) fn takes_any(&self) -> bool {
        self.goes.load(Ordering::Relaxed) != NOBODY
    }

    /// The number of the last sweep.
    pub(crate) fn sweep(&self) -> u64 {
        self.sweep.load(Ordering::Acquire)
    }

    /// Whether there is a sweep that not all shards have ended.
    pub(crate) fn is_under_way(&self) -> bool {
        self.left.load(Ordering::Acquire) > 0
    }

    /// A shard has ended the sweep.
    pub(crate) fn end_one(&self) {
        self.left.fetch_sub(1, Ordering::AcqRel);
    }

    /// The right to begin a sweep; none while there is one, or when somebody else has it.
    pub(crate) fn choose(&self) -> Option<Choice<'_>> {
        let guard = self.choosing.try_lock()?;
        (!self.is_under_way()).then_some(Choice { groups: self, _guard: guard })
    }
}

/// The right to begin a sweep.
#[derive(Debug)]
pub(crate) struct Choice<'a> {
    groups: &'a Groups,
    _guard: MutexGuard<'a, ()>,
}

impl Choice<'_> {
    /// Begins a sweep that `shards` shards take part in and that takes this share of the keys, of which
    /// `sample` has the ages of some, one at least of these. `false`: there are no keys.
    pub(crate) fn begin(self, mut sample: Vec<Age>, share: f64, shards: u16, now_ms: u64) -> bool {
        let Some(last) = sample.len().checked_sub(1) else { return false };
        let place = ((sample.len() as f64 * share) as usize).min(last);
        sample.sort_unstable_by_key(|age| std::cmp::Reverse(age.order(now_ms)));
        self.groups.goes.store(sample[place].packed(), Ordering::Relaxed);
        self.groups.left.store(shards.into(), Ordering::Relaxed);
        self.groups.sweep.fetch_add(1, Ordering::Release);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;
    const COLON: Grouping = Grouping { delimiter: b':', depth: 2 };

    fn on(max_bytes: u64) -> Groups {
        let groups = Groups::default();
        groups.set(COLON, max_bytes, true, false);
        groups
    }

    fn group(number: u64) -> KeyGroup {
        KeyGroup(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    #[test]
    fn a_group_is_a_tag_or_the_first_parts_of_a_key() {
        let name = |key: &'static str| std::str::from_utf8(COLON.name(key.as_bytes())).unwrap();
        assert_eq!(name("session:42:turn:7"), "session:42");
        assert_eq!(name("session:42"), "session:42");
        assert_eq!(name("session"), "session");
        assert_eq!(name("session:42:"), "session:42");
        assert_eq!(name("::"), ":");
        assert_eq!(name(""), "");
        assert_eq!(name("turn:7:{session:42}:x"), "session:42");
        assert_eq!(name("a:{}:b"), "a:{}");
        let slash = Grouping { delimiter: b'/', depth: 1 };
        assert_eq!(slash.name(b"docs/a/b"), b"docs");
        assert_eq!(slash.name(b"/a"), b"");
        let tags = Grouping { delimiter: b':', depth: 0 };
        assert_eq!(tags.name(b"a:b:c"), b"a:b:c");
        assert_eq!(tags.name(b"a:{b}:c"), b"b");
    }

    #[test]
    fn a_table_has_a_place_for_a_kilobyte_of_the_limit() {
        let places = |max_bytes| 8_u64 << (u32::from(table_for(max_bytes)) + TABLE_BITS_MIN);
        assert_eq!(places(1), 1 << 14);
        assert_eq!(places(0), 1 << 18);
        assert_eq!(places(100 << 20), 1 << 17);
        assert_eq!(places(1 << 40), 1 << 22);
    }

    /// However many groups there were, a group that is used is known, and the others are those used last.
    #[test]
    fn groups_that_come_later_take_the_places_of_the_oldest() {
        let groups = on(1);
        let mut now_ms = NOW_MS;
        for number in 0..200_000 {
            now_ms += 1;
            groups.note_use(group(number), now_ms);
            groups.note_use(group(number % 100), now_ms);
        }
        let idle_ms = |number| groups.age(group(number)).stamp.idle_ms(now_ms);
        assert!((0..100).all(|number| idle_ms(number) < 100));
        let last = (195_000..200_000).filter(|number| idle_ms(*number) < 5_000).count();
        assert!(last > 4_900, "{last} of the last 5,000 are known");
        let first = (100..100_000).filter(|number| idle_ms(*number) < u32::MAX).count();
        assert_eq!(first, 0, "and nobody looks fresh for the sake of another");
    }

    #[test]
    fn the_oldest_share_goes_and_no_other() {
        let groups = on(0);
        for number in 0..1_000 {
            groups.note_use(group(number), NOW_MS + number);
        }
        let now_ms = NOW_MS + 2_000;
        let ages = || (0..1_000).map(|number| groups.age(group(number))).collect::<Vec<_>>();
        assert!(!(0..1_000).any(|number| groups.goes(group(number), now_ms)));
        assert!(groups.choose().unwrap().begin(ages(), 0.1, 2, now_ms));
        // The hundred oldest, and the one at the edge.
        let goes = |number: &u64| groups.goes(group(*number), now_ms);
        assert_eq!((0..1_000).filter(goes).collect::<Vec<_>>(), (0..=100).collect::<Vec<_>>());
        // A use saves a group, and time condemns nobody else.
        groups.note_use(group(7), now_ms);
        assert!(!goes(&7) && goes(&8));
        let later_ms = now_ms + 1_000_000;
        assert!(!groups.goes(group(7), later_ms) && !groups.goes(group(101), later_ms));
        // There is one sweep at a time.
        assert!(groups.choose().is_none());
        groups.end_one();
        assert!(groups.choose().is_none());
        groups.end_one();
        assert!(groups.choose().is_some_and(|choice| !choice.begin(Vec::new(), 0.1, 2, now_ms)));
        assert!(groups.choose().is_some());
    }

    #[test]
    fn of_groups_that_are_equally_old_a_share_goes() {
        let groups = on(0);
        let ages = (0..1_000).map(|number| groups.age(group(number))).collect();
        assert!(groups.choose().unwrap().begin(ages, 0.1, 1, NOW_MS));
        let count = (0..10_000).filter(|number| groups.goes(group(*number), NOW_MS)).count();
        assert!((500..2_000).contains(&count), "{count} of 10,000 that nobody used");
    }

    #[test]
    fn a_larger_table_knows_what_the_smaller_one_did() {
        let groups = on(1 << 20);
        for number in 0..10_000 {
            groups.note_use(group(number), NOW_MS - number);
        }
        let before: Vec<u64> = (0..10_000).map(|it| groups.age(group(it)).packed()).collect();
        groups.set(COLON, 1 << 30, true, true);
        let after: Vec<u64> = (0..10_000).map(|it| groups.age(group(it)).packed()).collect();
        assert_eq!(before, after);
    }

    #[test]
    fn another_grouping_forgets_who_was_old_and_who_has_to_go() {
        let groups = on(1 << 20);
        (0..100).for_each(|number| groups.note_use(group(number), NOW_MS + number));
        let ages = (0..100).map(|number| groups.age(group(number))).collect();
        assert!(groups.choose().unwrap().begin(ages, 0.5, 1, NOW_MS + 200));
        assert!(groups.takes_any() && groups.goes(group(0), NOW_MS + 200));
        groups.set(Grouping { depth: 1, ..COLON }, 1 << 20, true, true);
        assert!(!groups.takes_any());
        assert!(!(0..100).any(|number| groups.goes(group(number), NOW_MS + 200)));
        assert!(groups.age(group(99)).stamp.is_unknown());
        assert_eq!(groups.grouping().depth, 1);
    }
}
