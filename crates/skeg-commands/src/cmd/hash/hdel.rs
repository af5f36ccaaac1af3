//! HDEL.

use crate::bounds;
use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "hdel",
    arity: -3,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::Hash, Category::Fast],
    group: Group::Hash,
    since: "2.0.0",
    summary: "Removes fields of a hash, and the hash with the last one",
    complexity: "O(N) for N fields",
    syntax: "key field [field ...]",
    tips: &[],
    bound: BoundRule::ReleaseBy(bounds::element_bytes),
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let mut removed = 0;
    for field in args.iter().skip(2) {
        removed += usize::from(shard.hash_remove(db, key, field)?);
    }
    if removed > 0 {
        shard.notify_removal(NotifyClass::HASH, "hdel", db, key);
    }
    reply.count(removed);
    Ok(())
}
