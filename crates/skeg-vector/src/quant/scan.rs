//! The scan of codes and the exact comparison of what it leaves.
//!
//! A pass over the blocks keeps, for each query, the rows whose upper bound reaches the floor: the
//! k-th greatest lower bound so far. What is left is compared exactly, the greatest upper bound first,
//! until no further one reaches the k-th exact score. So what is missed is what a bound was wrong
//! about, and what a budget (`rerank`) cut off. A small budget of r rows is a floor, too: what is below the
//! r-th greatest upper bound is not compared whatever happens.
//!
//! The floor is low while few rows were seen, and much passes it. So with many rows it is guessed: after
//! the share t of them it is not the k-th greatest bound but that of rank k·t + 3·√(k·t) + 3, which the
//! k-th of all is below only by bad luck, as blocks are visited in runs from all over. Whoever guessed
//! too high finds out at the end, for then fewer than k bounds reach the floor, and scans again.
//!
//! A search may go over several parts (segments of an index), one after the other: the floor that one
//! has reached holds for the next, and what all of them leave is compared exactly together. Only the
//! first part, which should be the largest, guesses; of rows that are known exactly before (those in
//! memory), the scores count as lower bounds from the start.
//!
//! Invariant: nothing is allocated once a scratch has served a search of the same kind.
//!
//! May not know: codes, ids, where rows are kept.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use skeg_simd::{ROWS, Sifted};

use super::coded::{Asked, Known, is_coded, search_parts};
use super::pass::pass;
use super::ready::{Ready, Scores, places};
use super::{Blocks, RowSource};
use crate::metric::Query;
use crate::row_set::RowSet;
use crate::{Metric, VectorError};

/// Rows asked for at once, at least, behind the first k: what a disk reads side by side.
const TOGETHER: usize = 16;

/// Candidates after which those below the floor are dropped for the first time.
const CANDIDATES: usize = 4096;

/// Budgets up to so many times k set floors. The bounds of more rows than that seldom reach the k-th lower
/// bound.
const BUDGET_PART: usize = 4;

/// Rows for each of those asked for from which on floors are guessed.
const GUESS_FROM: usize = 64;

/// Queries that one pass over the codes serves.
pub(super) const QUERIES_MAX: usize = 8;

/// The widest bound, so that its square stays in `f32`.
pub(super) const DEVIATIONS_MAX: f32 = 100.0;

/// How a search goes about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScanOptions {
    /// Rows asked for, 1 to [`crate::K_MAX`].
    pub k: usize,
    /// How many rows are compared exactly at most (`k` when it is less); nothing for as many as the
    /// bounds leave.
    pub rerank: Option<usize>,
    /// How many standard deviations of an estimate its bound is, 0 to 100.
    pub deviations: f32,
}

/// Which bounds of rows make a floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Side {
    #[default]
    Lower,
    Upper,
}

impl ScanOptions {
    /// What no row may be below: the least of so many greatest bounds of that side.
    fn floor(&self) -> (Side, usize) {
        match self.rerank.map(|budget| budget.max(self.k)) {
            Some(budget) if budget <= self.k.saturating_mul(BUDGET_PART) => (Side::Upper, budget),
            _ => (Side::Lower, self.k),
        }
    }
}

impl Default for ScanOptions {
    /// Ten rows, as many comparisons as the bounds leave, of two standard deviations.
    fn default() -> Self {
        Self { k: 10, rerank: None, deviations: 2.0 }
    }
}

/// One answer: greater scores first, equal ones in the order of their places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The row's place.
    pub place: u32,
    /// How near it is: greater is nearer. Never NaN, never infinite.
    pub score: f32,
}

impl Eq for Found {}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then_with(|| self.place.cmp(&other.place))
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A number ordered as such.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ordered(f32);

impl Eq for Ordered {}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What searches use again and again: one for each thread that searches. Holds the last answers.
#[derive(Debug, Default)]
pub struct Scratch {
    readies: Vec<Ready>,
    states: Vec<State>,
    used: usize,
}

