//! One block of a table: tags, lengths and bytes of some thirty entries in one allocation.
//!
//! ```text
//! count: u16, slots: u16, end: u32    little-endian; `slots` is a multiple of 8
//! tags: slots x u8                    a byte of the hash, never 0; 0 where there is no entry
//! lengths: slots x u8                 0 where there is no entry
//! entries                             up to `end`
//! ```
//!
//! Tags are compared eight at a time; an entry is found by adding up the lengths before it, also
//! eight at a time. So a look-up reads the head of the block and the entry, whatever lies between.
//!
//! May not know: what entries are, who hashes them.

use std::ops::Range;

use super::element::{Element, SHORT_BYTES_MAX};

const SLOTS_AT: usize = 2;
const END_AT: usize = 4;
const HEAD_BYTES: usize = 8;
const WORD: usize = 8;
const CACHE_LINE_BYTES: usize = 64;

/// The longest entry: two short strings with their lengths.
pub(crate) const ENTRY_BYTES_MAX: usize = 2 * (SHORT_BYTES_MAX + 1);
const _: () = assert!(ENTRY_BYTES_MAX <= u8::MAX as usize, "a length is a byte");

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const BUT_HIGH_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const EVEN_BYTES: u64 = 0x00ff_00ff_00ff_00ff;

/// What a block remembers of a hash; its low bits name the block already.
#[inline]
pub(crate) fn tag_of(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(1)
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Block(Box<[u8]>);

/// Where in a block an entry lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    slot: usize,
    start: usize,
    end: usize,
}

/// Where a look-up of an element will read. Look-ups wait for memory one by one; whoever calls several
/// [`ElementHint::touch_block`] in a row waits once, and then once for what [`ElementHint::entry`] names.
#[derive(Clone, Copy, Debug)]
pub struct ElementHint<'a> {
    block: &'a Block,
    tag: u8,
}

impl<'a> ElementHint<'a> {
    pub(crate) fn new(block: &'a Block, tag: u8) -> Self {
        Self { block, tag }
    }

    /// Reads the head of the block, and answers anything.
    #[inline]
    #[must_use]
    pub fn touch_block(&self) -> u8 {
        let bytes = &self.block.0;
        let Some(last) = bytes.len().checked_sub(1) else { return 0 };
        bytes[0] ^ bytes[CACHE_LINE_BYTES.min(last)]
    }

    /// The cache lines of the entry, once the head of the block has been read; or, if there is none, where
    /// it would be put.
    #[inline]
    #[must_use]
    pub fn entry(&self) -> Option<[&'a u8; 2]> {
        let bytes = &self.block.0;
        let (start, last) = match self.block.find(self.tag, |_| true) {
            Some(Spot { start, end, .. }) => (start, end - 1),
            None => (self.block.end(), self.block.end()),
        };
        let last_of_all = bytes.len().checked_sub(1)?;
        Some([start, last].map(|at| &bytes[at.min(last_of_all)]))
    }
}

impl Block {
    fn u16_at(&self, at: usize) -> usize {
        usize::from(u16::from_le_bytes([self.0[at], self.0[at + 1]]))
    }

