//! ECHO.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "echo",
    arity: 2,
    flags: Flags::LOADING.with(Flags::STALE).with(Flags::FAST),
    keys: Keys::None,
    categories: &[Category::Fast, Category::Connection],
    group: Group::Connection,
    since: "1.0.0",
    summary: "Returns its argument",
    complexity: "O(1)",
    syntax: "message",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(run),
};

fn run(_: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.bulk(args.get(1));
    Ok(())
}
