//! What an index held at one moment, and the search over it.
//!
//! A search looks for the nearest of the rows in memory (`waiting.rs`), walks over the graphs of segments that have one
//! (`planner.rs`), scans the codes of the others, the largest first, and compares what their bounds leave with the rows themselves: one list of candidates over all
//! segments, so that many of them cost no more rows than one. A segment is scanned for a query around which nearly all of
//! its rows are dead, too.
//!
//! Invariants: nothing in a view changes; scores are exact, equal ones in the order of ids; where all
//! rows are in memory, or codes are the rows (`f32`), the answer is the exact one.
//!
//! May not know: the index it came from, threads, where rows lie.

use std::cell::RefCell;
use std::sync::Arc;

use super::waiting::keep_best;
use super::{Slot, newest, planner};
use crate::flat;
use crate::graph::{Walk, WalkOptions};
use crate::quant::{
    Asked, Codes, Found, Known, Part, RowSource, ScanOptions, Scratch, check_queries, is_coded,
    search_parts,
};
use crate::row_set::RowSet;
use crate::segment::{Linked, RowBuffer, Segment};
use crate::{Hit, IdRef, IndexOptions, VectorError};

/// How a search goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchOptions {
    /// Hits asked for, 1 to [`crate::K_MAX`].
    pub k: usize,
    /// How many rows a walk over a graph keeps (`k` when it is less); nothing for what suits `k`. Where a
    /// scan is faster than such a walk there is none.
    pub list: Option<usize>,
    /// How many rows of segments are compared exactly at most (`k` when it is less); nothing for as many
    /// as the bounds of their codes leave.
    pub rerank: Option<usize>,
}

impl SearchOptions {
    /// `k` hits, as exact as the codes allow.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Self { k, list: None, rerank: None }
    }
}

/// What searches use again and again: one for each thread that searches.
#[derive(Debug, Default)]
pub struct SearchScratch {
    scan: Scratch,
    rows: RefCell<RowBuffer>,
    /// Parts by size.
    order: Vec<usize>,
    walk: Walk,
    /// What walks have found for each query.
    walked: Vec<Vec<Found>>,
}

/// A step of a history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change<'a> {
    /// A row was stored.
    Set(IdRef<'a>, &'a [f32]),
    /// An id is gone.
    Remove(IdRef<'a>),
    /// The index was frozen.
    Freeze,
}

/// An index as it was at one moment. Cheap to take, immutable, searched from any thread.
#[derive(Debug)]
pub struct View {
    pub(super) options: IndexOptions,
    pub(super) delta: Arc<flat::View>,
    pub(super) frozen: Option<(Arc<flat::View>, RowSet)>,
    /// Oldest first.
    pub(super) segments: Box<[Slot]>,
    pub(super) generation: u64,
}

impl View {
    /// What the index was made with.
    #[must_use]
    pub fn options(&self) -> &IndexOptions {
        &self.options
    }

