//! The search of rows that wait in memory to be written into a segment: those of the delta, and frozen ones.
//!
//! Rows that have no code yet are compared with the query, then the codes of the others are scanned, and what their
//! bounds leave is compared as well: no budget limits that, for the rows are at hand. So the scores are as exact as
//! those of rows in segments.
//!
//! May not know: segments, how a scan goes on.

use super::View;
use crate::flat;
use crate::quant::{Asked, Codes, Known, Part, RowSource, ScanOptions, Scratch, search_parts};
use crate::row_set::RowSet;
use crate::top::Top;
use crate::{IdRef, IndexOptions, VectorError};

/// How many standard deviations of an estimate the bound of a waiting row is. More than that of rows in segments: its
/// code is shorter, and it costs less to compare one too many.
const DEVIATIONS: f32 = 3.0;

/// A score and whose it is.
pub(super) type Scored<'a> = (f32, IdRef<'a>);

/// Leaves the `k` best, the best first, equal scores in the order of ids.
pub(super) fn keep_best(scored: &mut Vec<Scored<'_>>, k: usize) {
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.truncate(k);
}

/// Rows that came together, of which some may be no more.
type Source<'a> = (&'a flat::View, Option<&'a RowSet>);

impl View {
    /// The best of the rows in memory for each query, the best first.
    pub(super) fn search_waiting(
        &self,
        queries: &[f32],
        k: usize,
        scratch: &mut Scratch,
    ) -> Result<Vec<Vec<Scored<'_>>>, VectorError> {
        let IndexOptions { metric, dim, .. } = self.options;
        let frozen = self.frozen.as_ref();
        let sources: Vec<Source<'_>> = frozen
            .map(|(view, dead)| (&**view, (!dead.is_empty()).then_some(dead)))
            .into_iter()
            .chain([(&*self.delta, None)])
            .filter(|(view, _)| !view.is_empty())
            .collect();
        let mut best: Vec<Vec<Scored<'_>>> = Vec::new();
        for query in queries.chunks_exact(dim as usize) {
            let rows = sources.iter().map(|(view, _)| view.len()).sum();
            let mut top = Top::new(k, rows);
            if !sources.is_empty() {
                let query = self.delta.prepare(query)?;
                sources.iter().for_each(|(view, dead)| view.offer_uncoded(&query, *dead, &mut top));
            }
            best.push(top.into_scores());
        }
        let rows = Waiting::new(&sources);
        let parts = rows.parts();
        if parts.is_empty() {
            return Ok(best);
        }
        let scores: Vec<Vec<f32>> =
            best.iter().map(|best| best.iter().map(|scored| scored.0).collect()).collect();
        let known: Vec<Known<'_>> =
            scores.iter().map(|scores| Known { scores, candidates: &[] }).collect();
        let options = ScanOptions { k, rerank: None, deviations: DEVIATIONS };
        let asked = Asked { metric, dim, queries, known: &known };
        search_parts(&parts, &rows, asked, &options, scratch)?;
        for (number, best) in best.iter_mut().enumerate() {
            let found = scratch.found(number).iter();
            best.extend(found.map(|found| (found.score, rows.id(found.place))));
            keep_best(best, k);
        }
        Ok(best)
    }
}

/// All rows in memory, numbered one after the other.
struct Waiting<'a> {
    sources: Vec<(Source<'a>, u32)>,
}

impl<'a> Waiting<'a> {
    fn new(sources: &[Source<'a>]) -> Self {
        let mut first = 0;
        let numbered = sources.iter().map(|&source| {
            let this = first;
            first += source.0.len() as u32;
            (source, this)
        });
        Self { sources: numbered.collect() }
    }

    /// Their codes, the most first.
    fn parts(&self) -> Vec<Part<'a>> {
        let part = |&((view, dead), first): &(Source<'a>, u32)| {
            view.sketched().map(|sketched| Part { codes: Codes::Sketch(sketched), first, dead })
        };
        let mut parts: Vec<Part<'a>> = self.sources.iter().filter_map(part).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.codes.len()));
        parts
    }

    fn at(&self, place: u32) -> (&'a flat::View, u32) {
        let number = self.sources.partition_point(|&(_, first)| first <= place) - 1;
        let ((view, _), first) = self.sources[number];
        (view, place - first)
    }

    fn id(&self, place: u32) -> IdRef<'a> {
        let (view, place) = self.at(place);
        view.id(place)
    }
}

impl RowSource for Waiting<'_> {
    fn visit(
        &self,
        places: &[u32],
        each: &mut dyn FnMut(usize, &[f32], f32),
    ) -> Result<(), VectorError> {
        for (number, &place) in places.iter().enumerate() {
            if let Some(&next) = places.get(number + 1) {
                let (view, next) = self.at(next);
                skeg_simd::prefetch(view.row(next));
            }
            let (view, place) = self.at(place);
            each(number, view.row(place), view.scale(place));
        }
        Ok(())
    }
}
