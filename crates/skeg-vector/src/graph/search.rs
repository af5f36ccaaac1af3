//! A search: a walk on codes, then the exact comparison of what their bounds leave.
//!
//! The walk keeps the `list` nearest rows by their codes. They are compared with the rows themselves,
//! the greatest upper bound first, until none can reach the k-th exact score: so rows are read for
//! the candidates that need it alone, in batches (`quant/scan.rs`, which does the same after a scan).
//!
//! Rows that are not admitted (deleted, or refused by a filter) are walked through but not found; the
//! list then grows until it has `list` admitted ones, up to [`STRETCH`] times as long. Where fewer
//! of the rows than that are admitted the walk is cut short, and says so: a scan is better there.
//!
//! Invariants: nothing is allocated once a scratch has served a search of the same kind; scores are
//! exact, with the bits of the flat index.
//!
//! May not know: ids, where rows are kept.

use super::links::Graph;
use super::walk::{Reach, Walker, starts};
use crate::metric::admit;
use crate::quant::{Found, Points, RowSource, ScanOptions, Scratch, Target, check_dim, is_coded};
use crate::{K_MAX, VectorError};

/// How many times as long as asked for a list becomes when rows are not admitted.
const STRETCH: usize = 16;

/// The list of a search for few rows, and for each of many, in a graph of up to so many. In a larger one it grows
/// with the cube root of their square, so that as much is found.
const LIST_MIN: usize = 320;
const LIST_PART: usize = 5;
const LIST_ROWS: usize = 100_000;

/// How a search goes about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WalkOptions {
    /// Rows asked for, 1 to [`K_MAX`].
    pub k: usize,
    /// Rows that the walk keeps, `k` at least: more of them find more. The `l` of a query.
    pub list: usize,
    /// The walk ends when the nearest row left is this part further away than the k-th nearest found,
    /// by their codes; nothing for going through the whole list.
    pub slack: Option<f32>,
    /// How many rows are compared exactly at most (`k` when it is less); nothing for as many as the
    /// bounds leave.
    pub rerank: Option<usize>,
    /// How many standard deviations of an estimate its bound is, 0 to 100.
    pub deviations: f32,
}

impl Default for WalkOptions {
    /// Ten rows with a list of 100, compared as far as bounds of two standard deviations leave them.
    fn default() -> Self {
        Self { k: 10, list: 100, slack: None, rerank: None, deviations: 2.0 }
    }
}

impl WalkOptions {
    /// `k` rows with the list that finds nearly all of them among so many: `docs/decisions/0055-crossover.md`.
    #[must_use]
    pub fn new(k: usize, rows: usize) -> Self {
        let times = (rows as f64 / LIST_ROWS as f64).max(1.0).powi(2).cbrt();
        let list = (LIST_MIN.max(LIST_PART * k) as f64 * times) as usize;
        Self { k, list, ..Self::default() }
    }
}

/// What walks use again and again.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    walker: Walker,
    target: Target,
}

/// What searches use again and again: one for each thread that searches. Holds the last answer.
#[derive(Debug, Default)]
pub struct WalkScratch {
    walk: Walk,
    found: Vec<Found>,
    exact: Scratch,
    walked: Walked,
}

/// What a search has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Walked {
    /// Rows whose neighbours were looked at.
    pub expanded: usize,
    /// Rows compared by their codes.
    pub scored: usize,
    /// Rows compared exactly.
    pub reranked: usize,
    /// So many rows around the query are not admitted that others were missed for them.
    pub is_cut_short: bool,
}

impl WalkScratch {
    /// The answer to the last search, best first.
    #[must_use]
    pub fn found(&self) -> &[Found] {
        self.exact.found(0)
    }

    /// What the last search has done.
    #[must_use]
    pub fn walked(&self) -> Walked {
        self.walked
    }
}

impl Graph {
    /// The `k` rows nearest to the query among those that `admits` accepts, into `scratch`: greater
    /// scores first, equal ones in the order of their places. `points` and `rows` are those that
    /// the graph was built for, in the order of its places.
    ///
    /// # Errors
    /// [`VectorError::K`], [`VectorError::Dimension`], [`VectorError::NotFinite`],
    /// [`VectorError::ZeroVector`].
    ///
    /// # Panics
    /// When the points are not as many as the graph has rows.
    pub fn search(
        &self,
        points: &Points,
        rows: &impl RowSource,
        query: &[f32],
        admits: impl Fn(u32) -> bool,
        options: &WalkOptions,
        scratch: &mut WalkScratch,
    ) -> Result<(), VectorError> {
        assert_eq!(points.len(), self.len(), "points of another graph");
        if !(1..=K_MAX).contains(&options.k) {
            return Err(VectorError::K { given: options.k });
        }
        let metric = points.metric();
        check_dim(points.dim(), query)?;
        admit(metric, skeg_simd::kernels(), query)?;
        let WalkScratch { walk, found, exact, walked } = scratch;
        let comparison =
            ScanOptions { k: options.k, rerank: options.rerank, deviations: options.deviations };
        found.clear();
        *walked = Walked::default();
        if is_coded(metric, query) {
            *walked = self.candidates(points, query, admits, options, walk, found);
        } else {
            let all = (0..self.len() as u32).filter(|&place| admits(place));
            found.extend(all.map(|place| Found { place, score: f32::INFINITY }));
        }
        exact.compare(metric, rows, query, found, &comparison)?;
        walked.reranked = exact.reranked(0);
        Ok(())
    }

    /// Appends the rows that a walk finds, each with the score that it has at most. The query has been
    /// checked, and [`is_coded`].
    pub(crate) fn candidates(
        &self,
        points: &Points,
        query: &[f32],
        admits: impl Fn(u32) -> bool,
        options: &WalkOptions,
        walk: &mut Walk,
        to: &mut Vec<Found>,
    ) -> Walked {
        let Walk { walker, target } = walk;
        let Some(entry) = self.entry() else { return Walked::default() };
        points.aim_at_query(query, options.deviations, target);
        let list = options.list.max(options.k).min(self.len());
        let slack = options.slack.map(|slack| (options.k, slack.max(0.0)));
        let reach = Reach { list, list_max: list.saturating_mul(STRETCH), slack };
        walker.walk(self, points, target, starts(entry, self.len()), reach, &admits);
        let uncoded = points.uncoded();
        let always = uncoded.iter().copied().filter(|&place| admits(place));
        to.extend(always.map(|place| Found { place, score: f32::INFINITY }));
        let near = walker.entries().iter().filter(|entry| entry.is_admitted());
        let near = near.filter(|entry| uncoded.binary_search(&entry.place()).is_err());
        to.extend(near.map(|entry| Found {
            place: entry.place(),
            score: points.bound(target, entry.place()) - entry.key(),
        }));
        Walked {
            expanded: walker.expanded.len(),
            scored: walker.scored,
            reranked: 0,
            is_cut_short: walker.is_cut_short(),
        }
    }
}
