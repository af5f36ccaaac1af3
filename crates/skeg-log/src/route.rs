//! Ways through the segments: the one that CURRENT names, and the longest that the blocks
//! themselves give when CURRENT is lost, old, or stops short.
//!
//! Every block names the checksum of the one before, so segments say by themselves how they hang
//! together. They may fork: a recovery rewrites the tail of a segment into a new one, and whatever
//! was behind the cut stays in the old file until it is trimmed. The branch that goes on longest is
//! the history; one that was left has no epoch that the other does not have.
//!
//! Invariants: a route is followed only as long as blocks verify, follow and can be replayed, so what
//! comes of it is a prefix of a history that was written.
//! May not know: what becomes of the rest.

use std::collections::HashMap;

use skeg_io::sync::Arc;

use crate::block::records;
use crate::current::{Current, End, NUMBER_MAX, Position};
use crate::error::LogError;
use crate::format::KIND_COMMIT;
use crate::offline::Offline;
use crate::scan::{Block, Reader, SegmentFile};
use crate::segment::{FILES, HEADER_BYTES};
use crate::types::{Epoch, Replay, ShardPlace};
use crate::values::ValueReader;
use crate::walk::{ANY_SHARDS, after, declared};

/// A segment on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leg {
    pub(crate) id: u64,
    /// Where the way leaves it; `None`: where no block follows.
    pub(crate) end: Option<End>,
}

/// Segments one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) start: Position,
    /// Where segments end was said by CURRENT, so everything up to there is durable.
    pub(crate) sealed: bool,
    pub(crate) legs: Vec<Leg>,
}

/// A segment as far as it was followed.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) segment: SegmentFile,
    /// The position before its first block.
    pub(crate) before: Position,
    pub(crate) end: End,
}

/// What following a route came to.
#[derive(Debug, Default)]
pub(crate) struct Prefix {
    pub(crate) start: Position,
    pub(crate) sections: Vec<Section>,
    /// Behind the last block.
    pub(crate) position: Position,
    /// Highest epoch of it that is known to have been durable.
    pub(crate) witness: u64,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// What the snapshot before it relies on and is not there, when the history ends here.
    pub(crate) lacks: Option<String>,
}

impl Route {
    /// The way that CURRENT names.
    pub(crate) fn of(current: &Current) -> Self {
        let legs = current.segments.iter().filter(|named| named.id >= current.start_segment);
        Self {
            start: current.start,
            sealed: true,
            legs: legs.map(|named| Leg { id: named.id, end: named.sealed }).collect(),
        }
    }
}

/// What is known of a segment without knowing what comes before it.
#[derive(Debug)]
struct Branch {
    id: u64,
    /// The position that its first block follows.
    first: Position,
    /// Behind its last block.
    end: End,
    /// Where other segments go on: the branch's index.
    forks: Vec<(End, usize)>,
    /// The highest epoch that is reached through it, and the fork that leads there.
    best: (u64, Option<(End, usize)>),
}

impl Offline {
    /// The longest way through the segments of a database that begins at `start`; `None` when there
    /// are blocks and all of them come later.
    pub(crate) fn search(
        &self,
        database_id: u128,
        start: Position,
    ) -> Result<Option<Route>, LogError> {
        let mut branches = self.branches(database_id)?;
        for index in (0..branches.len()).rev() {
            let branch = &branches[index];
            let mut best = (branch.end.position.epoch, None);
            for (end, next) in &branch.forks {
                if branches[*next].best.0 > best.0 {
                    best = (branches[*next].best.0, Some((*end, *next)));
                }
            }
            branches[index].best = best;
        }
        let mut route = Route { start, sealed: false, legs: Vec::new() };
        let begins = branches.iter().enumerate().filter(|(_, branch)| branch.first == start);
        // The lowest of equals, as `max_by_key` takes the last.
        let mut next = begins.rev().max_by_key(|(_, branch)| branch.best.0).map(|(index, _)| index);
        while let Some(index) = next {
            let branch = &branches[index];
            route.legs.push(Leg { id: branch.id, end: branch.best.1.map(|(end, _)| end) });
            next = branch.best.1.map(|(_, index)| index);
        }
        Ok((branches.is_empty() || !route.legs.is_empty()).then_some(route))
    }

