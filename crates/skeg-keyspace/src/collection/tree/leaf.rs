//! The entries of a leaf, one behind the other, with free room on either side of them: whoever adds or
//! removes entries moves those on the shorter side. So an end that entries come to, or leave, moves none.
//! Before all of it, if the key wants that, the lengths of the entries.
//!
//! May not know: how many entries there are, where they begin.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};

use super::ends::Side;
use super::{Key, lengths};
use crate::collection::element::Element;
use crate::collection::flat::{entry_len, place_in};

/// Room that a full leaf may keep is this part of it.
const SLACK: usize = 64;

#[derive(Debug)]
pub(super) struct Leaf<K> {
    room: Box<[u8]>,
    /// Where in the room the entries lie.
    start: u32,
    end: u32,
    key: PhantomData<K>,
}

/// Some entries of a leaf, or a place between them: by number, and where they lie.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) entries: Range<usize>,
    pub(super) bytes: Range<usize>,
}

impl Part {
    /// Between entries.
    pub(super) fn at(index: usize, place: usize) -> Self {
        Self { entries: index..index, bytes: place..place }
    }
}

/// So many bytes and a few more, as allocators give them.
fn roomy(len: usize) -> usize {
    (len + len / 8 + 8).next_multiple_of(16) - 8
}

fn narrow(place: usize) -> u32 {
    u32::try_from(place).expect("no leaf is longer than 4 GiB")
}

fn len_of(elements: &[Element<'_>]) -> usize {
    elements.iter().map(Element::len).sum()
}

impl<K> Default for Leaf<K> {
    fn default() -> Self {
        Self { room: Box::default(), start: 0, end: 0, key: PhantomData }
    }
}

impl<K> Deref for Leaf<K> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.room[self.start as usize..self.end as usize]
    }
}

impl<K> DerefMut for Leaf<K> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.room[self.start as usize..self.end as usize]
    }
}

impl<K: Key> Clone for Leaf<K> {
    /// A copy has no room to spare.
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.settle(self.len(), Side::Back);
        copy.take_up(0, self);
        copy
    }
}

impl<K> Leaf<K> {
    /// The bytes that it has allocated.
    #[inline]
    pub(super) fn memory_bytes(&self) -> usize {
        self.room.len()
    }

    /// What a look at its entries reads.
    pub(super) fn hint(&self) -> &[u8] {
        &self.room[..self.end as usize]
    }
}

impl<K: Key> Leaf<K> {
    /// The bytes of lengths.
    const HEAD: usize = if K::HAS_LENGTHS { K::LEAF_ENTRIES_MAX + 1 } else { 0 };

