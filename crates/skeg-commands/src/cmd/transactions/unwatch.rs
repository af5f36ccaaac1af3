//! UNWATCH. Inside a transaction nothing is left to let go of.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "unwatch",
    arity: 1,
    flags: Flags::NOSCRIPT
        .with(Flags::LOADING)
        .with(Flags::STALE)
        .with(Flags::FAST)
        .with(Flags::ALLOW_BUSY),
    keys: Keys::None,
    categories: &[Category::Fast, Category::Transaction],
    group: Group::Transactions,
    since: "2.2.0",
    summary: "Forgets what is watched",
    complexity: "O(N) for N watched keys",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(run),
};

fn run(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    cx.state.unwatching = true;
    reply.ok();
    Ok(())
}