    /// Every segment with blocks, ascending, each with where it goes on.
    fn branches(&self, database_id: u128) -> Result<Vec<Branch>, LogError> {
        let mut files = Vec::new();
        let mut firsts: HashMap<(u64, u32), Vec<usize>> = HashMap::new();
        for id in FILES.ids(&*self.disk, &self.dir)? {
            if id >= NUMBER_MAX / 2 {
                continue;
            }
            let Ok(segment) = self.open_segment(id, Some(database_id))? else { continue };
            let front = Reader::new(&segment, segment.bytes).front(HEADER_BYTES)?;
            let Ok(first) = front.and_then(|header| declared(&header)) else { continue };
            firsts.entry((first.epoch, first.chain)).or_default().push(files.len());
            files.push((id, first, segment));
        }
        let mut branches = Vec::new();
        for (index, (id, first, segment)) in files.iter().enumerate() {
            let mut end = End { length: HEADER_BYTES, position: *first };
            let mut forks = Vec::new();
            let mut reader = Reader::new(segment, segment.bytes);
            while let Ok(block) = reader.block(end.length, end.position, ANY_SHARDS)? {
                end = behind(end, &block);
                let key = (end.position.epoch, end.position.chain);
                let later = firsts.get(&key).into_iter().flatten().filter(|next| **next > index);
                forks.extend(later.map(|next| (end, *next)));
            }
            let best = (0, None);
            branches.push(Branch { id: *id, first: *first, end, forks, best });
        }
        Ok(branches)
    }

    /// Reads along a route as long as everything verifies and can be replayed. With `places`, a replay has
    /// what lies before them on each shard, and was started. Otherwise `values` reads values that have
    /// files of their own; without, the first of them ends it.
    pub(crate) fn follow(
        &self,
        route: &Route,
        database_id: u128,
        shards: u16,
        places: &[ShardPlace],
        values: Option<&Arc<ValueReader>>,
        replay: &mut dyn Replay,
    ) -> Result<Prefix, LogError> {
        let mut prefix = Prefix { start: route.start, position: route.start, ..Prefix::default() };
        if places.is_empty() {
            if replay.start(shards).is_err() {
                return Ok(prefix);
            }
            if let Some(values) = values {
                replay.values(values);
            }
        }
        let mut total = 0;
        for leg in &route.legs {
            let path = FILES.path(&self.dir, leg.id);
            total += self.disk.metadata(&path).map_or(0, |info| info.len);
        }
        for leg in &route.legs {
            let Ok(segment) = self.open_segment(leg.id, Some(database_id))? else { break };
            let before = prefix.position;
            let mut end = End { length: HEADER_BYTES, position: before };
            let mut reader = Reader::new(&segment, leg.end.map_or(segment.bytes, |end| end.length));
            let mut goes_on = true;
            while leg.end.is_none_or(|leg_end| leg_end.length != end.length) {
                let Ok(block) = reader.block(end.length, end.position, shards)? else {
                    // An open segment ends anywhere: the next one's first block tells.
                    goes_on = leg.end.is_none();
                    break;
                };
                let epoch = Epoch(block.header.epoch);
                let mut all = records(block.bytes, &block.header).filter(|it| {
                    let place = ShardPlace { epoch, offset: it.offset };
                    places.get(usize::from(it.shard.0)).is_none_or(|from| place >= *from)
                });
                if all.any(|it| replay.record(it.shard, it.kind, it.payload).is_err()) {
                    goes_on = false;
                    break;
                }
                prefix.witness = prefix.witness.max(block.header.durable);
                prefix.records += block.records;
                end = behind(end, &block);
            }
            replay.progress(prefix.bytes + end.length, total);
            if route.sealed && leg.end.is_some_and(|leg_end| leg_end == end) {
                prefix.witness = prefix.witness.max(end.position.epoch);
            }
            goes_on &= leg.end.is_none_or(|leg_end| leg_end == end);
            prefix.position = end.position;
            prefix.bytes += end.length;
            prefix.sections.push(Section { segment, before, end });
            if !goes_on {
                break;
            }
        }
        prefix.lacks = replay.lacks();
        Ok(prefix)
    }
}

impl Prefix {
    /// Its last epoch.
    pub(crate) fn last_epoch(&self) -> u64 {
        self.position.epoch
    }

    /// How many of its segments can stay as they are: whole, and known to have been durable. The last
    /// one with blocks is never counted: it is where the history stops.
    pub(crate) fn whole(&self) -> usize {
        let has_blocks = |section: &Section| section.end.length > HEADER_BYTES;
        let last = self.sections.iter().rposition(has_blocks).unwrap_or(0);
        let durable = |section: &&Section| section.end.position.epoch <= self.witness;
        self.sections[..last].iter().take_while(durable).count()
    }

    /// Shows the commit blocks from the segment at `from` on.
    pub(crate) fn each_commit(
        &self,
        from: usize,
        shards: u16,
        show: &mut dyn FnMut(&Block<'_>) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        for section in &self.sections[from..] {
            let mut at = End { length: HEADER_BYTES, position: section.before };
            let mut reader = Reader::new(&section.segment, section.end.length);
            while at.length < section.end.length {
                let block = reader.block(at.length, at.position, shards)?.map_err(|mismatch| {
                    crate::error::corrupt(&section.segment.path, at.length, mismatch)
                })?;
                if block.header.kind == KIND_COMMIT {
                    show(&block)?;
                }
                at = behind(at, &block);
            }
        }
        Ok(())
    }
}

fn behind(end: End, block: &Block<'_>) -> End {
    End { length: end.length + block.bytes.len() as u64, position: after(block) }
}
