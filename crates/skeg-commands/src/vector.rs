//! Vectors and their ids as arguments and replies.

use std::collections::BTreeMap;

use skeg_engine::{Engine, Exec, Incoming, IndexError, PARTS_MAX, Refusal, Shard, ShardList};
use skeg_proto::Args;
use skeg_vector::{NoId, VectorError, VectorErrorKind};

use crate::error::CommandError;

/// Reads a vector: little-endian 32-bit floats.
pub(crate) fn row(bytes: &[u8]) -> Result<Vec<f32>, CommandError> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(CommandError::constant(
            "ERR a vector is a string of little-endian 32-bit floats, 4 bytes each",
        ));
    }
    Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
}

/// A vector as it is written and read.
pub(crate) fn to_bytes(row: &[f32]) -> Vec<u8> {
    row.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Log space of an effect on an index beside the name and the arguments: opcode, lengths, options.
const EFFECT_BYTES: usize = 64;

/// Log space of a record: there is one for each part that a command changes.
const RECORD_BYTES: usize = 128;

/// Log space for `effects` effects on the index that the first argument names, in as many parts at most.
pub(crate) fn effects_bytes(args: Args<'_>, effects: usize) -> u64 {
    let each = args.get(1).len() + EFFECT_BYTES;
    let records = effects.min(usize::from(PARTS_MAX));
    (args.payload_bytes() + effects * each + records * RECORD_BYTES) as u64
}

/// Rows that are to be stored, by the names of the parts that they go to.
pub(crate) type Rows = BTreeMap<Box<[u8]>, Incoming>;

/// The shards of the parts that ids of an index are in.
pub(crate) fn shards_of_ids<'a>(
    engine: &Engine,
    name: &[u8],
    ids: impl Iterator<Item = &'a [u8]>,
) -> ShardList {
    let parts = engine.index_parts(name);
    if parts.count() == 1 {
        return parts.names().map(|name| engine.shard_of(name)).collect();
    }
    ids.map(|text| engine.shard_of(parts.name_of_text(text))).collect()
}

/// The shards of all parts of an index.
pub(crate) fn shards_of_all(engine: &Engine, args: Args<'_>) -> ShardList {
    engine.index_shards(args.get(1), 0)
}

/// Has room made for the vectors that commands will store, each of them by its name and arguments.
///
/// # Errors
/// Those of [`skeg_engine::Shard::vector_room`]; an index that is not there is no error yet.
pub(crate) fn make_room<'a>(
    exec: &mut Exec<'_>,
    commands: impl Iterator<Item = (&'static str, Args<'a>)>,
) -> Result<(), IndexError> {
    let mut incoming = Rows::new();
    for (command, args) in commands {
        let first = match command {
            "skeg.vset" => 2,
            "skeg.vmset" => 3,
            _ => continue,
        };
        let parts = exec.index_parts(args.get(1));
        for index in (first..args.len().saturating_sub(1)).step_by(2) {
            let (text, row) = (args.get(index), args.get(index + 1));
            let all = incoming.entry(parts.name_of_text(text).into()).or_default();
            all.add(text.len(), row.len() / size_of::<f32>());
        }
    }
    let mut refused = Ok(());
    for (part, incoming) in incoming {
        match exec.part_shard(&part)?.vector_room(&part, incoming) {
            Ok(()) | Err(IndexError::NotFound) => {}
            Err(IndexError::Behind) => return Err(IndexError::Behind),
            // Another one may have to wait: then nothing has been done yet.
            Err(error) => refused = Err(error),
        }
    }
    refused?;
    exec.shards().for_each(Shard::note_room);
    Ok(())
}

/// The error for what only a later version does.
pub(crate) fn unsupported(what: &str) -> CommandError {
    CommandError::owned(format!("ERR {what} is not supported yet: vectors have no attributes"))
}

/// The error for what an index refuses; its first word is the code that clients branch on.
#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
pub(crate) fn refused(error: VectorError) -> CommandError {
    let code = match error.kind() {
        VectorErrorKind::Dimension => "DIMENSION",
        VectorErrorKind::Read => "IOERR",
        VectorErrorKind::Corrupt => "CORRUPT",
        _ => "BADVECTOR",
    };
    CommandError::owned(format!("{code} {error}"))
}

impl From<NoId> for CommandError {
    fn from(error: NoId) -> Self {
        Self::owned(format!("ERR {error}"))
    }
}

impl From<IndexError> for CommandError {
    fn from(error: IndexError) -> Self {
        let code = match error {
            IndexError::NotFound => "NOINDEX",
            IndexError::Mismatch { .. } => "INDEXMISMATCH",
            IndexError::Moved => "TRYAGAIN",
            IndexError::Behind => return Self::Refused(Refusal::Wait),
            IndexError::Unwritten => "BUSY",
            IndexError::Memory { .. } => "OOM",
            IndexError::Vector(error) => return refused(error),
            _ => "ERR",
        };
        Self::owned(format!("{code} {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_travel_as_bytes() {
        let bytes = to_bytes(&[1.5, -0.0]);
        assert_eq!(row(&bytes), Ok(vec![1.5, -0.0]));
        assert!(row(&bytes[1..]).is_err());
    }
}
