//! A run of buckets that covers one interval of the hash space, in hash order.
//!
//! The upper 48 bits of a hash are its *position*, the low 8 its tag. A segment of depth `d`
//! covers the positions that begin with its `d`-bit prefix and divides them evenly among its
//! buckets, whose number need not be a power of two. Positions therefore grow with the buckets,
//! and doubling the buckets, or the segments, halves every bucket's interval exactly.
//!
//! Where an entry finds no room within reach of its home although half the slots are empty (that
//! takes hashes that are no hashes), it goes into the segment's overflow list.
//!
//! May not know: keys, other segments.

#[cfg(test)]
use super::Hashes;
use super::bucket::{Bucket, REACH, SLOTS};

/// Bits of a position.
pub(super) const POSITION_BITS: u32 = 48;
const POSITION_MASK: u64 = (1 << POSITION_BITS) - 1;

/// The most buckets of a segment: 4 KiB.
pub(super) const BUCKETS_MAX: usize = 64;

/// Segments grow through these sizes, two to a doubling: full enough, and not rebuilt too often.
const SIZES: [usize; 12] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, BUCKETS_MAX];

#[inline]
pub(super) fn position(hash: u64) -> u64 {
    hash >> (u64::BITS - POSITION_BITS)
}

#[inline]
pub(super) fn tag(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// How many entries a segment of `buckets` takes before it grows.
pub(super) fn entries_max(buckets: usize) -> usize {
    buckets * SLOTS * 7 / 8
}

/// The size for `entries` with room for a quarter more, as far as there is one.
pub(super) fn buckets_for(entries: usize) -> usize {
    let wanted = entries + entries / 4;
    SIZES.into_iter().find(|buckets| entries_max(*buckets) >= wanted).unwrap_or(BUCKETS_MAX)
}

/// The next larger size.
pub(super) fn buckets_after(buckets: usize) -> Option<usize> {
    SIZES.into_iter().find(|larger| *larger > buckets)
}

/// Where in a segment an entry lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Slot { bucket: usize, slot: usize },
    Overflow { index: usize },
}

#[derive(Debug)]
pub(super) struct Segment {
    buckets: Box<[Bucket]>,
    #[expect(clippy::box_collection, reason = "hardly ever there; small segments move quickly")]
    overflow: Option<Box<Vec<u32>>>,
    prefix: u32,
    in_slots: u16,
    depth: u8,
}

impl Segment {
    pub(super) fn new(prefix: u32, depth: u32, buckets: usize) -> Self {
        debug_assert!(buckets <= BUCKETS_MAX && depth <= u32::BITS, "the bounds of a segment");
        Self {
            buckets: vec![Bucket::empty(0); buckets].into_boxed_slice(),
            overflow: None,
            prefix,
            in_slots: 0,
            depth: depth as u8,
        }
    }

    pub(super) fn prefix(&self) -> u32 {
        self.prefix
    }

    pub(super) fn depth(&self) -> u32 {
        u32::from(self.depth)
    }

    pub(super) fn bucket_count(&self) -> usize {
        self.buckets.len()
    }

    pub(super) fn bucket(&self, index: usize) -> &Bucket {
        &self.buckets[index]
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        usize::from(self.in_slots) + self.overflow().len()
    }

    pub(super) fn in_slots(&self) -> usize {
        usize::from(self.in_slots)
    }

    fn overflow(&self) -> &[u32] {
        self.overflow.as_deref().map_or(&[], Vec::as_slice)
    }

    /// The bytes that the segment holds beside itself.
    pub(super) fn memory_bytes(&self) -> usize {
        let overflow = self
            .overflow
            .as_ref()
            .map_or(0, |overflow| size_of::<Vec<u32>>() + overflow.capacity() * size_of::<u32>());
        size_of_val(&*self.buckets) + overflow
    }

    /// The bucket where entries of `position` are at home.
    #[inline]
    pub(super) fn home(&self, position: u64) -> usize {
        let within = (position << self.depth) & POSITION_MASK;
        ((within * self.buckets.len() as u64) >> POSITION_BITS) as usize
    }

    /// The first position that is at home in `bucket`; of the bucket behind the last: the first
    /// one behind the segment.
    pub(super) fn start_of(&self, bucket: usize) -> u64 {
        let within = ((bucket as u64) << POSITION_BITS).div_ceil(self.buckets.len() as u64);
        let start = u64::from(self.prefix) << (POSITION_BITS - self.depth());
        start + within.div_ceil(1 << self.depth)
    }

    /// What `find` will read first.
    #[inline]
    pub(super) fn bucket_hint(&self, position: u64) -> &u64 {
        self.buckets[self.home(position)].start()
    }

    /// The entry that `find` will look at first.
    #[inline]
    pub(super) fn candidate(&self, position: u64, tag: u8) -> Option<u32> {
        let bucket = &self.buckets[self.home(position)];
        bucket.matching(tag).next().map(|slot| bucket.handle(slot))
    }

    #[inline]
    pub(super) fn find(
        &self,
        position: u64,
        tag: u8,
        is: &mut impl FnMut(u32) -> bool,
    ) -> Option<(Place, u32)> {
        let home = self.home(position);
        let bucket = &self.buckets[home];
        for slot in bucket.matching(tag) {
            let handle = bucket.handle(slot);
            if is(handle) {
                return Some((Place::Slot { bucket: home, slot }, handle));
            }
        }
        if bucket.spilled() == 0 {
            return None;
        }
        self.find_spilled(home, tag, is)
    }

