//! The state of a whole database as plain maps, and the changes that lead from one to the next.
//!
//! Invariant: a state holds what is physically there, entries whose deadline has passed included:
//! whether they are gone already is part of the history, not of the clock.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use skeg_vector::{Id, IndexOptions};

use crate::elements::Holds;

/// Database and key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct At {
    /// Which of the logical databases.
    pub(crate) db: u8,
    /// The key.
    pub(crate) key: Vec<u8>,
}

impl At {
    /// The same when two databases have changed places.
    pub(crate) fn swapped(self, a: u8, b: u8) -> Self {
        let db = match self.db {
            db if db == a => b,
            db if db == b => a,
            db => db,
        };
        Self { db, ..self }
    }
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) value: Holds,
    pub(crate) expire_at_ms: Option<u64>,
}

/// A vector index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IndexState {
    pub(crate) options: IndexOptions,
    pub(crate) vectors: BTreeMap<Id, Vec<f32>>,
}

/// One change.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Entry(At, Option<Entry>),
    Swap(u8, u8),
    Index(Vec<u8>, Option<IndexOptions>),
    Vector(Vec<u8>, Id, Option<Vec<f32>>),
}

/// All that a database holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) entries: BTreeMap<At, Entry>,
    pub(crate) indexes: BTreeMap<Vec<u8>, IndexState>,
}

impl State {
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Entry(at, Some(entry)) => drop(self.entries.insert(at.clone(), entry.clone())),
            Change::Entry(at, None) => drop(self.entries.remove(at)),
            Change::Swap(a, b) => {
                let entries = std::mem::take(&mut self.entries).into_iter();
                self.entries = entries.map(|(at, entry)| (at.swapped(*a, *b), entry)).collect();
            }
            Change::Index(name, Some(options)) => {
                let index = IndexState { options: *options, vectors: BTreeMap::new() };
                self.indexes.insert(name.clone(), index);
            }
            Change::Index(name, None) => drop(self.indexes.remove(name)),
            Change::Vector(name, id, row) => {
                let index =
                    self.indexes.get_mut(name).expect("vectors change in indexes that exist");
                match row {
                    Some(row) => drop(index.vectors.insert(id.clone(), row.clone())),
                    None => drop(index.vectors.remove(id)),
                }
            }
        }
    }

    /// The first differences to `found`, for people; `None` when there is none.
    pub(crate) fn difference(&self, found: &Self) -> Option<String> {
        if self == found {
            return None;
        }
        let mut lines = Vec::new();
        let keys = self
            .entries
            .keys()
            .chain(found.entries.keys().filter(|at| !self.entries.contains_key(at)));
        for at in keys {
            let (expected, got) = (self.entries.get(at), found.entries.get(at));
            if expected != got {
                let key = String::from_utf8_lossy(&at.key);
                lines.push(format!(
                    "db {} key {key}: expected {}, found {}",
                    at.db,
                    shown(expected),
                    shown(got)
                ));
            }
        }
        let names = self
            .indexes
            .keys()
            .chain(found.indexes.keys().filter(|name| !self.indexes.contains_key(*name)));
        for name in names {
            let (expected, got) = (self.indexes.get(name), found.indexes.get(name));
            if expected != got {
                let name = String::from_utf8_lossy(name);
                lines.push(format!("index {name}: expected {expected:?}, found {got:?}"));
            }
        }
        let mut text = format!("{} differences", lines.len());
        for line in lines.iter().take(4) {
            let line: String = line.chars().take(400).collect();
            let _ = write!(text, "; {line}");
        }
        Some(text)
    }
}

fn shown(entry: Option<&Entry>) -> String {
    match entry {
        None => "nothing".to_owned(),
        Some(Entry { value: Holds::Text(value), expire_at_ms }) => {
            let start = String::from_utf8_lossy(&value[..value.len().min(24)]).into_owned();
            format!("{start:?} ({} bytes, deadline {expire_at_ms:?})", value.len())
        }
        Some(Entry { value, expire_at_ms }) => {
            let text: String = format!("{value:?}").chars().take(120).collect();
            format!("{text} (deadline {expire_at_ms:?})")
        }
    }
}
