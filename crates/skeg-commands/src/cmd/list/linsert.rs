//! LINSERT.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cmd::list::finding;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "linsert",
    arity: 5,
    flags: Flags::GROW,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::INSERT)),
    categories: &[Category::Write, Category::List, Category::Slow],
    group: Group::List,
    since: "2.2.0",
    summary: "Puts an item before or behind another one of a list",
    complexity: "O(N) for N items up to that one",
    syntax: "key <BEFORE | AFTER> pivot element",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let before = parse::one_of(args.get(2), "BEFORE", "AFTER").ok_or(CommandError::SYNTAX)?;
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let Some(list) = shard.list(db, key)? else {
        reply.int(0);
        return Ok(());
    };
    let Some(pivot) = finding::Needle::new(args.get(3)).positions(list.iter()).next() else {
        reply.int(-1);
        return Ok(());
    };
    let length = shard.list_insert(db, key, pivot + usize::from(!before), args.get(4))?;
    shard.notify(NotifyClass::LIST, "linsert", db, key);
    reply.count(length.unwrap_or_default());
    Ok(())
}
