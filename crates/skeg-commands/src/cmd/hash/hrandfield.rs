//! HRANDFIELD.

use crate::draws::{Count, Draws};
use crate::error::CommandError;
use crate::parse;
use crate::value;
use skeg_engine::Exec;
use skeg_proto::Version;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "hrandfield",
    arity: -2,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Hash, Category::Slow],
    group: Group::Hash,
    since: "6.2.0",
    summary: "Returns fields of a hash at random",
    complexity: "O(N) for N fields that are returned; O(M) for a hash of M fields when most are",
    syntax: "key [count [WITHVALUES]]",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let mut draws = Draws::new(cx);
    let Some(count) = args.try_get(2) else {
        let hash = exec.shard(key).read_hash(db, key)?;
        let field = hash.and_then(|hash| hash.random(draws.draw()));
        value::reply_optional(reply, field.map(|(field, _)| field));
        return Ok(());
    };
    let (count, with_values) = count_and_option(count, args)?;
    let Some(hash) = exec.shard(key).read_hash(db, key)? else {
        reply.array(0);
        return Ok(());
    };
    let as_pairs = with_values && reply.version() == Version::Resp3;
    let width = if with_values && !as_pairs { 2 } else { 1 };
    reply.array(count.replies(hash.len()) * width);
    let (all, any) = (hash.iter(), |draw| hash.random(draw).expect("no hash is empty"));
    draws.pick(count, hash.len(), all, any, |(field, _)| field, &mut |(field, value)| {
        if as_pairs {
            reply.array(2);
        }
        value::reply_string(reply, field);
        if with_values {
            value::reply_string(reply, value);
        }
    });
    Ok(())
}

/// How many fields are asked for, and whether their values are.
fn count_and_option(count: &[u8], args: Args<'_>) -> Result<(Count, bool), CommandError> {
    let count = Count::parse(count)?;
    let with_values = match args.try_get(3) {
        None => false,
        Some(word) if args.len() == 4 && parse::is_word(word, "WITHVALUES") => true,
        Some(_) => return Err(CommandError::SYNTAX),
    };
    if with_values && count.is_beyond(i64::MAX / 2) {
        return Err(CommandError::constant("ERR value is out of range"));
    }
    Ok((count, with_values))
}
