//! ZMPOP.

use skeg_engine::{End, Exec};
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

fn end(pop: &ranges::Pop<'_>) -> End {
    if pop.first { End::Front } else { End::Back }
}

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let Ok(pop) = ranges::Pop::parse(args, "MIN", "MAX") else { return 0 };
    for key in pop.keys() {
        match exec.shard(key).sorted_set(cx.db(), key) {
            Ok(None) => {}
            Ok(Some(set)) => return popping::log_bytes(set, end(&pop), pop.count),
            Err(_) => break,
        }
    }
    0
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let pop = ranges::Pop::parse(args, "MIN", "MAX")?;
    for key in pop.keys() {
        let shard = exec.shard(key);
        if let Some(set) = shard.sorted_set(cx.db(), key)? {
            let taken = popping::first(set, end(&pop), pop.count);
            popping::remove(shard, cx.db(), key, &taken)?;
            reply.array(2);
            reply.bulk(key);
            reply.array(taken.len());
            for (member, score) in &taken {
                reply.array(2);
                reply.bulk(member);
                reply.double(*score);
            }
            return Ok(());
        }
    }
    reply.null_array();
    Ok(())
}
