//! What ZPOPMIN, ZPOPMAX and ZMPOP share.

use skeg_engine::{End, Exec, Shard, SortedSetRef};
use skeg_proto::{Args, Reply, Version};

use super::members::{self, Member};
use crate::cx::Cx;
use crate::error::CommandError;
use crate::ranges;
use crate::spec::Outcome;

/// Log space for `count` members at an end.
pub(super) fn log_bytes(set: SortedSetRef<'_>, end: End, count: usize) -> u64 {
    let count = count.min(set.len());
    members::log_bytes(match end {
        End::Front => set.range(0..count),
        End::Back => set.range(set.len() - count..set.len()),
    })
}

/// Copies up to `count` members at an end, the outermost first.
pub(super) fn first(set: SortedSetRef<'_>, end: End, count: usize) -> Vec<Member> {
    match end {
        End::Front => members::copied(set.iter().take(count)),
        End::Back => members::copied(set.iter().rev().take(count)),
    }
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
    remove(shard, db, key, &taken)?;
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
