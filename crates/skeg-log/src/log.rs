//! The log's handle: what the engine calls.
//!
//! Invariants: everything here is said in one line or two; the work is done by the parts.
//! May not know: formats, files.

use std::path::Path;

use skeg_io::Io;
use skeg_io::sync::Arc;
use skeg_io::sync::atomic::Ordering::SeqCst;

use crate::core::{Core, Parts};
use crate::current::{Current, NamedSegment, SNAPSHOTS_MAX};
use crate::error::{LogError, ReserveError, io_error};
use crate::failpoint::{Broken, breaks};
use crate::layout;
use crate::recover::{make_writable, replay_kept};
use crate::reshard::reshard;
use crate::room::Room;
use crate::snapshot::SnapshotWriter;
use crate::space::{Reservation, cost};
use crate::spare::Spare;
use crate::subscription::{Notify, Subscription};
use crate::types::{
    Epoch, Level, LogOptions, LogStatus, Purpose, Recovered, Replay, SealedSegment, ShardId,
    ShardPlace, Upkeep, Written, Wrote,
};
use crate::upkeep::Upkeeper;
use crate::values::ValueReader;
use crate::writer::By;

const SHARDS_MAX: u16 = 16384;
const SEGMENT_BYTES_MIN: u64 = 16 << 10;
const SEGMENT_BYTES_MAX: u64 = 4 << 30;
const UNSYNCED_BYTES_MIN: u64 = 64 << 10;

/// An open log. Dropping it without [`Log::close`] ends its threads and frees the directory, as a
/// crash would: what was not acknowledged may be lost.
#[derive(Debug)]
pub struct Log {
    core: Arc<Core>,
}

impl Log {
    /// Opens the log of the database in `dir`: creates it if asked to, replays it otherwise.
    ///
    /// # Errors
    /// See [`LogError`]; whatever is damaged, missing, unknown or locked stops the open.
    pub fn open(
        io: &Io,
        dir: &Path,
        options: &LogOptions,
        replay: &mut dyn Replay,
    ) -> Result<(Arc<Self>, Recovered), LogError> {
        check_options(options)?;
        let disk = &*io.disk;
        let may_create = options.create_if_missing && !options.read_only;
        if may_create {
            disk.create_dir(dir).map_err(|error| io_error("create", dir, error))?;
        }
        match layout::exists(disk, dir)? {
            true => {}
            false if may_create => layout::refuse_foreign(disk, dir)?,
            false => return Err(LogError::NotFound { dir: dir.to_owned() }),
        }
        let lock = layout::lock(disk, dir, options)?;
        let (mut current, created) = match layout::load(disk, dir)? {
            Some(current) => (current, false),
            None if may_create => (layout::create(io, dir, options)?, true),
            None => return Err(LogError::NotFound { dir: dir.to_owned() }),
        };
        let (stored, mut damaged) = (current.shards, Vec::new());
        if let Some(asked) = options.shards.filter(|asked| *asked != stored) {
            if options.read_only {
                return Err(LogError::ShardCount { stored, asked });
            }
            let (core, recovered) = recover(io, dir, options, &current, asked, replay)?;
            damaged = recovered.damaged_snapshots;
            current = reshard(&core, replay)?;
        }
        let (core, mut recovered) = recover(io, dir, options, &current, current.shards, replay)?;
        recovered.damaged_snapshots.append(&mut damaged);
        *core.lock.lock() = lock;
        let resharded_from = (stored != current.shards).then_some(stored);
        Ok((Arc::new(Self { core }), Recovered { created, resharded_from, ..recovered }))
    }

    /// Reserves room for records of together `payload_bytes` (an upper bound; add
    /// [`RECORD_OVERHEAD_BYTES`](crate::RECORD_OVERHEAD_BYTES) for every record but the first).
    /// Lock-free unless it is refused.
    ///
    /// # Errors
    /// See [`ReserveError`]; nothing is held then.
    #[inline]
    pub fn reserve(
        &self,
        payload_bytes: u64,
        purpose: Purpose,
    ) -> Result<Reservation, ReserveError> {
        let mut reservation = Reservation::default();
        self.reserve_more(&mut reservation, payload_bytes, purpose)?;
        Ok(reservation)
    }

    /// Adds to a reservation that is held, on the same terms.
    ///
    /// # Errors
    /// See [`ReserveError`]; the reservation is as before then.
    #[inline]
    pub fn reserve_more(
        &self,
        reservation: &mut Reservation,
        payload_bytes: u64,
        purpose: Purpose,
    ) -> Result<(), ReserveError> {
        self.core.space.reserve(reservation, payload_bytes, purpose).map_err(|(error, pressure)| {
            self.core.relieve(pressure);
            error
        })
    }

    /// Gives back what a reservation holds and no push has used.
    #[inline]
    #[expect(clippy::needless_pass_by_value, reason = "a settled reservation is gone")]
    pub fn settle(&self, reservation: Reservation) {
        self.core.settle(&reservation);
    }

