//! ZRANGESTORE.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::members;
use crate::cmd::sorted_set::ranging;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zrangestore",
    arity: -5,
    flags: Flags::GROW,
    keys: Keys::Each(&[KeyFlags::OW.with(KeyFlags::UPDATE), KeyFlags::RO.with(KeyFlags::ACCESS)]),
    categories: &[Category::Write, Category::SortedSet, Category::Slow],
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Stores a range of the members of a sorted set in another",
    complexity: "O(log(N) + M) for M members of N, which are stored",
    syntax: "destination source min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
    tips: &[],
    bound: BoundRule::Stored(stored_bytes),
    run: Handler::Keyed(run),
};

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let source = args.get(2);
    let query = ranging::Query::parse(args.tail(2), ranging::Preset::STORE);
    match (query, exec.shard(source).sorted_set(cx.db(), source)) {
        (Ok(query), Ok(Some(set))) => members::log_bytes(set.range(query.ranks(set))),
        _ => 0,
    }
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let query = ranging::Query::parse(args.tail(2), ranging::Preset::STORE)?;
    let (db, destination, source) = (cx.db(), args.get(1), args.get(2));
    let set = exec.shard(source).read_sorted_set(db, source)?;
    let found = set.map_or_else(Vec::new, |set| members::copied(set.range(query.ranks(set))));
    reply.count(members::store(exec, cx, destination, &found));
    Ok(())
}
