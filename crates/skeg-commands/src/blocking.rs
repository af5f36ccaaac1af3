//! Commands that wait for their keys: BLPOP and its relatives.
//!
//! Such a command looks at its keys in their order. The first that holds something serves it at once;
//! otherwise it waits, registered at all of them, and the engine serves it in the record of whatever
//! makes one of them ready. Inside a transaction it never waits.
//!
//! Invariants: only a key of another type that is there when the command starts is an error; one that
//! comes later leaves the client waiting. Nobody overtakes a client that waits for a key already.
//!
//! May not know: what the commands take from their keys.

use std::ops::Range;

use skeg_engine::{
    Blocked, Bound, Exec, Holder, Job, Kind, Progress, Receipt, Refusal, ShardList, Wait, WaitEnd,
    WrongType,
};
use skeg_io::sync::Arc;
use skeg_proto::{Args, ArgsBuf, Reply};

use crate::bounds;
use crate::cx::{Cx, State};
use crate::delegate::Return;
use crate::dispatch::{self, Failed};
use crate::error::CommandError;
use crate::flow::{Complete, Flow};
use crate::number;
use crate::session::Session;
use crate::spec::{Outcome, Spec};

/// What a command that waits declares beside its [`Spec`].
#[derive(Debug)]
pub struct Blocking {
    /// What one of its keys must hold.
    pub kind: Kind,
    /// Checks its options and finds what it waits for.
    pub plan: fn(Args<'_>) -> Result<Plan, CommandError>,
    /// Takes something from the key, which holds such a value, and replies with it.
    pub take: TakeHandler,
    /// The log space for that.
    pub room: fn(&mut Exec<'_>, u8, Args<'_>, &[u8]) -> Bound,
    /// Replies when there is nothing and it does not wait.
    pub nothing: fn(&mut Reply),
}

/// Takes something from a key under the latches of all that it touches.
pub type TakeHandler = fn(&mut Exec<'_>, &mut Cx<'_>, Args<'_>, &[u8], &mut Reply) -> Outcome;

/// What a command waits for, as indexes of its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The keys that it may take from. Its other keys must be there to be written to.
    pub keys: Range<usize>,
    /// How long, in seconds; 0: for ever.
    pub timeout: usize,
}

impl Plan {
    /// All arguments are keys, but the last.
    pub(crate) fn keys_and_timeout(args: Args<'_>) -> Result<Self, CommandError> {
        Ok(Self { keys: 1..args.len() - 1, timeout: args.len() - 1 })
    }
}

/// How a look at the keys ended.
enum Looked {
    /// Something was taken and replied with.
    Replied,
    /// There is nothing.
    Nothing(Plan, Option<u64>),
}

impl Blocking {
    /// Takes from the first key that holds something; from none that others wait for already, if it can
    /// wait itself.
    fn look(
        &self,
        exec: &mut Exec<'_>,
        cx: &mut Cx<'_>,
        args: Args<'_>,
        reply: &mut Reply,
        may_wait: bool,
    ) -> Result<Looked, CommandError> {
        let plan = (self.plan)(args)?;
        let timeout_ms = timeout_ms(args.get(plan.timeout))?;
        for key in plan.keys.clone().map(|index| args.get(index)) {
            let (db, shard) = (cx.db(), exec.shard(key));
            match shard.kind(db, key) {
                None => {}
                Some(kind) if kind != self.kind => return Err(WrongType.into()),
                Some(kind) if may_wait && shard.has_waiter(db, key, kind) => {}
                Some(_) => {
                    (self.take)(exec, cx, args, key, reply)?;
                    exec.note_memory();
                    return Ok(Looked::Replied);
                }
            }
        }
        Ok(Looked::Nothing(plan, timeout_ms))
    }

    /// As by itself, but without waiting.
    pub(crate) fn try_once(
        &'static self,
        spec: &'static Spec,
        exec: &mut Exec<'_>,
        cx: &mut Cx<'_>,
        args: Args<'_>,
        reply: &mut Reply,
    ) -> Outcome {
        if let Looked::Nothing(..) = look_first(spec, self, exec, cx, args, reply)? {
            (self.nothing)(reply);
        }
        Ok(())
    }

