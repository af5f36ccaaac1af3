//! A segment as it is used: codes, ids, row checksums and the graph in memory, rows in the file.
//!
//! Invariants: see the folder's header; an open reads no rows.
//!
//! May not know: how a search goes on, which rows are no more.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use zerocopy::IntoBytes;

use super::SegmentError;
use super::format::{Kind, PAGE, SegmentHead, seed};
use super::ids::Ids;
use super::write::can_link;
use crate::graph::{BuildOptions, Graph};
use crate::metric::admit;
use crate::quant::stored::{load, load_bytes};
use crate::quant::{CodedRows, Parameters, Points};
use crate::{IdRef, VectorError};

/// The bytes of a segment, wherever they lie. They do not change.
pub trait SegmentFile: Send + Sync + Debug {
    /// What messages call it.
    fn name(&self) -> String;

    /// Its length in bytes.
    ///
    /// # Errors
    /// As the system reports.
    fn bytes(&self) -> io::Result<u64>;

    /// Fills all of `bytes` from `offset`.
    ///
    /// # Errors
    /// As the system reports; `UnexpectedEof` when the file ends first.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;

    /// As [`Self::read_at`] for bytes that are in memory; `false`, whatever `bytes` holds then, when not all
    /// of them are, or nobody can tell.
    ///
    /// # Errors
    /// As the system reports.
    fn read_resident_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<bool> {
        let _ = (bytes, offset);
        Ok(false)
    }

    /// Says that these bytes are read soon. Does not wait for them.
    fn will_read(&self, offset: u64, length: u64) {
        let _ = (offset, length);
    }
}

/// See the module's header.
#[derive(Debug)]
pub struct Segment {
    file: Arc<dyn SegmentFile>,
    head: SegmentHead,
    codes: CodedRows,
    ids: Ids,
    sums: Vec<u32>,
    linked: Option<Linked>,
}

/// What a walk needs.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) graph: Graph,
    pub(crate) points: Points,
}

/// What reading rows uses again and again.
#[derive(Debug, Default)]
pub(crate) struct RowBuffer {
    pub(crate) row: Vec<f32>,
}

impl RowBuffer {
    /// The bytes of a row of so many numbers, as they come from a file.
    fn bytes(&mut self, dim: u32) -> &mut [u8] {
        self.row.resize(dim as usize, 0.0);
        self.row.as_mut_slice().as_mut_bytes()
    }
}

impl Segment {
    pub(super) fn new(
        file: Arc<dyn SegmentFile>,
        head: SegmentHead,
        codes: CodedRows,
        ids: Ids,
        sums: Vec<u32>,
        linked: Option<Linked>,
    ) -> Self {
        Self { file, head, codes, ids, sums, linked }
    }

