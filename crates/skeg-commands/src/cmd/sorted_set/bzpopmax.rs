//! BZPOPMAX.

use skeg_engine::{Bound, End, Exec, Kind};
use skeg_proto::{Args, Reply};

use crate::blocking::{Blocking, Plan};
use crate::cmd::sorted_set::popping;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "bzpopmax",
    arity: -3,
    flags: Flags::WRITE_FAST.with(Flags::NOSCRIPT).with(Flags::BLOCKING),
    keys: Keys::ButLast(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::SortedSet, Category::Fast, Category::Blocking],
    group: Group::SortedSet,
    since: "5.0.0",
    summary: "Removes and returns the member with the highest score of the first sorted set that there is, or waits for one",
    complexity: "O(log(N))",
    syntax: "key [key ...] timeout",
    tips: &[],
    bound: BoundRule::StoredRelease(stored_bytes),
    run: Handler::Blocking(&Blocking {
        kind: Kind::SortedSet,
        plan: Plan::keys_and_timeout,
        take,
        room,
        nothing: Reply::null_array,
    }),
};

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let keys = args.head(args.len() - 1).tail(1);
    popping::first_bytes(exec, cx, keys.iter(), End::Back, 1)
}

fn room(exec: &mut Exec<'_>, db: u8, _: Args<'_>, key: &[u8]) -> Bound {
    popping::room(exec, db, key, End::Back, 1)
}

fn take(
    exec: &mut Exec<'_>,
    cx: &mut Cx<'_>,
    _: Args<'_>,
    key: &[u8],
    reply: &mut Reply,
) -> Outcome {
    popping::take_one(exec, cx, key, End::Back, reply)
}