    /// As part of a transaction: without waiting.
    pub(crate) fn run_once(
        &self,
        exec: &mut Exec<'_>,
        cx: &mut Cx<'_>,
        args: Args<'_>,
        reply: &mut Reply,
    ) -> Outcome {
        if let Looked::Nothing(..) = self.look(exec, cx, args, reply, false)? {
            (self.nothing)(reply);
        }
        Ok(())
    }
}

/// The time that a command waits at most, in milliseconds; `None`: there is no limit.
fn timeout_ms(text: &[u8]) -> Result<Option<u64>, CommandError> {
    let seconds = number::double(text)
        .ok_or(CommandError::constant("ERR timeout is not a float or out of range"))?;
    let ms = (seconds * 1_000.0).ceil();
    if ms > i64::MAX as f64 {
        return Err(CommandError::constant("ERR timeout is out of range"));
    }
    if ms < 0.0 {
        return Err(CommandError::constant("ERR timeout is negative"));
    }
    Ok((ms > 0.0).then_some(ms as u64))
}

/// Reserves what the stored values make the command write, then looks at its keys.
fn look_first(
    spec: &'static Spec,
    blocking: &'static Blocking,
    exec: &mut Exec<'_>,
    cx: &mut Cx<'_>,
    args: Args<'_>,
    reply: &mut Reply,
) -> Result<Looked, CommandError> {
    dispatch::want_changes(spec, exec, cx, args)?;
    if let Some(bound) = spec.bound.stored(exec, cx, args) {
        exec.reserve(bound)?;
    }
    blocking.look(exec, cx, args, reply, true)
}

/// Registers the client at its keys.
fn wait(
    blocking: &'static Blocking,
    exec: &mut Exec<'_>,
    mut back: Return,
    args: ArgsBuf,
    plan: Plan,
    timeout_ms: Option<u64>,
) {
    let (db, words) = (back.state.db, args.as_args());
    back.show(words);
    let engine = back.context.engine().clone();
    let keys: Vec<Box<[u8]>> = plan.keys.map(|index| words.get(index).into()).collect();
    // What serving touches beside the key that is ready: where an element is moved to.
    let all = back.spec.keys.positions(words).map(|index| words.get(index));
    let others = all.filter(|key| !keys.iter().any(|own| **own == **key));
    let also = others.map(|key| engine.shard_of(key)).collect();
    let now_ms = back.context.clock().monotonic_ns().div_ceil(1_000_000);
    let request = Arc::new(Request { blocking, args });
    let for_room = Arc::clone(&request);
    let (client, complete) = (Arc::clone(&back.client), Arc::clone(&back.complete));
    client.note_blocked(true);
    complete.blocked();
    client.wait(&engine, || {
        exec.wait(Wait {
            db,
            keys,
            kind: blocking.kind,
            also,
            deadline_ms: timeout_ms.map(|timeout_ms| now_ms.saturating_add(timeout_ms)),
            room: Box::new(move |exec, key| {
                (blocking.room)(exec, db, for_room.args.as_args(), key)
            }),
            blocked: Box::new(Popping { request, back, failed: false }),
        })
    });
}

/// The command of a client that waits.
struct Request {
    blocking: &'static Blocking,
    args: ArgsBuf,
}

/// A client that waits, as its claim sees it.
struct Popping {
    request: Arc<Request>,
    back: Return,
    failed: bool,
}

impl Blocked for Popping {
    fn serve(&mut self, exec: &mut Exec<'_>, key: &[u8]) {
        let Request { blocking, args } = &*self.request;
        let (mut cx, reply) = self.back.parts();
        let outcome = (blocking.take)(exec, &mut cx, args.as_args(), key, reply);
        exec.note_memory();
        if let Err(error) = outcome {
            reply.clear();
            error.write_to(reply);
            self.failed = true;
        }
    }

