//! How far a walk is in one database: where it is among the buckets, and which large values are left
//! over from those that it has been at.
//!
//! A value that is too large for one hold of a latch is set aside when its bucket is handed out, and
//! handed out in slices; its neighbours are changed meanwhile as they like, and its own key is not: who
//! can wait does ([`Part::is_left`]), for anybody else all that is left of it is handed out at once.
//!
//! Invariant: what was there at the place is in a bucket that is not handed out, among the values that
//! are left, or handed out; a value that is left is as it was at the place.
//! May not know: outlets, latches.

use std::collections::VecDeque;

use skeg_keyspace::{Keyspace, Shown, ValueRef};
use skeg_log::{Broken, breaks};

use super::handed::Handed;
use crate::shard::ELEMENT_COST;

/// What an entry costs beside its bytes, in such: about what reading one that is not cached takes.
pub(crate) const ENTRY_COST: usize = 256;

/// A value that costs more than this part of a slice is a large one. A bucket has at most eleven entries,
/// which are handed out together: one slice is never much more than what it is to be.
const LARGE_PART: usize = 16;

/// A large value of which not all was handed out.
#[derive(Debug)]
struct Left {
    hash: u64,
    key: Box<[u8]>,
    /// Where it goes on.
    place: u64,
    /// Somebody waits for its end.
    is_awaited: bool,
}

/// What is still to be handed out of a database.
#[derive(Debug)]
pub(super) struct Part {
    /// The number of the database at the shard's place.
    origin: u8,
    /// Where the next bucket is. `None`: all were handed out, or are younger than the place.
    cursor: Option<u64>,
    /// Those that are awaited first.
    left: VecDeque<Left>,
}

/// A database that was flushed.
#[derive(Debug)]
pub(crate) struct Flushed {
    pub(super) part: Part,
    pub(super) contents: Keyspace,
}

/// What it costs to hand out an entry.
fn cost_of(shown: &Shown<'_>) -> usize {
    let elements = match shown.entry.value {
        ValueRef::Hash(fields) => 2 * fields.len(),
        ValueRef::SortedSet(members) => 2 * members.len(),
        ValueRef::List(items) => items.len(),
        ValueRef::Set(members) => members.len(),
        _ => 0,
    };
    ENTRY_COST + shown.bytes + elements * ELEMENT_COST
}

/// Hands out an entry, or sets it aside as a large one; says what that has cost.
fn show(
    (origin, slice_bytes): (u8, usize),
    shown: &Shown<'_>,
    left: &mut Vec<Box<[u8]>>,
    handed: &mut Handed,
) -> usize {
    let cost = cost_of(shown);
    if cost > ENTRY_COST + slice_bytes / LARGE_PART {
        left.push(shown.key.into());
        return ENTRY_COST + slice_bytes / LARGE_PART;
    }
    handed.add(origin, shown.key, shown.entry);
    cost
}

impl Part {
    /// All of a database that had this number.
    pub(super) fn new(origin: u8, keyspace: &Keyspace) -> Self {
        Self { origin, cursor: (!keyspace.is_empty()).then_some(0), left: VecDeque::new() }
    }

    /// Takes what is still to be handed out; nothing is left of it here.
    pub(super) fn take(&mut self) -> Self {
        let nothing = Self { origin: self.origin, cursor: None, left: VecDeque::new() };
        std::mem::replace(self, nothing)
    }

    /// Whether nothing is left.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.cursor.is_none() && self.left.is_empty()
    }

    /// Whether somebody waits for a large value.
    pub(super) fn is_awaited(&self) -> bool {
        self.left.front().is_some_and(|left| left.is_awaited)
    }

    /// Hands out about so many bytes, a slice at most: large values that are left, or else further buckets.
    /// Whether a value has come to its end that was awaited.
    pub(super) fn hand_out(
        &mut self,
        keyspace: &mut Keyspace,
        budget: usize,
        slice_bytes: usize,
        handed: &mut Handed,
    ) -> bool {
        if let Some(cursor) = self.cursor.filter(|_| self.left.is_empty()) {
            let mut left = Vec::new();
            let next = keyspace.walk(cursor, budget, &mut |shown| {
                show((self.origin, slice_bytes), &shown, &mut left, handed)
            });
            self.cursor = (next != 0).then_some(next);
            self.set_aside(left, keyspace);
            return false;
        }
        let (mut budget, mut was_awaited) = (budget.max(1), false);
        while budget > 0
            && let Some(left) = self.left.front_mut()
        {
            if left.hand_out(self.origin, keyspace, &mut budget, handed) {
                was_awaited |= left.is_awaited;
                self.left.pop_front();
            }
        }
        was_awaited
    }

    /// Hands out what a change of the key with this hash would change. Whether a value has come to its
    /// end that was awaited.
    pub(super) fn preserve(
        &mut self,
        keyspace: &mut Keyspace,
        hash: u64,
        slice_bytes: usize,
        handed: &mut Handed,
    ) -> bool {
        self.show_bucket(keyspace, hash, slice_bytes, handed);
        let mut was_awaited = false;
        while let Some(mut left) = self.take_left(hash) {
            let mut budget = usize::MAX;
            let is_over = left.hand_out(self.origin, keyspace, &mut budget, handed);
            debug_assert!(is_over, "the budget is more than there can be");
            was_awaited |= left.is_awaited;
        }
        was_awaited
    }

    /// Whether the key with this hash has a large value of which something is left; that comes next then.
    pub(super) fn is_left(
        &mut self,
        keyspace: &mut Keyspace,
        hash: u64,
        slice_bytes: usize,
        handed: &mut Handed,
    ) -> bool {
        self.show_bucket(keyspace, hash, slice_bytes, handed);
        let Some(mut left) = self.take_left(hash) else { return false };
        left.is_awaited = true;
        self.left.push_front(left);
        true
    }

    fn take_left(&mut self, hash: u64) -> Option<Left> {
        let at = self.left.iter().position(|left| left.hash == hash)?;
        self.left.remove(at)
    }

    /// Hands out the bucket of this hash, unless it was.
    fn show_bucket(
        &mut self,
        keyspace: &mut Keyspace,
        hash: u64,
        slice_bytes: usize,
        handed: &mut Handed,
    ) {
        if self.cursor.is_some() {
            let mut left = Vec::new();
            keyspace.preserve(hash, &mut |shown| {
                show((self.origin, slice_bytes), &shown, &mut left, handed);
            });
            self.set_aside(left, keyspace);
        }
    }

    fn set_aside(&mut self, keys: Vec<Box<[u8]>>, keyspace: &Keyspace) {
        let left =
            |key: Box<[u8]>| Left { hash: keyspace.hash(&key), key, place: 0, is_awaited: false };
        self.left.extend(keys.into_iter().map(left));
    }
}

