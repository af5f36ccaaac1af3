//! What an index held at one moment, and the search over it.
//!
//! Invariants: nothing in a view changes; a search looks at every row.
//!
//! May not know: the index it came from, threads.

use std::sync::Arc;

use skeg_simd::Kernels;

use super::chunk::{Chunk, ROWS_MAX};
use super::rows::{GROUP, Group};
use crate::metric::Query;
use crate::quant::Sketched;
use crate::row_set::RowSet;
use crate::top::Top;
use crate::{Hit, IdRef, IndexOptions, K_MAX, VectorError};

/// Bytes of queries that one pass over the rows serves: with a chunk they fit the L2 cache.
const QUERIES_BYTES: usize = 64 << 10;

/// An index as it was at one moment. Cheap to take, immutable, searched from any thread.
#[derive(Debug)]
pub struct View {
    pub(super) options: IndexOptions,
    pub(super) kernels: &'static Kernels,
    pub(super) groups: Box<[Arc<Group>]>,
    /// Codes of the first rows.
    pub(super) sketched: Option<Sketched>,
    pub(super) len: usize,
    /// Rows of a full chunk.
    pub(super) chunk_rows: usize,
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
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All ids and vectors, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (IdRef<'_>, &[f32])> {
        let dim = self.options.dim as usize;
        self.chunks().flat_map(move |chunk| {
            let rows = chunk.rows().chunks_exact(dim);
            rows.enumerate().map(|(place, row)| (chunk.id(place), row))
        })
    }

    /// The id at a place.
    pub(crate) fn id(&self, place: u32) -> IdRef<'_> {
        let (chunk, within) = self.at(place);
        chunk.id(within)
    }

    /// The vector at a place.
    pub(crate) fn row(&self, place: u32) -> &[f32] {
        let dim = self.options.dim as usize;
        let (chunk, within) = self.at(place);
        &chunk.rows()[within * dim..][..dim]
    }

    /// What the score of the row at a place is multiplied by under cosine; otherwise 1.
    pub(crate) fn scale(&self, place: u32) -> f32 {
        let (chunk, within) = self.at(place);
        chunk.scales().get(within).copied().unwrap_or(1.0)
    }

    /// Codes of the first rows, if there are any.
    pub(crate) fn sketched(&self) -> Option<&Sketched> {
        self.sketched.as_ref()
    }

    fn at(&self, place: u32) -> (&Chunk, usize) {
        let (chunk, within) = (place as usize / self.chunk_rows, place as usize % self.chunk_rows);
        (&self.groups[chunk / GROUP].chunks()[chunk % GROUP], within)
    }

    /// The `k` rows nearest to `query`, best first, equal scores in the order of their ids; all of
    /// them when there are fewer.
    ///
    /// # Errors
    /// [`VectorError::K`], [`VectorError::Dimension`], [`VectorError::NotFinite`],
    /// [`VectorError::ZeroVector`].
    pub fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        self.check_k(k)?;
        let mut tops = [Top::new(k, self.len)];
        self.scan(&[self.prepare(query)?], &mut tops);
        let [top] = tops;
        Ok(top.into_hits())
    }

    /// [`Self::search`] for each of the queries that lie end to end in `queries`, in fewer passes
    /// over the rows than queries. All are checked before any is answered.
    ///
    /// # Errors
    /// Those of [`Self::search`]; [`VectorError::Dimension`] also when the last query is cut short.
    pub fn search_many(&self, queries: &[f32], k: usize) -> Result<Vec<Vec<Hit>>, VectorError> {
        self.check_k(k)?;
        let dim = self.options.dim as usize;
        if !queries.len().is_multiple_of(dim) {
            return Err(self.wrong_dimension(queries.len()));
        }
        let queries: Vec<Query<'_>> =
            queries.chunks_exact(dim).map(|query| self.prepare(query)).collect::<Result<_, _>>()?;
        let at_once = (QUERIES_BYTES / size_of::<f32>() / dim).max(1);
        let mut hits = Vec::with_capacity(queries.len());
        for some in queries.chunks(at_once) {
            let mut tops: Vec<Top<'_>> = some.iter().map(|_| Top::new(k, self.len)).collect();
            self.scan(some, &mut tops);
            hits.extend(tops.into_iter().map(Top::into_hits));
        }
        Ok(hits)
    }

    /// Offers the rows that have no code to a query, which has the right length, but for those at places in `dead`.
    pub(crate) fn offer_uncoded<'v>(
        &'v self,
        query: &Query<'_>,
        dead: Option<&RowSet>,
        top: &mut Top<'v>,
    ) {
        let mut scores = [0.0_f32; ROWS_MAX];
        // Whole chunks of them.
        let mut first = self.sketched().map_or(0, Sketched::rows);
        let chunks = first / self.chunk_rows..self.len.div_ceil(self.chunk_rows);
        for chunk in chunks.map(|n| &self.groups[n / GROUP].chunks()[n % GROUP]) {
            let scores = &mut scores[..chunk.rows().len() / self.options.dim as usize];
            query.score(chunk.rows(), chunk.scales(), scores);
            if let Some(dead) = dead {
                for (place, score) in (first as u32..).zip(scores.iter_mut()) {
                    if dead.contains(place) {
                        *score = Top::NEVER;
                    }
                }
            }
            first += scores.len();
            top.offer(scores, |place| chunk.id(place));
        }
    }

    /// Offers every row to every query.
    fn scan<'v>(&'v self, queries: &[Query<'_>], tops: &mut [Top<'v>]) {
        let mut scores = [0.0_f32; ROWS_MAX];
        let dim = self.options.dim as usize;
        for chunk in self.chunks() {
            let scores = &mut scores[..chunk.rows().len() / dim];
            for (query, top) in queries.iter().zip(tops.iter_mut()) {
                query.score(chunk.rows(), chunk.scales(), scores);
                top.offer(scores, |place| chunk.id(place));
            }
        }
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.groups.iter().flat_map(|group| group.chunks()).map(AsRef::as_ref)
    }

    /// A query that is compared with rows.
    pub(crate) fn prepare<'q>(&self, query: &'q [f32]) -> Result<Query<'q>, VectorError> {
        if query.len() != self.options.dim as usize {
            return Err(self.wrong_dimension(query.len()));
        }
        Query::new(self.options.metric, self.kernels, query)
    }

    fn wrong_dimension(&self, given: usize) -> VectorError {
        VectorError::Dimension { expected: self.options.dim, given }
    }

    fn check_k(&self, k: usize) -> Result<(), VectorError> {
        if (1..=K_MAX).contains(&k) { Ok(()) } else { Err(VectorError::K { given: k }) }
    }
}
