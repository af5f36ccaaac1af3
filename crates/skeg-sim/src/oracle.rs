//! The judge: the history of a database by epoch, and what a crash may leave of it.
//!
//! The engine runs single-threaded here, so its operations have a total order, and every one that
//! changed something has an epoch; epochs never fall along the order. What is found after a crash
//! must be the state behind one epoch of the history, and that epoch must not lie before what was
//! acknowledged.
//!
//! Invariant: the state behind an epoch is made from changes that were noted when they happened,
//! never from what is found.

use std::collections::{BTreeMap, BTreeSet};

use skeg_vector::Id;

use crate::op::Op;
use crate::state::{At, Change, State};

/// The history since what was found last.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    base: State,
    base_epoch: u64,
    history: Vec<(u64, Vec<Change>)>,
    /// The state now.
    pub(crate) now: State,
    pending: Pending,
    /// Entries that had lapsed, with their deadlines, when nobody could see whether they were removed: a
    /// job that waits keeps others from its shard.
    unseen: BTreeSet<(At, u64)>,
}

/// The epoch of the newest change of everything that a reply can show.
#[derive(Debug, Default)]
struct Pending {
    keys: BTreeMap<At, u64>,
    /// When indexes were made and dropped.
    indexes: BTreeMap<Vec<u8>, u64>,
    /// When something was stored or removed under an id: a reply that shows it waits for that, not for what
    /// happened to others, perhaps in another part of the index.
    vectors: BTreeMap<(Vec<u8>, Id), u64>,
    databases: u64,
}

impl Oracle {
    /// Notes what happened in an epoch; the present state has the changes already.
    pub(crate) fn note(&mut self, epoch: u64, changes: Vec<Change>) -> Result<(), String> {
        if changes.is_empty() {
            return Ok(());
        }
        if epoch <= self.base_epoch || epoch < self.last() {
            return Err(format!("a change got epoch {epoch} after epoch {}", self.last()));
        }
        for change in &changes {
            match change {
                Change::Entry(at, _) => drop(self.pending.keys.insert(at.clone(), epoch)),
                Change::Swap(a, b) => {
                    self.pending.databases = epoch;
                    let unseen = std::mem::take(&mut self.unseen).into_iter();
                    self.unseen = unseen.map(|(at, ms)| (at.swapped(*a, *b), ms)).collect();
                }
                Change::Index(name, _) => drop(self.pending.indexes.insert(name.clone(), epoch)),
                Change::Vector(name, id, _) => {
                    self.pending.vectors.insert((name.clone(), id.clone()), epoch);
                }
            }
        }
        self.history.push((epoch, changes));
        Ok(())
    }

    /// Notes that the log has come to an epoch, perhaps by records that change nothing that is seen.
    pub(crate) fn note_epoch(&mut self, epoch: u64) {
        if epoch > self.last() {
            self.history.push((epoch, Vec::new()));
        }
    }

    /// Notes that an entry has lapsed, and that it is not seen whether it was removed.
    pub(crate) fn note_unseen(&mut self, at: At, deadline_ms: u64) {
        self.unseen.insert((at, deadline_ms));
    }

    /// Notes that an entry that has lapsed is still there.
    pub(crate) fn note_seen(&mut self, at: &At) {
        self.unseen.retain(|(unseen, _)| unseen != at);
    }

    /// Whether an entry that has lapsed may have been removed, unseen.
    pub(crate) fn is_unseen(&self, at: &At, deadline_ms: u64) -> bool {
        self.unseen.contains(&(at.clone(), deadline_ms))
    }

    /// Whether nothing was changed, but for removals that may have happened before, unseen.
    pub(crate) fn are_unseen(&self, changes: &[Change]) -> bool {
        changes.iter().all(|change| match change {
            Change::Entry(at, None) => self.unseen.iter().any(|(unseen, _)| unseen == at),
            _ => false,
        })
    }

    /// The epoch that the history starts behind.
    pub(crate) fn start(&self) -> u64 {
        self.base_epoch
    }

    /// The newest epoch of the history.
    pub(crate) fn last(&self) -> u64 {
        self.history.last().map_or(self.base_epoch, |(epoch, _)| *epoch)
    }