    /// A leaf of one entry.
    pub(super) fn of(elements: &[Element<'_>]) -> Self {
        let mut leaf = Self::default();
        leaf.splice(Part::at(0, 0), elements);
        leaf
    }

    /// A leaf of one entry at an end of a long sequence, with all the room that the full one beside it has.
    pub(super) fn beside(full: &Self, side: Side, elements: &[Element<'_>]) -> Self {
        let mut leaf = Self::default();
        leaf.settle(full.len().max(len_of(elements)), side);
        leaf.extend(side, 0, elements);
        leaf
    }

    /// The lengths of the entries, as far as they are known.
    #[inline]
    pub(super) fn lengths(&self) -> &[u8] {
        &self.room[..Self::HEAD.min(self.start as usize)]
    }

    /// Where entry `index` begins, or the leaf ends.
    #[inline]
    pub(super) fn place<const WIDTH: usize>(&self, index: usize) -> usize {
        lengths::place(self.lengths(), index).unwrap_or_else(|| place_in::<WIDTH>(self, index))
    }

    /// Some of its entries.
    pub(super) fn part<const WIDTH: usize>(&self, entries: Range<usize>) -> Part {
        let start = self.place::<WIDTH>(entries.start);
        let end = match entries.len() {
            1 => start + entry_len::<WIDTH>(&self[start..]),
            _ => self.place::<WIDTH>(entries.end),
        };
        Part { entries, bytes: start..end }
    }

    /// Replaces some entries by one, or by none.
    pub(super) fn splice(&mut self, part: Part, elements: &[Element<'_>]) {
        self.replace(part, elements);
        if self.room() > 2 * self.len() + 64 {
            self.settle(roomy(self.len()), Side::Back);
        }
    }

    /// Removes some entries, and keeps their room.
    pub(super) fn take_out(&mut self, part: Part) {
        self.replace(part, &[]);
    }

    fn replace(&mut self, part: Part, elements: &[Element<'_>]) {
        let Part { entries, bytes } = part;
        let added = len_of(elements);
        let after = self.len() - bytes.len() + added;
        let more = added.saturating_sub(bytes.len());
        if !self.has_room(Side::Front, more) && !self.has_room(Side::Back, more) {
            let room = if after > self.room() { roomy(after) } else { self.room() };
            self.settle(room, Side::Back);
        }
        if Self::HEAD > 0 {
            let lengths = &mut self.room[..Self::HEAD];
            lengths::remove(lengths, entries.start, entries.len());
            if !elements.is_empty() {
                lengths::insert(lengths, entries.start, added);
            }
        }
        self.exchange(bytes, elements, added);
    }

    /// Adds an entry behind `count` others, or before them, where more will follow: so there is room for half
    /// as much again.
    pub(super) fn extend(&mut self, side: Side, count: usize, elements: &[Element<'_>]) {
        let (len, added) = (self.len(), len_of(elements));
        if !self.has_room(side, added) {
            let is_large = len + added <= self.room();
            self.settle(if is_large { self.room() } else { len + len / 2 + 2 * added }, side);
        }
        let (index, at) = if side == Side::Front { (0, 0) } else { (count, len) };
        if Self::HEAD > 0 {
            lengths::insert(&mut self.room[..Self::HEAD], index, added);
        }
        self.exchange(at..at, elements, added);
    }

    /// Takes off what lies behind this place.
    pub(super) fn split_off(&mut self, index: usize, at: usize) -> Self {
        let mut later = Self::default();
        later.settle(roomy(self.len() - at), Side::Back);
        later.put(&self[at..]);
        if Self::HEAD > 0 {
            let (left, taken) = self.room[..Self::HEAD].split_at_mut(index);
            later.room[..Self::HEAD - left.len()].copy_from_slice(taken);
            taken.fill(0);
        }
        self.end = self.start + narrow(at);
        self.settle(roomy(at), Side::Back);
        later
    }

    /// Takes up the entries of a leaf behind its own, of which there are `count`.
    pub(super) fn join(&mut self, count: usize, more: &Self) {
        self.settle(roomy(self.len() + more.len()), Side::Back);
        self.take_up(count, more);
    }

    fn take_up(&mut self, count: usize, more: &Self) {
        self.put(more);
        if Self::HEAD > 0 {
            let theirs = &more.lengths()[..(Self::HEAD - count).min(more.lengths().len())];
            self.room[count..count + theirs.len()].copy_from_slice(theirs);
        }
    }

    /// Puts bytes behind those that are there, where there is room.
    fn put(&mut self, more: &[u8]) {
        let (before, after) = (self.end as usize, self.end as usize + more.len());
        self.room[before..after].copy_from_slice(more);
        self.end = narrow(after);
    }

    /// Gives back the room on both sides, if that is worth it: no more entries are to come for now.
    pub(super) fn close(&mut self) {
        if self.room() > self.len() + self.len() / SLACK {
            self.settle(self.len(), Side::Back);
        }
    }

    /// The bytes that there are for entries.
    #[inline]
    fn room(&self) -> usize {
        self.room.len().saturating_sub(Self::HEAD)
    }

    #[inline]
    fn has_room(&self, side: Side, bytes: usize) -> bool {
        let free = match side {
            Side::Front => (self.start as usize).saturating_sub(Self::HEAD),
            Side::Back => self.room.len() - self.end as usize,
        };
        free >= bytes && !self.room.is_empty()
    }

    /// Gives the entries so many bytes; those that are free lie at this side.
    fn settle(&mut self, bytes: usize, free: Side) {
        let (entries, len) = (self.start as usize..self.end as usize, self.len());
        let start = Self::HEAD + if free == Side::Front { bytes - len } else { 0 };
        if Self::HEAD + bytes == self.room.len() {
            self.room.copy_within(entries, start);
        } else {
            let mut room = Vec::with_capacity(Self::HEAD + bytes);
            room.extend_from_slice(self.lengths());
            room.resize(start, 0);
            room.extend_from_slice(&self.room[entries]);
            room.resize(Self::HEAD + bytes, 0);
            self.room = room.into_boxed_slice();
        }
        (self.start, self.end) = (narrow(start), narrow(start + len));
    }

    /// Replaces a range by elements of so many bytes, for which there is room at one side.
    #[inline]
    fn exchange(&mut self, range: Range<usize>, elements: &[Element<'_>], added: usize) {
        let (start, end) = (self.start as usize, self.end as usize);
        let is_early = range.start < self.len() - range.end;
        let (mut at, behind) = (start + range.start, start + range.end);
        if added > range.len() {
            let more = added - range.len();
            if self.has_room(Side::Front, more) && (is_early || !self.has_room(Side::Back, more)) {
                self.room.copy_within(start..at, start - more);
                (self.start, at) = (narrow(start - more), at - more);
            } else {
                self.room.copy_within(behind..end, behind + more);
                self.end = narrow(end + more);
            }
        } else {
            let less = range.len() - added;
            if is_early {
                self.room.copy_within(start..at, start + less);
                (self.start, at) = (narrow(start + less), at + less);
            } else {
                self.room.copy_within(behind..end, behind - less);
                self.end = narrow(end - less);
            }
        }
        for element in elements {
            element.write(&mut self.room[at..]);
            at += element.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::items::Unordered;
    use crate::collection::ranking;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Splice(usize, usize, usize),
        Extend(bool, usize),
        SplitOff(usize),
        Join(usize),
        Close,
        Copy,
    }

    fn step() -> impl Strategy<Value = Step> {
        let splice = (any::<usize>(), 0_usize..6, 0_usize..60);
        prop_oneof![
            6 => splice.prop_map(|(at, count, added)| Step::Splice(at, count, added)),
            6 => (any::<bool>(), 0_usize..300).prop_map(|(front, added)| Step::Extend(front, added)),
            1 => any::<usize>().prop_map(Step::SplitOff),
            1 => (0_usize..20).prop_map(Step::Join),
            1 => Just(Step::Close),
            1 => Just(Step::Copy),
        ]
    }

    fn entry(text: &[u8]) -> Vec<u8> {
        let element = Element::new(text);
        let mut bytes = vec![0; element.len()];
        element.write(&mut bytes);
        bytes
    }

    fn agrees_with_a_vector<K: Key>(steps: Vec<Step>) {
        let (mut leaf, mut model) = (Leaf::<K>::default(), Vec::new());
        let place = |model: &[Vec<u8>], index: usize| model[..index].concat().len();
        for (number, step) in steps.into_iter().enumerate() {
            let text = |len: usize| vec![b'a' + (number % 26) as u8; len];
            let is_full = model.len() > K::LEAF_ENTRIES_MAX;
            match step {
                Step::Splice(index, count, added) => {
                    let index = index % (model.len() + 1);
                    let entries = index..(index + count).min(model.len());
                    let bytes = place(&model, entries.start)..place(&model, entries.end);
                    let part = leaf.part::<1>(entries.clone());
                    assert_eq!((&part.entries, &part.bytes), (&entries, &bytes));
                    let text = text(added);
                    if is_full && part.entries.is_empty() {
                        continue;
                    }
                    if added % 4 == 0 {
                        if added % 8 == 0 {
                            leaf.splice(part, &[]);
                        } else {
                            leaf.take_out(part);
                        }
                        model.drain(entries);
                    } else {
                        leaf.splice(part, &[Element::new(&text)]);
                        model.splice(entries, [entry(&text)]);
                    }
                }
                Step::Extend(..) if is_full => {}
                Step::Extend(front, added) => {
                    let text = text(added);
                    let side = if front { Side::Front } else { Side::Back };
                    leaf.extend(side, model.len(), &[Element::new(&text)]);
                    model.insert(if front { 0 } else { model.len() }, entry(&text));
                }
                Step::SplitOff(_) if leaf.memory_bytes() == 0 => {}
                Step::SplitOff(index) => {
                    let index = index % (model.len() + 1);
                    let later = leaf.split_off(index, place(&model, index));
                    assert_eq!(later[..], model.split_off(index).concat());
                }
                Step::Join(count) if model.len() + count <= K::LEAF_ENTRIES_MAX => {
                    let mut more = Leaf::default();
                    for len in 0..count {
                        more.extend(Side::Back, len, &[Element::new(&text(len * len))]);
                    }
                    leaf.join(model.len(), &more);
                    model.extend((0..count).map(|len| entry(&text(len * len))));
                }
                Step::Join(_) => {}
                Step::Close => {
                    leaf.close();
                    let len = model.concat().len();
                    assert!(leaf.memory_bytes() <= len + len / SLACK + Leaf::<K>::HEAD);
                }
                Step::Copy => leaf = leaf.clone(),
            }
            assert_eq!(leaf[..], model.concat());
            for index in 0..=model.len() {
                assert_eq!(leaf.place::<1>(index), place(&model, index));
                let known = lengths::place(leaf.lengths(), index);
                let is_known = model[..index].iter().all(|entry| entry.len() < 256);
                assert_eq!(known.is_some(), index == 0 || K::HAS_LENGTHS && is_known);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn agrees_with_a_vector_without_lengths(steps in prop::collection::vec(step(), 0..80)) {
            agrees_with_a_vector::<Unordered>(steps);
        }

        #[test]
        fn agrees_with_a_vector_with_lengths(steps in prop::collection::vec(step(), 0..80)) {
            agrees_with_a_vector::<ranking::Key>(steps);
        }
    }

    #[test]
    fn an_end_that_entries_come_to_and_leave_stays_where_it_is() {
        let mut leaf = Leaf::<Unordered>::of(&[Element::new(b"the last")]);
        (1..21).for_each(|n| leaf.extend(Side::Front, n, &[Element::new(b"one more")]));
        let last = |leaf: &Leaf<_>| leaf.last().map(|byte| std::ptr::from_ref(byte).addr());
        leaf.extend(Side::Front, 21, &[Element::new(b"room for more")]);
        let before = (leaf.memory_bytes(), last(&leaf));
        leaf.splice(leaf.part::<1>(0..1), &[]);
        leaf.extend(Side::Front, 21, &[Element::new(b"one more")]);
        assert_eq!((leaf.memory_bytes(), last(&leaf)), before);
    }
}
