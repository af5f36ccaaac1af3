//! LMPOP.

use skeg_engine::Exec;
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
    for key in pop.keys() {
        if exec.shard(key).list(cx.db(), key)?.is_some() {
            return popping::take_many(exec, cx, key, &pop, reply);
        }
    }
    reply.null_array();
    Ok(())
}
