//! SINTERCARD.

use crate::cmd::set::algebra::{self, Operation};
use crate::error::CommandError;
use crate::parse;
use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "sintercard",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::Counted { destination: None, flags: KeyFlags::RO.with(KeyFlags::ACCESS) },
    categories: &[Category::Read, Category::Set, Category::Slow],
    group: Group::Set,
    since: "7.0.0",
    summary: "Returns how many members all of several sets have",
    complexity: "O(N*M) for N members of the smallest of M sets",
    syntax: "numkeys key [key ...] [LIMIT limit]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (keys, limit) = keys_and_limit(args)?;
    let mut count = 0;
    algebra::each(exec, cx.db(), Operation::Inter, keys, &mut |_| {
        count += 1;
        count != limit
    })?;
    reply.count(count);
    Ok(())
}

/// The keys, and how many members are enough; 0 for all.
fn keys_and_limit(args: Args<'_>) -> Result<(Args<'_>, usize), CommandError> {
    let none = CommandError::constant("ERR numkeys should be greater than 0");
    let count = parse::integer(args.get(1)).filter(|count| *count > 0).ok_or(none)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > args.len() - 2 {
        let text = "ERR Number of keys can't be greater than number of args";
        return Err(CommandError::constant(text));
    }
    let (keys, options) = (args.tail(2).head(count), args.tail(2 + count));
    let mut limit = 0;
    for index in (0..options.len()).step_by(2) {
        let (word, argument) = (options.get(index), options.try_get(index + 1));
        let (true, Some(argument)) = (parse::is_word(word, "LIMIT"), argument) else {
            return Err(CommandError::SYNTAX);
        };
        let negative = CommandError::constant("ERR LIMIT can't be negative");
        let count = parse::integer(argument).and_then(|count| usize::try_from(count).ok());
        limit = count.ok_or(negative)?;
    }
    Ok((keys, limit))
}
