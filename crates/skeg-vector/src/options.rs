//! What an index is made with, and its stored form.
//!
//! Stored form, version 1, 9 bytes: version (1), dim (4, little-endian), metric (1), kind of ids
//! (1), tier (1), backend (1). The four codes are the places of the values in their `ALL`, which
//! therefore only grows at its end. A change of the layout takes the next version.
//!
//! Invariant: `from_bytes(to_bytes(o)) == o` for every `o` that `validate` accepts, and nothing that
//! it refuses is ever read back.
//!
//! May not know: where the bytes are kept.

use std::fmt;
use std::str::FromStr;

use crate::quant::CodeKind;
use crate::{DIM_MAX, IdKind, Metric, VectorError};

const VERSION: u8 = 1;
const BYTES: usize = 9;

/// An enumeration whose values have names and stored codes.
pub(crate) trait Named: Copy + PartialEq + 'static {
    /// What a value of it is called in messages.
    const OPTION: &'static str;
    /// Every name, for messages.
    const KNOWN: &'static str;
    /// Every value; its place is its stored code.
    const ALL: &'static [Self];
    /// The name.
    fn name(self) -> &'static str;
}

/// The value called `word`, letters of either case.
pub(crate) fn parse<T: Named>(word: &str) -> Result<T, VectorError> {
    T::ALL.iter().copied().find(|value| value.name().eq_ignore_ascii_case(word)).ok_or_else(|| {
        VectorError::UnknownOption { option: T::OPTION, given: word.to_owned(), known: T::KNOWN }
    })
}

pub(crate) fn code<T: Named>(value: T) -> u8 {
    let place = T::ALL.iter().position(|&other| other == value).expect("ALL names every value");
    u8::try_from(place).expect("a handful of values")
}

pub(crate) fn decode<T: Named>(code: u8) -> Result<T, VectorError> {
    let value = T::ALL.get(usize::from(code)).copied();
    value.ok_or(VectorError::Corrupt { reason: "a code that stands for nothing" })
}

/// How rows are coded for the scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tier {
    /// As they are: 4 bytes a dimension, exact.
    F32,
    /// 1 byte a dimension.
    Int8,
    /// The signs: 1 bit a dimension.
    Binary,
    /// 1 bit a dimension: 16 words for each four, learned from a sample of the rows of a segment.
    Pq,
    /// 1 bit a dimension after a rotation.
    Tq1,
    /// 2 bits a dimension after a rotation.
    Tq2,
    /// 4 bits a dimension after a rotation.
    Tq4,
}

impl Named for Tier {
    const OPTION: &'static str = "tier";
    const KNOWN: &'static str = "f32, int8, binary, pq, tq1, tq2, tq4";
    const ALL: &'static [Self] =
        &[Self::F32, Self::Int8, Self::Binary, Self::Pq, Self::Tq1, Self::Tq2, Self::Tq4];

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
            Self::Binary => "binary",
            Self::Pq => "pq",
            Self::Tq1 => "tq1",
            Self::Tq2 => "tq2",
            Self::Tq4 => "tq4",
        }
    }
}

/// What finds the nearest rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// A scan, or a graph once it was consolidated and has so many rows that a walk is faster.
    Auto,
    /// A scan of every row.
    Flat,
    /// Rows on disk in every tier; a graph once it was consolidated, and a scan of codes until then.
    Disk,
    /// A scan of every row, all of them in memory, and none of them kept over a restart.
    Ephemeral,
}

impl Named for Backend {
    const OPTION: &'static str = "backend";
    const KNOWN: &'static str = "auto, flat, disk, ephemeral";
    const ALL: &'static [Self] = &[Self::Auto, Self::Flat, Self::Disk, Self::Ephemeral];

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Flat => "flat",
            Self::Disk => "disk",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// `name`, `Display` and `FromStr` of an option's enumeration.
macro_rules! words {
    ($($type:ty),*) => {$(
        impl $type {
            /// The word for it.
            #[must_use]
            pub fn name(self) -> &'static str {
                Named::name(self)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Named::name(*self))
            }
        }

        impl FromStr for $type {
            type Err = VectorError;

            /// Takes what [`Self::name`] gives, letters of either case.
            fn from_str(word: &str) -> Result<Self, VectorError> {
                parse(word)
            }
        }
    )*};
}

words!(Tier, Backend, Metric, IdKind, CodeKind);

/// What an index is made with. Fixed for its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IndexOptions {
    /// Numbers in a vector, 1 to [`DIM_MAX`].
    pub dim: u32,
    /// How two vectors are compared.
    pub metric: Metric,
    /// What the ids are.
    pub ids: IdKind,
    /// How rows in segments are coded.
    pub tier: Tier,
    /// What finds the nearest rows.
    pub backend: Backend,
}

impl IndexOptions {
    /// These, with strings for ids, exact rows and the backend left to the index.
    #[must_use]
    pub fn new(dim: u32, metric: Metric) -> Self {
        Self { dim, metric, ids: IdKind::Str, tier: Tier::F32, backend: Backend::Auto }
    }

    /// # Errors
    /// [`VectorError::DimensionOption`].
    pub fn validate(&self) -> Result<(), VectorError> {
        if self.dim == 0 || self.dim > DIM_MAX {
            return Err(VectorError::DimensionOption { given: self.dim });
        }
        Ok(())
    }

    /// Whether rows may go into segments: not those that are to be in memory as they are.
    #[must_use]
    pub fn has_segments(&self) -> bool {
        match self.backend {
            Backend::Disk => true,
            Backend::Auto | Backend::Flat => self.tier != Tier::F32,
            Backend::Ephemeral => false,
        }
    }

    /// The first option in which `other` differs, for the message of a mismatch.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        [
            ("dim", self.dim == other.dim),
            ("metric", self.metric == other.metric),
            ("ids", self.ids == other.ids),
            ("tier", self.tier == other.tier),
            ("backend", self.backend == other.backend),
        ]
        .into_iter()
        .find_map(|(name, same)| (!same).then_some(name))
    }

    /// The stored form, see the module's header.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; BYTES] {
        let [d0, d1, d2, d3] = self.dim.to_le_bytes();
        [
            VERSION,
            d0,
            d1,
            d2,
            d3,
            code(self.metric),
            code(self.ids),
            code(self.tier),
            code(self.backend),
        ]
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`VectorError::FormatVersion`], [`VectorError::Corrupt`], and what [`Self::validate`] refuses.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VectorError> {
        let &found = bytes.first().ok_or(VectorError::Corrupt { reason: "no bytes" })?;
        if found != VERSION {
            return Err(VectorError::FormatVersion { found });
        }
        let &[_, d0, d1, d2, d3, metric, ids, tier, backend] = <&[u8; BYTES]>::try_from(bytes)
            .map_err(|_| VectorError::Corrupt { reason: "not 9 bytes long" })?;
        let options = Self {
            dim: u32::from_le_bytes([d0, d1, d2, d3]),
            metric: decode(metric)?,
            ids: decode(ids)?,
            tier: decode(tier)?,
            backend: decode(backend)?,
        };
        options.validate()?;
        Ok(options)
    }
}
