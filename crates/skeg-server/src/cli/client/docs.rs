//! What the server says about its commands (`COMMAND DOCS`): help, completion and hints.

use std::collections::BTreeMap;

use skeg_proto::client::Value;

use crate::config::nearest;

/// The commands of a server, by name in upper case; a subcommand as `CONFIG GET`.
#[derive(Debug, Default)]
pub(super) struct Docs {
    commands: BTreeMap<String, Doc>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Doc {
    summary: String,
    since: String,
    group: String,
    complexity: String,
    /// The arguments, each as it is shown: `key`, `[NX | XX]`.
    arguments: Vec<String>,
}

impl Docs {
    /// Reads the reply to `COMMAND DOCS`; what is not understood is left out.
    pub(super) fn from_reply(reply: &Value) -> Self {
        let mut docs = Self::default();
        docs.add(reply);
        docs
    }

    fn add(&mut self, commands: &Value) {
        for (name, fields) in pairs(commands) {
            let Some(name) = text(name) else { continue };
            let mut doc = Doc::default();
            for (field, value) in pairs(fields) {
                let content = || text(value).unwrap_or_default();
                match text(field).as_deref() {
                    Some("summary") => doc.summary = content(),
                    Some("since") => doc.since = content(),
                    Some("group") => doc.group = content(),
                    Some("complexity") => doc.complexity = content(),
                    Some("arguments") => doc.arguments = arguments(value),
                    Some("subcommands") => self.add(value),
                    _ => {}
                }
            }
            self.commands.insert(name.replace('|', " ").to_ascii_uppercase(), doc);
        }
    }

    /// The help for the words behind `help`: a command, a group (`@string`), or an overview.
    pub(super) fn help(&self, words: &[&str]) -> String {
        let topic = words.join(" ");
        if topic.is_empty() {
            return self.overview();
        }
        let found: Vec<_> = match topic.strip_prefix('@') {
            Some(group) => self
                .commands
                .iter()
                .filter(|(_, doc)| doc.group == group.to_ascii_lowercase())
                .collect(),
            None => {
                let name = topic.to_ascii_uppercase();
                let subcommands = format!("{name} ");
                let matches = |known: &str| known == name || known.starts_with(&subcommands);
                self.commands.iter().filter(|(known, _)| matches(known)).collect()
            }
        };
        if found.is_empty() {
            return self.nothing_about(&topic);
        }
        let blocks: Vec<_> = found.into_iter().map(|(name, doc)| block(name, doc)).collect();
        format!("\n{}", blocks.join("\n"))
    }

    fn overview(&self) -> String {
        let mut groups: Vec<&str> = self.commands.values().map(|doc| doc.group.as_str()).collect();
        groups.sort_unstable();
        groups.dedup();
        let groups: Vec<_> = groups
            .into_iter()
            .filter(|group| !group.is_empty())
            .map(|group| format!("@{group}"))
            .collect();
        format!(
            "\n  help COMMAND         what a command does, and its arguments\n  \
             help @GROUP          the commands of a group: {}\n  \
             connect HOST PORT    talk to another server\n  \
             N COMMAND            run a command N times\n  \
             clear, quit\n\n  Tab completes, Ctrl-R searches the history, Ctrl-C stops waiting for a reply.\n",
            if groups.is_empty() { "(the server says nothing)".into() } else { groups.join(" ") }
        )
    }

    fn nothing_about(&self, topic: &str) -> String {
        let topic = topic.to_ascii_uppercase();
        match nearest(&topic, self.commands.keys().map(String::as_str)) {
            Some(similar) => format!("\n  No help for '{topic}'; did you mean '{similar}'?\n"),
            None => format!("\n  No help for '{topic}'.\n"),
        }
    }

    /// The names that start with what is typed, for completion.
    pub(super) fn starting_with(&self, typed: &str) -> Vec<String> {
        let lower = !typed.bytes().any(|byte| byte.is_ascii_uppercase());
        let typed = typed.to_ascii_uppercase();
        let names = self.commands.keys().filter(|name| name.starts_with(&typed));
        names.map(|name| if lower { name.to_ascii_lowercase() } else { name.clone() }).collect()
    }

    /// The arguments that may follow what is typed.
    pub(super) fn hint(&self, line: &str) -> Option<String> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let name_words = (1..=words.len().min(2)).rev().find(|count| {
            self.commands.contains_key(&words[..*count].join(" ").to_ascii_uppercase())
        })?;
        let doc = self.commands.get(&words[..name_words].join(" ").to_ascii_uppercase())?;
        let blank_behind = line.ends_with(' ');
        // The word under the cursor still counts as not typed, unless it is the name.
        let typed = words.len() - name_words;
        if typed > 0 && !blank_behind {
            return None;
        }
        let rest = doc.arguments.get(typed..).filter(|rest| !rest.is_empty())?.join(" ");
        Some(if blank_behind { rest } else { format!(" {rest}") })
    }
}

fn block(name: &str, doc: &Doc) -> String {
    let mut block = format!("  {name} {}", doc.arguments.join(" "));
    block.truncate(block.trim_end().len());
    block.push('\n');
    let fields = [
        ("summary", &doc.summary),
        ("since", &doc.since),
        ("group", &doc.group),
        ("complexity", &doc.complexity),
    ];
    for (field, content) in fields {
        if !content.is_empty() {
            block.push_str(&format!("  {field}: {content}\n"));
        }
    }
    block
}

