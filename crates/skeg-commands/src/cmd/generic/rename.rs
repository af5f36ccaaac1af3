//! RENAME, also between shards.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cmd::generic::moving;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "rename",
    arity: 3,
    flags: Flags::WRITE,
    keys: Keys::Each(&[
        KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
        KeyFlags::OW.with(KeyFlags::UPDATE),
    ]),
    categories: &[Category::Keyspace, Category::Write, Category::Slow],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Renames a key; a key of the new name is replaced",
    complexity: "O(1); O(N) for a value of N bytes between shards",
    syntax: "key newkey",
    tips: &[],
    bound: BoundRule::Stored(stored_bytes),
    run: Handler::Keyed(run),
};

/// What a rename between shards adds to the log.
pub(super) fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    moving::stored_bytes(exec, cx, (cx.db(), args.get(1)), args.get(2))
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    rename(exec, cx, args, true)?;
    reply.ok();
    Ok(())
}

/// Renames; `false` when the new name exists and may not be replaced.
///
/// # Errors
/// There is no such key.
pub(super) fn rename(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
    replace: bool,
) -> Result<bool, CommandError> {
    let (db, from, to) = (cx.db(), args.get(1), args.get(2));
    if !exec.shard(from).exists(db, from) {
        return Err(CommandError::NO_SUCH_KEY);
    }
    if from == to {
        return Ok(replace);
    }
    if !replace && exec.shard(to).exists(db, to) {
        return Ok(false);
    }
    let renamed = moving::transfer(exec, cx, (db, from), (db, to), false)?;
    if renamed {
        exec.shard(from).notify(NotifyClass::GENERIC, "rename_from", db, from);
        exec.shard(to).notify(NotifyClass::GENERIC, "rename_to", db, to);
    }
    Ok(renamed)
}
