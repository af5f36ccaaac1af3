//! What is in a view, for whoever writes it out or wants to know what it consists of.
//!
//! May not know: threads, where rows lie.

use std::sync::Arc;

use super::{Row, StoredRow, View};
use crate::IdRef;

/// A segment of a view, for figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentFigures {
    /// The number of its file.
    pub file: u64,
    /// How often the index had been frozen when its newest row was.
    pub generation: u64,
    /// Live rows.
    pub rows: usize,
    /// Rows that were replaced or removed.
    pub dead: usize,
    /// Bytes of its file.
    pub file_bytes: u64,
    /// Bytes of memory.
    pub memory_bytes: usize,
    /// Links of all its rows, if it has a graph.
    pub links: Option<usize>,
}

impl View {
    /// Its segments, oldest first.
    pub fn segment_figures(&self) -> impl ExactSizeIterator<Item = SegmentFigures> {
        self.segments.iter().map(|slot| {
            let segment = &slot.segment;
            SegmentFigures {
                file: segment.head().tag.file,
                generation: segment.head().tag.generation,
                rows: slot.len(),
                dead: slot.dead.len(),
                file_bytes: segment.file_bytes(),
                memory_bytes: segment.memory_bytes() + slot.dead.heap_bytes(),
                links: segment.linked().map(|linked| linked.graph.links()),
            }
        })
    }

    /// Every id with its vector: those of segments, the oldest first, each in the order of its ids, then
    /// those in memory.
    pub fn vectors(&self) -> impl Iterator<Item = (IdRef<'_>, Row<'_>)> {
        let stored = self.segments.iter().flat_map(|slot| {
            let live = (0..slot.segment.head().rows).filter(|row| !slot.dead.contains(*row));
            live.map(|row| {
                let segment = Arc::clone(&slot.segment);
                (slot.segment.id(row), Row::Stored(StoredRow { segment, row }))
            })
        });
        stored.chain(self.unstored().map(|(id, row)| (id, Row::Here(row.into()))))
    }
}
