//! What a keyspace shows of its entries: values, deadlines, kinds.
//!
//! May not know: where entries lie.

use crate::collection::{HashRef, ListRef, SetRef, SortedSetRef};

/// The latest deadline that can be stored, in Unix milliseconds (year 10889); later ones are
/// stored as this one.
pub const DEADLINE_MS_MAX: u64 = (1 << 48) - 1;

/// The secret of a keyspace's hash function: nobody who lacks it can choose keys that collide.
#[derive(Clone, Copy)]
pub struct HashSeed([u64; 4]);

impl HashSeed {
    /// Makes a seed of 32 random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        Self(std::array::from_fn(|index| u64::from_le_bytes(words[index])))
    }

    pub(crate) fn hasher(self) -> ahash::RandomState {
        let [a, b, c, d] = self.0;
        ahash::RandomState::with_seeds(a, b, c, d)
    }
}

impl std::fmt::Debug for HashSeed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("HashSeed(secret)")
    }
}

/// A string value as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StrRef<'a> {
    /// Any bytes.
    Bytes(&'a [u8]),
    /// The canonical decimal text of this integer.
    Int(i64),
}

impl StrRef<'_> {
    /// The length of the value in bytes; of an integer: of its decimal text.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Int(value) => {
                let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
                digits + usize::from(*value < 0)
            }
        }
    }

    /// Whether the value is the empty string.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the value's bytes to `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Int(value) => {
                out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
            }
        }
    }
}

/// A string that is kept elsewhere: how long it is, and what whoever put it there knows of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Away {
    /// Its length in bytes.
    pub len: u32,
    /// What it is counted under ([`Keyspace::homes`](crate::Keyspace::homes)): the file, say.
    pub home: u64,
    /// The rest of the place; nothing here looks at it.
    pub at: [u8; 12],
}

/// What a keyspace keeps at one home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Strings.
    pub values: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// The type of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A string (also when it is stored as an integer).
    String,
    /// Fields with values.
    Hash,
    /// Items in an order of their own.
    List,
    /// Members, each once.
    Set,
    /// Members, each once, in the order of their scores.
    SortedSet,
}

/// A value, borrowed from the keyspace.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// A string.
    Str(StrRef<'a>),
    /// A string that is kept elsewhere.
    Away(Away),
    /// A hash.
    Hash(HashRef<'a>),
    /// A list.
    List(ListRef<'a>),
    /// A set.
    Set(SetRef<'a>),
    /// A sorted set.
    SortedSet(SortedSetRef<'a>),
}

impl<'a> ValueRef<'a> {
    /// The type of the value.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Str(_) | Self::Away(_) => Kind::String,
            Self::Hash(_) => Kind::Hash,
            Self::List(_) => Kind::List,
            Self::Set(_) => Kind::Set,
            Self::SortedSet(_) => Kind::SortedSet,
        }
    }

    /// The string, if it is here: whoever may have put it elsewhere looks at that before.
    ///
    /// # Errors
    /// [`WrongType`] when it is something else; so with the other kinds.
    #[inline]
    pub fn string(self) -> Result<StrRef<'a>, WrongType> {
        if let Self::Str(value) = self { Ok(value) } else { Err(WrongType) }
    }

    /// The hash.
    ///
    /// # Errors
    /// [`WrongType`] when it is something else.
    #[inline]
    pub fn hash(self) -> Result<HashRef<'a>, WrongType> {
        if let Self::Hash(value) = self { Ok(value) } else { Err(WrongType) }
    }

    /// The list.
    ///
    /// # Errors
    /// [`WrongType`] when it is something else.
    #[inline]
    pub fn list(self) -> Result<ListRef<'a>, WrongType> {
        if let Self::List(value) = self { Ok(value) } else { Err(WrongType) }
    }

    /// The set.
    ///
    /// # Errors
    /// [`WrongType`] when it is something else.
    #[inline]
    pub fn set(self) -> Result<SetRef<'a>, WrongType> {
        if let Self::Set(value) = self { Ok(value) } else { Err(WrongType) }
    }

    /// The sorted set.
    ///
    /// # Errors
    /// [`WrongType`] when it is something else.
    #[inline]
    pub fn sorted_set(self) -> Result<SortedSetRef<'a>, WrongType> {
        if let Self::SortedSet(value) = self { Ok(value) } else { Err(WrongType) }
    }
}

/// An entry's value and deadline, borrowed from the keyspace.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'a> {
    /// The value.
    pub value: ValueRef<'a>,
    /// When the entry expires, in Unix milliseconds. A deadline in the past is still shown:
    /// judging it is the caller's work.
    pub expire_at_ms: Option<u64>,
}

impl EntryRef<'_> {
    /// The type of the value.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.value.kind()
    }
}

/// The key holds a value of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
pub struct WrongType;

/// The integer whose canonical decimal text is `text` (no leading zeros, no plus, no `-0`).
pub(crate) fn canonical_int(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    digits.iter().try_fold(0_i64, |value, digit| {
        let digit = i64::from(digit.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        let value = value.checked_mul(10)?;
        if negative { value.checked_sub(digit) } else { value.checked_add(digit) }
    })
}
