//! The log: opening, pushing, writing, syncing, closing.

use std::path::Path;

use skeg_io::Io;
use skeg_io::sync::Arc;

use crate::error::{LogError, ReserveError};
use crate::space::Reservation;
use crate::subscription::{Notify, Subscription};
use crate::types::{
    Epoch, Level, LogOptions, LogStatus, Purpose, Recovered, Replay, ShardId, Upkeep, Wrote,
};

/// An open log.
#[derive(Debug)]
pub struct Log {
    _private: (),
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
        let _ = (io, dir, options, replay);
        Err(LogError::Closed)
    }

    /// Reserves room for records of together `payload_bytes` (an upper bound; add
    /// [`RECORD_OVERHEAD_BYTES`](crate::RECORD_OVERHEAD_BYTES) for every record but the first).
    /// Lock-free unless it is refused.
    ///
    /// # Errors
    /// See [`ReserveError`]; nothing is held then.
    pub fn reserve(
        &self,
        payload_bytes: u64,
        purpose: Purpose,
    ) -> Result<Reservation, ReserveError> {
        let _ = (payload_bytes, purpose);
        Err(ReserveError::Closed)
    }

    /// Adds to a reservation that is held, on the same terms.
    ///
    /// # Errors
    /// See [`ReserveError`]; the reservation is as before then.
    pub fn reserve_more(
        &self,
        reservation: &mut Reservation,
        payload_bytes: u64,
        purpose: Purpose,
    ) -> Result<(), ReserveError> {
        let _ = (reservation, payload_bytes, purpose);
        Err(ReserveError::Closed)
    }

    /// Gives back what a reservation holds and no push has used.
    pub fn settle(&self, reservation: Reservation) {
        let _ = reservation;
    }

    /// Appends one record to its shard's buffer, under that buffer's lock only, while the caller
    /// holds the shard's latch. Cannot fail: the space was reserved.
    pub fn push(
        &self,
        reservation: &mut Reservation,
        shard: ShardId,
        kind: u8,
        payload: &[u8],
    ) -> Epoch {
        let _ = (reservation, shard, kind, payload);
        Epoch(0)
    }

    /// Appends records of several shards to one epoch, so that they are in one block: whole or
    /// absent after a crash. Shards ascend; several records of one shard stand together.
    pub fn push_many(
        &self,
        reservation: &mut Reservation,
        parts: &[(ShardId, u8, &[u8])],
    ) -> Epoch {
        let _ = (reservation, parts);
        Epoch(0)
    }

    /// Newest epoch that has reached a level.
    pub fn reached(&self, level: Level) -> Epoch {
        let _ = level;
        Epoch(0)
    }

    /// Newest epoch with records.
    pub fn last_epoch(&self) -> Epoch {
        Epoch(0)
    }

    /// Whether records wait to be written.
    pub fn has_unwritten(&self) -> bool {
        false
    }

    /// Becomes the writer for one block, if there are records, no writer and no fsync in flight:
    /// what a serving thread does at the end of its loop turn.
    pub fn try_write(&self) -> Wrote {
        Wrote::Nothing
    }

    /// Makes everything written durable; returns the durable epoch.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] when the fsync fails, now or earlier.
    pub fn sync(&self) -> Result<Epoch, LogError> {
        Err(LogError::Closed)
    }

    /// Prepares segments, grows files, keeps the spare, retries after a full disk, writes the
    /// watermark of an idle log: what the log thread does between blocks.
    ///
    /// # Errors
    /// [`LogError::Poisoned`]; a full disk is no error here but a state.
    pub fn maintain(&self) -> Result<Upkeep, LogError> {
        Err(LogError::Closed)
    }

    /// Registers for notifications.
    pub fn subscribe(&self, notify: Arc<dyn Notify>) -> Subscription {
        drop(notify);
        unreachable!("no log can be opened yet")
    }

    /// Wakes the log thread if there are records to write: for threads that never write.
    pub fn wake_writer(&self) {}

    /// Starts an fsync that covers `epoch`, unless it is durable.
    pub fn request_sync(&self, epoch: Epoch) {
        let _ = epoch;
    }

    /// Blocks until `epoch` has reached `level`. Drives the log itself when it has no threads.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] or [`LogError::Closed`] when it never will.
    pub fn wait(&self, level: Level, epoch: Epoch) -> Result<(), LogError> {
        let _ = (level, epoch);
        Err(LogError::Closed)
    }

    /// Starts the log thread and the fsync thread.
    ///
    /// # Errors
    /// [`LogError::Io`] when a thread cannot be started.
    pub fn start_threads(self: &Arc<Self>) -> Result<(), LogError> {
        Err(LogError::Closed)
    }

    /// Writes and syncs what is there, writes the final watermark, ends the threads, frees the
    /// lock. Calling it again does nothing.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] when not everything could be made durable; it is closed all the same.
    pub fn close(&self) -> Result<(), LogError> {
        Err(LogError::Closed)
    }

    /// Figures.
    pub fn status(&self) -> LogStatus {
        LogStatus::default()
    }
}
