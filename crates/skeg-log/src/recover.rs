//! Recovery: replays the history up to its end, and tells a torn tail from damage.
//!
//! The rules (`docs/format/log.md`, "Recovery"):
//! - A snapshot is loaded first; replay skips what lies before its place, on each shard.
//! - A sealed segment verifies to its last byte, or the open stops.
//! - Behind the sealed ones, blocks are read to the first that does not verify and follow. If anything
//!   behind it, or CURRENT, witnesses a durable epoch at or past it, that is damage: the open stops.
//!   Otherwise it is the tail that a crash may tear: it is cut.
//! - What lies behind the highest witnessed epoch is rewritten into a new segment and synced; then
//!   CURRENT gives the old segment its cut length (`recover/resume.rs`). Old segments are never appended to.
//!
//! Invariants: until CURRENT is replaced nothing that was there is changed, so a crash at any step
//! leaves the next recovery the same work. No record is replayed before its block has verified.
//! May not know: what a record means.

mod resume;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use skeg_io::Io;
use skeg_io::sync::Arc;

use crate::block::{Mismatch, Record, records};
use crate::current::{self, Current, End, Position};
use crate::error::{LogError, Unapplied, corrupt};
use crate::failpoint::{Broken, breaks};
use crate::format::KIND_COMMIT;
use crate::layout::named_segments;
use crate::scan::{Reader, SegmentFile};
use crate::segment::HEADER_BYTES;
use crate::snapshot::format as snapshot_files;
use crate::snapshot::read::{self as snapshot, Loaded};
use crate::types::{Epoch, Recovered, Replay, ShardId, ShardPlace};
use crate::value_file::find_all;
use crate::values::{Moved, Place as ValuePlace, ValueReader};
use crate::vector::open_all;

pub(crate) use resume::make_writable;

/// A commit block that was replayed.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Index of its segment.
    index: usize,
    offset: u64,
    /// Where it ends.
    end: u64,
    before: Position,
    after: Position,
}

/// What replaying came to.
#[derive(Debug)]
pub(crate) struct History {
    segments: Vec<SegmentFile>,
    /// Where each segment that was read ends, by index.
    ends: Vec<Option<End>>,
    /// Highest epoch that is known to be durable.
    witness: u64,
    /// The last commit block known to be durable; `None` when there is none.
    cut: Option<Mark>,
    /// Commit blocks behind it.
    tail: VecDeque<Mark>,
    position: Position,
    /// What was written again elsewhere.
    pub(crate) moved: Vec<Moved>,
    pub(crate) values: Arc<ValueReader>,
    /// Where a torn tail begins.
    pub(crate) torn: Option<(PathBuf, u64)>,
    pub(crate) recovered: Recovered,
}

/// Loads the snapshot and replays everything behind it that CURRENT names. Changes nothing.
pub(crate) fn replay_all(
    io: &Io,
    dir: &Path,
    current: &Current,
    replay: &mut dyn Replay,
) -> Result<History, LogError> {
    let (segments, orphans) = named_segments(&*io.disk, dir, current)?;
    let refused = |source| LogError::Replay { shard: 0, epoch: 0, source };
    replay.start(current.shards).map_err(refused)?;
    open_all(&*io.disk, dir, current)?.iter().try_for_each(|file| replay.vectors(file))?;
    find_all(&*io.disk, dir, current)?;
    let first = current.segments.iter().take_while(|s| s.id < current.start_segment).count();
    let log_bytes: u64 = segments[first..].iter().map(|segment| segment.bytes).sum();
    let values = ValueReader::new(io, dir);
    replay.values(&values);
    let loaded = match &current.snapshot {
        Some(named) => snapshot::load(&*io.disk, dir, current, named, log_bytes, replay)?,
        None => Loaded::default(),
    };
    let mut history = History {
        ends: vec![None; segments.len()],
        // A sealed length is a witness, too: it is given when all of the segment is durable.
        witness: current
            .segments
            .iter()
            .filter_map(|named| named.sealed)
            .map(|end| end.position.epoch)
            .fold(current.durable, u64::max),
        cut: None,
        tail: VecDeque::new(),
        position: current.start,
        moved: Vec::new(),
        values,
        torn: None,
        recovered: Recovered {
            shards: current.shards,
            database_id: current.database_id,
            snapshot_entries: loaded.entries,
            snapshot_bytes: current.snapshot.map_or(0, |named| named.length),
            ..Recovered::default()
        },
        segments: Vec::new(),
    };
    let files = Files { current, segments: &segments, orphans: &orphans, first, log_bytes };
    let read = history.read(&files, &loaded, replay);
    // What could not be applied stands before what could not be read.
    replay.settle().map_err(|Unapplied { shard, mark, source }| LogError::Replay {
        shard: shard.0,
        epoch: mark,
        source,
    })?;
    read?;
    if let Some(lacking) = replay.lacks() {
        let path = dir.join(current::FILE_NAME);
        return Err(corrupt(&path, 0, Mismatch::new(&lacking, "none of them")));
    }
    history.recovered.last_epoch = Epoch(history.position.epoch);
    history.segments = segments;
    Ok(history)
}

