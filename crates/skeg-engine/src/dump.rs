//! Values as DUMP gives them and RESTORE takes them: versioned, with a checksum, without the key and
//! without a deadline (`docs/format/dump.md`).
//!
//! Invariants: what was written reads back as the same value; bytes that are damaged, of another
//! program or of a newer version are refused, without a panic.

use skeg_keyspace::{End, Kind, StrRef, ValueRef, WrongType};
use skeg_simd::crc32c;

use crate::effect::{Change, Elements, put_element, score};
use crate::error::ReadError;
use crate::notify::NotifyClass;
use crate::shard::{Expiry, Shard, each_change};

const MAGIC: [u8; 4] = *b"SKDV";
const VERSION: u8 = 1;
/// Magic, version, type.
const HEAD_BYTES: usize = 6;
const CHECKSUM_BYTES: usize = 4;
const CHECKSUM_SEED: u32 = 0;

/// Types of values.
mod kind {
    pub(super) const STRING: u8 = 1;
    pub(super) const INTEGER: u8 = 2;
    pub(super) const HASH: u8 = 3;
    pub(super) const LIST: u8 = 4;
    pub(super) const SET: u8 = 5;
    pub(super) const SORTED_SET: u8 = 6;
}

/// A value that was dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dumped<'a> {
    /// A string.
    String(&'a [u8]),
    /// A string that is stored as an integer.
    Integer(i64),
    /// A collection.
    Collection(DumpedElements<'a>),
}

/// The elements of a collection that was dumped: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DumpedElements<'a> {
    change: Change,
    run: Elements<'a>,
}

impl<'a> DumpedElements<'a> {
    fn read(kind: u8, body: &'a [u8]) -> Option<Self> {
        let change = match kind {
            kind::HASH => Change::HashSet,
            kind::LIST => Change::PushBack,
            kind::SET => Change::SetAdd,
            kind::SORTED_SET => Change::SortedSetSet,
            _ => return None,
        };
        let run = Elements::whole(change, body)?;
        let is_empty = run.iter().next().is_none();
        let has_nan =
            change == Change::SortedSetSet && run.pairs().any(|(_, number)| score(number).is_nan());
        (!is_empty && !has_nan).then_some(Self { change, run })
    }
}

/// Why bytes are no dumped value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// They were not written by this format, by a newer version of it, or were damaged since.
    #[error("the version or the checksum is wrong")]
    Foreign,
    /// The checksum is right and the contents are not: of a type that is not known, or too short.
    #[error("the data format is bad")]
    Malformed,
}

impl<'a> Dumped<'a> {
    /// Reads what [`Shard::dump`] has written.
    ///
    /// # Errors
    /// [`DumpError`] when it has not.
    pub fn read(bytes: &'a [u8]) -> Result<Self, DumpError> {
        let (covered, checksum) =
            bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(DumpError::Foreign)?;
        let known = covered.len() >= HEAD_BYTES && covered[..4] == MAGIC && covered[4] == VERSION;
        if !known || u32::from_le_bytes(*checksum) != crc32c(CHECKSUM_SEED, covered) {
            return Err(DumpError::Foreign);
        }
        let body = &covered[HEAD_BYTES..];
        match covered[5] {
            kind::STRING => Ok(Self::String(body)),
            kind::INTEGER => {
                let number = body.try_into().map_err(|_| DumpError::Malformed)?;
                Ok(Self::Integer(i64::from_le_bytes(number)))
            }
            kind => {
                DumpedElements::read(kind, body).map(Self::Collection).ok_or(DumpError::Malformed)
            }
        }
    }
}

