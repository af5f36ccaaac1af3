//! SWAPDB.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "swapdb",
    arity: 3,
    flags: Flags::WRITE_FAST,
    keys: Keys::None,
    categories: &[Category::Keyspace, Category::Write, Category::Fast, Category::Dangerous],
    group: Group::Server,
    since: "4.0.0",
    summary: "Exchanges two databases",
    complexity: "O(1) for a fixed number of shards",
    syntax: "index1 index2",
    tips: &[],
    bound: BoundRule::Release,
    run: Handler::AllShards(run),
};

fn run(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let first = parse::database(args.get(1), CommandError::constant("ERR invalid first DB index"))?;
    let second =
        parse::database(args.get(2), CommandError::constant("ERR invalid second DB index"))?;
    exec.shards().for_each(|shard| shard.swap(first, second));
    reply.ok();
    Ok(())
}
