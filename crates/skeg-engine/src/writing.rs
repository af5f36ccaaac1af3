//! Strings that are written part by part, so that nobody has to hold one whole: into a file of their own beside the log
//! (`docs/decisions/0057-values-written-in-pieces.md`). When all of it is there, CURRENT names the file; then it is given
//! to a key, by a record that says where it is.
//!
//! Invariants: no latch is held while the disk is written; the key keeps what it holds until the string is given to it,
//! whole; what is never given to a key leaves nothing on the disk.
//! May not know: who writes, how large the parts are.

use skeg_io::sync::{Arc, Mutex, Weak};
use skeg_log::{Epoch, Log, LogError, Logged, ValueFile, ValueWriter};

use crate::engine::{Engine, Shared};
use crate::error::{Refusal, WriteError};
use crate::options::VALUE_BYTES_MAX;

/// Hears that a part is written, on any thread; it must not block.
pub type WrotePart = Box<dyn FnOnce(Result<(), WriteError>) + Send>;

/// Gets a string that was written, on any thread; it must not block.
pub type TakeWritten = Box<dyn FnOnce(Result<Arc<WrittenString>, WriteError>) + Send>;

/// A string that is being written. Dropped before its end, it leaves nothing.
#[derive(Debug)]
pub struct Writing {
    state: Mutex<State>,
    log: Arc<Log>,
    shared: Weak<Shared>,
}

/// How far a string is.
#[derive(Debug)]
enum State {
    /// It has no file yet: making one may wait for the disk.
    New,
    Open(ValueWriter),
    /// It was ended or given up, or has failed.
    Over,
}

/// A string that is on the disk, whole, and can be given to a key ([`Shard::set_written`](crate::Shard::set_written)). Dropped before, it is removed.
#[derive(Debug)]
pub struct WrittenString {
    file: Arc<ValueFile>,
    shared: Weak<Shared>,
}

impl WrittenString {
    /// How many bytes it has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty string is written like any other")]
    pub fn len(&self) -> usize {
        self.file.value().bytes as usize
    }

    /// Where it is.
    pub(crate) fn value(&self) -> Logged {
        self.file.value()
    }

    fn is_given(&self) -> bool {
        self.file.is_recorded()
    }
}

impl Drop for WrittenString {
    fn drop(&mut self) {
        if self.is_given() {
            return;
        }
        let Some(shared) = self.shared.upgrade() else { return };
        let file = Arc::clone(&self.file);
        if shared.options.home_threads == 0 {
            return drop(file.discard());
        }
        // Where nobody does it, the next snapshot does, or whoever opens the directory next.
        let remove = Box::new(move |(): &mut ()| drop(file.discard()));
        drop(shared.readers.submit(&shared.io, remove));
    }
}

/// Strings of the current slice that were written before, and whose record is to come.
#[derive(Debug, Default)]
pub(crate) struct Given(Vec<Arc<ValueFile>>);

impl Given {
    pub(crate) fn add(&mut self, written: &WrittenString) {
        self.0.push(Arc::clone(&written.file));
    }

    /// The slice is over; its record is in this epoch.
    #[inline]
    pub(crate) fn recorded(&mut self, epoch: Epoch) {
        self.0.drain(..).for_each(|file| file.recorded(epoch));
    }
}

impl Engine {
    /// Begins to write a string part by part, without touching the disk yet; `None` when there is none to write it to.
    ///
    /// # Errors
    /// The engine is closed.
    pub fn begin_writing(&self) -> Result<Option<Arc<Writing>>, Refusal> {
        let shared = &self.shared;
        shared.check_open()?;
        let Some(log) = &shared.log else { return Ok(None) };
        Ok(Some(Arc::new(Writing {
            state: Mutex::new(State::New),
            log: Arc::clone(log),
            shared: Arc::downgrade(shared),
        })))
    }

    /// Writes on at the end of a string, when all parts before are written: the caller sees to that. An error ends it.
    pub fn write_part(&self, writing: &Arc<Writing>, part: Vec<u8>, wrote: WrotePart) {
        let writing = Arc::clone(writing);
        self.shared.write_aside(move || writing.write(&part), wrote);
    }

    /// Ends a string: makes it durable, and CURRENT names its file.
    pub fn end_writing(&self, writing: &Arc<Writing>, take: TakeWritten) {
        let writing = Arc::clone(writing);
        self.shared.write_aside(move || writing.end(), take);
    }

    /// Gives a string up, when nothing of it is being written: what there is of it is removed.
    pub fn give_up_writing(&self, writing: &Arc<Writing>) {
        let writing = Arc::clone(writing);
        let give_up = move || {
            *writing.state.lock() = State::Over;
            Ok(())
        };
        self.shared.write_aside(give_up, Box::new(drop));
    }
}

impl Writing {
    /// Its file, which is made now if there is none yet. Unless it is put back, the string is over.
    fn take(&self, state: &mut State) -> Result<ValueWriter, WriteError> {
        match std::mem::replace(state, State::Over) {
            State::New => Ok(self.log.start_value()?),
            State::Open(writer) => Ok(writer),
            State::Over => Err(WriteError::Over),
        }
    }

    fn write(&self, part: &[u8]) -> Result<(), WriteError> {
        let mut state = self.state.lock();
        let mut writer = self.take(&mut state)?;
        if writer.bytes() + part.len() as u64 > VALUE_BYTES_MAX as u64 {
            return Err(WriteError::TooLong);
        }
        writer.write(part)?;
        *state = State::Open(writer);
        Ok(())
    }

    fn end(&self) -> Result<Arc<WrittenString>, WriteError> {
        let writer = self.take(&mut self.state.lock())?;
        let file = Arc::new(writer.publish()?);
        Ok(Arc::new(WrittenString { file, shared: Weak::clone(&self.shared) }))
    }
}

impl Shared {
    /// Has something done by a thread that may wait for the disk.
    fn write_aside<T: 'static>(
        &self,
        work: impl FnOnce() -> Result<T, WriteError> + Send + 'static,
        take: Box<dyn FnOnce(Result<T, WriteError>) + Send>,
    ) {
        if self.options.home_threads == 0 {
            return take(work());
        }
        let parts = Arc::new(Mutex::new(Some((work, take))));
        let work = {
            let parts = Arc::clone(&parts);
            move |(): &mut ()| {
                if let Some((work, take)) = parts.lock().take() {
                    take(work());
                }
            }
        };
        if let Err((_, refusal)) = self.readers.submit(&self.io, Box::new(work))
            && let Some((_, take)) = parts.lock().take()
        {
            take(Err(refusal.into()));
        }
    }
}

impl From<LogError> for WriteError {
    fn from(error: LogError) -> Self {
        Self::Failed { kind: error.kind(), reason: error.to_string() }
    }
}
