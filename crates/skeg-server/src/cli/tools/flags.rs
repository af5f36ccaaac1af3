//! The flags of tools: a few switches and values each, and the directories.

use std::path::{Path, PathBuf};

use lexopt::prelude::{Long, Short};

use super::Tool;
use crate::cli::Failure;
use crate::config::nearest;

/// A flag.
#[derive(Debug)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    takes: Takes,
}

/// What comes with a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    Number,
    Text,
}

/// `--json`, which every tool has.
pub(super) const JSON: Flag = switch("json");

/// A flag that is there or not.
pub(super) const fn switch(name: &'static str) -> Flag {
    Flag { name, takes: Takes::Nothing }
}

/// A flag with a number.
pub(super) const fn number(name: &'static str) -> Flag {
    Flag { name, takes: Takes::Number }
}

/// A flag with a text.
pub(super) const fn word(name: &'static str) -> Flag {
    Flag { name, takes: Takes::Text }
}

/// What is asked for.
#[derive(Debug)]
pub(super) enum Parsed {
    Help,
    Version,
    Request(Request),
}

/// The directories and flags that were given.
#[derive(Debug, Default)]
pub(super) struct Request {
    places: Vec<PathBuf>,
    switches: Vec<&'static str>,
    numbers: Vec<(&'static str, u64)>,
    texts: Vec<(&'static str, String)>,
}

impl Request {
    /// The first directory.
    pub(super) fn dir(&self) -> &Path {
        &self.places[0]
    }

    /// The second directory, of a tool that has one.
    pub(super) fn target(&self) -> &Path {
        &self.places[1]
    }

    /// Whether a switch was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.switches.contains(&name)
    }

    /// The text that was given.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().rfind(|(given, _)| *given == name).map(|(_, text)| text.as_str())
    }

    /// The text that must be given.
    pub(super) fn needed(&self, tool: &Tool, name: &str) -> Result<&str, Failure> {
        let missing = || Failure::misuse(tool.name, format_args!("--{name} is missing"));
        self.text(name).ok_or_else(missing)
    }

    /// The number that was given.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.numbers.iter().rfind(|(given, _)| *given == name).map(|(_, number)| *number)
    }
}

/// Reads the flags behind a tool's name.
pub(super) fn parse(tool: &Tool, mut args: lexopt::Parser) -> Result<Parsed, Failure> {
    let misuse = |problem: String| Failure::misuse(tool.name, problem);
    let mut request = Request::default();
    while let Some(arg) = args.next().map_err(|error| misuse(error.to_string()))? {
        match arg {
            Short('h') | Long("help") => return Ok(Parsed::Help),
            Short('V') | Long("version") => return Ok(Parsed::Version),
            Short(_) | Long(_) => {
                let mut letter = [0; 4];
                let (name, dashes) = match arg {
                    Short(short) => (&*short.encode_utf8(&mut letter), "-"),
                    Long(name) => (name, "--"),
                    lexopt::Arg::Value(_) => ("", ""),
                };
                let Some(flag) = tool.flags.iter().find(|flag| flag.name == name) else {
                    let names = tool.flags.iter().map(|flag| flag.name).chain(["help", "version"]);
                    return Err(misuse(match nearest(name, names) {
                        Some(similar) if dashes == "--" => {
                            format!("there is no --{name}; did you mean --{similar}?")
                        }
                        _ => format!("there is no {dashes}{name}"),
                    }));
                };
                if flag.takes == Takes::Nothing {
                    request.switches.push(flag.name);
                    continue;
                }
                let missing = |_| misuse(format!("a value is missing behind --{}", flag.name));
                let value = args.value().map_err(missing)?;
                let value = value.to_string_lossy();
                if flag.takes == Takes::Text {
                    request.texts.push((flag.name, value.into_owned()));
                    continue;
                }
                let number = value.parse().map_err(|_| {
                    misuse(format!("--{}: '{value}' is not a whole number", flag.name))
                })?;
                request.numbers.push((flag.name, number));
            }
            lexopt::Arg::Value(place) if request.places.len() < tool.places.len() => {
                request.places.push(place.into());
            }
            lexopt::Arg::Value(_) => return Err(misuse(arg.unexpected().to_string())),
        }
    }
    match tool.places.get(request.places.len()) {
        Some(missing) => Err(misuse(format!("{missing} is missing"))),
        None => Ok(Parsed::Request(request)),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::tools::find;

    fn parsed(tool: &str, line: &str) -> Result<Parsed, String> {
        let args = line.split_whitespace().map(OsString::from);
        parse(find(tool).unwrap(), lexopt::Parser::from_args(args))
            .map_err(|failure| failure.message().unwrap().lines().next().unwrap().to_owned())
    }

    #[test]
    fn directories_and_flags_come_in_any_order() {
        let Ok(Parsed::Request(request)) = parsed("inspect", "--records a --limit=5 --json") else {
            panic!("it is well-formed");
        };
        assert_eq!(request.dir(), Path::new("a"));
        assert!(request.has("json") && request.has("records") && !request.has("blocks"));
        assert_eq!((request.number("limit"), request.number("from")), (Some(5), None));
        assert!(matches!(parsed("backup", "a b --help"), Ok(Parsed::Help)));
    }

    #[test]
    fn misuse_is_explained() {
        let cases = [
            ("check", "", "DIR is missing"),
            ("backup", "a", "TARGET is missing"),
            ("check", "a b", "unexpected argument \"b\""),
            ("check", "a --jsn", "there is no --jsn; did you mean --json?"),
            ("check", "-x", "there is no -x"),
            ("inspect", "a --limit", "a value is missing behind --limit"),
            ("inspect", "a --limit x", "--limit: 'x' is not a whole number"),
        ];
        for (tool, line, problem) in cases {
            assert_eq!(parsed(tool, line).unwrap_err(), problem);
        }
    }
}
