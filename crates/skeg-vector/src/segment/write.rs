//! Writing a segment: rows as they come, everything else when the last has come, the header at the end.
//!
//! Invariants: ids ascend; a file without its header is no segment; what was written is in memory as
//! an open would have read it.
//!
//! May not know: where rows come from, what makes a file durable.

use std::sync::Arc;

use super::format::{Kind, PAGE, Section, SegmentHead, SegmentTag, padded, seed};
use super::ids::Ids;
use super::open::{Linked, Segment, SegmentFile};
use crate::graph::{BuildOptions, Crew, Graph, GraphError, build};
use crate::quant::stored::save;
use crate::quant::{CodeKind, CodedRows, Parameters, Points, Trainer};
use crate::{IdRef, IndexOptions};

/// Codes of fewer bits than this do not tell near rows apart well enough to choose links by.
const FINE_BITS: u32 = 4;

/// A segment that is being written.
#[derive(Debug)]
pub struct SegmentWriter {
    head: SegmentHead,
    codes: CodedRows,
    ids: Ids,
    sums: Vec<u32>,
    /// What a graph is to be walked on, and what it is built on where those codes are too coarse.
    points: Option<Points>,
    fine: Option<Points>,
    linked: Option<Linked>,
    /// The row's bytes.
    row: Vec<u8>,
}

impl SegmentWriter {
    /// Begins a segment of an index, with room for `rows` of them.
    #[must_use]
    pub fn new(
        options: &IndexOptions,
        tag: SegmentTag,
        parameters: Parameters,
        rows: usize,
    ) -> Self {
        let mut head = SegmentHead {
            tag,
            rows: 0,
            dim: options.dim,
            metric: options.metric,
            ids: options.ids,
            sections: Default::default(),
        };
        head.section_mut(Kind::Rows).offset = PAGE as u64;
        Self {
            head,
            codes: CodedRows::new(parameters, rows),
            ids: Ids::new(options.ids),
            sums: Vec::with_capacity(rows),
            points: None,
            fine: None,
            linked: None,
            row: Vec::new(),
        }
    }

    /// The segment is to have a graph if it can: no row has come yet.
    ///
    /// # Panics
    /// When one has.
    #[must_use]
    pub fn to_be_linked(mut self, rows: usize) -> Self {
        assert_eq!(self.head.rows, 0, "rows have come that no graph would have");
        let parameters = self.codes.parameters();
        if Points::size(parameters, 0).is_some() {
            self.points = Points::new(parameters.clone(), rows).ok();
            if parameters.kind().planes().is_some_and(|bits| bits < FINE_BITS) {
                let (metric, dim) = (parameters.metric(), parameters.dim());
                let trainer = Trainer::new(CodeKind::Int8, metric, dim, 0);
                self.fine = trainer.and_then(|trainer| Points::new(trainer.finish(), rows)).ok();
            }
        }
        self
    }

    /// Links the rows, if they are to be and memory allows.
    ///
    /// # Errors
    /// [`GraphError::Cancelled`] when the crew gave up; the file is to be given up.
    pub fn link(&mut self, options: &BuildOptions, crew: &impl Crew) -> Result<(), GraphError> {
        let Some(points) = self.points.take() else { return Ok(()) };
        let fine = self.fine.take();
        match build(fine.as_ref().unwrap_or(&points), options, crew) {
            Ok(draft) => {
                self.linked = Some(Linked { graph: Graph::new(&draft), points });
                Ok(())
            }
            // It is scanned, as all were before.
            Err(GraphError::Memory { .. } | GraphError::Rows { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.head.rows
    }

    /// Whether another row fits.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.head.rows < u32::MAX && self.ids.has_room()
    }

    /// Appends a row that an index took, whose id is greater than the last; gives its place. Bytes go
    /// to `write` with their offset in the file.
    ///
    /// # Errors
    /// What `write` returned; the file is to be given up.
    ///
    /// # Panics
    /// When there is no room, when ids do not ascend, or the row is not of the index.
    pub fn push<E>(
        &mut self,
        id: IdRef<'_>,
        row: &[f32],
        write: &mut impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<u32, E> {
        assert!(self.has_room(), "there is no room for another row");
        let place = self.head.rows;
        let last = place.checked_sub(1).map(|last| self.ids.get(last));
        assert!(last.is_none_or(|last| last < id), "ids ascend");
        self.codes.push(row).expect("an index took the row");
        for points in self.points.iter_mut().chain(&mut self.fine) {
            points.push(row).expect("an index took the row");
        }
        self.row.clear();
        self.row.extend(row.iter().flat_map(|x| x.to_le_bytes()));
        let offset = self.head.row_offset(place);
        write(&self.row, offset)?;
        self.sums.push(skeg_simd::crc32c(seed(self.head.tag.salt, offset), &self.row));
        self.ids.push(id);
        self.head.rows += 1;
        Ok(place)
    }

    /// Writes the rest. Gives the segment, which reads its rows from `file`; the length that the file is
    /// to be given; and the header's checksum, which stands for all of it.
    ///
    /// # Errors
    /// What `write` returned; the file is to be given up.
    pub fn finish<E>(
        mut self,
        file: Arc<dyn SegmentFile>,
        write: &mut impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<(Segment, u64, u32), E> {
        let length = u64::from(self.head.rows) * self.head.row_bytes() as u64;
        self.head.section_mut(Kind::Rows).length = length;
        let mut end = PAGE as u64 + length;
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Rows) {
            let offset = padded(end);
            let mut sum = seed(self.head.tag.salt, offset);
            let mut at = offset;
            let mut out = |bytes: &[u8]| {
                sum = skeg_simd::crc32c(sum, bytes);
                write(bytes, at)?;
                at += bytes.len() as u64;
                Ok(())
            };
            match kind {
                Kind::Rows => {}
                Kind::Parameters => out(&self.codes.parameters().to_bytes())?,
                Kind::Codes => self.codes.save_codes(&mut out)?,
                Kind::Factors => self.codes.save_factors(&mut out)?,
                Kind::Uncoded => save(self.codes.uncoded(), &mut out)?,
                Kind::Ids => self.ids.save(&mut out)?,
                Kind::RowSums => save(&self.sums, &mut out)?,
                Kind::Graph => {
                    if let Some(linked) = &self.linked {
                        out(&linked.graph.to_bytes())?;
                    }
                }
                Kind::Points => {
                    if let Some(linked) = &self.linked {
                        linked.points.save(&mut out)?;
                    }
                }
            }
            end = at;
            *self.head.section_mut(kind) = Section { offset, length: end - offset, sum };
        }
        let (header, sum) = self.head.encode();
        write(&header, 0)?;
        self.ids.shrink();
        self.sums.shrink_to_fit();
        let Self { head, codes, ids, sums, linked, .. } = self;
        Ok((Segment::new(file, head, codes, ids, sums, linked), end, sum))
    }
}