/// The payload of a value.
fn write(value: ValueRef<'_>) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&[VERSION, kind_of(value)]);
    match value {
        ValueRef::Str(StrRef::Bytes(bytes)) => out.extend_from_slice(bytes),
        ValueRef::Str(StrRef::Int(value)) => out.extend_from_slice(&value.to_le_bytes()),
        collection => {
            each_change(collection, &mut |_, elements| {
                elements.iter().for_each(|element| put_element(&mut out, element));
            });
            out.push(0);
        }
    }
    let checksum = crc32c(CHECKSUM_SEED, &out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

fn kind_of(value: ValueRef<'_>) -> u8 {
    match (value, value.kind()) {
        (ValueRef::Str(StrRef::Int(_)), _) => kind::INTEGER,
        (_, Kind::String) => kind::STRING,
        (_, Kind::Hash) => kind::HASH,
        (_, Kind::List) => kind::LIST,
        (_, Kind::Set) => kind::SET,
        (_, Kind::SortedSet) => kind::SORTED_SET,
        (_, other) => unreachable!("no payload says what a {other:?} holds"),
    }
}

impl Shard {
    /// The value of a key, for [`Dumped::read`].
    ///
    /// # Errors
    /// [`ReadError`]: it is a string that is not to be had now.
    pub fn dump(&mut self, db: u8, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        if self.kind(db, key) == Some(Kind::String) {
            return Ok(self.string(db, key)?.map(|value| write(ValueRef::Str(value))));
        }
        Ok(self.value(db, key).map(write))
    }

    /// Stores a dumped value, in the place of what is there; the key counts as new.
    pub fn restore(&mut self, db: u8, key: &[u8], value: Dumped<'_>, expiry: Expiry) {
        match value {
            Dumped::String(bytes) => self.restore_string(db, key, bytes, expiry),
            Dumped::Integer(value) => {
                self.restore_string(db, key, value.to_string().as_bytes(), expiry);
            }
            Dumped::Collection(elements) => {
                self.remove(db, key);
                self.build(db, key, elements).expect("what the key held has been removed");
                if let Expiry::At(at) = expiry {
                    self.set_expiry(db, key, Some(at));
                }
            }
        }
    }

    fn restore_string(&mut self, db: u8, key: &[u8], value: &[u8], expiry: Expiry) {
        let replaced = self.set(db, key, value, expiry);
        if replaced {
            self.notify(NotifyClass::NEW, "new", db, key);
        }
    }

    fn build(
        &mut self,
        db: u8,
        key: &[u8],
        DumpedElements { change, run }: DumpedElements<'_>,
    ) -> Result<(), WrongType> {
        match change {
            Change::HashSet => run
                .pairs()
                .try_for_each(|(field, value)| self.hash_set(db, key, field, value).map(drop)),
            Change::SetAdd => {
                run.iter().try_for_each(|member| self.set_add(db, key, member).map(drop))
            }
            Change::SortedSetSet => run.pairs().try_for_each(|(member, number)| {
                self.zset_set(db, key, member, score(number)).map(drop)
            }),
            _ => run.iter().try_for_each(|item| self.list_push(db, key, End::Back, item).map(drop)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = [&MAGIC[..], &[VERSION, kind], body].concat();
        let checksum = crc32c(CHECKSUM_SEED, &bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    proptest! {
        #[test]
        fn strings_that_were_dumped_are_read(bytes: Vec<u8>, number: i64) {
            let written = write(ValueRef::Str(StrRef::Bytes(&bytes)));
            prop_assert_eq!(Dumped::read(&written), Ok(Dumped::String(&bytes)));
            let written = write(ValueRef::Str(StrRef::Int(number)));
            prop_assert_eq!(Dumped::read(&written), Ok(Dumped::Integer(number)));
        }

        #[test]
        fn a_changed_bit_or_a_cut_is_noticed(bytes: Vec<u8>, bit: usize, cut in 1_usize..12) {
            let written = write(ValueRef::Str(StrRef::Bytes(&bytes)));
            let mut changed = written.clone();
            changed[bit / 8 % written.len()] ^= 1 << (bit % 8);
            prop_assert_eq!(Dumped::read(&changed), Err(DumpError::Foreign));
            let end = written.len().saturating_sub(cut);
            prop_assert_eq!(Dumped::read(&written[..end]), Err(DumpError::Foreign));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, kind in 0_u8..8) {
            let _ = Dumped::read(&bytes);
            let _ = Dumped::read(&of(kind, &bytes));
        }
    }

    #[test]
    fn contents_that_no_value_has_are_malformed() {
        let nan = [&[2, b'm', 9][..], &f64::NAN.to_le_bytes(), &[0]].concat();
        for (kind, body) in [
            (99, &b"x"[..]),
            (kind::INTEGER, b"1234567"),
            // Empty, cut short, with something behind its end, a field without a value.
            (kind::LIST, &[0]),
            (kind::SET, &[2, b'a']),
            (kind::SET, &[2, b'a', 0, 0]),
            (kind::HASH, &[2, b'a', 0]),
            (kind::SORTED_SET, &[2, b'm', 2, b'1', 0]),
            (kind::SORTED_SET, &nan),
        ] {
            assert_eq!(Dumped::read(&of(kind, body)), Err(DumpError::Malformed), "{kind} {body:?}");
        }
    }
}
