//! Walking through a segment as it lies there: its blocks, and what is none between them.
//!
//! Recovery stops at the first byte that is wrong; tools want to know what is behind it as well.
//!
//! Invariants: what is shown as a block has verified as a whole at its place; every byte from the
//! start to the limit is shown once, in order; a walk ends whatever the bytes are.
//! May not know: which segments there are, what follows from what is found.

use std::ops::ControlFlow;

use crate::block::Mismatch;
use crate::current::{NUMBER_MAX, Position};
use crate::error::LogError;
use crate::format::{BlockHeader, KIND_COMMIT};
use crate::scan::{Block, Reader, SegmentFile};

/// Shards that are allowed for when nothing says how many there are.
pub(crate) const ANY_SHARDS: u16 = 16384;

/// A piece of a segment.
#[derive(Clone, Debug)]
pub(crate) enum Stretch<'a> {
    /// A block; it follows the one before unless something bad was shown in between.
    Block { offset: u64, block: Block<'a> },
    /// Bytes that are no block. Empty when a whole block comes next which does not follow.
    Bad { offset: u64, end: u64, mismatch: Mismatch },
    /// Zeros up to the limit.
    Free { offset: u64, end: u64 },
}

/// The position that a block says it follows.
pub(crate) fn declared(header: &BlockHeader) -> Result<Position, Mismatch> {
    if header.epoch > NUMBER_MAX {
        return Err(Mismatch::new("an epoch that can be counted up", header.epoch.to_string()));
    }
    let step = u64::from(header.kind == KIND_COMMIT);
    Ok(Position { epoch: header.epoch.saturating_sub(step), chain: header.previous })
}

/// The position behind a block.
pub(crate) fn after(block: &Block<'_>) -> Position {
    Position { epoch: block.header.epoch, chain: block.header.block_sum }
}

/// Shows a segment from `from` to `limit`. The first block must follow `before`, if that is known.
pub(crate) fn walk(
    segment: &SegmentFile,
    range: std::ops::Range<u64>,
    shards: u16,
    mut before: Option<Position>,
    show: &mut dyn FnMut(Stretch<'_>) -> Result<ControlFlow<()>, LogError>,
) -> Result<(), LogError> {
    let limit = range.end.min(segment.bytes);
    let mut reader = Reader::new(segment, limit);
    let mut offset = range.start;
    // Why what lies at `offset` does not follow; it may be a block all the same.
    let mut astray = None;
    while offset < limit {
        let expected = match before {
            Some(position) => Ok(position),
            None => reader.front(offset)?.and_then(|header| declared(&header)),
        };
        let found = match expected {
            Ok(position) => reader.block(offset, position, shards)?,
            Err(mismatch) => Err(mismatch),
        };
        let mismatch = match found {
            Ok(block) => {
                if let Some(mismatch) = astray.take()
                    && show(Stretch::Bad { offset, end: offset, mismatch })?.is_break()
                {
                    return Ok(());
                }
                before = Some(after(&block));
                let end = offset + block.bytes.len() as u64;
                if show(Stretch::Block { offset, block })?.is_break() {
                    return Ok(());
                }
                offset = end;
                continue;
            }
            Err(mismatch) => mismatch,
        };
        if before.take().is_some() {
            astray = Some(mismatch);
            continue;
        }
        let mismatch = astray.take().unwrap_or(mismatch);
        let (end, stretch) = match reader.next_front(offset)? {
            Err(end) if end == offset => (limit, Stretch::Free { offset, end: limit }),
            Ok(end) | Err(end) => (end, Stretch::Bad { offset, end, mismatch }),
        };
        if show(stretch)?.is_break() {
            return Ok(());
        }
        offset = end;
    }
    Ok(())
}
