//! Strings that JavaScript writes part by part: each writing has a number, from its beginning until it is given to a key
//! or given up.

use std::collections::HashMap;

use skeg_engine::{Bound, Exec, Writing, WrittenString};
use skeg_io::sync::Arc;

use crate::calls;
use crate::environment::{Environment, Outcome};
use crate::error::Failure;
use crate::numbered::Numbered;
use crate::raw::{Frame, Function, Js, Value};
use crate::work::{DB, Deadline, Work, check_key, notify_set};

/// The writings of an open store, by their numbers.
#[derive(Default)]
pub(crate) struct Writings {
    open: Numbered<Writing>,
    written: HashMap<u32, Arc<WrittenString>>,
}

/// `beginWriting(handle, key)`: the number of a writing, for a string that the key is to get; `null` when there is no disk
/// to write it to.
pub(crate) struct BeginWriting;

impl Function<Environment> for BeginWriting {
    const NAME: &'static str = "beginWriting";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = begin_writing(state, frame);
        state.finish(frame, result)
    }
}

fn begin_writing<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let js = frame.js;
    let mut key = Vec::new();
    js.append_bytes(frame.argument(1), &mut key)?;
    check_key(&key)?;
    let database = state.database(frame.u32(0)?)?;
    Ok(match database.engine().begin_writing()? {
        Some(writing) => js.number(f64::from(database.writings.open.add(writing))),
        None => js.null(),
    })
}

/// `writePart(handle, writing, bytes)`: the number of the request; the one before must have ended.
pub(crate) struct WritePart;

impl Function<Environment> for WritePart {
    const NAME: &'static str = "writePart";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = write_part(state, frame);
        state.finish(frame, result)
    }
}

fn write_part<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let handle = frame.u32(0)?;
    let mut part = Vec::new();
    frame.js.append_bytes(frame.argument(2), &mut part)?;
    let back = state.back(handle);
    let request = back.request;
    let database = state.database(handle)?;
    let writing = database.writings.open.find(frame.u32(1)?)?;
    let wrote = move |done: Result<(), _>| {
        back.send(done.map(|()| Outcome::Written(skeg_engine::Epoch(0))).map_err(Failure::from));
    };
    database.engine().write_part(writing, part, Box::new(wrote));
    Ok(frame.js.number(f64::from(request)))
}

/// `endWriting(handle, writing)`: the number of the request; it ends when all of the string is on the disk.
pub(crate) struct EndWriting;

impl Function<Environment> for EndWriting {
    const NAME: &'static str = "endWriting";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = end_writing(state, frame);
        state.finish(frame, result)
    }
}

fn end_writing<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let (handle, number) = (frame.u32(0)?, frame.u32(1)?);
    let back = state.back(handle);
    let request = back.request;
    let database = state.database(handle)?;
    let writing = database.writings.open.find(number)?;
    let take = move |string: Result<Arc<WrittenString>, _>| {
        let wrote = |string| Outcome::WroteString { number, string };
        back.send(string.map(wrote).map_err(Failure::from));
    };
    database.engine().end_writing(writing, Box::new(take));
    Ok(frame.js.number(f64::from(request)))
}

/// Keeps a string that is on the disk, until it is given to a key or given up.
pub(crate) fn install<'e>(
    state: &mut Environment,
    js: Js<'e>,
    handle: u32,
    number: u32,
    string: Arc<WrittenString>,
) -> Result<Value<'e>, Failure> {
    let writings = &mut state.database(handle)?.writings;
    // Otherwise it was given up meanwhile.
    if writings.open.has(number) {
        writings.written.insert(number, string);
    }
    Ok(js.undefined())
}

/// `setWritten(handle, writing, key, deadline, ms, condition)`: gives a string that was written to its key, whether that
/// was there (condition 0), only if it was not (1), or only if it was (2). Whether it did; `ended()` tells.
pub(crate) struct SetWritten;

impl Function<Environment> for SetWritten {
    const NAME: &'static str = "setWritten";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = set_written(state, frame);
        state.finish_with_epoch(frame, result)
    }
}

fn set_written<'e>(
    state: &mut Environment,
    frame: &Frame<'e>,
) -> Result<(Value<'e>, f64), Failure> {
    let (handle, number) = (frame.u32(0)?, frame.u32(1)?);
    let mut key = Vec::new();
    frame.js.append_bytes(frame.argument(2), &mut key)?;
    check_key(&key)?;
    let deadline = Deadline::from_arguments(frame, 3)?;
    let condition = match frame.u32(5)? {
        0 => Condition::None,
        1 => Condition::Missing,
        _ => Condition::Present,
    };
    let writings = &mut state.database(handle)?.writings;
    writings.open.remove(number);
    let string = writings.written.remove(&number).ok_or_else(Failure::closed)?;
    let work = Work::WriteFile(GiveString { key, string, deadline, condition });
    calls::begin(state, frame, handle, work)
}

/// `giveUpWriting(handle, writing)`: what there is of it is removed.
pub(crate) struct GiveUpWriting;

impl Function<Environment> for GiveUpWriting {
    const NAME: &'static str = "giveUpWriting";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = give_up_writing(state, frame);
        state.finish(frame, result)
    }
}

fn give_up_writing<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let number = frame.u32(1)?;
    let database = state.database(frame.u32(0)?)?;
    database.writings.written.remove(&number);
    if let Some(writing) = database.writings.open.remove(number) {
        database.engine().give_up_writing(&writing);
    }
    Ok(frame.js.undefined())
}

/// When a string is given to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// In any case.
    None,
    /// The key is not there.
    Missing,
    /// The key is there.
    Present,
}

/// A string that was written, and what becomes of it.
pub(crate) struct GiveString {
    pub(crate) key: Vec<u8>,
    string: Arc<WrittenString>,
    deadline: Deadline,
    condition: Condition,
}

impl GiveString {
    /// The log space it needs.
    pub(crate) fn bound(&self) -> Bound {
        Bound::grow(self.key.len() as u64)
    }

    /// Stores it, unless the call has to wait: it is run again then. Whether it did.
    pub(crate) fn run(&self, exec: &mut Exec<'_>) -> bool {
        let Self { key, string, deadline, condition } = self;
        let expiry = deadline.expiry(exec.now_ms());
        exec.shard(key).want_change(DB, key);
        if exec.must_wait() {
            return false;
        }
        let shard = exec.shard(key);
        let is_wanted = match condition {
            Condition::None => true,
            Condition::Missing => !shard.exists(DB, key),
            Condition::Present => shard.exists(DB, key),
        };
        if is_wanted {
            shard.set_written(DB, key, string, expiry);
            notify_set(shard, key, expiry);
            exec.note_memory();
        }
        is_wanted
    }
}
