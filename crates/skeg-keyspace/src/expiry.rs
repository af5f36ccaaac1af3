//! The deadline index: handles of all entries that have a deadline, roughly sorted.
//!
//! Leaves of up to 256 handles follow each other in deadline order; inside a leaf there is none,
//! so that adding is a push. Deadlines themselves stay in the entries, and each entry knows its
//! place here (leaf and position), so that removing is exact and takes no search: the last
//! handle of the leaf moves into the gap. Only the leaf that is due is sorted. All work is
//! bounded by the size of a leaf, however many keys share a deadline.
//!
//! Invariants:
//! - every deadline in a leaf is at or after the leaf's `start`, and at or before the next's;
//! - `order` is sorted by start, then sequence, and names exactly the leaves in use;
//! - no leaf is empty.
//!
//! May not know: keys, the table, the time.

use std::collections::VecDeque;

use crate::entry;
use crate::store::Store;

const SLOT_BITS: u32 = 8;
const LEAF_ENTRIES_MAX: usize = 1 << SLOT_BITS;
const LEAVES_MAX: usize = 1 << (32 - SLOT_BITS);

/// A leaf that shrinks to one of these sizes (the powers of two up to it) looks whether the next
/// one can join it.
const MERGE_ENTRIES_MAX: usize = 32;
const MERGED_ENTRIES_MAX: usize = 128;

/// A leaf's rank: its start, then its place among leaves of that start.
type Rank = (u64, i64);

#[derive(Debug)]
struct Leaf {
    handles: Vec<u32>,
    rank: Rank,
    /// No deadline here is later.
    latest: u64,
}

/// All deadlines of a keyspace.
#[derive(Debug)]
pub(crate) struct Deadlines {
    leaves: Vec<Leaf>,
    vacant: Vec<u32>,
    order: VecDeque<(Rank, u32)>,
    len: usize,
    handle_bytes: usize,
}

fn place(leaf: u32, slot: usize) -> u32 {
    leaf << SLOT_BITS | slot as u32
}

fn leaf_and_slot(place: u32) -> (usize, usize) {
    ((place >> SLOT_BITS) as usize, place as usize % LEAF_ENTRIES_MAX)
}

fn deadline_of(store: &Store, handle: u32) -> u64 {
    entry::deadline(store.cell(handle)).expect("only entries with a deadline are indexed")
}

impl Deadlines {
    pub(crate) fn new() -> Self {
        Self {
            leaves: Vec::new(),
            vacant: Vec::new(),
            order: VecDeque::new(),
            len: 0,
            handle_bytes: 0,
        }
    }

