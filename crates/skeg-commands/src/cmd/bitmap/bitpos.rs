//! BITPOS.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use super::bits::{self, Part};
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "bitpos",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Bitmap, Category::Slow],
    group: Group::Bitmap,
    since: "2.8.7",
    summary: "Finds the first bit of a string that is set, or not",
    complexity: "O(N) for a part of N bytes",
    syntax: "key bit [start [end [BYTE | BIT]]]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let set = match parse::int_arg(args.get(2))? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::constant("ERR The bit argument must be 1 or 0.")),
    };
    let (key, part) = (args.get(1), Part::parse(args.tail(3))?);
    let position = match exec.shard(key).read_string(cx.db(), key)? {
        Some(value) => value::with_bytes(value, |bytes| position(bytes, part, set)),
        // Zeros without an end.
        None => (!set).then_some(0),
    };
    reply.int(position.map_or(-1, |position| position as i64));
    Ok(())
}

/// Where the first such bit is. Behind a string there are zeros without an end, unless the end of the
/// part was given.
fn position(bytes: &[u8], part: Part, set: bool) -> Option<usize> {
    let range = part.bits(bytes.len());
    let behind = (!set && !part.has_end() && !range.is_empty()).then_some(range.end);
    bits::find(bytes, range, set).or(behind)
}
