//! LMPOP.

use skeg_engine::{End, Exec};
use skeg_proto::{Args, Reply};

use crate::cmd::list::popping;
use crate::cx::Cx;
use crate::ranges;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "lmpop",
    arity: -4,
    flags: Flags::WRITE,
    keys: Keys::Counted {
        destination: None,
        flags: KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
    },
    categories: &[Category::Write, Category::List, Category::Slow],
    group: Group::List,
    since: "7.0.0",
    summary: "Removes and returns items of the first list that there is",
    complexity: "O(N + M) for N keys and M items",
    syntax: "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    tips: &[],
    bound: BoundRule::Release,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let pop = ranges::Pop::parse(args, "LEFT", "RIGHT")?;
    let end = if pop.first { End::Front } else { End::Back };
    for key in pop.keys() {
        let shard = exec.shard(key);
        if shard.list(cx.db(), key)?.is_some() {
            reply.array(2);
            reply.bulk(key);
            return popping::pop_many(shard, cx.db(), key, (end, pop.count), reply);
        }
    }
    reply.null_array();
    Ok(())
}
