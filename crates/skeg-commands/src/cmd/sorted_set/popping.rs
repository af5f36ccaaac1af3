//! What ZPOPMIN, ZPOPMAX, ZMPOP and those that wait share.

use skeg_engine::{Bound, End, Exec, NotifyClass, Shard, SortedSetRef};
use skeg_proto::{Args, Reply, Version};

use super::members::{self, Member};
use crate::cx::Cx;
use crate::error::CommandError;
use crate::ranges;
use crate::space;
use crate::spec::Outcome;

/// Log space for `count` members at an end.
fn log_bytes(set: SortedSetRef<'_>, end: End, count: usize) -> u64 {
    let count = count.min(set.len());
    members::log_bytes(match end {
        End::Front => set.range(0..count),
        End::Back => set.range(set.len() - count..set.len()),
    })
}

/// Copies up to `count` members at an end, the outermost first.
fn first(set: SortedSetRef<'_>, end: End, count: usize) -> Vec<Member> {
    match end {
        End::Front => members::copied(set.iter().take(count)),
        End::Back => members::copied(set.iter().rev().take(count)),
    }
}

/// Removes the outermost members, which were copied before.
fn pop_copied(shard: &mut Shard, db: u8, key: &[u8], members: &[Member], end: End) -> Outcome {
    remove(shard, db, key, members)?;
    if !members.is_empty() {
        let event = match end {
            End::Front => "zpopmin",
            End::Back => "zpopmax",
        };
        shard.notify_removal(NotifyClass::SORTED_SET, event, db, key);
    }
    Ok(())
}

/// Removes members.
pub(super) fn remove(shard: &mut Shard, db: u8, key: &[u8], members: &[Member]) -> Outcome {
    let length = shard.sorted_set(db, key)?.map_or(0, |set| set.len());
    if !members.is_empty() && members.len() == length {
        shard.remove(db, key);
        return Ok(());
    }
    for (member, _) in members {
        shard.zset_remove(db, key, member)?;
    }
    Ok(())
}

/// How many ZPOPMIN and ZPOPMAX are asked for; without a count one, and in RESP3 no pairs.
fn count(args: Args<'_>) -> Result<Option<usize>, CommandError> {
    if args.len() > 3 {
        return Err(CommandError::SYNTAX);
    }
    args.try_get(2).map(ranges::not_negative).transpose()
}

/// Space for what ZPOPMIN and ZPOPMAX remove.
pub(super) fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>, end: End) -> u64 {
    let key = args.get(1);
    match (count(args), exec.shard(key).sorted_set(cx.db(), key)) {
        (Ok(count), Ok(Some(set))) => log_bytes(set, end, count.unwrap_or(1)),
        _ => 0,
    }
}

/// ZPOPMIN and ZPOPMAX.
pub(super) fn pop(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
    end: End,
    reply: &mut Reply,
) -> Outcome {
    let count = count(args)?;
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let set = shard.sorted_set(db, key)?;
    let taken = set.map_or_else(Vec::new, |set| first(set, end, count.unwrap_or(1)));
    pop_copied(shard, db, key, &taken, end)?;
    let nested = reply.version() == Version::Resp3 && count.is_some();
    reply.array(if nested { taken.len() } else { taken.len() * 2 });
    for (member, score) in &taken {
        if nested {
            reply.array(2);
        }
        reply.bulk(member);
        reply.double(*score);
    }
    Ok(())
}

/// ZMPOP and BZMPOP of this key: the key, the members and their scores.
pub(super) fn take_many(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    key: &[u8],
    pop: &ranges::Pop<'_>,
    reply: &mut Reply,
) -> Outcome {
    let shard = exec.shard(key);
    let set = shard.sorted_set(cx.db(), key)?;
    let taken = set.map_or_else(Vec::new, |set| first(set, pop.end, pop.count));
    pop_copied(shard, cx.db(), key, &taken, pop.end)?;
    reply.array(2);
    reply.bulk(key);
    reply.array(taken.len());
    for (member, score) in &taken {
        reply.array(2);
        reply.bulk(member);
        reply.double(*score);
    }
    Ok(())
}

/// BZPOPMIN and BZPOPMAX: the key, the member and its score.
pub(super) fn take_one(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    key: &[u8],
    end: End,
    reply: &mut Reply,
) -> Outcome {
    let shard = exec.shard(key);
    let set = shard.sorted_set(cx.db(), key)?;
    let taken = set.map_or_else(Vec::new, |set| first(set, end, 1));
    pop_copied(shard, cx.db(), key, &taken, end)?;
    reply.array(1 + 2 * taken.len());
    reply.bulk(key);
    for (member, score) in &taken {
        reply.bulk(member);
        reply.double(*score);
    }
    Ok(())
}

/// The log space for `count` members of this key, if it is a sorted set.
pub(super) fn room(exec: &mut Exec<'_>, db: u8, key: &[u8], end: End, count: usize) -> Bound {
    let set = exec.shard(key).sorted_set(db, key).ok().flatten();
    let bytes = set.map_or(0, |set| log_bytes(set, end, count));
    Bound::release(space::places(key, 1) + bytes)
}

/// The log space for `count` members of the first key that is not empty.
pub(super) fn first_bytes<'a>(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    mut keys: impl Iterator<Item = &'a [u8]>,
    end: End,
    count: usize,
) -> u64 {
    let first = keys.find(|key| exec.shard(key).kind(cx.db(), key).is_some());
    first.map_or(0, |key| room(exec, cx.db(), key, end, count).bytes)
}
