//! One simulated directory: its entries on the medium, as programs see them, and the changes
//! between.
//!
//! Invariants: a change names one entry and what it leads to afterwards; each name goes its own way
//! in a power loss, so of a rename the old entry, the new one, both or neither may be found.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::Chooser;
use super::rng::SimRng;

/// What identifies a file or directory of the simulated disk.
pub(super) type Inode = u64;

/// Names and what they lead to.
pub(super) type Entries = BTreeMap<String, Inode>;

#[derive(Clone, Debug)]
struct EntryChange {
    sequence: u64,
    name: String,
    target: Option<Inode>,
}

/// The entries of one directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    live: Entries,
    durable: Entries,
    pending: Vec<EntryChange>,
}

impl Directory {
    /// The entries as programs see them.
    pub(super) fn live(&self) -> &Entries {
        &self.live
    }

    /// When the oldest unsynced change was made.
    pub(super) fn oldest_pending(&self) -> Option<u64> {
        self.pending.first().map(|change| change.sequence)
    }

    /// Everything that an entry leads to, may still lead to, or led to before a change that may be
    /// taken back.
    pub(super) fn referenced(&self) -> impl Iterator<Item = Inode> {
        let settled = self.live.values().chain(self.durable.values());
        settled.copied().chain(self.pending.iter().filter_map(|change| change.target))
    }

    /// Changes one entry, unsynced, and returns what it led to before.
    pub(super) fn set(
        &mut self,
        name: &str,
        target: Option<Inode>,
        sequence: u64,
    ) -> Option<Inode> {
        self.pending.push(EntryChange { sequence, name: name.to_owned(), target });
        apply(&mut self.live, name, target)
    }

    /// Makes durable what was changed up to `mark`.
    pub(super) fn persist(&mut self, mark: u64) {
        let reached = self.pending.partition_point(|change| change.sequence <= mark);
        for change in self.pending.drain(..reached) {
            apply(&mut self.durable, &change.name, change.target);
        }
    }

    /// A sync that fails: each change was written or not, and no later sync writes it.
    pub(super) fn fail_sync(&mut self, rng: &mut SimRng) {
        for change in self.pending.drain(..) {
            if rng.coin() {
                apply(&mut self.durable, &change.name, change.target);
            }
        }
    }

    /// The directory as it is found after a power loss.
    pub(super) fn after_power_loss(&self, chooser: &mut Chooser) -> Self {
        let mut found = self.durable.clone();
        let names: BTreeSet<&str> =
            self.pending.iter().map(|change| change.name.as_str()).collect();
        for name in names {
            let changes: Vec<&EntryChange> =
                self.pending.iter().filter(|change| change.name == name).collect();
            let sequences: Vec<u64> = changes.iter().map(|change| change.sequence).collect();
            let count = chooser.count(&sequences, 0);
            if let Some(last) = count.checked_sub(1) {
                apply(&mut found, name, changes[last].target);
            }
        }
        Self { live: found.clone(), durable: found, pending: Vec::new() }
    }
}

fn apply(entries: &mut Entries, name: &str, target: Option<Inode>) -> Option<Inode> {
    match target {
        Some(inode) => entries.insert(name.to_owned(), inode),
        None => entries.remove(name),
    }
}
