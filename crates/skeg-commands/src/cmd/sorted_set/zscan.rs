//! ZSCAN.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::element_scan::{self, ElementScan};
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::value;

pub(crate) const SPEC: Spec = Spec {
    name: "zscan",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::SortedSet, Category::Slow],
    group: Group::SortedSet,
    since: "2.8.0",
    summary: "Returns some of the members of a sorted set, and where to go on",
    complexity: "O(1) for a call; O(N) for all N members",
    syntax: "key cursor [MATCH pattern] [COUNT count]",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let cursor = element_scan::cursor(args.get(2))?;
    let key = args.get(1);
    let Some(set) = exec.shard(key).read_sorted_set(cx.db(), key)? else {
        element_scan::reply_nothing(reply);
        return Ok(());
    };
    let options = ElementScan::parse(args.tail(3))?;
    // Scores are strings in either version of the protocol.
    let mut found = Reply::default();
    let mut count = 0;
    let next = set.scan(cursor, options.count, &mut |member, score| {
        if options.fits(member) {
            value::reply_string(&mut found, member);
            found.double(score);
            count += 2;
        }
    });
    element_scan::reply_found(reply, next, count, &found);
    Ok(())
}
