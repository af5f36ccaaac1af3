//! The content of one simulated file: what is on the medium, what programs see, and what was done
//! in between.
//!
//! Invariants:
//! - Programs see `live`; a power loss starts from `durable` and takes of `dirty` and `lengths`
//!   what it likes (see `outcome.rs`); nothing else decides what is found afterwards.
//! - Every page of `live` that differs from `durable` is in `dirty`, or in `stale`: those were
//!   marked clean by a sync that failed, and only a new write to the same page gets them written.
//! - Bytes behind the length are zero in every page, so an extension reads as zeros.

use crate::sync::Arc;
use std::collections::{BTreeMap, BTreeSet};

use super::blocks::Blocks;
use super::page::{
    Change, Dated, PAGE_BYTES, Page, after, content_mut, page_of, pages_for, place_in_page,
};
use super::rng::SimRng;

/// Pages by number.
pub(super) type Pages = BTreeMap<u64, Page>;

/// One file's bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) durable: Pages,
    pub(super) durable_len: u64,
    live: Pages,
    len: u64,
    /// Per page, what was done since it was last durable.
    pub(super) dirty: BTreeMap<u64, Vec<Dated>>,
    /// The lengths that the file has had since its length was last durable, and since when.
    pub(super) lengths: Vec<(u64, u64)>,
    stale: BTreeSet<u64>,
    blocks: Blocks,
    pub(super) durable_blocks: Blocks,
}

impl Content {
    /// A file that has just this on the medium, and nothing to be synced.
    pub(super) fn found(pages: Pages, len: u64, mut blocks: Blocks) -> Self {
        for &number in pages.keys() {
            blocks.insert(number..number + 1);
        }
        Self {
            durable: pages.clone(),
            durable_len: len,
            durable_blocks: blocks.clone(),
            live: pages,
            len,
            blocks,
            ..Self::default()
        }
    }

    /// Length in bytes, as programs see it.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// When the oldest unsynced change was made.
    pub(super) fn oldest_pending(&self) -> Option<u64> {
        let of_pages = self.dirty.values().filter_map(|changes| changes.first());
        let of_length = self.lengths.first().map(|&(sequence, _)| sequence);
        of_pages.map(|dated| dated.sequence).chain(of_length).min()
    }

    /// Pages that have blocks.
    pub(super) fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// Copies what programs see at `offset`; fewer bytes at the end of the file.
    pub(super) fn read(&self, bytes: &mut [u8], offset: u64) -> usize {
        let there = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = bytes.len().min(there);
        for (number, place, part) in split(offset, count) {
            let target = &mut bytes[part];
            match self.live.get(&number) {
                Some(page) => target.copy_from_slice(&page[place..place + target.len()]),
                None => target.fill(0),
            }
        }
        count
    }

