//! The sequential model: what an operation must answer and change, by the plainest means.
//!
//! Invariant: the model decides everything but one thing: whether the entry of a key that is found
//! lapsed was removed. That the engine may put off (the log may have no room for saying so), so it
//! is observed; that a lapsed key is never shown is not.

use skeg_engine::{Router, WrongType};
use skeg_vector::{Id, IdKind, IdRef};

use crate::apply::{later, sum};
use crate::elements::{self, Holds};
use crate::op::{Answer, Deadline, Observed, Op};
use crate::state::{At, Change, Entry, State};

/// One operation as the model sees it.
pub(crate) struct Step<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) router: Router,
    pub(crate) now_ms: u64,
    /// What it changed so far.
    pub(crate) changes: Vec<Change>,
}

impl Step<'_> {
    /// Does the operation, and says how what was observed differs from what must be.
    pub(crate) fn run(&mut self, op: &Op, observed: &Observed) -> Result<(), String> {
        if let Op::All(ops) = op {
            if ops.len() != observed.parts.len() {
                return Err("a transaction ran in part".to_owned());
            }
            return ops.iter().zip(&observed.parts).try_for_each(|(op, part)| self.run(op, part));
        }
        self.lapse(observed)?;
        if matches!(observed.answer, Answer::NoSpace | Answer::Unreadable) {
            return Ok(());
        }
        let expected = self.answer(op);
        if expected == observed.answer {
            return Ok(());
        }
        Err(format!("{op:?} answered {:?}, expected {expected:?}", observed.answer))
    }

    /// Does what a command of vectors has done, which has not failed.
    pub(crate) fn run_meant(&mut self, ops: &[Op]) -> Result<(), String> {
        for op in ops {
            if self.answer(op) == Answer::Failed {
                return Err(format!("{op:?} was done, and must fail"));
            }
        }
        Ok(())
    }

    fn change(&mut self, change: Change) {
        self.state.apply(&change);
        self.changes.push(change);
    }

    /// Takes out what the engine has removed because its deadline had passed.
    fn lapse(&mut self, observed: &Observed) -> Result<(), String> {
        for at in &observed.lapsed {
            self.lapse_one(at)?;
        }
        Ok(())
    }

    /// One entry was removed because its deadline had passed: only if it has.
    pub(crate) fn lapse_one(&mut self, at: &At) -> Result<(), String> {
        match self.state.entries.get(at) {
            Some(Entry { expire_at_ms: Some(deadline), .. }) if *deadline <= self.now_ms => {
                self.change(Change::Entry(at.clone(), None));
                Ok(())
            }
            other => Err(format!("{at:?} was removed as expired at {}: {other:?}", self.now_ms)),
        }
    }

    fn live(&self, at: &At) -> Option<&Entry> {
        let entry = self.state.entries.get(at)?;
        entry.expire_at_ms.is_none_or(|deadline| deadline > self.now_ms).then_some(entry)
    }

    fn put(&mut self, at: &At, value: impl Into<Holds>, expire_at_ms: Option<u64>) {
        let value = value.into();
        self.change(Change::Entry(at.clone(), Some(Entry { value, expire_at_ms })));
    }

    /// The string that a key holds.
    fn text(&self, at: &At) -> Result<Option<Vec<u8>>, WrongType> {
        match self.live(at).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Holds::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(WrongType),
        }
    }

    fn deadline(&self, at: &At) -> Option<u64> {
        self.live(at).and_then(|entry| entry.expire_at_ms)
    }

    /// Does a change of a collection.
    fn element(&mut self, at: &At, change: &elements::Change) -> Answer {
        let (before, deadline) = (self.live(at).cloned(), self.deadline(at));
        let is_there = before.is_some();
        let mut holds = before.map_or_else(|| change.nothing(), |entry| entry.value);
        let was = holds.clone();
        let answer = change.apply(&mut holds);
        if !is_there && holds.is_gone() {
            // Nothing came of it, but a change that could have added has cleared what had lapsed.
            if !change.removes() && self.state.entries.contains_key(at) {
                self.change(Change::Entry(at.clone(), None));
            }
        } else if holds.is_gone() {
            self.change(Change::Entry(at.clone(), None));
        } else if holds != was {
            self.put(at, holds, deadline);
        }
        answer
    }

    fn answer(&mut self, op: &Op) -> Answer {
        match op {
            Op::Get(at) => self.text(at).map_or(Answer::Failed, Answer::Bytes),
            Op::Exists(at) => Answer::Flag(self.live(at).is_some()),
            Op::Expiry(at) => Answer::Expiry(self.live(at).map(|entry| entry.expire_at_ms)),
            Op::Set { at, value, deadline } | Op::SetWritten { at, value, deadline, .. } => {
                let kept = self.live(at).map(|entry| entry.expire_at_ms);
                let deadline = match deadline {
                    Deadline::Clear => None,
                    Deadline::Keep => kept.flatten(),
                    Deadline::After(ms) => Some(later(self.now_ms, *ms)),
                };
                self.put(at, value.clone(), deadline);
                Answer::Flag(kept.is_some())
            }
            Op::SetInt { at, value } => {
                let deadline = self.deadline(at);
                self.put(at, value.to_string().into_bytes(), deadline);
                Answer::Nothing
            }
            Op::Add { at, by } => {
                let Ok(before) = self.text(at) else { return Answer::Failed };
                let Some(sum) = sum(before.as_deref(), *by) else { return Answer::Failed };
                let deadline = self.deadline(at);
                self.put(at, sum.to_string().into_bytes(), deadline);
                Answer::Number(sum)
            }
            Op::Append { at, tail } => {
                let Ok(before) = self.text(at) else { return Answer::Failed };
                let (mut value, deadline) = (before.unwrap_or_default(), self.deadline(at));
                value.extend_from_slice(tail);
                let length = value.len();
                self.put(at, value, deadline);
                Answer::Length(length)
            }
            Op::SetRange { at, bytes, .. } if bytes.is_empty() => {
                let text = self.text(at).map(Option::unwrap_or_default);
                text.map_or(Answer::Failed, |text| Answer::Length(text.len()))
            }
            Op::SetRange { at, offset, bytes } => {
                let Ok(before) = self.text(at) else { return Answer::Failed };
                let (mut value, deadline) = (before.unwrap_or_default(), self.deadline(at));
                let end = offset + bytes.len();
                value.resize(value.len().max(end), 0);
                value[*offset..end].copy_from_slice(bytes);
                let length = value.len();
                self.put(at, value, deadline);
                Answer::Length(length)
            }
            Op::Element { at, change } => self.element(at, change),
            Op::Remove(at) => {
                let live = self.live(at).is_some();
                if live {
                    self.change(Change::Entry(at.clone(), None));
                }
                Answer::Flag(live)
            }
            Op::SetExpiry { at, after_ms } => {
                let Some(entry) = self.live(at).cloned() else { return Answer::Flag(false) };
                match after_ms.map(|ms| later(self.now_ms, ms)) {
                    Some(deadline) if deadline <= self.now_ms => {
                        self.change(Change::Entry(at.clone(), None));
                    }
                    deadline => self.put(at, entry.value, deadline),
                }
                Answer::Flag(true)
            }
            Op::Move { from, to, keep } => {
                let Some(entry) = self.live(from).cloned() else { return Answer::Flag(false) };
                self.change(Change::Entry(to.clone(), Some(entry)));
                if !keep {
                    self.change(Change::Entry(from.clone(), None));
                }
                Answer::Flag(true)
            }
            Op::Flush(db) => {
                (0..self.router.shards()).for_each(|shard| self.flush(*db, shard));
                Answer::Nothing
            }
            Op::FlushShard(db, shard) => {
                self.flush(*db, *shard);
                Answer::Nothing
            }
            Op::Swap(a, b) => {
                if a != b {
                    self.change(Change::Swap(*a, *b));
                }
                Answer::Nothing
            }
            Op::FlushEach(_) | Op::All(_) => unreachable!("taken apart before"),
            Op::Commands(_) => unreachable!("what it does is seen"),
            _ => self.answer_of_index(op),
        }
    }

    fn flush(&mut self, db: u8, shard: u16) {
        let router = self.router;
        let gone: Vec<At> = self
            .state
            .entries
            .keys()
            .filter(|at| at.db == db && router.shard_of(&at.key).0 == shard)
            .cloned()
            .collect();
        gone.into_iter().for_each(|at| self.change(Change::Entry(at, None)));
    }

    fn answer_of_index(&mut self, op: &Op) -> Answer {
        match op {
            Op::IndexCreate { name, options } => match self.state.indexes.get(name) {
                Some(index) if index.options == *options => Answer::Flag(false),
                Some(_) => Answer::Failed,
                None => {
                    self.change(Change::Index(name.clone(), Some(*options)));
                    Answer::Flag(true)
                }
            },
            Op::IndexDrop(name) => {
                let there = self.state.indexes.contains_key(name);
                if there {
                    self.change(Change::Index(name.clone(), None));
                }
                Answer::Flag(there)
            }
            Op::VectorSet { name, id, row } => {
                let Some(index) = self.state.indexes.get(name) else { return Answer::Failed };
                if row.len() != index.options.dim as usize || kind(id) != index.options.ids {
                    return Answer::Failed;
                }
                let replaced = index.vectors.contains_key(id);
                self.change(Change::Vector(name.clone(), id.clone(), Some(row.clone())));
                Answer::Flag(replaced)
            }
            Op::VectorRemove { name, id } => {
                let Some(index) = self.state.indexes.get(name) else { return Answer::Failed };
                let there = index.vectors.contains_key(id);
                if there {
                    self.change(Change::Vector(name.clone(), id.clone(), None));
                }
                Answer::Flag(there)
            }
            Op::VectorGet { name, id } => match self.state.indexes.get(name) {
                Some(index) => Answer::Vector(index.vectors.get(id).cloned()),
                None => Answer::Failed,
            },
            _ => unreachable!("operations on keys are answered elsewhere"),
        }
    }
}

fn kind(id: &Id) -> IdKind {
    match id.as_ref() {
        IdRef::U64(_) => IdKind::U64,
        IdRef::Str(_) => IdKind::Str,
    }
}
