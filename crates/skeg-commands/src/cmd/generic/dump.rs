//! DUMP and RESTORE. The format is skeg's own (`docs/format/dump.md`).
//!
//! IDLETIME and FREQ are read and dropped: neither is kept.

use skeg_engine::{DumpError, Dumped, EvictionPolicy, Exec, Expiry, NotifyClass, Stamp};
use skeg_proto::{Args, Reply};

use crate::bounds;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const DUMP_SPEC: Spec = Spec {
    name: "dump",
    arity: 2,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Keyspace, Category::Read, Category::Slow],
    group: Group::Generic,
    since: "2.6.0",
    summary: "Returns the value of a key in the form that RESTORE takes",
    complexity: "O(N) for a value of N bytes",
    syntax: "key",
    tips: &["nondeterministic_output"],
    bound: BoundRule::Read,
    run: Handler::Keyed(dump),
};

pub(crate) const RESTORE_SPEC: Spec = Spec {
    name: "restore",
    arity: -4,
    flags: Flags::GROW,
    keys: Keys::One(KeyFlags::OW.with(KeyFlags::UPDATE)),
    categories: &[Category::Keyspace, Category::Write, Category::Slow, Category::Dangerous],
    summary: "Creates a key from what DUMP returned",
    syntax: "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
    tips: &[],
    bound: BoundRule::GrowBy(restored_bytes),
    run: Handler::Keyed(restore),
    ..DUMP_SPEC
};

/// A collection that replaces another and has a deadline names the key in three effects.
fn restored_bytes(args: Args<'_>) -> u64 {
    bounds::arguments_bytes(args) + args.get(1).len() as u64
}

fn dump(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    match exec.shard(args.get(1)).dump(cx.db(), args.get(1))? {
        Some(bytes) => reply.bulk(&bytes),
        None => reply.null(),
    }
    Ok(())
}

#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    /// Seconds since its last use.
    idle_s: Option<i64>,
    /// The logarithmic count of its uses.
    count: Option<i64>,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut index = 4;
        while let Some(word) = args.try_get(index) {
            index += 1;
            if parse::is_word(word, "REPLACE") {
                options.replace = true;
                continue;
            }
            if parse::is_word(word, "ABSTTL") {
                options.absolute = true;
                continue;
            }
            let value = args.try_get(index).ok_or(CommandError::SYNTAX)?;
            index += 1;
            if parse::is_word(word, "IDLETIME") && options.count.is_none() {
                options.idle_s = Some(parse::int_arg(value)?);
                if options.idle_s < Some(0) {
                    let text = "ERR Invalid IDLETIME value, must be >= 0";
                    return Err(CommandError::constant(text));
                }
            } else if parse::is_word(word, "FREQ") && options.idle_s.is_none() {
                let count = parse::int_arg(value)?;
                if !(0..=255).contains(&count) {
                    let text = "ERR Invalid FREQ value, must be >= 0 and <= 255";
                    return Err(CommandError::constant(text));
                }
                options.count = Some(count);
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(options)
    }

    /// What is noted of its uses, if the policy asks for that.
    fn stamp(&self, policy: EvictionPolicy, now_ms: u64) -> Option<Stamp> {
        if policy.is_lfu() {
            let count = u8::try_from(self.count?).unwrap_or(u8::MAX);
            return Some(Stamp::counted(now_ms, count));
        }
        let idle_ms = self.idle_s?.unsigned_abs().saturating_mul(1_000);
        policy.is_lru().then(|| Stamp::idle(now_ms, idle_ms))
    }
}

fn restore(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let options = Options::parse(args)?;
    let (db, key, now_ms) = (cx.db(), args.get(1), exec.now_ms());
    let shard = exec.shard(key);
    let existed = shard.exists(db, key);
    if existed && !options.replace {
        return Err(CommandError::constant("BUSYKEY Target key name already exists."));
    }
    let invalid = CommandError::constant("ERR Invalid TTL value, must be >= 0");
    let ttl = u64::try_from(parse::int_arg(args.get(2))?).map_err(|_| invalid)?;
    let value = Dumped::read(args.get(3)).map_err(|error| {
        CommandError::constant(match error {
            DumpError::Foreign => "ERR DUMP payload version or checksum are wrong",
            DumpError::Malformed => "ERR Bad data format",
        })
    })?;
    let expiry = match (ttl, options.absolute) {
        (0, _) => Expiry::Clear,
        (at, true) => Expiry::At(at),
        (left, false) => Expiry::At(now_ms.saturating_add(left)),
    };
    if matches!(expiry, Expiry::At(at) if at <= now_ms) {
        // Its time is over already: what it replaces goes, and it does not come.
        if existed && shard.remove(db, key) {
            shard.notify(NotifyClass::GENERIC, "del", db, key);
        }
    } else {
        shard.restore(db, key, value, expiry);
        if let Some(stamp) = options.stamp(cx.engine().memory_limit().policy, now_ms) {
            shard.set_stamp(db, key, stamp);
        }
        shard.notify(NotifyClass::GENERIC, "restore", db, key);
    }
    reply.ok();
    Ok(())
}
