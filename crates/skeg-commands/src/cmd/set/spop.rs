//! SPOP. What is logged is what was removed, so replay needs no randomness.

use crate::draws::{Count, Draws};
use crate::error::CommandError;
use crate::parse;
use crate::value;
use skeg_engine::Exec;
use skeg_engine::{Bound, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "spop",
    arity: -2,
    flags: Flags::WRITE_FAST,
    keys: Keys::One(KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE)),
    categories: &[Category::Write, Category::Set, Category::Fast],
    group: Group::Set,
    since: "1.0.0",
    summary: "Removes members of a set at random and returns them",
    complexity: "O(N) for N members that are returned; O(M) for a set of M members when most are",
    syntax: "key [count]",
    tips: &["nondeterministic_output"],
    bound: BoundRule::ReleaseLater(usual_bytes, most_bytes),
    run: Handler::Keyed(run),
};

/// Log space for members that are popped, as far as it is reserved before they are known.
const USUAL_BYTES: u64 = 256;

/// Log space for a member beside its bytes.
const MEMBER_BYTES: u64 = 10;

fn usual_bytes(_: Args<'_>) -> u64 {
    USUAL_BYTES
}

/// A transaction reserves no more ahead: in a larger set most of it would be for members that are not drawn.
const MOST_BYTES: u64 = 1 << 20;

/// Digits of a number, which a set keeps in fewer bytes.
const DIGITS: u64 = 20;

fn most_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let key = args.get(1);
    let count = args.try_get(2).map_or(Ok(1), positive).unwrap_or(0) as u64;
    let memory = exec.shard(key).memory_of(cx.db(), key).unwrap_or(0) as u64;
    count.saturating_mul(MEMBER_BYTES + DIGITS).saturating_add(memory).min(MOST_BYTES)
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, key) = (cx.db(), args.get(1));
    let count = match args.len() {
        2 => None,
        3 => Some(positive(args.get(2))?),
        _ => return Err(CommandError::SYNTAX),
    };
    let Some(set) = exec.shard(key).set_of(db, key)? else {
        match count {
            None => reply.null(),
            Some(_) => reply.set(0),
        }
        return Ok(());
    };
    if let Some(count) = count {
        reply.set(count.min(set.len()));
        if count >= set.len() {
            set.iter().for_each(|member| value::reply_string(reply, member));
            let shard = exec.shard(key);
            shard.remove(db, key);
            shard.notify_removal(NotifyClass::SET, "spop", db, key);
            return Ok(());
        }
    }
    let mut draws = Draws::new(cx);
    let mut popped: Vec<Vec<u8>> = Vec::new();
    let (all, any) = (set.iter(), |draw| set.random(draw).expect("no set is empty"));
    let picked = Count::distinct(count.unwrap_or(1));
    draws.pick(picked, set.len(), all, any, |member| member, &mut |member| {
        popped.push(value::to_vec(member));
    });
    let bytes: u64 = popped.iter().map(|member| member.len() as u64 + MEMBER_BYTES).sum();
    if bytes > USUAL_BYTES {
        exec.reserve(Bound::release(bytes))?;
    }
    let shard = exec.shard(key);
    for member in &popped {
        shard.set_remove(db, key, member)?;
        reply.bulk(member);
    }
    if !popped.is_empty() {
        shard.notify_removal(NotifyClass::SET, "spop", db, key);
    }
    Ok(())
}

fn positive(text: &[u8]) -> Result<usize, CommandError> {
    let out_of_range = CommandError::constant("ERR value is out of range, must be positive");
    let count = parse::integer(text).and_then(|count| usize::try_from(count).ok());
    count.ok_or(out_of_range)
}
