//! A lane of replay: some of the shards, and the thread that applies the records which are dealt out to
//! them while the next ones are read and verified.
//!
//! Invariants: a lane applies its batches in the order in which they came, and nothing behind the first
//! record that it cannot apply; records of one shard are all in one lane. Without a thread a batch is
//! applied where it is dealt, with the same result.
//! May not know: where records come from.

use std::collections::VecDeque;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

use skeg_io::sync::atomic::{AtomicBool, Ordering};
use skeg_io::sync::{Arc, Condvar, Mutex};
use skeg_io::{Join, Threads};
use skeg_log::{LogError, ReplayError, ShardId, Unapplied, ValueReader};
use skeg_vector::Segment;
use smallvec::SmallVec;

use super::Source;
use crate::describe::effects_of;
use crate::effect::Effect;
use crate::shard::Shard;

/// A batch is handed over when it has so many bytes of records, or more with a larger one.
const BATCH_BYTES: usize = 128 << 10;
/// Or so many records.
const BATCH_RECORDS: usize = 2_048;
/// Batches that may wait in a lane.
const BATCHES_MAX: usize = 4;
/// Effects whose keys are looked for together: their cache misses overlap.
const AHEAD: usize = 32;

/// Records to be applied.
#[derive(Debug, Default)]
pub(super) struct Batch {
    payloads: Vec<u8>,
    records: Vec<Record>,
}

/// What a record is beside its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) shard: ShardId,
    pub(super) kind: u8,
    /// Where it came from, for whoever has to be told of it.
    pub(super) mark: u64,
    /// It has the bytes of all its strings, as in the log.
    pub(super) is_whole: bool,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    origin: Origin,
    /// Where its payload ends.
    end: usize,
}

impl Batch {
    pub(super) fn push(&mut self, origin: Origin, payload: &[u8]) {
        self.payloads.extend_from_slice(payload);
        self.records.push(Record { origin, end: self.payloads.len() });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether it is time to hand it over.
    pub(super) fn is_full(&self) -> bool {
        self.payloads.len() >= BATCH_BYTES || self.records.len() >= BATCH_RECORDS
    }

    fn clear(&mut self) {
        self.payloads.clear();
        self.payloads.shrink_to(2 * BATCH_BYTES);
        self.records.clear();
    }
}

/// The shards of a lane: those whose number, divided by the count of lanes, leaves the lane's.
#[derive(Debug)]
struct Shards {
    shards: Vec<Shard>,
    lanes: usize,
    reader: Option<Arc<ValueReader>>,
    /// Why a string could not be read that was changed in place.
    unreadable: Option<LogError>,
}

/// An effect that is about to be applied.
struct Next<'a> {
    origin: Origin,
    effect: Effect<'a>,
}

