//! Names of rows: numbers or strings, one kind per index.
//!
//! Invariant: ids of one kind are totally ordered (numbers by value, strings by their bytes); this
//! order settles ties between scores.
//!
//! May not know: where a row lies.

use std::fmt;

use crate::options::Named;

/// What the ids of an index are. Fixed when it is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdKind {
    /// Unsigned 64-bit numbers.
    U64,
    /// UTF-8 strings of at most [`ID_BYTES_MAX`](crate::ID_BYTES_MAX) bytes.
    Str,
}

impl Named for IdKind {
    const OPTION: &'static str = "kind of ids";
    const KNOWN: &'static str = "u64, string";
    const ALL: &'static [Self] = &[Self::U64, Self::Str];

    fn name(self) -> &'static str {
        match self {
            Self::U64 => "u64",
            Self::Str => "string",
        }
    }
}

/// An id that owns its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// A number.
    U64(u64),
    /// A string.
    Str(Box<str>),
}

/// An id that borrows its text: what the methods of an index take, so that a look-up does not
/// allocate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdRef<'a> {
    /// A number.
    U64(u64),
    /// A string.
    Str(&'a str),
}

/// Why a text is no id of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoId {
    /// Ids are texts.
    #[error("the id is not UTF-8")]
    NotUtf8,
    /// The ids of this index are numbers.
    #[error("the ids of this index are unsigned integers")]
    NoNumber,
}

impl<'a> IdRef<'a> {
    /// Reads an id of an index whose ids are of this kind: numbers are written in decimal digits.
    ///
    /// # Errors
    /// [`NoId`].
    pub fn read(kind: IdKind, text: &'a [u8]) -> Result<Self, NoId> {
        let string = std::str::from_utf8(text).map_err(|_| NoId::NotUtf8);
        match kind {
            IdKind::Str => string.map(Self::Str),
            IdKind::U64 if text.iter().all(u8::is_ascii_digit) => {
                string?.parse().map(Self::U64).map_err(|_| NoId::NoNumber)
            }
            IdKind::U64 => Err(NoId::NoNumber),
        }
    }

    /// A number or a string?
    #[must_use]
    pub fn kind(self) -> IdKind {
        match self {
            Self::U64(_) => IdKind::U64,
            Self::Str(_) => IdKind::Str,
        }
    }

    /// A copy that owns its text.
    #[must_use]
    pub fn to_owned(self) -> Id {
        match self {
            Self::U64(number) => Id::U64(number),
            Self::Str(text) => Id::Str(text.into()),
        }
    }
}

impl Id {
    /// Borrows the text.
    #[must_use]
    pub fn as_ref(&self) -> IdRef<'_> {
        match self {
            Self::U64(number) => IdRef::U64(*number),
            Self::Str(text) => IdRef::Str(text),
        }
    }
}

impl<'a> From<&'a Id> for IdRef<'a> {
    fn from(id: &'a Id) -> Self {
        id.as_ref()
    }
}

impl From<u64> for IdRef<'_> {
    fn from(number: u64) -> Self {
        Self::U64(number)
    }
}

impl<'a> From<&'a str> for IdRef<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(text)
    }
}

impl From<u64> for Id {
    fn from(number: u64) -> Self {
        Self::U64(number)
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_ref(), f)
    }
}

impl fmt::Display for IdRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U64(number) => fmt::Display::fmt(number, f),
            Self::Str(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_the_kind_of_their_index() {
        let read = IdRef::read;
        assert_eq!(read(IdKind::U64, b"7"), Ok(IdRef::U64(7)));
        assert_eq!(read(IdKind::Str, b"7"), Ok(IdRef::Str("7")));
        for text in [&b"+7"[..], b"", b"-1", b"\xff", b"18446744073709551616"] {
            assert_eq!(read(IdKind::U64, text), Err(NoId::NoNumber));
        }
        assert_eq!(read(IdKind::Str, b"\xff"), Err(NoId::NotUtf8));
    }
}
