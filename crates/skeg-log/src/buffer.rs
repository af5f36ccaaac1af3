//! The buffers that records wait in, one per shard, and the epoch that orders them.
//!
//! Invariants:
//! - The epoch is read under a buffer's lock, and the writer collects a shard under that lock after
//!   it has incremented the epoch. So what happened after something else gets the same epoch or a
//!   later one, and when the writer has visited a shard, no record of the closed epoch can follow.
//! - A transaction reads the epoch once, while it holds the locks of all its shards: one epoch.
//! - Only the writer increments, and only an epoch that has records: there are no gaps. It
//!   collects every half before it closes the next epoch: two halves are enough.
//! - `newest` is raised before a push returns: who looks at it afterwards sees the record.
//!
//! May not know: files, who the writer is, what is durable.

use skeg_io::sync::atomic::{AtomicU64, Ordering::SeqCst};
use skeg_io::sync::{Mutex, MutexGuard};
use smallvec::SmallVec;

use crate::block::append_record;
use crate::failpoint::{Broken, breaks};
use crate::types::{Epoch, ShardId, ShardPlace, Written};

/// Memory that a half always keeps for its next records.
const KEPT_BYTES: usize = 64 << 10;

/// Records of one shard and one epoch, as they will stand in the block.
#[derive(Debug, Default)]
pub(crate) struct Half {
    /// Records one behind the other, without their checksums.
    pub(crate) bytes: Vec<u8>,
    /// What was reserved for them.
    pub(crate) cost: u64,
    /// Somebody wants to know where they are written.
    pub(crate) traced: bool,
}

impl Half {
    /// Empties it, keeping memory for as much again: under load nothing is allocated, and a single
    /// large value does not stay.
    pub(crate) fn clear(&mut self) {
        let kept = KEPT_BYTES.max(2 * self.bytes.len());
        self.bytes.clear();
        self.bytes.shrink_to(kept);
        self.cost = 0;
        self.traced = false;
    }

    /// Appends a record; returns where its payload begins.
    fn push(&mut self, kind: u8, payload: &[u8], cost: u64) -> u64 {
        append_record(&mut self.bytes, kind, payload);
        self.cost += cost;
        (self.bytes.len() - payload.len()) as u64
    }
}

/// Two epochs' records of a shard: the open one's, and the one's that the writer is collecting.
#[derive(Debug, Default)]
struct Halves {
    halves: [Half; 2],
    /// Records pushed since the log was opened.
    pushed: u64,
    /// Where traced records were written, since somebody asked last.
    written: Vec<Written>,
}

impl Halves {
    fn of(&mut self, epoch: u64) -> &mut Half {
        &mut self.halves[(epoch & 1) as usize]
    }
}

/// Alone on its cache lines, so that shards do not slow each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct ShardBuffer(Mutex<Halves>);

/// The epoch, and which of them has records: written about once a block, read by every push.
#[derive(Debug)]
#[repr(align(128))]
struct Epochs {
    open: AtomicU64,
    newest: AtomicU64,
}

/// All buffers of a log.
#[derive(Debug)]
pub(crate) struct Buffers {
    epochs: Epochs,
    shards: Box<[ShardBuffer]>,
}

impl Buffers {
    /// Empty buffers; the next epoch follows `last`.
    pub(crate) fn new(shards: u16, last: Epoch) -> Self {
        Self {
            epochs: Epochs { open: AtomicU64::new(last.0 + 1), newest: AtomicU64::new(last.0) },
            shards: (0..shards).map(|_| ShardBuffer::default()).collect(),
        }
    }

    /// Appends a record to the open epoch.
    pub(crate) fn push(&self, shard: ShardId, kind: u8, payload: &[u8], cost: u64) -> Epoch {
        let early = breaks(Broken::ReadsEpochOutside).then(|| self.epochs.open.load(SeqCst));
        let mut halves = self.shards[usize::from(shard.0)].0.lock();
        let epoch = early.unwrap_or_else(|| self.epochs.open.load(SeqCst));
        halves.of(epoch).push(kind, payload, cost);
        halves.pushed += 1;
        self.note(epoch);
        Epoch(epoch)
    }

    /// [`Self::push`], of a record whose place somebody wants to know; returns where its payload begins.
    pub(crate) fn push_traced(
        &self,
        shard: ShardId,
        kind: u8,
        payload: &[u8],
        cost: u64,
    ) -> ShardPlace {
        let places = self.push_many_traced(&[(shard, kind, payload)], |_| cost);
        places[0]
    }

    /// Appends records of several shards to one epoch. `cost` is that of a record by its payload.
    pub(crate) fn push_many(
        &self,
        parts: &[(ShardId, u8, &[u8])],
        cost: impl Fn(&[u8]) -> u64,
    ) -> Epoch {
        self.push_all(parts, cost, |_, _| {})
    }

