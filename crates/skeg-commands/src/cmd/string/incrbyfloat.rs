//! INCRBYFLOAT. What is logged is the sum, so replay needs no arithmetic.

use skeg_engine::{Bound, Expiry, StrRef};
use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::extended::Extended;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "incrbyfloat",
    arity: 3,
    flags: Flags::GROW_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)),
    categories: &[Category::Write, Category::String, Category::Fast],
    group: Group::String,
    since: "2.6.0",
    summary: "Adds to a number, in extended precision",
    complexity: "O(1)",
    syntax: "key increment",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let sum = sum(shard.string(db, key)?, args.get(2))?;
    // The longest sum has 4,933 digits, more than the bound by the arguments may cover.
    if sum.len() > 64 {
        exec.reserve(Bound::grow(sum.len() as u64))?;
    }
    let shard = exec.shard(key);
    shard.set(db, key, sum.as_bytes(), Expiry::Keep);
    shard.notify(NotifyClass::STRING, "incrbyfloat", db, key);
    reply.bulk_str(&sum);
    Ok(())
}

/// What becomes of a string (none: 0) when `increment` is added to it.
///
/// # Errors
/// One of them is no number, or the sum is none.
pub(crate) fn sum(value: Option<StrRef<'_>>, increment: &[u8]) -> Result<String, CommandError> {
    let value = match value {
        None => Extended::from(0),
        Some(StrRef::Int(value)) => Extended::from(value),
        Some(StrRef::Bytes(bytes)) => Extended::parse(bytes).ok_or(CommandError::NOT_A_FLOAT)?,
    };
    let increment = Extended::parse(increment).ok_or(CommandError::NOT_A_FLOAT)?;
    let infinite = CommandError::constant("ERR increment would produce NaN or Infinity");
    Ok(value.plus(increment).ok_or(infinite)?.to_string())
}