    /// Vectors in the view.
    #[must_use]
    pub fn len(&self) -> usize {
        let frozen = self.frozen.as_ref().map_or(0, |(view, dead)| view.len() - dead.len());
        self.delta.len() + frozen + self.segments.iter().map(Slot::len).sum::<usize>()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Segments that have a graph.
    #[must_use]
    pub fn linked_segments(&self) -> usize {
        self.segments.iter().filter(|slot| slot.segment.is_linked()).count()
    }

    /// The greatest generation of its segments.
    #[must_use]
    pub fn stored_generation(&self) -> u64 {
        newest(&self.segments)
    }

    /// Bytes that it takes beside what the index has.
    pub(super) fn own_bytes(&self) -> usize {
        2 * size_of::<usize>() + size_of::<Self>() + size_of_val(&*self.segments)
    }

    /// Ids and vectors that no segment has: those of the delta, and frozen ones.
    pub fn unstored(&self) -> impl Iterator<Item = (IdRef<'_>, &[f32])> {
        self.live_frozen().chain(self.delta.iter())
    }

    fn live_frozen(&self) -> impl Iterator<Item = (IdRef<'_>, &[f32])> {
        self.frozen.iter().flat_map(|(view, dead)| {
            let live = move |place: &u32| !dead.contains(*place);
            (0..view.len() as u32).filter(live).map(|place| (view.id(place), view.row(place)))
        })
    }

    /// The generation that [`Self::changes`] begin with.
    #[must_use]
    pub fn base_generation(&self) -> u64 {
        self.generation - u64::from(self.frozen.is_some())
    }

    /// A history that leads to this view from the segments of the index, whatever was frozen and merged
    /// since: what a snapshot holds of it. Rows that are frozen come before their freeze, so that they
    /// are left to the segment that they went into, if it is there.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        let stored = self.segments.iter().flat_map(|slot| {
            let ids = slot.dead.iter().map(|row| slot.segment.id(row));
            ids.filter(|id| self.segments.iter().all(|slot| slot.find(*id).is_none()))
        });
        let set = |(id, row)| Change::Set(id, row);
        let frozen = self.frozen.iter();
        let frozen = frozen.flat_map(|(view, dead)| dead.iter().map(|place| view.id(place)));
        stored
            .map(Change::Remove)
            .chain(self.live_frozen().map(set))
            .chain(self.frozen.iter().map(|_| Change::Freeze))
            .chain(frozen.map(Change::Remove))
            .chain(self.delta.iter().map(set))
    }

    /// The `k` rows nearest to `query`, best first, equal scores in the order of their ids; all of
    /// them when there are fewer.
    ///
    /// # Errors
    /// [`VectorError::K`], [`VectorError::Dimension`], [`VectorError::NotFinite`],
    /// [`VectorError::ZeroVector`]; [`VectorError::Segment`] when a row cannot be read.
    pub fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        self.search_with(query, &SearchOptions::new(k), &mut SearchScratch::default())
    }

    /// [`Self::search`] with what earlier searches allocated.
    ///
    /// # Errors
    /// Those of [`Self::search`].
    pub fn search_with(
        &self,
        query: &[f32],
        options: &SearchOptions,
        scratch: &mut SearchScratch,
    ) -> Result<Vec<Hit>, VectorError> {
        if self.is_in_memory() {
            return self.delta.search(query, options.k);
        }
        if query.len() != self.options.dim as usize {
            let expected = self.options.dim;
            return Err(VectorError::Dimension { expected, given: query.len() });
        }
        let mut hits = self.search_stored(query, options, scratch)?;
        Ok(hits.pop().unwrap_or_default())
    }

    /// [`Self::search`] for each of the queries that lie end to end in `queries`, in fewer passes than
    /// queries. All are checked before any is answered.
    ///
    /// # Errors
    /// Those of [`Self::search`]; [`VectorError::Dimension`] also when the last query is cut short.
    pub fn search_many(
        &self,
        queries: &[f32],
        options: &SearchOptions,
        scratch: &mut SearchScratch,
    ) -> Result<Vec<Vec<Hit>>, VectorError> {
        if self.is_in_memory() {
            return self.delta.search_many(queries, options.k);
        }
        self.search_stored(queries, options, scratch)
    }

    fn is_in_memory(&self) -> bool {
        self.segments.is_empty() && self.frozen.is_none()
    }

    fn search_stored(
        &self,
        queries: &[f32],
        options: &SearchOptions,
        scratch: &mut SearchScratch,
    ) -> Result<Vec<Vec<Hit>>, VectorError> {
        let IndexOptions { metric, dim, .. } = self.options;
        let scan = ScanOptions { k: options.k, rerank: options.rerank, ..ScanOptions::default() };
        check_queries(metric, dim, queries, &scan)?;
        let queries_count = queries.len() / dim as usize;
        let known = self.search_waiting(queries, options.k, &mut scratch.scan)?;
        let scores: Vec<Vec<f32>> =
            known.iter().map(|hits| hits.iter().map(|hit| hit.0).collect()).collect();

        let SearchScratch { scan: states, rows, order, walk, walked } = scratch;
        order.clear();
        order.extend(0..self.segments.len());
        order.sort_unstable_by_key(|&n| std::cmp::Reverse(self.segments[n].segment.head().rows));
        let mut first = 0;
        let firsts: Vec<u32> = order
            .iter()
            .map(|&n| {
                let this = first;
                first += self.segments[n].segment.head().rows;
                this
            })
            .collect();
        // A query whose code says nothing is compared with every row.
        let may_walk = queries.chunks_exact(dim as usize).all(|query| is_coded(metric, query));
        walked.resize_with(walked.len().max(queries_count), Vec::new);
        walked.iter_mut().for_each(Vec::clear);
        let source = StoredRows { segments: &self.segments, order, firsts: &firsts, rows };
        let mut parts: Vec<Part<'_>> = Vec::with_capacity(order.len());
        for (&n, &first) in order.iter().zip(&firsts) {
            let slot = &self.segments[n];
            let Slot { segment, dead } = slot;
            let rows = segment.head().rows as usize;
            let usual = WalkOptions::new(options.k, rows);
            let list = options.list.map_or(usual.list, |list| list.max(options.k));
            let walk_options = WalkOptions { list, ..usual };
            let walks = may_walk && planner::walks(&self.options, rows, dead.len(), list);
            let linked = segment.linked().filter(|_| walks);
            let codes = Codes::Rows(segment.codes());
            let part = Part { codes, first, dead: (!dead.is_empty()).then_some(dead) };
            let Some(Linked { graph, points }) = linked else {
                parts.push(part);
                continue;
            };
            let each = queries.chunks_exact(dim as usize).zip(&scores);
            for ((query, scores), found) in each.zip(&mut *walked) {
                let before = found.len();
                let admits = |row| !dead.contains(row);
                let done = graph.candidates(points, query, admits, &walk_options, walk, found);
                found[before..].iter_mut().for_each(|found| found.place += first);
                if done.is_cut_short {
                    // Around this query nearly all rows are dead.
                    found.truncate(before);
                    let known = [Known { scores, candidates: &[] }];
                    let asked = Asked { metric, dim, queries: query, known: &known };
                    search_parts(&[part], &source, asked, &scan, states)?;
                    found.extend_from_slice(states.found(0));
                }
            }
        }
        let known_of = |(scores, candidates)| Known { scores, candidates };
        let lists = scores.iter().map(Vec::as_slice).zip(walked.iter().map(Vec::as_slice));
        let known_before: Vec<Known<'_>> = lists.map(known_of).collect();
        let asked = Asked { metric, dim, queries, known: &known_before };
        search_parts(&parts, &source, asked, &scan, states)?;

        let mut answers = Vec::with_capacity(queries_count);
        for (number, mut best) in known.into_iter().enumerate() {
            best.extend(states.found(number).iter().map(|found| {
                let (part, row) = source.part(found.place);
                (found.score, self.segments[part].segment.id(row))
            }));
            keep_best(&mut best, options.k);
            let hit = |(score, id): (f32, IdRef<'_>)| Hit { id: id.to_owned(), score };
            answers.push(best.into_iter().map(hit).collect());
        }
        Ok(answers)
    }
}

