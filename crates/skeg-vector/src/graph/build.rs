//! Building a graph: Vamana (DiskANN, NeurIPS 2019, algorithm 3), in batches (Manohar et al.,
//! "ParlayANN: Scalable and Deterministic Parallel Graph-Based Approximate Nearest Neighbor Search
//! Algorithms", PPoPP 2024, §3.1).
//!
//! Rows come in a random order, in batches that double up to a fiftieth of the rows. A batch first
//! finds the links of its rows, each by a walk over the graph as it is; then the links back are
//! sorted by where they start and added to the lists there, list by list. Each of these is work on
//! its own and changes nothing that others look at: so the graph depends on the seed and the rows, not on
//! who did what.
//!
//! Walks look at far more rows than links are chosen from, so they may be over coarser codes of the same rows, those that
//! searches will walk on: a fourth of the memory to be fetched. Links are chosen by the finer ones.
//!
//! There is one pass: a second over all rows found no more, and made lists shorter. A row that
//! pruning has cut off from the entry is linked again at the end.
//!
//! May not know: threads, files, how graphs are stored.

use super::GraphError;
use super::crew::{Crew, Pool, by_chunks};
use super::draft::Draft;
use super::nearest::{Entry, PLACES_MAX};
use super::prune::Pruner;
use super::walk::{Reach, Walker, starts};
use crate::Metric;
use crate::quant::{Points, Target};
use crate::random::SplitMix;

/// How a graph is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BuildOptions {
    /// Links of a row at most: R.
    pub degree: usize,
    /// Rows that a walk keeps while it looks for links: L.
    pub list: usize,
    /// How much nearer a neighbour must be to a row to stand for it, from 1 on: α.
    pub alpha: f32,
    /// Of the order in which rows come.
    pub seed: u64,
    /// Bytes that building may take, those of the points among them.
    pub memory_max: usize,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { degree: 32, list: 128, alpha: 1.05, seed: 0, memory_max: usize::MAX }
    }
}

/// Rows in a batch at most, so that a crew is asked whether it goes on several times a second.
const BATCH_MAX: usize = 2_048;

/// Rows that one of a crew takes at a time.
const CHUNK: usize = 16;

/// Rows among which the entry is chosen, and compared with.
const SAMPLE: usize = 128;

/// What one of a crew works with.
#[derive(Debug, Default)]
struct Worker {
    walker: Walker,
    pruner: Pruner,
    target: Target,
    /// A row as coarser codes are compared with it.
    coarse: Target,
    places: Vec<u32>,
    keys: Vec<f32>,
    candidates: Vec<Entry>,
    links: Vec<u32>,
    /// How many of the first places, and then of the first links, were chosen by pruning.
    chosen: usize,
}

/// Bytes that building a graph of so many rows takes beside the points, for a crew of so many.
#[must_use]
pub fn memory_needed(rows: usize, options: &BuildOptions, crew: usize) -> usize {
    // Each of a crew marks the rows that it has seen; the order and the links of a batch.
    let work = rows * (crew + size_of::<u32>()) + BATCH_MAX * options.degree * 2 * size_of::<u64>();
    Draft::bytes_of(options.degree, rows) + work
}

/// Builds the graph of all points. Walks meanwhile are over `coarse`, if there are: other codes of the same
/// rows, in the same order, of points that are not rotated. Under inner product these are left alone, as there
/// they do not tell how far rows are from each other.
///
/// # Errors
/// [`GraphError::Memory`] before anything is done; [`GraphError::Degree`], [`GraphError::Rows`],
/// [`GraphError::Cancelled`].
///
/// # Panics
/// When there are not as many coarser codes as points.
pub fn build(
    points: &Points,
    coarse: Option<&Points>,
    options: &BuildOptions,
    crew: &impl Crew,
) -> Result<Draft, GraphError> {
    let rows = points.len();
    assert!(coarse.is_none_or(|coarse| coarse.len() == rows), "codes of other rows");
    let needed = points.memory_bytes() + memory_needed(rows, options, crew.size());
    if needed > options.memory_max {
        return Err(GraphError::Memory { needed, allowed: options.memory_max });
    }
    if rows > PLACES_MAX {
        return Err(GraphError::Rows { given: rows });
    }
    let mut draft = Draft::new(options.degree)?;
    draft.grow(rows)?;
    let mut order: Vec<u32> = (0..rows as u32).collect();
    SplitMix::new(options.seed).shuffle(&mut order);
    draft.entry = middle(points, &order);
    let coarse = coarse.filter(|_| points.metric() != Metric::InnerProduct);
    let mut work = Work { draft, points, coarse, options, pool: Pool::default(), crew };
    work.insert(&order)?;
    work.settle()?;
    Ok(work.draft)
}

