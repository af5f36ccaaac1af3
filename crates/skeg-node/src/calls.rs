//! Calls beyond reading and writing a string: commands of the table, and optimistic transactions.

use skeg_engine::Epoch;

use crate::changes::Changes;
use crate::database::{Began, Call};
use crate::environment::{Environment, Outcome};
use crate::error::Failure;
use crate::keys::form_of;
use crate::raw::{Frame, Function, Js, Unsuitable, Value};
use crate::reply;
use crate::work::{Work, check_key};

/// Bit of the mode of [`Command`]: all its keys are on one shard.
const MODE_LOCAL: u32 = 4;
/// Bit of the mode of [`Watch`]: it reads nothing.
const MODE_UNREAD: u32 = 8;

/// `command(handle, mode, args)`: the reply; `undefined` when it failed or comes later. `ended()`
/// tells, and which epoch it wrote.
pub(crate) struct Command;

impl Function<Environment> for Command {
    const NAME: &'static str = "command";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = command(state, frame);
        state.finish_with_epoch(frame, result)
    }
}

fn command<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<(Value<'e>, f64), Failure> {
    let js = frame.js;
    let (handle, mode) = (frame.u32(0)?, frame.u32(1)?);
    let call = Call { form: form_of(mode), is_local: mode & MODE_LOCAL != 0 };
    let back = state.back(handle);
    let request = back.request;
    let (database, scratch) = state.database_and_scratch(handle)?;
    database.args.clear();
    let mut arguments = |value| {
        scratch.key.clear();
        js.append_bytes(value, &mut scratch.key)?;
        database.args.push(&scratch.key);
        Ok::<(), Failure>(())
    };
    js.each_element(frame.argument(2), &mut arguments).ok_or(Unsuitable::Type)??;
    match database.command(call, || back, |reply| reply::to_js(js, reply, call.form)) {
        Began::Done(value, receipt) => Ok((value?, receipt.written.0 as f64)),
        Began::Pending => Ok((js.undefined(), -f64::from(request))),
    }
}

/// `callOff(handle, request)`: the command ends with an error, if it waits for keys or would have to;
/// 0: every command does, also those to come.
pub(crate) struct CallOff;

impl Function<Environment> for CallOff {
    const NAME: &'static str = "callOff";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = call_off(state, frame);
        state.finish(frame, result)
    }
}

fn call_off<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let (database, request) = (state.database(frame.u32(0)?)?, frame.u32(1)?);
    match request {
        0 => database.end_waits(),
        request => database.call_off(request),
    }
    Ok(frame.js.undefined())
}

/// `ended()`: how the last call of `command` or `commit` ended: the epoch it wrote (0: none), the
/// negative of its request when it has not ended, NaN when it failed.
pub(crate) struct Ended;

impl Function<Environment> for Ended {
    const NAME: &'static str = "ended";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        frame.js.number(state.last_epoch)
    }
}

/// `watch(handle, transaction, key, mode)`: reads as `get` does, unless told not to, and notices from then on when the
/// key changes. A transaction has a number that its caller chose.
pub(crate) struct Watch;

impl Function<Environment> for Watch {
    const NAME: &'static str = "watch";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = watch(state, frame);
        state.finish_with_epoch(frame, result)
    }
}

fn watch<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<(Value<'e>, f64), Failure> {
    let (handle, transaction) = (frame.u32(0)?, frame.u32(1)?);
    let mut key = Vec::new();
    frame.js.append_bytes(frame.argument(2), &mut key)?;
    check_key(&key)?;
    let mode = frame.u32(3)?;
    let watching = state.database(handle)?.watchings.of(transaction);
    let work = if mode & MODE_UNREAD == 0 {
        Work::Read { key, form: form_of(mode), watching: Some(watching) }
    } else {
        Work::Watch { key, watching }
    };
    begin(state, frame, handle, work)
}

/// `commit(handle, transaction, changes)`: makes the changes, all or none, unless something that the
/// transaction (0: none) has read was changed since. Returns nothing; `ended()` tells.
pub(crate) struct Commit;

impl Function<Environment> for Commit {
    const NAME: &'static str = "commit";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = commit(state, frame);
        state.finish_with_epoch(frame, result)
    }
}

fn commit<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<(Value<'e>, f64), Failure> {
    let (handle, transaction) = (frame.u32(0)?, frame.u32(1)?);
    let author = state.database(handle)?.author();
    let changes = Changes::from_js(frame.js, frame.argument(2), author)?;
    let watching = state.database(handle)?.watchings.get(transaction);
    begin(state, frame, handle, Work::Commit { changes, watching })
}

/// `release(handle, transaction)`: the transaction is over.
pub(crate) struct Release;

impl Function<Environment> for Release {
    const NAME: &'static str = "release";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = release(state, frame);
        state.finish_with_epoch(frame, result)
    }
}

fn release<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<(Value<'e>, f64), Failure> {
    let (handle, transaction) = (frame.u32(0)?, frame.u32(1)?);
    match state.database(handle)?.watchings.remove(transaction) {
        Some(watching) => begin(state, frame, handle, Work::Release { watching }),
        None => Ok((frame.js.undefined(), 0.0)),
    }
}

pub(crate) fn begin<'e>(
    state: &mut Environment,
    frame: &Frame<'e>,
    handle: u32,
    work: Work,
) -> Result<(Value<'e>, f64), Failure> {
    let js = frame.js;
    let back = state.back(handle);
    let request = back.request;
    match state.database(handle)?.begin(work, || back)? {
        Began::Done(outcome, _) => value_of(js, outcome?),
        Began::Pending => Ok((js.undefined(), -f64::from(request))),
    }
}

/// The value and the epoch of what ended.
pub(crate) fn value_of<'e>(js: Js<'e>, outcome: Outcome) -> Result<(Value<'e>, f64), Failure> {
    let epoch = |epoch: Epoch| epoch.0 as f64;
    Ok(match outcome {
        Outcome::Written(written) => (js.undefined(), epoch(written)),
        Outcome::Given { made, written } => (js.boolean(made), epoch(written)),
        Outcome::Read { value: None, .. } => (js.null(), 0.0),
        Outcome::Read { value: Some(value), form } => (form.of(js, &value)?, 0.0),
        Outcome::Replied { reply, form, written } => {
            (reply::to_js(js, &reply, form)?, epoch(written))
        }
        // These need the environment, which takes them before.
        Outcome::Opened(_)
        | Outcome::Reading(_)
        | Outcome::WroteString { .. }
        | Outcome::Closed
        | Outcome::LetsBy(_)
        | Outcome::Completed(_)
        | Outcome::Listening(_) => (js.undefined(), 0.0),
    })
}
