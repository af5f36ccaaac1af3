//! RENAMENX.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::generic::rename;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "renamenx",
    arity: 3,
    flags: Flags::WRITE_FAST,
    keys: Keys::Each(&[
        KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
        KeyFlags::OW.with(KeyFlags::INSERT),
    ]),
    categories: &[Category::Keyspace, Category::Write, Category::Fast],
    group: Group::Generic,
    since: "1.0.0",
    summary: "Renames a key if no key has the new name",
    complexity: "O(1); O(N) for a value of N bytes between shards",
    syntax: "key newkey",
    tips: &[],
    bound: BoundRule::Stored(rename::stored_bytes),
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.int(i64::from(rename::rename(exec, cx, args, false)?));
    Ok(())
}
