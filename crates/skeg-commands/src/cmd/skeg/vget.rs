//! SKEG.VGET.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::vector;

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.vget",
    arity: -3,
    flags: Flags::READ_FAST,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Fast, Category::Vector],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Returns a vector",
    complexity: "O(D) for D dimensions",
    syntax: "name id",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    if args.len() > 3 {
        let payload = args.len() == 4 && parse::is_word(args.get(3), "WITHPAYLOAD");
        let error = if payload { vector::unsupported("WITHPAYLOAD") } else { CommandError::SYNTAX };
        return Err(error);
    }
    let name = args.get(1);
    let shard = exec.shard(name);
    let id = vector::id(shard.index_info(name)?.options.ids, args.get(2))?;
    match shard.vector_get(name, id)? {
        Some(row) => reply.bulk(&vector::to_bytes(row)),
        None => reply.null(),
    }
    Ok(())
}
