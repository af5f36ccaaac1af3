//! An extendible hash table of `u32` handles in hash order.
//!
//! A directory leads from the first bits of a hash to a segment, the next bits to a bucket, a
//! cache line. One segment is rebuilt at a time, so no operation takes longer than rehashing
//! some hundred entries, apart from doubling the directory, which copies four bytes a segment.
//! The table stores no hashes and no keys: it asks for them.
//!
//! Invariants:
//! - an entry's hash never changes ([`Hashes`] always answers the same);
//! - a bucket is split into exact halves while versions differ, so that each bucket descends
//!   from one bucket; segments shrink and merge only where all versions are equal;
//! - numbers of segments are dense.
//!
//! May not know: keys, values, cells.

mod bucket;
mod directory;
mod scan;
mod segment;
mod walk;

use std::hint::black_box;

use bucket::SLOTS;
use directory::Directory;
use segment::{
    BUCKETS_MAX, POSITION_BITS, Place, Segment, buckets_after, buckets_for, entries_max, position,
    tag,
};

/// Two neighbours that hold no more entries than this are merged.
const MERGED_ENTRIES_MAX: usize = 256;

/// What the table asks about the entries behind its handles.
pub(crate) trait Hashes {
    /// The hash of the entry's key.
    fn hash_of(&self, handle: u32) -> u64;

    /// Reads what `hash_of` will read, and answers anything.
    fn touch(&self, handle: u32) -> u8;
}

/// Entries with their hashes. All are touched first, by loads that nothing waits for: so the
/// cache misses overlap, and a segment is rebuilt several times faster.
fn hashed(handles: impl Iterator<Item = u32>, hashes: &impl Hashes) -> Vec<(u64, u32)> {
    let handles: Vec<u32> = handles.collect();
    black_box(handles.iter().fold(0, |all, handle| all ^ hashes.touch(*handle)));
    handles.into_iter().map(|handle| (hashes.hash_of(handle), handle)).collect()
}

/// Where an entry is found; valid until the table changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    segment: usize,
    place: Place,
}

