//! What a row has to be, whatever file it comes from.

use crate::error::{Place, VecsError};

/// Holds a row to the first one: as many numbers, at least one, all finite. `dim` is known from the first
/// row or a header on.
pub(crate) fn check(row: &[f32], dim: &mut Option<usize>, place: Place) -> Result<(), VecsError> {
    let dim = *dim.get_or_insert(row.len());
    let refused = |what| Err(VecsError::Row { place, what });
    if row.len() != dim {
        return refused(format!("{} numbers where the first row has {dim}", row.len()));
    }
    if dim == 0 {
        return refused("a vector of no numbers".into());
    }
    if let Some(at) = row.iter().position(|number| !number.is_finite()) {
        return refused(format!("number {at} is {}, no finite 32-bit float", row[at]));
    }
    Ok(())
}