/// [`replay_all`], with an older snapshot where a newer one is damaged and older ones are kept. With CURRENT as
/// it is without those. One that verifies and cannot be applied is of another skeg, not damaged: it stops
/// the open.
///
/// # Errors
/// The first damage, when no snapshot can be loaded with the log behind it.
pub(crate) fn replay_kept(
    io: &Io,
    dir: &Path,
    current: &Current,
    replay: &mut dyn Replay,
) -> Result<(Current, History), LogError> {
    let (mut current, mut damaged) = (current.clone(), Vec::new());
    loop {
        let replayed = replay_all(io, dir, &current, replay);
        let error = match replayed {
            Ok(mut history) => {
                history.recovered.damaged_snapshots = damaged;
                return Ok((current, history));
            }
            Err(error) => error,
        };
        let is_damaged = |file: &Path| {
            current.snapshot.is_some_and(|named| {
                file == snapshot_files::FILES.path(dir, named.id)
                    && snapshot::load(&*io.disk, dir, &current, &named, 0, &mut ()).is_err()
            })
        };
        match (error, current.without_newest()) {
            (LogError::Corrupt(found), Some(older)) if is_damaged(&found.file) => {
                damaged.push(*found);
                current = older;
            }
            (LogError::Corrupt(_), _) if !damaged.is_empty() => {
                return Err(LogError::Corrupt(Box::new(damaged.swap_remove(0))));
            }
            (error, _) => return Err(error),
        }
    }
}

/// What there is to be read.
#[derive(Clone, Copy, Debug)]
struct Files<'a> {
    current: &'a Current,
    segments: &'a [SegmentFile],
    /// Not named, but there.
    orphans: &'a [SegmentFile],
    /// Index of the segment that replay starts with.
    first: usize,
    /// Of the segments from there on.
    log_bytes: u64,
}

