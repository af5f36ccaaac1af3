//! SADD.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "sadd",
    arity: -3,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::INSERT)),
    categories: &[Category::Write, Category::Set, Category::Fast],
    group: Group::Set,
    since: "1.0.0",
    summary: "Adds members to a set, which is created if it is missing",
    complexity: "O(N) for N members",
    syntax: "key member [member ...]",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let mut added = 0;
    for member in args.iter().skip(2) {
        added += usize::from(shard.set_add(db, key, member)?);
    }
    if added > 0 {
        shard.notify(NotifyClass::SET, "sadd", db, key);
    }
    reply.count(added);
    Ok(())
}
