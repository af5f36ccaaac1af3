//! ZDIFFSTORE.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::combining;
use crate::cmd::sorted_set::members;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zdiffstore",
    arity: -4,
    flags: Flags::GROW,
    keys: Keys::Counted {
        destination: Some(KeyFlags::OW.with(KeyFlags::UPDATE)),
        flags: KeyFlags::RO.with(KeyFlags::ACCESS),
    },
    categories: &[Category::Write, Category::SortedSet, Category::Slow],
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Stores the members of a sorted set that are in none of others",
    complexity: "O(N * K * log(N)) for N members of the first of K",
    syntax: "destination numkeys key [key ...]",
    tips: &[],
    bound: BoundRule::Stored(stored_bytes),
    run: Handler::Keyed(run),
};

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let asked = combining::Asked::parse(cx.spec, args, 2, combining::Operation::Diff);
    asked.map_or(0, |asked| asked.log_bytes(exec, cx.db()))
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let asked = combining::Asked::parse(cx.spec, args, 2, combining::Operation::Diff)?;
    let found = asked.combine(exec, cx.db())?;
    reply.count(members::store(exec, cx, args.get(1), &found));
    Ok(())
}
