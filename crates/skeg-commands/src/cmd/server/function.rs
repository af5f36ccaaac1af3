//! FUNCTION: there is no scripting yet, so there are no functions; removing all of them always succeeds. Clients and
//! test suites that start from an empty server send it.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

use super::flushdb;

pub(crate) const SPEC: Spec = Spec {
    name: "function",
    arity: -2,
    flags: Flags::NONE,
    keys: Keys::None,
    categories: &[Category::Slow],
    group: Group::Server,
    since: "7.0.0",
    summary: "Removes functions, of which there are none without scripting",
    complexity: "Depends on the subcommand",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Container(None),
};

pub(crate) const FLUSH_SPEC: Spec = Spec {
    name: "function|flush",
    arity: -2,
    flags: Flags::NOSCRIPT,
    keys: Keys::None,
    categories: &[Category::Slow],
    group: Group::Server,
    since: "7.0.0",
    summary: "Removes all functions",
    complexity: "O(1)",
    syntax: "[ASYNC|SYNC]",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    bound: BoundRule::Read,
    run: Handler::Session(flush),
};

fn flush(_: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    flushdb::check_mode(args.tail(1))?;
    reply.ok();
    Ok(())
}
