//! Effects in words, for whoever looks at a log: `skeg inspect`, `skeg repair`.
//!
//! Invariant: whatever the payload is, describing it ends, with an error where it cannot be read.
//! May not know: how anything is shown.

use skeg_log::ReplayError;

use crate::effect::{Change, Effect, Effects, KIND_EFFECTS, KIND_PART, VectorId};
use crate::indexes::part_of;
use crate::router::{SLOTS, slot_of};

/// What an effect changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A key.
    Key {
        /// Its logical database.
        db: u8,
        /// The key.
        key: &'a [u8],
    },
    /// All keys of a logical database on the shard.
    Database(u8),
    /// A vector index.
    Index {
        /// The name of the whole.
        name: &'a [u8],
        /// Which of its parts; 0 also where there are no others.
        part: u16,
    },
}

impl<'a> Subject<'a> {
    /// The index of which something has this name.
    fn index(name: &'a [u8]) -> Self {
        let (part, name) = part_of(name).unwrap_or((0, name));
        Self::Index { name, part }
    }

    /// Where routing puts it; of a database nowhere.
    pub(crate) fn slot(self) -> Option<u16> {
        match self {
            Self::Key { key, .. } => Some(slot_of(key)),
            Self::Index { name, part } => Some((slot_of(name) + part) % SLOTS),
            Self::Database(_) => None,
        }
    }
}

/// One more thing to say of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail<'a> {
    /// Length of a value in bytes.
    Size(u64),
    /// A number.
    Number(i128),
    /// A moment, in Unix milliseconds.
    Time(u64),
    /// A key or name.
    Name(&'a [u8]),
}

/// An effect: what happened, to what, and what there is to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectInfo<'a> {
    /// What happened: `set`, `remove`, ...; the names of `docs/format/effects.md` with hyphens.
    pub op: &'static str,
    /// To what.
    pub subject: Subject<'a>,
    /// Details by name.
    pub details: Vec<(&'static str, Detail<'a>)>,
}

/// The effects of a record, in order.
pub struct RecordEffects<'a> {
    /// Of a part of a transaction over several shards: its number and the count of parts.
    pub transaction: Option<(u64, u64)>,
    effects: Effects<'a>,
}

impl std::fmt::Debug for RecordEffects<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordEffects").field("transaction", &self.transaction).finish()
    }
}

impl<'a> RecordEffects<'a> {
    /// The effects of a record of the log.
    ///
    /// # Errors
    /// [`ReplayError`] for an unknown kind of record.
    pub fn new(kind: u8, payload: &'a [u8]) -> Result<Self, ReplayError> {
        let (transaction, effects) = effects_of(kind, payload)?;
        Ok(Self { transaction, effects })
    }
}

impl<'a> Iterator for RecordEffects<'a> {
    type Item = Result<EffectInfo<'a>, ReplayError>;

    fn next(&mut self) -> Option<Self::Item> {
        let effect = self.effects.next()?;
        Some(effect.map(|effect| describe(&effect)).map_err(|bad| ReplayError(bad.to_string())))
    }
}

/// The transaction that a record is a part of, as number and count of parts, and its effects.
pub(crate) fn effects_of(
    kind: u8,
    payload: &[u8],
) -> Result<(Option<(u64, u64)>, Effects<'_>), ReplayError> {
    match kind {
        KIND_EFFECTS => Ok((None, Effects::new(payload))),
        KIND_PART => match Effects::of_part(payload) {
            Ok((number, parts, effects)) => Ok((Some((number, parts)), effects)),
            Err(bad) => Err(ReplayError(bad.to_string())),
        },
        other => Err(ReplayError(format!("unknown record kind {other}"))),
    }
}