    #[inline(never)]
    fn find_spilled(
        &self,
        home: usize,
        tag: u8,
        is: &mut dyn FnMut(u32) -> bool,
    ) -> Option<(Place, u32)> {
        for (distance, index) in self.reach(home).enumerate().skip(1) {
            let bucket = &self.buckets[index];
            for slot in bucket.matching(tag) {
                let handle = bucket.handle(slot);
                if bucket.distance(slot) == distance && is(handle) {
                    return Some((Place::Slot { bucket: index, slot }, handle));
                }
            }
        }
        let index = self.overflow().iter().position(|handle| is(*handle))?;
        Some((Place::Overflow { index }, self.overflow()[index]))
    }

    /// The buckets that an entry at home in `home` may live in, home first.
    fn reach(&self, home: usize) -> impl Iterator<Item = usize> + use<> {
        let count = self.buckets.len();
        (0..REACH.min(count)).map(move |distance| {
            let index = home + distance;
            if index < count { index } else { index - count }
        })
    }

    /// Puts an entry into a slot within reach of its home; says whether there was one.
    pub(super) fn put(&mut self, position: u64, tag: u8, handle: u32) -> bool {
        let home = self.home(position);
        for (distance, index) in self.reach(home).enumerate() {
            if let Some(slot) = self.buckets[index].matching(0).next() {
                self.buckets[index].put(slot, tag, distance, handle);
                if distance > 0 {
                    self.buckets[home].note_spilled();
                }
                self.in_slots += 1;
                return true;
            }
        }
        false
    }

    /// Puts an entry into the overflow list.
    pub(super) fn put_over(&mut self, position: u64, handle: u32) {
        let home = self.home(position);
        self.buckets[home].note_spilled();
        self.overflow.get_or_insert_default().push(handle);
    }

    /// Puts an entry into a slot within reach or into the overflow list.
    pub(super) fn adopt(&mut self, hash: u64, handle: u32) {
        if !self.put(position(hash), tag(hash), handle) {
            self.put_over(position(hash), handle);
        }
    }

    pub(super) fn set_handle(&mut self, place: Place, handle: u32) {
        match place {
            Place::Slot { bucket, slot } => self.buckets[bucket].set_handle(slot, handle),
            Place::Overflow { index } => {
                let overflow = self.overflow.as_mut().expect("the place is there");
                overflow[index] = handle;
            }
        }
    }

    /// Takes out the entry at `place`, whose position is `position`.
    pub(super) fn take(&mut self, place: Place, position: u64) {
        let home = self.home(position);
        match place {
            Place::Slot { bucket, slot } => {
                self.buckets[bucket].take(slot);
                self.in_slots -= 1;
                if bucket != home {
                    self.buckets[home].forget_spilled();
                }
            }
            Place::Overflow { index } => {
                let overflow = self.overflow.as_mut().expect("the place is there");
                overflow.swap_remove(index);
                if overflow.is_empty() {
                    self.overflow = None;
                }
                self.buckets[home].forget_spilled();
            }
        }
    }

    /// All entries.
    pub(super) fn handles(&self) -> impl Iterator<Item = u32> {
        let in_slots = self
            .buckets
            .iter()
            .flat_map(|bucket| bucket.occupied().map(|slot| bucket.handle(slot)));
        in_slots.chain(self.overflow().iter().copied())
    }

    /// Shows the entries that are at home in `home`; `position_of` tells where one belongs.
    pub(super) fn visit_home(
        &self,
        home: usize,
        position_of: &impl Fn(u32) -> u64,
        visit: &mut impl FnMut(u32),
    ) {
        for (distance, index) in self.reach(home).enumerate() {
            let bucket = &self.buckets[index];
            bucket
                .occupied()
                .filter(|slot| bucket.distance(*slot) == distance)
                .for_each(|slot| visit(bucket.handle(slot)));
            if self.buckets[home].spilled() == 0 {
                return;
            }
        }
        let over = self.overflow().iter().filter(|handle| self.home(position_of(**handle)) == home);
        over.for_each(|handle| visit(*handle));
    }

    /// The version of all buckets, if they have the same.
    pub(super) fn version(&self) -> Option<u32> {
        let first = self.buckets[0].version;
        self.buckets.iter().all(|bucket| bucket.version == first).then_some(first)
    }

    /// Gives each bucket the version of the bucket of `from` that covers it.
    pub(super) fn inherit_versions(&mut self, from: &Self) {
        for index in 0..self.buckets.len() {
            self.buckets[index].version = from.buckets[from.home(self.start_of(index))].version;
        }
    }

    pub(super) fn set_version(&mut self, bucket: usize, version: u32) {
        self.buckets[bucket].version = version;
    }

    /// Recounts everything; returns how many entries live away from home.
    #[cfg(test)]
    pub(super) fn check(&self, hashes: &impl Hashes) -> usize {
        let mut spilled = vec![0_usize; self.buckets.len()];
        let mut in_slots = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            for slot in bucket.occupied() {
                let hash = hashes.hash_of(bucket.handle(slot));
                let home = self.home(position(hash));
                let distance = (index + self.buckets.len() - home) % self.buckets.len();
                assert_eq!(bucket.distance(slot), distance);
                assert_eq!(bucket.tag(slot), tag(hash));
                spilled[home] += usize::from(distance > 0);
                in_slots += 1;
            }
        }
        for handle in self.overflow() {
            spilled[self.home(position(hashes.hash_of(*handle)))] += 1;
        }
        assert_eq!(in_slots, self.in_slots());
        for (bucket, spilled) in self.buckets.iter().zip(&spilled) {
            let stuck = bucket.spilled() == u8::MAX;
            assert!(stuck || usize::from(bucket.spilled()) == *spilled);
        }
        for handle in self.handles() {
            let at = position(hashes.hash_of(handle));
            let home = self.home(at);
            assert!(self.start_of(home) <= at && at < self.start_of(home + 1));
        }
        spilled.iter().sum()
    }
}
