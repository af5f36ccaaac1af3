//! BLMPOP.

use skeg_engine::{Exec, Kind};
use skeg_proto::{Args, Reply};

use crate::blocking::{Blocking, Plan};
use crate::cmd::list::popping;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::ranges;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "blmpop",
    arity: -5,
    flags: Flags::WRITE.with(Flags::BLOCKING),
    keys: Keys::CountedAt(2, KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::List, Category::Slow, Category::Blocking],
    group: Group::List,
    since: "7.0.0",
    summary: "Removes and returns items of the first list that there is, or waits for one",
    complexity: "O(N + M) for N keys and M items",
    syntax: "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    tips: &[],
    bound: BoundRule::Release,
    run: Handler::Blocking(&Blocking {
        kind: Kind::List,
        plan,
        take,
        room: popping::room,
        nothing: Reply::null_array,
    }),
};

fn plan(args: Args<'_>) -> Result<Plan, CommandError> {
    let pop = ranges::Pop::parse(args.tail(1), "LEFT", "RIGHT")?;
    Ok(Plan { keys: 3..3 + pop.numkeys, timeout: 1 })
}

fn take(
    exec: &mut Exec<'_>,
    cx: &mut Cx<'_>,
    args: Args<'_>,
    key: &[u8],
    reply: &mut Reply,
) -> Outcome {
    let pop = ranges::Pop::parse(args.tail(1), "LEFT", "RIGHT")?;
    popping::take_many(exec, cx, key, &pop, reply)
}
