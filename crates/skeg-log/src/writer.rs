//! The writer: whoever holds the role closes an epoch, collects every shard, and writes one block.
//!
//! Invariants:
//! - One writer at a time (`Core::role`). Whoever gives up the role looks again: what was pushed
//!   while the role was taken is written by him or by the thread that he wakes.
//! - A block lies in one segment, at the place that the one before ends; the chain passes through it.
//! - A block whose write failed for want of space is kept and written again at the same place; any
//!   other failure poisons the database.
//! - Nothing is published before all of its block was taken by the kernel.
//!
//! May not know: what is durable but for the number that it writes into blocks.

use skeg_io::sync::Arc;
use skeg_io::sync::atomic::Ordering::SeqCst;

use crate::block::{BlockBuilder, Claim, Place as BlockPlace};
use crate::buffer::Half;
use crate::core::Core;
use crate::current::{End, Position};
use crate::error::is_full;
use crate::failpoint::{Broken, breaks};
use crate::format::{KIND_COMMIT, KIND_WATERMARK, block_bytes, front_bytes};
use crate::room::Room;
use crate::segment::{HEADER_BYTES, Segment};
use crate::space::{RECORD_OVERHEAD_BYTES, Reservation};
use crate::types::{Epoch, Purpose, SyncPolicy, Written, Wrote};
use crate::values::Place;
use crate::zeros::Zeros;

/// Blocks that a thread writes before it leaves the rest to the log thread: its own, and what
/// others pushed meanwhile and found the role taken.
const BLOCKS_PER_TURN: u32 = 4;

/// Who wants to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// A thread with other things to do: it does not write beside an fsync, which could hold it up,
    /// nor where the thread that syncs does.
    Serving,
    /// A thread of the log.
    Log,
    /// The thread that is about to sync: one block, so that what comes meanwhile waits for the next.
    Disk,
}

/// What the role carries: the place of the next block, and a block that is not yet written.
#[derive(Debug)]
pub(crate) struct Writer {
    segment: Arc<Segment>,
    offset: u64,
    position: Position,
    /// The shards' halves of the epoch that was collected last.
    halves: Box<[Half]>,
    builder: BlockBuilder,
    stage: Stage,
    /// The durable epoch that the block in the builder names, and that the last one written names.
    claimed: Epoch,
    named: Epoch,
    zeros: Zeros,
}

/// How far the writer is with a block: none, collected but without a place, built and partly
/// written.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Idle,
    Collected { epoch: Epoch, bytes: u64, cost: u64 },
    Built { epoch: Epoch, chain: u32, cost: u64, done: usize },
}

impl Writer {
    /// A writer whose next block goes to `offset` of `segment` and follows `position`.
    pub(crate) fn new(segment: Arc<Segment>, offset: u64, position: Position, shards: u16) -> Self {
        Self {
            segment,
            offset,
            position,
            halves: (0..shards).map(|_| Half::default()).collect(),
            builder: BlockBuilder::default(),
            stage: Stage::Idle,
            // CURRENT names all that was there when the log was opened.
            claimed: Epoch(position.epoch),
            named: Epoch(position.epoch),
            zeros: Zeros::default(),
        }
    }

    pub(crate) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Allocated bytes behind the last block.
    pub(crate) fn free(&self) -> u64 {
        self.segment.allocated().saturating_sub(self.offset)
    }

    /// Brings the next block as far as it goes.
    fn step(&mut self, core: &Core) -> Wrote {
        loop {
            if core.condition.refusal().is_some() {
                return Wrote::Refused;
            }
            self.stage = match self.stage {
                Stage::Idle => match self.collect(core) {
                    Some(stage) => stage,
                    None => return Wrote::Nothing,
                },
                Stage::Collected { epoch, bytes, cost } => {
                    if !self.place(core, bytes) {
                        core.is_stuck.store(true, SeqCst);
                        core.space.update(|room| room.demand(bytes, Purpose::Release));
                        core.disk_wake.wake();
                        return Wrote::Full;
                    }
                    self.build(core, epoch, cost)
                }
                Stage::Built { epoch, chain, cost, done } => {
                    return self.write(core, epoch, chain, cost, done);
                }
            };
        }
    }

    /// Closes the open epoch, if it has records, and takes them from all shards.
    fn collect(&mut self, core: &Core) -> Option<Stage> {
        let epoch = core.buffers.close()?;
        let (mut entries, mut payload, mut cost) = (0, 0, 0);
        for (shard, half) in self.halves.iter_mut().enumerate() {
            core.buffers.collect(shard, epoch, half);
            entries += usize::from(!half.bytes.is_empty());
            payload += half.bytes.len() as u64;
            cost += half.cost;
        }
        let bytes = block_bytes(entries, payload).expect("it is in memory");
        Some(Stage::Collected { epoch, bytes, cost })
    }

