//! TIME. The clock counts milliseconds.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "time",
    arity: 1,
    flags: Flags::LOADING.with(Flags::STALE).with(Flags::FAST),
    keys: Keys::None,
    categories: &[Category::Fast],
    group: Group::Server,
    since: "2.6.0",
    summary: "Returns the time: seconds since 1970, and microseconds",
    complexity: "O(1)",
    syntax: "",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Session(run),
};

fn run(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let now_ms = cx.engine().now_ms();
    reply.array(2);
    reply.bulk_str(&(now_ms / 1_000).to_string());
    reply.bulk_str(&(now_ms % 1_000 * 1_000).to_string());
    Ok(())
}
