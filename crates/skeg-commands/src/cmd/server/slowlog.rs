//! SLOWLOG.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::help;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "slowlog",
    arity: -2,
    flags: Flags::NONE,
    keys: Keys::None,
    categories: &[Category::Slow],
    group: Group::Server,
    since: "2.2.12",
    summary: "Shows the commands that took long",
    complexity: "Depends on the subcommand",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Container(None),
};

pub(crate) const GET_SPEC: Spec = Spec {
    name: "slowlog|get",
    flags: Flags::ADMIN.with(Flags::LOADING).with(Flags::STALE),
    categories: &[Category::Admin, Category::Slow, Category::Dangerous],
    summary: "Returns the latest slow commands",
    complexity: "O(N) for N entries",
    syntax: "[count]",
    tips: &["request_policy:all_nodes", "nondeterministic_output"],
    run: Handler::Session(get),
    ..SPEC
};

pub(crate) const HELP_SPEC: Spec = Spec {
    name: "slowlog|help",
    arity: 2,
    flags: Flags::LOADING.with(Flags::STALE),
    since: "6.2.0",
    summary: "Lists the subcommands",
    complexity: "O(1)",
    run: Handler::Session(help),
    ..SPEC
};

pub(crate) const LEN_SPEC: Spec = Spec {
    name: "slowlog|len",
    arity: 2,
    summary: "Counts the entries",
    complexity: "O(1)",
    syntax: "",
    run: Handler::Session(length),
    ..GET_SPEC
};

pub(crate) const RESET_SPEC: Spec = Spec {
    name: "slowlog|reset",
    summary: "Forgets all entries",
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    run: Handler::Session(reset),
    ..LEN_SPEC
};

/// Entries that are shown when no count is given.
const SHOWN: usize = 10;

fn get(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    if args.len() > 3 {
        return Err(help::wrong_arity(cx.spec));
    }
    let count = match args.try_get(2) {
        None => SHOWN,
        Some(text) => {
            let out_of_range =
                CommandError::constant("ERR count should be greater than or equal to -1");
            let count = parse::integer(text).filter(|count| *count >= -1).ok_or(out_of_range)?;
            usize::try_from(count).unwrap_or(usize::MAX)
        }
    };
    let entries = cx.context.timing().slow_log.newest(count);
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        reply.int(entry.id as i64);
        reply.int(entry.at_s as i64);
        reply.int(entry.spent_us as i64);
        reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| reply.bulk(arg));
        reply.bulk_str(&entry.address);
        reply.bulk_str(&entry.client_name);
    }
    Ok(())
}

fn length(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.count(cx.context.timing().slow_log.len());
    Ok(())
}

fn reset(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    cx.context.timing().slow_log.reset();
    reply.ok();
    Ok(())
}

fn help(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    help::write(reply, &SPEC);
    Ok(())
}
