//! A walk over a graph towards a target: beam search (Subramanya et al., "DiskANN: Fast Accurate
//! Billion-point Nearest Neighbor Search on a Single Node", NeurIPS 2019, algorithm 1).
//!
//! A step expands the nearest rows that are not expanded yet: it scores all their neighbours that were
//! not seen before in one go. While steps find something nearer than what they expand, it is one row:
//! that is the way there. Then it becomes two, and four, as all rows in the list will be
//! expanded anyway and their codes are better asked for together.
//!
//! Invariants: a row is scored once in a walk; a walk depends on graph, points and target alone.
//!
//! May not know: how links are stored, what keys are made of.

use super::nearest::{Entry, Nearest};
use crate::quant::{Points, Target};

/// Rows expanded at once at most.
const WIDTH_MAX: usize = 4;

/// Rows that a walk begins at beside the entry, at most, and how far apart their places are at least.
const STARTS: usize = 32;
const APART: usize = 32;

/// Where walks over so many rows begin: at the entry, and at places all over. Links between clusters
/// that lie far apart are few, and a list full of one cluster never leaves it: whoever begins in many
/// clusters need not. A graph stays whole without them, as the entry alone reaches every row.
pub(crate) fn starts(entry: u32, rows: usize) -> impl Iterator<Item = u32> {
    let step = (rows / STARTS).max(APART);
    std::iter::once(entry).chain((0..rows as u32).step_by(step))
}

/// Which rows a row leads to.
pub(crate) trait Links {
    /// Appends the neighbours of the row at a place.
    fn append(&self, place: u32, to: &mut Vec<u32>);

    /// Asks for them.
    fn prefetch(&self, place: u32);
}

/// Rows that were seen: a number for each, that of the walk that saw it last, so that nothing is
/// cleared but once in 255 walks.
#[derive(Debug, Default)]
struct Seen {
    walks: Vec<u8>,
    walk: u8,
}

impl Seen {
    fn begin(&mut self, rows: usize) {
        if self.walks.len() < rows {
            self.walks.resize(rows, 0);
        }
        if self.walk == u8::MAX {
            self.walks.fill(0);
            self.walk = 0;
        }
        self.walk += 1;
    }

    /// Whether it is new.
    #[inline]
    fn insert(&mut self, place: u32) -> bool {
        let before = std::mem::replace(&mut self.walks[place as usize], self.walk);
        before != self.walk
    }
}

/// How far a walk goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    /// Rows kept that are admitted.
    pub(crate) list: usize,
    /// Rows kept of all kinds.
    pub(crate) list_max: usize,
    /// It ends when the nearest row left is further than this part beyond the k-th nearest found.
    pub(crate) slack: Option<(usize, f32)>,
}

/// What walks use again and again.
#[derive(Debug, Default)]
pub(crate) struct Walker {
    seen: Seen,
    nearest: Nearest,
    fresh: Vec<u32>,
    keys: Vec<f32>,
    incoming: Vec<Entry>,
    links: Vec<u32>,
    /// Rows expanded, in their order: what pruning chooses from.
    pub(crate) expanded: Vec<Entry>,
    /// Rows scored.
    pub(crate) scored: usize,
}

impl Walker {
    /// The nearest rows that the last walk found, best first, and others that it came by.
    pub(crate) fn entries(&self) -> &[Entry] {
        self.nearest.entries()
    }

    /// Whether rows that are not admitted took the places of others.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.nearest.is_cut_short()
    }

    /// Walks from `starts`. Rows that `admits` refuses are walked through.
    pub(crate) fn walk(
        &mut self,
        links: &impl Links,
        points: &Points,
        target: &Target,
        starts: impl Iterator<Item = u32>,
        reach: Reach,
        admits: impl Fn(u32) -> bool,
    ) {
        self.seen.begin(points.len());
        self.nearest.begin(reach.list, reach.list_max);
        self.expanded.clear();
        self.scored = 0;
        self.fresh.clear();
        for place in starts {
            if self.seen.insert(place) {
                self.fresh.push(place);
            }
        }
        self.take(points, target, &admits);
        let mut width = 1;
        while let Some((first, _)) = self.nearest.next() {
            let before = self.expanded.len();
            self.fresh.clear();
            for _ in 0..width {
                let Some((_, next)) = self.nearest.next() else { break };
                if self.is_beyond(points, target, reach, next) {
                    break;
                }
                self.nearest.expand();
                self.expanded.push(next);
                self.links.clear();
                links.append(next.place(), &mut self.links);
                if let Some((_, later)) = self.nearest.next() {
                    links.prefetch(later.place());
                }
                for &place in &self.links {
                    if self.seen.insert(place) {
                        points.prefetch(place);
                        self.fresh.push(place);
                    }
                }
            }
            if self.expanded.len() == before {
                break;
            }
            let reached = self.take(points, target, &admits);
            width = if reached <= first { 1 } else { (width * 2).min(WIDTH_MAX) };
        }
    }

    /// Whether a row is too far to be worth a step.
    fn is_beyond(&self, points: &Points, target: &Target, reach: Reach, next: Entry) -> bool {
        let Some((k, slack)) = reach.slack else { return false };
        let found = self.nearest.admitted(k);
        found.is_some_and(|found| next.key() > points.reach(target, found.key(), slack))
    }

    /// Scores the fresh rows and keeps those that are near. Gives where the nearest of them went.
    fn take(&mut self, points: &Points, target: &Target, admits: &impl Fn(u32) -> bool) -> usize {
        self.scored += self.fresh.len();
        self.keys.clear();
        self.keys.resize(self.fresh.len(), 0.0);
        points.keys(target, &self.fresh, &mut self.keys);
        self.incoming.clear();
        let worst = self.nearest.worst();
        for (&place, &key) in self.fresh.iter().zip(&self.keys) {
            if worst.is_none_or(|worst| key <= worst.key()) {
                self.incoming.push(Entry::new(key, place, admits(place)));
            }
        }
        self.incoming.sort_unstable();
        self.nearest.merge(&self.incoming)
    }
}
