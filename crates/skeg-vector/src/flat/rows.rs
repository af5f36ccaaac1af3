//! All rows of an index: chunks in groups, shared with views and copied when written to.
//!
//! Invariants: rows have the places 0 to `len - 1` without a gap; every chunk but the last is full;
//! a write copies at most the chunk and the group of 64 chunks that it touches, and those only if a
//! view holds them; taking a view copies one pointer per group.
//!
//! May not know: which id lies where, metrics.

use std::sync::Arc;

use super::chunk::{Chunk, Shape};
use crate::IdRef;

/// Chunks in a group.
pub(super) const GROUP: usize = 64;

/// What an `Arc` allocates beside its value.
const ARC_BYTES: usize = 2 * size_of::<usize>();

/// Chunks that follow one another. Always has room for all of them.
#[derive(Debug)]
pub(crate) struct Group(Vec<Arc<Chunk>>);

impl Group {
    fn new() -> Self {
        Self(Vec::with_capacity(GROUP))
    }

    pub(crate) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.0
    }
}

impl Clone for Group {
    fn clone(&self) -> Self {
        let mut same = Self::new();
        same.0.extend(self.0.iter().map(Arc::clone));
        same
    }
}

const GROUP_BYTES: usize = ARC_BYTES + size_of::<Group>() + GROUP * size_of::<Arc<Chunk>>();
const CHUNK_BYTES: usize = ARC_BYTES + size_of::<Chunk>();

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Rows {
    shape: Shape,
    groups: Vec<Arc<Group>>,
    len: usize,
    /// Bytes of chunks and groups.
    bytes: usize,
}

impl Rows {
    pub(crate) fn new(shape: Shape) -> Self {
        Self { shape, groups: Vec::new(), len: 0, bytes: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Rows of a full chunk.
    pub(crate) fn chunk_rows(&self) -> usize {
        self.shape.rows
    }

    /// Every byte that this allocated and that is reachable from it.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes + self.groups.capacity() * size_of::<Arc<Group>>()
    }

    /// A second hold on all rows.
    pub(crate) fn share(&self) -> Box<[Arc<Group>]> {
        self.groups.iter().map(Arc::clone).collect()
    }

    pub(crate) fn id(&self, place: usize) -> IdRef<'_> {
        let (chunk, within) = self.at(place);
        chunk.id(within)
    }

    pub(crate) fn row(&self, place: usize) -> &[f32] {
        let (chunk, within) = self.at(place);
        chunk.row(self.shape, within)
    }

    /// Appends a row: its place is the length before.
    pub(crate) fn push(&mut self, id: IdRef<'_>, row: &[f32], scale: f32) {
        let shape = self.shape;
        if self.len == self.chunk_count() * shape.rows {
            self.add_chunk();
        }
        let place = self.len;
        self.change(place, |chunk, _| chunk.push(shape, id, row, scale));
        self.len += 1;
    }

    /// Puts other numbers into a row.
    pub(crate) fn overwrite(&mut self, place: usize, row: &[f32], scale: f32) {
        let shape = self.shape;
        self.change(place, |chunk, within| chunk.overwrite(shape, within, row, scale));
    }

    /// Drops a row. The last row takes its place.
    pub(crate) fn swap_remove(&mut self, place: usize) {
        let shape = self.shape;
        let last = self.len - 1;
        if place != last {
            let (source, within) = self.at(last);
            let (row, scale) = (source.row(shape, within).to_vec(), source.scale(shape, within));
            let id = source.id(within).to_owned();
            self.change(place, |chunk, to| {
                chunk.overwrite(shape, to, &row, scale);
                chunk.rename(to, id.as_ref());
            });
        }
        self.len = last;
        if last.is_multiple_of(shape.rows) {
            self.drop_last_chunk();
        } else {
            self.change(last, |chunk, _| chunk.pop(shape));
        }
    }

    fn chunk_count(&self) -> usize {
        self.len.div_ceil(self.shape.rows)
    }

    fn group_of(&self, place: usize) -> usize {
        place / self.shape.rows / GROUP
    }

    fn slot_of(&self, place: usize) -> usize {
        place / self.shape.rows % GROUP
    }

    fn at(&self, place: usize) -> (&Chunk, usize) {
        let chunk = &self.groups[self.group_of(place)].0[self.slot_of(place)];
        (chunk, place % self.shape.rows)
    }

