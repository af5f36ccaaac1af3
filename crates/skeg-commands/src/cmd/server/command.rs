//! COMMAND and its subcommands: the table as clients read it.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::describe;
use crate::error::CommandError;
use crate::glob::{self, Case};
use crate::help;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::table::{self, CommandId};

pub(crate) const SPEC: Spec = Spec {
    name: "command",
    arity: -1,
    flags: Flags::LOADING.with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Server,
    since: "2.8.13",
    summary: "Describes all commands",
    complexity: "O(N) for N commands",
    syntax: "",
    tips: &["nondeterministic_output_order"],
    bound: BoundRule::Read,
    run: Handler::Container(Some(all)),
};

pub(crate) const COUNT_SPEC: Spec = Spec {
    name: "command|count",
    arity: 2,
    flags: Flags::LOADING.with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Server,
    since: "2.8.13",
    summary: "Returns the number of commands",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(count),
};

pub(crate) const DOCS_SPEC: Spec = Spec {
    name: "command|docs",
    arity: -2,
    flags: Flags::LOADING.with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Server,
    since: "7.0.0",
    summary: "Documents commands",
    complexity: "O(N) for N commands",
    syntax: "[command-name [command-name ...]]",
    tips: &["nondeterministic_output_order"],
    bound: BoundRule::Read,
    run: Handler::Session(docs),
};

pub(crate) const GETKEYS_SPEC: Spec = Spec {
    name: "command|getkeys",
    arity: -4,
    flags: Flags::LOADING.with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Server,
    since: "2.8.13",
    summary: "Returns the keys among the arguments of a command",
    complexity: "O(N) for N arguments",
    syntax: "command [arg [arg ...]]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(get_keys),
};

pub(crate) const GETKEYSANDFLAGS_SPEC: Spec = Spec {
    name: "command|getkeysandflags",
    summary: "Returns the keys of a command, and what it does to them",
    run: Handler::Session(get_keys_and_flags),
    ..GETKEYS_SPEC
};

pub(crate) const HELP_SPEC: Spec = Spec {
    name: "command|help",
    arity: 2,
    flags: Flags::LOADING.with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Server,
    since: "5.0.0",
    summary: "Lists the subcommands",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(help),
};

pub(crate) const INFO_SPEC: Spec = Spec {
    name: "command|info",
    arity: -2,
    flags: Flags::LOADING.with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Server,
    since: "2.8.13",
    summary: "Describes commands",
    complexity: "O(N) for N commands",
    syntax: "[command-name [command-name ...]]",
    tips: &["nondeterministic_output_order"],
    bound: BoundRule::Read,
    run: Handler::Session(info),
};

pub(crate) const LIST_SPEC: Spec = Spec {
    name: "command|list",
    arity: -2,
    flags: Flags::LOADING.with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Server,
    since: "7.0.0",
    summary: "Returns the names of commands",
    complexity: "O(N) for N commands",
    syntax: "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
    tips: &["nondeterministic_output_order"],
    bound: BoundRule::Read,
    run: Handler::Session(list),
};

fn all(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let ids: Vec<CommandId> = table::top_level().collect();
    reply.array(ids.len());
    ids.into_iter().for_each(|id| describe::info(reply, id.spec()));
    Ok(())
}

fn count(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.count(table::top_level().count());
    Ok(())
}

fn info(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    if args.len() == 2 {
        return all(cx, args, reply);
    }
    reply.array(args.len() - 2);
    for name in args.iter().skip(2) {
        match table::find(name) {
            Some(id) => describe::info(reply, id.spec()),
            None => reply.null(),
        }
    }
    Ok(())
}

fn docs(_: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let ids: Vec<CommandId> = match args.len() {
        2 => table::top_level().collect(),
        _ => args.iter().skip(2).filter_map(table::find).collect(),
    };
    reply.map(ids.len());
    for id in ids {
        reply.bulk_str(id.spec().name);
        describe::docs(reply, id.spec());
    }
    Ok(())
}

fn list(_: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let keep: Box<dyn Fn(CommandId) -> bool> = match args.len() {
        2 => Box::new(|_| true),
        5 if parse::is_word(args.get(2), "FILTERBY") => {
            let (by, what) = (args.get(3), args.get(4));
            if parse::is_word(by, "MODULE") {
                Box::new(|_| false)
            } else if parse::is_word(by, "ACLCAT") {
                Box::new(move |id| {
                    let categories = id.spec().categories;
                    categories.iter().any(|category| parse::is_word(what, category.name()))
                })
            } else if parse::is_word(by, "PATTERN") {
                Box::new(move |id| glob::matches(what, id.spec().name.as_bytes(), Case::Ignore))
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        _ => return Err(CommandError::SYNTAX),
    };
    let ids: Vec<CommandId> = table::ids().filter(|id| keep(*id)).collect();
    reply.array(ids.len());
    ids.into_iter().for_each(|id| reply.bulk_str(id.spec().name));
    Ok(())
}

fn get_keys(_: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let command = args.tail(2);
    let keys = keys_of(command)?.0;
    reply.array(keys.len());
    keys.into_iter().for_each(|index| reply.bulk(command.get(index)));
    Ok(())
}

fn get_keys_and_flags(_: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let command = args.tail(2);
    let (keys, spec) = keys_of(command)?;
    reply.array(keys.len());
    for index in keys {
        reply.array(2);
        reply.bulk(command.get(index));
        describe::words(reply, flags_of(spec, command, index).names(), "");
    }
    Ok(())
}

/// What this command does to the key at an index. Of those whose options decide it there is one: SET
/// reads the old value only when it is asked for it.
fn flags_of(spec: &Spec, command: Args<'_>, index: usize) -> KeyFlags {
    let flags = spec.keys.flags_at(index);
    if !flags.has(KeyFlags::VARIABLE_FLAGS) {
        flags
    } else if command.iter().skip(3).any(|word| parse::is_word(word, "GET")) {
        KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::UPDATE)
    } else {
        KeyFlags::OW.with(KeyFlags::UPDATE)
    }
}

/// Where the keys of a command are, and its specification.
fn keys_of(command: Args<'_>) -> Result<(Vec<usize>, &'static Spec), CommandError> {
    let Some(id) = table::resolve(command) else {
        return Err(CommandError::constant("ERR Invalid command specified"));
    };
    let spec = id.spec();
    if spec.keys.is_none() {
        return Err(CommandError::constant("ERR The command has no key arguments"));
    }
    if !spec.accepts(command.len()) {
        return Err(CommandError::constant(
            "ERR Invalid number of arguments specified for command",
        ));
    }
    Ok((spec.keys.positions(command).collect(), spec))
}

fn help(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    help::write(reply, &SPEC);
    Ok(())
}
