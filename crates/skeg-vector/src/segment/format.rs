//! Layout of a segment file: names for every byte of `docs/format/vectors.md`.
//!
//! Invariants: little-endian; sections begin at multiples of a page and follow one another in the order
//! of their kinds; every checksum is a CRC-32C whose input begins with the file's salt and an offset in
//! the file, so that what lies in another place or another file never verifies.
//!
//! May not know: where the bytes lie, what is in a section.

use super::SegmentError;
use crate::options::{code, decode};
use crate::quant::Parameters;
use crate::{DIM_MAX, IdKind, Metric};

const MAGIC: [u8; 8] = *b"SKEGVEC\x1a";
/// Version of the layout that is written.
pub const VERSION: u32 = 2;
/// The version before, which has no graph and is read, too.
const WITHOUT_GRAPH: u32 = 1;
/// Sections begin at multiples of this; so large is the header.
pub(crate) const PAGE: usize = 4096;
/// Where the table of sections begins, bytes of an entry, and where the header's checksum is.
const TABLE: usize = 96;
const ENTRY: usize = 32;
const SUM: usize = PAGE - 4;

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The rows, end to end. The only section without a checksum: each row has one.
    Rows = 1,
    /// What the codes are made with.
    Parameters = 2,
    Codes = 3,
    Factors = 4,
    /// Rows whose codes say nothing.
    Uncoded = 5,
    Ids = 6,
    /// The checksum of each row.
    RowSums = 7,
    /// Which rows each row leads to; empty when the segment is only scanned.
    Graph = 8,
    /// The codes of rows one by one, for walks over the graph; empty without it.
    Points = 9,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Rows,
        Self::Parameters,
        Self::Codes,
        Self::Factors,
        Self::Uncoded,
        Self::Ids,
        Self::RowSums,
        Self::Graph,
        Self::Points,
    ];
    /// Those of [`WITHOUT_GRAPH`].
    const FIRST: usize = 7;

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Parameters => "parameters",
            Self::Codes => "codes",
            Self::Factors => "factors",
            Self::Uncoded => "uncoded",
            Self::Ids => "ids",
            Self::RowSums => "row checksums",
            Self::Graph => "graph",
            Self::Points => "points",
        }
    }
}

/// Where a section lies, and its checksum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) sum: u32,
}

/// Whose segment a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentTag {
    /// Identity of the database.
    pub database: u128,
    /// Number of the file.
    pub file: u64,
    /// Number of the index.
    pub index: u64,
    /// How often the index had been frozen when its newest row came: see [`crate::Index`].
    pub generation: u64,
    /// Random: in the seed of every checksum.
    pub salt: u64,
}

/// What a segment's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHead {
    /// Whose it is.
    pub tag: SegmentTag,
    /// How many rows it has.
    pub rows: u32,
    /// Numbers in a row.
    pub dim: u32,
    /// How rows are compared.
    pub metric: Metric,
    /// What ids are.
    pub ids: IdKind,
    pub(crate) sections: [Section; Kind::ALL.len()],
}

impl SegmentHead {
    pub(crate) fn section(&self, kind: Kind) -> Section {
        self.sections[kind as usize - 1]
    }

    pub(crate) fn section_mut(&mut self, kind: Kind) -> &mut Section {
        &mut self.sections[kind as usize - 1]
    }

    /// Bytes of a row in the file.
    pub(crate) fn row_bytes(&self) -> usize {
        self.dim as usize * size_of::<f32>()
    }

    /// Where a row lies.
    pub(crate) fn row_offset(&self, row: u32) -> u64 {
        self.section(Kind::Rows).offset + u64::from(row) * self.row_bytes() as u64
    }

