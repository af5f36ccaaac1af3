//! SELECT.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "select",
    arity: 2,
    flags: Flags::LOADING.with(Flags::STALE).with(Flags::FAST),
    keys: Keys::None,
    categories: &[Category::Fast, Category::Connection],
    group: Group::Connection,
    since: "1.0.0",
    summary: "Selects the database of the following commands",
    complexity: "O(1)",
    syntax: "index",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(run),
};

fn run(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    cx.state.db = parse::database(args.get(1))?;
    reply.ok();
    Ok(())
}
