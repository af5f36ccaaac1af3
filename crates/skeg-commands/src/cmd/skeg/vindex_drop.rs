//! SKEG.VINDEX.DROP.

use skeg_engine::{Exec, IndexError};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::vector;

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.vindex.drop",
    arity: 2,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RM.with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::Fast, Category::Vector],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Drops a vector index and all that is in it",
    complexity: "O(N) for N vectors",
    syntax: "name",
    tips: &[],
    bound: BoundRule::StoredRelease(bytes),
    run: Handler::Indexed(run, vector::shards_of_all),
};

fn run(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    if !exec.index_drop(args.get(1))? {
        return Err(IndexError::NotFound.into());
    }
    reply.ok();
    Ok(())
}

/// Each part has an effect, and only under the latches is it certain how many there are.
fn bytes(exec: &mut Exec<'_>, _: &Cx<'_>, args: Args<'_>) -> u64 {
    vector::effects_bytes(args, exec.index_parts(args.get(1)).count())
}
