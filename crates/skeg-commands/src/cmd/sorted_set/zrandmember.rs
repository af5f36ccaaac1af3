//! ZRANDMEMBER.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::members;
use crate::cx::Cx;
use crate::draws::{Count, Draws};
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "zrandmember",
    arity: -2,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::SortedSet, Category::Slow],
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Returns random members of a sorted set",
    complexity: "O(M * log(M)) for M members that are returned",
    syntax: "key [count [WITHSCORES]]",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let mut draws = Draws::new(cx);
    let Some(count) = args.try_get(2) else {
        let set = exec.shard(key).read_sorted_set(db, key)?;
        let member = set.and_then(|set| set.random(draws.draw()));
        value::reply_optional(reply, member.map(|(member, _)| member));
        return Ok(());
    };
    let count = Count::parse(count)?;
    let with_scores = match args.try_get(3) {
        None => false,
        Some(word) if args.len() == 4 && parse::is_word(word, "WITHSCORES") => true,
        Some(_) => return Err(CommandError::SYNTAX),
    };
    if with_scores && count.is_beyond(i64::MAX / 2) {
        return Err(CommandError::constant("ERR value is out of range"));
    }
    let Some(set) = exec.shard(key).read_sorted_set(db, key)? else {
        reply.array(0);
        return Ok(());
    };
    members::reply_header(reply, count.replies(set.len()), with_scores);
    let (all, any) = (set.iter(), |draw| set.random(draw).expect("no sorted set is empty"));
    draws.pick(count, set.len(), all, any, |(member, _)| member, &mut |(member, score)| {
        members::reply_one(reply, member, score, with_scores);
    });
    Ok(())
}
