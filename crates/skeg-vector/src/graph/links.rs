//! A finished graph: which rows each row leads to, in as few bits as their number needs.
//!
//! Links lie end to end, each in the bits that the greatest place needs (20 for a million
//! rows); a byte a row says how many there are, and every sixteenth row where they begin. Its stored
//! form, `docs/format/vectors.md`, is the same bits with a header.
//!
//! Invariants: every link is the place of a row; `from_bytes(to_bytes(g)) == g`, and bytes that it
//! refuses never panic and never allocate by a claimed length.
//!
//! May not know: rows, codes, where the bytes are kept.

use super::draft::Draft;
use super::nearest::PLACES_MAX;
use super::walk::Links;
use crate::VectorError;

/// Bytes before the numbers of links.
const HEADER: usize = 16;

/// Rows for each of which it is not kept where their links begin.
const GROUP: usize = 16;

/// Bytes behind the links, so that a link is read as eight.
const PADDING: usize = 8;

/// See the module's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    entry: u32,
    /// Bits of a link.
    width: usize,
    /// Links of each row.
    counts: Vec<u8>,
    /// Links before each group of rows.
    starts: Vec<u32>,
    /// The links' bits, lowest first, and [`PADDING`].
    bits: Vec<u8>,
}

/// Bits of a place among so many.
fn width_of(rows: usize) -> usize {
    (usize::BITS - rows.saturating_sub(1).leading_zeros()).max(1) as usize
}

impl Graph {
    /// The graph of a draft.
    #[must_use]
    pub fn new(draft: &Draft) -> Self {
        let rows = draft.len() as u32;
        let width = width_of(draft.len());
        let counts: Vec<u8> = (0..rows).map(|place| draft.links(place).len() as u8).collect();
        let starts =
            starts_of(&counts).expect("at most 2^30 rows of 160 links: checked by a draft");
        let links = counts.iter().map(|&count| usize::from(count)).sum::<usize>();
        let mut bits = vec![0; (links * width).div_ceil(8) + PADDING];
        let all = (0..rows).flat_map(|place| draft.links(place));
        for (number, &link) in all.enumerate() {
            let (byte, shift) = (number * width / 8, number * width % 8);
            let shifted = (u64::from(link) << shift).to_le_bytes();
            bits[byte..][..8].iter_mut().zip(shifted).for_each(|(to, from)| *to |= from);
        }
        Self { entry: draft.entry.unwrap_or(0), width, counts, starts, bits }
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Where walks begin.
    pub(super) fn entry(&self) -> Option<u32> {
        (!self.is_empty()).then_some(self.entry)
    }

    /// All links, as they are kept.
    pub(crate) fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// Links of all rows.
    #[must_use]
    pub fn links(&self) -> usize {
        self.counts.iter().map(|&count| usize::from(count)).sum()
    }

    /// Bytes allocated behind this struct.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.counts.capacity() + self.starts.capacity() * size_of::<u32>() + self.bits.capacity()
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let links = self.bits.len() - PADDING;
        let mut bytes = Vec::with_capacity(HEADER + self.len() + links);
        for number in [self.len() as u32, self.entry, self.links() as u32, self.width as u32] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.counts);
        bytes.extend_from_slice(&self.bits[..links]);
        bytes
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`VectorError::Corrupt`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VectorError> {
        let corrupt = |reason| Err(VectorError::Corrupt { reason });
        let Some((header, content)) = bytes.split_first_chunk::<HEADER>() else {
            return corrupt("a graph is cut short");
        };
        let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|n| header[at + n]));
        let (rows, entry, links) = (number(0) as usize, number(4), number(8));
        let width = width_of(rows);
        if rows > PLACES_MAX || number(12) as usize != width {
            return corrupt("a header that no graph has");
        }
        let Some((counts, bits)) = content.split_at_checked(rows) else {
            return corrupt("a graph of more rows than it has bytes");
        };
        let sum: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        let length = (sum as usize * width).div_ceil(8);
        if sum != u64::from(links) || bits.len() != length {
            return corrupt("a graph of other links than its rows have");
        }
        if entry as usize >= rows.max(1) {
            return corrupt("a walk begins at a row that is not there");
        }
        let Some(starts) = starts_of(counts) else {
            return corrupt("a graph of more links than can be counted");
        };
        let mut padded = Vec::with_capacity(bits.len() + PADDING);
        padded.extend_from_slice(bits);
        padded.resize(bits.len() + PADDING, 0);
        let graph = Self { entry, width, counts: counts.to_vec(), starts, bits: padded };
        if (0..links as usize).any(|number| graph.link(number) as usize >= rows) {
            return corrupt("a link to a row that is not there");
        }
        if graph.link(links as usize) & !(u32::MAX << (length * 8 - links as usize * width)) != 0 {
            return corrupt("bits behind the last link");
        }
        Ok(graph)
    }

    /// The link of a number among all.
    #[inline]
    fn link(&self, number: usize) -> u32 {
        let at = number * self.width;
        let bytes = self.bits[at / 8..].first_chunk().expect("padding lies behind every link");
        (u64::from_le_bytes(*bytes) >> (at % 8)) as u32 & ((1_u64 << self.width) - 1) as u32
    }

    /// Links before those of a row.
    #[inline]
    fn start(&self, place: u32) -> usize {
        let (group, within) = (place as usize / GROUP, place as usize % GROUP);
        let before = &self.counts[group * GROUP..][..within];
        self.starts[group] as usize + before.iter().map(|&count| usize::from(count)).sum::<usize>()
    }
}

/// Links before each group of rows, unless they are too many.
fn starts_of(counts: &[u8]) -> Option<Vec<u32>> {
    let mut links = 0_u32;
    let mut starts = Vec::with_capacity(counts.len().div_ceil(GROUP));
    for group in counts.chunks(GROUP) {
        starts.push(links);
        links = links.checked_add(group.iter().map(|&count| u32::from(count)).sum())?;
    }
    Some(starts)
}

impl Links for Graph {
    fn append(&self, place: u32, to: &mut Vec<u32>) {
        let start = self.start(place);
        let count = usize::from(self.counts[place as usize]);
        to.extend((start..start + count).map(|number| self.link(number)));
    }

    fn prefetch(&self, place: u32) {
        let at = self.start(place) * self.width / 8;
        let bytes = usize::from(self.counts[place as usize]) * self.width / 8 + 1;
        skeg_simd::prefetch(&self.bits[at..][..bytes]);
    }
}
