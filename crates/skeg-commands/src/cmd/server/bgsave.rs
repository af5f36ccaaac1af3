//! BGSAVE and BGREWRITEAOF: both take a snapshot, after which the log before it is not needed any more.

use skeg_engine::{Refusal, SnapshotError};
use skeg_log::ErrorKind;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "bgsave",
    arity: -1,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "1.0.0",
    summary: "Takes a snapshot in the background",
    complexity: "O(1); the snapshot O(n)",
    syntax: "[SCHEDULE]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(run),
};

pub(crate) const REWRITE_SPEC: Spec = Spec {
    name: "bgrewriteaof",
    arity: 1,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "1.0.0",
    summary: "Takes a snapshot in the background, which makes the log before it superfluous",
    complexity: "O(1); the snapshot O(n)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(rewrite),
};

fn run(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let scheduled = match args.len() {
        1 => false,
        2 if args.get(1).eq_ignore_ascii_case(b"schedule") => true,
        _ => return Err(CommandError::SYNTAX),
    };
    let engine = cx.context.engine();
    let started = if scheduled { engine.schedule_snapshot() } else { engine.start_snapshot() };
    match started.map_err(refused)? {
        true => reply.simple("Background saving started"),
        false if scheduled => reply.simple("Background saving scheduled"),
        false => {
            return Err(CommandError::constant("ERR Background save already in progress"));
        }
    }
    Ok(())
}

fn rewrite(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    match cx.context.engine().schedule_snapshot().map_err(refused)? {
        true => reply.simple("Background append only file rewriting started"),
        false => reply.simple("Background append only file rewriting scheduled"),
    }
    Ok(())
}

/// Why there is no snapshot, as a client reads it.
pub(super) fn refused(error: SnapshotError) -> CommandError {
    match error {
        SnapshotError::Refused(refusal) => refusal.into(),
        SnapshotError::ReadOnly => Refusal::ReadOnly.into(),
        SnapshotError::NoThread => CommandError::owned(format!("BUSY {error}")),
        SnapshotError::Failed { kind: ErrorKind::Full, reason } => {
            CommandError::owned(format!("NOSPACE {reason}"))
        }
        SnapshotError::Failed { reason, .. } => CommandError::owned(format!("MISCONF {reason}")),
        other => CommandError::owned(format!("ERR {other}")),
    }
}
