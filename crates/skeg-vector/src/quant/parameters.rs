//! What codes are made with, and its stored form: `docs/format/codes.md`.
//!
//! Invariants: rows coded with equal parameters have equal codes; `from_bytes(to_bytes(p)) == p`, and
//! bytes that it refuses never panic and never allocate by a claimed length.
//!
//! May not know: where the bytes are kept.

use super::codebook::Codebook;
use super::rotation::MULTIPLE;
use crate::options::{Named, code, decode};
use crate::{DIM_MAX, Metric, Tier, VectorError};

/// Of the stored form.
const VERSION: u8 = 1;

/// Of the algorithm in `rotation.rs`; 0 stands for none.
const ROTATION: u8 = 1;

/// Bytes before the centroid.
const HEADER: usize = 18;

/// How rows are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodeKind {
    /// As they are: 4 bytes a dimension.
    F32,
    /// In half precision: 2 bytes a dimension.
    F16,
    /// 1 byte a dimension.
    Int8,
    /// The signs: 1 bit a dimension.
    Binary,
    /// 1 bit a dimension after a rotation.
    Tq1,
    /// 2 bits a dimension after a rotation.
    Tq2,
    /// 4 bits a dimension after a rotation.
    Tq4,
    /// 4 bits for four dimensions after a rotation: the nearest of 16 words, learned from rows.
    Pq,
}

impl Named for CodeKind {
    const OPTION: &'static str = "code";
    const KNOWN: &'static str = "f32, f16, int8, binary, tq1, tq2, tq4, pq";
    const ALL: &'static [Self] = &[
        Self::F32,
        Self::F16,
        Self::Int8,
        Self::Binary,
        Self::Tq1,
        Self::Tq2,
        Self::Tq4,
        Self::Pq,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
            Self::Binary => "binary",
            Self::Tq1 => "tq1",
            Self::Tq2 => "tq2",
            Self::Tq4 => "tq4",
            Self::Pq => "pq",
        }
    }
}

impl CodeKind {
    /// The codes of a tier.
    #[must_use]
    pub fn of(tier: Tier) -> Self {
        match tier {
            Tier::F32 => Self::F32,
            Tier::Int8 => Self::Int8,
            Tier::Binary => Self::Binary,
            Tier::Pq => Self::Pq,
            Tier::Tq1 => Self::Tq1,
            Tier::Tq2 => Self::Tq2,
            Tier::Tq4 => Self::Tq4,
        }
    }

    /// Planes of bits, where codes are such.
    pub(crate) fn planes(self) -> Option<u32> {
        match self {
            Self::F32 | Self::F16 | Self::Int8 | Self::Pq => None,
            Self::Binary | Self::Tq1 => Some(1),
            Self::Tq2 => Some(2),
            Self::Tq4 => Some(4),
        }
    }

    /// Bits of a dimension, where residuals are coded: all but numbers that are coded one by one.
    pub(crate) fn bits(self) -> Option<u32> {
        if self.has_words() { Some(1) } else { self.planes() }
    }

    /// Whether residuals are turned.
    pub(super) fn is_rotated(self) -> bool {
        matches!(self, Self::Tq1 | Self::Tq2 | Self::Tq4 | Self::Pq)
    }

    /// Whether codes stand for words that are learned from a sample of the rows.
    pub(crate) fn has_words(self) -> bool {
        self == Self::Pq
    }
}

/// Dimensions of a residual's code.
fn padded(dim: u32) -> usize {
    (dim as usize).next_multiple_of(MULTIPLE)
}

/// See the module's header.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    pub(super) kind: CodeKind,
    pub(super) metric: Metric,
    pub(super) dim: u32,
    pub(super) seed: u64,
    /// What is taken off every row before its residual is coded; empty where rows are coded as they are.
    pub(super) centroid: Vec<f32>,
    /// The words of residuals, for `pq`.
    pub(super) codebook: Option<Codebook>,
}

impl Parameters {
    /// The code of rows.
    #[must_use]
    pub fn kind(&self) -> CodeKind {
        self.kind
    }

    /// How rows are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Numbers in a row.
    #[must_use]
    pub fn dim(&self) -> u32 {
        self.dim
    }

    /// Bytes of memory on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&self.centroid[..]) + self.codebook.as_ref().map_or(0, Codebook::memory_bytes)
    }

    /// What is taken off every row.
    pub(super) fn into_centroid(self) -> Vec<f32> {
        self.centroid
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let rotation = if self.kind.is_rotated() { ROTATION } else { 0 };
        let mut bytes = vec![VERSION, code(self.kind), code(self.metric), rotation, 0, 0];
        bytes.extend_from_slice(&self.dim.to_le_bytes());
        bytes.extend_from_slice(&self.seed.to_le_bytes());
        bytes.extend(self.centroid.iter().flat_map(|x| x.to_le_bytes()));
        if let Some(codebook) = &self.codebook {
            codebook.append_bytes(&mut bytes);
        }
        bytes
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`VectorError::FormatVersion`] for a version of the form or of the rotation that this one does
    /// not know, [`VectorError::Corrupt`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VectorError> {
        let corrupt = |reason| Err(VectorError::Corrupt { reason });
        let Some(&found) = bytes.first() else { return corrupt("no bytes") };
        if found != VERSION {
            return Err(VectorError::FormatVersion { found });
        }
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return corrupt("parameters of codes are cut short");
        };
        let &[_, kind, metric, rotation, 0, 0, d0, d1, d2, d3, ref seed @ ..] = header else {
            return corrupt("a field that is zero in this version is not");
        };
        let (kind, metric) = (decode::<CodeKind>(kind)?, decode(metric)?);
        if rotation != if kind.is_rotated() { ROTATION } else { 0 } {
            return Err(VectorError::FormatVersion { found: rotation });
        }
        let dim = u32::from_le_bytes([d0, d1, d2, d3]);
        if dim == 0 || dim > DIM_MAX {
            return corrupt("a dimension that no index has");
        }
        let centroid = if kind.bits().is_some() { dim as usize * 4 } else { 0 };
        let words = if kind.has_words() { Codebook::bytes(padded(dim)) } else { 0 };
        if rest.len() != centroid + words {
            return corrupt("a centroid of another dimension, or words of another");
        }
        let (centroid, words) = rest.split_at(centroid);
        let numbers = centroid.as_chunks::<4>().0;
        let centroid: Vec<f32> = numbers.iter().map(|&x| f32::from_le_bytes(x)).collect();
        if !centroid.iter().all(|x| x.is_finite()) {
            return corrupt("a centroid that is not finite");
        }
        let codebook = if kind.has_words() { Some(Codebook::from_bytes(words)) } else { None };
        let codebook = codebook.transpose().map_err(|reason| VectorError::Corrupt { reason })?;
        Ok(Self { kind, metric, dim, seed: u64::from_le_bytes(*seed), centroid, codebook })
    }
}
