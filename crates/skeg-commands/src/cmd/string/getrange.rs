//! GETRANGE.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::parse;
use crate::ranges;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "getrange",
    arity: 4,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::String, Category::Slow],
    group: Group::String,
    since: "2.4.0",
    summary: "Returns part of a string",
    complexity: "O(N) for a part of N bytes",
    syntax: "key start end",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

pub(super) fn run(
    exec: &mut Exec<'_>,
    cx: &mut Cx<'_>,
    args: Args<'_>,
    reply: &mut Reply,
) -> Outcome {
    let (start, end) = (parse::int_arg(args.get(2))?, parse::int_arg(args.get(3))?);
    let key = args.get(1);
    let range = |len| ranges::substring(start, end, len);
    match exec.shard(key).read_range(cx.db(), key, range)? {
        Some((value, range)) => value::with_bytes(value, |bytes| reply.bulk(&bytes[range])),
        None => reply.bulk(b""),
    }
    Ok(())
}
