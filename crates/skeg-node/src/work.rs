//! Calls that run under latches, as values: so that one that can't run at once can be queued.

use skeg_engine::{
    Bound, Engine, Exec, Expiry, Job, KEY_BYTES_MAX, NotifyClass, Progress, Reading, Receipt,
    Refusal, Shard, ShardList, VALUE_BYTES_MAX,
};
use skeg_io::sync::{Arc, Mutex};

use crate::changes::Changes;
use crate::environment::{Completion, Form, Outcome, WayBack};
use crate::error::Failure;
use crate::raw::{Frame, Unsuitable};
use crate::watching::Watching;
use crate::writing::GiveString;

/// The logical database that the calls of the package work on.
pub(crate) const DB: u8 = 0;

/// What a call does.
pub(crate) enum Work {
    /// Reads a string; inside a transaction, its changes are noticed from then on.
    Read { key: Vec<u8>, form: Form, watching: Option<Arc<Watching>> },
    /// Begins to read a string part by part.
    BeginReading { key: Vec<u8>, found: Mutex<Option<Reading>> },
    /// Notices changes of a key that a command of a transaction will read.
    Watch { key: Vec<u8>, watching: Arc<Watching> },
    /// Stores a string.
    Write { key: Vec<u8>, value: Vec<u8>, deadline: Deadline },
    /// Gives a key a string that was written to a file of its own.
    WriteFile(GiveString),
    /// Makes the changes of a transaction or batch: all of them, or none.
    Commit { changes: Changes, watching: Option<Arc<Watching>> },
    /// Ends a transaction.
    Release { watching: Arc<Watching> },
}

/// What came of it: the value of a read.
pub(crate) type Ran = Result<Option<Vec<u8>>, Failure>;

impl Work {
    /// The shards it needs; none when there is nothing to do.
    pub(crate) fn shards(&self, engine: &Engine) -> ShardList {
        let mut shards = ShardList::new();
        match self {
            Self::Read { key, .. }
            | Self::BeginReading { key, .. }
            | Self::Watch { key, .. }
            | Self::Write { key, .. } => {
                shards.insert(engine.shard_of(key));
            }
            Self::WriteFile(given) => shards.insert(engine.shard_of(&given.key)),
            Self::Commit { changes, watching } => {
                changes.add_shards(engine, &mut shards);
                if let Some(watching) = watching {
                    watching.add_shards(engine, &mut shards);
                }
            }
            Self::Release { watching } => watching.add_shards(engine, &mut shards),
        }
        shards
    }

    /// The log space it may need.
    pub(crate) fn bound(&self) -> Bound {
        match self {
            Self::Read { .. }
            | Self::BeginReading { .. }
            | Self::Watch { .. }
            | Self::Release { .. } => Bound::READ,
            Self::Write { key, value, .. } => write_bound(key, value),
            Self::WriteFile(given) => given.bound(),
            Self::Commit { changes, .. } => changes.bound(),
        }
    }

    /// Whether it may grow the data.
    pub(crate) fn may_grow(&self) -> bool {
        match self {
            Self::Write { .. } | Self::WriteFile(_) => true,
            Self::Commit { changes, .. } => changes.may_grow(),
            Self::Read { .. }
            | Self::BeginReading { .. }
            | Self::Watch { .. }
            | Self::Release { .. } => false,
        }
    }

    /// Runs under the latches.
    pub(crate) fn run(&self, exec: &mut Exec<'_>) -> Ran {
        match self {
            Self::Read { key, watching, .. } => {
                if let Some(watching) = watching {
                    watching.watch(exec, key);
                }
                // What it has found when it ran first, so that no later call overtakes it.
                if let Some(value) = exec.shard(key).fetched() {
                    return Ok(Some(value.to_vec()));
                }
                let mut value = Vec::new();
                let found = read(exec, key, &mut value)?;
                Ok(found.then_some(value))
            }
            Self::BeginReading { key, found } => {
                *found.lock() = exec.begin_reading(DB, key)?;
                Ok(None)
            }
            Self::Watch { key, watching } => {
                watching.watch(exec, key);
                Ok(None)
            }
            Self::Write { key, value, deadline } => {
                write(exec, key, value, *deadline);
                Ok(None)
            }
            Self::WriteFile(given) => Ok(given.run(exec).then(Vec::new)),
            Self::Commit { changes, watching } => {
                if watching.as_ref().is_some_and(|watching| watching.is_outdated()) {
                    return Err(Failure::conflict());
                }
                changes.check(exec)?;
                changes.make(exec)?;
                Ok(None)
            }
            Self::Release { watching } => {
                watching.release(exec);
                Ok(None)
            }
        }
    }

    /// What comes of work that needs no shard: a transaction that has changed nothing.
    pub(crate) fn run_nowhere(&self) -> Ran {
        match self {
            Self::Commit { watching: Some(watching), .. } if watching.is_outdated() => {
                Err(Failure::conflict())
            }
            _ => Ok(None),
        }
    }