#[derive(Debug)]
pub(crate) struct Table {
    directory: Directory,
    segments: Vec<Segment>,
    len: usize,
    /// The bytes that the segments hold beside themselves.
    segment_bytes: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        let first = Segment::new(0, 0, 1);
        let segment_bytes = first.memory_bytes();
        Self { directory: Directory::new(), segments: vec![first], len: 0, segment_bytes }
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The bytes of directory, segments and buckets.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.directory.memory_bytes()
            + self.segments.capacity() * size_of::<Segment>()
            + self.segment_bytes
    }

    /// The entry of `hash` that `is` says yes to.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<(Spot, u32)> {
        let position = position(hash);
        let segment = self.directory.segment_of(position);
        let (place, handle) = self.segments[segment].find(position, tag(hash), &mut is)?;
        Some((Spot { segment, place }, handle))
    }

    /// What `find` will read first.
    #[inline]
    pub(crate) fn bucket_hint(&self, hash: u64) -> &u64 {
        let position = position(hash);
        self.segments[self.directory.segment_of(position)].bucket_hint(position)
    }

    /// The entry that `find` will look at first.
    #[inline]
    pub(crate) fn candidate(&self, hash: u64) -> Option<u32> {
        let position = position(hash);
        self.segments[self.directory.segment_of(position)].candidate(position, tag(hash))
    }

    /// Replaces the handle of an entry.
    pub(crate) fn set_handle(&mut self, spot: Spot, handle: u32) {
        self.segments[spot.segment].set_handle(spot.place, handle);
    }

    /// Adds an entry, which is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, handle: u32, hashes: &impl Hashes) {
        let position = position(hash);
        self.len += 1;
        loop {
            let number = self.directory.segment_of(position);
            let segment = &mut self.segments[number];
            let slots = segment.bucket_count() * SLOTS;
            let is_full = segment.in_slots() >= entries_max(segment.bucket_count());
            if !is_full && segment.put(position, tag(hash), handle) {
                return;
            }
            let is_crowded = is_full || segment.in_slots() * 2 >= slots;
            if is_crowded && self.grow(number, hashes) {
                continue;
            }
            let segment = &mut self.segments[number];
            if !segment.put(position, tag(hash), handle) {
                self.segment_bytes -= segment.memory_bytes();
                segment.put_over(position, handle);
                self.segment_bytes += segment.memory_bytes();
            }
            return;
        }
    }

    /// Takes out the entry at `spot`.
    pub(crate) fn remove(&mut self, spot: Spot, hash: u64, hashes: &impl Hashes) {
        let segment = &mut self.segments[spot.segment];
        self.segment_bytes -= segment.memory_bytes();
        segment.take(spot.place, position(hash));
        self.segment_bytes += segment.memory_bytes();
        self.len -= 1;
        self.shrink(spot.segment, hashes);
    }

    /// Gives a segment more buckets, or splits it; says whether it could.
    fn grow(&mut self, number: usize, hashes: &impl Hashes) -> bool {
        let segment = &self.segments[number];
        let (prefix, depth) = (segment.prefix(), segment.depth());
        let buckets = segment.bucket_count();
        let is_uniform = segment.version().is_some();
        let more = if is_uniform {
            buckets_after(buckets)
        } else {
            Some(buckets * 2).filter(|double| *double <= BUCKETS_MAX)
        };
        if let Some(more) = more {
            self.rebuild(number, Segment::new(prefix, depth, more), hashes);
            return true;
        }
        if !self.directory.can_split(depth, self.segments.len()) {
            return false;
        }
        let halves = [prefix << 1, prefix << 1 | 1];
        let bit = POSITION_BITS - depth - 1;
        let hashed = hashed(segment.handles(), hashes);
        let mut counts = [0; 2];
        for (hash, _) in &hashed {
            counts[(position(*hash) >> bit & 1) as usize] += 1;
        }
        let half = |index: usize| {
            let buckets = if is_uniform { buckets_for(counts[index]) } else { buckets };
            Segment::new(halves[index], depth + 1, buckets)
        };
        let (low, high) = (half(0), half(1));
        self.directory.note_split(depth);
        let whole = std::mem::replace(&mut self.segments[number], low);
        self.segment_bytes -= whole.memory_bytes();
        let high_number = self.segments.len();
        self.segments.push(high);
        self.directory.set(halves[1], depth + 1, high_number);
        for number in [number, high_number] {
            self.segments[number].inherit_versions(&whole);
        }
        for (hash, handle) in hashed {
            let number = self.directory.segment_of(position(hash));
            self.segments[number].adopt(hash, handle);
        }
        for number in [number, high_number] {
            self.segment_bytes += self.segments[number].memory_bytes();
        }
        true
    }

    /// Moves all entries of a segment into `new`, which takes its place.
    fn rebuild(&mut self, number: usize, mut new: Segment, hashes: &impl Hashes) {
        let old = &self.segments[number];
        new.inherit_versions(old);
        for (hash, handle) in hashed(old.handles(), hashes) {
            new.adopt(hash, handle);
        }
        self.segment_bytes -= old.memory_bytes();
        self.segment_bytes += new.memory_bytes();
        self.segments[number] = new;
    }

    /// Merges a segment that has become empty with its other half, or takes buckets from it.
    fn shrink(&mut self, number: usize, hashes: &impl Hashes) {
        let segment = &self.segments[number];
        let slots = segment.bucket_count() * SLOTS;
        if segment.len() * 8 >= slots * 3 {
            return;
        }
        if let Some(other) = self.other_half(number)
            && segment.len() + self.segments[other].len() <= MERGED_ENTRIES_MAX
        {
            if let Some(version) = segment.version()
                && self.segments[other].version() == Some(version)
            {
                self.merge(number, other, hashes);
            }
            return;
        }
        let buckets = buckets_for(segment.len());
        if buckets < segment.bucket_count() && segment.version().is_some() {
            let new = Segment::new(segment.prefix(), segment.depth(), buckets);
            self.rebuild(number, new, hashes);
        }
    }

    /// The segment that was split off this one, or that this one was split off, if both are as
    /// they were.
    fn other_half(&self, number: usize) -> Option<usize> {
        let segment = &self.segments[number];
        let bit = POSITION_BITS - segment.depth();
        let prefix = u64::from(segment.prefix()) ^ 1;
        let other = (segment.depth() > 0).then(|| self.directory.segment_of(prefix << bit))?;
        (self.segments[other].depth() == segment.depth()).then_some(other)
    }

    fn merge(&mut self, number: usize, other: usize, hashes: &impl Hashes) {
        let (one, two) = (&self.segments[number], &self.segments[other]);
        let depth = one.depth();
        let buckets = buckets_for(one.len() + two.len());
        let mut merged = Segment::new(one.prefix() >> 1, depth - 1, buckets);
        merged.inherit_versions(one);
        for (hash, handle) in hashed(one.handles().chain(two.handles()), hashes) {
            merged.adopt(hash, handle);
        }
        self.segment_bytes -= one.memory_bytes() + two.memory_bytes();
        self.segment_bytes += merged.memory_bytes();
        self.directory.set(merged.prefix(), depth - 1, number);
        self.segments[number] = merged;
        self.segments.swap_remove(other);
        if let Some(moved) = self.segments.get(other) {
            self.directory.set(moved.prefix(), moved.depth(), other);
        }
        self.directory.note_merge(depth);
        if self.segments.len() < self.segments.capacity() / 4 {
            self.segments.shrink_to(self.segments.len() * 2);
        }
    }

    /// Recounts everything; returns how many entries live away from home.
    #[cfg(test)]
    pub(crate) fn check(&self, hashes: &impl Hashes) -> usize {
        let mut next_position = 0;
        while next_position < 1 << POSITION_BITS {
            let segment = &self.segments[self.directory.segment_of(next_position)];
            assert_eq!(segment.start_of(0), next_position);
            next_position = segment.start_of(segment.bucket_count());
        }
        for (number, segment) in self.segments.iter().enumerate() {
            assert_eq!(self.directory.segment_of(segment.start_of(0)), number);
        }
        assert_eq!(self.segments.iter().map(Segment::len).sum::<usize>(), self.len);
        let bytes = self.segments.iter().map(Segment::memory_bytes).sum::<usize>();
        assert_eq!(bytes, self.segment_bytes);
        self.segments.iter().map(|segment| segment.check(hashes)).sum()
    }
}

#[cfg(test)]
mod tests;
