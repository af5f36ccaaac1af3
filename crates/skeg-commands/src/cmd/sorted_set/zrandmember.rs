//! ZRANDMEMBER.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::sorted_set::members;
use crate::cx::Cx;
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
    let (count, with_scores) = match (args.try_get(2), args.try_get(3)) {
        (None, _) => (None, false),
        (Some(count), word) => {
            let count = parse::int_between(count, -i64::MAX, i64::MAX)?;
            let is_syntax =
                args.len() <= 4 && word.is_none_or(|it| parse::is_word(it, "WITHSCORES"));
            if !is_syntax {
                return Err(CommandError::SYNTAX);
            }
            if word.is_some() && count.unsigned_abs() > i64::MAX as u64 / 2 {
                return Err(OUT_OF_RANGE);
            }
            (Some(count), word.is_some())
        }
    };
    let key = args.get(1);
    let entropy = &cx.engine().io().entropy;
    let set = exec.shard(key).read_sorted_set(cx.db(), key)?;
    let Some(count) = count else {
        let member = set.and_then(|set| set.random(entropy.next_u64()));
        value::reply_optional(reply, member.map(|(member, _)| member));
        return Ok(());
    };
    let Some(set) = set else {
        reply.array(0);
        return Ok(());
    };
    if count < 0 {
        // As often as asked for, so the reply has a limit of its own.
        let bytes_max = cx.context.config().bulk_bytes_max();
        let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        let start = reply.len();
        members::reply_header(reply, count, with_scores);
        for _ in 0..count {
            if (reply.len() - start) as u64 > bytes_max {
                return Err(OUT_OF_RANGE);
            }
            if let Some((member, score)) = set.random(entropy.next_u64()) {
                members::reply_one(reply, member, score, with_scores);
            }
        }
        return Ok(());
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(set.len());
    members::reply_header(reply, count, with_scores);
    for rank in distinct(count, set.len(), || entropy.next_u64()) {
        if let Some((member, score)) = set.get(rank) {
            members::reply_one(reply, member, score, with_scores);
        }
    }
    Ok(())
}

const OUT_OF_RANGE: CommandError = CommandError::constant("ERR value is out of range");

/// `count` different numbers below `len`, every choice as likely as any other (Bentley and Floyd,
/// "A Sample of Brilliance", Communications of the ACM 30(9), 1987).
fn distinct(
    count: usize,
    len: usize,
    mut draw: impl FnMut() -> u64,
) -> std::collections::BTreeSet<usize> {
    let mut chosen = std::collections::BTreeSet::new();
    for last in len - count..len {
        let pick = ((u128::from(draw()) * (last as u128 + 1)) >> 64) as usize;
        if !chosen.insert(pick) {
            chosen.insert(last);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_has_no_number_twice() {
        let mut state = 7_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state
        };
        for (count, len) in [(0, 0), (0, 5), (5, 5), (3, 5), (1, 1000), (999, 1000)] {
            let chosen = distinct(count, len, &mut draw);
            assert_eq!(chosen.len(), count);
            assert!(chosen.iter().all(|at| *at < len));
        }
    }
}
