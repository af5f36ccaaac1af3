//! OBJECT and its subcommands.
//!
//! Access times and frequencies are not kept: IDLETIME says so, and FREQ answers as a Redis whose policy
//! does not count.

use skeg_engine::{Exec, StrRef, ValueRef};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::help;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "object",
    arity: -2,
    flags: Flags::NONE,
    keys: Keys::None,
    categories: &[Category::Slow],
    group: Group::Generic,
    since: "2.2.3",
    summary: "Looks at how values are stored",
    complexity: "Depends on the subcommand",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Container(None),
};

pub(crate) const ENCODING_SPEC: Spec = Spec {
    name: "object|encoding",
    arity: 3,
    flags: Flags::READONLY,
    keys: Keys::At(2, KeyFlags::RO),
    categories: &[Category::Keyspace, Category::Read, Category::Slow],
    group: Group::Generic,
    since: "2.2.3",
    summary: "Returns how the value of a key is encoded",
    complexity: "O(1)",
    syntax: "key",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Keyed(encoding),
};

pub(crate) const FREQ_SPEC: Spec = Spec {
    name: "object|freq",
    arity: 3,
    flags: Flags::READONLY,
    keys: Keys::At(2, KeyFlags::RO),
    categories: &[Category::Keyspace, Category::Read, Category::Slow],
    group: Group::Generic,
    since: "4.0.0",
    summary: "Returns how often a key is used, under a policy that counts it",
    complexity: "O(1)",
    syntax: "key",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Keyed(freq),
};

pub(crate) const IDLETIME_SPEC: Spec = Spec {
    name: "object|idletime",
    arity: 3,
    flags: Flags::READONLY,
    keys: Keys::At(2, KeyFlags::RO),
    categories: &[Category::Keyspace, Category::Read, Category::Slow],
    group: Group::Generic,
    since: "2.2.3",
    summary: "Returns how long a key was not used, where that is kept",
    complexity: "O(1)",
    syntax: "key",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Keyed(idle_time),
};

pub(crate) const REFCOUNT_SPEC: Spec = Spec {
    name: "object|refcount",
    arity: 3,
    flags: Flags::READONLY,
    keys: Keys::At(2, KeyFlags::RO),
    categories: &[Category::Keyspace, Category::Read, Category::Slow],
    group: Group::Generic,
    since: "2.2.3",
    summary: "Returns how many references to the value of a key there are",
    complexity: "O(1)",
    syntax: "key",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Keyed(refcount),
};

pub(crate) const HELP_SPEC: Spec = Spec {
    name: "object|help",
    arity: 2,
    flags: Flags::LOADING.with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Keyspace, Category::Slow],
    group: Group::Generic,
    since: "6.2.0",
    summary: "Lists the subcommands",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(help),
};

/// The longest string that Redis embeds in its object.
const EMBEDDED_BYTES_MAX: usize = 44;

fn encoding(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let shard = exec.shard(args.get(2));
    if !shard.exists(cx.db(), args.get(2)) {
        reply.null();
        return Ok(());
    }
    if let Some(value) = shard.peek(cx.db(), args.get(2)) {
        reply.bulk_str(encoding_of(value));
    }
    Ok(())
}

/// What Redis calls the form that is next to ours.
fn encoding_of(value: ValueRef<'_>) -> &'static str {
    let flat_or = |is_flat, other| if is_flat { "listpack" } else { other };
    match value {
        ValueRef::Str(StrRef::Int(_)) => "int",
        ValueRef::Str(StrRef::Bytes(bytes)) if bytes.len() <= EMBEDDED_BYTES_MAX => "embstr",
        ValueRef::Hash(hash) => flat_or(hash.is_flat(), "hashtable"),
        ValueRef::List(list) => flat_or(list.is_flat(), "quicklist"),
        ValueRef::Set(set) if !set.is_flat() => "hashtable",
        ValueRef::Set(set) if set.iter().all(|it| matches!(it, StrRef::Int(_))) => "intset",
        ValueRef::Set(_) => "listpack",
        ValueRef::SortedSet(set) => flat_or(set.is_flat(), "skiplist"),
        _ => "raw",
    }
}

fn freq(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let Some(stamp) = exec.shard(args.get(2)).stamp(cx.db(), args.get(2)) else {
        reply.null();
        return Ok(());
    };
    if !cx.engine().memory_limit().policy.is_lfu() {
        return Err(CommandError::constant(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please \
             note that when switching between policies at runtime LRU and LFU data will take some \
             time to adjust.",
        ));
    }
    reply.int(i64::from(stamp.count(exec.now_ms())));
    Ok(())
}

fn idle_time(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let Some(stamp) = exec.shard(args.get(2)).stamp(cx.db(), args.get(2)) else {
        reply.null();
        return Ok(());
    };
    let policy = cx.engine().memory_limit().policy;
    if policy.is_lfu() {
        return Err(CommandError::constant(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    if !policy.is_lru() {
        return Err(CommandError::constant(
            "ERR Access times are not kept, idle time not tracked.",
        ));
    }
    // What nobody has used since they are kept has been idle for as long at least.
    let kept_ms = exec.now_ms().saturating_sub(cx.engine().uses_noted_since_ms());
    let idle_ms = match stamp.is_unknown() {
        true => kept_ms,
        false => u64::from(stamp.idle_ms(exec.now_ms())),
    };
    reply.int((idle_ms / 1_000) as i64);
    Ok(())
}

fn refcount(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    // Values are never shared.
    match exec.shard(args.get(2)).exists(cx.db(), args.get(2)) {
        true => reply.int(1),
        false => reply.null(),
    }
    Ok(())
}

fn help(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    help::write(reply, &SPEC);
    Ok(())
}
