//! STRLEN.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "strlen",
    arity: 2,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO),
    categories: &[Category::Read, Category::String, Category::Fast],
    group: Group::String,
    since: "2.2.0",
    summary: "Returns the length of a string value",
    complexity: "O(1)",
    syntax: "key",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let value = exec.shard(args.get(1)).read_string_len(cx.db(), args.get(1))?;
    reply.count(value.unwrap_or(0));
    Ok(())
}
