//! Strings that are read part by part, each as it was when the reading began, so that nobody has to hold one
//! whole.
//!
//! A string in the log stays where it is while it is read, whatever happens to its key: its segment is kept. One in memory
//! (it is not written yet, was changed in place, or the database is in memory only) is looked at under its
//! latch for each part. As soon as it has gone to the log it is read there; if its key was
//! changed before, the reading fails: a second copy of it would take as much memory again.
//!
//! Invariants: all parts are of one value; a part of one in the log is verified before it is handed out
//! (`values.rs`); no latch is held while the disk is read.
//! May not know: who reads, how many parts at a time.

use std::ops::Range;

use skeg_io::sync::{Arc, Mutex, Weak};
use skeg_keyspace::{StrRef, ValueRef, WrongType};

use crate::engine::{Engine, Shared};
use crate::error::{PartError, Refusal};
use crate::exec::Exec;
use crate::holder::Drain;
use crate::job::{Bound, Job, Progress, Receipt, Ticket};
use crate::router::ShardList;
use crate::shard::Shard;
use crate::values::KeptValue;
use crate::watch::WatchFlag;

/// A string in memory of no more bytes is copied when its reading begins.
const COPIED_MAX: usize = 64 << 10;

/// Gets a part, on any thread; it must not block.
pub type TakePart = Box<dyn FnOnce(Result<Arc<[u8]>, PartError>) + Send>;

/// A string that is being read. While it is there, the segment of the string stays on the disk.
#[derive(Debug)]
pub struct Reading {
    db: u8,
    key: Box<[u8]>,
    len: usize,
    source: Mutex<Source>,
    shared: Weak<Shared>,
}

/// Where the parts come from.
#[derive(Clone, Debug)]
enum Source {
    Copy(Arc<[u8]>),
    /// The keyspace, unless the flag says that the key was changed.
    Memory(Arc<WatchFlag>),
    Log(Arc<KeptValue>),
}

impl Exec<'_> {
    /// Begins to read the string of a key part by part; counted as a keyspace hit or miss.
    ///
    /// # Errors
    /// [`WrongType`] when the key holds something else.
    pub fn begin_reading(&mut self, db: u8, key: &[u8]) -> Result<Option<Reading>, WrongType> {
        let shared = self.shared.this.get().cloned().unwrap_or_default();
        let Some((len, source)) = self.shard(key).begin_reading(db, key)? else { return Ok(None) };
        Ok(Some(Reading { db, key: key.into(), len, source: Mutex::new(source), shared }))
    }
}

impl Shard {
    fn begin_reading(&mut self, db: u8, key: &[u8]) -> Result<Option<(usize, Source)>, WrongType> {
        let Some(len) = self.read_string_len(db, key)? else { return Ok(None) };
        let source = match self.peek(db, key) {
            Some(ValueRef::Away(away)) => Source::Log(Arc::new(self.keep_value(&away))),
            Some(ValueRef::Str(value)) if len <= COPIED_MAX => {
                let mut copy = Vec::with_capacity(len);
                value.write_to(&mut copy);
                Source::Copy(copy.into())
            }
            _ => {
                let flag = WatchFlag::new();
                self.watch(db, key, &flag);
                Source::Memory(flag)
            }
        };
        Ok(Some((len, source)))
    }
}

impl Reading {
    /// How many bytes the string has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty string is read like any other")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// A part from the keyspace; `None` when it is to be read from the log from now on.
    fn look(
        &self,
        exec: &mut Exec<'_>,
        range: &Range<usize>,
    ) -> Option<Result<Arc<[u8]>, PartError>> {
        let mut source = self.source.lock();
        let Source::Memory(flag) = &*source else { return None };
        let shard = exec.shard(&self.key);
        if flag.is_set() {
            return Some(Err(PartError::Changed));
        }
        match shard.peek(self.db, &self.key) {
            Some(ValueRef::Str(StrRef::Bytes(bytes))) if bytes.len() == self.len => {
                Some(Ok(bytes[range.clone()].into()))
            }
            Some(ValueRef::Away(away)) if away.len as usize == self.len => {
                let kept = shard.keep_value(&away);
                shard.unwatch(self.db, &self.key, flag);
                *source = Source::Log(Arc::new(kept));
                None
            }
            // It has expired.
            _ => Some(Err(PartError::Changed)),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Source::Memory(flag) = self.source.lock().clone() else { return };
        let Some(shared) = self.shared.upgrade() else { return };
        shared.unwatch_later(flag, vec![(self.db, std::mem::take(&mut self.key))]);
    }
}

impl Engine {
    /// Reads a range of a string, cut at its end.
    pub fn read_part(&self, reading: &Arc<Reading>, range: Range<usize>, take: TakePart) {
        let end = range.end.min(reading.len);
        let range = range.start.min(end)..end;
        self.shared.read_part(reading, range, take);
    }
}

impl Shared {
    fn read_part(&self, reading: &Arc<Reading>, range: Range<usize>, take: TakePart) {
        let source = reading.source.lock().clone();
        match source {
            _ if range.is_empty() => take(Ok([].into())),
            Source::Copy(bytes) => take(Ok(bytes[range].into())),
            Source::Log(kept) => self.read_kept(kept, range, take),
            Source::Memory(_) => {
                let shards = ShardList::one(self.router.shard_of(&reading.key));
                let job = Look { reading: Arc::clone(reading), range, found: None, shards, take };
                let posted = self.post(Ticket::new(Box::new(job)), Drain::WakeOnly);
                if let Err((job, refusal)) = posted {
                    job.done(Err(refusal));
                }
            }
        }
    }

    /// Has a range read by a thread that may wait for the disk.
    fn read_kept(&self, kept: Arc<KeptValue>, range: Range<usize>, take: TakePart) {
        let take = Arc::new(Mutex::new(Some(take)));
        let read = {
            let take = Arc::clone(&take);
            move |(): &mut ()| {
                if let Some(take) = take.lock().take() {
                    take(kept.read(&range).map_err(PartError::Unreadable));
                }
            }
        };
        if self.options.home_threads == 0 {
            return read(&mut ());
        }
        if let Err((_, refusal)) = self.readers.submit(&self.io, Box::new(read))
            && let Some(take) = take.lock().take()
        {
            take(Err(PartError::Refused(refusal)));
        }
    }
}

/// Gets a part of a string in memory.
struct Look {
    reading: Arc<Reading>,
    range: Range<usize>,
    found: Option<Result<Arc<[u8]>, PartError>>,
    shards: ShardList,
    take: TakePart,
}

impl Job for Look {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        Bound::READ
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        self.found = self.reading.look(exec, &self.range);
        Progress::Done
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        let Self { reading, range, found, take, .. } = *self;
        match (outcome, found) {
            (Err(refusal), _) => take(Err(PartError::Refused(refusal))),
            (Ok(_), Some(found)) => take(found),
            (Ok(_), None) => match reading.shared.upgrade() {
                Some(shared) => shared.read_part(&reading, range, take),
                None => take(Err(PartError::Refused(Refusal::Closed))),
            },
        }
    }
}