    /// Writes to the chunk that holds `place`, to a copy of it if a view holds it.
    fn change(&mut self, place: usize, write: impl FnOnce(&mut Chunk, usize)) {
        let (group, slot) = (self.group_of(place), self.slot_of(place));
        let chunk = Arc::make_mut(&mut Arc::make_mut(&mut self.groups[group]).0[slot]);
        let before = chunk.heap_bytes();
        write(chunk, place % self.shape.rows);
        self.bytes = self.bytes - before + chunk.heap_bytes();
    }

    /// Adds an empty chunk: the first one small, so that a small index is small.
    fn add_chunk(&mut self) {
        if self.chunk_count().is_multiple_of(GROUP) {
            self.groups.push(Arc::new(Group::new()));
            self.bytes += GROUP_BYTES;
        }
        let room = if self.len == 0 { 0 } else { self.shape.rows };
        let chunk = Chunk::new(self.shape, room);
        self.bytes += CHUNK_BYTES + chunk.heap_bytes();
        let group = self.groups.last_mut().expect("the group was just made sure of");
        Arc::make_mut(group).0.push(Arc::new(chunk));
    }

    fn drop_last_chunk(&mut self) {
        let group = self.groups.last_mut().expect("the last row lies in a group");
        let group = Arc::make_mut(group);
        let chunk = group.0.pop().expect("the last row lies in a chunk");
        self.bytes -= CHUNK_BYTES + chunk.heap_bytes();
        if group.0.is_empty() {
            self.groups.pop();
            self.bytes -= GROUP_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IdKind;

    fn filled(shape: Shape, count: usize) -> Rows {
        let mut rows = Rows::new(shape);
        for place in 0..count {
            rows.push(IdRef::U64(place as u64), &vec![place as f32; shape.dim], 1.0);
        }
        rows
    }

    /// How many chunks two holds have in common.
    fn shared(rows: &Rows, held: &[Arc<Group>]) -> usize {
        let pointers = |groups: &[Arc<Group>]| -> Vec<*const Chunk> {
            groups.iter().flat_map(|group| group.chunks()).map(Arc::as_ptr).collect()
        };
        let held = pointers(held);
        pointers(&rows.groups).into_iter().filter(|chunk| held.contains(chunk)).count()
    }

    #[test]
    fn a_write_copies_one_chunk_and_only_while_a_view_holds_it() {
        let shape = Shape::new(64, true, IdKind::U64);
        let chunks = 3 * GROUP + 2;
        let mut rows = filled(shape, chunks * shape.rows);
        let held = rows.share();
        rows.overwrite(0, &[9.0; 64], 1.0);
        rows.overwrite(1, &[9.0; 64], 1.0);
        assert_eq!(shared(&rows, &held), chunks - 1);
        assert_eq!(held[0].chunks()[0].row(shape, 0), [0.0; 64]);
        drop(held);
        let before = Arc::as_ptr(&rows.groups[0].0[0]);
        rows.overwrite(0, &[8.0; 64], 1.0);
        assert_eq!(Arc::as_ptr(&rows.groups[0].0[0]), before);
    }

    #[test]
    fn removing_and_adding_at_the_edge_of_a_chunk_keeps_the_account() {
        let shape = Shape::new(700, false, IdKind::Str);
        let mut rows = Rows::new(shape);
        for place in 0..(GROUP + 1) * shape.rows + 1 {
            rows.push(IdRef::Str(&"x".repeat(place % 9)), &[1.0; 700], 1.0);
        }
        let held = rows.share();
        while rows.len() > 0 {
            rows.swap_remove(rows.len() / 2);
            let chunks = || rows.groups.iter().flat_map(|group| group.chunks());
            let expected = rows.groups.len() * GROUP_BYTES
                + chunks().map(|chunk| CHUNK_BYTES + chunk.heap_bytes()).sum::<usize>();
            assert_eq!(rows.bytes, expected);
        }
        assert_eq!((rows.bytes, rows.groups.len()), (0, 0));
        drop(held);
    }

    #[test]
    fn chunks_hold_about_64_kibibytes() {
        let rows = |dim| Shape::new(dim, true, IdKind::U64).rows;
        assert_eq!([1, 7, 64, 100, 384, 1024, 1536].map(rows), [256, 256, 256, 128, 32, 16, 8]);
        assert_eq!([4_096, 4_097, 65_536].map(rows), [4, 4, 4]);
    }
}
