//! One cache line of the table: eleven tags, eleven handles.
//!
//! A tag is a byte of the key's hash, never 0; tag 0 marks an empty slot. An entry lives in its
//! home bucket or, when that is full, in one of the next few: `displaced` says per slot how far
//! from home its entry lives, `spilled` how many entries that are at home here live elsewhere.
//!
//! May not know: keys, segments.

/// Slots of a bucket.
pub(super) const SLOTS: usize = 11;

/// How many buckets, its home included, an entry may live in.
pub(super) const REACH: usize = 4;

/// A `spilled` count that has reached this stays there until the segment is rebuilt.
const SPILLED_STICKY: u8 = u8::MAX;

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const BUT_HIGH_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Bucket {
    /// Tags of slots 0 to 7, slot 0 lowest.
    tags_low: u64,
    /// Tags of slots 8 to 10; the highest byte is 0.
    tags_high: u32,
    /// Bits 0 to 21: two for each slot, the distance from home. Bits 24 to 31: `spilled`.
    places: u32,
    /// When the bucket last went into a snapshot; halves inherit it when a bucket is split.
    pub(super) version: u32,
    handles: [u32; SLOTS],
}

/// Some slots of a bucket: bit 0 of byte `i` is slot `i`, bit 1 slot `8 + i`.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotSet(u64);

impl SlotSet {
    const ALL: Self = Self(0x0101_0101_0103_0303);
}

impl Iterator for SlotSet {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit / 8 + bit % 8 * 8)
    }
}

/// The bytes of `word` that are 0: their highest bits.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    !(((word & BUT_HIGH_BITS) + BUT_HIGH_BITS) | word | BUT_HIGH_BITS)
}

impl Bucket {
    pub(super) fn empty(version: u32) -> Self {
        Self { tags_low: 0, tags_high: 0, places: 0, version, handles: [0; SLOTS] }
    }

    /// The slots that hold `tag`; with tag 0 the empty ones.
    #[inline]
    pub(super) fn matching(&self, tag: u8) -> SlotSet {
        let pattern = u64::from(tag) * LOW_BITS;
        let low = zero_bytes(self.tags_low ^ pattern);
        let high = zero_bytes(u64::from(self.tags_high) ^ pattern);
        SlotSet((low >> 7 | high >> 6) & SlotSet::ALL.0)
    }

    pub(super) fn occupied(&self) -> SlotSet {
        SlotSet(!self.matching(0).0 & SlotSet::ALL.0)
    }

    #[inline]
    pub(super) fn handle(&self, slot: usize) -> u32 {
        self.handles[slot]
    }

    pub(super) fn set_handle(&mut self, slot: usize, handle: u32) {
        self.handles[slot] = handle;
    }

    /// What lies first: a bucket is one cache line.
    #[inline]
    pub(super) fn start(&self) -> &u64 {
        &self.tags_low
    }

    pub(super) fn tag(&self, slot: usize) -> u8 {
        if slot < 8 {
            (self.tags_low >> (slot * 8)) as u8
        } else {
            (self.tags_high >> ((slot - 8) * 8)) as u8
        }
    }

    /// How far from its home the entry in `slot` lives, in buckets.
    #[inline]
    pub(super) fn distance(&self, slot: usize) -> usize {
        (self.places >> (slot * 2) & 0b11) as usize
    }

    /// How many entries that are at home here live elsewhere; the highest value also means more.
    #[inline]
    pub(super) fn spilled(&self) -> u8 {
        (self.places >> 24) as u8
    }

    fn set_spilled(&mut self, spilled: u8) {
        self.places = self.places & 0x00ff_ffff | u32::from(spilled) << 24;
    }

    pub(super) fn note_spilled(&mut self) {
        self.set_spilled(self.spilled().saturating_add(1));
    }

    pub(super) fn forget_spilled(&mut self) {
        debug_assert!(self.spilled() > 0, "an entry that lives elsewhere was counted");
        if self.spilled() != SPILLED_STICKY {
            self.set_spilled(self.spilled() - 1);
        }
    }

    /// Puts an entry into an empty slot.
    pub(super) fn put(&mut self, slot: usize, tag: u8, distance: usize, handle: u32) {
        debug_assert!(tag != 0 && self.tag(slot) == 0, "only an empty slot is filled");
        debug_assert!(distance < REACH, "two bits hold the distance");
        if slot < 8 {
            self.tags_low |= u64::from(tag) << (slot * 8);
        } else {
            self.tags_high |= u32::from(tag) << ((slot - 8) * 8);
        }
        self.places |= (distance as u32) << (slot * 2);
        self.handles[slot] = handle;
    }

    /// Empties a slot.
    pub(super) fn take(&mut self, slot: usize) {
        if slot < 8 {
            self.tags_low &= !(0xff << (slot * 8));
        } else {
            self.tags_high &= !(0xff << ((slot - 8) * 8));
        }
        self.places &= !(0b11 << (slot * 2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fills_a_cache_line() {
        assert_eq!(size_of::<Bucket>(), 64);
        assert_eq!(align_of::<Bucket>(), 64);
    }

    #[test]
    fn spilled_sticks_at_its_highest_value() {
        let mut bucket = Bucket::empty(0);
        for _ in 0..300 {
            bucket.note_spilled();
        }
        for _ in 0..300 {
            bucket.forget_spilled();
        }
        assert_eq!(bucket.spilled(), SPILLED_STICKY);
        assert_eq!(bucket.occupied().count(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn agrees_with_an_array_of_slots(
            steps in prop::collection::vec((0..SLOTS, 0_u8..5, 0..REACH, any::<u32>()), 0..200),
            scale in prop::sample::select(vec![1_u8, 0x3f, 0x7f, 0x80, 0xff]),
        ) {
            let mut bucket = Bucket::empty(7);
            let mut model = [None; SLOTS];
            for (slot, tag, distance, handle) in steps {
                let tag = tag.wrapping_mul(scale);
                if model[slot].is_some() {
                    bucket.take(slot);
                    model[slot] = None;
                } else if tag != 0 {
                    bucket.put(slot, tag, distance, handle);
                    model[slot] = Some((tag, distance, handle));
                }
                for probe in 0..=u8::MAX {
                    let expected: Vec<usize> = (0..SLOTS)
                        .filter(|slot| model[*slot].map_or(0, |(tag, _, _)| tag) == probe)
                        .collect();
                    let mut slots: Vec<usize> = bucket.matching(probe).collect();
                    slots.sort_unstable();
                    prop_assert_eq!(slots, expected);
                }
                for slot in bucket.occupied() {
                    let stored = (bucket.tag(slot), bucket.distance(slot), bucket.handle(slot));
                    prop_assert_eq!(model[slot], Some(stored));
                }
                prop_assert_eq!(bucket.version, 7);
                prop_assert_eq!(bucket.spilled(), 0);
            }
        }
    }
}
