//! Rows for the exact comparison: from wherever they are kept, or in memory.
//!
//! May not know: codes, how a scan goes on.

use crate::metric::admit;
use crate::{Metric, VectorError};

/// Where the rows themselves are.
pub trait RowSource {
    /// Calls `each` with the rows at `places` in their order: the number among them, the row, and
    /// under cosine the inverse of its norm (0 where that is not exact in `f32`), otherwise 1.
    ///
    /// # Errors
    /// [`VectorError::Segment`] when a row cannot be read or is not what was written.
    fn visit(
        &self,
        places: &[u32],
        each: &mut dyn FnMut(usize, &[f32], f32),
    ) -> Result<(), VectorError>;
}

/// Rows in memory.
#[derive(Debug)]
pub struct Memory {
    dim: usize,
    rows: Vec<f32>,
    scales: Vec<f32>,
}

impl Memory {
    /// The rows that lie end to end in `rows`.
    ///
    /// # Errors
    /// [`VectorError::Dimension`] when the last is cut short, [`VectorError::NotFinite`],
    /// [`VectorError::ZeroVector`].
    pub fn new(metric: Metric, dim: u32, rows: Vec<f32>) -> Result<Self, VectorError> {
        let size = dim as usize;
        if size == 0 || !rows.len().is_multiple_of(size) {
            return Err(VectorError::Dimension { expected: dim, given: rows.len() });
        }
        let scale = |row| admit(metric, skeg_simd::kernels(), row);
        let scales = rows.chunks_exact(size).map(scale).collect::<Result<_, _>>()?;
        Ok(Self { dim: size, rows, scales })
    }

    /// The rows, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.rows.chunks_exact(self.dim)
    }
}

impl RowSource for Memory {
    fn visit(
        &self,
        places: &[u32],
        each: &mut dyn FnMut(usize, &[f32], f32),
    ) -> Result<(), VectorError> {
        let row = |place: u32| &self.rows[place as usize * self.dim..][..self.dim];
        for (number, &place) in places.iter().enumerate() {
            if let Some(&next) = places.get(number + 1) {
                skeg_simd::prefetch(row(next));
            }
            each(number, row(place), self.scales[place as usize]);
        }
        Ok(())
    }
}
