//! UNLINK: DEL, which never frees much at once here.

use crate::cmd::generic::del;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "unlink",
    arity: -2,
    flags: Flags::WRITE_FAST,
    keys: Keys::ToEnd { first: 1, step: 1, flags: KeyFlags::RM.with(KeyFlags::DELETE) },
    categories: &[Category::Keyspace, Category::Write, Category::Fast],
    group: Group::Generic,
    since: "4.0.0",
    summary: "Removes keys, as DEL does",
    complexity: "O(N) for N keys",
    syntax: "key [key ...]",
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    bound: BoundRule::Release,
    run: Handler::Keyed(del::run),
};
