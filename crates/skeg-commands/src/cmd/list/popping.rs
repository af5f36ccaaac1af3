//! What LPOP, RPOP, LMPOP and those that wait share.

use skeg_engine::{Bound, End, Exec, NotifyClass, Shard};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::help;
use crate::ranges;
use crate::space;
use crate::spec::Outcome;
use crate::value;

/// LPOP and RPOP: one item, or an array when a count is given.
pub(super) fn pop(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
    end: End,
    reply: &mut Reply,
) -> Outcome {
    if args.len() > 3 {
        return Err(help::wrong_arity(cx.spec));
    }
    let count = args.try_get(2).map(ranges::not_negative).transpose()?;
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    match count {
        None => pop_one(shard, db, key, end, reply),
        Some(count) if shard.list(db, key)?.is_some() => {
            pop_many(shard, db, key, (end, count), reply)
        }
        Some(_) => {
            reply.null_array();
            Ok(())
        }
    }
}

/// The event of a pop.
pub(super) fn popped_at(end: End) -> &'static str {
    match end {
        End::Front => "lpop",
        End::Back => "rpop",
    }
}

/// Removes the item at an end of a list, and replies with it; with null if there is no list.
pub(super) fn pop_one(
    shard: &mut Shard,
    db: u8,
    key: &[u8],
    end: End,
    reply: &mut Reply,
) -> Outcome {
    match shard.list_pop(db, key, end, |item| value::reply_string(reply, item))? {
        Some(()) => shard.notify_removal(NotifyClass::LIST, popped_at(end), db, key),
        None => reply.null(),
    }
    Ok(())
}

/// BLPOP and BRPOP: the key and the item.
pub(super) fn take_one(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    key: &[u8],
    end: End,
    reply: &mut Reply,
) -> Outcome {
    reply.array(2);
    reply.bulk(key);
    pop_one(exec.shard(key), cx.db(), key, end, reply)
}

/// LMPOP and BLMPOP of this key: the key and the items.
pub(super) fn take_many(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    key: &[u8],
    pop: &ranges::Pop<'_>,
    reply: &mut Reply,
) -> Outcome {
    reply.array(2);
    reply.bulk(key);
    pop_many(exec.shard(key), cx.db(), key, (pop.end, pop.count), reply)
}

/// The log space for what a client takes that waits.
pub(super) fn room(_: &mut Exec<'_>, _: u8, _: Args<'_>, key: &[u8]) -> Bound {
    Bound::release(space::places(key, 1))
}

/// Removes up to `count` items at an end of a list that is there, and replies with them.
fn pop_many(
    shard: &mut Shard,
    db: u8,
    key: &[u8],
    (end, count): (End, usize),
    reply: &mut Reply,
) -> Outcome {
    let Some(list) = shard.list(db, key)? else {
        reply.array(0);
        return Ok(());
    };
    let length = list.len();
    let count = count.min(length);
    reply.array(count);
    let start = match end {
        End::Front => {
            list.range(0..count).for_each(|item| value::reply_string(reply, item));
            0
        }
        End::Back => {
            let items = list.range(length - count..length);
            items.rev().for_each(|item| value::reply_string(reply, item));
            length - count
        }
    };
    if shard.list_remove(db, key, start, count)? > 0 {
        shard.notify_removal(NotifyClass::LIST, popped_at(end), db, key);
    }
    Ok(())
}
