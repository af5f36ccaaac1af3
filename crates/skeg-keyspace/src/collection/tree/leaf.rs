//! The entries of a leaf, one behind the other, with free room on either side of them: whoever adds or
//! removes entries moves those on the shorter side. So an end that entries come to, or leave, moves none.
//!
//! May not know: how many entries there are, where they begin.

use std::ops::{Deref, DerefMut, Range};

use super::ends::Side;
use crate::collection::element::Element;

#[derive(Debug, Default)]
pub(super) struct Leaf {
    room: Box<[u8]>,
    /// Where in the room the entries lie.
    start: u32,
    end: u32,
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

impl Deref for Leaf {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.room[self.start as usize..self.end as usize]
    }
}

impl DerefMut for Leaf {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.room[self.start as usize..self.end as usize]
    }
}

impl Clone for Leaf {
    /// A copy has no room to spare.
    fn clone(&self) -> Self {
        Self { room: (**self).into(), start: 0, end: narrow(self.len()) }
    }
}

impl Leaf {
    /// A leaf of one entry.
    pub(super) fn of(elements: &[Element<'_>]) -> Self {
        let mut leaf = Self::default();
        leaf.splice(0..0, elements);
        leaf
    }

    /// The bytes that it has allocated.
    #[inline]
    pub(super) fn memory_bytes(&self) -> usize {
        self.room.len()
    }

    /// Replaces a range by elements.
    pub(super) fn splice(&mut self, range: Range<usize>, elements: &[Element<'_>]) {
        let added = len_of(elements);
        let after = self.len() - range.len() + added;
        let more = added.saturating_sub(range.len());
        if !self.has_room(Side::Front, more) && !self.has_room(Side::Back, more) {
            let room = if after > self.room.len() { roomy(after) } else { self.room.len() };
            self.settle(room, Side::Back);
        }
        self.exchange(range, elements, added);
        if self.room.len() > 2 * after + 64 {
            self.settle(roomy(after), Side::Back);
        }
    }

    /// Adds elements at an end, where more will follow: so there is room for half as much again.
    pub(super) fn extend(&mut self, side: Side, elements: &[Element<'_>]) {
        let (len, added) = (self.len(), len_of(elements));
        if !self.has_room(side, added) {
            let is_large = len + added <= self.room.len();
            self.settle(if is_large { self.room.len() } else { len + len / 2 + 2 * added }, side);
        }
        let at = if side == Side::Front { 0 } else { len };
        self.exchange(at..at, elements, added);
    }

    /// Takes off what lies behind `at`.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let mut later = Self::default();
        later.join(&self[at..]);
        self.end = self.start + narrow(at);
        self.settle(roomy(at), Side::Back);
        later
    }

    /// Takes up the entries of a leaf behind it.
    pub(super) fn join(&mut self, more: &[u8]) {
        let (before, after) = (self.len(), self.len() + more.len());
        self.settle(roomy(after), Side::Back);
        self.room[before..after].copy_from_slice(more);
        self.end = narrow(after);
    }

    /// Gives back the room on both sides.
    pub(super) fn shrink_to_fit(&mut self) {
        self.settle(self.len(), Side::Back);
    }

    #[inline]
    fn has_room(&self, side: Side, bytes: usize) -> bool {
        let free = match side {
            Side::Front => self.start as usize,
            Side::Back => self.room.len() - self.end as usize,
        };
        free >= bytes
    }

    /// Gives the leaf so many bytes; those that are free lie at this side.
    fn settle(&mut self, bytes: usize, free: Side) {
        let (entries, len) = (self.start as usize..self.end as usize, self.len());
        let start = if free == Side::Front { bytes - len } else { 0 };
        if bytes == self.room.len() {
            self.room.copy_within(entries, start);
        } else {
            let mut room = Vec::with_capacity(bytes);
            room.resize(start, 0);
            room.extend_from_slice(&self.room[entries]);
            room.resize(bytes, 0);
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
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Splice(usize, usize, usize),
        Extend(bool, usize),
        SplitOff(usize),
        Join(usize),
        Shrink,
        Copy,
    }

    fn step() -> impl Strategy<Value = Step> {
        let splice = (any::<usize>(), 0_usize..200, 0_usize..60);
        prop_oneof![
            6 => splice.prop_map(|(at, count, added)| Step::Splice(at, count, added)),
            6 => (any::<bool>(), 0_usize..60).prop_map(|(front, added)| Step::Extend(front, added)),
            1 => any::<usize>().prop_map(Step::SplitOff),
            1 => (0_usize..300).prop_map(Step::Join),
            1 => Just(Step::Shrink),
            1 => Just(Step::Copy),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn agrees_with_a_vector(steps in prop::collection::vec(step(), 0..80)) {
            let (mut leaf, mut model) = (Leaf::default(), Vec::new());
            for (number, step) in steps.into_iter().enumerate() {
                let text = |len: usize| vec![b'a' + (number % 26) as u8; len];
                // As an entry of that many bytes lies in a leaf, its length first.
                let entry = |text: &[u8]| [&[text.len() as u8][..], text].concat();
                match step {
                    Step::Splice(at, count, added) => {
                        let at = at % (model.len() + 1);
                        let range = at..(at + count).min(model.len());
                        let text = text(added);
                        leaf.splice(range.clone(), &[Element::new(&text)]);
                        model.splice(range, entry(&text));
                    }
                    Step::Extend(front, added) => {
                        let text = text(added);
                        let side = if front { Side::Front } else { Side::Back };
                        leaf.extend(side, &[Element::new(&text)]);
                        let at = if front { 0 } else { model.len() };
                        model.splice(at..at, entry(&text));
                    }
                    Step::SplitOff(at) => {
                        let at = at % (model.len() + 1);
                        prop_assert_eq!(&leaf.split_off(at)[..], &model.split_off(at)[..]);
                    }
                    Step::Join(count) => {
                        leaf.join(&text(count));
                        model.extend(text(count));
                    }
                    Step::Shrink => {
                        leaf.shrink_to_fit();
                        prop_assert_eq!(leaf.memory_bytes(), model.len());
                    }
                    Step::Copy => leaf = leaf.clone(),
                }
                prop_assert_eq!(&leaf[..], &model[..]);
            }
        }
    }

    #[test]
    fn an_end_that_entries_come_to_and_leave_stays_where_it_is() {
        let mut leaf = Leaf::of(&[Element::new(b"the last")]);
        (0..20).for_each(|_| leaf.extend(Side::Front, &[Element::new(b"one more")]));
        let last = |leaf: &Leaf| leaf.last().map(|byte| std::ptr::from_ref(byte).addr());
        leaf.extend(Side::Front, &[Element::new(b"room for more")]);
        let before = (leaf.memory_bytes(), last(&leaf));
        leaf.splice(0..14, &[]);
        leaf.extend(Side::Front, &[Element::new(b"one more")]);
        assert_eq!((leaf.memory_bytes(), last(&leaf)), before);
    }
}
