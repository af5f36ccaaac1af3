//! Specifications as replies: COMMAND INFO and COMMAND DOCS.

use skeg_proto::Reply;

use crate::spec::{Category, Find, Keys, Spec};
use crate::syntax::{self, Argument, Shape};
use crate::table;

pub(crate) fn words<'a>(reply: &mut Reply, words: impl Iterator<Item = &'a str>, prefix: &str) {
    let words: Vec<String> = words.map(|word| format!("{prefix}{word}")).collect();
    reply.set(words.len());
    words.iter().for_each(|word| reply.simple(word));
}

/// The ten fields of COMMAND INFO.
pub(crate) fn info(reply: &mut Reply, spec: &'static Spec) {
    reply.array(10);
    reply.bulk_str(spec.name);
    reply.int(i64::from(spec.arity));
    let movable = spec.keys.is_movable().then_some("movablekeys");
    words(reply, spec.flags.names().chain(movable), "");
    let (first, last, step) = spec.keys.range();
    [first, last, step].into_iter().for_each(|number| reply.int(number));
    let categories = Category::ALL.iter().filter(|category| spec.categories.contains(category));
    words(reply, categories.map(|category| category.name()), "@");
    reply.set(spec.tips.len());
    spec.tips.iter().for_each(|tip| reply.bulk_str(tip));
    key_specs(reply, spec.keys);
    let subcommands: Vec<_> = table::subcommands(spec).collect();
    reply.set(subcommands.len());
    subcommands.into_iter().for_each(|id| info(reply, id.spec()));
}

fn key_specs(reply: &mut Reply, keys: Keys) {
    let specs = keys.specs();
    reply.set(specs.len());
    for (index, find, flags) in specs {
        reply.map(3);
        reply.bulk_str("flags");
        words(reply, flags.names(), "");
        reply.bulk_str("begin_search");
        match find {
            Find::Unknown => search(reply, "unknown", &[]),
            _ => search(reply, "index", &[("index", index)]),
        }
        reply.bulk_str("find_keys");
        match find {
            Find::Range(last, step) => {
                let fields = [("lastkey", last), ("keystep", step), ("limit", 0)];
                search(reply, "range", &fields);
            }
            Find::Count => {
                search(reply, "keynum", &[("keynumidx", 0), ("firstkey", 1), ("keystep", 1)]);
            }
            Find::Unknown => search(reply, "unknown", &[]),
        }
    }
}

fn search(reply: &mut Reply, kind: &str, fields: &[(&str, i64)]) {
    reply.map(2);
    reply.bulk_str("type");
    reply.bulk_str(kind);
    reply.bulk_str("spec");
    reply.map(fields.len());
    for (name, value) in fields {
        reply.bulk_str(name);
        reply.int(*value);
    }
}

/// The map of COMMAND DOCS for one command.
pub(crate) fn docs(reply: &mut Reply, spec: &'static Spec) {
    // A test reads every syntax.
    let arguments = syntax::read(spec.syntax).unwrap_or_default();
    let subcommands: Vec<_> = table::subcommands(spec).collect();
    reply.map(4 + usize::from(!arguments.is_empty()) + usize::from(!subcommands.is_empty()));
    let group = spec.group.name();
    for (field, text) in [
        ("summary", spec.summary),
        ("since", spec.since),
        ("group", group),
        ("complexity", spec.complexity),
    ] {
        reply.bulk_str(field);
        reply.bulk_str(text);
    }
    if !arguments.is_empty() {
        reply.bulk_str("arguments");
        self::arguments(reply, &arguments);
    }
    if !subcommands.is_empty() {
        reply.bulk_str("subcommands");
        reply.map(subcommands.len());
        for id in subcommands {
            reply.bulk_str(id.spec().name);
            docs(reply, id.spec());
        }
    }
}

fn arguments(reply: &mut Reply, arguments: &[Argument]) {
    reply.array(arguments.len());
    arguments.iter().for_each(|one| argument(reply, one));
}

fn argument(reply: &mut Reply, argument: &Argument) {
    let kind = kind(argument);
    let is_key = kind == "key";
    let inner = match &argument.shape {
        Shape::OneOf(inner) | Shape::Block(inner) => Some(inner),
        Shape::Value | Shape::Token => None,
    };
    let flags = [("optional", argument.optional), ("multiple", argument.multiple)];
    let flags: Vec<&str> = flags.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    let optional_fields = [is_key, argument.token.is_some(), !flags.is_empty(), inner.is_some()];
    reply.map(2 + optional_fields.into_iter().filter(|has| *has).count());
    for (field, text) in [("name", argument.name.as_str()), ("type", kind)] {
        reply.bulk_str(field);
        reply.bulk_str(text);
    }
    if is_key {
        reply.bulk_str("key_spec_index");
        reply.int(i64::from(matches!(argument.name.as_str(), "newkey" | "destination")));
    }
    if let Some(token) = &argument.token {
        reply.bulk_str("token");
        reply.bulk_str(token);
    }
    if !flags.is_empty() {
        reply.bulk_str("flags");
        reply.set(flags.len());
        flags.iter().for_each(|flag| reply.simple(flag));
    }
    if let Some(inner) = inner {
        reply.bulk_str("arguments");
        arguments(reply, inner);
    }
}

/// The type of an argument; of a value its name tells.
fn kind(argument: &Argument) -> &'static str {
    match argument.shape {
        Shape::Token => "pure-token",
        Shape::OneOf(_) => "oneof",
        Shape::Block(_) => "block",
        Shape::Value => match argument.name.as_str() {
            "key" | "newkey" | "source" | "destination" => "key",
            "pattern" => "pattern",
            name if name.starts_with("unix-time") => "unix-time",
            "seconds" | "milliseconds" | "offset" | "start" | "stop" | "end" | "cursor"
            | "count" | "index" | "index1" | "index2" | "db" | "destination-db" | "increment"
            | "decrement" | "protover" | "client-id" | "timeout" | "numlocal" | "numreplicas"
            | "numkeys" | "rank" | "num-matches" | "len" | "limit" | "dim" | "k" | "l" | "n" => {
                "integer"
            }
            "score" | "weight" => "double",
            _ => "string",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::KeyFlags;
    use skeg_proto::Version;

    #[test]
    fn info_of_a_command_with_two_kinds_of_keys() {
        let spec = table::find(b"rename").unwrap().spec();
        let mut reply = Reply::new(Version::Resp3);
        info(&mut reply, spec);
        let text = String::from_utf8_lossy(reply.as_bytes()).replace("\r\n", " ");
        let start = "*10 $6 rename :3 ~1 +write :1 :2 :1 ~3 +@keyspace +@write +@slow ~0 ~2 %3";
        assert!(text.starts_with(start), "{text}");
        assert_eq!(spec.keys.specs()[1].2, KeyFlags::OW.with(KeyFlags::UPDATE));
    }
}
