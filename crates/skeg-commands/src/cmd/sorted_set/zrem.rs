//! ZREM.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::space;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zrem",
    arity: -3,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::SortedSet, Category::Fast],
    group: Group::SortedSet,
    since: "1.2.0",
    summary: "Removes members of a sorted set",
    complexity: "O(M * log(N)) for M members",
    syntax: "key member [member ...]",
    tips: &[],
    bound: BoundRule::ReleaseBy(space::arguments),
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let mut removed = 0;
    for member in args.iter().skip(2) {
        removed += i64::from(shard.zset_remove(db, key, member)?.is_some());
    }
    if removed > 0 {
        shard.notify_removal(NotifyClass::SORTED_SET, "zrem", db, key);
    }
    reply.int(removed);
    Ok(())
}