/// The row of the first in `order` that is least far from others of them.
fn middle(points: &Points, order: &[u32]) -> Option<u32> {
    let sample = &order[..order.len().min(SAMPLE)];
    let (mut target, mut keys) = (Target::default(), vec![0.0; sample.len()]);
    let mut best: Option<(f32, u32)> = None;
    for &place in sample {
        points.aim_at_row(place, &mut target);
        points.keys(&target, sample, &mut keys);
        let sum = keys.iter().sum();
        if best.is_none_or(|(least, _)| sum < least) {
            best = Some((sum, place));
        }
    }
    best.map(|(_, place)| place)
}

/// A draft being worked on.
struct Work<'a, C> {
    draft: Draft,
    points: &'a Points,
    coarse: Option<&'a Points>,
    options: &'a BuildOptions,
    pool: Pool<Worker>,
    crew: &'a C,
}

impl<C: Crew> Work<'_, C> {
    /// Links the rows in this order.
    fn insert(&mut self, order: &[u32]) -> Result<(), GraphError> {
        let batch_max = (self.draft.len() / 50).clamp(CHUNK, BATCH_MAX);
        let mut rest = order;
        while !rest.is_empty() {
            let inserted = order.len() - rest.len();
            let size = inserted.clamp(1, batch_max).min(rest.len());
            let (batch, later) = rest.split_at(size);
            self.insert_batch(batch);
            rest = later;
            if !self.crew.goes_on(order.len() - rest.len(), order.len()) {
                return Err(GraphError::Cancelled);
            }
        }
        Ok(())
    }

    fn insert_batch(&mut self, batch: &[u32]) {
        let Some(entry) = self.draft.entry else { return };
        let (draft, points, coarse, alpha) =
            (&self.draft, self.points, self.coarse, self.options.alpha);
        let list = self.options.list.max(1);
        let found = by_chunks(self.crew, batch, CHUNK, |places, out| {
            self.pool.with(|worker| {
                for &place in places {
                    worker.look_around(draft, points, coarse, entry, place, list);
                    worker.prune(points, place, alpha, draft.degree);
                    append_list(place, &worker.links, worker.chosen, out);
                }
            });
        });
        let mut back: Vec<u64> = Vec::new();
        for (from, links, chosen) in found.iter().flat_map(|lists| lists_of(lists)) {
            self.draft.set(from, links, chosen);
            back.extend(links.iter().map(|&to| u64::from(to) << 32 | u64::from(from)));
        }
        self.link_back(back);
    }

    /// Adds links, given with where they start in the upper half.
    fn link_back(&mut self, mut back: Vec<u64>) {
        back.sort_unstable();
        let starts: Vec<&[u64]> = back.chunk_by(|a, b| a >> 32 == b >> 32).collect();
        let (draft, points, alpha) = (&self.draft, self.points, self.options.alpha);
        let changed = by_chunks(self.crew, &starts, CHUNK, |groups, out| {
            self.pool.with(|worker| {
                for group in groups {
                    let from = (group[0] >> 32) as u32;
                    worker.places.clear();
                    worker.places.extend_from_slice(draft.links(from));
                    for to in group.iter().map(|&link| link as u32) {
                        if !draft.links(from).contains(&to) {
                            worker.places.push(to);
                        }
                    }
                    worker.chosen = draft.chosen(from);
                    worker.choose(points, from, draft.slots, draft.degree, alpha);
                    append_list(from, &worker.links, worker.chosen, out);
                }
            });
        });
        self.set_all(&changed);
    }

    fn set_all(&mut self, lists: &[Vec<u32>]) {
        for (place, links, chosen) in lists.iter().flat_map(|lists| lists_of(lists)) {
            self.draft.set(place, links, chosen);
        }
    }

    /// Cuts all lists to the degree, and links again what cannot be reached.
    fn settle(&mut self) -> Result<(), GraphError> {
        let (degree, alpha) = (self.draft.degree, self.options.alpha);
        let (draft, points) = (&self.draft, self.points);
        let long: Vec<u32> =
            (0..draft.len() as u32).filter(|&place| draft.links(place).len() > degree).collect();
        let changed = by_chunks(self.crew, &long, CHUNK, |places, out| {
            self.pool.with(|worker| {
                for &place in places {
                    worker.places.clear();
                    worker.places.extend_from_slice(draft.links(place));
                    worker.chosen = draft.chosen(place);
                    worker.choose(points, place, degree, degree, alpha);
                    append_list(place, &worker.links, worker.chosen, out);
                }
            });
        });
        self.set_all(&changed);
        self.reconnect();
        if self.crew.goes_on(1, 1) { Ok(()) } else { Err(GraphError::Cancelled) }
    }

    /// Makes every row reachable.
    fn reconnect(&mut self) {
        let Some(entry) = self.draft.entry else { return };
        let mut reached = vec![false; self.draft.len()];
        let mut queue = vec![entry];
        reached[entry as usize] = true;
        self.spread(&mut reached, &mut queue);
        let mut worker = Worker::default();
        for place in 0..self.draft.len() as u32 {
            if reached[place as usize] {
                continue;
            }
            let list = self.options.list.max(1);
            worker.look_around(&self.draft, self.points, self.coarse, entry, place, list);
            let near = worker.walker.entries().iter().map(|found| found.place());
            let from = near
                .chain(0..self.draft.len() as u32)
                .find(|&from| reached[from as usize] && self.draft.has_room(from));
            let Some(from) = from else { continue };
            self.draft.link(from, place);
            reached[place as usize] = true;
            queue.push(place);
            self.spread(&mut reached, &mut queue);
        }
    }

    /// Reaches all that those in the queue lead to.
    fn spread(&self, reached: &mut [bool], queue: &mut Vec<u32>) {
        while let Some(place) = queue.pop() {
            for &to in self.draft.links(place) {
                if !std::mem::replace(&mut reached[to as usize], true) {
                    queue.push(to);
                }
            }
        }
    }
}

