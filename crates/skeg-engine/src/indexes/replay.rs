//! Effects on indexes: how the log says what they concern, and how they are applied again.

use skeg_vector::{Change, Id, IdRef, VectorError};

use super::Created;
use crate::effect::{Effect, VectorId};
use crate::shard::Shard;

impl Shard {
    /// Applies an effect of the log.
    pub(crate) fn apply_to_index(&mut self, effect: &Effect<'_>) -> Result<(), String> {
        let said = |error: VectorError| error.to_string();
        let (name, id, row);
        let change = match *effect {
            Effect::IndexCreate { name, options } => {
                let created = Created::from_bytes(options)?;
                return self.indexes.insert(name, &created).map_err(said);
            }
            Effect::IndexDrop { name } => {
                let dropped = self.indexes.by_name.remove(name);
                let dropped = dropped.filter(|held| held.index.stored_generation() > 0);
                self.indexes.dropped.extend(dropped.map(|held| held.number));
                return Ok(());
            }
            Effect::VectorSet { name: of, id: logged, row: bytes } => {
                (name, id, row) = (of, replayed(logged)?, row_of(bytes)?);
                Change::Set(id.as_ref(), &row)
            }
            Effect::VectorRemove { name: of, id: logged } => {
                (name, id) = (of, replayed(logged)?);
                Change::Remove(id.as_ref())
            }
            Effect::IndexFreeze { name: of } => {
                name = of;
                Change::Freeze
            }
            _ => return Err("an effect of no index".into()),
        };
        let held = self.indexes.by_name.get_mut(name).ok_or("a vector of no index")?;
        held.index.replay(change).map_err(said)
    }
}

/// An id as it is logged.
pub(crate) fn logged(id: IdRef<'_>) -> VectorId<'_> {
    match id {
        IdRef::U64(id) => VectorId::U64(id),
        IdRef::Str(id) => VectorId::Str(id.as_bytes()),
    }
}

/// The numbers of a logged vector.
pub(crate) fn row_of(row: &[u8]) -> Result<Vec<f32>, String> {
    let (numbers, rest) = row.as_chunks::<4>();
    if !rest.is_empty() {
        return Err("a vector of half a number".into());
    }
    Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// The id of a logged vector.
pub(crate) fn replayed(id: VectorId<'_>) -> Result<Id, String> {
    match id {
        VectorId::U64(id) => Ok(Id::U64(id)),
        VectorId::Str(id) => match std::str::from_utf8(id) {
            Ok(id) => Ok(Id::Str(id.into())),
            Err(error) => Err(format!("an id that is no UTF-8: {error}")),
        },
    }
}
