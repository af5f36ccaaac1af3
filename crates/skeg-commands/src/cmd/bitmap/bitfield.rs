//! BITFIELD, BITFIELD_RO.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use super::fields::{self, Action, Field};
use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "bitfield",
    arity: -2,
    flags: Flags::GROW,
    keys: Keys::One(
        KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE).with(KeyFlags::VARIABLE_FLAGS),
    ),
    categories: &[Category::Write, Category::Bitmap, Category::Slow],
    group: Group::Bitmap,
    since: "3.2.0",
    summary: "Reads and changes integers of any width within a string",
    complexity: "O(1) for each operation",
    syntax: "key [GET encoding offset | OVERFLOW <WRAP | SAT | FAIL> | SET encoding offset value | \
             INCRBY encoding offset increment] ...",
    tips: &[],
    bound: BoundRule::GrowBy(bytes),
    run: Handler::Keyed(run),
};

pub(crate) const READ_SPEC: Spec = Spec {
    name: "bitfield_ro",
    arity: -2,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Bitmap, Category::Fast],
    group: Group::Bitmap,
    since: "6.0.0",
    summary: "Reads integers of any width within a string",
    complexity: "O(1) for each operation",
    syntax: "key [GET encoding offset] ...",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run_read),
};

/// Log space for the effect of one operation beside its key.
const EFFECT_BYTES: u64 = 64;

/// An effect for each operation that may change the string: four arguments.
fn bytes(args: Args<'_>) -> u64 {
    (args.tail(2).len() / 4) as u64 * (args.get(1).len() as u64 + EFFECT_BYTES)
}

fn run_read(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let operations = fields::parse(args.tail(2), cx.context.config().bulk_bytes_max())?;
    if operations.iter().any(|(_, action)| *action != Action::Get) {
        return Err(CommandError::constant("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    reply.array(operations.len());
    let key = args.get(1);
    let value = exec.shard(key).read_string(cx.db(), key)?;
    let mut digits = Vec::new();
    let bytes = value.map_or(&b""[..], |value| value::bytes_of(value, &mut digits));
    operations.iter().for_each(|(field, _)| reply.int(field.get(bytes)));
    Ok(())
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let operations = fields::parse(args.tail(2), cx.context.config().bulk_bytes_max())?;
    let (db, key) = (cx.db(), args.get(1));
    let shard = exec.shard(key);
    // A string that is not at hand is asked for before anything is changed.
    shard.string(db, key)?;
    let mut changed = false;
    reply.array(operations.len());
    for (field, action) in operations {
        let value = shard.string(db, key)?;
        let mut digits = Vec::new();
        let bytes = value.map_or(&b""[..], |value| value::bytes_of(value, &mut digits));
        let Some((new, answer)) = field.change(bytes, action) else {
            reply.null();
            continue;
        };
        if action != Action::Get && is_news(bytes, field, new) {
            let put = field.put(bytes, new);
            shard.set_range(db, key, field.first_byte(), &put)?;
            changed = true;
        }
        reply.int(answer);
    }
    if changed {
        shard.notify(NotifyClass::STRING, "setbit", db, key);
    }
    Ok(())
}

/// Whether the string is another one when the field holds this number.
fn is_news(bytes: &[u8], field: Field, value: i64) -> bool {
    field.end_byte() > bytes.len() || field.get(bytes) != value
}