/// One query's.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The greatest bounds of a side, the least on top, and how many there are at most now.
    bounds: BinaryHeap<Reverse<Ordered>>,
    pub(super) bounds_max: usize,
    side: Side,
    pub(super) floor: f32,
    /// What the floor was before anything was scanned.
    floor_known: f32,
    /// Whether blocks are scanned for it.
    pub(super) active: bool,
    /// Rows that may be among the nearest, with their upper bounds for scores.
    candidates: Vec<Found>,
    /// How many candidates there may be before they are looked through again.
    candidates_max: usize,
    /// The best exact scores so far, the worst of them on top.
    best: BinaryHeap<Reverse<Ordered>>,
    /// What was compared exactly and is among the best, or level with the last of them.
    pub(super) found: Vec<Found>,
    /// Places of rows that are compared together.
    asked: Vec<u32>,
    /// Rows compared exactly.
    reranked: usize,
    /// The query at length 1, between searches.
    pub(super) unit: Vec<f32>,
}

impl Scratch {
    /// The answers to the query at a place of the last search, best first.
    ///
    /// # Panics
    /// When there was no such query.
    #[must_use]
    pub fn found(&self, query: usize) -> &[Found] {
        &self.states[..self.used][query].found
    }

    /// How many rows were compared exactly for the query at a place of the last search.
    ///
    /// # Panics
    /// When there was no such query.
    #[must_use]
    pub fn reranked(&self, query: usize) -> usize {
        self.states[..self.used][query].reranked
    }

    /// Leaves the `k` best of each answer.
    pub(super) fn truncate(&mut self, k: usize) {
        self.states[..self.used].iter_mut().for_each(|state| state.found.truncate(k));
    }

    /// Compares rows that were found without a scan exactly. The query is checked already.
    pub(crate) fn compare(
        &mut self,
        metric: Metric,
        rows: &impl RowSource,
        query: &[f32],
        candidates: &[Found],
        options: &ScanOptions,
    ) -> Result<(), VectorError> {
        let known = [Known { scores: &[], candidates }];
        let asked = Asked { metric, dim: query.len() as u32, queries: query, known: &known };
        search_parts(&[], rows, asked, options, self)?;
        self.truncate(options.k);
        Ok(())
    }

    pub(super) fn begin(&mut self, queries: usize) {
        self.used = queries;
        if self.states.len() < queries {
            self.states.resize_with(queries, State::default);
            self.readies.resize_with(queries.min(QUERIES_MAX), Ready::default);
        }
    }

    /// What queries at the places `from` to `from + count` scan with, [`QUERIES_MAX`] of them at most.
    pub(super) fn scanning(&mut self, from: usize, count: usize) -> (&mut [Ready], &mut [State]) {
        (&mut self.readies[..count], &mut self.states[from..][..count])
    }

    pub(super) fn state(&mut self, query: usize) -> &mut State {
        &mut self.states[query]
    }
}

/// What is scanned: the rows of one codec among those of all parts.
#[derive(Clone, Copy)]
pub(super) struct Stretch<'a> {
    /// The place of its first row.
    pub(super) first: u32,
    /// Rows whose codes say nothing, by their places in the part.
    pub(super) uncoded: &'a [u32],
    /// Rows that are no more, by their places in the part.
    pub(super) dead: Option<&'a RowSet>,
}

impl Stretch<'_> {
    #[inline]
    fn is_dead(&self, place: u32) -> bool {
        self.dead.is_some_and(|dead| dead.contains(place))
    }
}

