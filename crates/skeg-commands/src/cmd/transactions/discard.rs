//! DISCARD.

use skeg_proto::{Args, Reply};

use crate::error::CommandError;
use crate::flow::Flow;
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "discard",
    arity: 1,
    flags: Flags::NOSCRIPT
        .with(Flags::LOADING)
        .with(Flags::STALE)
        .with(Flags::FAST)
        .with(Flags::ALLOW_BUSY),
    keys: Keys::None,
    categories: &[Category::Fast, Category::Transaction],
    group: Group::Transactions,
    since: "2.0.0",
    summary: "Forgets the queued commands of the transaction, and what is watched",
    complexity: "O(N) for N queued commands",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

fn run(turn: &mut Turn<'_>, _: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    if turn.session.transaction.is_none() {
        return Err(CommandError::constant("ERR DISCARD without MULTI"));
    }
    turn.session.discard();
    turn.session.state.unwatching = true;
    reply.ok();
    Ok(Flow::done())
}
