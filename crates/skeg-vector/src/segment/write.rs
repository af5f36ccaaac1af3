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
use crate::graph::{BuildOptions, Crew, Graph, GraphError, build, memory_needed};
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
    to_link: Option<ToLink>,
    linked: Option<Linked>,
    /// The row's bytes.
    row: Vec<u8>,
}

/// What the rows are linked by.
#[derive(Debug)]
struct ToLink {
    options: BuildOptions,
    /// What the graph is to be walked on.
    points: Points,
    /// What it is built on, where those codes are too coarse.
    fine: Option<Points>,
}

/// What a graph is built on, where it is not what it is walked on.
fn fine_parameters(parameters: &Parameters) -> Option<Parameters> {
    let is_coarse = parameters.kind().bits().is_some_and(|bits| bits < FINE_BITS);
    let fine = || Trainer::new(CodeKind::Int8, parameters.metric(), parameters.dim(), 0).ok();
    Some(is_coarse.then(fine)??.finish())
}

/// Whether a crew of so many can link so many rows of these codes: such codes can be walked on, and it
/// takes no more memory than the options allow.
pub(super) fn can_link(
    parameters: &Parameters,
    rows: usize,
    options: &BuildOptions,
    crew: usize,
) -> bool {
    let Some(points) = Points::size(parameters, rows) else { return false };
    let fine = fine_parameters(parameters).and_then(|fine| Points::size(&fine, rows));
    let needed = points + fine.unwrap_or(0) + memory_needed(rows, options, crew) as u64;
    needed <= options.memory_max as u64
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
            to_link: None,
            linked: None,
            row: Vec::new(),
        }
    }

    /// The segment, of so many rows at most, is to have a graph if its codes can be walked on. Reserves
    /// memory for that, unless a crew of so many would need more than the options allow: then it stays
    /// without, and is scanned.
    ///
    /// # Panics
    /// When a row has come.
    #[must_use]
    pub fn to_be_linked(mut self, rows: usize, options: BuildOptions, crew: usize) -> Self {
        assert_eq!(self.head.rows, 0, "rows have come that no graph would have");
        let parameters = self.codes.parameters();
        if can_link(parameters, rows, &options, crew) {
            let points = Points::new(parameters.clone(), rows).ok();
            let fine = fine_parameters(parameters);
            let fine = fine.and_then(|fine| Points::new(fine, rows).ok());
            self.to_link = points.map(|points| ToLink { options, points, fine });
        }
        self
    }

    /// Links the rows, if they are to be.
    ///
    /// # Errors
    /// [`GraphError::Cancelled`] when the crew gave up; the file is to be given up.
    pub fn link(&mut self, crew: &impl Crew) -> Result<(), GraphError> {
        let Some(ToLink { options, points, fine }) = self.to_link.take() else { return Ok(()) };
        let coarse = fine.as_ref().map(|_| &points);
        let draft = match build(fine.as_ref().unwrap_or(&points), coarse, &options, crew) {
            Ok(draft) => draft,
            // It is scanned, as all were before.
            Err(GraphError::Memory { .. } | GraphError::Rows { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        drop(fine);
        self.linked = Some(Linked { graph: Graph::new(&draft), points });
        Ok(())
    }

    /// Whether the rows are to be linked.
    #[must_use]
    pub fn is_to_be_linked(&self) -> bool {
        self.to_link.is_some()
    }

    /// What linking reads all over, when all rows have come.
    pub fn large_blocks(&self) -> impl Iterator<Item = &[u8]> {
        let points =
            self.to_link.iter().map(|ToLink { points, fine, .. }| fine.as_ref().unwrap_or(points));
        points.map(Points::records)
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
        if let Some(ToLink { points, fine, .. }) = &mut self.to_link {
            for points in std::iter::once(points).chain(fine) {
                points.push(row).expect("an index took the row");
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metric;

    #[test]
    fn a_million_rows_of_1024_dimensions_are_linked_within_2_gib() {
        let options = BuildOptions { memory_max: 2 << 30, ..BuildOptions::default() };
        for kind in [CodeKind::Tq1, CodeKind::Tq2, CodeKind::Tq4, CodeKind::Int8, CodeKind::Pq] {
            let parameters = Trainer::new(kind, Metric::InnerProduct, 1_024, 0).unwrap().finish();
            assert!(can_link(&parameters, 1_000_000, &options, 16), "{kind}");
            assert!(!can_link(&parameters, 4_000_000, &options, 16), "{kind}");
        }
        let exact = Trainer::new(CodeKind::F32, Metric::Cosine, 4, 0).unwrap().finish();
        assert!(!can_link(&exact, 10, &options, 1), "such codes have no records");
    }
}