    /// Finds room for a block: here, or in the next segment.
    fn place(&mut self, core: &Core, bytes: u64) -> bool {
        if bytes <= self.free() {
            return true;
        }
        let mut prepared = core.next.lock();
        if prepared.as_ref().is_none_or(|next| bytes + HEADER_BYTES > next.allocated()) {
            return false;
        }
        let Some(next) = prepared.take() else { return false };
        self.segment.finish(End { length: self.offset, position: self.position });
        core.syncing.add(Arc::clone(&next));
        core.space.update(Room::switched);
        self.segment = next;
        self.offset = HEADER_BYTES;
        self.zeros = Zeros::default();
        true
    }

    fn build(&mut self, core: &Core, epoch: Epoch, cost: u64) -> Stage {
        let chain = self.build_block(core, KIND_COMMIT, epoch.0);
        Stage::Built { epoch, chain, cost, done: 0 }
    }

    fn build_block(&mut self, core: &Core, kind: u8, epoch: u64) -> u32 {
        let mut durable = core.durable();
        if breaks(Broken::ClaimsTooMuch) {
            durable = Epoch(self.position.epoch);
        }
        core.set_watermark(durable);
        self.claimed = durable;
        let place = BlockPlace { salt: self.segment.salt, offset: self.offset };
        let claim = Claim { kind, epoch, durable: durable.0, previous: self.position.chain };
        let collected: &[Half] = if kind == KIND_COMMIT { &self.halves } else { &[] };
        let parts = collected.iter().enumerate().filter(|(_, half)| !half.bytes.is_empty());
        self.builder.build(
            place,
            claim,
            parts.map(|(shard, half)| (shard as u16, half.bytes.as_slice())),
        )
    }

    /// Hands the block to the kernel, or what is left of it.
    fn write(&mut self, core: &Core, epoch: Epoch, chain: u32, cost: u64, done: usize) -> Wrote {
        let mut done = done;
        if let Err(error) = self.write_from(&mut done)
            && !(breaks(Broken::DropsFullBlocks) && is_full(&error))
        {
            self.stage = Stage::Built { epoch, chain, cost, done };
            if is_full(&error) {
                core.is_stuck.store(true, SeqCst);
                core.space.update(Room::set_write_full);
                return Wrote::Full;
            }
            core.poison(format!("writing {} failed: {error}", self.segment.path.display()));
            return Wrote::Refused;
        }
        let bytes = self.builder.bytes().len() as u64;
        self.tell_places(core, epoch);
        self.advance(core, bytes, Position { epoch: epoch.0, chain });
        self.halves.iter_mut().for_each(Half::clear);
        self.stage = Stage::Idle;
        core.is_stuck.store(false, SeqCst);
        let pressure = core.space.wrote(bytes, cost);
        core.publish_written(epoch, pressure);
        Wrote::Wrote(epoch)
    }

    /// Tells where the parts with traced records stand in the block that was written.
    fn tell_places(&self, core: &Core, epoch: Epoch) {
        if !self.halves.iter().any(|half| half.traced) {
            return;
        }
        let parts = || self.halves.iter().enumerate().filter(|(_, half)| !half.bytes.is_empty());
        let mut offset = self.offset + front_bytes(parts().count()) as u64;
        for (shard, half) in parts() {
            if half.traced {
                let place = Place { segment: self.segment.id, offset };
                core.buffers.note_written(shard, Written { epoch, place });
            }
            offset += half.bytes.len() as u64;
        }
    }

