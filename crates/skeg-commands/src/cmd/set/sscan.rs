//! SSCAN.

use crate::element_scan::{self, ElementScan};
use crate::value;
use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "sscan",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Set, Category::Slow],
    group: Group::Set,
    since: "2.8.0",
    summary: "Returns some of the members of a set, and where to go on",
    complexity: "O(1) for a call; O(N) for all N members",
    syntax: "key cursor [MATCH pattern] [COUNT count]",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let cursor = element_scan::cursor(args.get(2))?;
    let Some(set) = exec.shard(args.get(1)).read_set(cx.db(), args.get(1))? else {
        element_scan::reply_nothing(reply);
        return Ok(());
    };
    let options = ElementScan::parse(args.tail(3))?;
    let mut found = Reply::new(reply.version());
    let mut count = 0;
    let next = set.scan(cursor, options.count, &mut |member| {
        if options.fits(member) {
            value::reply_string(&mut found, member);
            count += 1;
        }
    });
    element_scan::reply_found(reply, next, count, &found);
    Ok(())
}
