//! CONFIG.

use skeg_engine::{Exec, Shard};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::help;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "config",
    arity: -2,
    flags: Flags::NONE,
    keys: Keys::None,
    categories: &[Category::Slow],
    group: Group::Server,
    since: "2.0.0",
    summary: "Reads and changes settings",
    complexity: "Depends on the subcommand",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Container(None),
};

pub(crate) const GET_SPEC: Spec = Spec {
    name: "config|get",
    arity: -3,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "2.0.0",
    summary: "Returns the settings that fit a pattern",
    complexity: "O(N) for N settings",
    syntax: "parameter [parameter ...]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(get),
};

pub(crate) const HELP_SPEC: Spec = Spec {
    name: "config|help",
    arity: 2,
    flags: Flags::LOADING.with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow],
    group: Group::Server,
    since: "5.0.0",
    summary: "Lists the subcommands",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(help),
};

pub(crate) const RESETSTAT_SPEC: Spec = Spec {
    name: "config|resetstat",
    arity: 2,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "2.0.0",
    summary: "Sets the counters of INFO to zero",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::AllShards(reset),
};

pub(crate) const REWRITE_SPEC: Spec = Spec {
    name: "config|rewrite",
    arity: 2,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "2.8.0",
    summary: "Would write the settings to the configuration file, which skeg never changes",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(rewrite),
};

pub(crate) const SET_SPEC: Spec = Spec {
    name: "config|set",
    arity: -4,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    group: Group::Server,
    since: "2.0.0",
    summary: "Changes settings, all of them or none",
    complexity: "O(N) for N settings",
    syntax: "parameter value [parameter value ...]",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    bound: BoundRule::Read,
    run: Handler::AllShards(set),
};

fn get(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let patterns: Vec<&[u8]> = args.iter().skip(2).collect();
    let found = cx.context.config().matching(&patterns);
    reply.map(found.len());
    for (name, value) in found {
        reply.bulk_str(&name);
        reply.bulk_str(&value);
    }
    Ok(())
}

/// What together is the limit of memory.
const MEMORY_SETTINGS: [&str; 5] = [
    "maxmemory",
    "maxmemory-group-delimiter",
    "maxmemory-group-depth",
    "maxmemory-policy",
    "maxmemory-samples",
];

/// Holds every shard, so that a memory limit starts with figures that are right.
fn set(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::SYNTAX);
    }
    let pairs: Vec<(&[u8], &[u8])> =
        (2..args.len()).step_by(2).map(|index| (args.get(index), args.get(index + 1))).collect();
    let config = cx.context.config();
    config.set(&pairs).map_err(|error| CommandError::owned(format!("ERR {error}")))?;
    cx.context.follow_settings();
    // The engine's own: another server of the same store may have chosen too, and the last choice holds.
    let names = |name| pairs.iter().any(|(named, _)| parse::is_word(named, name));
    if names("notify-keyspace-events") {
        cx.engine().set_notifications(config.notifications());
    }
    if names("save") {
        cx.context.engine().set_save_points(config.save_points());
    }
    if MEMORY_SETTINGS.into_iter().any(names) {
        cx.engine().set_memory_limit(config.memory_limit());
        exec.note_memory();
    }
    reply.ok();
    Ok(())
}

fn reset(exec: &mut Exec<'_>, cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    exec.shards().for_each(Shard::reset_counters);
    cx.context.lanes().reset();
    cx.context.host().reset_figures();
    reply.ok();
    Ok(())
}

fn rewrite(cx: &mut Cx<'_>, _: Args<'_>, _: &mut Reply) -> Outcome {
    Err(CommandError::constant(match cx.context.host().process().config_file.is_empty() {
        true => "ERR The server is running without a config file",
        false => "ERR Rewriting config file: skeg never changes its configuration file",
    }))
}

fn help(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    help::write(reply, &SPEC);
    Ok(())
}
