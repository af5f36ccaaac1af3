//! What ZREMRANGEBYRANK and its relatives share.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use super::ranging::{self, By};
use super::{members, popping};
use crate::cx::Cx;
use crate::spec::Outcome;

/// Space for the members that will be removed.
pub(super) fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>, by: By) -> u64 {
    let key = args.get(1);
    let Ok(Some(set)) = exec.shard(key).sorted_set(cx.db(), key) else { return 0 };
    match ranging::ranks(by, (args.get(2), args.get(3)), Some(set)) {
        Ok(ranks) => members::log_bytes(set.range(ranks)),
        Err(_) => 0,
    }
}

/// Removes the members of a range and replies with their number.
pub(super) fn remove(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
    by: By,
    reply: &mut Reply,
) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let range = (args.get(2), args.get(3));
    // What is wrong with the range counts more than what is wrong with the key.
    ranging::ranks(by, range, None)?;
    let shard = exec.shard(key);
    let Some(set) = shard.sorted_set(db, key)? else {
        reply.int(0);
        return Ok(());
    };
    let found = members::copied(set.range(ranging::ranks(by, range, Some(set))?));
    popping::remove(shard, db, key, &found)?;
    if !found.is_empty() {
        shard.notify_removal(NotifyClass::SORTED_SET, cx.spec.name, db, key);
    }
    reply.count(found.len());
    Ok(())
}