    /// Writes all of `bytes`, unsynced. Blocks are the caller's to check.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64, sequence: u64) {
        if bytes.is_empty() {
            return;
        }
        for (number, place, part) in split(offset, bytes.len()) {
            let part = &bytes[part];
            let mut page = self.live.remove(&number);
            content_mut(&mut page)[place..place + part.len()].copy_from_slice(part);
            let page = page.expect("it has just been given content");
            // The whole page is written back, also what an earlier failed sync had left in it.
            let change = if self.stale.remove(&number) {
                Change::Whole(Arc::clone(&page))
            } else {
                Change::Part { start: place, bytes: part.into() }
            };
            self.dirty.entry(number).or_default().push(Dated { sequence, change });
            self.live.insert(number, page);
        }
        let end = offset + bytes.len() as u64;
        self.blocks.insert(page_of(offset)..pages_for(end));
        if end > self.len {
            self.change_len(end, sequence);
        }
    }

    /// Cuts or extends the file, unsynced.
    pub(super) fn set_len(&mut self, len: u64, sequence: u64) {
        if len < self.len {
            self.cut(len, sequence);
        }
        if len != self.len {
            self.change_len(len, sequence);
        }
    }

    /// Gives the range blocks and extends the file to its end, unsynced. Space is the caller's to
    /// check.
    pub(super) fn allocate(&mut self, offset: u64, len: u64, sequence: u64) {
        let end = offset + len;
        self.blocks.insert(page_of(offset)..pages_for(end));
        if end > self.len {
            self.change_len(end, sequence);
        }
    }

    /// Makes durable what was done up to `mark`: a sync that began then.
    pub(super) fn persist(&mut self, mark: u64) {
        let dirty = std::mem::take(&mut self.dirty);
        for (number, mut changes) in dirty {
            let reached = changes.partition_point(|dated| dated.sequence <= mark);
            let page = after(self.durable.get(&number), &changes[..reached]);
            replace(&mut self.durable, number, page);
            changes.drain(..reached);
            if !changes.is_empty() {
                self.dirty.insert(number, changes);
            }
        }
        let reached = self.lengths.partition_point(|&(sequence, _)| sequence <= mark);
        if let Some((_, len)) = self.lengths.drain(..reached).next_back() {
            self.durable_len = len;
        }
        self.durable_blocks = self.blocks.clone();
    }

    /// A sync that fails: each unsynced page was written or not, and is taken for clean either way.
    /// Of those not written, some have already left the cache, so that programs see the old bytes
    /// again.
    pub(super) fn fail_sync(&mut self, rng: &mut SimRng) {
        for (number, changes) in std::mem::take(&mut self.dirty) {
            if rng.coin() {
                let page = after(self.durable.get(&number), &changes);
                replace(&mut self.durable, number, page);
            } else if rng.coin() {
                self.stale.insert(number);
            } else {
                let page = self.durable.get(&number).cloned();
                replace(&mut self.live, number, page);
                self.zero_behind_len();
            }
        }
        if rng.coin() {
            self.durable_len = self.len;
            self.lengths.clear();
        }
    }

    /// Changes bytes on the medium and in the cache alike, as damage does that nobody asked for.
    pub(super) fn damage(&mut self, bytes: &[u8], offset: u64) {
        for (number, place, part) in split(offset, bytes.len()) {
            for pages in [&mut self.durable, &mut self.live] {
                let mut page = pages.remove(&number);
                content_mut(&mut page)[place..place + part.len()]
                    .copy_from_slice(&bytes[part.clone()]);
                replace(pages, number, page);
            }
        }
    }

    fn change_len(&mut self, len: u64, sequence: u64) {
        self.len = len;
        self.lengths.push((sequence, len));
    }

    fn cut(&mut self, len: u64, sequence: u64) {
        let place = place_in_page(len);
        let first_gone = pages_for(len);
        if place > 0 && self.live.contains_key(&page_of(len)) {
            let number = page_of(len);
            let mut page = self.live.remove(&number);
            let changes = self.dirty.entry(number).or_default();
            if self.stale.remove(&number)
                && let Some(page) = &page
            {
                changes.push(Dated { sequence, change: Change::Whole(Arc::clone(page)) });
            }
            changes.push(Dated { sequence, change: Change::CutFrom(place) });
            content_mut(&mut page)[place..].fill(0);
            replace(&mut self.live, number, page);
        }
        for (number, _) in self.live.split_off(&first_gone) {
            self.dirty.entry(number).or_default().push(Dated { sequence, change: Change::Gone });
        }
        self.stale.split_off(&first_gone);
        self.blocks.cut(first_gone);
    }

    fn zero_behind_len(&mut self) {
        self.live.split_off(&pages_for(self.len));
        let place = place_in_page(self.len);
        if place > 0
            && let Some(page) = self.live.get_mut(&page_of(self.len))
        {
            Arc::make_mut(page)[place..].fill(0);
        }
    }
}

/// Puts a page in, or takes it out when there is none.
pub(super) fn replace(pages: &mut Pages, number: u64, page: Option<Page>) {
    match page {
        Some(page) => pages.insert(number, page),
        None => pages.remove(&number),
    };
}

/// The pages that `count` bytes at `offset` touch: number, place in the page, which of the bytes.
fn split(offset: u64, count: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == count {
            return None;
        }
        let at = offset + done as u64;
        let place = place_in_page(at);
        let part = done..done + (count - done).min(PAGE_BYTES - place);
        done = part.end;
        Some((page_of(at), place, part))
    })
}
