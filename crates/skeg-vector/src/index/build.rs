//! Building a segment: of frozen rows, or of segments that are to become one.
//!
//! Rows come in the order of their ids, a few at a time, so that whoever builds can stop between and
//! nobody waits. The centroid of a merge is that of its parts: rows are read once, but for a sample where codes
//! have words that are learned.
//!
//! Invariants: dead rows are left out; where each row has gone is told, so that what dies meanwhile can be
//! marked; a row that is read from a segment is verified before it is written again.
//!
//! May not know: threads, what makes a file durable, when to build.

use std::sync::Arc;

use super::{Slot, newest, planner};
use crate::flat;
use crate::graph::{BuildOptions, Crew, GraphError};
use crate::quant::{CodeKind, Parameters, Trainer};
use crate::random::SplitMix;
use crate::row_set::RowSet;
use crate::segment::{RowBuffer, Segment, SegmentFile, SegmentTag, SegmentWriter};
use crate::{IdRef, IndexOptions, VectorError};

/// Stands for a row that was left out.
const NOWHERE: u32 = u32::MAX;

/// How rows are linked: in at most 2 GiB of memory; where it needs more they are scanned.
pub(super) fn link_options() -> BuildOptions {
    BuildOptions { memory_max: 2 << 30, ..BuildOptions::default() }
}

/// Where rows come from.
#[derive(Debug)]
enum Rows {
    /// Frozen ones, by their places in the order of their ids.
    Frozen(Arc<flat::View>, Vec<u32>),
    Segment(Arc<Segment>),
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Self::Frozen(_, order) => order.len(),
            Self::Segment(segment) => segment.head().rows as usize,
        }
    }

    /// The row that comes at a number in the order of ids.
    fn row(&self, number: usize) -> u32 {
        match self {
            Self::Frozen(_, order) => order[number],
            Self::Segment(_) => number as u32,
        }
    }

    fn id(&self, row: u32) -> IdRef<'_> {
        match self {
            Self::Frozen(view, _) => view.id(row),
            Self::Segment(segment) => segment.id(row),
        }
    }
}

/// What a segment is built from.
#[derive(Debug)]
pub(super) struct Source {
    /// The number of a segment's file; `None` for frozen rows.
    pub(super) file: Option<u64>,
    /// What was dead when the build began.
    pub(super) dead: RowSet,
    /// Where each row has gone.
    pub(super) places: Vec<u32>,
}

/// A segment to be built, or that is being built.
#[derive(Debug)]
pub struct Build {
    options: IndexOptions,
    generation: u64,
    rows: Vec<Rows>,
    sources: Vec<Source>,
    /// The number of the next row of each source, in the order of ids.
    next: Vec<usize>,
    /// How many link the rows, if there is time for it.
    crew: Option<usize>,
    writer: Option<SegmentWriter>,
    buffer: RowBuffer,
}

/// A segment that was built, to be put in the place of what it was built from.
#[derive(Debug)]
pub struct Built {
    pub(super) segment: Segment,
    pub(super) sources: Vec<Source>,
}

impl Built {
    /// The segment.
    #[must_use]
    pub fn segment(&self) -> &Segment {
        &self.segment
    }
}

