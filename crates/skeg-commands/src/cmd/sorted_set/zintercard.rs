//! ZINTERCARD.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::combining;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zintercard",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::Counted { destination: None, flags: KeyFlags::RO.with(KeyFlags::ACCESS) },
    categories: &[Category::Read, Category::SortedSet, Category::Slow],
    group: Group::SortedSet,
    since: "7.0.0",
    summary: "Counts the members that are in all of several sorted sets",
    complexity: "O(N * K) for N members of the smallest of K",
    syntax: "numkeys key [key ...] [LIMIT limit]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let asked = combining::Asked::parse(cx.spec, args, 1, combining::Operation::Count)?;
    let found = asked.combine(exec, cx.db())?.len();
    reply.count(if asked.limit == 0 { found } else { found.min(asked.limit) });
    Ok(())
}
