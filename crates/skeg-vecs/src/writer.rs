//! Rows into a file.

use std::io::Write;

use crate::error::VecsError;
use crate::format::Format;
use crate::{json, npy};

/// Writes rows, as many as were announced.
#[derive(Debug)]
pub struct RowWriter<W> {
    format: Format,
    out: W,
    dim: usize,
    left: u64,
}

impl<W: Write> RowWriter<W> {
    /// Writes what stands before the rows.
    ///
    /// # Errors
    /// [`VecsError::Unsupported`]: the format has no floats, or cannot count so many rows.
    pub fn new(format: Format, mut out: W, rows: u64, dim: usize) -> Result<Self, VecsError> {
        match format {
            Format::Fvecs | Format::Jsonl => {}
            Format::Npy => npy::write(&mut out, rows, dim)?,
            Format::Fbin => {
                let Ok(count) = u32::try_from(rows) else {
                    let what = format!("fbin cannot count {rows} rows; npy can");
                    return Err(VecsError::Unsupported { what });
                };
                out.write_all(&count.to_le_bytes())?;
                out.write_all(&(dim as u32).to_le_bytes())?;
            }
            Format::Bvecs | Format::U8bin | Format::I8bin => {
                let name = format.name();
                let what = format!("{name} has no floats; expected fbin, fvecs, npy or jsonl");
                return Err(VecsError::Unsupported { what });
            }
        }
        Ok(Self { format, out, dim, left: rows })
    }

    /// Writes a row. Its id is left out where the format has none.
    ///
    /// # Errors
    /// [`VecsError::Io`].
    ///
    /// # Panics
    /// When it has another dimension, or more rows come than were announced.
    pub fn push(&mut self, id: &str, row: &[f32]) -> Result<(), VecsError> {
        assert_eq!(row.len(), self.dim, "all rows have the dimension that was announced");
        self.left = self.left.checked_sub(1).expect("no more rows than were announced");
        if self.format == Format::Jsonl {
            return Ok(json::write(&mut self.out, id, row)?);
        }
        if self.format == Format::Fvecs {
            self.out.write_all(&(self.dim as u32).to_le_bytes())?;
        }
        for number in row {
            self.out.write_all(&number.to_le_bytes())?;
        }
        Ok(())
    }

    /// Ends the file; what it was written to.
    ///
    /// # Errors
    /// [`VecsError::Io`].
    ///
    /// # Panics
    /// When fewer rows came than were announced.
    pub fn finish(mut self) -> Result<W, VecsError> {
        assert_eq!(self.left, 0, "as many rows as were announced");
        self.out.flush()?;
        Ok(self.out)
    }
}
