//! MULTI.

use skeg_proto::{Args, Reply};

use crate::config::TransactionMode;
use crate::error::CommandError;
use crate::flow::Flow;
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "multi",
    arity: 1,
    flags: Flags::NOSCRIPT
        .with(Flags::LOADING)
        .with(Flags::STALE)
        .with(Flags::FAST)
        .with(Flags::ALLOW_BUSY),
    keys: Keys::None,
    categories: &[Category::Fast, Category::Transaction],
    group: Group::Transactions,
    since: "1.2.0",
    summary: "Begins a transaction: the commands that follow are queued",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

fn run(turn: &mut Turn<'_>, _: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    if turn.session.transaction.is_some() {
        return Err(CommandError::constant("ERR MULTI calls can not be nested"));
    }
    if turn.session.context.config().transactions() == TransactionMode::Disabled {
        return Err(CommandError::constant(
            "ERR MULTI is not allowed: the setting `transactions` is `disabled`",
        ));
    }
    turn.session.transaction = Some(Box::default());
    turn.session.client.note_queue(Some(0), 0);
    reply.ok();
    Ok(Flow::done())
}
