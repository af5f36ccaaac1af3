//! BLPOP.

use skeg_engine::{End, Exec, Kind};
use skeg_proto::{Args, Reply};

use crate::blocking::{Blocking, Plan};
use crate::cmd::list::popping;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "blpop",
    arity: -3,
    flags: Flags::WRITE.with(Flags::NOSCRIPT).with(Flags::BLOCKING),
    keys: Keys::ButLast(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::List, Category::Slow, Category::Blocking],
    group: Group::List,
    since: "2.0.0",
    summary: "Removes and returns the item at the front of the first list that there is, or waits for one",
    complexity: "O(N) for N keys",
    syntax: "key [key ...] timeout",
    tips: &[],
    bound: BoundRule::Release,
    run: Handler::Blocking(&Blocking {
        kind: Kind::List,
        plan: Plan::keys_and_timeout,
        take,
        room: popping::room,
        nothing: Reply::null_array,
    }),
};

fn take(
    exec: &mut Exec<'_>,
    cx: &mut Cx<'_>,
    _: Args<'_>,
    key: &[u8],
    reply: &mut Reply,
) -> Outcome {
    popping::take_one(exec, cx, key, End::Front, reply)
}
