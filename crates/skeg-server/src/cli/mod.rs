//! The `skeg` command: subcommands, help, exit codes.
//!
//! A subcommand is one folder or file with its flags, its help (with examples) and what it does. It
//! returns a [`Failure`] instead of printing one, so that all look alike. Exit codes: 0 done,
//! 1 failed, 2 misused.
//!
//! May not know: how connections are served. It starts and stops a server and talks RESP to one.

mod amounts;
mod client;
mod failure;
mod help;
mod json;
mod progress;
mod serve;
mod signals;
mod tools;

use std::ffi::{OsStr, OsString};
use std::io::Write;

use lexopt::prelude::{Long, Short, Value};

pub use failure::Failure;

use crate::config::nearest;

/// Subcommands with one line each.
fn subcommands() -> impl Iterator<Item = (&'static str, &'static str)> {
    let own = [
        ("serve", "Serve a database over the Redis protocol"),
        ("cli", "Send commands to a server: one, or a prompt with history and help"),
    ];
    let index = ("index", "Build, search, inspect and export vector indexes, offline");
    own.into_iter().chain(tools::TOOLS.map(|tool| (tool.name, tool.about))).chain([index])
}

const HELP: &str = "\
skeg: a durable key-value and vector store that speaks the Redis protocol

Usage: skeg <command> [options]

Commands:
{commands}
Options:
  -h, --help      Show this help; after a command, that of the command
  -V, --version   Show the version

Examples:
  skeg serve --data ./data --port 6379    serve a directory; it is created if missing
  skeg cli SET greeting hello             set a key
  skeg cli                                open a prompt
  skeg check ./data                       verify a database that nobody has open

Exit codes: 0 done, 1 failed, 2 misused.
";

/// Runs the command line `args` (without the program's name) and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    match dispatch(lexopt::Parser::from_args(args)) {
        Ok(()) => 0,
        Err(failure) => {
            if let Some(message) = failure.message() {
                // Nobody is left to tell when standard error is closed.
                let _ = writeln!(std::io::stderr(), "skeg: {message}");
            }
            failure.exit_code()
        }
    }
}

fn dispatch(mut args: lexopt::Parser) -> Result<(), Failure> {
    let general = |error: lexopt::Error| Failure::misuse("", error.to_string());
    match args.next().map_err(general)? {
        None => Err(Failure::misuse("", "a command is missing")),
        Some(Short('h') | Long("help")) => help::print(&help_text()),
        Some(Short('V') | Long("version")) => print_version(),
        Some(Value(command)) => match command.to_str() {
            Some("serve") => serve::run(args),
            Some("cli") => client::run(args),
            Some("index") => tools::index::run(args),
            Some("version") => print_version(),
            Some("help") => match args.next().map_err(general)? {
                None => help::print(&help_text()),
                Some(Value(command)) if command == "serve" => help::print(&serve::help_text()),
                Some(Value(command)) if command == "cli" => help::print(client::HELP),
                Some(Value(command)) if command == "index" => {
                    help::print(&tools::index::help_text())
                }
                Some(other) => {
                    if let Value(command) = &other
                        && let Some(tool) = tool_of(command)
                    {
                        return help::print(tool.help);
                    }
                    Err(Failure::misuse("", other.unexpected().to_string()))
                }
            },
            _ => {
                if let Some(tool) = tool_of(&command) {
                    return tool.run(args);
                }
                let command = command.to_string_lossy();
                let similar = nearest(&command, subcommands().map(|(name, _)| name));
                Err(Failure::misuse(
                    "",
                    match similar {
                        Some(name) => {
                            format!("there is no command '{command}'; did you mean '{name}'?")
                        }
                        None => format!("there is no command '{command}'"),
                    },
                ))
            }
        },
        Some(other) => Err(Failure::misuse("", other.unexpected().to_string())),
    }
}

fn tool_of(command: &OsStr) -> Option<&'static tools::Tool> {
    command.to_str().and_then(tools::find)
}

fn help_text() -> String {
    let commands: String =
        subcommands().map(|(name, help)| format!("  {name:<14}  {help}\n")).collect();
    HELP.replace("{commands}", &commands)
}

fn print_version() -> Result<(), Failure> {
    writeln!(std::io::stdout(), "skeg {}", env!("CARGO_PKG_VERSION")).map_err(Failure::from)
}
