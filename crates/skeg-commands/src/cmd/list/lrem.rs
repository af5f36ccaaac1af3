//! LREM.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cmd::list::finding;
use crate::cx::Cx;
use crate::parse;
use crate::space;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "lrem",
    arity: 4,
    flags: Flags::WRITE,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::List, Category::Slow],
    group: Group::List,
    since: "1.0.0",
    summary: "Removes items of a list that are equal to a value",
    complexity: "O(N + M * log(N)) for M items removed from N",
    syntax: "key count element",
    tips: &[],
    bound: BoundRule::StoredRelease(stored_bytes),
    run: Handler::Keyed(run),
};

/// An effect for every item, at the most.
fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let key = args.get(1);
    let found = match (parse::integer(args.get(2)), exec.shard(key).list(cx.db(), key)) {
        (Some(count), Ok(Some(list))) => finding::to_remove(list, args.get(3), count).len(),
        _ => 0,
    };
    space::places(key, found)
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let count = parse::int_arg(args.get(2))?;
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let Some(list) = shard.list(db, key)? else {
        reply.int(0);
        return Ok(());
    };
    let (found, length) = (finding::to_remove(list, args.get(3), count), list.len());
    if found.len() == length {
        shard.remove(db, key);
    } else {
        // From the last on, so that the others keep their places; neighbours together.
        for neighbours in found.chunk_by(|later, earlier| *earlier + 1 == *later) {
            let start = neighbours[neighbours.len() - 1];
            shard.list_remove(db, key, start, neighbours.len())?;
        }
    }
    if !found.is_empty() {
        shard.notify_removal(NotifyClass::LIST, "lrem", db, key);
    }
    reply.count(found.len());
    Ok(())
}