    /// Appends one record to its shard's buffer, under that buffer's lock only, while the caller
    /// holds the shard's latch. Cannot fail: the space was reserved.
    #[inline]
    pub fn push(
        &self,
        reservation: &mut Reservation,
        shard: ShardId,
        kind: u8,
        payload: &[u8],
    ) -> Epoch {
        let cost = cost(payload);
        self.core.space.spend(reservation, cost);
        self.core.buffers.push(shard, kind, payload, cost)
    }

    /// Appends records of several shards to one epoch, so that they are in one block: whole or
    /// absent after a crash. Shards ascend; several records of one shard stand together.
    pub fn push_many(
        &self,
        reservation: &mut Reservation,
        parts: &[(ShardId, u8, &[u8])],
    ) -> Epoch {
        for (_, _, payload) in parts {
            self.core.space.spend(reservation, cost(payload));
        }
        self.core.buffers.push_many(parts, cost)
    }

    /// [`Log::push`], of a record whose place somebody wants to know: returns where its payload stands
    /// in the shard's part of the block, whose place [`Log::take_written`] tells.
    pub fn push_traced(
        &self,
        reservation: &mut Reservation,
        shard: ShardId,
        kind: u8,
        payload: &[u8],
    ) -> ShardPlace {
        let cost = cost(payload);
        self.core.space.spend(reservation, cost);
        self.core.buffers.push_traced(shard, kind, payload, cost)
    }

    /// [`Log::push_many`], of records whose places somebody wants to know.
    pub fn push_many_traced(
        &self,
        reservation: &mut Reservation,
        parts: &[(ShardId, u8, &[u8])],
    ) -> Vec<ShardPlace> {
        for (_, _, payload) in parts {
            self.core.space.spend(reservation, cost(payload));
        }
        self.core.buffers.push_many_traced(parts, cost)
    }

    /// Where traced records of a shard were written since this was asked last, oldest first: complete
    /// for every epoch that has reached [`Level::Kernel`].
    pub fn take_written(&self, shard: ShardId) -> Vec<Written> {
        self.core.buffers.take_written(shard)
    }

    /// What reads values back.
    pub fn values(&self) -> &Arc<ValueReader> {
        &self.core.values
    }

    /// Newest epoch that has reached a level.
    #[inline]
    pub fn reached(&self, level: Level) -> Epoch {
        self.core.reached(level)
    }

    /// Newest epoch with records.
    #[inline]
    pub fn last_epoch(&self) -> Epoch {
        self.core.buffers.newest()
    }

    /// Whether records wait to be written.
    #[inline]
    pub fn has_unwritten(&self) -> bool {
        self.core.has_unwritten()
    }

    /// Becomes the writer for a block or a few, if there are records, no writer and no fsync in
    /// flight: what a serving thread does at the end of its loop turn. Under `always` it wakes the
    /// thread that syncs to write them, and returns [`Wrote::Busy`].
    pub fn try_write(&self) -> Wrote {
        self.core.try_write(By::Serving)
    }

    /// Makes everything written durable; returns the durable epoch.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] when the fsync fails, now or earlier.
    pub fn sync(&self) -> Result<Epoch, LogError> {
        self.core.condition.check()?;
        let durable = self.core.sync_written()?;
        self.core.look_again();
        Ok(durable)
    }

    /// Prepares segments, grows files, keeps the spare, tries a full disk again, writes the
    /// watermark of an idle log: what the fsync thread does beside fsyncs.
    ///
    /// # Errors
    /// [`LogError::Poisoned`]; a full disk is no error here but a state.
    pub fn maintain(&self) -> Result<Upkeep, LogError> {
        self.core.maintain()
    }

    /// What the fsync thread does in a turn: writes what somebody wants durable, fsyncs what is due,
    /// then [`Log::maintain`]. For who drives a log without threads; returns when to look again, in
    /// nanoseconds of the monotonic clock.
    ///
    /// # Errors
    /// [`LogError::Poisoned`], or what refuses writes.
    pub fn disk_turn(&self) -> Result<Option<u64>, LogError> {
        self.core.disk_turn()
    }

    /// Registers for notifications.
    pub fn subscribe(&self, notify: Arc<dyn Notify>) -> Subscription {
        Subscription::new(&self.core, notify)
    }

    /// Wakes the thread that writes if there are records to write: for threads that never write.
    #[inline]
    pub fn wake_writer(&self) {
        if self.core.has_unwritten() {
            self.core.wake_writer();
        }
    }

    /// Starts an fsync that covers `epoch`, unless it is durable. An epoch that is not yet written
    /// is written by the same thread before.
    pub fn request_sync(&self, epoch: Epoch) {
        self.core.request_sync(epoch);
    }

    /// Blocks until `epoch` has reached `level`. Drives the log itself when it has no threads.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] or [`LogError::Closed`] when it never will; [`LogError::Full`] when
    /// the log has no threads and the disk is full.
    pub fn wait(&self, level: Level, epoch: Epoch) -> Result<(), LogError> {
        if self.core.threads_run.load(SeqCst) {
            self.core.wait_for(level, epoch)
        } else {
            self.core.drive_to(level, epoch)
        }
    }

