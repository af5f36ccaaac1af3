//! Acknowledgements: which epochs have reached which level, and being told when more have.

use skeg_engine::{Epoch, Health, Level, Want};

use crate::environment::Environment;
use crate::error::Failure;
use crate::raw::{Frame, Function, Value};

const WAITING: i32 = 0;
const REACHED: i32 = 1;
const NEVER: i32 = 2;

/// `submit(handle, kernel, disk)`: once after a batch of calls. The arguments are the oldest epochs
/// that somebody waits for at each level, 0 for nobody. Returns 0 when the environment will be woken,
/// 1 when one of them has been reached already, 2 when one never will be.
pub(crate) struct Submit;

impl Function<Environment> for Submit {
    const NAME: &'static str = "submit";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = submit(state, frame);
        state.finish(frame, result)
    }
}

fn submit<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let epoch = |index| frame.number(index).map(|number| Epoch(number as u64));
    let (kernel, disk) = (epoch(1)?, epoch(2)?);
    let database = state.database(frame.u32(0)?)?;
    let mut answer = WAITING;
    if let (Some(log), Some(subscription)) = (database.log(), database.subscription()) {
        for (level, epoch) in [(Level::Kernel, kernel), (Level::Disk, disk)] {
            if epoch.0 > 0 {
                answer = answer.max(match subscription.want(level, epoch) {
                    Want::Waiting => WAITING,
                    Want::Reached => REACHED,
                    Want::Never => NEVER,
                });
            }
        }
        log.wake_writer();
    }
    Ok(frame.js.integer(answer))
}

/// `reached(handle)`: `[kernel, disk, last, failed]`: the newest epochs at each level, the newest of
/// all, and why no more will be reached, if so.
pub(crate) struct Reached;

impl Function<Environment> for Reached {
    const NAME: &'static str = "reached";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = reached(state, frame);
        state.finish(frame, result)
    }
}

fn reached<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let js = frame.js;
    let database = state.database(frame.u32(0)?)?;
    let Some(log) = database.log() else {
        let nothing = js.number(0.0);
        return Ok(js.array([nothing, nothing, nothing, js.null()].into_iter()));
    };
    // Read before the epochs: what was reached before the failure counts as reached.
    let status = log.status();
    let number = |epoch: Epoch| js.number(epoch.0 as f64);
    let failed = match status.health {
        Health::Poisoned => {
            let reason = status.reason.unwrap_or_default();
            js.string(reason.as_bytes()).unwrap_or_else(|| js.null())
        }
        _ => js.null(),
    };
    let (kernel, disk) = (log.reached(Level::Kernel), log.reached(Level::Disk));
    Ok(js.array([number(kernel), number(disk), number(log.last_epoch()), failed].into_iter()))
}
