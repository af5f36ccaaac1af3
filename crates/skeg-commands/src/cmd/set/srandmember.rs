//! SRANDMEMBER.

use crate::draws::{Count, Draws};
use crate::error::CommandError;
use crate::value;
use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "srandmember",
    arity: -2,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Set, Category::Slow],
    group: Group::Set,
    since: "1.0.0",
    summary: "Returns members of a set at random",
    complexity: "O(N) for N members that are returned; O(M) for a set of M members when most are",
    syntax: "key [count]",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let mut draws = Draws::new(cx);
    let count = match args.len() {
        2 => {
            let set = exec.shard(key).read_set(db, key)?;
            value::reply_optional(reply, set.and_then(|set| set.random(draws.draw())));
            return Ok(());
        }
        3 => Count::parse(args.get(2))?,
        _ => return Err(CommandError::SYNTAX),
    };
    let Some(set) = exec.shard(key).read_set(db, key)? else {
        reply.array(0);
        return Ok(());
    };
    reply.array(count.replies(set.len()));
    let (all, any) = (set.iter(), |draw| set.random(draw).expect("no set is empty"));
    draws.pick(count, set.len(), all, any, |member| member, &mut |member| {
        value::reply_string(reply, member);
    });
    Ok(())
}
