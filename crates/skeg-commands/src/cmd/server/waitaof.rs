//! WAITAOF. There are no replicas, so that waiting for one ends with the timeout.

use skeg_io::sync::Arc;
use skeg_proto::{Args, Reply};

use crate::error::CommandError;
use crate::flow::Flow;
use crate::parse;
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};
use crate::wait::{self, Waiter};

pub(crate) const SPEC: Spec = Spec {
    name: "waitaof",
    arity: 4,
    flags: Flags::NOSCRIPT.with(Flags::BLOCKING).with(Flags::NO_MULTI),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Blocking, Category::Connection],
    group: Group::Server,
    since: "7.2.0",
    summary: "Waits until what this connection wrote is durable on this server, and on replicas",
    complexity: "O(1)",
    syntax: "numlocal numreplicas timeout",
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

fn run(turn: &mut Turn<'_>, args: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    let local = parse::int_between(args.get(1), 0, 1)?;
    let replicas = parse::int_arg(args.get(2))?;
    if replicas < 0 {
        return Err(CommandError::constant("ERR value is out of range, must be positive"));
    }
    let timeout_ms = parse::integer(args.get(3))
        .ok_or(CommandError::constant("ERR timeout is not an integer or out of range"))?;
    let timeout_ms =
        u64::try_from(timeout_ms).map_err(|_| CommandError::constant("ERR timeout is negative"))?;
    let session = &mut *turn.session;
    let Some(log) = session.context.engine().log() else {
        if local == 1 {
            return Err(CommandError::constant(
                "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
            ));
        }
        wait::write_reply(reply, false);
        return Ok(Flow::done());
    };
    let durable = wait::is_durable(log, session.written);
    if replicas == 0 && (local == 0 || durable) {
        wait::write_reply(reply, durable);
        return Ok(Flow::done());
    }
    // Rounded up: nobody waits for less than he asked.
    let now_ms = session.context.clock().monotonic_ns().div_ceil(1_000_000);
    session.context.waiters().add(Waiter {
        epoch: session.written,
        local_only: replicas == 0,
        deadline_ms: (timeout_ms > 0).then(|| now_ms.saturating_add(timeout_ms)),
        state: session.state,
        complete: Arc::clone(turn.complete),
    })?;
    session.client.note_blocked(true);
    turn.holder.release();
    Ok(Flow::Pending)
}
