//! The two calls that most programs make most: reading and writing a string. They go around the
//! command table, to the same engine calls that its GET and SET make.

use skeg_engine::{Bound, Refusal};

use crate::environment::{Environment, Form};
use crate::error::Failure;
use crate::raw::{Frame, Function, Value};
use crate::work::{self, Deadline, Work, check_key, check_value, write_bound};

/// Bits of the mode argument of calls that return values.
pub(crate) const MODE_BYTES: u32 = 1;
const MODE_SYNC: u32 = 2;

/// The form that a mode asks for.
pub(crate) fn form_of(mode: u32) -> Form {
    if mode & MODE_BYTES == 0 { Form::Text } else { Form::Bytes }
}

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
    let (handle, mode) = (frame.u32(0)?, frame.u32(2)?);
    let (database, scratch) = state.database_and_scratch(handle)?;
    scratch.clear();
    js.append_bytes(frame.argument(1), &mut scratch.key)?;
    check_key(&scratch.key)?;
    let shard = database.engine().shard_of(&scratch.key);
    let sync = mode & MODE_SYNC != 0;
    let held = if sync { database.try_hold_for_sync(shard) } else { database.try_hold(shard) };
    if held? {
        let ran = database
            .holder
            .run_one(shard, Bound::READ, |exec| work::read(exec, &scratch.key, &mut scratch.value));
        database.holder.release();
        // It waits for the disk otherwise.
        if !matches!(ran, Err(Refusal::Wait)) {
            let (found, _) = ran?;
            // The latch is free again: making a string may collect garbage.
            return if found? { form_of(mode).of(js, &scratch.value) } else { Ok(js.null()) };
        }
    }
    if sync {
        return Err(Failure::would_block());
    }
    let work = Work::Read { key: scratch.key.clone(), form: form_of(mode), watching: None };
    let back = state.back(handle);
    let request = back.request;
    state.database(handle)?.queue(work, back)?;
    Ok(js.number(f64::from(request)))
}

/// `set(handle, key, value, deadline, ms)`: the epoch to wait for, 0 when there is none; the
/// negative of a request when it is made later.
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
    let deadline = Deadline::from_arguments(frame, 3)?;
    let handle = frame.u32(0)?;
    let (database, scratch) = state.database_and_scratch(handle)?;
    scratch.clear();
    js.append_bytes(frame.argument(1), &mut scratch.key)?;
    js.append_bytes(frame.argument(2), &mut scratch.value)?;
    check_key(&scratch.key)?;
    check_value(&scratch.value)?;
    database.make_room()?;
    let shard = database.engine().shard_of(&scratch.key);
    if database.try_hold(shard)? {
        let bound = write_bound(&scratch.key, &scratch.value);
        let ran = database.holder.run_one(shard, bound, |exec| {
            work::write(exec, &scratch.key, &scratch.value, deadline);
        });
        database.holder.release();
        match ran {
            Ok(((), receipt)) => return Ok(js.number(receipt.written.0 as f64)),
            Err(Refusal::Wait) => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    let work = Work::Write { key: scratch.key.clone(), value: scratch.value.clone(), deadline };
    let back = state.back(handle);
    let request = back.request;
    state.database(handle)?.queue(work, back)?;
    Ok(js.number(-f64::from(request)))
}
