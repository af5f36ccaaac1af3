//! LRANGE.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::parse;
use crate::ranges;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "lrange",
    arity: 4,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::List, Category::Slow],
    group: Group::List,
    since: "1.0.0",
    summary: "Returns a range of the items of a list",
    complexity: "O(log(N) + M) for M items of N",
    syntax: "key start stop",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (start, stop) = (parse::int_arg(args.get(2))?, parse::int_arg(args.get(3))?);
    let key = args.get(1);
    let Some(list) = exec.shard(key).read_list(cx.db(), key)? else {
        reply.array(0);
        return Ok(());
    };
    let items = list.range(ranges::indexes(start, stop, list.len()));
    reply.array(items.len());
    items.for_each(|item| value::reply_string(reply, item));
    Ok(())
}
