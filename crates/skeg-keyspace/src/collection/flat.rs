//! Small collections as one run of bytes: the number of entries in a byte, then the entries in
//! order. An entry is one element (lists and sets) or two (hashes: field and value; sorted sets:
//! member and score, in the order of scores).
//!
//! May not know: where the bytes lie.

use std::ops::Range;

use super::element::{self, Element};

/// A collection with more entries is indexed.
pub(crate) const FLAT_ENTRIES_MAX: usize = 128;
/// A collection with more bytes is indexed.
pub(crate) const FLAT_BYTES_MAX: usize = 1024;

/// The bytes before the first entry.
pub(crate) const HEAD_BYTES: usize = 1;

/// A view of a flat collection whose entries are `WIDTH` elements each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flat<'a, const WIDTH: usize>(&'a [u8]);

/// The bytes of the entry at the start of `bytes`. Always inline: walks do little else.
#[inline(always)]
pub(crate) fn entry_len<const WIDTH: usize>(bytes: &[u8]) -> usize {
    let first = element::len(bytes);
    if WIDTH == 1 { first } else { first + element::len(&bytes[first..]) }
}

/// Where entry `index` of a run of entries begins, or the run ends.
#[inline]
pub(crate) fn place_in<const WIDTH: usize>(entries: &[u8], index: usize) -> usize {
    (0..index).fold(0, |at, _| at + entry_len::<WIDTH>(&entries[at..]))
}

/// Whether a collection of so many entries and bytes is stored flat.
pub(crate) fn is_flat(entries: usize, bytes: usize) -> bool {
    entries <= FLAT_ENTRIES_MAX && bytes <= FLAT_BYTES_MAX
}

impl<'a, const WIDTH: usize> Flat<'a, WIDTH> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The number of entries.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.0[0])
    }

    /// All its bytes.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The entries with the place where each begins.
    #[inline]
    pub(crate) fn entries(&self) -> Entries<'a, WIDTH> {
        Entries { bytes: self.0, at: HEAD_BYTES }
    }

    /// The bytes of entry `index`.
    pub(crate) fn range_of(&self, index: usize) -> Range<usize> {
        let at = self.place_of(index);
        at..at + entry_len::<WIDTH>(&self.0[at..])
    }

    /// Where entry `index` begins, or the end.
    pub(crate) fn place_of(&self, index: usize) -> usize {
        HEAD_BYTES + place_in::<WIDTH>(&self.0[HEAD_BYTES..], index)
    }

    /// Where the entry begins whose first element is this one.
    #[inline]
    pub(crate) fn find(&self, first: &Element<'_>) -> Option<usize> {
        self.entries().find(|(_, entry)| first.is_at(entry)).map(|(at, _)| at)
    }
}

/// Entries of a flat collection: where each begins, and the bytes from there on.
#[derive(Clone, Debug)]
pub(crate) struct Entries<'a, const WIDTH: usize> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a, const WIDTH: usize> Iterator for Entries<'a, WIDTH> {
    type Item = (usize, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        let at = self.at;
        let entry = self.bytes.get(at..).filter(|entry| !entry.is_empty())?;
        self.at += entry_len::<WIDTH>(entry);
        Some((at, entry))
    }
}

/// The second element of an entry.
#[inline]
pub(crate) fn second(entry: &[u8]) -> &[u8] {
    &entry[element::len(entry)..]
}
