//! GETRANGE.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::parse;
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
    match exec.shard(key).read_string(cx.db(), key)? {
        Some(value) => value::with_bytes(value, |bytes| reply.bulk(slice(bytes, start, end))),
        None => reply.bulk(b""),
    }
    Ok(())
}

/// The bytes from `start` to `end`, both included; negative ones count from the end.
fn slice(bytes: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return b"";
    }
    let length = bytes.len() as i64;
    let from_start = |index: i64| if index < 0 { (length + index).max(0) } else { index };
    let (start, end) = (from_start(start), from_start(end).min(length - 1));
    if start > end { b"" } else { &bytes[start as usize..=end as usize] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_count_from_either_end() {
        let text = b"Hello World";
        for (start, end, expected) in [
            (0, 3, "Hell"),
            (0, -1, "Hello World"),
            (-4, -1, "orld"),
            (5, 3, ""),
            (5, 5_000, " World"),
            (-5_000, 10_000, "Hello World"),
            (-1, -5, ""),
            (0, -100, "H"),
            (i64::MIN, i64::MAX, "Hello World"),
            (i64::MAX, i64::MIN, ""),
        ] {
            assert_eq!(slice(text, start, end), expected.as_bytes(), "{start} {end}");
        }
        assert_eq!(slice(b"", 0, -1), b"");
    }
}
