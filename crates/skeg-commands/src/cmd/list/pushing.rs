//! What LPUSH and its relatives share.

use skeg_engine::{End, Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::Outcome;

/// The event of a push.
pub(super) fn pushed_at(end: End) -> &'static str {
    match end {
        End::Front => "lpush",
        End::Back => "rpush",
    }
}

/// Adds the arguments to an end of the list, one after the other, and replies with its length.
pub(super) fn push(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
    end: End,
    only_existing: bool,
    reply: &mut Reply,
) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    let mut length = 0;
    if !only_existing || shard.list(db, key)?.is_some() {
        for item in args.iter().skip(2) {
            length = shard.list_push(db, key, end, item)?;
        }
        shard.notify(NotifyClass::LIST, pushed_at(end), db, key);
    }
    reply.count(length);
    Ok(())
}
