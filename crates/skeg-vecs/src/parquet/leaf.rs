//! The values of a column, decoded as vectors or ids.
//!
//! A value has two levels: that of repetition is 0 where a row begins, that of definition is the
//! greatest there is where a value stands, and less where there is a null or an empty list.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::{ParquetError, Result};

use super::{BATCH_ROWS, Batch};
use crate::DIM_MAX;
use skeg_simd::widen_f16;

/// A column that is read.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) name: String,
    /// Its number, as all leaves of the schema are counted.
    pub(super) at: usize,
    pub(super) numbers: Numbers,
    /// The level of definition of a value.
    pub(super) whole: i16,
}

/// How its values are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// As they are.
    Plain,
    /// Integers whose first bit is no sign.
    Unsigned,
}

impl Leaf {
    /// Decodes the next vectors.
    pub(super) fn read_vectors(&self, column: &mut ColumnReader, batch: &mut Batch) -> Result<()> {
        let is_unsigned = self.numbers == Numbers::Unsigned;
        match column {
            ColumnReader::FloatColumnReader(it) => self.vectors(it, batch, |it| Ok(*it)),
            ColumnReader::DoubleColumnReader(it) => self.vectors(it, batch, |it| Ok(*it as f32)),
            ColumnReader::Int32ColumnReader(it) if is_unsigned => {
                self.vectors(it, batch, |it| Ok(it.cast_unsigned() as f32))
            }
            ColumnReader::Int32ColumnReader(it) => self.vectors(it, batch, |it| Ok(*it as f32)),
            ColumnReader::Int64ColumnReader(it) if is_unsigned => {
                self.vectors(it, batch, |it| Ok(it.cast_unsigned() as f32))
            }
            ColumnReader::Int64ColumnReader(it) => self.vectors(it, batch, |it| Ok(*it as f32)),
            ColumnReader::FixedLenByteArrayColumnReader(it) => {
                self.vectors(it, batch, |it| match it.data() {
                    [low, high] => Ok(widen_f16(u16::from_le_bytes([*low, *high]))),
                    _ => Err(ParquetError::General("a half float that is not of 2 bytes".into())),
                })
            }
            _ => Err(changed()),
        }
    }

    /// Decodes the next ids.
    pub(super) fn read_ids(
        &self,
        column: &mut ColumnReader,
        ids: &mut Vec<Option<String>>,
    ) -> Result<()> {
        let is_unsigned = self.numbers == Numbers::Unsigned;
        match column {
            ColumnReader::ByteArrayColumnReader(it) => self.ids(it, ids, text),
            ColumnReader::Int32ColumnReader(it) if is_unsigned => {
                self.ids(it, ids, |it| Ok(it.cast_unsigned().to_string()))
            }
            ColumnReader::Int32ColumnReader(it) => self.ids(it, ids, |it| Ok(it.to_string())),
            ColumnReader::Int64ColumnReader(it) if is_unsigned => {
                self.ids(it, ids, |it| Ok(it.cast_unsigned().to_string()))
            }
            ColumnReader::Int64ColumnReader(it) => self.ids(it, ids, |it| Ok(it.to_string())),
            _ => Err(changed()),
        }
    }

    fn vectors<T: DataType>(
        &self,
        column: &mut ColumnReaderImpl<T>,
        batch: &mut Batch,
        number: impl Fn(&T::T) -> Result<f32>,
    ) -> Result<()> {
        let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
        column.read_records(BATCH_ROWS, Some(&mut defined), Some(&mut repeated), &mut values)?;
        let mut values = values.iter();
        let (mut start, mut has_hole) = (0, false);
        for (at, level) in defined.iter().enumerate() {
            if *level == self.whole {
                batch.numbers.push(number(values.next().ok_or_else(changed)?)?);
            } else {
                has_hole = true;
            }
            // The next value begins another row, or there is none.
            if repeated.get(at + 1).is_none_or(|level| *level == 0) {
                let end = batch.numbers.len();
                if end - start > DIM_MAX {
                    let what =
                        format!("a row of {} numbers; expected up to {DIM_MAX}", end - start);
                    return Err(ParquetError::General(what));
                }
                batch.rows.push((!has_hole).then_some(start..end));
                (start, has_hole) = (end, false);
            }
        }
        Ok(())
    }

    fn ids<T: DataType>(
        &self,
        column: &mut ColumnReaderImpl<T>,
        ids: &mut Vec<Option<String>>,
        id: impl Fn(&T::T) -> Result<String>,
    ) -> Result<()> {
        let (mut defined, mut values) = (Vec::new(), Vec::new());
        let levels = (self.whole > 0).then_some(&mut defined);
        column.read_records(BATCH_ROWS, levels, None, &mut values)?;
        if self.whole == 0 {
            defined.resize(values.len(), 0);
        }
        let mut values = values.iter();
        for level in defined {
            let is_there = level == self.whole;
            ids.push(match is_there {
                true => Some(id(values.next().ok_or_else(changed)?)?),
                false => None,
            });
        }
        Ok(())
    }
}

fn text(bytes: &ByteArray) -> Result<String> {
    let text = std::str::from_utf8(bytes.data());
    Ok(text.map_err(|_| ParquetError::General("an id that is not UTF-8".into()))?.into())
}

/// A column that is not what the file says of it.
fn changed() -> ParquetError {
    ParquetError::General("values that are not what the schema says".into())
}
