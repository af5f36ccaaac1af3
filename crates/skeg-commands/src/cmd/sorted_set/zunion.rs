//! ZUNION.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::combining;
use crate::cmd::sorted_set::members;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zunion",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::Counted { destination: None, flags: KeyFlags::RO.with(KeyFlags::ACCESS) },
    categories: &[Category::Read, Category::SortedSet, Category::Slow],
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Returns the members that are in any of several sorted sets",
    complexity: "O(N * log(N)) for N members of all",
    syntax: "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let asked = combining::Asked::parse(cx.spec, args, 1, combining::Operation::Union)?;
    let found = asked.combine(exec, cx.db())?;
    members::reply_copied(reply, &found, asked.with_scores);
    Ok(())
}
