//! COPY, also between shards and databases.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cmd::generic::moving;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "copy",
    arity: -3,
    flags: Flags::GROW,
    keys: Keys::Each(&[KeyFlags::RO.with(KeyFlags::ACCESS), KeyFlags::OW.with(KeyFlags::UPDATE)]),
    categories: &[Category::Keyspace, Category::Write, Category::Slow],
    group: Group::Generic,
    since: "6.2.0",
    summary: "Copies the value and deadline of a key to another",
    complexity: "O(1); O(N) for a value of N bytes",
    syntax: "source destination [DB destination-db] [REPLACE]",
    tips: &[],
    bound: BoundRule::Stored(stored_bytes),
    run: Handler::Keyed(run),
};

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    moving::stored_bytes(exec, cx, (cx.db(), args.get(1)), args.get(2))
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (mut to_db, mut replace) = (cx.db(), false);
    let mut index = 3;
    while let Some(word) = args.try_get(index) {
        index += 1;
        if parse::is_word(word, "REPLACE") {
            replace = true;
        } else if let (true, Some(number)) = (parse::is_word(word, "DB"), args.try_get(index)) {
            index += 1;
            to_db = parse::database(number)?;
        } else {
            return Err(CommandError::SYNTAX);
        }
    }
    let (from, to) = ((cx.db(), args.get(1)), (to_db, args.get(2)));
    if from == to {
        return Err(CommandError::constant("ERR source and destination objects are the same"));
    }
    let copied = (replace || !exec.shard(to.1).exists(to_db, to.1))
        && moving::transfer(exec, cx, from, to, true)?;
    if copied {
        exec.shard(to.1).notify(NotifyClass::GENERIC, "copy_to", to_db, to.1);
    }
    reply.int(i64::from(copied));
    Ok(())
}