    /// How it ended, for JavaScript.
    pub(crate) fn outcome(&self, ran: Ran, receipt: Receipt) -> Result<Outcome, Failure> {
        let value = ran?;
        Ok(match self {
            Self::Read { form, .. } => Outcome::Read { value, form: *form },
            Self::BeginReading { found, .. } => Outcome::Reading(found.lock().take()),
            Self::WriteFile(_) => {
                Outcome::Given { made: value.is_some(), written: receipt.written }
            }
            _ => Outcome::Written(receipt.written),
        })
    }
}

/// What a write does to the key's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    Clear,
    Keep,
    /// Milliseconds from when the write is made.
    In(u64),
    /// Unix milliseconds.
    At(u64),
}

impl Deadline {
    /// Reads the two arguments that stand for a deadline.
    #[inline]
    pub(crate) fn from_arguments(frame: &Frame<'_>, first: usize) -> Result<Self, Unsuitable> {
        let kind = frame.u32(first)?;
        if kind < 2 {
            return Ok(Self::of(kind, 0.0));
        }
        Ok(Self::of(kind, frame.number(first + 1)?))
    }

    pub(crate) fn of(kind: u32, ms: f64) -> Self {
        match kind {
            0 => Self::Clear,
            1 => Self::Keep,
            2 => Self::In(ms as u64),
            _ => Self::At(ms as u64),
        }
    }

    pub(crate) fn expiry(self, now_ms: u64) -> Expiry {
        match self {
            Self::Clear => Expiry::Clear,
            Self::Keep => Expiry::Keep,
            Self::In(ms) => Expiry::At(now_ms.saturating_add(ms)),
            Self::At(ms) => Expiry::At(ms),
        }
    }
}

#[inline]
pub(crate) fn check_key(key: &[u8]) -> Result<(), Failure> {
    if key.len() <= KEY_BYTES_MAX { Ok(()) } else { Err(Failure::too_large("key", KEY_BYTES_MAX)) }
}

#[inline]
pub(crate) fn check_value(value: &[u8]) -> Result<(), Failure> {
    if value.len() <= VALUE_BYTES_MAX {
        Ok(())
    } else {
        Err(Failure::too_large("value", VALUE_BYTES_MAX))
    }
}

#[inline]
pub(crate) fn write_bound(key: &[u8], value: &[u8]) -> Bound {
    Bound::grow((key.len() + value.len()) as u64)
}

/// Appends the value to `out`; `false` without key.
#[inline]
pub(crate) fn read(exec: &mut Exec<'_>, key: &[u8], out: &mut Vec<u8>) -> Result<bool, Failure> {
    let Some(value) = exec.shard(key).read_string(DB, key)? else { return Ok(false) };
    value.write_to(out);
    Ok(true)
}

/// Stores the value, unless the call has to wait: it is run again then.
#[inline]
pub(crate) fn write(exec: &mut Exec<'_>, key: &[u8], value: &[u8], deadline: Deadline) {
    let expiry = deadline.expiry(exec.now_ms());
    let shard = exec.shard(key);
    shard.want_change(DB, key);
    if exec.must_wait() {
        return;
    }
    let shard = exec.shard(key);
    shard.set(DB, key, value, expiry);
    notify_set(shard, key, expiry);
    exec.note_memory();
}

/// Says what SET says.
#[inline]
pub(crate) fn notify_set(shard: &mut Shard, key: &[u8], expiry: Expiry) {
    shard.notify(NotifyClass::STRING, "set", DB, key);
    if matches!(expiry, Expiry::At(_)) {
        shard.notify(NotifyClass::GENERIC, "expire", DB, key);
    }
}

/// Work on its way to its shards, and the way back.
pub(crate) struct Queued {
    shards: ShardList,
    work: Work,
    ran: Ran,
    back: Back,
}

/// Where the outcome of a call goes.
#[derive(Clone)]
pub(crate) struct Back {
    /// The store it was made on.
    pub(crate) handle: u32,
    /// Its number.
    pub(crate) request: u32,
    pub(crate) ring: Arc<WayBack>,
}

impl Back {
    pub(crate) fn send(&self, outcome: Result<Outcome, Failure>) {
        let (handle, request) = (self.handle, self.request);
        self.ring.push(Completion { handle, request, outcome });
    }
}

impl Queued {
    pub(crate) fn new(work: Work, shards: ShardList, back: Back) -> Self {
        Self { shards, work, ran: Ok(None), back }
    }
}

impl Job for Queued {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        self.work.bound()
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        self.ran = self.work.run(exec);
        Progress::Done
    }

    fn keeps_place(&self) -> bool {
        !matches!(self.work, Work::Read { .. })
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        let Self { work, ran, back, .. } = *self;
        back.send(match outcome {
            Ok(receipt) => work.outcome(ran, receipt),
            Err(refusal) => Err(refusal.into()),
        });
    }
}
