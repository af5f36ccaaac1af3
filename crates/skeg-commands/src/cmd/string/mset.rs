//! MSET.

use skeg_engine::Expiry;
use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "mset",
    arity: -3,
    flags: Flags::GROW,
    keys: Keys::ToEnd { first: 1, step: 2, flags: KeyFlags::OW.with(KeyFlags::UPDATE) },
    categories: &[Category::Write, Category::String, Category::Slow],
    group: Group::String,
    since: "1.0.1",
    summary: "Stores several strings, all at once",
    complexity: "O(N) for N keys",
    syntax: "key value [key value ...]",
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    store_all(exec, cx, args)?;
    reply.ok();
    Ok(())
}

/// Stores every pair.
///
/// # Errors
/// When a value is missing.
pub(super) fn store_all(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> Outcome {
    check_pairs(cx, args)?;
    for index in (1..args.len()).step_by(2) {
        let key = args.get(index);
        let (db, shard) = (cx.db(), exec.shard(key));
        shard.set(db, key, args.get(index + 1), Expiry::Clear);
        shard.notify(NotifyClass::STRING, "set", db, key);
    }
    Ok(())
}

/// Refuses a key without a value.
pub(super) fn check_pairs(cx: &Cx<'_>, args: Args<'_>) -> Outcome {
    if args.len().is_multiple_of(2) {
        let command = cx.spec.name;
        let text = format!("ERR wrong number of arguments for '{command}' command");
        return Err(CommandError::owned(text));
    }
    Ok(())
}
