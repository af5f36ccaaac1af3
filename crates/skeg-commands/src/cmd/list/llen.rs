//! LLEN.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "llen",
    arity: 2,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO),
    categories: &[Category::Read, Category::List, Category::Fast],
    group: Group::List,
    since: "1.0.0",
    summary: "Returns the number of items of a list",
    complexity: "O(1)",
    syntax: "key",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let key = args.get(1);
    reply.count(exec.shard(key).read_list(cx.db(), key)?.map_or(0, |list| list.len()));
    Ok(())
}
