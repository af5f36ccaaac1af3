//! SUBSTR: the old name of GETRANGE.

use crate::cmd::string::getrange;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "substr",
    arity: 4,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::String, Category::Slow],
    group: Group::String,
    since: "1.0.0",
    summary: "Returns part of a string (the old name of GETRANGE)",
    complexity: "O(N) for a part of N bytes",
    syntax: "key start end",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(getrange::run),
};
