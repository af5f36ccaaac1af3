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

/// The databases that are to be exchanged.
///
/// # Errors
/// One of them is no number, or there is none of that number.
pub(crate) fn databases(args: Args<'_>) -> Result<(u8, u8), CommandError> {
    let number = |index: usize, which: &str| {
        let number = parse::integer(args.get(index)).and_then(|it| i32::try_from(it).ok());
        let error = || CommandError::owned(format!("ERR invalid {which} DB index"));
        number.map(i64::from).ok_or_else(error)
    };
    let (first, second) = (number(1, "first")?, number(2, "second")?);
    Ok((parse::existing_database(first)?, parse::existing_database(second)?))
}

fn run(exec: &mut Exec<'_>, _: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (first, second) = databases(args)?;
    exec.shards().for_each(|shard| shard.swap(first, second));
    reply.ok();
    Ok(())
}