    fn end(mut self: Box<Self>, end: WaitEnd) {
        let outcome = match end {
            WaitEnd::Served(receipt) => Ok(receipt),
            WaitEnd::TimedOut(receipt) => {
                self.back.reply.null_array();
                Ok(receipt)
            }
            WaitEnd::CalledOff => {
                Err(CommandError::constant("UNBLOCKED client unblocked via CLIENT UNBLOCK"))
            }
            WaitEnd::Refused(refusal) => Err(refusal.into()),
        };
        if self.failed || outcome.is_err() {
            self.back.count_failure();
        }
        self.back.send(outcome);
    }

    fn is_gone(&self) -> bool {
        self.back.complete.is_gone()
    }
}

impl Session {
    /// Runs a command that may wait for its keys.
    pub(crate) fn try_or_wait(
        &mut self,
        spec: &'static Spec,
        blocking: &'static Blocking,
        holder: &mut Holder,
        args: Args<'_>,
        reply: &mut Reply,
        complete: &Arc<dyn Complete>,
    ) -> Result<Flow, Failed> {
        let shards = dispatch::shards_of(spec, args, holder.engine());
        let bound = bounds::bound_of(spec, args);
        if holder.try_hold(&shards)? {
            let mut waits = false;
            let outcome = holder.run(&shards, bound, |exec| {
                let cx = &mut self.cx(spec);
                if let Looked::Nothing(plan, timeout_ms) =
                    look_first(spec, blocking, exec, cx, args, reply)?
                {
                    let back = self.back(spec, complete);
                    wait(blocking, exec, back, args.to_buf(), plan, timeout_ms);
                    waits = true;
                }
                Ok(())
            });
            if waits {
                return Ok(Flow::Pending);
            }
            if let Some(flow) = dispatch::finished(outcome)? {
                return Ok(flow);
            }
        }
        let back = self.back(spec, complete);
        let before = back.state;
        let job = Delegated {
            blocking,
            args: args.to_buf(),
            shards,
            bound,
            before,
            failed: false,
            back: Some(back),
        };
        Ok(dispatch::post(holder, Box::new(job)))
    }
}

/// Such a command on its way to its shards.
struct Delegated {
    blocking: &'static Blocking,
    args: ArgsBuf,
    shards: ShardList,
    bound: Bound,
    /// The state that every run starts from.
    before: State,
    failed: bool,
    /// Gone when the client waits.
    back: Option<Return>,
}

impl Job for Delegated {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        self.bound
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        let Some(mut back) = self.back.take() else { return Progress::Done };
        let (spec, args) = (back.spec, self.args.as_args());
        back.start_again(self.before);
        let (mut cx, reply) = back.parts();
        match look_first(spec, self.blocking, exec, &mut cx, args, reply) {
            Ok(Looked::Nothing(plan, timeout_ms)) => {
                wait(self.blocking, exec, back, self.args.clone(), plan, timeout_ms);
                return Progress::Done;
            }
            Ok(Looked::Replied) => self.failed = false,
            Err(error) => {
                reply.clear();
                error.write_to(reply);
                self.failed = true;
            }
        }
        if !exec.must_wait() {
            back.show(args);
        }
        self.back = Some(back);
        Progress::Done
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        let Some(back) = self.back else { return };
        if self.failed || outcome.is_err() {
            back.count_failure();
        }
        back.send(outcome.map_err(CommandError::Refused));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_seconds_rounded_up_to_milliseconds() {
        for (text, ms) in
            [("0", None), ("0.0", None), ("-0", None), ("1", Some(1_000)), ("0.0001", Some(1))]
        {
            assert_eq!(timeout_ms(text.as_bytes()), Ok(ms), "{text}");
        }
        for (text, error) in [
            ("x", "ERR timeout is not a float or out of range"),
            ("nan", "ERR timeout is not a float or out of range"),
            ("-1", "ERR timeout is negative"),
            ("inf", "ERR timeout is out of range"),
            ("1e300", "ERR timeout is out of range"),
        ] {
            assert_eq!(timeout_ms(text.as_bytes()), Err(CommandError::constant(error)), "{text}");
        }
    }
}
