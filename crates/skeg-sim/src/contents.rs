//! What shards hold before and behind a command: how the simulation knows what a command has done without
//! knowing what it is to do.
//!
//! Commands are judged elsewhere, by Redis's own tests. Here it counts that the log says what memory does:
//! what is seen in memory when a command has run is what must be there behind its epoch.
//!
//! Invariant: looking changes nothing, not even what the reply waits for.

use std::collections::{BTreeMap, HashMap};

use skeg_engine::{Away, DATABASES, Exec, Router, ShardId, ValueRef};

use crate::elements::Holds;
use crate::state::{At, Entry, State};

/// Where strings that are in the log only are held.
pub(crate) type Strings = HashMap<Away, At>;

/// The entries of some shards.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    shards: Vec<ShardId>,
    entries: BTreeMap<At, Found>,
}

#[derive(Clone, Debug)]
struct Found {
    value: Value,
    expire_at_ms: Option<u64>,
}

#[derive(Clone, Debug)]
enum Value {
    Here(Holds),
    /// In the log only, and the string that this key had before.
    As(Option<At>),
}

/// The strings of held shards that are in the log only.
pub(crate) fn strings(exec: &mut Exec<'_>) -> Strings {
    let mut strings = Strings::new();
    for shard in exec.shards() {
        for db in 0..DATABASES {
            shard.inspect(db, &mut |key, entry| {
                if let ValueRef::Away(away) = entry.value {
                    strings.insert(away, At { db, key: key.to_vec() });
                }
            });
        }
    }
    strings
}

impl Contents {
    /// What held shards have, when they had these strings in the log before.
    pub(crate) fn of(exec: &mut Exec<'_>, before: &Strings) -> Self {
        let (mut shards, mut entries) = (Vec::new(), BTreeMap::new());
        for shard in exec.shards() {
            shards.push(shard.id());
            for db in 0..DATABASES {
                shard.inspect(db, &mut |key, entry| {
                    let value = match entry.value {
                        ValueRef::Away(away) => Value::As(before.get(&away).cloned()),
                        value => Value::Here(Holds::of(value)),
                    };
                    let found = Found { value, expire_at_ms: entry.expire_at_ms };
                    entries.insert(At { db, key: key.to_vec() }, found);
                });
            }
        }
        Self { shards, entries }
    }

    /// What is other than in a state: the keys and what they hold now.
    ///
    /// # Errors
    /// A string is in the log that was not before.
    pub(crate) fn changes(
        &self,
        state: &State,
        router: Router,
    ) -> Result<Vec<(At, Option<Entry>)>, String> {
        let mut changes = Vec::new();
        let held = |at: &&At| self.shards.contains(&router.shard_of(&at.key));
        let gone = state.entries.keys().filter(held);
        for at in gone.filter(|at| !self.entries.contains_key(*at)) {
            changes.push((at.clone(), None));
        }
        for (at, found) in &self.entries {
            let before = state.entries.get(at);
            let is_same = |holds: &Holds| {
                before.is_some_and(|entry| {
                    entry.expire_at_ms == found.expire_at_ms && entry.value == *holds
                })
            };
            let holds = match &found.value {
                Value::Here(holds) => holds,
                Value::As(from) => {
                    let entry = from.as_ref().and_then(|from| state.entries.get(from));
                    &entry.ok_or_else(|| format!("{at:?} has a string of nobody"))?.value
                }
            };
            if !is_same(holds) {
                let entry = Entry { value: holds.clone(), expire_at_ms: found.expire_at_ms };
                changes.push((at.clone(), Some(entry)));
            }
        }
        Ok(changes)
    }
}