/// The rows of all segments, one after the other in the order of the parts.
struct StoredRows<'a> {
    segments: &'a [Slot],
    order: &'a [usize],
    firsts: &'a [u32],
    rows: &'a RefCell<RowBuffer>,
}

impl StoredRows<'_> {
    /// The segment and the row at a place.
    fn part(&self, place: u32) -> (usize, u32) {
        let part = self.firsts.partition_point(|&first| first <= place) - 1;
        (self.order[part], place - self.firsts[part])
    }

    fn row(&self, place: u32) -> (&Segment, u32) {
        let (part, row) = self.part(place);
        (&self.segments[part].segment, row)
    }
}

impl RowSource for StoredRows<'_> {
    fn visit(
        &self,
        places: &[u32],
        each: &mut dyn FnMut(usize, &[f32], f32),
    ) -> Result<(), VectorError> {
        let mut buffer = self.rows.borrow_mut();
        let mut is_asked = false;
        for (number, &place) in places.iter().enumerate() {
            let (segment, row) = self.row(place);
            if is_asked || !segment.read_resident(row, &mut buffer)? {
                // Somebody has to wait: for all that is left at once.
                if !is_asked {
                    let left = places[number..].iter().map(|&place| self.row(place));
                    left.for_each(|(segment, row)| segment.will_read(row));
                    is_asked = true;
                }
                segment.read(row, &mut buffer)?;
            }
            each(number, &buffer.row, segment.scale(&buffer)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;
    use crate::segment::SegmentFile;
    use crate::segment::tests::{Bytes, options, rows, written};
    use crate::{IdKind, Metric, Tier};

    /// A file of which some rows are in memory, and what was done with it.
    #[derive(Debug)]
    struct Watched {
        bytes: Arc<Bytes>,
        resident: Vec<u64>,
        done: Mutex<Vec<(&'static str, u64)>>,
    }

    impl SegmentFile for Watched {
        fn name(&self) -> String {
            self.bytes.name()
        }

        fn bytes(&self) -> io::Result<u64> {
            self.bytes.bytes()
        }

        fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
            self.done.lock().unwrap().push(("read", offset));
            self.bytes.read_at(bytes, offset)
        }

        fn read_resident_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<bool> {
            if !self.resident.contains(&offset) {
                return Ok(false);
            }
            self.done.lock().unwrap().push(("resident", offset));
            self.bytes.read_at(bytes, offset).map(|()| true)
        }

        fn will_read(&self, offset: u64, length: u64) {
            assert_eq!(length, 32);
            self.done.lock().unwrap().push(("will read", offset));
        }
    }

    #[test]
    fn the_first_row_that_is_waited_for_has_the_others_fetched_beside_it() {
        let rows = rows(9, 8, IdKind::U64);
        let options = options(Tier::Tq2, Metric::Euclidean, IdKind::U64, 8);
        let (segment, bytes, _) = written(&options, &rows);
        let offsets: Vec<u64> = (0..9).map(|row| segment.head().row_offset(row)).collect();
        let resident = vec![offsets[4], offsets[1], offsets[8]];
        let file = Arc::new(Watched { bytes, resident, done: Mutex::default() });
        let (segment, _) = Segment::open(Arc::clone(&file) as _).unwrap();
        file.done.lock().unwrap().clear();
        let segments = [Slot { segment: Arc::new(segment), dead: RowSet::default() }];
        let buffer = RefCell::default();
        let source = StoredRows { segments: &segments, order: &[0], firsts: &[0], rows: &buffer };
        let places = [4, 1, 6, 8, 2];
        let mut visited = Vec::new();
        let visit = &mut |number: usize, row: &[f32], scale: f32| {
            assert_eq!((row, scale), (&*rows[places[number] as usize].1, 1.0));
            visited.push(number);
        };
        source.visit(&places, visit).unwrap();
        assert_eq!(visited, [0, 1, 2, 3, 4]);
        let expected = [
            ("resident", 4),
            ("resident", 1),
            ("will read", 6),
            ("will read", 8),
            ("will read", 2),
            ("read", 6),
            ("read", 8),
            ("read", 2),
        ];
        let expected = expected.map(|(what, row): (_, usize)| (what, offsets[row]));
        assert_eq!(*file.done.lock().unwrap(), expected);
    }
}