impl History {
    /// Reads the segments up to the end of the history, and judges what is behind it.
    fn read(
        &mut self,
        files: &Files<'_>,
        loaded: &Loaded,
        replay: &mut dyn Replay,
    ) -> Result<(), LogError> {
        let Files { current, segments, orphans, first, log_bytes } = *files;
        let (done_before, total) =
            (self.recovered.snapshot_bytes, self.recovered.snapshot_bytes + log_bytes);
        let is_skipped = |shard: ShardId, place: ShardPlace| {
            let from = loaded.places.get(usize::from(shard.0));
            from.is_some_and(|from| place < *from) && !breaks(Broken::IgnoresPlaces)
        };
        let mut prepared = first;
        // The first one may have been prepared in the middle of one that is not there any more.
        let starts_before = |s: &SegmentFile| s.header.after.epoch <= current.start.epoch;
        if current.start != Position::default() && segments.get(first).is_some_and(starts_before) {
            prepared += 1;
        }
        let mut stop = None;
        for (index, segment) in segments.iter().enumerate().skip(first) {
            let sealed = current.segments[index].sealed;
            let mut reader = Reader::new(segment, sealed.map_or(segment.bytes, |end| end.length));
            let mut offset = HEADER_BYTES;
            loop {
                while segments.get(prepared).is_some_and(|s| s.header.after == self.position) {
                    prepared += 1;
                }
                if sealed.is_some_and(|end| end.length == offset) {
                    break;
                }
                let before = self.position;
                let block = match reader.block(offset, before, current.shards)? {
                    Ok(block) => block,
                    Err(mismatch) if sealed.is_some() => {
                        return Err(corrupt(&segment.path, offset, mismatch));
                    }
                    // Perhaps the writer went on to the next segment here: its first block tells.
                    Err(mismatch) if offset > HEADER_BYTES || stop.is_none() => {
                        stop = Some((index, offset, mismatch));
                        break;
                    }
                    Err(_) => break,
                };
                if prepared <= index {
                    let found = Mismatch::new("a segment of this history", "one of another");
                    return Err(corrupt(&segment.path, 48, found));
                }
                stop = None;
                let epoch = Epoch(block.header.epoch);
                replay.enter(epoch.0);
                let place = ValuePlace { segment: segment.header.id, offset };
                for Record { shard, offset, kind, payload, payload_at } in
                    records(block.bytes, &block.header)
                {
                    if !is_skipped(shard, ShardPlace { epoch, offset }) {
                        let failed =
                            |source| LogError::Replay { shard: shard.0, epoch: epoch.0, source };
                        let at = place.plus(payload_at);
                        replay.record_at(at, shard, kind, payload).map_err(failed)?;
                        self.recovered.records += 1;
                    }
                }
                let end = offset + block.bytes.len() as u64;
                let after = Position { epoch: block.header.epoch, chain: block.header.block_sum };
                let is_commit = block.header.kind == KIND_COMMIT;
                self.advance(
                    Mark { index, offset, end, before, after },
                    is_commit,
                    block.header.durable,
                );
                let done = done_before + self.recovered.bytes + offset;
                if done >> 24 != (done + end - offset) >> 24 {
                    replay.progress(done, total);
                }
                offset = end;
            }
            self.ends[index] = Some(End { length: offset, position: self.position });
            self.recovered.bytes += offset;
            if let Some(end) = sealed
                && end.position != self.position
            {
                let found =
                    Mismatch::new(format!("{:?}", end.position), format!("{:?}", self.position));
                return Err(corrupt(&segment.path, end.length, found));
            }
            if stop.as_ref().is_some_and(|(stopped, _, _)| *stopped < index) {
                break;
            }
        }
        if let Some((index, offset, mismatch)) = stop {
            self.judge(segments, orphans, current, index, offset, &mismatch)?;
            let is_torn = self.recovered.cut_bytes > 0;
            self.torn = is_torn.then(|| (segments[index].path.clone(), offset));
        } else if current.durable > self.position.epoch {
            let last = segments.last().expect("CURRENT names at least one segment");
            let expected = format!("epoch {}", current.durable);
            let found = Mismatch::new(expected, format!("the end after {}", self.position.epoch));
            return Err(corrupt(&last.path, last.bytes, found));
        }
        replay.progress(total, total);
        Ok(())
    }

    /// Blocks that an open rewrites, as nobody witnesses them as durable.
    pub(crate) fn unwitnessed(&self) -> u64 {
        self.tail.len() as u64
    }

    /// Where the segment at `index` of CURRENT ends, if it was read.
    pub(crate) fn end_of(&self, index: usize) -> Option<End> {
        self.ends.get(index).copied().flatten()
    }

    /// Goes behind a block.
    fn advance(&mut self, mark: Mark, is_commit: bool, durable: u64) {
        self.position = mark.after;
        self.witness = self.witness.max(durable);
        if is_commit {
            self.tail.push_back(mark);
        }
        while self.tail.front().is_some_and(|mark| mark.after.epoch <= self.witness) {
            self.cut = self.tail.pop_front();
        }
    }

    /// Damage or a torn tail? Decided by what later blocks and CURRENT know to be durable.
    fn judge(
        &mut self,
        segments: &[SegmentFile],
        orphans: &[SegmentFile],
        current: &Current,
        index: usize,
        offset: u64,
        mismatch: &Mismatch,
    ) -> Result<(), LogError> {
        let missing = self.position.epoch + 1;
        let damage = |witness: String| {
            let expected =
                format!("{} (epoch {missing}, which {witness} calls durable)", mismatch.expected);
            let found = Mismatch::new(expected, mismatch.found.clone());
            Err(corrupt(&segments[index].path, offset, found))
        };
        if current.durable >= missing && !breaks(Broken::CutsDamage) {
            return damage(current::FILE_NAME.to_owned());
        }
        for (number, segment) in segments[index..].iter().chain(orphans).enumerate() {
            let from = if number == 0 { offset } else { HEADER_BYTES };
            let traces = Reader::new(segment, segment.bytes).traces(from)?;
            if let Some((durable, at)) = traces.witness
                && (durable >= missing || breaks(Broken::RefusesTears))
                && !breaks(Broken::CutsDamage)
            {
                return damage(format!("the block at {at} of {}", segment.path.display()));
            }
            self.recovered.cut_bytes += traces.end - from;
        }
        Ok(())
    }
}
