//! CLIENT PAUSE, UNPAUSE and UNBLOCK.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::pause::Paused;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const PAUSE_SPEC: Spec = Spec {
    name: "client|pause",
    arity: -3,
    flags: Flags::ADMIN.with(Flags::SERVICE),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous, Category::Connection],
    group: Group::Connection,
    since: "3.0.0",
    summary: "Makes the commands of clients wait for a time",
    complexity: "O(1)",
    syntax: "timeout [WRITE | ALL]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(pause),
};

pub(crate) const UNPAUSE_SPEC: Spec = Spec {
    name: "client|unpause",
    arity: 2,
    since: "6.2.0",
    summary: "Ends the pause of clients",
    complexity: "O(N) for N clients that wait",
    syntax: "",
    run: Handler::Session(unpause),
    ..PAUSE_SPEC
};

pub(crate) const UNBLOCK_SPEC: Spec = Spec {
    name: "client|unblock",
    since: "5.0.0",
    summary: "Ends the waiting of a client in a blocking command",
    syntax: "client-id [TIMEOUT | ERROR]",
    run: Handler::Session(unblock),
    ..PAUSE_SPEC
};

fn pause(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let paused = match args.try_get(3) {
        None => Paused::All,
        Some(mode) => match parse::one_of(mode, "ALL", "WRITE") {
            Some(true) => Paused::All,
            Some(false) => Paused::Writes,
            None => {
                let text = "ERR CLIENT PAUSE mode must be WRITE or ALL";
                return Err(CommandError::constant(text));
            }
        },
    };
    if args.len() > 4 {
        return Err(CommandError::SYNTAX);
    }
    let timeout_ms = parse::integer(args.get(2))
        .ok_or(CommandError::constant("ERR timeout is not an integer or out of range"))?;
    let timeout_ms =
        u64::try_from(timeout_ms).map_err(|_| CommandError::constant("ERR timeout is negative"))?;
    // Rounded up: no pause is shorter than asked.
    let now_ms = cx.context.clock().monotonic_ns().div_ceil(1_000_000);
    cx.context.pause().begin(cx.engine(), paused, now_ms.saturating_add(timeout_ms));
    reply.ok();
    Ok(())
}

fn unpause(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    if cx.context.pause().end(cx.engine()) {
        cx.context.host().unpaused();
    }
    reply.ok();
    Ok(())
}

fn unblock(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let is_timeout = match args.try_get(3) {
        None => Some(true),
        Some(word) => parse::one_of(word, "TIMEOUT", "ERROR"),
    };
    let is_timeout = is_timeout
        .ok_or(CommandError::constant("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"))?;
    if args.len() > 4 {
        return Err(CommandError::SYNTAX);
    }
    let id = u64::try_from(parse::int_arg(args.get(2))?).ok();
    let client = id.and_then(|id| cx.context.clients().get(id));
    let waiter = client.and_then(|client| client.waiter());
    let unblocked = waiter.is_some_and(|waiter| match is_timeout {
        true => cx.engine().time_out(&waiter),
        false => cx.engine().call_off(&waiter),
    });
    reply.int(i64::from(unblocked));
    Ok(())
}