    /// Where the history of a shard stands, while the caller holds the shard's latch: what it has
    /// pushed lies before the place.
    pub fn place(&self, shard: ShardId) -> ShardPlace {
        self.core.buffers.place(shard)
    }

    /// Records pushed since the log was opened.
    pub fn pushed(&self) -> u64 {
        self.core.buffers.pushed()
    }

    /// Bytes of history behind the snapshot, and bytes of that; the latter 0 when there is none.
    pub fn behind_bytes(&self) -> (u64, u64) {
        let snapshot = self.core.inventory.lock().snapshot;
        (self.core.behind_bytes(), snapshot.map_or(0, |snapshot| snapshot.bytes))
    }

    /// Bytes that are allocated and not written, at most: room in two segments, and the spare.
    #[must_use]
    pub fn ahead_bytes(&self) -> u64 {
        2 * self.core.options.segment_bytes + self.core.space.look(Room::present).allowed
    }

    /// The segments that nothing is written to any more, in the order of the history.
    #[must_use]
    pub fn sealed_segments(&self) -> Vec<SealedSegment> {
        let current = self.core.upkeeper.lock().sealed(&self.core);
        let sealed = |named: &NamedSegment| {
            named.sealed.map(|end| SealedSegment { id: named.id, bytes: end.length })
        };
        current.segments.iter().filter_map(sealed).collect()
    }

    /// Tells how many bytes the next snapshot will have, about, and how many of values may be pushed again
    /// before it. Growth is refused while the disk has not so much left.
    pub fn expect_snapshot(&self, bytes: u64, moved: u64) {
        self.core.forecast.look(bytes, moved, self.core.history_bytes.load(SeqCst));
    }

    /// Growth waits when so many more bytes were written, but for a little every few milliseconds; until this
    /// is called again. `None`: it does not wait.
    pub fn ration_growth(&self, bytes: Option<u64>) {
        if breaks(Broken::OutrunsSnapshots) {
            return;
        }
        self.core.space.update(|room| room.ration(bytes.unwrap_or(u64::MAX)));
        if self.core.space.stop_waiting() {
            self.core.subscribers.room();
        }
    }

    /// Begins a snapshot. One at a time: the caller sees to that.
    ///
    /// # Errors
    /// [`LogError::Full`] when the disk has no room for it and what the log may need meanwhile,
    /// [`LogError::Io`], and what refuses writes. Nothing has changed then.
    pub fn start_snapshot(&self) -> Result<SnapshotWriter, LogError> {
        SnapshotWriter::create(&self.core)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Starts the log thread and the fsync thread. Calling it again does nothing.
    ///
    /// # Errors
    /// [`LogError::Io`] when a thread cannot be started.
    pub fn start_threads(&self) -> Result<(), LogError> {
        self.core.start_threads()
    }

    /// Writes and syncs what is there, writes the final watermark, ends the threads, frees the
    /// lock. Nobody may push any more. Calling it again does nothing.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] or [`LogError::Full`] when not everything could be made durable; it
    /// is closed all the same.
    pub fn close(&self) -> Result<(), LogError> {
        self.core.close()
    }

    /// Figures.
    pub fn status(&self) -> LogStatus {
        self.core.status()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.core.abandon();
    }
}

/// Replays what CURRENT names and, unless it is only read, makes it the start of a new life; of a core for
/// so many shards, which has no lock yet.
fn recover(
    io: &Io,
    dir: &Path,
    options: &LogOptions,
    stored: &Current,
    shards: u16,
    replay: &mut dyn Replay,
) -> Result<(Arc<Core>, Recovered), LogError> {
    let (current, mut history) = replay_kept(io, dir, stored, replay)?;
    let (writer, upkeeper) = if options.read_only {
        (None, Upkeeper::new(current, Vec::new(), Spare::none()))
    } else {
        let made = make_writable(io, dir, options, stored, &current, &mut history)?;
        let (writer, upkeeper) = made;
        if !breaks(Broken::ForgetsMoves) {
            replay.moved(&history.moved);
        }
        (Some(writer), upkeeper)
    };
    let recovered = history.recovered;
    let core = Core::new(Parts {
        io: io.clone(),
        dir: dir.to_owned(),
        options: options.clone(),
        shards,
        last: recovered.last_epoch,
        history_bytes: recovered.bytes,
        values: history.values,
        writer,
        upkeeper,
    });
    Ok((core, recovered))
}

fn check_options(options: &LogOptions) -> Result<(), LogError> {
    let refuse = |option, must| Err(LogError::Option { option, must });
    if options.shards.is_some_and(|shards| !shards.is_power_of_two() || shards > SHARDS_MAX) {
        return refuse("shards", "a power of two up to 16384");
    }
    if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&options.segment_bytes) {
        return refuse("segment_bytes", "from 16 KiB to 4 GiB");
    }
    if !(1..=SNAPSHOTS_MAX).contains(&options.keep_snapshots) {
        return refuse("keep_snapshots", "from 1 to 8");
    }
    if options.unsynced_bytes_max < UNSYNCED_BYTES_MIN {
        return refuse("unsynced_bytes_max", "at least 64 KiB");
    }
    Ok(())
}
