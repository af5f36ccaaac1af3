//! The two calls that most programs make most: reading and writing a string. Everything else goes
//! through the command table.

use skeg_engine::{
    Bound, Epoch, Exec, Expiry, Job, KEY_BYTES_MAX, Progress, Receipt, Refusal, ShardList,
    VALUE_BYTES_MAX,
};
use skeg_io::sync::Arc;

use crate::database::Ticket;
use crate::environment::{Completion, Environment, Form, Outcome, WayBack};
use crate::error::Failure;
use crate::raw::{Frame, Function, Value};

/// The database that keys are in.
const DB: u8 = 0;

/// Bits of the mode argument of [`Get`].
const MODE_BYTES: u32 = 1;
const MODE_SYNC: u32 = 2;

/// `get(handle, key, mode)`: the value; `null` without key; a number when it comes later.
pub(crate) struct Get;

impl Function<Environment> for Get {
    const NAME: &'static str = "get";

    #[inline]
    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = get(state, frame);
        state.finish(frame, result)
    }
}

#[inline]
fn get<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let js = frame.js;
    let mode = frame.u32(2)?;
    let form = if mode & MODE_BYTES == 0 { Form::Text } else { Form::Bytes };
    let (database, scratch) = state.database_and_scratch(frame.u32(0)?)?;
    scratch.clear();
    js.append_bytes(frame.argument(1), &mut scratch.key)?;
    check_key(&scratch.key)?;
    let shard = database.engine().shard_of(&scratch.key);
    let sync = mode & MODE_SYNC != 0;
    let held = if sync { database.try_hold_for_sync(shard) } else { database.try_hold(shard) };
    if held? {
        let ran = database
            .holder
            .run_one(shard, Bound::READ, |exec| read(exec, &scratch.key, &mut scratch.value));
        database.holder.release();
        let (found, _) = ran?;
        // The latch is free again: making a string may collect garbage.
        return if found? { form.of(js, &scratch.value) } else { Ok(js.null()) };
    }
    if sync {
        return Err(Failure::would_block());
    }
    let ticket = database.queue(shard);
    let work = Work::Read { key: scratch.key.clone(), form };
    post(state, frame, ticket, work).map(|request| js.number(f64::from(request)))
}

/// `set(handle, key, value, expiry, ms)`: the epoch to wait for, 0 when there is none; the negative
/// of a request when it is made later.
pub(crate) struct Set;

impl Function<Environment> for Set {
    const NAME: &'static str = "set";

    #[inline]
    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = set(state, frame);
        state.finish(frame, result)
    }
}

#[inline]
fn set<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let js = frame.js;
    let deadline = Deadline::from(frame)?;
    let (database, scratch) = state.database_and_scratch(frame.u32(0)?)?;
    scratch.clear();
    js.append_bytes(frame.argument(1), &mut scratch.key)?;
    js.append_bytes(frame.argument(2), &mut scratch.value)?;
    check_key(&scratch.key)?;
    check_value(&scratch.value)?;
    let shard = database.engine().shard_of(&scratch.key);
    if database.try_hold(shard)? {
        let bound = bound(&scratch.key, &scratch.value);
        let ran = database.holder.run_one(shard, bound, |exec| {
            write(exec, &scratch.key, &scratch.value, deadline);
        });
        database.holder.release();
        match ran {
            Ok(((), receipt)) => return Ok(js.number(receipt.written.0 as f64)),
            Err(Refusal::Wait) => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    let ticket = database.queue(shard);
    let work = Work::Write { key: scratch.key.clone(), value: scratch.value.clone(), deadline };
    post(state, frame, ticket, work).map(|request| js.number(-f64::from(request)))
}

/// What `set` does to the key's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deadline {
    Clear,
    Keep,
    /// Milliseconds from when the write is made.
    In(u64),
    /// Unix milliseconds.
    At(u64),
}

impl Deadline {
    fn from(frame: &Frame<'_>) -> Result<Self, Failure> {
        let ms = || frame.number(4).map(|ms| ms as u64);
        Ok(match frame.u32(3)? {
            0 => Self::Clear,
            1 => Self::Keep,
            2 => Self::In(ms()?),
            _ => Self::At(ms()?),
        })
    }

    fn expiry(self, now_ms: u64) -> Expiry {
        match self {
            Self::Clear => Expiry::Clear,
            Self::Keep => Expiry::Keep,
            Self::In(ms) => Expiry::At(now_ms.saturating_add(ms)),
            Self::At(ms) => Expiry::At(ms),
        }
    }
}

fn check_key(key: &[u8]) -> Result<(), Failure> {
    if key.len() <= KEY_BYTES_MAX {
        return Ok(());
    }
    Err(Failure::new("ERR_TOO_LARGE", format!("a key has at most {KEY_BYTES_MAX} bytes")))
}

fn check_value(value: &[u8]) -> Result<(), Failure> {
    if value.len() <= VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(Failure::new("ERR_TOO_LARGE", format!("a value has at most {VALUE_BYTES_MAX} bytes")))
}

fn bound(key: &[u8], value: &[u8]) -> Bound {
    Bound::grow((key.len() + value.len()) as u64)
}

/// Appends the value to `out`; `false` without key.
#[inline]
fn read(exec: &mut Exec<'_>, key: &[u8], out: &mut Vec<u8>) -> Result<bool, Failure> {
    let Some(value) = exec.shard(key).read_string(DB, key)? else { return Ok(false) };
    value.write_to(out);
    Ok(true)
}

#[inline]
fn write(exec: &mut Exec<'_>, key: &[u8], value: &[u8], deadline: Deadline) {
    let expiry = deadline.expiry(exec.now_ms());
    exec.shard(key).set(DB, key, value, expiry);
}

/// A call that could not run at once.
enum Work {
    Read { key: Vec<u8>, form: Form },
    Write { key: Vec<u8>, value: Vec<u8>, deadline: Deadline },
}

struct Queued {
    shards: ShardList,
    ticket: Ticket,
    work: Work,
    result: Result<Option<Vec<u8>>, Failure>,
    request: u32,
    back: Arc<WayBack>,
}

fn post(
    state: &mut Environment,
    frame: &Frame<'_>,
    ticket: Ticket,
    work: Work,
) -> Result<u32, Failure> {
    let request = state.next_request();
    let shards = ShardList::one(ticket.shard());
    let back = Arc::clone(&state.back);
    let job = Queued { shards, ticket, work, result: Ok(None), request, back };
    state.database(frame.u32(0)?)?.post(Box::new(job))?;
    Ok(request)
}

impl Job for Queued {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        match &self.work {
            Work::Read { .. } => Bound::READ,
            Work::Write { key, value, .. } => bound(key, value),
        }
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        match &self.work {
            Work::Read { key, .. } => {
                let mut value = Vec::new();
                let found = read(exec, key, &mut value);
                self.result = found.map(|found| found.then_some(value));
            }
            Work::Write { key, value, deadline } => write(exec, key, value, *deadline),
        }
        Progress::Done
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        let Self { ticket, work, result, request, back, .. } = *self;
        let outcome = match outcome {
            Err(refusal) => Err(Failure::from(refusal)),
            Ok(receipt) => result.map(|value| match work {
                Work::Read { form, .. } => Outcome::Read { value, form },
                Work::Write { .. } => Outcome::Written(Epoch(receipt.written.0)),
            }),
        };
        // Before the news: when it arrives, the next call may run at once.
        drop(ticket);
        back.push(Completion { request, outcome });
    }
}
