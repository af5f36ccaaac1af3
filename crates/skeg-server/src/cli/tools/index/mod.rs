//! `skeg index`: vector indexes of a database that nobody has open, built from files, searched, looked at,
//! written to files.
//!
//! An index belongs to its database, whose identity is in every segment, so it is built where it is to be:
//! in a new directory or in one that has other things already.
//!
//! May not know: how an index is built or searched, bytes of files of vectors.

mod build;
mod export;
mod inspect;
mod rows;
mod search;

use std::path::Path;

use lexopt::prelude::{Long, Short, Value};
use skeg_engine::{EngineOptions, IndexInfo};
use skeg_io::Io;

use super::Tool;
use super::runner::Runner;
use super::trouble::Trouble;
use crate::cli::{Failure, help};
use crate::config::nearest;

/// What there is behind `skeg index`.
pub(super) const TOOLS: [&Tool; 4] = [&build::TOOL, &inspect::TOOL, &search::TOOL, &export::TOOL];

const HELP: &str = "\
skeg index: vector indexes of a database that nobody has open

Usage: skeg index <command> DIR [options]

Commands:
{commands}
Options:
  -h, --help      Show this help; after a command, that of the command
  -V, --version   Show the version

Exit codes: 0 done, 1 failed, 2 misused.
";

/// The help of all of it.
pub(in crate::cli) fn help_text() -> String {
    let row = |tool: &Tool| format!("  {:<14}  {}\n", word(tool), tool.about);
    HELP.replace("{commands}", &TOOLS.map(row).concat())
}

fn word(tool: &Tool) -> &'static str {
    tool.name.strip_prefix("index ").unwrap_or(tool.name)
}

/// Runs what comes behind `skeg index`.
pub(in crate::cli) fn run(mut args: lexopt::Parser) -> Result<(), Failure> {
    let misuse = |problem: String| Failure::misuse("index", problem);
    match args.next().map_err(|error| misuse(error.to_string()))? {
        None => Err(misuse("a command is missing".into())),
        Some(Short('h') | Long("help")) => help::print(&help_text()),
        Some(Short('V') | Long("version")) => crate::cli::print_version(),
        Some(Value(command)) => {
            let command = command.to_string_lossy();
            if let Some(tool) = TOOLS.into_iter().find(|tool| word(tool) == command) {
                return tool.run(args);
            }
            Err(misuse(match nearest(&command, TOOLS.into_iter().map(word)) {
                Some(name) => format!("there is no 'index {command}'; did you mean '{name}'?"),
                None => format!("there is no 'index {command}'"),
            }))
        }
        Some(other) => Err(misuse(other.unexpected().to_string())),
    }
}

/// Opens a database of which nothing is to be changed.
fn open_to_read(dir: &Path) -> Result<Runner, Trouble> {
    let options =
        EngineOptions { read_only: true, create_if_missing: false, ..EngineOptions::default() };
    Runner::open(&Io::real(), dir, &options)
}

/// What there is to know of an index that must be there.
fn index_of(runner: &mut Runner, name: &str) -> Result<IndexInfo, Trouble> {
    let info = runner.indexes()?.into_iter().find(|info| info.name == name.as_bytes());
    info.ok_or_else(|| Trouble::Coded("ERR_NOT_FOUND", format!("there is no index '{name}'")))
}
