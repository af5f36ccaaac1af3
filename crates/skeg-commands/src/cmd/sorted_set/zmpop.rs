//! ZMPOP.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::popping;
use crate::cx::Cx;
use crate::ranges;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "zmpop",
    arity: -4,
    flags: Flags::WRITE,
    keys: Keys::Counted {
        destination: None,
        flags: KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
    },
    categories: &[Category::Write, Category::SortedSet, Category::Slow],
    group: Group::SortedSet,
    since: "7.0.0",
    summary: "Removes and returns members of the first sorted set that there is",
    complexity: "O(K) + O(M * log(N)) for K keys and M members of N",
    syntax: "numkeys key [key ...] <MIN | MAX> [COUNT count]",
    tips: &[],
    bound: BoundRule::StoredRelease(stored_bytes),
    run: Handler::Keyed(run),
};

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let Ok(pop) = ranges::Pop::parse(args, "MIN", "MAX") else { return 0 };
    popping::first_bytes(exec, cx, pop.keys(), pop.end, pop.count)
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let pop = ranges::Pop::parse(args, "MIN", "MAX")?;
    for key in pop.keys() {
        if exec.shard(key).sorted_set(cx.db(), key)?.is_some() {
            return popping::take_many(exec, cx, key, &pop, reply);
        }
    }
    reply.null_array();
    Ok(())
}
