//! Intersection, union and difference of sets, which may lie on several shards.
//!
//! Invariant: no set is copied; members are shown as they are stored, each once.

use skeg_engine::{Exec, NotifyClass, SetRef, StrRef, ValueRef};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::Outcome;
use crate::value;

/// What is made of several sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// What all have.
    Inter,
    /// What any has.
    Union,
    /// What the first has and no other.
    Diff,
}

/// Replies with the members of the result, as a set.
///
/// # Errors
/// A key holds something else.
pub(super) fn reply_members(
    exec: &mut Exec<'_>,
    db: u8,
    operation: Operation,
    keys: Args<'_>,
    reply: &mut Reply,
) -> Outcome {
    let started = reply.start_set();
    let mut count = 0;
    each(exec, db, operation, keys, &mut |member| {
        value::reply_string(reply, member);
        count += 1;
        true
    })?;
    reply.finish(started, count);
    Ok(())
}

/// Shows the members of the result until `visit` has enough.
///
/// # Errors
/// A key holds something else.
pub(super) fn each(
    exec: &mut Exec<'_>,
    db: u8,
    operation: Operation,
    keys: Args<'_>,
    visit: &mut dyn FnMut(StrRef<'_>) -> bool,
) -> Result<(), CommandError> {
    for key in keys {
        exec.shard(key).read_set(db, key)?;
    }
    let exec = &*exec;
    let sets: Vec<Option<SetRef<'_>>> = keys
        .iter()
        .map(|key| exec.peek(key).peek(db, key).map(ValueRef::set).transpose())
        .collect::<Result<_, _>>()?;
    match operation {
        Operation::Inter => {
            let Some(mut sets) = sets.into_iter().collect::<Option<Vec<_>>>() else {
                return Ok(());
            };
            sets.sort_by_key(SetRef::len);
            show(sets[0], visit, |member| sets[1..].iter().all(|set| set.contains(member)));
        }
        Operation::Union => {
            let mut sets: Vec<_> = sets.into_iter().flatten().collect();
            // The more the first ones have, the fewer are looked up in vain.
            sets.sort_by_key(|set| std::cmp::Reverse(set.len()));
            for (at, set) in sets.iter().enumerate() {
                show(*set, visit, |member| !sets[..at].iter().any(|set| set.contains(member)));
            }
        }
        Operation::Diff => {
            let Some(first) = sets[0] else { return Ok(()) };
            let others: Vec<_> = sets[1..].iter().flatten().collect();
            show(first, visit, |member| !others.iter().any(|set| set.contains(member)));
        }
    }
    Ok(())
}

/// Shows the members of a set that belong to the result.
fn show(
    set: SetRef<'_>,
    visit: &mut dyn FnMut(StrRef<'_>) -> bool,
    belongs: impl Fn(&[u8]) -> bool,
) {
    let mut digits = Vec::new();
    for member in set {
        if belongs(value::bytes_of(member, &mut digits)) && !visit(member) {
            return;
        }
    }
}

/// Log space for a result beside the arguments, at most.
pub(super) fn stored_bytes(
    exec: &mut Exec<'_>,
    db: u8,
    operation: Operation,
    keys: Args<'_>,
) -> u64 {
    let mut bytes = keys.iter().map(|key| exec.shard(key).value_bytes(db, key));
    match operation {
        Operation::Inter => bytes.min().unwrap_or(0),
        Operation::Union => bytes.sum(),
        Operation::Diff => bytes.next().unwrap_or(0),
    }
}

/// Stores the result of the keys behind the first under the first; returns the number of members.
///
/// # Errors
/// One of the keys behind the first holds something else.
pub(super) fn store(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    operation: Operation,
    args: Args<'_>,
) -> Result<usize, CommandError> {
    let destination = args.get(1);
    let mut members: Vec<Vec<u8>> = Vec::new();
    each(exec, cx.db(), operation, args.tail(2), &mut |member| {
        members.push(value::to_vec(member));
        true
    })?;
    let (db, shard) = (cx.db(), exec.shard(destination));
    let existed = shard.exists(db, destination);
    let count = shard.set_store(db, destination, members.iter().map(Vec::as_slice));
    shard.notify_store(NotifyClass::SET, cx.spec.name, (db, destination), existed, count);
    Ok(count)
}