/// Why a build cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum BuildError<E> {
    /// A row could not be read.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// What writes the file has failed.
    #[error("{0}")]
    Write(E),
    /// The crew that was to link the rows gave up.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl Build {
    pub(super) fn flush(
        options: IndexOptions,
        generation: u64,
        view: Arc<flat::View>,
        dead: RowSet,
    ) -> Self {
        let mut order: Vec<u32> = (0..view.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| view.id(a).cmp(&view.id(b)));
        let source = Source { file: None, dead, places: vec![NOWHERE; order.len()] };
        Self::new(options, generation, vec![Rows::Frozen(view, order)], vec![source])
    }

    pub(super) fn merge(options: IndexOptions, slots: Vec<Slot>) -> Self {
        assert!(!slots.is_empty(), "there is something to merge");
        let generation = newest(&slots);
        let (rows, sources) = slots
            .into_iter()
            .map(|Slot { segment, dead }| {
                let head = segment.head();
                let places = vec![NOWHERE; head.rows as usize];
                let source = Source { file: Some(head.tag.file), dead, places };
                (Rows::Segment(segment), source)
            })
            .unzip();
        Self::new(options, generation, rows, sources)
    }

    fn new(options: IndexOptions, generation: u64, rows: Vec<Rows>, sources: Vec<Source>) -> Self {
        let next = vec![0; rows.len()];
        let buffer = RowBuffer::default();
        Self { options, generation, rows, sources, next, crew: None, writer: None, buffer }
    }

    /// There is time to link the rows, if they are many: minutes for a million. So many will do it.
    pub fn take_time(&mut self, crew: usize) {
        self.crew = Some(crew);
    }

    /// Whether the rows are to be linked: from [`Self::begin`] on.
    #[must_use]
    pub fn is_to_be_linked(&self) -> bool {
        self.writer.as_ref().is_some_and(SegmentWriter::is_to_be_linked)
    }

    /// What linking the rows will read all over, when all have been written.
    pub fn large_blocks(&self) -> impl Iterator<Item = &[u8]> {
        self.writer.iter().flat_map(SegmentWriter::large_blocks)
    }

    /// The generation that the segment will have.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Rows that it will have, at most.
    #[must_use]
    pub fn len(&self) -> usize {
        let live = |(rows, source): (&Rows, &Source)| rows.len() - source.dead.len();
        self.rows.iter().zip(&self.sources).map(live).sum()
    }

    /// Rows that were written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.writer.as_ref().map_or(0, |writer| writer.rows().into())
    }

    /// Whether it will have none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of the files of the segments that it will replace.
    pub fn replaces(&self) -> impl Iterator<Item = u64> {
        self.sources.iter().filter_map(|source| source.file)
    }

    /// Bytes that the file will have, about.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.len() as u64 * (u64::from(self.options.dim) * 5 + 64) + (64 << 10)
    }

    /// Begins to write: `tag` names the file and the index, `rotation` is the seed of the index's codes.
    ///
    /// # Errors
    /// [`VectorError::Segment`] when a row of a sample cannot be read.
    pub fn begin(&mut self, tag: SegmentTag, rotation: u64) -> Result<(), VectorError> {
        let parameters = self.train(rotation)?;
        let tag = SegmentTag { generation: self.generation, ..tag };
        let writer = SegmentWriter::new(&self.options, tag, parameters, self.len());
        let crew = self.crew.filter(|_| planner::links(&self.options, self.len()));
        self.writer = Some(match crew {
            Some(crew) => writer.to_be_linked(self.len(), link_options(), crew),
            None => writer,
        });
        Ok(())
    }

    fn train(&mut self, rotation: u64) -> Result<Parameters, VectorError> {
        let IndexOptions { metric, dim, tier, .. } = self.options;
        let kind = CodeKind::of(tier);
        let mut trainer =
            Trainer::new(kind, metric, dim, rotation).expect("options were validated");
        for rows in &self.rows {
            match rows {
                Rows::Frozen(view, _) => {
                    for (_, row) in view.iter() {
                        trainer.add(row).expect("rows of an index have its dimension");
                    }
                }
                Rows::Segment(segment) => {
                    trainer.add_parts(segment.parameters(), segment.head().rows.into());
                }
            }
        }
        self.sample(&mut trainer, rotation)?;
        Ok(trainer.finish())
    }

    /// Shows a trainer rows of segments, from all over: of each as many as its share of all.
    fn sample(&mut self, trainer: &mut Trainer, seed: u64) -> Result<(), VectorError> {
        let (wanted, all) = (trainer.sample_rows(), self.len());
        let mut random = SplitMix::new(seed ^ self.generation);
        for (rows, source) in self.rows.iter().zip(&self.sources) {
            let Rows::Segment(segment) = rows else { continue };
            let live = rows.len() - source.dead.len();
            let share = (wanted * live).div_ceil(all.max(1)).min(live);
            let mut chosen = Vec::with_capacity(share);
            // One in each of as many stretches of live rows.
            let mut places = (0..rows.len() as u32).filter(|&row| !source.dead.contains(row));
            let mut passed = 0;
            for number in 0..share {
                let (from, to) = (number * live / share, (number + 1) * live / share);
                let at = from + (random.next() % (to - from) as u64) as usize;
                chosen.extend(places.nth(at - passed));
                passed = at + 1;
            }
            chosen.iter().for_each(|&row| segment.will_read(row));
            for row in chosen {
                segment.read(row, &mut self.buffer)?;
                trainer.sample(&self.buffer.row);
            }
        }
        Ok(())
    }

    /// Writes up to `count` more rows; tells whether there are more.
    ///
    /// # Errors
    /// [`BuildError`]; the file is to be given up.
    ///
    /// # Panics
    /// Before [`Self::begin`].
    pub fn step<E>(
        &mut self,
        count: usize,
        write: &mut impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<bool, BuildError<E>> {
        let writer = self.writer.as_mut().expect("it has begun");
        for _ in 0..count {
            let least = (0..self.rows.len())
                .filter_map(|n| {
                    let (rows, dead) = (&self.rows[n], &self.sources[n].dead);
                    while self.next[n] < rows.len() && dead.contains(rows.row(self.next[n])) {
                        self.next[n] += 1;
                    }
                    (self.next[n] < rows.len()).then(|| (n, rows.row(self.next[n])))
                })
                .min_by(|&(a, x), &(b, y)| self.rows[a].id(x).cmp(&self.rows[b].id(y)));
            let Some((n, row)) = least else { return Ok(false) };
            self.next[n] += 1;
            let numbers = match &self.rows[n] {
                Rows::Frozen(view, _) => view.row(row),
                Rows::Segment(segment) => {
                    segment.read(row, &mut self.buffer).map_err(VectorError::from)?;
                    &self.buffer.row
                }
            };
            let id = self.rows[n].id(row);
            let place = writer.push(id, numbers, write).map_err(BuildError::Write)?;
            self.sources[n].places[row as usize] = place;
        }
        Ok(true)
    }

    /// Links the rows, if they are to be, by a crew as large as was said, and writes what comes behind them.
    /// Gives the segment, which reads its rows from `file`, the file's length, and the checksum that stands
    /// for all of it.
    ///
    /// # Errors
    /// [`BuildError`]; the file is to be given up.
    ///
    /// # Panics
    /// Before [`Self::begin`].
    pub fn finish<E>(
        self,
        file: Arc<dyn SegmentFile>,
        crew: &impl Crew,
        write: &mut impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<(Built, u64, u32), BuildError<E>> {
        let mut writer = self.writer.expect("it has begun");
        writer.link(crew)?;
        let (segment, bytes, sum) = writer.finish(file, write).map_err(BuildError::Write)?;
        Ok((Built { segment, sources: self.sources }, bytes, sum))
    }
}
