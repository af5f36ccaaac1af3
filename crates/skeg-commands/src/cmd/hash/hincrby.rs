//! HINCRBY.

use crate::error::CommandError;
use crate::parse;
use skeg_engine::StrRef;
use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "hincrby",
    arity: 4,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::Hash, Category::Fast],
    group: Group::Hash,
    since: "2.0.0",
    summary: "Adds to the integer in a field of a hash",
    complexity: "O(1)",
    syntax: "key field increment",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key, field) = (cx.db(), args.get(1), args.get(2));
    let delta = parse::int_arg(args.get(3))?;
    let shard = exec.shard(key);
    let sum = sum(shard.hash(db, key)?.and_then(|hash| hash.get(field)), delta)?;
    shard.hash_set(db, key, field, sum.to_string().as_bytes())?;
    shard.notify(NotifyClass::HASH, "hincrby", db, key);
    reply.int(sum);
    Ok(())
}

/// What becomes of a field (none: 0) when `delta` is added to it.
///
/// # Errors
/// It is no integer, or the sum does not fit 64 bits.
pub(crate) fn sum(value: Option<StrRef<'_>>, delta: i64) -> Result<i64, CommandError> {
    let value = match value {
        None => 0,
        Some(StrRef::Int(value)) => value,
        // Every integer is stored as one.
        Some(StrRef::Bytes(_)) => {
            return Err(CommandError::constant("ERR hash value is not an integer"));
        }
    };
    let overflow = CommandError::constant("ERR increment or decrement would overflow");
    value.checked_add(delta).ok_or(overflow)
}
