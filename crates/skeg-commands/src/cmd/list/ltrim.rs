//! LTRIM.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::parse;
use crate::ranges;
use crate::space;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "ltrim",
    arity: 4,
    flags: Flags::WRITE,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::List, Category::Slow],
    group: Group::List,
    since: "1.0.0",
    summary: "Removes all items of a list but a range",
    complexity: "O(N) for N items that are removed",
    syntax: "key start stop",
    tips: &[],
    bound: BoundRule::ReleaseBy(bytes),
    run: Handler::Keyed(run),
};

/// What is removed at the front and at the back.
fn bytes(args: Args<'_>) -> u64 {
    space::places(args.get(1), 2)
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (start, stop) = (parse::int_arg(args.get(2))?, parse::int_arg(args.get(3))?);
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    if let Some(list) = shard.list(db, key)? {
        let length = list.len();
        let kept = ranges::indexes(start, stop, length);
        if kept.is_empty() {
            shard.remove(db, key);
        } else {
            shard.list_remove(db, key, kept.end, length - kept.end)?;
            shard.list_remove(db, key, 0, kept.start)?;
        }
        shard.notify_removal(NotifyClass::LIST, "ltrim", db, key);
    }
    reply.ok();
    Ok(())
}
