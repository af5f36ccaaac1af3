//! What codes are made with, and its stored form: `docs/format/codes.md`.
//!
//! Invariants: rows coded with equal parameters have equal codes; `from_bytes(to_bytes(p)) == p`, and
//! bytes that it refuses never panic and never allocate by a claimed length.
//!
//! May not know: where the bytes are kept.

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
}

impl Named for CodeKind {
    const OPTION: &'static str = "code";
    const KNOWN: &'static str = "f32, f16, int8, binary, tq1, tq2, tq4";
    const ALL: &'static [Self] =
        &[Self::F32, Self::F16, Self::Int8, Self::Binary, Self::Tq1, Self::Tq2, Self::Tq4];

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
            Self::Binary => "binary",
            Self::Tq1 => "tq1",
            Self::Tq2 => "tq2",
            Self::Tq4 => "tq4",
        }
    }
}

impl CodeKind {
    /// The codes of a tier, or nothing where there are none.
    #[must_use]
    pub fn of(tier: Tier) -> Option<Self> {
        Some(match tier {
            Tier::F32 => Self::F32,
            Tier::Int8 => Self::Int8,
            Tier::Binary => Self::Binary,
            Tier::Pq => return None,
            Tier::Tq1 => Self::Tq1,
            Tier::Tq2 => Self::Tq2,
            Tier::Tq4 => Self::Tq4,
        })
    }

    /// Planes of bits, where codes are such.
    pub(crate) fn planes(self) -> Option<u32> {
        match self {
            Self::F32 | Self::F16 | Self::Int8 => None,
            Self::Binary | Self::Tq1 => Some(1),
            Self::Tq2 => Some(2),
            Self::Tq4 => Some(4),
        }
    }

    /// Whether residuals are turned.
    pub(super) fn is_rotated(self) -> bool {
        matches!(self, Self::Tq1 | Self::Tq2 | Self::Tq4)
    }
}

/// See the module's header.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    pub(super) kind: CodeKind,
    pub(super) metric: Metric,
    pub(super) dim: u32,
    pub(super) seed: u64,
    /// What is taken off every row before it is coded as planes; otherwise empty.
    pub(super) centroid: Vec<f32>,
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
        let Some((header, centroid)) = bytes.split_first_chunk::<HEADER>() else {
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
        let expected = if kind.planes().is_some() { dim as usize } else { 0 };
        let (numbers, rest) = centroid.as_chunks::<4>();
        if numbers.len() != expected || !rest.is_empty() {
            return corrupt("a centroid of another dimension");
        }
        let centroid: Vec<f32> = numbers.iter().map(|&x| f32::from_le_bytes(x)).collect();
        if !centroid.iter().all(|x| x.is_finite()) {
            return corrupt("a centroid that is not finite");
        }
        Ok(Self { kind, metric, dim, seed: u64::from_le_bytes(*seed), centroid })
    }
}

/// Finds parameters that suit rows: their mean becomes the centroid.
#[derive(Debug)]
pub struct Trainer {
    parameters: Parameters,
    sums: Vec<f64>,
    rows: u64,
    unit: Vec<f32>,
}

impl Trainer {
    /// For rows of `dim` numbers. `seed` chooses the rotation.
    ///
    /// # Errors
    /// [`VectorError::DimensionOption`].
    pub fn new(kind: CodeKind, metric: Metric, dim: u32, seed: u64) -> Result<Self, VectorError> {
        if dim == 0 || dim > DIM_MAX {
            return Err(VectorError::DimensionOption { given: dim });
        }
        let sums = vec![0.0; if kind.planes().is_some() { dim as usize } else { 0 }];
        let parameters = Parameters { kind, metric, dim, seed, centroid: Vec::new() };
        Ok(Self { parameters, sums, rows: 0, unit: Vec::new() })
    }

    /// Takes a row into account. Rows that are not coded (see [`super::CodedRows::push`]) are left
    /// out.
    ///
    /// # Errors
    /// [`VectorError::Dimension`].
    pub fn add(&mut self, row: &[f32]) -> Result<(), VectorError> {
        super::coded::check_dim(self.parameters.dim, row)?;
        if self.sums.is_empty() || !super::coded::is_coded(self.parameters.metric, row) {
            return Ok(());
        }
        super::unit_into(self.parameters.metric, row, &mut self.unit);
        for (sum, &x) in self.sums.iter_mut().zip(&self.unit) {
            *sum += f64::from(x);
        }
        self.rows += 1;
        Ok(())
    }

    /// Takes `rows` rows into account that were coded with other parameters of this kind: by their
    /// centroid.
    pub(crate) fn add_parts(&mut self, parameters: &Parameters, rows: u64) {
        for (sum, &x) in self.sums.iter_mut().zip(&parameters.centroid) {
            *sum += f64::from(x) * rows as f64;
        }
        self.rows += rows;
    }

    /// The parameters.
    #[must_use]
    pub fn finish(self) -> Parameters {
        let rows = self.rows.max(1) as f64;
        let centroid = self.sums.iter().map(|sum| (sum / rows) as f32).collect();
        Parameters { centroid, ..self.parameters }
    }
}
