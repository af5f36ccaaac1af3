//! MONITOR.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "monitor",
    arity: 1,
    flags: Flags::ADMIN
        .with(Flags::NOSCRIPT)
        .with(Flags::LOADING)
        .with(Flags::STALE)
        .with(Flags::NO_MULTI),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "1.0.0",
    summary: "Shows every command that clients run from now on",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(run),
};

fn run(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    if !cx.client.receives() {
        let text = "ERR what is shown needs a connection to arrive on: monitor over the network";
        return Err(CommandError::constant(text));
    }
    cx.context.start_to_monitor(cx.client);
    reply.ok();
    Ok(())
}
