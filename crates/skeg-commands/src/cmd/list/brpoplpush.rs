//! BRPOPLPUSH.

use skeg_engine::{Bound, End, Exec, Kind};
use skeg_proto::{Args, Reply};

use crate::blocking::{Blocking, Plan};
use crate::cmd::list::moving;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "brpoplpush",
    arity: 4,
    flags: Flags::GROW.with(Flags::NOSCRIPT).with(Flags::BLOCKING),
    keys: Keys::Each(&[
        KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
        KeyFlags::RW.with(KeyFlags::INSERT),
    ]),
    categories: &[Category::Write, Category::List, Category::Slow, Category::Blocking],
    group: Group::List,
    since: "2.2.0",
    summary: "Moves the last item of a list to the front of another, or waits for one",
    complexity: "O(log(N))",
    syntax: "source destination timeout",
    tips: &[],
    bound: BoundRule::Stored(stored_bytes),
    run: Handler::Blocking(&Blocking { kind: Kind::List, plan, take, room, nothing: Reply::null }),
};

fn plan(args: Args<'_>) -> Result<Plan, CommandError> {
    let timeout = args.len() - 1;
    Ok(Plan { keys: 1..2, timeout })
}

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    moving::stored_bytes(exec, cx.db(), args.get(1), End::Back)
}

fn room(exec: &mut Exec<'_>, db: u8, args: Args<'_>, key: &[u8]) -> Bound {
    moving::room(exec, db, (key, End::Back), args.get(2))
}

fn take(
    exec: &mut Exec<'_>,
    cx: &mut Cx<'_>,
    args: Args<'_>,
    key: &[u8],
    reply: &mut Reply,
) -> Outcome {
    moving::transfer(exec, cx, (key, End::Back), (args.get(2), End::Front), reply)
}
