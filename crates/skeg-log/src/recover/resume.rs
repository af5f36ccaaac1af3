//! What was replayed becomes the start of a new life: the log goes on in a segment of its own.
//!
//! Invariants: until CURRENT is replaced nothing that was there is changed but leftovers; what nobody witnesses as durable is
//! durable in the new segment before CURRENT names it.
//! May not know: how the end of the history was found.

use std::path::Path;

use skeg_io::sync::Arc;
use skeg_io::{Disk, Io};

use super::History;
use crate::block::{BlockBuilder, Claim, Place, parts};
use crate::current::{self, Current, End, NamedSegment, Position};
use crate::error::{LogError, corrupt, io_error};
use crate::failpoint::{Broken, breaks};
use crate::format::KIND_COMMIT;
use crate::layout::remove_leftovers;
use crate::scan::Reader;
use crate::segment::{FILES, HEADER_BYTES, Segment, SegmentHeader, fsync_error};
use crate::small_file::{replace, write_all};
use crate::spare::{CURRENT_BYTES, Spare};
use crate::types::LogOptions;
use crate::upkeep::Upkeeper;
use crate::values::{Moved, Place as ValuePlace};
use crate::writer::Writer;

/// Free bytes of a new segment.
const FREE_BYTES: u64 = 192 << 10;

impl History {
    /// The segments that stay, each with its end; and the position behind the last.
    fn kept(&self, current: &Current) -> (Vec<NamedSegment>, Position) {
        let mut kept = current.segments.clone();
        let Some(cut) = self.cut else {
            kept.retain(|named| named.id < current.start_segment);
            return (kept, current.start);
        };
        kept.truncate(cut.index + 1);
        for (named, end) in kept.iter_mut().zip(&self.ends) {
            named.sealed = named.sealed.or(*end);
        }
        if current.segments[cut.index].sealed.is_none() {
            let cut_to = Some(End { length: cut.end, position: cut.after });
            kept[cut.index].sealed =
                if breaks(Broken::ForgetsTheCut) { self.ends[cut.index] } else { cut_to };
        }
        let end = kept[cut.index].sealed.expect("it was given one just now");
        (kept, end.position)
    }
}

/// Makes what was replayed the start of a new life: the unwitnessed tail durable in a new segment,
/// CURRENT over it, leftovers gone. `stored` is the CURRENT on the disk, which may have newer snapshots than
/// the one that was loaded with `current`.
pub(crate) fn make_writable(
    io: &Io,
    dir: &Path,
    options: &LogOptions,
    stored: &Current,
    current: &Current,
    history: &mut History,
) -> Result<(Writer, Upkeeper), LogError> {
    // The CURRENT and MANIFEST that were read may have been put in place by a process that died before
    // it could make that durable: nothing may be removed before they certainly stay.
    if !breaks(Broken::TrustsRenames) {
        io.disk.sync_dir(dir).map_err(|error| fsync_error(dir, error))?;
    }
    let mut spare = Spare::open(io, dir)?;
    let (kept, before) = history.kept(current);
    let mut next = Current {
        generation: current.generation + 1,
        durable: history.position.epoch,
        next_segment: current.next_segment,
        segments: kept,
        ..current.clone()
    };
    remove_leftovers(&*io.disk, dir, stored)?;
    // Before anything else takes the space: the next recovery needs it as much as this one.
    spare.grow_to_least(io)?;
    let header = SegmentHeader {
        id: next.next_segment,
        database_id: current.database_id,
        salt: io.entropy.next_u64(),
        after: before,
    };
    let tail_bytes: u64 = history.tail.iter().map(|mark| mark.end - mark.offset).sum();
    let least = HEADER_BYTES + tail_bytes;
    let free = FREE_BYTES.min(options.segment_bytes);
    let segment = match Segment::create(io, dir, &header, least + free) {
        Err(LogError::Full { .. }) => {
            give_up(&mut spare, least)?;
            Segment::create(io, dir, &header, least)
        }
        other => other,
    }?;
    let segment = Arc::new(segment);
    let (offset, position, moved) = rewrite_tail(history, &segment, before)?;
    history.moved = moved;
    if !breaks(Broken::ForgetsTheTail) {
        segment.file.sync_data().map_err(|error| fsync_error(&segment.path, error))?;
    }
    segment.set_written_bytes(offset);

    if !next.segments.iter().any(|named| named.id == next.start_segment) {
        // It had no block, and neither was there one behind it.
        for older in &mut next.older {
            if older.start_segment == next.start_segment {
                (older.start_segment, older.start) = (header.id, before);
            }
        }
        next.start_segment = header.id;
        next.start = before;
    }
    next.next_segment += 1;
    next.segments.push(NamedSegment::open(header.id));
    publish(io, dir, &next, &mut spare)?;
    trim_sealed(io, dir, current, &next)?;
    remove_leftovers(&*io.disk, dir, &next)?;
    // Without space for more the database opens all the same; upkeep sees to it later.
    match spare.grow(io, crate::room::UNSYNCED_BYTES.min(options.unsynced_bytes_max)) {
        Ok(()) | Err(LogError::Full { .. }) => {}
        Err(error) => return Err(error),
    }
    history.recovered.rewritten_blocks = history.tail.len() as u64;
    let writer = Writer::new(Arc::clone(&segment), offset, position, current.shards);
    Ok((writer, Upkeeper::new(next, vec![segment], spare)))
}