impl Shards {
    fn of(&mut self, id: ShardId) -> Option<&mut Shard> {
        self.shards.get_mut(usize::from(id.0) / self.lanes)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), Unapplied> {
        let mut next: SmallVec<[Next<'_>; AHEAD]> = SmallVec::new();
        let mut start = 0;
        for &record in &batch.records {
            let payload = &batch.payloads[start..record.end];
            start = record.end;
            let origin = record.origin;
            let unapplied = |source| Unapplied { shard: origin.shard, mark: origin.mark, source };
            let effects = match effects_of(origin.kind, payload) {
                Ok((_, effects)) => effects,
                Err(error) => {
                    self.flush(&mut next)?;
                    return Err(unapplied(error));
                }
            };
            for effect in effects {
                match effect {
                    Ok(effect) => next.push(Next { origin, effect }),
                    Err(error) => {
                        self.flush(&mut next)?;
                        return Err(unapplied(ReplayError(error.to_string())));
                    }
                }
                if next.len() == AHEAD {
                    self.flush(&mut next)?;
                }
            }
        }
        self.flush(&mut next)?;
        for shard in &mut self.shards {
            shard.drop_removed();
        }
        Ok(())
    }

    /// Has the processor fetch what the next effects will look up: all waits for memory are one.
    fn read_ahead(&self, next: &[Next<'_>]) {
        let hashes: SmallVec<[_; AHEAD]> = next
            .iter()
            .filter_map(|next| {
                let (db, key) = next.effect.key()?;
                let shard = self.shards.get(usize::from(next.origin.shard.0) / self.lanes)?;
                let keyspace = shard.databases.get(usize::from(db))?;
                Some((keyspace, keyspace.hash(key)))
            })
            .collect();
        let hashed = || hashes.iter().map(|(keyspace, hash)| (*keyspace, *hash));
        let buckets: SmallVec<[&u64; AHEAD]> =
            hashed().map(|(keyspace, hash)| keyspace.bucket_hint(hash)).collect();
        black_box(buckets.iter().fold(0, |sum, it| sum ^ **it));
        let entries: SmallVec<[[&u8; 2]; AHEAD]> =
            hashed().filter_map(|(keyspace, hash)| keyspace.entry_hint(hash)).collect();
        black_box(entries.iter().fold(0, |sum, [first, last]| sum ^ **first ^ **last));
    }

    /// Applies what is next, after the memory was asked for that all of it needs.
    fn flush(&mut self, next: &mut SmallVec<[Next<'_>; AHEAD]>) -> Result<(), Unapplied> {
        self.read_ahead(next);
        for Next { origin: Origin { shard, mark, is_whole, .. }, effect } in next.drain(..) {
            let Self { shards, lanes, reader, unreadable } = self;
            let mut source = Source { reader: reader.as_deref(), is_whole, unreadable };
            let applied = match shards.get_mut(usize::from(shard.0) / *lanes) {
                Some(shard) => shard.apply(&effect, &mut source),
                None => Err(format!("no shard {}", shard.0)),
            };
            applied.map_err(|source| Unapplied { shard, mark, source: ReplayError(source) })?;
        }
        Ok(())
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Lane {
    shared: Arc<Shared>,
    thread: Option<Box<dyn Join>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Held by whoever applies a batch.
    shards: Mutex<Shards>,
    /// Some lane has failed: nothing need be read any more.
    failed: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Batch>,
    /// Batches that were handed over and are not yet applied.
    unfinished: usize,
    spare: Vec<Batch>,
    closed: bool,
    failure: Option<Unapplied>,
}

impl Lane {
    pub(super) fn new(shards: Vec<Shard>, lanes: usize, failed: &Arc<AtomicBool>) -> Self {
        let shards = Shards { shards, lanes, reader: None, unreadable: None };
        let shared = Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            shards: Mutex::new(shards),
            failed: Arc::clone(failed),
        };
        Self { shared: Arc::new(shared), thread: None }
    }

    /// What reads strings back that are changed in place.
    pub(super) fn read_with(&self, reader: &Arc<ValueReader>) {
        self.shared.shards.lock().reader = Some(Arc::clone(reader));
    }

    /// The error of reading a string that says this, if it is one.
    pub(super) fn unreadable(&self, said: &str) -> Option<LogError> {
        self.shared.shards.lock().unreadable.take_if(|error| error.to_string() == said)
    }

    /// Shows the lane's shards, when everything is settled.
    pub(super) fn each_shard(&self, show: &mut dyn FnMut(&mut Shard)) {
        self.shared.shards.lock().shards.iter_mut().for_each(show);
    }

    /// Gives a shard a segment of vectors that its indexes will take up.
    pub(super) fn find(&self, shard: ShardId, segment: Segment) {
        if let Some(shard) = self.shared.shards.lock().of(shard) {
            shard.indexes.find(segment);
        }
    }

    /// Gives the lane a thread, if there is one to be had.
    pub(super) fn start(&mut self, threads: &dyn Threads) {
        if self.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            self.thread = threads.spawn("skeg-load", Box::new(move || shared.serve())).ok();
        }
    }

    /// Hands over a batch, and takes an empty one. Waits while too many are on their way.
    pub(super) fn send(&self, batch: Batch) -> Batch {
        let mut queue = self.shared.queue.lock();
        if self.thread.is_none() {
            drop(queue);
            return self.shared.apply(batch);
        }
        while queue.waiting.len() >= BATCHES_MAX {
            queue = self.shared.changed.wait(queue);
        }
        queue.waiting.push_back(batch);
        queue.unfinished += 1;
        self.shared.changed.notify_all();
        queue.spare.pop().unwrap_or_default()
    }

    /// Waits until everything is applied that was handed over; what could not be, if so.
    pub(super) fn settle(&self) -> Option<Unapplied> {
        let mut queue = self.shared.queue.lock();
        while queue.unfinished > 0 {
            queue = self.shared.changed.wait(queue);
        }
        queue.failure.clone()
    }

    /// Ends the thread and gives back the shards.
    pub(super) fn finish(mut self) -> Vec<Shard> {
        self.end();
        std::mem::take(&mut self.shared.shards.lock().shards)
    }

    fn end(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // What a panic there has left undone was noted as a failure.
            let _ = thread.join();
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn serve(&self) {
        let mut queue = self.queue.lock();
        loop {
            if let Some(batch) = queue.waiting.pop_front() {
                drop(queue);
                self.changed.notify_all();
                let first = batch.records.first().copied();
                let applied = catch_unwind(AssertUnwindSafe(|| self.apply(batch)));
                let empty = applied.unwrap_or_else(|_| {
                    // A fault of skeg's own: whoever waits is told, and the open fails.
                    self.fail(first.map(
                        |Record { origin: Origin { shard, mark, .. }, .. }| Unapplied {
                            shard,
                            mark,
                            source: ReplayError(
                                "applying it or one soon behind it panicked".into(),
                            ),
                        },
                    ));
                    Batch::default()
                });
                queue = self.queue.lock();
                queue.unfinished -= 1;
                queue.spare.push(empty);
                self.changed.notify_all();
            } else if queue.closed {
                return;
            } else {
                queue = self.changed.wait(queue);
            }
        }
    }

    /// Applies a batch, unless the lane has failed, and empties it.
    fn apply(&self, mut batch: Batch) -> Batch {
        if self.queue.lock().failure.is_none() {
            let applied = self.shards.lock().apply(&batch);
            self.fail(applied.err());
        }
        batch.clear();
        batch
    }

    fn fail(&self, failure: Option<Unapplied>) {
        if failure.is_some() {
            self.queue.lock().failure = failure;
            self.failed.store(true, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use skeg_io::Io;
    use skeg_keyspace::{HashSeed, StrRef, ValueRef};

    use super::*;
    use crate::effect::KIND_EFFECTS;

    fn lane(threads: bool) -> Lane {
        let shard = Shard::new(ShardId(1), HashSeed::from_bytes([7; 32]), 0);
        let mut lane = Lane::new(vec![shard], 2, &Arc::default());
        if threads {
            lane.start(&*Io::real().threads);
        }
        lane
    }

    fn origin(mark: u64) -> Origin {
        Origin { shard: ShardId(1), kind: KIND_EFFECTS, mark, is_whole: false }
    }

    fn payload(effect: &Effect<'_>) -> Vec<u8> {
        let mut payload = Vec::new();
        effect.encode(&mut payload);
        payload
    }

    #[test]
    fn batches_are_applied_in_order() {
        for threads in [false, true] {
            let lane = lane(threads);
            let mut batch = Batch::default();
            for n in 0..10_000_u32 {
                let key = (n % 100).to_le_bytes();
                let tail = n.to_le_bytes();
                let append = Effect::Append { db: 3, key: &key, tail: &tail };
                batch.push(origin(0), &payload(&append));
                if n % 70 == 69 {
                    batch = lane.send(batch);
                }
            }
            lane.send(batch);
            assert_eq!(lane.settle(), None);
            let shards = lane.finish();
            let keyspace = &shards[0].databases[3];
            for n in 0..100_u32 {
                let key = n.to_le_bytes();
                let expected: Vec<u8> =
                    (n..10_000).step_by(100).flat_map(u32::to_le_bytes).collect();
                let found = keyspace.get(keyspace.hash(&key), &key).unwrap().value;
                let ValueRef::Str(StrRef::Bytes(found)) = found else { panic!("{found:?}") };
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn the_first_record_that_can_not_be_applied_is_named_and_nothing_behind_it_is() {
        let set = payload(&Effect::Set { db: 0, key: b"k", value: b"v", expire_at_ms: None });
        let remove = payload(&Effect::Remove { db: 0, key: b"k" });
        let wrong = payload(&Effect::ListSet { db: 0, key: b"k", index: 0, item: b"" });
        for (threads, bad) in [(false, &wrong[..]), (true, &wrong), (true, &[99])] {
            let lane = lane(threads);
            let mut batch = Batch::default();
            batch.push(origin(5), &set);
            batch.push(origin(6), bad);
            batch.push(origin(7), &remove);
            let mut batch = lane.send(batch);
            batch.push(origin(8), &remove);
            lane.send(batch);
            let failure = lane.settle().unwrap();
            assert_eq!((failure.shard, failure.mark), (ShardId(1), 6));
            assert_eq!(lane.finish()[0].databases[0].len(), 1);
        }
    }
}
