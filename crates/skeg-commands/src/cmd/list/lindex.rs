//! LINDEX.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::parse;
use crate::ranges;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "lindex",
    arity: 3,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::List, Category::Slow],
    group: Group::List,
    since: "1.0.0",
    summary: "Returns an item of a list by its index",
    complexity: "O(log(N)) for a list of N items",
    syntax: "key index",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let key = args.get(1);
    let Some(list) = exec.shard(key).read_list(cx.db(), key)? else {
        reply.null();
        return Ok(());
    };
    let index = ranges::index(parse::int_arg(args.get(2))?, list.len());
    value::reply_optional(reply, index.and_then(|index| list.get(index)));
    Ok(())
}
