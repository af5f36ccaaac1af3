//! Parquet: two columns of a file, that of the vectors and perhaps that of the ids.
//!
//! Invariant: rows are decoded a few at a time, so memory is that of a page of either column and does not
//! grow with the row groups, of which a common writer makes one for a million rows.

mod columns;
mod leaf;

use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::error::{Place, VecsError};
use crate::json::Fields;
use crate::reader::Row;
use crate::row::check;
use columns::Columns;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 64;

/// Reads the rows of a Parquet file.
pub struct ParquetReader {
    file: SerializedFileReader<File>,
    bytes: u64,
    columns: Columns,
    /// Row groups begun.
    groups: usize,
    /// What is left of the group that was begun last.
    group: Option<Group>,
    batch: Batch,
    /// Rows of the batch handed out.
    taken: usize,
    number: u64,
    dim: Option<usize>,
}

/// The columns of a row group, read as far as the batch goes.
struct Group {
    vectors: ColumnReader,
    ids: Option<ColumnReader>,
}

/// Rows that are decoded.
#[derive(Debug, Default)]
struct Batch {
    numbers: Vec<f32>,
    /// Where the numbers of each row are; none where a null is.
    rows: Vec<Option<Range<usize>>>,
    /// Of each row, when there is a column of ids; none where a null is.
    ids: Vec<Option<String>>,
}

impl ParquetReader {
    /// Reads what there is in `file`. Ids are in the column that `fields` says, or rows have none when it is
    /// not there and `ids_are_needed` does not say that it must be.
    ///
    /// # Errors
    /// [`VecsError::Unsupported`] when a column is missing, or is none of vectors or ids: with all that there
    /// are, and their types. [`VecsError::Damaged`] when it is no Parquet.
    pub fn new(file: File, fields: &Fields, ids_are_needed: bool) -> Result<Self, VecsError> {
        let bytes = file.metadata()?.len();
        let end = Place::Offset(bytes);
        let file = guarded(end, || SerializedFileReader::new(file))?;
        let columns = Columns::find(file.metadata(), fields, ids_are_needed)?;
        Ok(Self {
            file,
            bytes,
            columns,
            groups: 0,
            group: None,
            batch: Batch::default(),
            taken: 0,
            number: 0,
            dim: None,
        })
    }

    /// About how many bytes of the file have been read: its share by rows.
    #[must_use]
    pub fn offset(&self) -> u64 {
        let rows = self.rows_announced().max(1);
        (u128::from(self.bytes) * u128::from(self.number.min(rows)) / u128::from(rows)) as u64
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// [`VecsError`]; what comes behind that is not to be read.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, VecsError> {
        let place = self.place();
        while self.taken == self.batch.rows.len() {
            if !self.decode()? {
                return self.must_be_all().map(|()| None);
            }
        }
        let Batch { numbers, rows, ids } = &self.batch;
        let null = |name: &str| VecsError::Row {
            place,
            what: format!("column {name:?} is null, or empty, or has a null in it"),
        };
        let Some(range) = rows[self.taken].clone() else {
            return Err(null(&self.columns.vectors.name));
        };
        let id = match &self.columns.ids {
            Some(leaf) => Some(ids[self.taken].as_deref().ok_or_else(|| null(&leaf.name))?),
            None => None,
        };
        let vector = &numbers[range];
        check(vector, &mut self.dim, place)?;
        let number = self.number;
        self.number += 1;
        self.taken += 1;
        Ok(Some(Row { number, place, id, vector }))
    }

    fn place(&self) -> Place {
        Place::Row { row: self.number, offset: None }
    }

    fn rows_announced(&self) -> u64 {
        self.file.metadata().file_metadata().num_rows().try_into().unwrap_or(0)
    }

    /// Decodes the next rows; whether there are more groups or rows.
    fn decode(&mut self) -> Result<bool, VecsError> {
        let place = self.place();
        if self.group.is_none() {
            if self.groups == self.file.num_row_groups() {
                return Ok(false);
            }
            let Self { file, columns, groups, .. } = self;
            self.group = Some(guarded(place, || {
                let group = file.get_row_group(*groups)?;
                let ids = columns.ids.as_ref().map(|ids| group.get_column_reader(ids.at));
                Ok(Group {
                    vectors: group.get_column_reader(columns.vectors.at)?,
                    ids: ids.transpose()?,
                })
            })?);
            self.groups += 1;
        }
        let Self { group: Some(group), batch, columns, .. } = self else { return Ok(false) };
        self.taken = 0;
        *batch = Batch::default();
        guarded(place, || {
            let Columns { vectors, ids } = columns;
            vectors.read_vectors(&mut group.vectors, batch)?;
            if let (Some(leaf), Some(column)) = (ids, &mut group.ids) {
                leaf.read_ids(column, &mut batch.ids)?;
            }
            Ok(())
        })?;
        if self.columns.ids.is_some() && batch.ids.len() != batch.rows.len() {
            let what = "columns of one row group have different numbers of rows".into();
            return Err(VecsError::Damaged { place, what });
        }
        if batch.rows.is_empty() {
            self.group = None;
        }
        Ok(true)
    }

    fn must_be_all(&self) -> Result<(), VecsError> {
        let announced = self.rows_announced();
        if self.number == announced {
            return Ok(());
        }
        let what = format!("{} rows, where {announced} were announced", self.number);
        Err(VecsError::Damaged { place: self.place(), what })
    }
}

/// Runs a piece of the library that reads Parquet. It is made for files of friends: other bytes may
/// make it panic, which is damage like any other.
fn guarded<T>(place: Place, run: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, VecsError> {
    // What a panic has left in the middle of something is not read any more.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(ParquetError::External(error))) => match error.downcast() {
            Ok(error) => Err(VecsError::Io(*error)),
            Err(error) => Err(VecsError::Damaged { place, what: error.to_string() }),
        },
        Ok(Err(ParquetError::NYI(what))) => Err(VecsError::Unsupported { what }),
        Ok(Err(error)) => Err(VecsError::Damaged { place, what: error.to_string() }),
        Err(_) => Err(VecsError::Damaged { place, what: "nonsense in a page".into() }),
    }
}
