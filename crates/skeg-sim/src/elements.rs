//! Changes of hashes, lists, sets and sorted sets: as operations, on the engine, and by the plainest
//! means.

use std::collections::{BTreeMap, BTreeSet};

use skeg_engine::{End, Shard, StrRef, ValueRef};

use crate::op::Answer;
use crate::state::At;

/// One change of a collection.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    HashSet(Vec<u8>, Vec<u8>),
    HashRemove(Vec<u8>),
    SetAdd(Vec<u8>),
    SetRemove(Vec<u8>),
    Push(End, Vec<u8>),
    Pop(End),
    ListSet(usize, Vec<u8>),
    ListInsert(usize, Vec<u8>),
    ListRemove(usize, usize),
    Score(Vec<u8>, f64),
    Unscore(Vec<u8>),
}

/// What a key holds, as plain collections; scores as their bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holds {
    Text(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    List(Vec<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    SortedSet(BTreeMap<Vec<u8>, u64>),
}

impl From<Vec<u8>> for Holds {
    fn from(text: Vec<u8>) -> Self {
        Self::Text(text)
    }
}

pub(crate) fn bytes(value: StrRef<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len());
    value.write_to(&mut bytes);
    bytes
}

impl Holds {
    /// A copy of what is in the engine.
    pub(crate) fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Str(text) => Self::Text(bytes(text)),
            ValueRef::Hash(hash) => {
                Self::Hash(hash.iter().map(|(field, value)| (bytes(field), bytes(value))).collect())
            }
            ValueRef::List(list) => Self::List(list.iter().map(bytes).collect()),
            ValueRef::Set(set) => Self::Set(set.iter().map(bytes).collect()),
            ValueRef::SortedSet(set) => {
                let members = set.iter().map(|(member, score)| (bytes(member), score.to_bits()));
                Self::SortedSet(members.collect())
            }
            other => unreachable!("nobody stores a {:?}", other.kind()),
        }
    }

    /// Whether nothing is left of a collection.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Hash(fields) => fields.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Set(members) => members.is_empty(),
            Self::SortedSet(members) => members.is_empty(),
        }
    }
}

impl Change {
    /// Bytes that it may log beside the key.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::HashSet(field, value) => field.len() + value.len(),
            Self::HashRemove(bytes)
            | Self::SetAdd(bytes)
            | Self::SetRemove(bytes)
            | Self::Push(_, bytes)
            | Self::ListSet(_, bytes)
            | Self::ListInsert(_, bytes)
            | Self::Score(bytes, _)
            | Self::Unscore(bytes) => bytes.len(),
            Self::Pop(_) | Self::ListRemove(..) => 0,
        };
        bytes as u64
    }

    /// Whether the database grows by it.
    pub(crate) fn grows(&self) -> bool {
        !self.removes()
    }

    /// Whether it removes, so that a key that has lapsed may stay for the moment.
    pub(crate) fn removes(&self) -> bool {
        matches!(
            self,
            Self::HashRemove(_)
                | Self::SetRemove(_)
                | Self::Pop(_)
                | Self::ListRemove(..)
                | Self::Unscore(_)
        )
    }

    /// Does it to a shard.
    pub(crate) fn run(&self, shard: &mut Shard, At { db, key }: &At) -> Answer {
        let db = *db;
        let score = |score: Option<f64>| Answer::Score(score.map(f64::to_bits));
        let answer = match self {
            Self::HashSet(field, value) => shard.hash_set(db, key, field, value).map(Answer::Flag),
            Self::HashRemove(field) => shard.hash_remove(db, key, field).map(Answer::Flag),
            Self::SetAdd(member) => shard.set_add(db, key, member).map(Answer::Flag),
            Self::SetRemove(member) => shard.set_remove(db, key, member).map(Answer::Flag),
            Self::Push(end, item) => shard.list_push(db, key, *end, item).map(Answer::Length),
            Self::Pop(end) => {
                let mut bytes = Vec::new();
                let popped = shard.list_pop(db, key, *end, |item| item.write_to(&mut bytes));
                popped.map(|popped| Answer::Bytes(popped.map(|()| bytes)))
            }
            Self::ListSet(index, item) => shard.list_set(db, key, *index, item).map(Answer::Flag),
            Self::ListInsert(index, item) => shard
                .list_insert(db, key, *index, item)
                .map(|length| length.map_or(Answer::Flag(false), Answer::Length)),
            Self::ListRemove(start, count) => {
                shard.list_remove(db, key, *start, *count).map(Answer::Length)
            }
            Self::Score(member, value) => shard.zset_set(db, key, member, *value).map(score),
            Self::Unscore(member) => shard.zset_remove(db, key, member).map(score),
        };
        answer.unwrap_or(Answer::Failed)
    }

    /// What a key without anything holds before this change.
    pub(crate) fn nothing(&self) -> Holds {
        match self {
            Self::HashSet(..) | Self::HashRemove(_) => Holds::Hash(BTreeMap::new()),
            Self::SetAdd(_) | Self::SetRemove(_) => Holds::Set(BTreeSet::new()),
            Self::Score(..) | Self::Unscore(_) => Holds::SortedSet(BTreeMap::new()),
            _ => Holds::List(Vec::new()),
        }
    }

    /// Does it to a plain collection.
    pub(crate) fn apply(&self, holds: &mut Holds) -> Answer {
        match (self, holds) {
            (Self::HashSet(field, value), Holds::Hash(fields)) => {
                Answer::Flag(fields.insert(field.clone(), value.clone()).is_none())
            }
            (Self::HashRemove(field), Holds::Hash(fields)) => {
                Answer::Flag(fields.remove(field).is_some())
            }
            (Self::SetAdd(member), Holds::Set(members)) => {
                Answer::Flag(members.insert(member.clone()))
            }
            (Self::SetRemove(member), Holds::Set(members)) => Answer::Flag(members.remove(member)),
            (Self::Score(member, score), Holds::SortedSet(members)) => {
                Answer::Score(members.insert(member.clone(), score.to_bits()))
            }
            (Self::Unscore(member), Holds::SortedSet(members)) => {
                Answer::Score(members.remove(member))
            }
            (change, Holds::List(items)) => change.apply_to_list(items),
            _ => Answer::Failed,
        }
    }

    fn apply_to_list(&self, items: &mut Vec<Vec<u8>>) -> Answer {
        match self {
            Self::Push(end, item) => {
                let at = if *end == End::Front { 0 } else { items.len() };
                items.insert(at, item.clone());
                Answer::Length(items.len())
            }
            Self::Pop(End::Back) => Answer::Bytes(items.pop()),
            Self::Pop(End::Front) => Answer::Bytes((!items.is_empty()).then(|| items.remove(0))),
            Self::ListSet(index, item) => {
                let old = items.get_mut(*index);
                Answer::Flag(old.map(|old| old.clone_from(item)).is_some())
            }
            // A list that is not there has no place at all.
            Self::ListInsert(index, _) if items.is_empty() || *index > items.len() => {
                Answer::Flag(false)
            }
            Self::ListInsert(index, item) => {
                items.insert(*index, item.clone());
                Answer::Length(items.len())
            }
            Self::ListRemove(start, count) => {
                let start = (*start).min(items.len());
                let end = start.saturating_add(*count).min(items.len());
                Answer::Length(items.drain(start..end).count())
            }
            _ => Answer::Failed,
        }
    }
}
