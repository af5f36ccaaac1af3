//! Hashes, lists, sets and sorted sets: how they are stored and read.
//!
//! A small collection is one run of bytes in its key's cell ([`flat`]); a large one is an indexed
//! structure of its own, named by a number that stands in the cell. Both are read through the
//! same views ([`HashRef`], [`ListRef`], [`SetRef`], [`SortedSetRef`]), which copy nothing.
//!
//! Invariants:
//! - an indexed collection is self-contained: it can be moved to another keyspace or thread;
//! - its `memory_bytes` is exact and known without counting;
//! - none is empty while a key names it.
//!
//! May not know: keys, cells, deadlines.

pub(crate) mod block;
pub(crate) mod element;
pub(crate) mod flat;
mod hash;
mod heap;
mod items;
mod list;
pub(crate) mod ranking;
mod runs;
mod set;
mod sorted;
pub(crate) mod store;
pub(crate) mod table;
mod tree;

pub use block::ElementHint;
pub use hash::{HashIter, HashRef};
pub(crate) use items::Items;
pub use list::{End, ListIter, ListRef};
pub use set::{SetIter, SetRef};
pub(crate) use sorted::Sorted;
pub use sorted::{SortedSetIter, SortedSetRef};
pub(crate) use table::Table;

use crate::value::Kind;
use element::Element;

/// A large collection that no key names any more, or not yet.
///
/// To free one takes as long as it is large: drop it where nobody waits, or in slices with
/// [`Collection::shed`].
#[derive(Clone, Debug)]
pub struct Collection(pub(crate) Indexed);

/// The structures of large collections.
#[derive(Clone, Debug)]
pub(crate) enum Indexed {
    Hash(Table<2>),
    List(Items),
    Set(Table<1>),
    SortedSet(Sorted),
}

impl Collection {
    /// What kind of collection it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.0 {
            Indexed::Hash(_) => Kind::Hash,
            Indexed::List(_) => Kind::List,
            Indexed::Set(_) => Kind::Set,
            Indexed::SortedSet(_) => Kind::SortedSet,
        }
    }

    /// The bytes that it has allocated, itself not included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Indexed::Hash(table) => table.memory_bytes(),
            Indexed::List(items) => items.memory_bytes(),
            Indexed::Set(table) => table.memory_bytes(),
            Indexed::SortedSet(sorted) => sorted.memory_bytes(),
        }
    }

    /// Frees about `budget` blocks of elements; says whether there are more. Nothing else may be
    /// done with the collection afterwards but dropping it.
    pub fn shed(&mut self, budget: usize) -> bool {
        match &mut self.0 {
            Indexed::Hash(table) => table.shed(budget),
            Indexed::List(items) => items.shed(budget),
            Indexed::Set(table) => table.shed(budget),
            Indexed::SortedSet(sorted) => sorted.shed(budget),
        }
    }

    /// Where a look-up of an element will read, if elements are found by name here. The first of the
    /// two, of which one is meant, stands behind the key in a command, and the second behind that: a
    /// sorted set's member stands behind a score when it is written.
    #[inline]
    #[must_use]
    pub fn element_hint(&self, [first, second]: [&[u8]; 2]) -> Option<ElementHint<'_>> {
        let member = if second.is_empty() { first } else { second };
        match &self.0 {
            Indexed::Hash(table) => Some(table.hint(&Element::new(first))),
            Indexed::Set(table) => Some(table.hint(&Element::new(first))),
            Indexed::SortedSet(sorted) => Some(sorted.table().hint(&Element::new(member))),
            Indexed::List(_) => None,
        }
    }

    /// Where a change of a member's score will read beside that, once the member has been read, if this is a
    /// sorted set and the two are a score and a member.
    #[inline]
    #[must_use]
    pub fn score_hint(&self, [score, member]: [&[u8]; 2]) -> Option<[&[u8]; 2]> {
        let Indexed::SortedSet(sorted) = &self.0 else { return None };
        let score = std::str::from_utf8(score).ok()?.parse().ok()?;
        (!member.is_empty()).then(|| sorted.hint(&Element::new(member), score))
    }

    /// The number of its elements.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Indexed::Hash(table) => table.len(),
            Indexed::List(items) => items.len(),
            Indexed::Set(table) => table.len(),
            Indexed::SortedSet(sorted) => sorted.len(),
        }
    }
}

/// The next number of a sequence that starts anywhere (SplitMix64).
pub(crate) fn next_draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Which of `count` things a draw picks.
pub(crate) fn pick(draw: u32, count: usize) -> usize {
    ((u64::from(draw) * count as u64) >> 32) as usize
}

/// Which of `count` things a whole draw picks.
pub(crate) fn pick_of(draw: u64, count: usize) -> usize {
    let mut state = draw;
    pick((next_draw(&mut state) >> 32) as u32, count)
}
