//! Which id lies at which place: a hash table of places that compares ids where they are stored.
//!
//! Extendible hashing: a directory of small tables, each open-addressed with linear probing. A table
//! that is full splits in two, so growth never pauses for the whole index. A slot keeps 32 bits of
//! the hash beside the place: its upper bits choose the table, its lower bits the slot.
//!
//! Invariants: each place stands in exactly one slot; a table is at most three quarters full; every
//! slot between an entry's home and the entry is taken. The hash is keyed by the caller, so nobody
//! can prepare ids that collide.
//!
//! May not know: rows, how ids are stored.

use ahash::RandomState;

use crate::IdRef;

/// Slots of a table when it is new, and where it splits instead of growing. Powers of two.
const SLOTS_MIN: usize = 16;
const SLOTS_MAX: usize = 4096;

/// Bits of a tag that choose a table at most; beyond, tables grow without bound.
const DEPTH_MAX: u32 = 20;

/// 32 bits of an id's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(u32);

/// A taken slot: the tag above, the place plus one below. Zero is a free slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot(u64);

impl Slot {
    const FREE: Self = Self(0);

    fn new(tag: Tag, place: u32) -> Self {
        Self(u64::from(tag.0) << 32 | (u64::from(place) + 1))
    }

    fn tag(self) -> Tag {
        Tag((self.0 >> 32) as u32)
    }

    fn place(self) -> u32 {
        (self.0 as u32).wrapping_sub(1)
    }
}

#[derive(Debug)]
struct Table {
    /// How many upper bits of a tag all entries share.
    depth: u32,
    used: usize,
    slots: Box<[Slot]>,
}

impl Table {
    fn new(depth: u32, slots: usize) -> Self {
        Self { depth, used: 0, slots: vec![Slot::FREE; slots].into_boxed_slice() }
    }

    fn next(&self, position: usize) -> usize {
        (position + 1) & (self.slots.len() - 1)
    }

    fn home(&self, tag: Tag) -> usize {
        tag.0 as usize & (self.slots.len() - 1)
    }

    /// Where the first entry lies that has this tag and of which `is` holds.
    fn position(&self, tag: Tag, mut is: impl FnMut(u32) -> bool) -> Option<usize> {
        let mut position = self.home(tag);
        loop {
            let slot = self.slots[position];
            if slot == Slot::FREE {
                return None;
            }
            if slot.tag() == tag && is(slot.place()) {
                return Some(position);
            }
            position = self.next(position);
        }
    }

    fn put(&mut self, entry: Slot) {
        let mut position = self.home(entry.tag());
        while self.slots[position] != Slot::FREE {
            position = self.next(position);
        }
        self.slots[position] = entry;
        self.used += 1;
    }

    /// Frees a slot and closes the gap, so that no probe stops short of an entry.
    fn clear(&mut self, mut gap: usize) {
        let mask = self.slots.len() - 1;
        let mut position = gap;
        loop {
            position = self.next(position);
            let slot = self.slots[position];
            if slot == Slot::FREE {
                break;
            }
            let distance = position.wrapping_sub(self.home(slot.tag())) & mask;
            if distance >= position.wrapping_sub(gap) & mask {
                self.slots[gap] = slot;
                gap = position;
            }
        }
        self.slots[gap] = Slot::FREE;
        self.used -= 1;
    }

    fn is_full(&self) -> bool {
        self.used * 4 >= self.slots.len() * 3
    }

    /// The entries, in as many slots as given.
    fn resized(&self, slots: usize) -> Self {
        let mut other = Self::new(self.depth, slots);
        for &entry in self.slots.iter().filter(|&&slot| slot != Slot::FREE) {
            other.put(entry);
        }
        other
    }
}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Places {
    hasher: RandomState,
    /// The table of each value of a tag's upper `depth` bits.
    directory: Vec<u32>,
    depth: u32,
    tables: Vec<Table>,
    /// Slots of all tables.
    slots: usize,
}

