//! Tools for a data directory that nobody has open: `check`, `inspect`, `info`, `repair`, `backup`,
//! `restore`, `import`.
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
mod info;
mod inspect;
mod repair;
mod show;

use skeg_engine::LogError;
use skeg_engine::offline::ErrorKind;

use super::{Failure, help};
use flags::{Flag, Request};

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

/// Why a tool did not do what it was asked to.
#[derive(Debug)]
enum Trouble {
    Log(LogError),
    /// A code of the TypeScript interface, and what to say behind it.
    Coded(&'static str, String),
    Failure(Failure),
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Failure(error.into())
    }
}

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
            Err(Trouble::Failure(failure)) => return Err(failure),
            Err(Trouble::Log(error)) => (code(&error), error.to_string()),
            Err(Trouble::Coded(code, message)) => (code, message),
        };
        if !request.has("json") {
            return Err(Failure::failed(format!("{code}: {message}")));
        }
        let error = [("code", show::text(code)), ("message", show::text(message))];
        show::json(&[("error", show::object(error))])?;
        Err(Failure::Silent)
    }
}

/// The code of an error: that of the TypeScript interface (`src/errors.ts`).
fn code(error: &LogError) -> &'static str {
    match (error, error.kind()) {
        (LogError::NotFound { .. }, _) => "ERR_NOT_FOUND",
        (_, ErrorKind::Caller) => "ERR_INVALID_ARGUMENT",
        (_, ErrorKind::Full) => "ERR_NO_SPACE",
        (_, ErrorKind::Corrupt) => "ERR_CORRUPT",
        (_, ErrorKind::Locked) => "ERR_LOCKED",
        (_, ErrorKind::Version) => "ERR_FORMAT_VERSION",
        (_, ErrorKind::ReadOnly) => "ERR_READ_ONLY",
        _ => "ERR_IO",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_in_the_help_of_its_tool_and_fits_a_terminal() {
        for tool in TOOLS {
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