fn describe<'a>(effect: &Effect<'a>) -> EffectInfo<'a> {
    use Detail::{Name, Number, Size, Time};
    let size = |bytes: &[u8]| Size(bytes.len() as u64);
    let until = |at: Option<u64>| at.map(|at| ("expires", Time(at)));
    let (op, subject, details) = match *effect {
        Effect::Set { db, key, value, expire_at_ms } => {
            let details = [("bytes", size(value))].into_iter().chain(until(expire_at_ms));
            ("set", Subject::Key { db, key }, details.collect())
        }
        Effect::SetAway { db, key, value, expire_at_ms } => {
            let home = match value.place.own_file() {
                Some(id) => ("value file", Number(id.into())),
                None => ("segment", Number(value.place.segment.into())),
            };
            let place = [
                ("bytes", Size(value.bytes.into())),
                home,
                ("offset", Number(value.place.offset.into())),
            ];
            let details = place.into_iter().chain(until(expire_at_ms)).collect();
            ("set-away", Subject::Key { db, key }, details)
        }
        Effect::SetInt { db, key, value } => {
            let details = vec![("value", Number(value.into()))];
            ("set-integer", Subject::Key { db, key }, details)
        }
        Effect::Remove { db, key } => ("remove", Subject::Key { db, key }, Vec::new()),
        Effect::Expire { db, key, expire_at_ms } => {
            let op = if expire_at_ms.is_some() { "expire" } else { "persist" };
            (op, Subject::Key { db, key }, until(expire_at_ms).into_iter().collect())
        }
        Effect::Append { db, key, tail } => {
            ("append", Subject::Key { db, key }, vec![("bytes", size(tail))])
        }
        Effect::SetRange { db, key, offset, bytes } => {
            let details = vec![("offset", Number(offset.into())), ("bytes", size(bytes))];
            ("set-range", Subject::Key { db, key }, details)
        }
        Effect::Move { db, key, to_db, to, keep_source } => {
            let details = vec![("to_db", Number(to_db.into())), ("to", Name(to))];
            (if keep_source { "copy" } else { "rename" }, Subject::Key { db, key }, details)
        }
        Effect::Elements { change, db, key, elements } => {
            let details = vec![
                ("elements", Number(elements.iter().count() as i128)),
                ("bytes", Size(elements.iter().map(|element| element.len() as u64).sum())),
            ];
            (op_of(change), Subject::Key { db, key }, details)
        }
        Effect::ListSet { db, key, index, item } => {
            let details = vec![("index", Number(index.into())), ("bytes", size(item))];
            ("list-set", Subject::Key { db, key }, details)
        }
        Effect::ListInsert { db, key, index, item } => {
            let details = vec![("index", Number(index.into())), ("bytes", size(item))];
            ("list-insert", Subject::Key { db, key }, details)
        }
        Effect::ListRemove { db, key, start, count } => {
            let details = vec![("start", Number(start.into())), ("count", Number(count.into()))];
            ("list-remove", Subject::Key { db, key }, details)
        }
        Effect::Flush { db } => ("flush", Subject::Database(db), Vec::new()),
        Effect::Swap { a, b } => ("swap", Subject::Database(a), vec![("with", Number(b.into()))]),
        Effect::IndexCreate { name, options } => {
            ("create-index", Subject::index(name), vec![("options_bytes", size(options))])
        }
        Effect::IndexDrop { name } => ("drop-index", Subject::index(name), Vec::new()),
        Effect::VectorSet { name, id, row } => {
            ("set-vector", Subject::index(name), vec![detail_of(id), ("bytes", size(row))])
        }
        Effect::VectorRemove { name, id } => {
            ("remove-vector", Subject::index(name), vec![detail_of(id)])
        }
        Effect::IndexFreeze { name } => ("freeze-index", Subject::index(name), Vec::new()),
    };
    EffectInfo { op, subject, details }
}

fn op_of(change: Change) -> &'static str {
    match change {
        Change::HashSet => "hash-set",
        Change::HashRemove => "hash-remove",
        Change::SetAdd => "set-add",
        Change::SetRemove => "set-remove",
        Change::PushFront => "push-front",
        Change::PushBack => "push-back",
        Change::SortedSetSet => "sorted-set-set",
        Change::SortedSetRemove => "sorted-set-remove",
    }
}

fn detail_of(id: VectorId<'_>) -> (&'static str, Detail<'_>) {
    match id {
        VectorId::U64(id) => ("id", Detail::Number(id.into())),
        VectorId::Str(id) => ("id", Detail::Name(id)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_effect_says_what_happened_to_what() {
        let mut payload = Vec::new();
        Effect::Set { db: 3, key: b"k", value: b"four", expire_at_ms: Some(99) }
            .encode(&mut payload);
        Effect::Move { db: 0, key: b"a", to_db: 1, to: b"b", keep_source: false }
            .encode(&mut payload);
        let described = RecordEffects::new(KIND_EFFECTS, &payload).unwrap();
        let described: Vec<_> = described.map(Result::unwrap).collect();
        assert_eq!(
            described,
            [
                EffectInfo {
                    op: "set",
                    subject: Subject::Key { db: 3, key: b"k" },
                    details: vec![("bytes", Detail::Size(4)), ("expires", Detail::Time(99))],
                },
                EffectInfo {
                    op: "rename",
                    subject: Subject::Key { db: 0, key: b"a" },
                    details: vec![("to_db", Detail::Number(1)), ("to", Detail::Name(b"b"))],
                },
            ]
        );
        let mut payload = Vec::new();
        Effect::IndexFreeze { name: b"{ab}\0\0\x02docs" }.encode(&mut payload);
        let freeze = RecordEffects::new(KIND_EFFECTS, &payload).unwrap().next().unwrap().unwrap();
        assert_eq!(freeze.subject, Subject::Index { name: b"docs", part: 2 });
        let part = [&[7, 2][..], &payload].concat();
        assert_eq!(RecordEffects::new(KIND_PART, &part).unwrap().transaction, Some((7, 2)));
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_effects_or_an_error(
            kind in 0_u8..4, payload in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(effects) = RecordEffects::new(kind, &payload) {
                prop_assert!(effects.count() <= payload.len());
            }
        }
    }
}
