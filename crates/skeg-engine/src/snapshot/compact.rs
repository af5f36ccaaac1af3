//! Compaction: what is still needed of segments that are mostly dead goes to the end of the log.
//!
//! Every snapshot begins with it. Large strings live in the log only, and a segment with one of them
//! stays when a snapshot has taken the place of the log. So the live strings of the deadest segments
//! are stated again before the shards are walked: the snapshot names their new places, and its
//! publishing removes the segments. Shards are searched in slices under their latches, strings are read
//! without any, and stated again under the latch if nothing has happened to them meanwhile.
//!
//! Invariants: it writes at most half as much as it frees, and within a bound for each snapshot; what it
//! does is complete or harmless wherever it ends, because a string that was stated twice is the same.
//! May not know: what is in the snapshot.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use skeg_io::sync::Arc;
use skeg_log::{Epoch, Level, Log, SealedSegment, ShardId};

use super::errand::{Progress, Reply, Told, errand, post, question, wait_for_log};
use crate::engine::Shared;
use crate::error::{Refusal, SnapshotError};
use crate::job::Bound;
use crate::shard::{Seek, Shard, Stray};

/// Strings of so many bytes are in memory at a time, or a single longer one.
const BATCH_BYTES: u64 = 1 << 20;
/// One part of the live strings is stated again for each snapshot, at most.
const PART: u64 = 8;

/// How far a compaction is, in bytes of strings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    /// Live in the segments that are to go.
    pub(super) chosen: u64,
    /// Stated again.
    pub(super) stated: u64,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// All shards are to be asked what is live in which segment.
    Ask,
    Asked,
    /// A shard is to be searched on from here.
    Seek(Seek),
    Sought,
    /// What was found is to be stated again; then it goes on from here.
    Restate(Option<Seek>),
    Restated(Option<Seek>),
    /// What was stated again is to be written, and its entries are to point there.
    Settle,
    Settled,
}

/// A compaction under way.
pub(super) struct Compaction {
    stage: Stage,
    shards: u16,
    /// The one that is searched.
    shard: ShardId,
    /// Those that are to go.
    segments: Arc<BTreeSet<u64>>,
    found: VecDeque<Stray>,
    moved: Moved,
    reply: Arc<Reply>,
    /// The newest epoch with something that was stated again.
    last: Epoch,
    /// Less is stated again than this, but for the rest of a segment.
    bytes_min: u64,
}

impl Compaction {
    pub(super) fn new(shared: &Shared, shards: u16) -> Self {
        Self {
            stage: Stage::Ask,
            shards,
            shard: ShardId(0),
            segments: Arc::default(),
            found: VecDeque::new(),
            moved: Moved::default(),
            reply: Arc::new(Reply::new(&shared.snapshots.bell)),
            last: Epoch(0),
            bytes_min: shared.options.snapshot_log_bytes,
        }
    }

    pub(super) fn moved(&self) -> Moved {
        self.moved
    }

    /// One step.
    pub(super) fn step(
        &mut self,
        shared: &Shared,
        log: &Arc<Log>,
    ) -> Result<Progress<()>, SnapshotError> {
        match self.stage {
            Stage::Ask => self.ask(shared, log, Stage::Asked),
            Stage::Asked => {
                let Some(told) = self.told()? else { return Ok(Progress::Waits) };
                let sealed = log.sealed_segments();
                let part = told.homes.values().sum::<u64>() / PART;
                // What room there is on a full disk is enough for one.
                let bytes = if is_full(log) { 1 } else { part.max(self.bytes_min) };
                self.segments = Arc::new(choose(&sealed, &told.homes, bytes));
                if self.segments.is_empty() {
                    return Ok(Progress::Done(()));
                }
                self.moved.chosen = self.segments.iter().map(|id| told.homes[id]).sum();
                self.stage = Stage::Seek(Seek::default());
                Ok(Progress::More)
            }
            Stage::Seek(seek) => {
                let segments = Arc::clone(&self.segments);
                let search = move |shard: &mut Shard, told: &mut Told| {
                    (told.strays, told.seek) = shard.seek_strings(&segments, seek);
                };
                let errand = errand(self.shard, Bound::READ, &self.reply, search);
                post(shared, errand, &mut self.stage, Stage::Sought)
            }
            Stage::Sought => {
                let Some(told) = self.told()? else { return Ok(Progress::Waits) };
                self.found.extend(told.strays);
                self.stage = Stage::Restate(told.seek);
                Ok(Progress::More)
            }
            Stage::Restate(next) => self.restate(shared, next),
            Stage::Restated(next) => {
                let Some(outcome) = self.reply.take() else { return Ok(Progress::Waits) };
                match outcome {
                    Ok(told) => self.last = self.last.max(told.receipt.written),
                    // There is no room for it: the snapshot may make some.
                    Err(Refusal::NoSpace | Refusal::TooLarge) => {
                        self.found.clear();
                        self.stage = Stage::Settle;
                        return Ok(Progress::More);
                    }
                    Err(refusal) => return Err(refusal.into()),
                }
                self.stage = Stage::Restate(next);
                Ok(Progress::More)
            }
            Stage::Settle => {
                if log.reached(Level::Kernel).max(log.reached(Level::Disk)) >= self.last {
                    return self.ask(shared, log, Stage::Settled);
                }
                wait_for_log(log)
            }
            Stage::Settled => match self.told()? {
                Some(_) => Ok(Progress::Done(())),
                None => Ok(Progress::Waits),
            },
        }
    }

