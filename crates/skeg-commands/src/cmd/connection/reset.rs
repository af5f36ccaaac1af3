//! RESET.

use skeg_proto::{Args, Reply};

use crate::cx::State;
use crate::error::CommandError;
use crate::flow::Flow;
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Spec};
use crate::subscriptions;

pub(crate) const SPEC: Spec = Spec {
    name: "reset",
    arity: 1,
    flags: Flags::ALLOW_BUSY
        .with(Flags::NOSCRIPT)
        .with(Flags::LOADING)
        .with(Flags::STALE)
        .with(Flags::FAST)
        .with(Flags::NO_AUTH),
    keys: Keys::None,
    categories: &[Category::Fast, Category::Connection],
    group: Group::Connection,
    since: "6.2.0",
    summary: "Makes the connection as it was when it was new",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

fn run(turn: &mut Turn<'_>, _: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    let session = &mut *turn.session;
    session.discard();
    subscriptions::remove_all(&session.context, &session.client);
    session.context.stop_to_monitor(&session.client);
    session.state = State { unwatching: true, ..State::default() };
    session.client.rename(|names| names.name.clear());
    session.client.set_no_evict(false);
    session.client.set_no_touch(false);
    reply.set_version(session.state.version);
    reply.simple("RESET");
    Ok(Flow::done())
}