    /// [`Self::push_many`], of records whose places somebody wants to know.
    pub(crate) fn push_many_traced(
        &self,
        parts: &[(ShardId, u8, &[u8])],
        cost: impl Fn(&[u8]) -> u64,
    ) -> Vec<ShardPlace> {
        let mut places = Vec::with_capacity(parts.len());
        let epoch = self.push_all(parts, cost, |half, offset| {
            half.traced = true;
            places.push(ShardPlace { epoch: Epoch(0), offset });
        });
        places.iter_mut().for_each(|place| place.epoch = epoch);
        places
    }

    fn push_all(
        &self,
        parts: &[(ShardId, u8, &[u8])],
        cost: impl Fn(&[u8]) -> u64,
        mut pushed: impl FnMut(&mut Half, u64),
    ) -> Epoch {
        assert!(
            parts.is_sorted_by_key(|(shard, _, _)| shard),
            "a transaction's shards are locked in ascending order"
        );
        if breaks(Broken::SplitsTransactions) && parts.len() > 1 {
            let alone = |(shard, kind, payload): &(ShardId, u8, &[u8])| {
                self.push(*shard, *kind, payload, cost(payload))
            };
            return parts.iter().map(alone).max().unwrap_or_default();
        }
        let mut locks: SmallVec<[MutexGuard<'_, Halves>; 16]> = SmallVec::new();
        for group in parts.chunk_by(|a, b| a.0 == b.0) {
            locks.push(self.shards[usize::from(group[0].0.0)].0.lock());
        }
        let epoch = self.epochs.open.load(SeqCst);
        for (group, halves) in parts.chunk_by(|a, b| a.0 == b.0).zip(&mut locks) {
            for (_, kind, payload) in group {
                let half = halves.of(epoch);
                let offset = half.push(*kind, payload, cost(payload));
                pushed(half, offset);
                halves.pushed += 1;
            }
        }
        if !parts.is_empty() {
            self.note(epoch);
        }
        Epoch(epoch)
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> u16 {
        u16::try_from(self.shards.len()).expect("it was made of a u16")
    }

    /// Where the next record of a shard will stand, if it is pushed in the open epoch: everything that
    /// was pushed before lies before it, everything later at it or behind.
    pub(crate) fn place(&self, shard: ShardId) -> ShardPlace {
        let mut halves = self.shards[usize::from(shard.0)].0.lock();
        let epoch = self.epochs.open.load(SeqCst);
        ShardPlace { epoch: Epoch(epoch), offset: halves.of(epoch).bytes.len() as u64 }
    }

    /// The writer has written the part of a shard that has traced records.
    pub(crate) fn note_written(&self, shard: usize, written: Written) {
        self.shards[shard].0.lock().written.push(written);
    }

    /// What was noted since this was asked last.
    pub(crate) fn take_written(&self, shard: ShardId) -> Vec<Written> {
        std::mem::take(&mut self.shards[usize::from(shard.0)].0.lock().written)
    }

    /// Records pushed since the log was opened.
    pub(crate) fn pushed(&self) -> u64 {
        self.shards.iter().map(|shard| shard.0.lock().pushed).sum()
    }

    fn note(&self, epoch: u64) {
        if self.epochs.newest.load(SeqCst) < epoch {
            self.epochs.newest.fetch_max(epoch, SeqCst);
        }
    }

    /// Newest epoch with records.
    pub(crate) fn newest(&self) -> Epoch {
        Epoch(self.epochs.newest.load(SeqCst))
    }

    /// Closes the open epoch if it has records. For the writer alone, which then must collect every
    /// shard's half of it before it calls this again.
    pub(crate) fn close(&self) -> Option<Epoch> {
        let open = self.epochs.open.load(SeqCst);
        if self.epochs.newest.load(SeqCst) < open {
            return None;
        }
        let step = if breaks(Broken::LeavesGaps) { 2 } else { 1 };
        self.epochs.open.store(open + step, SeqCst);
        Some(Epoch(open))
    }

    /// Gives back memory that only a load like the last one needs.
    pub(crate) fn release_memory(&self) {
        for shard in &self.shards {
            for half in &mut shard.0.lock().halves {
                half.bytes.shrink_to(KEPT_BYTES);
            }
        }
    }

    /// Swaps a shard's half of a closed epoch for an empty one.
    pub(crate) fn collect(&self, shard: usize, epoch: Epoch, empty: &mut Half) {
        let mut halves = self.shards[shard].0.lock();
        std::mem::swap(halves.of(epoch.0), empty);
    }
}
