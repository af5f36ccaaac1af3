//! A setting that cannot be used: where it stands, what it says, what was expected.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A command-line flag, with its dashes.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A key of the configuration file, with the line it is on.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key; empty if the file as a whole is wrong.
        key: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line, key } if key.is_empty() => {
                write!(f, "{}:{line}", path.display())
            }
            Self::File { path, line, key } => write!(f, "{}:{line}: {key}", path.display()),
        }
    }
}

/// Why the settings cannot be used. Nothing was touched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The value is not what the setting takes.
    Value {
        /// Where it stands.
        origin: Origin,
        /// The value as it was written.
        value: String,
        /// What would be right, and perhaps why.
        problem: String,
    },
    /// The file has a key that no setting has.
    UnknownKey {
        /// Where it stands.
        origin: Origin,
        /// The setting with the most similar name.
        nearest: Option<&'static str>,
    },
    /// One source says the same thing twice, in two ways.
    Conflict {
        /// Where the second one stands.
        origin: Origin,
        /// The name of the first one.
        other: &'static str,
    },
    /// The configuration file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// The configuration file is not TOML.
    Syntax {
        /// The place of the first mistake.
        origin: Origin,
        /// What is wrong there.
        reason: String,
    },
    /// There would be nothing to listen on.
    Nowhere,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { origin, value, problem } => write!(f, "{origin}: '{value}' {problem}"),
            Self::UnknownKey { origin, nearest } => {
                write!(f, "{origin}: there is no such setting")?;
                nearest.map_or(Ok(()), |name| write!(f, "; did you mean '{name}'?"))
            }
            Self::Conflict { origin, other } => {
                write!(f, "{origin}: cannot be used together with {other}")
            }
            Self::Unreadable { path, reason } => {
                write!(f, "cannot read the configuration file {}: {reason}", path.display())
            }
            Self::Syntax { origin, reason } => write!(f, "{origin}: {reason}"),
            Self::Nowhere => {
                f.write_str("nothing to listen on: --no-tcp needs a --unix-socket beside it")
            }
        }
    }
}

impl std::error::Error for ConfigError {}
