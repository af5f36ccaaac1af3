//! TOUCH.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::generic::exists;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "touch",
    arity: -2,
    flags: Flags::READ_FAST,
    keys: Keys::ToEnd { first: 1, step: 1, flags: KeyFlags::RO },
    categories: &[Category::Keyspace, Category::Read, Category::Fast],
    group: Group::Generic,
    since: "3.2.1",
    summary: "Counts how many of the keys exist and notes that they were used",
    complexity: "O(N) for N keys",
    syntax: "key [key ...]",
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    args.iter().skip(1).for_each(|key| exec.shard(key).note_use(cx.db(), key));
    exists::run(exec, cx, args, reply)
}
