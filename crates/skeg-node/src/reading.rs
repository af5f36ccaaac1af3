//! Strings that JavaScript reads part by part: each reading has a number, from its beginning until it is
//! given up.

use skeg_engine::Reading;
use skeg_io::sync::{Arc, Mutex};

use crate::database::Began;
use crate::environment::{Environment, Form, Outcome};
use crate::error::Failure;
use crate::raw::{Frame, Function, Js, Value};
use crate::work::{Work, check_key};

/// `beginReading(handle, key)`: the number of a reading and how many bytes the string has; `null` without
/// key. `ended()` tells whether that comes later.
pub(crate) struct BeginReading;

impl Function<Environment> for BeginReading {
    const NAME: &'static str = "beginReading";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = begin_reading(state, frame);
        state.finish_with_epoch(frame, result)
    }
}

fn begin_reading<'e>(
    state: &mut Environment,
    frame: &Frame<'e>,
) -> Result<(Value<'e>, f64), Failure> {
    let (js, handle) = (frame.js, frame.u32(0)?);
    let mut key = Vec::new();
    js.append_bytes(frame.argument(1), &mut key)?;
    check_key(&key)?;
    let back = state.back(handle);
    let request = back.request;
    let work = Work::BeginReading { key, found: Mutex::new(None) };
    match state.database(handle)?.begin(work, || back)? {
        Began::Done(outcome, _) => match outcome? {
            Outcome::Reading(found) => Ok((install(state, js, handle, found)?, 0.0)),
            _ => Ok((js.undefined(), 0.0)),
        },
        Began::Pending => Ok((js.undefined(), -f64::from(request))),
    }
}

/// What JavaScript gets of a reading that has begun, if there is anything to read.
pub(crate) fn install<'e>(
    state: &mut Environment,
    js: Js<'e>,
    handle: u32,
    found: Option<Reading>,
) -> Result<Value<'e>, Failure> {
    let Some(reading) = found else { return Ok(js.null()) };
    let bytes = js.number(reading.len() as f64);
    let number = state.database(handle)?.readings.add(Arc::new(reading));
    Ok(js.array([js.number(f64::from(number)), bytes].into_iter()))
}

/// `readPart(handle, reading, start, bytes)`: the number of the request; it ends with bytes from there on,
/// no more than so many.
pub(crate) struct ReadPart;

impl Function<Environment> for ReadPart {
    const NAME: &'static str = "readPart";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = read_part(state, frame);
        state.finish(frame, result)
    }
}

fn read_part<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let handle = frame.u32(0)?;
    let (start, bytes) = (frame.u32(2)? as usize, frame.u32(3)? as usize);
    let back = state.back(handle);
    let request = back.request;
    let database = state.database(handle)?;
    let reading = database.readings.find(frame.u32(1)?)?;
    let take = move |part: Result<Arc<[u8]>, _>| {
        let read =
            |bytes: Arc<[u8]>| Outcome::Read { value: Some(bytes.to_vec()), form: Form::Bytes };
        back.send(part.map(read).map_err(Failure::from));
    };
    database.engine().read_part(reading, start..start.saturating_add(bytes), Box::new(take));
    Ok(frame.js.number(f64::from(request)))
}

/// `endReading(handle, reading)`.
pub(crate) struct EndReading;

impl Function<Environment> for EndReading {
    const NAME: &'static str = "endReading";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = end_reading(state, frame);
        state.finish(frame, result)
    }
}

fn end_reading<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let number = frame.u32(1)?;
    state.database(frame.u32(0)?)?.readings.remove(number);
    Ok(frame.js.undefined())
}