/// Writes the blocks behind the cut into a new segment, with its salt, their new places and the chain
/// through them. Returns the end, the position there, and what has moved.
fn rewrite_tail(
    history: &History,
    segment: &Segment,
    before: Position,
) -> Result<(u64, Position, Vec<Moved>), LogError> {
    let mut builder = BlockBuilder::default();
    let mut moved = Vec::new();
    let (mut offset, mut position) = (HEADER_BYTES, before);
    for mark in &history.tail {
        let source = &history.segments[mark.index];
        let mut reader = Reader::new(source, mark.end);
        let block = reader
            .block(mark.offset, mark.before, history.recovered.shards)?
            .map_err(|mismatch| corrupt(&source.path, mark.offset, mismatch))?;
        let epoch = block.header.epoch;
        let claim =
            Claim { kind: KIND_COMMIT, epoch, durable: history.witness, previous: position.chain };
        let place = if breaks(Broken::KeepsOldPlaces) {
            Place { salt: source.header.salt, offset: mark.offset }
        } else {
            Place { salt: segment.salt, offset }
        };
        let chain = builder.build(place, claim, parts(block.bytes, &block.header));
        write_all(&*segment.file, &segment.path, builder.bytes(), offset)?;
        moved.push(Moved {
            from: ValuePlace { segment: source.header.id, offset: mark.offset },
            bytes: mark.end - mark.offset,
            to: ValuePlace { segment: segment.id, offset },
        });
        offset += builder.bytes().len() as u64;
        position = Position { epoch, chain };
    }
    Ok((offset, position, moved))
}

fn publish(io: &Io, dir: &Path, next: &Current, spare: &mut Spare) -> Result<(), LogError> {
    let (file, bytes) = (dir.join(current::FILE_NAME), next.encode());
    match replace(&*io.disk, &file, &bytes) {
        Err(LogError::Full { .. }) => {
            give_up(spare, CURRENT_BYTES)?;
            replace(&*io.disk, &file, &bytes)
        }
        other => other,
    }
}

/// On a full disk the spare makes room: this is what it is there for.
fn give_up(spare: &mut Spare, bytes: u64) -> Result<(), LogError> {
    let left = spare.allowed().saturating_sub(bytes + CURRENT_BYTES);
    spare.shrink(left)
}

/// Frees what newly sealed segments have allocated behind their ends.
fn trim_sealed(io: &Io, dir: &Path, before: &Current, now: &Current) -> Result<(), LogError> {
    for named in now.segments.iter().filter(|named| !before.segments.contains(named)) {
        let Some(end) = named.sealed else { continue };
        let path = FILES.path(dir, named.id);
        open_and_cut(&*io.disk, &path, end.length)
            .map_err(|error| io_error("cut", &path, error))?;
    }
    Ok(())
}

fn open_and_cut(disk: &dyn Disk, path: &Path, length: u64) -> std::io::Result<()> {
    let file = disk.open(path, skeg_io::OpenMode::ReadWrite)?;
    if file.len()? > length {
        file.set_len(length)?;
    }
    Ok(())
}
