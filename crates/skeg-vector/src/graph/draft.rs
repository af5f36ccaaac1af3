//! A graph that is being built or changed: room for a list of neighbours for each row.
//!
//! Between steps of building a list may be longer than the degree, so that not every new link costs a
//! pruning; `settle` brings all down to it.
//!
//! Invariants: a list holds places of other rows, each once; from the entry every row can be reached
//! once the draft is settled.
//!
//! May not know: codes' layouts, threads, how graphs are stored.

use super::GraphError;
use super::nearest::PLACES_MAX;
use super::walk::Links;

/// See the module's header.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Links of a row at most.
    pub(super) degree: usize,
    /// Room for each row's list.
    pub(super) slots: usize,
    links: Vec<u32>,
    counts: Vec<u8>,
    /// How many of a list's first links pruning chose: each stands beside the others.
    chosen: Vec<u8>,
    /// Where walks begin; nothing while there are no rows.
    pub(super) entry: Option<u32>,
}

/// Degrees that a graph can have.
pub const DEGREES: std::ops::RangeInclusive<usize> = 4..=128;

/// Room for a list of so many links, between steps.
pub(super) fn slots_of(degree: usize) -> usize {
    degree + degree / 4 + 1
}

impl Draft {
    /// A graph without rows.
    ///
    /// # Errors
    /// [`GraphError::Degree`].
    pub fn new(degree: usize) -> Result<Self, GraphError> {
        if !DEGREES.contains(&degree) {
            return Err(GraphError::Degree { given: degree });
        }
        Ok(Self::of_degree(degree))
    }

    pub(super) fn of_degree(degree: usize) -> Self {
        let slots = slots_of(degree);
        Self {
            degree,
            slots,
            links: Vec::new(),
            counts: Vec::new(),
            chosen: Vec::new(),
            entry: None,
        }
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

    /// Links of a row at most.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// The neighbours of the row at a place.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn links(&self, place: u32) -> &[u32] {
        let place = place as usize;
        &self.links[place * self.slots..][..usize::from(self.counts[place])]
    }

    /// Bytes that the lists of so many rows take.
    pub(super) fn bytes_of(degree: usize, rows: usize) -> usize {
        rows * (slots_of(degree) * size_of::<u32>() + 2)
    }

    /// Makes room for further rows, without links.
    pub(super) fn grow(&mut self, rows: usize) -> Result<(), GraphError> {
        let len = self.len() + rows;
        if len > PLACES_MAX {
            return Err(GraphError::Rows { given: len });
        }
        self.links.reserve_exact(rows * self.slots);
        self.links.resize(len * self.slots, 0);
        self.counts.reserve_exact(rows);
        self.counts.resize(len, 0);
        self.chosen.reserve_exact(rows);
        self.chosen.resize(len, 0);
        Ok(())
    }

    /// Replaces the list of a row. Pruning chose the first `chosen` of it.
    pub(super) fn set(&mut self, place: u32, links: &[u32], chosen: usize) {
        let at = place as usize;
        let fits = |count| u8::try_from(count).expect("a list fits its slots");
        self.links[at * self.slots..][..links.len()].copy_from_slice(links);
        (self.counts[at], self.chosen[at]) = (fits(links.len()), fits(chosen));
    }

    /// How many of a row's first links pruning chose.
    pub(super) fn chosen(&self, place: u32) -> usize {
        usize::from(self.chosen[place as usize])
    }

    /// Whether a row's list has room.
    pub(super) fn has_room(&self, place: u32) -> bool {
        usize::from(self.counts[place as usize]) < self.slots
    }

    /// Appends a link to a list with room.
    pub(super) fn link(&mut self, from: u32, to: u32) {
        let count = usize::from(self.counts[from as usize]);
        self.links[from as usize * self.slots + count] = to;
        self.counts[from as usize] += 1;
    }
}

impl Links for Draft {
    fn append(&self, place: u32, to: &mut Vec<u32>) {
        to.extend_from_slice(self.links(place));
    }

    fn prefetch(&self, place: u32) {
        skeg_simd::prefetch(self.links(place));
    }
}
