//! MOVE.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cmd::generic::moving;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "move",
    arity: 3,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)),
    categories: &[Category::Keyspace, Category::Write, Category::Fast],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Moves a key to another database",
    complexity: "O(1)",
    syntax: "key db",
    tips: &[],
    bound: BoundRule::Grow,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let to_db = parse::database(args.get(2))?;
    if to_db == db {
        return Err(CommandError::constant("ERR source and destination objects are the same"));
    }
    let moved = !exec.shard(key).exists(to_db, key)
        && moving::transfer(exec, cx, (db, key), (to_db, key), false)?;
    if moved {
        let shard = exec.shard(key);
        shard.notify(NotifyClass::GENERIC, "move_from", db, key);
        shard.notify(NotifyClass::GENERIC, "move_to", to_db, key);
    }
    reply.int(i64::from(moved));
    Ok(())
}