    /// Opens a segment: reads and verifies everything but the rows. Also gives the header's checksum,
    /// which stands for all of the file.
    ///
    /// # Errors
    /// [`SegmentError`].
    pub fn open(file: Arc<dyn SegmentFile>) -> Result<(Self, u32), SegmentError> {
        let name = file.name();
        let failed =
            |error: io::Error| SegmentError::Read { file: name.clone(), reason: error.to_string() };
        let length = file.bytes().map_err(failed)?;
        if length < PAGE as u64 {
            return Err(SegmentError::Damaged {
                file: name,
                offset: length,
                expected: "a header of 4096 bytes".to_owned(),
                found: "the end".to_owned(),
            });
        }
        let mut page = [0; PAGE];
        file.read_at(&mut page, 0).map_err(failed)?;
        let (head, sum) = SegmentHead::decode(&name, &page, length)?;
        let reader = |kind| Reader::new(&*file, &name, &head, kind);

        let mut section = reader(Kind::Parameters);
        let bytes = load_bytes(section.left(), &mut |bytes: &mut [u8]| section.fill(bytes))?;
        section.finish()?;
        let parameters = Parameters::from_bytes(&bytes);
        let parameters = parameters.map_err(|error| match error {
            VectorError::FormatVersion { found } => {
                SegmentError::Version { file: name.clone(), found: found.into() }
            }
            other => section.damaged("parameters of codes", other.to_string()),
        })?;
        if (parameters.metric(), parameters.dim()) != (head.metric, head.dim) {
            return Err(section.damaged("the metric and dimension of the header", "others".into()));
        }
        head.check_codes(&name, &parameters)?;

        let mut section = reader(Kind::Uncoded);
        let count = section.left() / 4;
        let uncoded: Vec<u32> = load(count, &mut |bytes: &mut [u8]| section.fill(bytes))?;
        section.finish()?;
        if !uncoded.is_sorted_by(|a, b| a < b) || uncoded.last().is_some_and(|&u| u >= head.rows) {
            return Err(section.damaged("ascending places of rows", "others".into()));
        }

        let (mut codes, mut factors) = (reader(Kind::Codes), reader(Kind::Factors));
        let coded = CodedRows::load(
            parameters,
            head.rows as usize,
            uncoded,
            &mut |bytes: &mut [u8]| codes.fill(bytes),
            &mut |bytes: &mut [u8]| factors.fill(bytes),
        )?;
        codes.finish()?;
        factors.finish()?;

        let mut section = reader(Kind::Ids);
        let length = section.length;
        let fill = &mut |bytes: &mut [u8]| section.fill(bytes);
        let ids = Ids::load(head.ids, head.rows, length, fill)?;
        let ids = match ids {
            Ok(ids) => {
                section.finish()?;
                ids
            }
            Err(expected) => return Err(section.damaged(expected, "others".into())),
        };

        let mut section = reader(Kind::RowSums);
        let fill = &mut |bytes: &mut [u8]| section.fill(bytes);
        let sums = load(head.rows as usize, fill)?;
        section.finish()?;

        let mut section = reader(Kind::Graph);
        let linked = if section.left() == 0 {
            section.finish_empty()?;
            reader(Kind::Points).finish_empty()?;
            None
        } else {
            let bytes = load_bytes(section.left(), &mut |bytes: &mut [u8]| section.fill(bytes))?;
            section.finish()?;
            let graph = Graph::from_bytes(&bytes);
            let graph =
                graph.map_err(|error| section.damaged("links of rows", error.to_string()))?;
            if graph.len() != head.rows as usize || Points::size(coded.parameters(), 0).is_none() {
                return Err(section.damaged("a graph of its rows", "another".into()));
            }
            let mut section = reader(Kind::Points);
            let points = Points::load(
                coded.parameters().clone(),
                head.rows as usize,
                coded.uncoded(),
                &mut |bytes: &mut [u8]| section.fill(bytes),
            )?;
            section.finish()?;
            Some(Linked { graph, points })
        };
        Ok((Self::new(file, head, coded, ids, sums, linked), sum))
    }

    /// What its header says.
    #[must_use]
    pub fn head(&self) -> &SegmentHead {
        &self.head
    }

