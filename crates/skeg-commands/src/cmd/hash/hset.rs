//! HSET.

use crate::error::CommandError;
use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "hset",
    arity: -4,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::Hash, Category::Fast],
    group: Group::Hash,
    since: "2.0.0",
    summary: "Gives fields of a hash values",
    complexity: "O(N) for N fields",
    syntax: "key field value [field value ...]",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.count(set_all(exec, cx, args)?);
    Ok(())
}

/// Stores every pair; returns how many fields are new.
///
/// # Errors
/// When a value is missing, or the key holds something else.
pub(super) fn set_all(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
) -> Result<usize, CommandError> {
    if !args.len().is_multiple_of(2) {
        let command = cx.spec.name;
        let text = format!("ERR wrong number of arguments for '{command}' command");
        return Err(CommandError::owned(text));
    }
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let mut added = 0;
    for index in (2..args.len()).step_by(2) {
        added += usize::from(shard.hash_set(db, key, args.get(index), args.get(index + 1))?);
    }
    shard.notify(NotifyClass::HASH, "hset", db, key);
    Ok(added)
}