    fn told(&self) -> Result<Option<Told>, SnapshotError> {
        Ok(self.reply.take().transpose()?)
    }

    /// On with the search of the shard, of the next one, or to the end.
    fn go_on(&mut self, next: Option<Seek>) -> Result<Progress<()>, SnapshotError> {
        self.stage = match next {
            Some(seek) => Stage::Seek(seek),
            None => {
                self.shard.0 += 1;
                match self.shard.0 < self.shards {
                    true => Stage::Seek(Seek::default()),
                    false => Stage::Settle,
                }
            }
        };
        Ok(Progress::More)
    }

    /// Reads a batch of what was found, and states it again.
    fn restate(
        &mut self,
        shared: &Shared,
        next: Option<Seek>,
    ) -> Result<Progress<()>, SnapshotError> {
        let values = shared.values.as_ref().expect("there is a log");
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH_BYTES
            && let Some(stray) = self.found.pop_front()
        {
            // What cannot be read keeps its segment; whoever asks for it is told why.
            if let Ok(value) = values.read_once(&stray.value) {
                bytes += stray.log_bytes();
                batch.push((stray, value));
            }
        }
        if batch.is_empty() {
            return self.go_on(next);
        }
        let values = Arc::clone(values);
        let restate = move |shard: &mut Shard, _: &mut Told| {
            let stated = batch.drain(..).filter(|(stray, value)| shard.restate(stray, value));
            values.note_restated(stated.map(|(_, value)| value.len() as u64).sum());
        };
        self.moved.stated += bytes;
        // Where growth is refused or has to wait, this is how there comes to be space.
        let errand = errand(self.shard, Bound::release(bytes), &self.reply, restate);
        post(shared, errand, &mut self.stage, Stage::Restated(next))
    }

    fn ask(
        &mut self,
        shared: &Shared,
        log: &Arc<Log>,
        next: Stage,
    ) -> Result<Progress<()>, SnapshotError> {
        post(shared, question(self.shards, log, &self.reply), &mut self.stage, next)
    }
}

/// Whether growth is refused because the disk is full.
pub(super) fn is_full(log: &Log) -> bool {
    log.status().refuses_growth
}

/// The segments that are mostly dead, deadest first, until so many bytes are to be stated again.
fn choose(
    sealed: &[SealedSegment],
    live: &BTreeMap<u64, u64>,
    mut bytes_left: u64,
) -> BTreeSet<u64> {
    let mut dead: Vec<(u64, u64)> = sealed
        .iter()
        .filter_map(|segment| Some((*live.get(&segment.id)?, segment)))
        .filter(|(live, segment)| live.saturating_mul(2) < segment.bytes)
        .map(|(live, segment)| (live, segment.id))
        .collect();
    dead.sort_unstable();
    let mut chosen = BTreeSet::new();
    for (live, id) in dead {
        if bytes_left == 0 {
            break;
        }
        bytes_left = bytes_left.saturating_sub(live);
        chosen.insert(id);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mostly_dead_segments_go_and_the_deadest_first() {
        let sealed: Vec<_> = (1..=6).map(|id| SealedSegment { id, bytes: 1_000 }).collect();
        let live = BTreeMap::from([(1, 500), (2, 499), (3, 100), (4, 400), (6, 1), (7, 3)]);
        let chosen = |bytes_min| choose(&sealed, &live, bytes_min).into_iter().collect::<Vec<_>>();
        assert_eq!(chosen(10_000), [2, 3, 4, 6], "not those that are open, full or empty");
        assert_eq!(chosen(188), [3, 4, 6], "and the rest of a segment");
        assert_eq!(chosen(1), [6]);
        assert_eq!(choose(&[], &live, 1), BTreeSet::new());
    }
}
