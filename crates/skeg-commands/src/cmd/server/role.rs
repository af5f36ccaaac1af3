//! ROLE.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "role",
    arity: 1,
    flags: Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE).with(Flags::FAST),
    keys: Keys::None,
    categories: &[Category::Fast, Category::Admin, Category::Dangerous],
    group: Group::Server,
    since: "2.8.12",
    summary: "Returns the role in replication: a master without replicas",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(run),
};

fn run(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.array(3);
    reply.bulk_str("master");
    reply.int(0);
    reply.array(0);
    Ok(())
}