impl Left {
    /// Hands out what the budget bears. Whether that was all.
    fn hand_out(
        &mut self,
        origin: u8,
        keyspace: &Keyspace,
        budget: &mut usize,
        handed: &mut Handed,
    ) -> bool {
        let Some(entry) = keyspace.get(self.hash, &self.key) else {
            assert!(
                breaks(Broken::ForgetsImages),
                "who removes a key has its value handed out before"
            );
            return true;
        };
        let left = handed.add_from(origin, &self.key, entry, self.place, budget);
        *budget = budget.saturating_sub(ENTRY_COST);
        match left {
            Some(place) => {
                self.place = place;
                false
            }
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use skeg_keyspace::{End, HashSeed};

    use super::*;

    const SLICE_BYTES: usize = 4 << 10;

    /// A large value of every kind, and a small one.
    fn keyspace() -> Keyspace {
        let mut keyspace = Keyspace::new(HashSeed::from_bytes([7; 32]));
        let hash = |keyspace: &Keyspace, key: &[u8]| keyspace.hash(key);
        for number in 0..2_000_u32 {
            let element = format!("element {number}").into_bytes();
            let at = hash(&keyspace, b"hash");
            keyspace.hash_set(at, b"hash", &element, b"value").unwrap();
            let at = hash(&keyspace, b"list");
            keyspace.list_push(at, b"list", End::Back, &element).unwrap();
            let at = hash(&keyspace, b"set");
            keyspace.set_add(at, b"set", &element).unwrap();
            let at = hash(&keyspace, b"sorted");
            keyspace.zset_set(at, b"sorted", &element, f64::from(number)).unwrap();
        }
        let at = hash(&keyspace, b"string");
        keyspace.set(at, b"string", &[7; 20_000], None);
        let at = hash(&keyspace, b"small");
        keyspace.set(at, b"small", b"value", None);
        keyspace.begin_walk();
        keyspace
    }

    #[test]
    fn no_slice_is_much_larger_than_it_is_to_be() {
        let mut keyspace = keyspace();
        let mut part = Part::new(3, &keyspace);
        let (mut slices, mut entries) = (0, 0);
        while !part.is_over() {
            let mut handed = Handed::default();
            assert!(!part.hand_out(&mut keyspace, SLICE_BYTES, SLICE_BYTES, &mut handed));
            assert!(handed.effects.len() < 2 * SLICE_BYTES, "{}", handed.effects.len());
            slices += 1;
            entries += handed.entries;
        }
        assert_eq!(entries, 6);
        assert!(slices > 60, "{slices}");
    }

    #[test]
    fn what_is_changed_is_handed_out_first_and_its_neighbours_wait() {
        let mut keyspace = keyspace();
        let mut part = Part::new(0, &keyspace);
        let mut handed = Handed::default();
        let hash = |key: &[u8]| keyspace.hash(key);
        let (set, list, small) = (hash(b"set"), hash(b"list"), hash(b"small"));
        assert!(!part.preserve(&mut keyspace, small, SLICE_BYTES, &mut handed));
        assert_eq!(handed.entries, 1, "neighbours in the bucket are large");
        assert!(!part.is_left(&mut keyspace, small, SLICE_BYTES, &mut handed));
        assert!(part.is_left(&mut keyspace, set, SLICE_BYTES, &mut handed));
        part.hand_out(&mut keyspace, SLICE_BYTES, SLICE_BYTES, &mut handed);
        assert!(part.is_awaited() && handed.entries == 1, "a part of it");
        assert!(!part.preserve(&mut keyspace, list, SLICE_BYTES, &mut handed));
        assert_eq!(handed.entries, 2, "all of it at once");
        assert!(part.preserve(&mut keyspace, set, SLICE_BYTES, &mut handed), "it was awaited");
        assert!(!part.is_left(&mut keyspace, set, SLICE_BYTES, &mut handed));
        while !part.is_over() {
            part.hand_out(&mut keyspace, SLICE_BYTES, SLICE_BYTES, &mut handed);
        }
        assert_eq!(handed.entries, 6);
    }
}
