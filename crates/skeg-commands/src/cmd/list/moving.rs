//! What LMOVE, RPOPLPUSH and those that wait share: an item that goes from an end of a list to an end of another, or
//! of the same one.

use skeg_engine::{Bound, End, Exec, ListRef, NotifyClass, StrRef};
use skeg_proto::{Args, Reply};

use crate::cmd::list::{popping, pushing};
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::space;
use crate::spec::Outcome;

fn at_end(list: ListRef<'_>, end: End) -> (usize, Option<StrRef<'_>>) {
    let index = match end {
        End::Front => 0,
        End::Back => list.len() - 1,
    };
    (index, list.get(index))
}

/// Space for the item, which the destination's effect holds.
pub(super) fn stored_bytes(exec: &mut Exec<'_>, db: u8, key: &[u8], from: End) -> u64 {
    let list = exec.shard(key).list(db, key);
    let item = list.ok().flatten().and_then(|list| at_end(list, from).1);
    item.map_or(0, |item| space::element(item.len()))
}

/// The log space for moving an item of a client that waits.
pub(super) fn room(
    exec: &mut Exec<'_>,
    db: u8,
    (source, from): (&[u8], End),
    destination: &[u8],
) -> Bound {
    let keys = space::places(source, 1) + space::places(destination, 1);
    Bound::grow(keys + stored_bytes(exec, db, source, from))
}

/// LEFT and RIGHT at two indexes of the arguments: the end that is moved from, and the one moved to.
pub(super) fn ends(args: Args<'_>, first: usize) -> Result<(End, End), CommandError> {
    let end = |index| -> Result<End, CommandError> {
        let left = parse::one_of(args.get(index), "LEFT", "RIGHT").ok_or(CommandError::SYNTAX)?;
        Ok(if left { End::Front } else { End::Back })
    };
    Ok((end(first)?, end(first + 1)?))
}

/// Moves an item and replies with it.
pub(super) fn transfer(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    (source, from): (&[u8], End),
    (destination, to): (&[u8], End),
    reply: &mut Reply,
) -> Outcome {
    let db = cx.db();
    let Some(list) = exec.shard(source).list(db, source)? else {
        reply.null();
        return Ok(());
    };
    let (index, found) = at_end(list, from);
    let mut item = Vec::new();
    if let Some(found) = found {
        found.write_to(&mut item);
    }
    exec.shard(destination).list(db, destination)?;
    let stays = source == destination && from == to;
    if stays {
        // It stays where it is, and so does the list, which may have no other.
        exec.shard(source).list_set(db, source, index, &item)?;
    } else {
        // First to its new place, so that a list that has no other item keeps its deadline.
        exec.shard(destination).list_push(db, destination, to, &item)?;
    }
    let pushed = pushing::pushed_at(to);
    exec.shard(destination).notify(NotifyClass::LIST, pushed, db, destination);
    if !stays {
        exec.shard(source).list_pop(db, source, from, |_| ())?;
    }
    let popped = popping::popped_at(from);
    exec.shard(source).notify_removal(NotifyClass::LIST, popped, db, source);
    reply.bulk(&item);
    Ok(())
}