    /// The epoch of the newest change that the reply to an operation can show.
    pub(crate) fn shown_by(&self, op: &Op) -> u64 {
        let of_key =
            |at: &At| self.pending.keys.get(at).copied().unwrap_or(0).max(self.pending.databases);
        let of_index = |name: &Vec<u8>| self.pending.indexes.get(name).copied().unwrap_or(0);
        match op {
            Op::Get(at) | Op::Exists(at) | Op::Expiry(at) | Op::Remove(at) => of_key(at),
            Op::SetExpiry { at, .. } | Op::Add { at, .. } => of_key(at),
            Op::Move { from, .. } => of_key(from),
            Op::IndexDrop(name) => of_index(name),
            Op::VectorGet { name, id } | Op::VectorRemove { name, id } => {
                let of_id = self.pending.vectors.get(&(name.clone(), id.clone()));
                of_id.copied().unwrap_or(0).max(of_index(name))
            }
            Op::Commands(commands) => commands.key().map_or(0, |at| of_key(&at)),
            Op::All(ops) => ops.iter().map(|op| self.shown_by(op)).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Judges what a crash has left: `found` behind `epoch`, when everything up to `floor` was
    /// acknowledged as safe from it.
    pub(crate) fn judge(&self, found: &State, epoch: u64, floor: u64) -> Result<(), String> {
        let mut state = self.at(epoch);
        for (at, deadline_ms) in &self.unseen {
            let lapsed = state.entries.get(at).and_then(|entry| entry.expire_at_ms);
            if lapsed == Some(*deadline_ms) && !found.entries.contains_key(at) {
                state.entries.remove(at);
            }
        }
        if let Some(difference) = state.difference(found) {
            let matching = self.matching(found);
            return Err(format!(
                "what was found as epoch {epoch} is not what it was (acknowledged: {floor}, written \
                 last: {}, {matching}): {difference}",
                self.last()
            ));
        }
        if epoch < floor {
            return Err(format!("acknowledged up to epoch {floor}, but found epoch {epoch}"));
        }
        if epoch > self.last() {
            return Err(format!("found epoch {epoch}, but the last was {}", self.last()));
        }
        Ok(())
    }

    /// [`Self::judge`], of a state in which the strings of some keys could not be read.
    pub(crate) fn judge_rest(
        &self,
        mut found: State,
        unreadable: &[(At, String)],
        epoch: u64,
        floor: u64,
    ) -> Result<(), String> {
        let expected = self.at(epoch);
        for (at, _) in unreadable {
            if let (Some(found), Some(expected)) =
                (found.entries.get_mut(at), expected.entries.get(at))
            {
                found.value.clone_from(&expected.value);
            }
        }
        self.judge(&found, epoch, floor)
    }

    /// Goes on from what was found.
    pub(crate) fn restart(&mut self, found: State, epoch: u64) {
        *self = Self { base: found.clone(), base_epoch: epoch, now: found, ..Self::default() };
    }

    fn at(&self, epoch: u64) -> State {
        let mut state = self.base.clone();
        let before = self.history.iter().take_while(|(at, _)| *at <= epoch);
        before.flat_map(|(_, changes)| changes).for_each(|change| state.apply(change));
        state
    }

    /// Whether what was found is at least some other state of the history: for people.
    fn matching(&self, found: &State) -> String {
        let mut state = self.base.clone();
        if state == *found {
            return "it is the state at the start".to_owned();
        }
        for (epoch, changes) in &self.history {
            changes.iter().for_each(|change| state.apply(change));
            if state == *found {
                return format!("it is a state within epoch {epoch}");
            }
        }
        "it is no state of the history".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Entry;

    fn at(key: &str) -> At {
        At { db: 0, key: key.into() }
    }

    fn put(oracle: &mut Oracle, epoch: u64, key: &str, value: &str) {
        let entry = Entry { value: value.as_bytes().to_vec().into(), expire_at_ms: None };
        let change = Change::Entry(at(key), Some(entry));
        oracle.now.apply(&change);
        oracle.note(epoch, vec![change]).unwrap();
    }

    fn state(entries: &[(&str, &str)]) -> State {
        let entry =
            |value: &str| Entry { value: value.as_bytes().to_vec().into(), expire_at_ms: None };
        let entries = entries.iter().map(|(key, value)| (at(key), entry(value)));
        State { entries: entries.collect(), ..State::default() }
    }

    fn example() -> Oracle {
        let mut oracle = Oracle::default();
        put(&mut oracle, 1, "a", "1");
        put(&mut oracle, 2, "b", "1");
        put(&mut oracle, 2, "a", "2");
        put(&mut oracle, 3, "b", "2");
        oracle
    }

    #[test]
    fn every_prefix_at_or_past_the_floor_is_accepted() {
        let oracle = example();
        oracle.judge(&state(&[]), 0, 0).unwrap();
        oracle.judge(&state(&[("a", "1")]), 1, 1).unwrap();
        oracle.judge(&state(&[("a", "2"), ("b", "1")]), 2, 1).unwrap();
        oracle.judge(&state(&[("a", "2"), ("b", "2")]), 3, 3).unwrap();
    }

    #[test]
    fn what_is_acknowledged_must_be_there() {
        let lost = example().judge(&state(&[("a", "1")]), 1, 2).unwrap_err();
        assert!(lost.contains("acknowledged up to epoch 2"), "{lost}");
    }

    #[test]
    fn half_an_epoch_and_holes_are_refused() {
        let half = example().judge(&state(&[("a", "1"), ("b", "1")]), 2, 0).unwrap_err();
        assert!(half.contains("within epoch 2"), "{half}");
        let hole = example().judge(&state(&[("b", "2")]), 3, 0).unwrap_err();
        assert!(hole.contains("no state of the history"), "{hole}");
        let future = example().judge(&state(&[("a", "2"), ("b", "2")]), 4, 0).unwrap_err();
        assert!(future.contains("the last was 3"), "{future}");
    }

    #[test]
    fn epochs_never_fall() {
        let mut oracle = example();
        let change = Change::Entry(at("a"), None);
        assert!(oracle.note(2, vec![change]).is_err());
        assert_eq!(oracle.shown_by(&Op::Get(at("a"))), 2);
    }

    #[test]
    fn a_vector_shows_what_was_done_under_its_id_and_to_the_whole_index() {
        let name = b"index".to_vec();
        let shown_by = |oracle: &Oracle, id| {
            oracle.shown_by(&Op::VectorGet { name: name.clone(), id: Id::U64(id) })
        };
        let mut oracle = Oracle::default();
        for (epoch, id) in [(2, 1), (3, 2)] {
            let change = Change::Vector(name.clone(), Id::U64(id), None);
            oracle.note(epoch, vec![change]).unwrap();
        }
        assert_eq!([0, 1, 2].map(|id| shown_by(&oracle, id)), [0, 2, 3]);
        oracle.note(4, vec![Change::Index(name.clone(), None)]).unwrap();
        assert_eq!([0, 1, 2].map(|id| shown_by(&oracle, id)), [4; 3]);
        assert_eq!(oracle.shown_by(&Op::IndexDrop(name)), 4);
    }
}