/// Begins a search.
pub(super) fn begin(states: &mut [State], k: usize, known: &[Known<'_>]) {
    for (number, state) in states.iter_mut().enumerate() {
        let scores = known.get(number).map_or(&[][..], |known| known.scores);
        state.floor_known = k
            .checked_sub(1)
            .and_then(|last| scores.get(last))
            .copied()
            .unwrap_or(f32::NEG_INFINITY);
        state.begin(state.floor_known);
        state.best.clear();
        state.best.extend(scores.iter().take(k).map(|&score| Reverse(Ordered(score))));
    }
}

/// Adds to the candidates of each query what a part has.
pub(super) fn scan(
    codec: &impl Blocks,
    metric: Metric,
    stretch: Stretch<'_>,
    queries: &[f32],
    options: &ScanOptions,
    (readies, states): (&mut [Ready], &mut [State]),
    is_first: bool,
) {
    let dim = queries.len() / states.len().max(1);
    let asked = options.deviations;
    let deviations = if asked >= 0.0 { asked.min(DEVIATIONS_MAX) } else { 0.0 };
    let (side, wanted) = options.floor();
    let guess = is_first && codec.len() / GUESS_FROM >= wanted;
    let each = readies.iter_mut().zip(states.iter_mut());
    for (query, (ready, state)) in queries.chunks_exact(dim).zip(each) {
        state.side = side;
        state.active = is_coded(metric, query);
        if state.active {
            codec.prepare(query, deviations, ready);
            stretch.uncoded.iter().for_each(|&place| state.keep(place, &stretch));
        } else {
            (0..codec.len()).for_each(|place| state.keep(place as u32, &stretch));
        }
    }
    pass(codec, &stretch, wanted, guess, readies, states);
    if !guess {
        return;
    }
    for state in states.iter_mut().filter(|state| state.active) {
        let reached = state.bounds.len() == wanted;
        let least = state.bounds.peek().map_or(f32::NEG_INFINITY, |bound| bound.0.0);
        let guessed = state.floor > state.floor_known;
        state.active = guessed && (!reached || least < state.floor);
        if state.active {
            let least = if reached { least } else { f32::NEG_INFINITY };
            state.begin(least.max(state.floor_known));
            stretch.uncoded.iter().for_each(|&place| state.keep(place, &stretch));
        }
    }
    pass(codec, &stretch, wanted, false, readies, states);
}

impl State {
    fn begin(&mut self, floor: f32) {
        self.bounds.clear();
        self.floor = floor;
        self.candidates.clear();
        self.candidates_max = CANDIDATES;
    }

    /// Takes what was found otherwise.
    pub(super) fn add(&mut self, candidates: &[Found]) {
        self.candidates.extend_from_slice(candidates);
    }

    /// Takes a row without looking at its code.
    fn keep(&mut self, place: u32, stretch: &Stretch<'_>) {
        if !stretch.is_dead(place) {
            self.candidates.push(Found { place: stretch.first + place, score: f32::INFINITY });
        }
    }

    /// Scores what the first look at a block has left, and takes the rows that may be among the nearest.
    #[inline]
    pub(super) fn score(
        &mut self,
        codec: &impl Blocks,
        stretch: &Stretch<'_>,
        ready: &Ready,
        (block, sifted): (usize, &Sifted),
        scores: &mut Scores,
    ) {
        if sifted.rows == 0 {
            return;
        }
        let mask = codec.score(ready, block, self.floor, sifted, scores);
        if mask != 0 {
            self.take(block, mask, scores, stretch);
        }
    }

    /// Takes the rows of a block that are in `mask`.
    #[inline]
    fn take(&mut self, block: usize, mask: u32, scores: &Scores, stretch: &Stretch<'_>) {
        for within in places(mask) {
            let (estimate, bound) = (scores.estimates[within], scores.bounds[within]);
            let place = (block * ROWS + within) as u32;
            if estimate + bound < self.floor
                || stretch.is_dead(place)
                || stretch.uncoded.binary_search(&place).is_ok()
            {
                continue;
            }
            let place = stretch.first + place;
            self.candidates.push(Found { place, score: estimate + bound });
            let bound = Reverse(Ordered(match self.side {
                Side::Lower => estimate - bound,
                Side::Upper => estimate + bound,
            }));
            if self.bounds.len() < self.bounds_max {
                self.bounds.push(bound);
            } else if let Some(mut least) = self.bounds.peek_mut()
                && bound < *least
            {
                *least = bound;
            }
            if self.bounds.len() == self.bounds_max
                && let Some(&Reverse(Ordered(least))) = self.bounds.peek()
            {
                self.floor = self.floor.max(least);
            }
        }
        if self.candidates.len() >= self.candidates_max {
            self.prune();
            self.candidates_max = self.candidates_max.max(2 * self.candidates.len());
        }
    }

    fn prune(&mut self) {
        let floor = self.floor;
        self.candidates.retain(|candidate| candidate.score >= floor);
    }

    /// Compares candidates with the query itself. What is found is the best, in the order of [`Found`],
    /// and whatever is level with the last of them.
    pub(super) fn rerank(
        &mut self,
        rows: &impl RowSource,
        query: &Query<'_>,
        options: &ScanOptions,
    ) -> Result<(), VectorError> {
        self.prune();
        self.candidates.sort_unstable();
        self.found.clear();
        self.reranked = 0;
        let budget = options.rerank.unwrap_or(usize::MAX).max(options.k);
        let mut left = &self.candidates[..budget.min(self.candidates.len())];
        let Self { best, found, asked, .. } = self;
        // The first k are compared in any case.
        let mut together = options.k;
        while !left.is_empty() {
            let reached = |candidate: &&Found| match best.peek() {
                Some(worst) if best.len() == options.k => candidate.score >= worst.0.0,
                _ => true,
            };
            let count = left.iter().take(together).take_while(reached).count();
            if count == 0 {
                break;
            }
            let (now, later) = left.split_at(count);
            asked.clear();
            asked.extend(now.iter().map(|candidate| candidate.place));
            rows.visit(asked, &mut |number, row, scale| {
                let mut score = [0.0];
                query.score(row, &[scale], &mut score);
                let [score] = score;
                if best.len() < options.k {
                    best.push(Reverse(Ordered(score)));
                } else if let Some(mut worst) = best.peek_mut() {
                    if score < worst.0.0 {
                        return;
                    }
                    *worst = Reverse(Ordered(score));
                }
                found.push(Found { place: asked[number], score });
            })?;
            self.reranked += count;
            left = later;
            together = TOGETHER.max(options.k / 4);
        }
        let worst = self.best.peek().map_or(f32::NEG_INFINITY, |worst| worst.0.0);
        self.found.retain(|found| found.score >= worst);
        self.found.sort_unstable();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::runs;
    use super::super::{CodeKind, CodedRows, Memory, Trainer};
    use super::*;

    /// Rows whose scores rise or fall in the order in which they are scanned, or as they like.
    fn rows(count: usize, order: i32) -> Vec<f32> {
        let mut rows = vec![0.0; count];
        let visited = runs(count.div_ceil(ROWS));
        let visited =
            visited.flat_map(|run| run.blocks.start * ROWS..(run.blocks.end * ROWS).min(count));
        for (number, place) in visited.enumerate() {
            rows[place] = match order {
                1 => number as f32,
                -1 => (count - number) as f32,
                _ => (number.wrapping_mul(0x9e37_79b9) % 65_537) as f32,
            };
        }
        rows
    }

    #[test]
    fn whoever_guesses_wrong_scans_again() {
        for (count, order) in
            [900, 20_000, 20_001].into_iter().flat_map(|n| [-1, 0, 1].map(|o| (n, o)))
        {
            let rows = rows(count, order);
            for kind in [CodeKind::F32, CodeKind::Int8, CodeKind::Tq2, CodeKind::Pq] {
                let trainer =
                    Trainer::new(kind, Metric::InnerProduct, 1, 1).expect("one dimension");
                let mut codes = CodedRows::new(trainer.finish(), count);
                rows.iter().for_each(|&row| codes.push(&[row]).expect("a number"));
                let memory = Memory::new(Metric::InnerProduct, 1, rows.clone()).expect("numbers");
                let mut expected: Vec<f32> = rows.clone();
                expected.sort_unstable_by(|a, b| b.total_cmp(a));
                for k in [1, 10, 100, 300] {
                    let options = ScanOptions { k, ..ScanOptions::default() };
                    let mut scratch = Scratch::default();
                    codes.search(&memory, &[1.0], &options, &mut scratch).expect("a number");
                    let found: Vec<f32> =
                        scratch.found(0).iter().map(|found| found.score).collect();
                    assert_eq!(found, expected[..k], "{kind} {count} {order} {k}");
                }
            }
        }
    }
}
