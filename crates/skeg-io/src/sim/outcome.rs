//! What a power loss leaves: of everything unsynced, which part reached the medium.
//!
//! Invariants:
//! - What was synced, and not changed since, is always there, wholly.
//! - A page is found as it was after some number of its changes (the system writes back whole
//!   pages, whenever it likes), or torn at any byte between two such states. Pages choose
//!   independently.
//! - A length is found as it was at some moment since the last sync, whatever the pages are. Only a
//!   cut binds them: a length from after it is never found with bytes from before it.
//! - Directory entries choose independently of files and of each other, name by name.

use super::content::{Content, Pages, replace};
use super::page::{Dated, PAGE_BYTES, Page, after, page_of, pages_for, place_in_page, torn};
use super::rng::SimRng;
use crate::sync::Arc;

/// How much of what was not synced a power loss leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrashPolicy {
    /// Nothing.
    DropAll,
    /// Everything, as if the system had just written all of it back.
    KeepAll,
    /// Any part of it, drawn at random.
    AnySubset,
}

/// Which of the possible outcomes one power loss favours. Without favourites, big states would
/// always end half and half, and the rare shapes (all but one page) would never be seen.
#[derive(Clone, Copy, Debug)]
enum Style {
    First,
    Last,
    Even,
    MostlyFirst,
    MostlyLast,
    /// As things were at one moment, with a few exceptions.
    Moment(u64),
}

/// Draws one outcome.
#[derive(Debug)]
pub(super) struct Chooser {
    rng: SimRng,
    style: Style,
    tear_per_million: u32,
}

impl Chooser {
    /// A chooser for a disk whose unsynced operations lie in `oldest..=newest`.
    pub(super) fn new(policy: CrashPolicy, rng: &mut SimRng, oldest: u64, newest: u64) -> Self {
        let mut rng = rng.fork();
        let (style, tear_per_million) = match policy {
            CrashPolicy::DropAll => (Style::First, 0),
            CrashPolicy::KeepAll => (Style::Last, 0),
            CrashPolicy::AnySubset => {
                let style = match rng.below(4) {
                    0 => Style::Even,
                    1 => Style::MostlyFirst,
                    2 => Style::MostlyLast,
                    _ => Style::Moment(oldest + rng.below(newest - oldest + 1)),
                };
                (style, if rng.coin() { 200_000 } else { 0 })
            }
        };
        Self { rng, style, tear_per_million }
    }

    /// How many of the changes, made at `sequences`, are found; at least `least`.
    pub(super) fn count(&mut self, sequences: &[u64], least: usize) -> usize {
        let most = sequences.len();
        let favourite = match self.style {
            Style::First => return least,
            Style::Last => return most,
            Style::Even => None,
            Style::MostlyFirst => Some(least),
            Style::MostlyLast => Some(most),
            Style::Moment(moment) => {
                Some(sequences.partition_point(|&sequence| sequence <= moment).max(least))
            }
        };
        match favourite {
            Some(count) if !self.rng.chance(100_000) => count,
            _ => least + self.rng.index(most - least + 1),
        }
    }

    /// One page after the power loss.
    fn page(&mut self, durable: Option<&Page>, changes: &[Dated], least: usize) -> Option<Page> {
        let sequences: Vec<u64> = changes.iter().map(|dated| dated.sequence).collect();
        let count = self.count(&sequences, least);
        let page = after(durable, &changes[..count]);
        if !self.rng.chance(self.tear_per_million) {
            return page;
        }
        let other = least + self.rng.index(changes.len() - least + 1);
        let other = after(durable, &changes[..other]);
        let boundary = self.rng.index(PAGE_BYTES + 1);
        Some(torn(page.as_ref(), other.as_ref(), boundary))
    }
}

impl Content {
    /// The file as it is found after a power loss.
    pub(super) fn after_power_loss(&self, chooser: &mut Chooser) -> Self {
        let sequences: Vec<u64> = self.lengths.iter().map(|&(sequence, _)| sequence).collect();
        let count = chooser.count(&sequences, 0);
        let (since, len) = match count.checked_sub(1) {
            Some(last) => self.lengths[last],
            None => (0, self.durable_len),
        };
        let mut pages: Pages = self.durable.clone();
        for (&number, changes) in &self.dirty {
            let least = changes
                .iter()
                .rposition(|dated| dated.change.is_cut() && dated.sequence <= since)
                .map_or(0, |last| last + 1);
            let page = chooser.page(self.durable.get(&number), changes, least);
            replace(&mut pages, number, page);
        }
        let mut blocks = self.durable_blocks.clone();
        blocks.cut(pages_for(len));
        cut_pages(&mut pages, len);
        Self::found(pages, len, blocks)
    }
}

/// Nothing is found behind the length.
fn cut_pages(pages: &mut Pages, len: u64) {
    pages.split_off(&pages_for(len));
    let place = place_in_page(len);
    if place > 0
        && let Some(page) = pages.get_mut(&page_of(len))
    {
        Arc::make_mut(page)[place..].fill(0);
    }
}