impl Places {
    /// An empty map whose hash is keyed by `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        let [k0, k1, k2, k3] = [1, 2, 3, 4].map(|n: u64| {
            let mixed =
                (seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd6e8_feb8_6659_fd93);
            mixed ^ (mixed >> 32)
        });
        Self {
            hasher: RandomState::with_seeds(k0, k1, k2, k3),
            directory: vec![0],
            depth: 0,
            tables: vec![Table::new(0, SLOTS_MIN)],
            slots: SLOTS_MIN,
        }
    }

    pub(crate) fn tag(&self, id: IdRef<'_>) -> Tag {
        let hash = match id {
            IdRef::U64(number) => self.hasher.hash_one(number),
            IdRef::Str(text) => self.hasher.hash_one(text),
        };
        Tag((hash >> 32) as u32)
    }

    /// The place of the entry with this tag of which `is` holds.
    pub(crate) fn find(&self, tag: Tag, mut is: impl FnMut(usize) -> bool) -> Option<usize> {
        let table = &self.tables[self.table_of(tag)];
        let position = table.position(tag, |place| is(place as usize))?;
        Some(table.slots[position].place() as usize)
    }

    /// Adds an entry, which must not be there.
    pub(crate) fn insert(&mut self, tag: Tag, place: usize) {
        while self.tables[self.table_of(tag)].is_full() {
            self.make_room(self.table_of(tag));
        }
        let table = self.table_of(tag);
        self.tables[table].put(Slot::new(tag, number(place)));
    }

    /// Tells that an entry has moved from one place to another.
    pub(crate) fn relocate(&mut self, tag: Tag, from: usize, to: usize) {
        let (table, position) = self.entry(tag, from);
        table.slots[position] = Slot::new(tag, number(to));
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, tag: Tag, place: usize) {
        let (table, position) = self.entry(tag, place);
        table.clear(position);
        if table.slots.len() > SLOTS_MIN && table.used * 8 < table.slots.len() {
            let half = table.slots.len() / 2;
            *table = table.resized(half);
            self.slots -= half;
        }
    }

    /// Bytes allocated behind this struct.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.directory.capacity() * size_of::<u32>()
            + self.tables.capacity() * size_of::<Table>()
            + self.slots * size_of::<Slot>()
    }

    fn table_of(&self, tag: Tag) -> usize {
        self.directory[self.directory_place(tag)] as usize
    }

    fn directory_place(&self, tag: Tag) -> usize {
        tag.0.checked_shr(u32::BITS - self.depth).unwrap_or(0) as usize
    }

    fn entry(&mut self, tag: Tag, place: usize) -> (&mut Table, usize) {
        let table = self.table_of(tag);
        let table = &mut self.tables[table];
        let place = number(place);
        let position = table.position(tag, |other| other == place);
        (table, position.expect("the index names only places that it has inserted"))
    }

    /// Doubles a table, or splits one that has its full size.
    fn make_room(&mut self, full: usize) {
        let table = &self.tables[full];
        if table.slots.len() < SLOTS_MAX || table.depth == DEPTH_MAX {
            let doubled = table.resized(table.slots.len() * 2);
            self.slots += table.slots.len();
            self.tables[full] = doubled;
            return;
        }
        let depth = table.depth + 1;
        let slots = table.slots.len();
        let (mut zero, mut one) = (Table::new(depth, slots), Table::new(depth, slots));
        for &entry in table.slots.iter().filter(|&&slot| slot != Slot::FREE) {
            let bit = entry.tag().0 >> (u32::BITS - depth) & 1;
            if bit == 0 { zero.put(entry) } else { one.put(entry) }
        }
        if depth > self.depth {
            self.directory = self.directory.iter().flat_map(|&table| [table, table]).collect();
            self.depth = depth;
        }
        let other = number(self.tables.len());
        let bit = 1 << (self.depth - depth);
        for (prefix, table) in self.directory.iter_mut().enumerate() {
            if *table as usize == full && prefix & bit != 0 {
                *table = other;
            }
        }
        self.slots += slots;
        self.tables[full] = zero;
        self.tables.push(one);
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("the index numbers its rows with 32 bits")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::btree_map::Entry;

    use proptest::prelude::*;

    use super::*;

    /// A map beside a plain one. Here an entry's tag is given, not hashed, so that tags can collide.
    struct Pair {
        places: Places,
        model: BTreeMap<usize, Tag>,
    }

    impl Pair {
        fn new() -> Self {
            Self { places: Places::new(1), model: BTreeMap::new() }
        }

        fn insert(&mut self, tag: Tag, place: usize) {
            if let Entry::Vacant(free) = self.model.entry(place) {
                free.insert(tag);
                self.places.insert(tag, place);
            }
        }

        fn remove(&mut self, place: usize) {
            if let Some(tag) = self.model.remove(&place) {
                self.places.remove(tag, place);
            }
        }

        fn check(&self) {
            for (&place, &tag) in &self.model {
                assert_eq!(self.places.find(tag, |other| other == place), Some(place));
            }
            let used: usize = self.places.tables.iter().map(|table| table.used).sum();
            let slots: usize = self.places.tables.iter().map(|table| table.slots.len()).sum();
            assert_eq!(used, self.model.len());
            assert_eq!(slots, self.places.slots);
            for table in &self.places.tables {
                assert!(table.used * 4 <= table.slots.len() * 3);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_history_keeps_every_entry(
            steps in proptest::collection::vec((any::<bool>(), 0..400_usize, any::<u32>()), 1..1200),
            same in prop_oneof![Just(u32::MAX), Just(0xff), Just(0xff00_0000), Just(0)],
        ) {
            let mut pair = Pair::new();
            for (add, place, bits) in steps {
                if add { pair.insert(Tag(bits & same), place) } else { pair.remove(place) }
            }
            pair.check();
        }
    }

    #[test]
    fn a_map_that_grows_and_shrinks_splits_its_tables_and_frees_their_slots() {
        let mut pair = Pair::new();
        let tag = |place: usize| Places::new(9).tag(IdRef::U64(place as u64));
        for place in 0..30_000 {
            pair.insert(tag(place), place);
        }
        pair.check();
        assert!(pair.places.tables.len() >= 8);
        assert!(pair.places.tables.iter().all(|table| table.slots.len() <= SLOTS_MAX));
        for place in 0..29_990 {
            pair.remove(place);
        }
        pair.check();
        assert!(pair.places.slots < 1_000);
    }

    #[test]
    fn an_entry_follows_its_row() {
        let mut places = Places::new(5);
        let tag = places.tag(IdRef::Str("a"));
        places.insert(tag, 3);
        places.relocate(tag, 3, 8);
        assert_eq!(places.find(tag, |place| place == 8), Some(8));
        assert_eq!(places.find(tag, |place| place == 3), None);
    }

    #[test]
    fn another_seed_gives_other_tags() {
        let tags =
            |seed| (0..8).map(|n| Places::new(seed).tag(IdRef::U64(n)).0).collect::<Vec<_>>();
        assert_ne!(tags(1), tags(2));
        assert_eq!(tags(1), tags(1));
    }
}
