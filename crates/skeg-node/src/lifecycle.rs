//! Opening and closing databases, and collecting what has come back.
//!
//! Opening (which may replay a log) and closing (which syncs it) block, so each has a thread of its
//! own for as long as it takes.

use std::path::PathBuf;

use skeg_engine::{
    EngineOptions, EvictionPolicy, Grouping, Level, MemoryLimit, SavePoint, SyncPolicy,
};

use crate::calls::value_of;
use crate::database::Database;
use crate::environment::{Completion, Environment, Form, Outcome, Why};
use crate::error::Failure;
use crate::raw::{Frame, Function, Js, Value};
use crate::registry::{self, Target};
use crate::{reading, reply, serving, writing};

/// `open(kind, name, shards, level, flags, snapshotMs, snapshotWrites, inlineMax, cacheBytes, memoryMax,
/// keepSnapshots)`: the number of the request. The flags: 1 for read-only, 2 to create what is missing, in the next six bits the policy as
/// a place in [`EvictionPolicy::ALL`], in eight the delimiter of groups, and above them their depth. 0 writes stand for no snapshots by time,
/// 0 bytes of memory for no limit.
pub(crate) struct Open;

impl Function<Environment> for Open {
    const NAME: &'static str = "open";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = open(state, frame);
        state.finish(frame, result)
    }
}

fn open<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let target = match frame.u32(0)? {
        0 => Target::Directory(PathBuf::from(frame.text(1)?)),
        1 => Target::Named(frame.text(1)?),
        _ => Target::Private,
    };
    let (level, sync) = match frame.u32(3)? {
        0 => (Level::Memory, SyncPolicy::EverySecond),
        1 => (Level::Kernel, SyncPolicy::EverySecond),
        _ => (Level::Disk, SyncPolicy::Always),
    };
    let flags = frame.u32(4)?;
    let policy = EvictionPolicy::ALL.get((flags as usize >> 2) & 0x3f);
    let grouping = Grouping { delimiter: (flags >> 8) as u8, depth: (flags >> 16) as u8 };
    let snapshot = SavePoint { after_ms: frame.u32(5)?.into(), changes: frame.u32(6)?.into() };
    let options = EngineOptions {
        // 0 stands for `auto`; what does not fit is refused by the engine like any wrong count.
        shards: match frame.u32(2)? {
            0 => None,
            shards => Some(u16::try_from(shards).unwrap_or(u16::MAX)),
        },
        level,
        sync,
        read_only: flags & 1 != 0,
        create_if_missing: flags & 2 != 0,
        inline_max: frame.u32(7)? as usize,
        cache_bytes: frame.number(8)? as usize,
        memory_limit: MemoryLimit {
            max_bytes: frame.number(9)? as u64,
            policy: policy.copied().unwrap_or_default(),
            grouping,
            ..MemoryLimit::default()
        },
        keep_snapshots: frame.u32(10)? as usize,
        save_points: if snapshot.changes > 0 { vec![snapshot] } else { Vec::new() },
        ..EngineOptions::default()
    };
    in_background(state, frame, "skeg-open", move || {
        registry::open(target, &options).map(Outcome::Opened)
    })
}

/// `damage(handle)`: what opening has found damaged and done without, or null.
pub(crate) struct Damage;

impl Function<Environment> for Damage {
    const NAME: &'static str = "damage";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = damage(state, frame);
        state.finish(frame, result)
    }
}

fn damage<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let js = frame.js;
    let engine = state.database(frame.u32(0)?)?.engine();
    let Some(found) = engine.recovered().damaged_snapshots.first() else { return Ok(js.null()) };
    let (file, offset) = (found.file.display(), found.offset);
    let text = format!(
        "the snapshot {file} is damaged at offset {offset}: an older one was loaded, with all of the log behind it"
    );
    Ok(js.string(text.as_bytes()).unwrap_or_else(|| js.null()))
}

/// `close(handle)`: the number of the request.
pub(crate) struct Close;

impl Function<Environment> for Close {
    const NAME: &'static str = "close";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = close(state, frame);
        state.finish(frame, result)
    }
}

fn close<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let lease = state.remove(frame.u32(0)?)?.into_lease();
    in_background(state, frame, "skeg-close", move || {
        lease.close()?;
        Ok(Outcome::Closed)
    })
}

