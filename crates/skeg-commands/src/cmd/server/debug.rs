//! DEBUG: what test suites use of it, as far as it can be answered honestly.
//!
//! Refused unless the server was started with `enable-debug-command`: it can stop a serving thread.

use std::time::Duration;

use skeg_engine::{Bound, DATABASES, Dumped, Exec, Expiry, StrRef, ValueRef};
use skeg_io::sync::{Condvar, Mutex};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::glob::{self, Case};
use crate::help;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::walk::SLICE_ENTRIES;

pub(crate) const SPEC: Spec = Spec {
    name: "debug",
    arity: -2,
    flags: Flags::ADMIN.with(Flags::SERVICE),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "1.0.0",
    summary: "Helps to test a server",
    complexity: "Depends on the subcommand",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Container(None),
};

pub(crate) const CHANGE_REPL_ID_SPEC: Spec = Spec {
    name: "debug|change-repl-id",
    arity: 2,
    summary: "Does nothing: there is no replication",
    complexity: "O(1)",
    run: Handler::Session(nothing),
    ..SPEC
};

pub(crate) const HELP_SPEC: Spec = Spec {
    name: "debug|help",
    summary: "Lists the subcommands",
    run: Handler::Session(help),
    ..CHANGE_REPL_ID_SPEC
};

pub(crate) const JMAP_SPEC: Spec = Spec {
    name: "debug|jmap",
    summary: "Is refused: there is no such thing",
    run: Handler::Session(impossible),
    ..CHANGE_REPL_ID_SPEC
};

pub(crate) const LOADAOF_SPEC: Spec = Spec {
    name: "debug|loadaof",
    summary: "As DEBUG RELOAD: there is one way to read a value",
    ..RELOAD_SPEC
};

pub(crate) const OBJECT_SPEC: Spec = Spec {
    name: "debug|object",
    arity: 3,
    keys: Keys::At(2, KeyFlags::RO),
    summary: "Describes how the value of a key is stored",
    syntax: "key",
    run: Handler::Keyed(object),
    ..CHANGE_REPL_ID_SPEC
};

pub(crate) const PACKED_SPEC: Spec = Spec {
    name: "debug|quicklist-packed-threshold",
    arity: 3,
    summary: "Does nothing: it tunes an encoding that there is not",
    syntax: "size",
    ..CHANGE_REPL_ID_SPEC
};

pub(crate) const RELOAD_SPEC: Spec = Spec {
    name: "debug|reload",
    arity: -2,
    flags: SPEC.flags.with(Flags::WRITE),
    categories: &[Category::Write, Category::Admin, Category::Slow, Category::Dangerous],
    summary: "Makes every value in memory anew from what DUMP writes of it",
    complexity: "O(N) for N bytes of keys and values",
    syntax: "[option [option ...]]",
    run: Handler::AllShards(reload),
    ..CHANGE_REPL_ID_SPEC
};

pub(crate) const SET_ACTIVE_EXPIRE_SPEC: Spec = Spec {
    name: "debug|set-active-expire",
    arity: 3,
    summary: "Says whether expired keys are looked for in the background",
    syntax: "<0 | 1>",
    run: Handler::Session(set_active_expire),
    ..CHANGE_REPL_ID_SPEC
};

pub(crate) const SLEEP_SPEC: Spec = Spec {
    name: "debug|sleep",
    arity: 3,
    summary: "Stops the thread that serves this connection for a time",
    syntax: "seconds",
    run: Handler::Session(sleep),
    ..CHANGE_REPL_ID_SPEC
};

pub(crate) const STRINGMATCH_LEN_SPEC: Spec = Spec {
    name: "debug|stringmatch-len",
    arity: 4,
    summary: "Matches a pattern against a text of so many letters a",
    complexity: "O(N*M) for a pattern of N and a text of M bytes",
    syntax: "length pattern",
    run: Handler::Session(match_length),
    ..CHANGE_REPL_ID_SPEC
};

