//! Tools for a data directory that nobody has open: `check`, `inspect`, `info`, `repair`, `backup`,
//! `restore`, `import`, `index`.
//!
//! Each is a file with its flags, its help and what it prints; what it does is the engine's
//! (`skeg_engine::offline`). All of them say the same codes as the TypeScript interface, take
//! `--json`, and colour on a terminal only.
//!
//! May not know: formats of files, what an effect means.

mod check;
mod copy;
mod flags;
mod import;
pub(super) mod index;
mod info;
mod inspect;
mod interrupt;
mod repair;
mod runner;
mod show;
mod staged;
mod trouble;

use super::{Failure, help};
use flags::{Flag, Request};
use trouble::Trouble;

/// A subcommand.
#[derive(Debug)]
pub(super) struct Tool {
    /// Its name.
    pub(super) name: &'static str,
    /// One line for the general help.
    pub(super) about: &'static str,
    /// What `--help` prints.
    pub(super) help: &'static str,
    /// What the arguments without a flag are.
    places: &'static [&'static str],
    flags: &'static [Flag],
    run: fn(&Request) -> Result<(), Trouble>,
}

/// All of them.
pub(super) const TOOLS: [&Tool; 7] = [
    &check::TOOL,
    &inspect::TOOL,
    &info::TOOL,
    &repair::TOOL,
    &copy::BACKUP,
    &copy::RESTORE,
    &import::TOOL,
];

/// The tool of a name.
pub(super) fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.into_iter().find(|tool| tool.name == name)
}

impl Tool {
    /// Runs it with the flags behind it.
    pub(super) fn run(&self, args: lexopt::Parser) -> Result<(), Failure> {
        let request = match flags::parse(self, args)? {
            flags::Parsed::Help => return help::print(self.help),
            flags::Parsed::Version => return super::print_version(),
            flags::Parsed::Request(request) => request,
        };
        let (code, message) = match (self.run)(&request) {
            Ok(()) => return Ok(()),
            Err(trouble) => trouble.coded()?,
        };
        if !request.has("json") {
            return Err(Failure::failed(format!("{code}: {message}")));
        }
        let error = [("code", show::text(code)), ("message", show::text(message))];
        show::json(&[("error", show::object(error))])?;
        Err(Failure::Silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_in_the_help_of_its_tool_and_fits_a_terminal() {
        for tool in TOOLS.into_iter().chain(index::TOOLS) {
            assert!(tool.help.starts_with(&format!("skeg {}: ", tool.name)));
            for flag in tool.flags {
                assert!(tool.help.contains(&format!("--{}", flag.name)), "{}", flag.name);
            }
            for part in ["Usage:", "Examples:", "Exit codes:"] {
                assert!(tool.help.contains(part), "{}: {part}", tool.name);
            }
            assert!(tool.help.lines().all(|line| line.len() <= 96));
        }
    }
}