    /// Bytes of the file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.head.end()
    }

    /// What its codes are made with.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        self.codes.parameters()
    }

    /// Whether it has a graph.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.linked.is_some()
    }

    /// Whether a crew of so many can link so many of its rows: its codes can be walked on, and it takes no
    /// more memory than the options allow.
    pub(crate) fn can_be_linked(&self, rows: usize, options: &BuildOptions, crew: usize) -> bool {
        can_link(self.parameters(), rows, options, crew)
    }

    pub(crate) fn linked(&self) -> Option<&Linked> {
        self.linked.as_ref()
    }

    pub(crate) fn codes(&self) -> &CodedRows {
        &self.codes
    }

    /// The id of a row.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn id(&self, row: u32) -> IdRef<'_> {
        self.ids.get(row)
    }

    /// Whether the rows of several fit into one, whichever of them are dead.
    pub(crate) fn fit<'a>(all: impl Iterator<Item = &'a Self>) -> bool {
        Ids::fit(all.map(|segment| &segment.ids))
    }

    /// The row of an id.
    #[must_use]
    pub fn find(&self, id: IdRef<'_>) -> Option<u32> {
        self.ids.find(id)
    }

    /// Bytes of memory, this struct included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.codes.code_bytes()
            + self.codes.factor_bytes()
            + self.parameters().heap_bytes()
            + self.ids.heap_bytes()
            + self.sums.capacity() * size_of::<u32>()
            + self
                .linked
                .as_ref()
                .map_or(0, |linked| linked.graph.memory_bytes() + linked.points.memory_bytes())
    }

    /// What of its memory searches read all over: codes, and what a walk needs.
    pub fn large_blocks(&self) -> impl Iterator<Item = &[u8]> {
        let linked = self.linked.iter();
        let linked = linked.flat_map(|Linked { graph, points }| [graph.bits(), points.records()]);
        self.codes.blocks().into_iter().chain(linked)
    }

    /// Reads a row into the buffer and verifies it.
    ///
    /// # Errors
    /// [`SegmentError`].
    pub(crate) fn read(&self, row: u32, buffer: &mut RowBuffer) -> Result<(), SegmentError> {
        let bytes = buffer.bytes(self.head.dim);
        let read = self.file.read_at(bytes, self.head.row_offset(row));
        read.map_err(|error| self.failed(&error))?;
        self.take(row, buffer)
    }

    /// [`Self::read`] of a row that the system has in memory; `false` when it has not.
    pub(crate) fn read_resident(
        &self,
        row: u32,
        buffer: &mut RowBuffer,
    ) -> Result<bool, SegmentError> {
        let bytes = buffer.bytes(self.head.dim);
        let read = self.file.read_resident_at(bytes, self.head.row_offset(row));
        let is_read = read.map_err(|error| self.failed(&error))?;
        if is_read {
            self.take(row, buffer)?;
        }
        Ok(is_read)
    }

    /// Says that a row is read soon.
    pub(crate) fn will_read(&self, row: u32) {
        self.file.will_read(self.head.row_offset(row), self.head.row_bytes() as u64);
    }

    /// What the dot product of the row in a buffer is multiplied by under cosine.
    pub(crate) fn scale(&self, buffer: &RowBuffer) -> Result<f32, VectorError> {
        admit(self.head.metric, skeg_simd::kernels(), &buffer.row)
    }

    fn failed(&self, error: &io::Error) -> SegmentError {
        SegmentError::Read { file: self.file.name(), reason: error.to_string() }
    }

    /// Verifies the bytes of a row, which are numbers then.
    fn take(&self, row: u32, buffer: &mut RowBuffer) -> Result<(), SegmentError> {
        let offset = self.head.row_offset(row);
        let bytes = buffer.bytes(self.head.dim);
        let sum = skeg_simd::crc32c(seed(self.head.tag.salt, offset), bytes);
        let stored = self.sums[row as usize];
        if sum != stored {
            return Err(SegmentError::Damaged {
                file: self.file.name(),
                offset,
                expected: format!("a row with checksum {stored:08x}"),
                found: format!("{sum:08x}"),
            });
        }
        if cfg!(target_endian = "big") {
            bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|number| number.reverse());
        }
        Ok(())
    }

    /// Reads every row and verifies it: for a check.
    ///
    /// # Errors
    /// [`SegmentError`], of the first row that is not what was written.
    pub fn verify_rows(&self) -> Result<(), SegmentError> {
        let mut buffer = RowBuffer::default();
        (0..self.head.rows).try_for_each(|row| self.read(row, &mut buffer))
    }
}

/// A section that is being read.
struct Reader<'a> {
    file: &'a dyn SegmentFile,
    name: &'a str,
    kind: Kind,
    offset: u64,
    length: u64,
    /// What is still to come.
    at: u64,
    sum: u32,
    stored: u32,
}

impl<'a> Reader<'a> {
    fn new(file: &'a dyn SegmentFile, name: &'a str, head: &SegmentHead, kind: Kind) -> Self {
        let section = head.section(kind);
        let sum = seed(head.tag.salt, section.offset);
        let (offset, length) = (section.offset, section.length);
        Self { file, name, kind, offset, length, at: offset, sum, stored: section.sum }
    }

    /// Bytes that were not read yet.
    fn left(&self) -> usize {
        usize::try_from(self.offset + self.length - self.at).expect("a part of a file in memory")
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), SegmentError> {
        if bytes.len() > self.left() {
            return Err(self.damaged("more of it", "its end".into()));
        }
        let read = self.file.read_at(bytes, self.at);
        read.map_err(|error| SegmentError::Read {
            file: self.name.to_owned(),
            reason: error.to_string(),
        })?;
        self.sum = skeg_simd::crc32c(self.sum, bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// All was read: verifies it.
    fn finish(&mut self) -> Result<(), SegmentError> {
        if self.left() > 0 {
            return Err(self.damaged("no more of it", format!("{} bytes", self.left())));
        }
        if self.sum != self.stored {
            let expected = format!("checksum {:08x}", self.stored);
            return Err(self.damaged(&expected, format!("{:08x}", self.sum)));
        }
        Ok(())
    }

    /// There is nothing of it: in a version that does not have it, not even a checksum.
    fn finish_empty(&mut self) -> Result<(), SegmentError> {
        if self.offset == 0 { Ok(()) } else { self.finish() }
    }

    fn damaged(&self, expected: &str, found: String) -> SegmentError {
        SegmentError::Damaged {
            file: self.name.to_owned(),
            offset: self.offset,
            expected: format!("{}: {expected}", self.kind.name()),
            found,
        }
    }
}