/// Runs blocking work on a thread of its own; its outcome comes back under the returned number.
pub(crate) fn in_background<'e>(
    state: &mut Environment,
    frame: &Frame<'e>,
    name: &str,
    work: impl FnOnce() -> Result<Outcome, Failure> + Send + 'static,
) -> Result<Value<'e>, Failure> {
    let back = state.back(0);
    let request = back.request;
    let thread = registry::io().threads.spawn(name, Box::new(move || back.send(work())));
    match thread {
        Ok(_) => Ok(frame.js.number(f64::from(request))),
        Err(error) => Err(Failure::new("ERR_BUSY", format!("cannot start a thread: {error}"))),
    }
}

/// `collect(most)`: up to so much of what has come back, as `request, state, value` one after the other. The state is
/// the epoch of a write, 0 for what waits for nothing, -1 for a failure whose value is
/// `[code, message]` or `[code, message, reply]`, -2 for a command that waits for keys: it ends later.
pub(crate) struct Collect;

impl Function<Environment> for Collect {
    const NAME: &'static str = "collect";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let js = frame.js;
        let most = frame.u32(0).map_or(usize::MAX, |most| most as usize);
        let completions = state.ring.collect(most);
        let mut values = Vec::with_capacity(completions.len() * 3);
        for Completion { handle, request, outcome } in completions {
            // Only those behind it are to know.
            if !matches!(outcome, Ok(Outcome::LetsBy(Why::Taken))) {
                let settled = outcome.and_then(|it| settle(state, js, handle, request, it));
                let (value, epoch) =
                    settled.unwrap_or_else(|failure| (describe(js, &failure), -1.0));
                values.extend([js.number(f64::from(request)), js.number(epoch), value]);
            }
            if let Ok(database) = state.database(handle) {
                database.ended(request);
            }
        }
        js.array(values.into_iter())
    }
}

fn settle<'e>(
    state: &mut Environment,
    js: Js<'e>,
    handle: u32,
    request: u32,
    outcome: Outcome,
) -> Result<(Value<'e>, f64), Failure> {
    match outcome {
        Outcome::Opened(lease) => {
            let database = Database::new(lease, &state.ring);
            Ok((js.number(f64::from(state.install(database)?)), 0.0))
        }
        Outcome::Listening(server) => {
            let value = serving::describe(js, request, &server);
            state.servers.insert(request, server);
            Ok((value, 0.0))
        }
        Outcome::Completed(completion) => {
            let take = |bytes: &[u8], form| reply::to_js(js, bytes, form);
            let resumed = state.database(handle)?.resume(request, completion, take);
            let (value, receipt) = resumed.ok_or_else(Failure::closed)?;
            Ok((value?, receipt.written.0 as f64))
        }
        Outcome::Reading(found) => Ok((reading::install(state, js, handle, found)?, 0.0)),
        Outcome::WroteString { number, string } => {
            Ok((writing::install(state, js, handle, number, string)?, 0.0))
        }
        Outcome::LetsBy(_) => Ok((js.undefined(), -2.0)),
        outcome => value_of(js, outcome),
    }
}

/// `failure()`: `[code, message]`, or `[code, message, reply]`, of the call that has just returned `undefined`.
pub(crate) struct TakeFailure;

impl Function<Environment> for TakeFailure {
    const NAME: &'static str = "failure";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let failure = state.take_failure();
        describe(frame.js, &failure)
    }
}

fn describe<'e>(js: Js<'e>, failure: &Failure) -> Value<'e> {
    let text = |text: &str| js.string(text.as_bytes()).unwrap_or_else(|| js.undefined());
    let reply = failure.reply.as_ref().and_then(|reply| reply::to_js(js, reply, Form::Bytes).ok());
    let told: Vec<_> =
        [text(failure.code), text(&failure.message)].into_iter().chain(reply).collect();
    js.array(told.into_iter())
}

/// `keepAlive(yes)`: whether the process must not end by itself.
pub(crate) struct KeepAlive;

impl Function<Environment> for KeepAlive {
    const NAME: &'static str = "keepAlive";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let yes = frame.u32(0).is_ok_and(|yes| yes != 0);
        state.ring.with_waker(|waker| {
            if yes {
                waker.keep_alive(frame.js);
            } else {
                waker.let_go(frame.js);
            }
        });
        frame.js.undefined()
    }
}
