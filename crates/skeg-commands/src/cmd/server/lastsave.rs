//! LASTSAVE: when the last snapshot was published, or the database opened. What is written later is in
//! the log at once.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "lastsave",
    arity: 1,
    flags: Flags::LOADING.with(Flags::STALE).with(Flags::FAST),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Fast, Category::Dangerous],
    group: Group::Server,
    since: "1.0.0",
    summary: "Returns when the data was last known to be saved as a whole, in seconds since 1970",
    complexity: "O(1)",
    syntax: "",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Session(run),
};

fn run(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.count((cx.context.engine().snapshot_status().last_ms / 1_000) as usize);
    Ok(())
}