    /// The number of entries with a deadline.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The bytes of the index; deadlines and places lie in the entries.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.handle_bytes
            + self.leaves.capacity() * size_of::<Leaf>()
            + self.vacant.capacity() * size_of::<u32>()
            + self.order.capacity() * size_of::<(Rank, u32)>()
    }

    /// Adds an entry, whose cell already holds `deadline`, and notes its place there.
    pub(crate) fn add(&mut self, store: &mut Store, handle: u32, deadline: u64) {
        let leaf = self.leaf_for(store, deadline);
        self.push(store, leaf, handle, deadline);
        self.len += 1;
    }

    /// Takes out the entry at `place`.
    pub(crate) fn remove(&mut self, store: &mut Store, place: u32) {
        let (leaf, slot) = leaf_and_slot(place);
        let handles = &mut self.leaves[leaf].handles;
        handles.swap_remove(slot);
        if let Some(moved) = handles.get(slot) {
            entry::set_place(store.cell_mut(*moved), place);
        }
        self.len -= 1;
        self.tidy(store, leaf);
    }

    /// The entry at `place` has moved to another cell.
    pub(crate) fn relocate(&mut self, place: u32, handle: u32) {
        let (leaf, slot) = leaf_and_slot(place);
        self.leaves[leaf].handles[slot] = handle;
    }

    /// Changes the deadline of an entry, in its cell and here.
    pub(crate) fn change(&mut self, store: &mut Store, handle: u32, deadline: u64) {
        let place = entry::place(store.cell(handle));
        let (leaf, _) = leaf_and_slot(place);
        let at = self.position_for(deadline);
        if self.order[at].1 as usize == leaf && self.order[at].0.0 <= deadline {
            entry::set_deadline(store.cell_mut(handle), deadline);
            self.leaves[leaf].latest = self.leaves[leaf].latest.max(deadline);
        } else {
            self.remove(store, place);
            entry::set_deadline(store.cell_mut(handle), deadline);
            self.add(store, handle, deadline);
        }
    }

    /// The earliest deadline.
    pub(crate) fn first(&self, store: &Store) -> Option<u64> {
        let (_, leaf) = self.order.front()?;
        self.leaves[*leaf as usize].handles.iter().map(|handle| deadline_of(store, *handle)).min()
    }

    /// Replaces `due` by some of the entries whose deadline is at or before `now_ms`, with their
    /// deadlines: the earliest ones, earliest first, and at least one if there is one.
    pub(crate) fn due(&self, store: &Store, now_ms: u64, due: &mut Vec<(u64, u32)>) {
        due.clear();
        let Some(((start, _), leaf)) = self.order.front() else { return };
        if *start > now_ms {
            return;
        }
        let entries = self.leaves[*leaf as usize].handles.iter();
        due.extend(
            entries
                .map(|handle| (deadline_of(store, *handle), *handle))
                .filter(|(deadline, _)| *deadline <= now_ms),
        );
        due.sort_unstable();
    }

    /// An entry picked by `draw`, a random number: of any leaf, of any slot there.
    pub(crate) fn pick(&self, draw: u64) -> Option<u32> {
        let pick =
            |draw: u64, count: usize| ((u64::from(draw as u32) * count as u64) >> 32) as usize;
        let (_, leaf) = self.order.get(pick(draw >> 32, self.order.len()))?;
        let handles = &self.leaves[*leaf as usize].handles;
        handles.get(pick(draw, handles.len())).copied()
    }

    /// Where in `order` the last leaf stands that starts at or before `deadline`, else the first.
    fn position_for(&self, deadline: u64) -> usize {
        self.order.partition_point(|((start, _), _)| *start <= deadline).saturating_sub(1)
    }

    /// The leaf that `deadline` belongs into, with room for one more.
    fn leaf_for(&mut self, store: &mut Store, deadline: u64) -> usize {
        if self.order.is_empty() {
            return self.insert_leaf(0, deadline);
        }
        let at = self.position_for(deadline);
        let (rank, number) = self.order[at];
        let leaf = &mut self.leaves[number as usize];
        if rank.0 > deadline {
            leaf.rank = (deadline, 0);
            self.order[at].0 = leaf.rank;
        }
        if leaf.handles.len() < LEAF_ENTRIES_MAX {
            return number as usize;
        }
        if deadline >= leaf.latest {
            return self.insert_leaf(at + 1, deadline);
        }
        self.split(store, at, deadline)
    }

    /// Divides a full leaf by deadline; returns the half that `deadline` belongs into.
    fn split(&mut self, store: &mut Store, at: usize, deadline: u64) -> usize {
        let number = self.order[at].1 as usize;
        let leaf = &mut self.leaves[number];
        let mut entries: Vec<(u64, u32)> =
            leaf.handles.iter().map(|handle| (deadline_of(store, *handle), *handle)).collect();
        entries.sort_unstable();
        leaf.latest = entries[entries.len() - 1].0;
        if deadline >= leaf.latest {
            return self.insert_leaf(at + 1, deadline);
        }
        let middle = entries[entries.len() / 2].0;
        let mut cut = entries.partition_point(|(deadline, _)| *deadline < middle);
        if cut == 0 {
            cut = entries.partition_point(|(deadline, _)| *deadline <= middle);
        }
        if cut == entries.len() {
            // All are equal and later than the new one: they move behind it together.
            cut = 0;
        }
        let start = entries[cut].0;
        self.handle_bytes -= leaf.handles.capacity() * size_of::<u32>();
        leaf.handles = Vec::new();
        leaf.latest = leaf.rank.0;
        let later = self.insert_leaf(at + 1, start);
        for (index, (deadline, handle)) in entries.into_iter().enumerate() {
            self.push(store, if index < cut { number } else { later }, handle, deadline);
        }
        if deadline < start { number } else { later }
    }

    /// Makes a leaf at this position of `order`; its start fits between its neighbours'.
    fn insert_leaf(&mut self, at: usize, start: u64) -> usize {
        let before = at.checked_sub(1).and_then(|before| self.order.get(before));
        let rank = match (before, self.order.get(at)) {
            (Some(((before, sequence), _)), _) if *before == start => (start, sequence + 1),
            (_, Some(((after, sequence), _))) if *after == start => (start, sequence - 1),
            _ => (start, 0),
        };
        let leaf = Leaf { handles: Vec::new(), rank, latest: rank.0 };
        let number = match self.vacant.pop() {
            Some(number) => {
                self.leaves[number as usize] = leaf;
                number
            }
            None => {
                assert!(self.leaves.len() < LEAVES_MAX, "fewer leaves than handles");
                self.leaves.push(leaf);
                self.leaves.len() as u32 - 1
            }
        };
        self.order.insert(at, (rank, number));
        number as usize
    }

    fn push(&mut self, store: &mut Store, number: usize, handle: u32, deadline: u64) {
        let leaf = &mut self.leaves[number];
        leaf.latest = leaf.latest.max(deadline);
        entry::set_place(store.cell_mut(handle), place(number as u32, leaf.handles.len()));
        let before = leaf.handles.capacity();
        leaf.handles.push(handle);
        self.handle_bytes += (leaf.handles.capacity() - before) * size_of::<u32>();
    }

    /// Frees an empty leaf; gives back the room of a sparse one, or lets the next one join it.
    fn tidy(&mut self, store: &mut Store, number: usize) {
        let leaf = &mut self.leaves[number];
        let len = leaf.handles.len();
        if len == 0 {
            let at = self.position_of(number);
            self.remove_leaf(at);
            return;
        }
        if len <= leaf.handles.capacity() / 4 {
            self.handle_bytes -= leaf.handles.capacity() * size_of::<u32>();
            leaf.handles.shrink_to(len * 2);
            self.handle_bytes += leaf.handles.capacity() * size_of::<u32>();
        }
        if len <= MERGE_ENTRIES_MAX && len.is_power_of_two() {
            let after = self.position_of(number) + 1;
            let Some((_, next)) = self.order.get(after) else { return };
            let next = &mut self.leaves[*next as usize];
            if next.handles.len() + len <= MERGED_ENTRIES_MAX {
                let latest = next.latest;
                let joining = std::mem::take(&mut next.handles);
                self.handle_bytes -= joining.capacity() * size_of::<u32>();
                for handle in joining {
                    self.push(store, number, handle, latest);
                }
                self.remove_leaf(after);
            }
        }
    }

    fn position_of(&self, number: usize) -> usize {
        let rank = self.leaves[number].rank;
        self.order.binary_search_by_key(&rank, |(rank, _)| *rank).expect("every leaf is in order")
    }

    fn remove_leaf(&mut self, at: usize) {
        let Some((_, number)) = self.order.remove(at) else {
            unreachable!("the position of a leaf in use")
        };
        let handles = std::mem::take(&mut self.leaves[number as usize].handles);
        self.handle_bytes -= handles.capacity() * size_of::<u32>();
        self.vacant.push(number);
        if self.order.is_empty() {
            *self = Self::new();
        }
    }

    #[cfg(test)]
    pub(crate) fn check(&self, store: &Store) {
        let mut len = 0;
        let mut earliest = 0;
        let mut bytes = 0;
        for (index, (rank, number)) in self.order.iter().enumerate() {
            let leaf = &self.leaves[*number as usize];
            assert_eq!(leaf.rank, *rank);
            assert!(index == 0 || self.order[index - 1].0 < *rank);
            assert!(!leaf.handles.is_empty());
            let next = self.order.get(index + 1).map_or(u64::MAX, |((start, _), _)| *start);
            for (slot, handle) in leaf.handles.iter().enumerate() {
                let deadline = deadline_of(store, *handle);
                assert!(earliest <= deadline && rank.0 <= deadline);
                assert!(deadline <= leaf.latest && deadline <= next);
                assert_eq!(entry::place(store.cell(*handle)), place(*number, slot));
            }
            earliest = leaf.latest.min(next);
            len += leaf.handles.len();
            bytes += leaf.handles.capacity() * size_of::<u32>();
        }
        assert_eq!(len, self.len);
        assert_eq!(bytes, self.handle_bytes);
        assert_eq!(self.order.len() + self.vacant.len(), self.leaves.len());
    }
}

#[cfg(test)]
mod tests;
