//! SDIFFSTORE.

use crate::cmd::set::algebra::{self, Operation};
use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "sdiffstore",
    arity: -3,
    flags: Flags::GROW,
    keys: Keys::Store {
        at: 1,
        destination: KeyFlags::OW.with(KeyFlags::UPDATE),
        flags: KeyFlags::RO.with(KeyFlags::ACCESS),
    },
    categories: &[Category::Write, Category::Set, Category::Slow],
    group: Group::Set,
    since: "1.0.0",
    summary: "Stores the members of a set that none of several others has",
    complexity: "O(N*M) for N members of the first of M sets",
    syntax: "destination key [key ...]",
    tips: &[],
    bound: BoundRule::Stored(bytes),
    run: Handler::Keyed(run),
};

fn bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    algebra::stored_bytes(exec, cx.db(), Operation::Diff, args.tail(2))
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.count(algebra::store(exec, cx, Operation::Diff, args)?);
    Ok(())
}
