//! SKEG.VINDEX.DROP.

use skeg_engine::{Bound, Exec, IndexError};
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
    bound: BoundRule::Release,
    run: Handler::Indexed(run, vector::shards_of_all),
};

fn run(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let parts = exec.index_parts(args.get(1)).count();
    if parts > 1 {
        // Each has an effect, and only here is it certain how many there are.
        exec.reserve(Bound::release(vector::effects_bytes(args, parts)))?;
    }
    if !exec.index_drop(args.get(1))? {
        return Err(IndexError::NotFound.into());
    }
    reply.ok();
    Ok(())
}