/// The pairs of a RESP3 map, or of the flat array that RESP2 has for it.
fn pairs(value: &Value) -> Vec<(&Value, &Value)> {
    match value {
        Value::Map(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
        Value::Array(items) => items.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
        _ => Vec::new(),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// One argument as the server describes it.
#[derive(Default)]
struct Argument {
    name: String,
    kind: String,
    token: Option<String>,
    optional: bool,
    multiple: bool,
    repeats_token: bool,
    parts: Vec<Argument>,
}

fn arguments(list: &Value) -> Vec<String> {
    list.as_items().unwrap_or_default().iter().map(|fields| Argument::read(fields).show()).collect()
}

impl Argument {
    fn read(fields: &Value) -> Self {
        let mut argument = Self::default();
        for (field, value) in pairs(fields) {
            match text(field).as_deref() {
                Some("name") if argument.name.is_empty() => {
                    argument.name = text(value).unwrap_or_default();
                }
                Some("display_text") => argument.name = text(value).unwrap_or_default(),
                Some("type") => argument.kind = text(value).unwrap_or_default(),
                Some("token") => argument.token = text(value),
                Some("flags") => {
                    for flag in value.as_items().unwrap_or_default() {
                        match text(flag).as_deref() {
                            Some("optional") => argument.optional = true,
                            Some("multiple") => argument.multiple = true,
                            Some("multiple_token") => argument.repeats_token = true,
                            _ => {}
                        }
                    }
                }
                Some("arguments") => {
                    let parts = value.as_items().unwrap_or_default();
                    argument.parts = parts.iter().map(Self::read).collect();
                }
                _ => {}
            }
        }
        argument
    }

    fn show(&self) -> String {
        let parts: Vec<_> = self.parts.iter().map(Self::show).collect();
        let content = match self.kind.as_str() {
            "pure-token" => String::new(),
            "oneof" if self.optional || self.token.is_some() => parts.join(" | "),
            "oneof" => format!("<{}>", parts.join(" | ")),
            "block" => parts.join(" "),
            _ => self.name.clone(),
        };
        let token = self.token.as_deref().unwrap_or_default();
        let with_token = format!("{token} {content}").trim().to_string();
        let shown = match (self.multiple, self.repeats_token) {
            (false, _) => with_token,
            (true, true) => format!("{with_token} [{with_token} ...]"),
            (true, false) => format!("{with_token} [{content} ...]"),
        };
        if self.optional { format!("[{shown}]") } else { shown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    fn argument(fields: &[(&str, &str)], flags: &[&str], parts: Vec<Value>) -> Value {
        let mut map: Vec<_> = fields.iter().map(|(key, value)| (bulk(key), bulk(value))).collect();
        map.push((bulk("flags"), Value::Set(flags.iter().map(|flag| bulk(flag)).collect())));
        map.push((bulk("arguments"), Value::Array(parts)));
        Value::Map(map)
    }

    fn docs() -> Docs {
        let one = |name| {
            argument(&[("name", name), ("type", "pure-token"), ("token", name)], &[], vec![])
        };
        let set = Value::Array(vec![
            argument(&[("name", "key"), ("type", "key")], &[], vec![]),
            argument(&[("name", "value"), ("type", "string")], &[], vec![]),
            argument(
                &[("name", "c"), ("type", "oneof")],
                &["optional"],
                vec![one("NX"), one("XX")],
            ),
            argument(
                &[("name", "seconds"), ("type", "integer"), ("token", "EX")],
                &["optional"],
                vec![],
            ),
        ]);
        let del = Value::Array(vec![argument(
            &[("name", "key"), ("type", "key")],
            &["multiple"],
            vec![],
        )]);
        // A flat array, as RESP2 has it, with a map inside: both are read.
        let config_get = Value::Map(vec![(bulk("summary"), bulk("Reads settings."))]);
        Docs::from_reply(&Value::Array(vec![
            bulk("set"),
            Value::Array(vec![
                bulk("summary"),
                bulk("Sets a key."),
                bulk("group"),
                bulk("string"),
                bulk("arguments"),
                set,
            ]),
            bulk("del"),
            Value::Map(vec![(bulk("group"), bulk("generic")), (bulk("arguments"), del)]),
            bulk("config"),
            Value::Map(vec![(
                bulk("subcommands"),
                Value::Map(vec![(bulk("config|get"), config_get)]),
            )]),
        ]))
    }

    #[test]
    fn help_shows_arguments_and_fields() {
        let text = docs().help(&["set"]);
        assert_eq!(
            text,
            "\n  SET key value [NX | XX] [EX seconds]\n  summary: Sets a key.\n  group: string\n"
        );
        assert_eq!(docs().help(&["@generic"]), "\n  DEL key [key ...]\n  group: generic\n");
        assert!(docs().help(&["config"]).contains("CONFIG GET\n  summary: Reads settings.\n"));
        assert!(docs().help(&["sett"]).contains("did you mean 'SET'?"));
        assert!(docs().help(&[]).contains("@generic @string"));
    }

    #[test]
    fn names_complete_in_the_case_that_is_typed() {
        assert_eq!(docs().starting_with("se"), ["set"]);
        assert_eq!(docs().starting_with("CONFIG "), ["CONFIG GET"]);
    }

    #[test]
    fn hints_are_what_is_still_missing() {
        let hint = |line| docs().hint(line);
        assert_eq!(hint("set"), Some(" key value [NX | XX] [EX seconds]".into()));
        assert_eq!(hint("SET k "), Some("value [NX | XX] [EX seconds]".into()));
        assert_eq!(hint("set k"), None);
        assert_eq!(hint("nothing "), None);
    }
}
