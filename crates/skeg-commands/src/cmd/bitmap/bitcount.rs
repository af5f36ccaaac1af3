//! BITCOUNT.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use super::bits::{self, Part};
use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "bitcount",
    arity: -2,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Bitmap, Category::Slow],
    group: Group::Bitmap,
    since: "2.6.0",
    summary: "Counts the bits of a string that are set",
    complexity: "O(N) for a part of N bytes",
    syntax: "key [start end [BYTE | BIT]]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (key, part) = (args.get(1), Part::parse(args.tail(2))?);
    if args.len() == 3 {
        return Err(CommandError::SYNTAX);
    }
    let value = exec.shard(key).read_string(cx.db(), key)?;
    let count = value.map_or(0, |value| {
        value::with_bytes(value, |bytes| bits::count(bytes, part.bits(bytes.len())))
    });
    reply.count(count as usize);
    Ok(())
}
