//! TOUCH.

use crate::cmd::generic::exists;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "touch",
    arity: -2,
    flags: Flags::READ_FAST,
    keys: Keys::ToEnd { first: 1, step: 1, flags: KeyFlags::RO },
    categories: &[Category::Keyspace, Category::Read, Category::Fast],
    group: Group::Generic,
    since: "3.2.1",
    summary: "Counts how many of the keys exist and notes that they were used",
    complexity: "O(N) for N keys",
    syntax: "key [key ...]",
    tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
    bound: BoundRule::Read,
    run: Handler::Keyed(exists::run),
};
