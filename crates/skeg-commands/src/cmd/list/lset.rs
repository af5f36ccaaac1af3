//! LSET.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::ranges;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "lset",
    arity: 4,
    flags: Flags::GROW,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::List, Category::Slow],
    group: Group::List,
    since: "1.0.0",
    summary: "Replaces an item of a list",
    complexity: "O(log(N)) for a list of N items",
    syntax: "key index element",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let index = place(shard.list(db, key)?.map(|list| list.len()), args.get(2))?;
    shard.list_set(db, key, index, args.get(3))?;
    shard.notify(NotifyClass::LIST, "lset", db, key);
    reply.ok();
    Ok(())
}

/// Where an item is in a list of this length, if there is one.
///
/// # Errors
/// There is no list, or no such item.
pub(crate) fn place(len: Option<usize>, index: &[u8]) -> Result<usize, CommandError> {
    let len = len.ok_or(CommandError::NO_SUCH_KEY)?;
    let place = ranges::index(parse::int_arg(index)?, len);
    place.ok_or(CommandError::constant("ERR index out of range"))
}