    /// The number of entries.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        if self.0.is_empty() { 0 } else { self.u16_at(0) }
    }

    fn slots(&self) -> usize {
        if self.0.is_empty() { 0 } else { self.u16_at(SLOTS_AT) }
    }

    fn end(&self) -> usize {
        if self.0.is_empty() {
            return HEAD_BYTES;
        }
        let [a, b, c, d] = self.0[END_AT..HEAD_BYTES] else { unreachable!("the end is a u32") };
        u32::from_le_bytes([a, b, c, d]) as usize
    }

    fn set_head(&mut self, count: usize, slots: usize, end: usize) {
        let narrow = |number: usize| u16::try_from(number).expect("hashes fill blocks evenly");
        self.0[..SLOTS_AT].copy_from_slice(&narrow(count).to_le_bytes());
        self.0[SLOTS_AT..END_AT].copy_from_slice(&narrow(slots).to_le_bytes());
        self.0[END_AT..HEAD_BYTES].copy_from_slice(&(end as u32).to_le_bytes());
    }

    /// The bytes that the block has allocated.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.0.len()
    }

    /// The bytes of its entries.
    pub(crate) fn entry_bytes(&self) -> usize {
        self.end() - HEAD_BYTES - 2 * self.slots()
    }

    #[cfg(test)]
    pub(crate) fn tag(&self, slot: usize) -> u8 {
        self.0[HEAD_BYTES + slot]
    }

    /// The entry with this tag that `is` says yes to.
    #[inline]
    pub(crate) fn find(&self, tag: u8, is: impl Fn(&[u8]) -> bool) -> Option<Spot> {
        let tags = &self.0.get(HEAD_BYTES..)?[..self.slots()];
        let pattern = u64::from(tag) * LOW_BITS;
        for (index, word) in tags.as_chunks::<WORD>().0.iter().enumerate() {
            let different = u64::from_le_bytes(*word) ^ pattern;
            let mut same =
                !(((different & BUT_HIGH_BITS) + BUT_HIGH_BITS) | different | BUT_HIGH_BITS);
            while same != 0 {
                let slot = index * WORD + same.trailing_zeros() as usize / 8;
                let Range { start, end } = self.range(slot);
                if is(&self.0[start..end]) {
                    return Some(Spot { slot, start, end });
                }
                same &= same - 1;
            }
        }
        None
    }

    /// Where an entry lies.
    #[inline]
    fn range(&self, slot: usize) -> Range<usize> {
        let slots = self.slots();
        let lengths = &self.0[HEAD_BYTES + slots..][..slots];
        let (words, _) = lengths.as_chunks::<WORD>();
        let sum = |sum: u64, word: u64| sum + (word & EVEN_BYTES) + (word >> 8 & EVEN_BYTES);
        let whole = words[..slot / WORD].iter();
        let mut sums = whole.fold(0, |sums, word| sum(sums, u64::from_le_bytes(*word)));
        let last = u64::from_le_bytes(words[slot / WORD]);
        sums = sum(sums, last & !(u64::MAX << (slot % WORD * 8)));
        let before = (sums & 0xffff) + (sums >> 16 & 0xffff) + (sums >> 32 & 0xffff) + (sums >> 48);
        let start = HEAD_BYTES + 2 * slots + before as usize;
        start..start + usize::from(lengths[slot])
    }

    /// The entry in `slot`.
    #[inline]
    pub(crate) fn entry(&self, slot: usize) -> &[u8] {
        &self.0[self.range(slot)]
    }

    /// The entry that was found.
    #[inline]
    pub(crate) fn at(&self, spot: Spot) -> &[u8] {
        &self.0[spot.start..spot.end]
    }

    /// Makes room for so many bytes in all, with a little more for what follows.
    fn reserve(&mut self, bytes: usize) {
        if bytes > self.0.len() {
            self.resize(bytes + bytes / 8);
        }
    }

    /// Allocates `bytes`, rounded to what allocators give.
    fn resize(&mut self, bytes: usize) {
        let bytes = (bytes + 8).next_multiple_of(16) - 8;
        let mut whole = std::mem::take(&mut self.0).into_vec();
        whole.truncate(bytes);
        whole.reserve_exact(bytes - whole.len());
        whole.resize(bytes, 0);
        self.0 = whole.into_boxed_slice();
    }

    /// Gives tags and lengths room for more entries.
    fn widen(&mut self, slots: usize) {
        let (before, end) = (self.slots(), self.end());
        let more = slots - before;
        self.reserve(end + 2 * more);
        let lengths = HEAD_BYTES + before;
        let entries = HEAD_BYTES + 2 * before;
        self.0.copy_within(entries..end, entries + 2 * more);
        self.0.copy_within(lengths..entries, lengths + more);
        self.0[lengths..lengths + more].fill(0);
        self.0[entries + more..entries + 2 * more].fill(0);
        self.set_head(self.len(), slots, end + 2 * more);
    }

    /// Adds an entry.
    pub(crate) fn push(&mut self, tag: u8, elements: &[Element<'_>]) {
        let (slot, len) = (self.len(), elements.iter().map(Element::len).sum::<usize>());
        let mut at = self.make_room(tag, len);
        for element in elements {
            element.write(&mut self.0[at..]);
            at += element.len();
        }
        debug_assert_eq!(slot + 1, self.len(), "one more");
    }

    /// Adds an entry of `len` bytes and says where to write it.
    fn make_room(&mut self, tag: u8, len: usize) -> usize {
        let slot = self.len();
        if slot == self.slots() {
            self.widen(slot + WORD);
        }
        let (slots, end) = (self.slots(), self.end());
        self.reserve(end + len);
        self.0[HEAD_BYTES + slot] = tag;
        self.0[HEAD_BYTES + slots + slot] = len as u8;
        self.set_head(slot + 1, slots, end + len);
        end
    }

    /// Replaces what follows the first `first_len` bytes of an entry.
    pub(crate) fn replace_rest(&mut self, spot: Spot, first_len: usize, rest: &[Element<'_>]) {
        let Spot { slot, start, end: entry_end } = spot;
        let len = first_len + rest.iter().map(Element::len).sum::<usize>();
        let is_as_long = start + len == entry_end;
        if !is_as_long {
            let (count, slots, end) = (self.len(), self.slots(), self.end());
            let new_end = end + start + len - entry_end;
            self.reserve(new_end);
            self.0.copy_within(entry_end..end, start + len);
            self.0[HEAD_BYTES + slots + slot] = len as u8;
            self.set_head(count, slots, new_end);
        }
        let mut at = start + first_len;
        for element in rest {
            element.write(&mut self.0[at..]);
            at += element.len();
        }
        if !is_as_long {
            self.give_back();
        }
    }

    /// Removes an entry; those behind it move up.
    pub(crate) fn remove(&mut self, Spot { slot, start, end: entry_end }: Spot) {
        let (count, slots, end) = (self.len(), self.slots(), self.end());
        if count == 1 {
            *self = Self::default();
            return;
        }
        self.0.copy_within(entry_end..end, start);
        for at in [HEAD_BYTES, HEAD_BYTES + slots] {
            self.0.copy_within(at + slot + 1..at + count, at + slot);
            self.0[at + count - 1] = 0;
        }
        self.set_head(count - 1, slots, end - (entry_end - start));
        self.give_back();
    }

    /// Gives room back when a quarter is unused.
    fn give_back(&mut self) {
        let end = self.end();
        if end + 64 < self.0.len() * 3 / 4 {
            self.resize(end + end / 16);
        }
    }

    /// Divides the entries into those that `is_high` says no to, and the others.
    pub(crate) fn split(&self, is_high: impl Fn(&[u8]) -> bool) -> (Self, Self) {
        let mut at = HEAD_BYTES + 2 * self.slots();
        let mut parts = [(0, 0); 2];
        let mut sides = Vec::with_capacity(self.len());
        for slot in 0..self.len() {
            let len = usize::from(self.0[HEAD_BYTES + self.slots() + slot]);
            let side = usize::from(is_high(&self.0[at..at + len]));
            parts[side] = (parts[side].0 + 1, parts[side].1 + len);
            sides.push(side);
            at += len;
        }
        let mut halves = parts.map(|(count, bytes)| Self::with_room(count, bytes));
        let mut at = HEAD_BYTES + 2 * self.slots();
        for (slot, side) in sides.into_iter().enumerate() {
            let len = usize::from(self.0[HEAD_BYTES + self.slots() + slot]);
            halves[side].append(self.0[HEAD_BYTES + slot], &self.0[at..at + len]);
            at += len;
        }
        let [low, high] = halves;
        (low, high)
    }

    /// An empty block with room for so many entries of so many bytes, and a few more.
    fn with_room(count: usize, bytes: usize) -> Self {
        let mut block = Self::default();
        if count > 0 {
            let slots = (count + 1).next_multiple_of(WORD);
            let end = HEAD_BYTES + 2 * slots;
            block.resize(end + bytes + bytes / 8);
            block.set_head(0, slots, end);
        }
        block
    }

    fn append(&mut self, tag: u8, entry: &[u8]) {
        let at = self.make_room(tag, entry.len());
        self.0[at..at + entry.len()].copy_from_slice(entry);
    }

    /// Takes up the entries of another block.
    pub(crate) fn join(&mut self, other: &Self) {
        for slot in 0..other.len() {
            self.append(other.0[HEAD_BYTES + slot], other.entry(slot));
        }
    }

    #[cfg(test)]
    pub(crate) fn check<const WIDTH: usize>(&self) {
        let mut at = HEAD_BYTES + 2 * self.slots();
        for slot in 0..self.slots() {
            assert_eq!(slot < self.len(), self.0[HEAD_BYTES + slot] != 0);
            if slot < self.len() {
                assert_eq!(self.range(slot).start, at);
                assert_eq!(self.entry(slot).len(), super::flat::entry_len::<WIDTH>(&self.0[at..]));
            }
            at += usize::from(self.0[HEAD_BYTES + self.slots() + slot]);
        }
        assert_eq!(at, self.end());
    }
}