/// The longest text of STRINGMATCH-LEN.
const TEXT_BYTES_MAX: i64 = 1 << 20;
/// The longest sleep, in seconds.
const SLEEP_S_MAX: f64 = 3_600.0;

pub(super) fn check(cx: &Cx<'_>) -> Outcome {
    let client = cx.client.origin();
    let is_local = client.is_unix || client.address.starts_with("127.0.0.1:");
    match cx.context.config().get("enable-debug-command").as_deref() {
        Some("yes") => Ok(()),
        Some("local") if is_local => Ok(()),
        _ => Err(CommandError::constant(
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", \
             you can run it from a local connection, otherwise you need to set this option when \
             the server is started.",
        )),
    }
}

fn nothing(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    check(cx)?;
    reply.ok();
    Ok(())
}

fn impossible(cx: &mut Cx<'_>, _: Args<'_>, _: &mut Reply) -> Outcome {
    check(cx)?;
    let name = cx.spec.name.replace('|', " ").to_uppercase();
    Err(CommandError::owned(format!("ERR {name} is not supported by skeg")))
}

/// Log space for the effects of one value beside its key and what was dumped.
const EFFECT_BYTES: u64 = 256;

fn reload(exec: &mut Exec<'_>, cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    check(cx)?;
    let mut dumped = Vec::new();
    for shard in exec.shards() {
        for db in 0..DATABASES {
            let mut keys = Vec::new();
            let mut cursor = 0;
            loop {
                cursor = shard.scan(db, cursor, SLICE_ENTRIES, &mut |key, entry| {
                    // What is kept in the log only is read from there each time.
                    if !matches!(entry.value, ValueRef::Away(_)) {
                        keys.push(key.to_vec());
                    }
                });
                if cursor == 0 {
                    break;
                }
            }
            for key in keys {
                if let Some(value) = shard.dump(db, &key)? {
                    dumped.push((db, key, value));
                }
            }
        }
    }
    let bytes = |(_, key, value): &(_, Vec<u8>, Vec<u8>)| key.len() as u64 + value.len() as u64;
    let bytes = dumped.iter().map(|one| bytes(one) + EFFECT_BYTES).sum();
    exec.reserve(Bound::grow(bytes))?;
    for (db, key, value) in &dumped {
        let shard = exec.shard(key);
        let expiry = shard.expiry(*db, key).flatten().map_or(Expiry::Clear, Expiry::At);
        let value = Dumped::read(value).expect("what was dumped can be read");
        shard.restore(*db, key, value, expiry);
    }
    reply.ok();
    Ok(())
}

fn object(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    check(cx)?;
    let (db, key) = (cx.db(), args.get(2));
    let shard = exec.shard(key);
    let bytes = shard.memory_of(db, key).ok_or(CommandError::NO_SUCH_KEY)?;
    let encoding = match shard.string(db, key) {
        Ok(Some(StrRef::Int(_))) => "int",
        _ => "raw",
    };
    let text = format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{bytes} lru:0 lru_seconds_idle:0"
    );
    reply.simple(&text);
    Ok(())
}

fn set_active_expire(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    check(cx)?;
    cx.engine().set_active_expiry(parse::int_arg(args.get(2))? != 0);
    reply.ok();
    Ok(())
}

fn sleep(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    check(cx)?;
    let seconds = std::str::from_utf8(args.get(2)).ok().and_then(|text| text.parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| (0.0..=SLEEP_S_MAX).contains(seconds));
    let pause = Duration::from_secs_f64(seconds.ok_or(CommandError::NOT_A_FLOAT)?);
    let until = Mutex::new(());
    drop(Condvar::new().wait_timeout(until.lock(), pause));
    reply.ok();
    Ok(())
}

fn match_length(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    check(cx)?;
    let length = parse::int_between(args.get(2), 0, TEXT_BYTES_MAX)?;
    let text = vec![b'a'; usize::try_from(length).unwrap_or(0)];
    reply.int(i64::from(glob::matches(args.get(3), &text, Case::Exact)));
    Ok(())
}

fn help(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    help::write(reply, &SPEC);
    Ok(())
}
