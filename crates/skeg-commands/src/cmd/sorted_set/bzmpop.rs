//! BZMPOP.

use skeg_engine::{Bound, Exec, Kind};
use skeg_proto::{Args, Reply};

use crate::blocking::{Blocking, Plan};
use crate::cmd::sorted_set::popping;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::ranges;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "bzmpop",
    arity: -5,
    flags: Flags::WRITE.with(Flags::BLOCKING),
    keys: Keys::CountedAt(2, KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::SortedSet, Category::Slow, Category::Blocking],
    group: Group::SortedSet,
    since: "7.0.0",
    summary: "Removes and returns members of the first sorted set that there is, or waits for one",
    complexity: "O(K) + O(M * log(N)) for K keys and M members of N",
    syntax: "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
    tips: &[],
    bound: BoundRule::StoredRelease(stored_bytes),
    run: Handler::Blocking(&Blocking {
        kind: Kind::SortedSet,
        plan,
        take,
        room,
        nothing: Reply::null_array,
    }),
};

fn parse(args: Args<'_>) -> Result<ranges::Pop<'_>, CommandError> {
    ranges::Pop::parse(args.tail(1), "MIN", "MAX")
}

fn plan(args: Args<'_>) -> Result<Plan, CommandError> {
    Ok(Plan { keys: 3..3 + parse(args)?.numkeys, timeout: 1 })
}

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let Ok(pop) = parse(args) else { return 0 };
    popping::first_bytes(exec, cx, pop.keys(), pop.end, pop.count)
}

fn room(exec: &mut Exec<'_>, db: u8, args: Args<'_>, key: &[u8]) -> Bound {
    match parse(args) {
        Ok(pop) => popping::room(exec, db, key, pop.end, pop.count),
        // The options were read before the wait began.
        Err(_) => Bound::READ,
    }
}

fn take(
    exec: &mut Exec<'_>,
    cx: &mut Cx<'_>,
    args: Args<'_>,
    key: &[u8],
    reply: &mut Reply,
) -> Outcome {
    let pop = parse(args)?;
    popping::take_many(exec, cx, key, &pop, reply)
}
