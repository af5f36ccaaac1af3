//! Why a subcommand did not do what it was asked to.

use std::fmt::Display;
use std::io;

/// Why a subcommand ends with another exit code than 0.
#[derive(Debug)]
pub enum Failure {
    /// Wrong use: exit code 2. The message ends with where the help is.
    Misuse(String),
    /// It was tried and failed: exit code 1.
    Failed(String),
    /// It failed and has said so already, or nobody listens any more: exit code 1.
    Silent,
}

impl Failure {
    /// Wrong use of `subcommand` (or of none).
    pub(super) fn misuse(subcommand: &str, problem: impl Display) -> Self {
        let separator = if subcommand.is_empty() { "" } else { " " };
        Self::Misuse(format!("{problem}\nTry 'skeg{separator}{subcommand} --help'."))
    }

    /// It was tried and failed.
    pub(super) fn failed(problem: impl Display) -> Self {
        Self::Failed(problem.to_string())
    }

    /// What to tell on standard error.
    pub(super) fn message(&self) -> Option<&str> {
        match self {
            Self::Misuse(message) | Self::Failed(message) => Some(message),
            Self::Silent => None,
        }
    }

    /// The exit code of the process.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Misuse(_) => 2,
            Self::Failed(_) | Self::Silent => 1,
        }
    }
}

/// Standard output does not take what is printed. A closed pipe (`skeg cli ... | head`) is no news.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Silent,
            _ => Self::Failed(format!("cannot print: {error}")),
        }
    }
}
