//! What LPOP, RPOP and LMPOP share.

use skeg_engine::{End, Exec, Shard};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::help;
use crate::ranges;
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
    let Some(list) = shard.list(db, key)? else {
        match count {
            Some(_) => reply.null_array(),
            None => reply.null(),
        }
        return Ok(());
    };
    if let Some(count) = count {
        return pop_many(shard, db, key, (end, count), reply);
    }
    let index = match end {
        End::Front => 0,
        End::Back => list.len() - 1,
    };
    value::reply_optional(reply, list.get(index));
    shard.list_remove(db, key, index, 1)?;
    Ok(())
}

/// Removes up to `count` items at an end of a list that is there, and replies with them.
pub(super) fn pop_many(
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
    shard.list_remove(db, key, start, count)?;
    Ok(())
}
