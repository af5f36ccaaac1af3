//! HINCRBYFLOAT. What is logged is the sum, so replay needs no arithmetic.

use crate::error::CommandError;
use crate::extended::Extended;
use skeg_engine::Exec;
use skeg_engine::{Bound, NotifyClass, StrRef};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "hincrbyfloat",
    arity: 4,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::Hash, Category::Fast],
    group: Group::Hash,
    since: "2.6.0",
    summary: "Adds to the number in a field of a hash, in extended precision",
    complexity: "O(1)",
    syntax: "key field increment",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key, field) = (cx.db(), args.get(1), args.get(2));
    let increment = increment(args.get(3))?;
    let sum = sum(exec.shard(key).hash(db, key)?.and_then(|hash| hash.get(field)), increment)?;
    // The longest sum has 4,933 digits, more than the bound by the arguments may cover.
    if sum.len() > 64 {
        exec.reserve(Bound::grow(sum.len() as u64))?;
    }
    let shard = exec.shard(key);
    shard.hash_set(db, key, field, sum.as_bytes())?;
    shard.notify(NotifyClass::HASH, "hincrbyfloat", db, key);
    reply.bulk_str(&sum);
    Ok(())
}

/// What is added.
///
/// # Errors
/// It is no number, or infinite.
pub(crate) fn increment(text: &[u8]) -> Result<Extended, CommandError> {
    let increment = Extended::parse(text).ok_or(CommandError::NOT_A_FLOAT)?;
    match increment.is_infinite() {
        true => Err(CommandError::constant("ERR value is NaN or Infinity")),
        false => Ok(increment),
    }
}

/// What becomes of a field (none: 0) when `increment` is added to it.
///
/// # Errors
/// It is no number, or the sum is none.
pub(crate) fn sum(value: Option<StrRef<'_>>, increment: Extended) -> Result<String, CommandError> {
    let not_a_float = CommandError::constant("ERR hash value is not a float");
    let value = match value {
        None => Extended::from(0),
        Some(StrRef::Int(value)) => Extended::from(value),
        Some(StrRef::Bytes(bytes)) => Extended::parse(bytes).ok_or(not_a_float)?,
    };
    let infinite = CommandError::constant("ERR increment would produce NaN or Infinity");
    Ok(value.plus(increment).ok_or(infinite)?.to_string())
}
