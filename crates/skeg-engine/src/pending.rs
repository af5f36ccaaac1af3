//! Which keys have changes that a crash could still take back.
//!
//! A reply that shows such a change must wait until the change has reached the database's default
//! level (`architecture`, "nobody is shown what a crash could take back"). Remembering every key
//! would cost an entry a write; instead the newest epoch is remembered for each of 1,024 classes of
//! key hashes. A reader of another key of the same class waits for an epoch it does not need, which
//! is harmless and short; a reader that must wait always does.
//!
//! Invariant: for every key, `of(hash)` is at least the epoch of its newest change.

use skeg_log::Epoch;

const CLASSES: usize = 1_024;

#[derive(Debug)]
pub(crate) struct Pending {
    newest: Epoch,
    classes: Box<[Epoch]>,
}

impl Pending {
    pub(crate) fn new() -> Self {
        Self { newest: Epoch(0), classes: vec![Epoch(0); CLASSES].into() }
    }

    pub(crate) fn note(&mut self, hash: u64, epoch: Epoch) {
        self.newest = epoch;
        self.classes[hash as usize % CLASSES] = epoch;
    }

    /// Notes a change of every key.
    pub(crate) fn note_all(&mut self, epoch: Epoch) {
        self.newest = epoch;
        self.classes.fill(epoch);
    }

    /// The epoch that a reader of this key waits for.
    pub(crate) fn of(&self, hash: u64) -> Epoch {
        self.classes[hash as usize % CLASSES]
    }

    /// The epoch that a reader of anything on the shard waits for.
    pub(crate) fn newest(&self) -> Epoch {
        self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_waits_for_the_newest_change_of_its_key() {
        let mut pending = Pending::new();
        pending.note(7, Epoch(3));
        assert_eq!(
            (pending.of(7), pending.of(8), pending.newest()),
            (Epoch(3), Epoch(0), Epoch(3))
        );
        pending.note_all(Epoch(4));
        assert_eq!(pending.of(8), Epoch(4));
    }
}
