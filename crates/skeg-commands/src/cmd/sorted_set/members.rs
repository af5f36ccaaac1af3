//! Members and scores: replied with, copied, stored.

use skeg_engine::{Exec, NotifyClass, StrRef};
use skeg_proto::{Reply, Version};

use crate::cx::Cx;
use crate::space;
use crate::value;

/// A member that lies outside of any shard, with its score.
pub(super) type Member = (Vec<u8>, f64);

/// Replies with a score, or with null.
pub(super) fn reply_score(reply: &mut Reply, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

/// The header of an array of `count` members: with scores a flat one in RESP2, pairs in RESP3.
pub(super) fn reply_header(reply: &mut Reply, count: usize, with_scores: bool) {
    let flat = with_scores && reply.version() == Version::Resp2;
    reply.array(if flat { count.saturating_mul(2) } else { count });
}

/// One of the members behind that header.
pub(super) fn reply_one(reply: &mut Reply, member: StrRef<'_>, score: f64, with_scores: bool) {
    if with_scores && reply.version() == Version::Resp3 {
        reply.array(2);
    }
    value::reply_string(reply, member);
    if with_scores {
        reply.double(score);
    }
}

/// Replies with members.
pub(super) fn reply_copied(reply: &mut Reply, members: &[Member], with_scores: bool) {
    reply_header(reply, members.len(), with_scores);
    for (member, score) in members {
        reply_one(reply, StrRef::Bytes(member), *score, with_scores);
    }
}

/// Copies members out of their shard.
pub(super) fn copied<'a>(members: impl Iterator<Item = (StrRef<'a>, f64)>) -> Vec<Member> {
    members.map(|(member, score)| (value::to_vec(member), score)).collect()
}

/// Log space for these members.
pub(super) fn log_bytes<'a>(members: impl Iterator<Item = (StrRef<'a>, f64)>) -> u64 {
    members.map(|(member, _)| space::element(member.len())).sum()
}

/// Stores a sorted set of these members, whatever the key held; returns how many there are.
pub(super) fn store(exec: &mut Exec<'_>, cx: &Cx<'_>, key: &[u8], members: &[Member]) -> usize {
    let members = members.iter().map(|(member, score)| (member.as_slice(), *score));
    let (db, shard) = (cx.db(), exec.shard(key));
    let existed = shard.exists(db, key);
    let count = shard.zset_store(db, key, members);
    shard.notify_store(NotifyClass::SORTED_SET, cx.spec.name, (db, key), existed, count);
    count
}