    fn write_from(&self, done: &mut usize) -> std::io::Result<()> {
        let bytes = self.builder.bytes();
        while *done < bytes.len() {
            match self.segment.file.write_at(&bytes[*done..], self.offset + *done as u64) {
                Ok(0) => return Err(std::io::ErrorKind::StorageFull.into()),
                Ok(count) => *done += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn advance(&mut self, core: &Core, bytes: u64, position: Position) {
        self.offset += bytes;
        core.history_bytes.fetch_add(bytes, SeqCst);
        self.position = position;
        self.named = self.claimed;
        *core.position.lock() = position;
        self.segment.set_written_bytes(self.offset);
    }

    /// Behind the block that was just written and is about to be synced; they go to the disk with it.
    fn write_zeros(&mut self, core: &Core) {
        let bytes = self.builder.bytes().len() as u64;
        if let Err(error) = self.zeros.follow(&self.segment, self.offset, bytes) {
            core.poison(error.to_string());
        }
    }

    /// Gives back memory that only a load like the last one needs.
    fn release_memory(&mut self) {
        if matches!(self.stage, Stage::Idle) {
            self.halves.iter_mut().for_each(Half::clear);
            self.builder.release_memory();
        }
    }

    /// Writes a block that only says what is durable, if no block says so and there is room; without room it is left
    /// out, and the next commit block says it. It needs no fsync: it is evidence, not content. Whether it was written.
    fn write_watermark(&mut self, core: &Core) -> bool {
        if !matches!(self.stage, Stage::Idle) || self.named >= core.durable() {
            return false;
        }
        // It may not fit behind the last block: then it is the first of the next segment.
        let bytes = block_bytes(0, 0).expect("it is a header");
        if !self.place(core, bytes) || !core.space.take_unreserved(bytes) {
            core.set_watermark(core.durable());
            return false;
        }
        let chain = self.build_block(core, KIND_WATERMARK, self.position.epoch);
        let mut done = 0;
        match self.write_from(&mut done) {
            Ok(()) => {
                self.advance(core, bytes, Position { epoch: self.position.epoch, chain });
                return true;
            }
            // The next block takes the same place.
            Err(error) if is_full(&error) => {}
            Err(error) => {
                core.poison(format!("writing {} failed: {error}", self.segment.path.display()));
            }
        }
        false
    }
}

impl Core {
    /// Takes the role of the writer and writes, if there is something, nobody else does, and (for a
    /// serving thread) no fsync is in flight. Whoever gives up the role looks again.
    pub(crate) fn try_write(&self, by: By) -> Wrote {
        let mut outcome = Wrote::Nothing;
        let mut blocks = 0;
        while self.has_unwritten() {
            if by == By::Serving && self.syncer_writes() {
                self.wake_syncer();
                return or_busy(outcome);
            }
            if by == By::Serving && self.syncing.in_flight() {
                self.log_wake.wake();
                return or_busy(outcome);
            }
            if blocks == BLOCKS_PER_TURN && self.threads_run.load(SeqCst) {
                self.log_wake.wake();
                return outcome;
            }
            // Who holds the role looks at `has_unwritten` again after he has put it back.
            let Some(mut writer) = self.role.take() else { return or_busy(outcome) };
            let step = writer.step(self);
            if by == By::Disk && matches!(step, Wrote::Wrote(_)) {
                writer.write_zeros(self);
            }
            self.role.put(writer);
            match step {
                Wrote::Wrote(_) if by == By::Disk => return step,
                Wrote::Wrote(_) => outcome = step,
                Wrote::Full => {
                    if by != By::Log {
                        self.log_wake.wake();
                    }
                    return step;
                }
                Wrote::Refused => return step,
                Wrote::Nothing | Wrote::Busy => {}
            }
            blocks += 1;
        }
        outcome
    }

    /// What is done when a log has become idle and all its records are durable: memory is given back,
    /// and the watermark written. Whether it was.
    pub(crate) fn rest(&self) -> bool {
        self.buffers.release_memory();
        let Some(mut writer) = self.role.take() else { return false };
        let is_told = writer.write_watermark(self);
        writer.release_memory();
        self.role.put(writer);
        self.look_again();
        is_told
    }

    /// What giving up the role, or ending an fsync, obliges to.
    pub(crate) fn look_again(&self) {
        if self.has_unwritten() && !breaks(Broken::LooksOnce) {
            if self.threads_run.load(SeqCst) {
                self.wake_writer();
            } else {
                self.try_write(By::Log);
            }
        }
    }

    /// Wakes the thread that is to write what waits: the one that fsyncs, where it does and is not held
    /// up by an fsync.
    pub(crate) fn wake_writer(&self) {
        let on_the_way = self.is_written_to_be_synced() && !self.syncing.in_flight();
        if on_the_way || self.syncer_writes() {
            self.wake_syncer();
        } else {
            self.log_wake.wake();
        }
    }

    /// Whether the thread that fsyncs writes what waits, on its way: under `always`, where nobody
    /// needs it earlier. It leaves a block without room to the log thread, which tries again.
    fn syncer_writes(&self) -> bool {
        self.options.sync == SyncPolicy::Always
            && self.threads_run.load(SeqCst)
            && !self.is_stuck.load(SeqCst)
    }

    /// Whether the thread that fsyncs should write before it does: somebody wants what waits to be
    /// durable, so it is one hop to there.
    pub(crate) fn is_written_to_be_synced(&self) -> bool {
        self.has_unwritten()
            && !self.is_stuck.load(SeqCst)
            && (self.options.sync == SyncPolicy::Always || self.syncing.is_wanted(self.written()))
    }

    /// Gives back what a reservation still holds.
    pub(crate) fn settle(&self, reservation: &Reservation) {
        if self.space.settle(reservation) && self.space.stop_waiting() {
            self.subscribers.room();
        }
    }
}

fn or_busy(outcome: Wrote) -> Wrote {
    if outcome == Wrote::Nothing { Wrote::Busy } else { outcome }
}

const _: () = assert!(RECORD_OVERHEAD_BYTES >= 48 + 8 + 9 + 7, "a record alone in its block fits");
