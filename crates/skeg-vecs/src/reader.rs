//! Rows, one after the other.

use std::io::BufRead;

use crate::DIM_MAX;
use crate::element::Element;
use crate::error::{Place, VecsError};
use crate::format::Format;
use crate::json::{self, Fields};
use crate::npy;
use crate::row::check;
use crate::source::Source;

/// Longest line of JSON, in bytes.
const LINE_BYTES_MAX: usize = 16 << 20;

/// A row of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// Rows before it.
    pub number: u64,
    /// Where it is.
    pub place: Place,
    /// Its id, in a format that has ids.
    pub id: Option<&'a str>,
    /// Its numbers.
    pub vector: &'a [f32],
}

/// How rows lie in a file.
#[derive(Clone, Copy, Debug)]
enum Layout {
    /// As many as were announced, one behind the other.
    Counted(u64),
    /// Each behind its dimension.
    Prefixed,
    Lines,
}

/// Reads the rows of a file.
#[derive(Debug)]
pub struct RowReader<R> {
    source: Source<R>,
    layout: Layout,
    element: Element,
    fields: Fields,
    /// Of the header or the first row.
    dim: Option<usize>,
    /// Rows read.
    number: u64,
    /// Lines read.
    lines: u64,
    /// Whether rows have ids: as the first one.
    has_ids: Option<bool>,
    bytes: Vec<u8>,
    id: Option<String>,
    row: Vec<f32>,
}

impl<R: BufRead> RowReader<R> {
    /// Reads what stands before the rows. `fields` are those of lines of JSON.
    ///
    /// # Errors
    /// [`VecsError`].
    pub fn new(format: Format, input: R, fields: Fields) -> Result<Self, VecsError> {
        let mut source = Source::new(input);
        let mut element = format.element();
        let (layout, dim) = match format {
            Format::Fvecs | Format::Bvecs => (Layout::Prefixed, None),
            Format::Jsonl => (Layout::Lines, None),
            Format::Fbin | Format::U8bin | Format::I8bin => {
                let rows = source.u32()?;
                let dim = source.u32()?;
                (Layout::Counted(rows.into()), Some(dim.into()))
            }
            Format::Npy => {
                let header = npy::read(&mut source)?;
                element = header.element;
                (Layout::Counted(header.rows), Some(header.dim))
            }
        };
        let dim = dim.map(|dim| dimension(dim).ok_or_else(|| source.damaged(not_a_dim(dim))));
        Ok(Self {
            dim: dim.transpose()?,
            source,
            layout,
            element,
            fields,
            number: 0,
            lines: 0,
            has_ids: None,
            bytes: Vec::new(),
            id: None,
            row: Vec::new(),
        })
    }

    /// Numbers in a row; nothing before the first row of a format that does not say it before.
    #[must_use]
    pub fn dim(&self) -> Option<usize> {
        self.dim
    }

    /// Bytes read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.source.offset
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// [`VecsError`]; what comes behind that is not to be read.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, VecsError> {
        let offset = self.source.offset;
        let is_there = match self.layout {
            Layout::Counted(rows) => self.next_counted(rows)?,
            Layout::Prefixed => self.next_prefixed()?,
            Layout::Lines => self.next_line()?,
        };
        if !is_there {
            return Ok(None);
        }
        let place = match self.layout {
            Layout::Lines => Place::Line(self.lines),
            _ => Place::Row { row: self.number, offset: Some(offset) },
        };
        check(&self.row, &mut self.dim, place)?;
        let number = self.number;
        self.number += 1;
        Ok(Some(Row { number, place, id: self.id.as_deref(), vector: &self.row }))
    }

    fn next_counted(&mut self, rows: u64) -> Result<bool, VecsError> {
        if self.number < rows {
            let dim = self.dim.unwrap_or_default();
            self.numbers(dim, &format!("{rows} rows were announced"))?;
            return Ok(true);
        }
        if !self.source.is_at_end()? {
            let what = format!("bytes behind the {rows} rows that were announced");
            return Err(self.source.damaged(what));
        }
        Ok(false)
    }

    fn next_prefixed(&mut self) -> Result<bool, VecsError> {
        if self.source.is_at_end()? {
            return Ok(false);
        }
        let offset = self.source.offset;
        let damaged = |what| {
            let place = Place::Offset(offset);
            VecsError::Damaged { place, what }
        };
        let claimed = self.source.u32()?;
        let dim = dimension(claimed.into()).ok_or_else(|| damaged(not_a_dim(claimed.into())))?;
        if let Some(first) = self.dim.filter(|first| *first != dim) {
            return Err(damaged(format!("a row of {dim} numbers where the first has {first}")));
        }
        self.numbers(dim, &format!("{dim} numbers were announced"))?;
        Ok(true)
    }

    /// Reads the numbers of a row.
    fn numbers(&mut self, dim: usize, announced: &str) -> Result<(), VecsError> {
        self.bytes.resize(dim * self.element.bytes(), 0);
        if self.source.fill(&mut self.bytes)? < self.bytes.len() {
            let what = format!("it ends in row {}; {announced}", self.number);
            return Err(self.source.damaged(what));
        }
        self.row.clear();
        self.element.decode(&self.bytes, &mut self.row);
        Ok(())
    }

    fn next_line(&mut self) -> Result<bool, VecsError> {
        loop {
            let Some(line) = self.source.line(&mut self.bytes, LINE_BYTES_MAX)? else {
                return Ok(false);
            };
            self.lines += 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let place = Place::Line(self.lines);
            self.id = json::read(line, &self.fields, &mut self.row)
                .map_err(|what| VecsError::Damaged { place, what })?;
            let has_id = self.id.is_some();
            if *self.has_ids.get_or_insert(has_id) != has_id {
                let (this, first) = if has_id { ("an", "none") } else { ("no", "one") };
                let what = format!("{this} id, where the first row has {first}");
                return Err(VecsError::Row { place, what });
            }
            return Ok(true);
        }
    }
}

fn dimension(claimed: u64) -> Option<usize> {
    usize::try_from(claimed).ok().filter(|dim| (1..=DIM_MAX).contains(dim))
}

fn not_a_dim(claimed: u64) -> String {
    format!("rows of {claimed} numbers; expected 1 to {DIM_MAX}")
}
