//! Whole values of any kind that go from key to key: COPY, RENAME, MOVE.
//!
//! May not know: more than its parent.

use super::Keyspace;
use crate::collection::Collection;
use crate::entry::{self, CellValue, Stored};
use crate::value::{Away, Kind, StrRef, ValueRef};

/// A value of any kind that no key holds. It can go into any keyspace.
#[derive(Clone, Debug)]
pub struct Value(Inner);

#[derive(Clone, Debug)]
enum Inner {
    Bytes(Box<[u8]>),
    Int(i64),
    Away(Away),
    Flat(Kind, Box<[u8]>),
    Indexed(Box<Collection>),
}

impl Value {
    /// A string; an integer's text is none here.
    #[must_use]
    pub fn bytes(bytes: &[u8]) -> Self {
        Self(Inner::Bytes(bytes.into()))
    }

    /// A look at it, as in a keyspace.
    #[must_use]
    pub fn view(&self) -> ValueRef<'_> {
        use crate::collection::{HashRef, ListRef, SetRef, SortedSetRef};
        match &self.0 {
            Inner::Bytes(bytes) => ValueRef::Str(StrRef::Bytes(bytes)),
            Inner::Int(value) => ValueRef::Str(StrRef::Int(*value)),
            Inner::Away(away) => ValueRef::Away(*away),
            Inner::Flat(Kind::Hash, bytes) => ValueRef::Hash(HashRef::flat(bytes)),
            Inner::Flat(Kind::List, bytes) => ValueRef::List(ListRef::flat(bytes)),
            Inner::Flat(Kind::Set, bytes) => ValueRef::Set(SetRef::flat(bytes)),
            Inner::Flat(_, bytes) => ValueRef::SortedSet(SortedSetRef::flat(bytes)),
            Inner::Indexed(collection) => collection.view(),
        }
    }
}

impl Keyspace {
    /// A copy of what `key` holds, and its deadline.
    #[must_use]
    pub fn copy_value(&self, hash: u64, key: &[u8]) -> Option<(Value, Option<u64>)> {
        let (_, handle) = self.find(hash, key)?;
        let cell = self.store.cell(handle);
        let value = match entry::view(cell).1 {
            CellValue::Str(StrRef::Bytes(bytes)) => Inner::Bytes(bytes.into()),
            CellValue::Str(StrRef::Int(value)) => Inner::Int(value),
            CellValue::Away(away) => Inner::Away(away),
            CellValue::Flat(kind, bytes) => Inner::Flat(kind, bytes.into()),
            CellValue::Indexed(_, number) => {
                Inner::Indexed(Box::new(self.collections.get(number).clone()))
            }
        };
        Some((Value(value), entry::deadline(cell)))
    }

    /// Removes `key` and returns what it held, and its deadline; takes no longer for a large
    /// collection than for a small one.
    pub fn take_value(&mut self, hash: u64, key: &[u8]) -> Option<(Value, Option<u64>)> {
        let (spot, handle) = self.find(hash, key)?;
        let cell = self.store.cell(handle);
        let Some(number) = entry::number(cell) else {
            let value = self.copy_value(hash, key);
            self.take_out(hash, spot, handle);
            return value;
        };
        let deadline = entry::deadline(cell);
        let collection = self.collections.take(number);
        self.take_out_cell(hash, spot, handle);
        Some((Value(Inner::Indexed(collection)), deadline))
    }

    /// Stores a value under `key`; says whether it replaced an entry.
    pub fn put_value(
        &mut self,
        hash: u64,
        key: &[u8],
        value: Value,
        expire_at_ms: Option<u64>,
    ) -> bool {
        match value.0 {
            Inner::Bytes(bytes) => {
                self.put(hash, key, &Stored::new(StrRef::Bytes(&bytes)), expire_at_ms)
            }
            Inner::Int(value) => {
                self.put(hash, key, &Stored::new(StrRef::Int(value)), expire_at_ms)
            }
            Inner::Away(away) => self.put_away(hash, key, away, expire_at_ms),
            Inner::Flat(kind, bytes) => {
                self.put(hash, key, &Stored::flat(kind, &bytes), expire_at_ms)
            }
            Inner::Indexed(collection) => {
                let kind = collection.kind();
                let number = self.collections.add(collection);
                self.put(hash, key, &Stored::indexed(kind, number), expire_at_ms)
            }
        }
    }
}
