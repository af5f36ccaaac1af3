//! QUIT. Inside MULTI too it runs at once.

use skeg_proto::{Args, Reply};

use crate::error::CommandError;
use crate::flow::Flow;
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "quit",
    arity: -1,
    flags: Flags::ALLOW_BUSY
        .with(Flags::NOSCRIPT)
        .with(Flags::LOADING)
        .with(Flags::STALE)
        .with(Flags::FAST)
        .with(Flags::NO_AUTH),
    keys: Keys::None,
    categories: &[Category::Fast, Category::Connection],
    group: Group::Connection,
    since: "1.0.0",
    summary: "Closes the connection",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

fn run(turn: &mut Turn<'_>, _: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    turn.session.state.closing = true;
    reply.ok();
    Ok(Flow::done())
}