impl Worker {
    /// Walks towards a row. Those that the walk expands become candidates for its links.
    fn look_around(
        &mut self,
        draft: &Draft,
        points: &Points,
        coarse: Option<&Points>,
        entry: u32,
        place: u32,
        list: usize,
    ) {
        points.aim_at_row(place, &mut self.target);
        let reach = Reach { list, list_max: list, slack: None };
        // Rows without links are not in the graph yet.
        let starts = starts(entry, draft.len());
        let starts = starts.filter(|&from| from == entry || !draft.links(from).is_empty());
        let Some(coarse) = coarse else {
            self.walker.walk(draft, points, &self.target, starts, reach, |_| true);
            self.candidates.clone_from(&self.walker.expanded);
            return;
        };
        points.aim_at_decoded(place, coarse, &mut self.coarse);
        self.walker.walk(draft, coarse, &self.coarse, starts, reach, |_| true);
        self.places.clear();
        self.places.extend(self.walker.expanded.iter().map(|entry| entry.place()));
        self.places.iter().for_each(|&place| points.prefetch(place));
        self.chosen = 0;
        self.candidates.clear();
        self.add_candidates(points);
    }

    /// Links a row to those in `places`, of which the first were chosen before: to all of them if they are
    /// at most `few`.
    fn choose(&mut self, points: &Points, place: u32, few: usize, degree: usize, alpha: f32) {
        if self.places.len() <= few {
            self.links.clone_from(&self.places);
            return;
        }
        points.aim_at_row(place, &mut self.target);
        self.candidates.clear();
        self.add_candidates(points);
        self.prune(points, place, alpha, degree);
    }

    fn add_candidates(&mut self, points: &Points) {
        self.keys.clear();
        self.keys.resize(self.places.len(), 0.0);
        points.keys(&self.target, &self.places, &mut self.keys);
        let keyed = self.places.iter().zip(&self.keys);
        self.candidates.extend(keyed.enumerate().map(|(number, (&to, &key))| {
            if number < self.chosen { Entry::chosen(key, to) } else { Entry::new(key, to, true) }
        }));
    }

    fn prune(&mut self, points: &Points, place: u32, alpha: f32, degree: usize) {
        self.candidates.retain(|candidate| candidate.place() != place);
        self.links.clear();
        self.pruner.prune(points, &self.candidates, alpha, degree, &mut self.links);
        self.chosen = self.links.len();
    }
}

/// Appends a row's list to a list of lists.
fn append_list(place: u32, links: &[u32], chosen: usize, to: &mut Vec<u32>) {
    to.extend([place, links.len() as u32, chosen as u32]);
    to.extend_from_slice(links);
}

/// Takes a list of lists apart.
fn lists_of(mut lists: &[u32]) -> impl Iterator<Item = (u32, &[u32], usize)> {
    std::iter::from_fn(move || {
        let (&[place, count, chosen], rest) = lists.split_first_chunk()?;
        let (links, rest) = rest.split_at(count as usize);
        lists = rest;
        Some((place, links, chosen as usize))
    })
}
