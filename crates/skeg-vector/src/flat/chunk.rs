//! A block of rows: the unit that a write copies while a view still holds it.
//!
//! Invariants: rows lie end to end in one allocation of at most 64 KiB (four rows when those are
//! longer), so a scan streams through memory and a copy takes microseconds; ids and scales have one
//! entry a row; string ids lie end to end, too, so a copy never touches one allocation per id.
//!
//! May not know: other chunks, views.

use crate::{IdKind, IdRef};

/// Bytes of rows in a chunk, about: what is copied when a row changes that a view holds.
const ROWS_BYTES: usize = 64 << 10;

/// Rows in a chunk at least: a scan reads as many streams side by side.
const ROWS_MIN: usize = 4;

/// Rows in a chunk at most.
pub(crate) const ROWS_MAX: usize = 256;

/// How rows are laid out. The same for all chunks of an index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Numbers in a row.
    pub(crate) dim: usize,
    /// Rows in a full chunk: a power of two.
    pub(crate) rows: usize,
    /// Whether each row has a scale.
    pub(crate) scaled: bool,
    /// What the ids are.
    pub(crate) ids: IdKind,
}

impl Shape {
    pub(crate) fn new(dim: usize, scaled: bool, ids: IdKind) -> Self {
        let fitting = (ROWS_BYTES / size_of::<f32>() / dim).clamp(ROWS_MIN, ROWS_MAX);
        let rows =
            if fitting.is_power_of_two() { fitting } else { fitting.next_power_of_two() / 2 };
        Self { dim, rows, scaled, ids }
    }
}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Chunk {
    rows: Vec<f32>,
    scales: Vec<f32>,
    ids: Ids,
}

#[derive(Debug)]
enum Ids {
    U64(Vec<u64>),
    /// The text of all ids, and where each ends.
    Str {
        text: String,
        ends: Vec<u32>,
    },
}

impl Chunk {
    /// An empty chunk with room for `rows`.
    pub(crate) fn new(shape: Shape, rows: usize) -> Self {
        let ids = match shape.ids {
            IdKind::U64 => Ids::U64(Vec::with_capacity(rows)),
            IdKind::Str => Ids::Str { text: String::new(), ends: Vec::with_capacity(rows) },
        };
        Self {
            rows: Vec::with_capacity(rows * shape.dim),
            scales: Vec::with_capacity(if shape.scaled { rows } else { 0 }),
            ids,
        }
    }

    /// All rows, end to end.
    pub(crate) fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// One for each row, or none.
    pub(crate) fn scales(&self) -> &[f32] {
        &self.scales
    }

    pub(crate) fn row(&self, shape: Shape, place: usize) -> &[f32] {
        &self.rows[place * shape.dim..][..shape.dim]
    }

    pub(crate) fn scale(&self, shape: Shape, place: usize) -> f32 {
        if shape.scaled { self.scales[place] } else { 1.0 }
    }

    #[inline]
    pub(crate) fn id(&self, place: usize) -> IdRef<'_> {
        match &self.ids {
            Ids::U64(numbers) => IdRef::U64(numbers[place]),
            Ids::Str { text, ends } => IdRef::Str(&text[start(ends, place)..ends[place] as usize]),
        }
    }

    /// Appends a row. Room doubles up to a full chunk.
    pub(crate) fn push(&mut self, shape: Shape, id: IdRef<'_>, row: &[f32], scale: f32) {
        if self.rows.len() == self.rows.capacity() {
            let held = self.rows.len() / shape.dim;
            let more = held.clamp(1, shape.rows - held);
            self.rows.reserve_exact(more * shape.dim);
            if shape.scaled {
                self.scales.reserve_exact(more);
            }
            match &mut self.ids {
                Ids::U64(numbers) => numbers.reserve_exact(more),
                Ids::Str { ends, .. } => ends.reserve_exact(more),
            }
        }
        self.rows.extend_from_slice(row);
        if shape.scaled {
            self.scales.push(scale);
        }
        match (&mut self.ids, id) {
            (Ids::U64(numbers), IdRef::U64(number)) => numbers.push(number),
            (Ids::Str { text, ends }, IdRef::Str(name)) => {
                text.push_str(name);
                ends.push(end_of(text));
            }
            _ => unreachable!("the index checks the kind of every id"),
        }
    }

    /// Puts other numbers into a row.
    pub(crate) fn overwrite(&mut self, shape: Shape, place: usize, row: &[f32], scale: f32) {
        self.rows[place * shape.dim..][..shape.dim].copy_from_slice(row);
        if shape.scaled {
            self.scales[place] = scale;
        }
    }

    /// Gives a row another id.
    pub(crate) fn rename(&mut self, place: usize, id: IdRef<'_>) {
        match (&mut self.ids, id) {
            (Ids::U64(numbers), IdRef::U64(number)) => numbers[place] = number,
            (Ids::Str { text, ends }, IdRef::Str(name)) => {
                let (from, to) = (start(ends, place), ends[place] as usize);
                text.replace_range(from..to, name);
                let after = from + name.len();
                for end in &mut ends[place..] {
                    *end = u32::try_from(*end as usize - to + after).expect(TEXT_FITS);
                }
            }
            _ => unreachable!("the index checks the kind of every id"),
        }
    }

    /// Drops the last row.
    pub(crate) fn pop(&mut self, shape: Shape) {
        self.rows.truncate(self.rows.len().saturating_sub(shape.dim));
        self.scales.pop();
        match &mut self.ids {
            Ids::U64(numbers) => {
                numbers.pop();
            }
            Ids::Str { text, ends } => {
                ends.pop();
                text.truncate(ends.last().map_or(0, |&end| end as usize));
            }
        }
    }

    /// Bytes allocated behind this struct.
    pub(crate) fn heap_bytes(&self) -> usize {
        let ids = match &self.ids {
            Ids::U64(numbers) => numbers.capacity() * size_of::<u64>(),
            Ids::Str { text, ends } => text.capacity() + ends.capacity() * size_of::<u32>(),
        };
        (self.rows.capacity() + self.scales.capacity()) * size_of::<f32>() + ids
    }
}

/// A copy keeps its room, so that the chunk that rows are appended to is not moved twice.
impl Clone for Chunk {
    fn clone(&self) -> Self {
        let ids = match &self.ids {
            Ids::U64(numbers) => Ids::U64(copy(numbers)),
            Ids::Str { text, ends } => {
                let mut same = String::with_capacity(text.capacity());
                same.push_str(text);
                Ids::Str { text: same, ends: copy(ends) }
            }
        };
        Self { rows: copy(&self.rows), scales: copy(&self.scales), ids }
    }
}

fn copy<T: Copy>(of: &Vec<T>) -> Vec<T> {
    let mut same = Vec::with_capacity(of.capacity());
    same.extend_from_slice(of);
    same
}

const TEXT_FITS: &str = "256 ids of at most 4 KiB";

fn start(ends: &[u32], place: usize) -> usize {
    place.checked_sub(1).map_or(0, |before| ends[before] as usize)
}

fn end_of(text: &str) -> u32 {
    u32::try_from(text.len()).expect(TEXT_FITS)
}
