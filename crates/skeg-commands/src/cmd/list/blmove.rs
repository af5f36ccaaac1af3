//! BLMOVE.

use skeg_engine::{Bound, End, Exec, Kind};
use skeg_proto::{Args, Reply};

use crate::blocking::{Blocking, Plan};
use crate::cmd::list::moving;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "blmove",
    arity: 6,
    flags: Flags::GROW.with(Flags::NOSCRIPT).with(Flags::BLOCKING),
    keys: Keys::Each(&[
        KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
        KeyFlags::RW.with(KeyFlags::INSERT),
    ]),
    categories: &[Category::Write, Category::List, Category::Slow, Category::Blocking],
    group: Group::List,
    since: "6.2.0",
    summary: "Moves an item from an end of a list to an end of another, or waits for one",
    complexity: "O(log(N))",
    syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
    tips: &[],
    bound: BoundRule::Stored(stored_bytes),
    run: Handler::Blocking(&Blocking { kind: Kind::List, plan, take, room, nothing: Reply::null }),
};

fn plan(args: Args<'_>) -> Result<Plan, CommandError> {
    moving::ends(args, 3)?;
    Ok(Plan { keys: 1..2, timeout: 5 })
}

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let ends = moving::ends(args, 3);
    ends.map_or(0, |(from, _)| moving::stored_bytes(exec, cx.db(), args.get(1), from))
}

fn room(exec: &mut Exec<'_>, db: u8, args: Args<'_>, key: &[u8]) -> Bound {
    // The options were read before the wait began.
    let from = moving::ends(args, 3).map_or(End::Front, |(from, _)| from);
    moving::room(exec, db, (key, from), args.get(2))
}

fn take(
    exec: &mut Exec<'_>,
    cx: &mut Cx<'_>,
    args: Args<'_>,
    key: &[u8],
    reply: &mut Reply,
) -> Outcome {
    let (from, to) = moving::ends(args, 3)?;
    moving::transfer(exec, cx, (key, from), (args.get(2), to), reply)
}