    /// The header page, and its checksum.
    pub(crate) fn encode(&self) -> (Vec<u8>, u32) {
        let mut bytes = Vec::with_capacity(PAGE);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(PAGE as u32).to_le_bytes());
        bytes.extend_from_slice(&self.tag.database.to_le_bytes());
        for number in [self.tag.file, self.tag.salt, self.tag.index, self.tag.generation] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.rows.to_le_bytes());
        bytes.extend_from_slice(&self.dim.to_le_bytes());
        // Rows of f32, the only form.
        bytes.extend_from_slice(&[code(self.metric), code(self.ids), 0, 0]);
        bytes.extend_from_slice(&(Kind::ALL.len() as u32).to_le_bytes());
        bytes.resize(TABLE, 0);
        for kind in Kind::ALL {
            let section = self.section(kind);
            bytes.extend_from_slice(&(kind as u32).to_le_bytes());
            bytes.extend_from_slice(&section.sum.to_le_bytes());
            bytes.extend_from_slice(&section.offset.to_le_bytes());
            bytes.extend_from_slice(&section.length.to_le_bytes());
            bytes.extend_from_slice(&[0; 8]);
        }
        bytes.resize(SUM, 0);
        let sum = skeg_simd::crc32c(0, &bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        (bytes, sum)
    }

    /// Reads a header page of a file that has `length` bytes; also gives its checksum.
    pub(crate) fn decode(
        file: &str,
        bytes: &[u8; PAGE],
        length: u64,
    ) -> Result<(Self, u32), SegmentError> {
        let damaged = |offset: usize, expected: &str, found: String| {
            let (file, expected) = (file.to_owned(), expected.to_owned());
            Err(SegmentError::Damaged { file, offset: offset as u64, expected, found })
        };
        if bytes[..8] != MAGIC {
            return damaged(0, "the magic of a vector segment", format!("{:02x?}", &bytes[..8]));
        }
        let (sum, stored) = (skeg_simd::crc32c(0, &bytes[..SUM]), u32_at(bytes, SUM));
        if sum != stored {
            return damaged(SUM, &format!("header checksum {sum:08x}"), format!("{stored:08x}"));
        }
        let version = u32_at(bytes, 8);
        let kinds = match version {
            WITHOUT_GRAPH => &Kind::ALL[..Kind::FIRST],
            _ => &Kind::ALL[..],
        };
        let behind_table = TABLE + kinds.len() * ENTRY;
        let zeros = bytes[80..TABLE].iter().chain(&bytes[behind_table..SUM]);
        let is_known = u32_at(bytes, 12) == PAGE as u32
            && bytes[74..76] == [0, 0]
            && u32_at(bytes, 76) == kinds.len() as u32
            && zeros.copied().all(|byte| byte == 0);
        if !matches!(version, WITHOUT_GRAPH | VERSION) || !is_known {
            return Err(SegmentError::Version { file: file.to_owned(), found: version });
        }
        let (Ok(metric), Ok(ids)) = (decode(bytes[72]), decode(bytes[73])) else {
            return damaged(72, "a metric and a kind of ids", format!("{:?}", &bytes[72..74]));
        };
        let mut head = Self {
            tag: SegmentTag {
                database: u128::from_le_bytes(*bytes[16..].first_chunk().expect("a page")),
                file: u64_at(bytes, 32),
                salt: u64_at(bytes, 40),
                index: u64_at(bytes, 48),
                generation: u64_at(bytes, 56),
            },
            rows: u32_at(bytes, 64),
            dim: u32_at(bytes, 68),
            metric,
            ids,
            sections: Default::default(),
        };
        if head.dim == 0 || head.dim > DIM_MAX {
            return damaged(68, "a dimension", head.dim.to_string());
        }
        let mut end = PAGE as u64;
        for &kind in kinds {
            let at = TABLE + (kind as usize - 1) * ENTRY;
            if u32_at(bytes, at) != kind as u32 || u64_at(bytes, at + 24) != 0 {
                return Err(SegmentError::Version { file: file.to_owned(), found: version });
            }
            let section = Section {
                sum: u32_at(bytes, at + 4),
                offset: u64_at(bytes, at + 8),
                length: u64_at(bytes, at + 16),
            };
            if kind == Kind::Rows && section.sum != 0 {
                let found = format!("{:08x}", section.sum);
                return damaged(at + 4, "no checksum of all rows", found);
            }
            let section_end = section.offset.checked_add(section.length);
            let follows = section.offset == end && section_end.is_some_and(|end| end <= length);
            if !follows {
                let expected = format!("{} at {end}, within {length} bytes", kind.name());
                return damaged(at, &expected, format!("{section:?}"));
            }
            end = padded(section.offset + section.length);
            *head.section_mut(kind) = section;
        }
        if head.end() != length {
            return damaged(length as usize, &format!("{} bytes", head.end()), length.to_string());
        }
        head.check_lengths(file)?;
        Ok((head, sum))
    }

    /// Where the file ends.
    pub(crate) fn end(&self) -> u64 {
        let ends = self.sections.iter().map(|section| section.offset + section.length);
        ends.max().unwrap_or(PAGE as u64)
    }

    /// Whether the sections are as long as the number of rows says, as far as that can be told here.
    fn check_lengths(&self, file: &str) -> Result<(), SegmentError> {
        let rows = u64::from(self.rows);
        for (kind, expected) in
            [(Kind::Rows, rows * self.row_bytes() as u64), (Kind::RowSums, rows * 4)]
        {
            self.check_length(file, kind, expected)?;
        }
        Ok(())
    }

    fn check_length(&self, file: &str, kind: Kind, expected: u64) -> Result<(), SegmentError> {
        let found = self.section(kind).length;
        if found == expected {
            return Ok(());
        }
        Err(SegmentError::Damaged {
            file: file.to_owned(),
            offset: (TABLE + (kind as usize - 1) * ENTRY + 16) as u64,
            expected: format!("{expected} bytes of {}", kind.name()),
            found: found.to_string(),
        })
    }

    /// Whether codes, factors and points are as long as rows with these parameters need.
    pub(crate) fn check_codes(
        &self,
        file: &str,
        parameters: &Parameters,
    ) -> Result<(), SegmentError> {
        let (codes, factors) = crate::quant::CodedRows::sizes(parameters, self.rows as usize);
        self.check_length(file, Kind::Codes, codes)?;
        self.check_length(file, Kind::Factors, factors)?;
        let points = if self.section(Kind::Graph).length == 0 {
            0
        } else {
            crate::quant::Points::size(parameters, self.rows as usize).unwrap_or(0)
        };
        self.check_length(file, Kind::Points, points)
    }
}

/// The next multiple of a page.
pub(crate) fn padded(offset: u64) -> u64 {
    offset.next_multiple_of(PAGE as u64)
}

/// What a checksum of something at an offset begins with.
pub(crate) fn seed(salt: u64, offset: u64) -> u32 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&salt.to_le_bytes());
    bytes[8..].copy_from_slice(&offset.to_le_bytes());
    skeg_simd::crc32c(0, &bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("within the page"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("within the page"))
}
