//! Why a tool did not do what it was asked to, with the codes of the TypeScript interface.

use std::fmt::Display;
use std::io;
use std::path::Path;

use skeg_engine::offline::ErrorKind;
use skeg_engine::{EngineError, LogError};

use crate::cli::Failure;

/// Why a tool did not do what it was asked to.
#[derive(Debug)]
pub(super) enum Trouble {
    Log(LogError),
    /// A code of the TypeScript interface, and what to say behind it.
    Coded(&'static str, String),
    Failure(Failure),
}

impl Trouble {
    /// The code and what to say.
    ///
    /// # Errors
    /// Misuse, and what has been said already or that nobody listens to.
    pub(super) fn coded(self) -> Result<(&'static str, String), Failure> {
        match self {
            Self::Log(error) => Ok((code(&error), error.to_string())),
            Self::Coded(code, message) => Ok((code, message)),
            Self::Failure(Failure::Failed(message)) => Ok(("ERR_IO", message)),
            Self::Failure(failure) => Err(failure),
        }
    }

    /// What a command answers: its first word is a code of its own.
    pub(super) fn answered(answer: &str) -> Self {
        let (word, message) = answer.split_once(' ').unwrap_or((answer, answer));
        let code = match word {
            "NOINDEX" => "ERR_NOT_FOUND",
            "NOSPACE" => "ERR_NO_SPACE",
            "OOM" => "ERR_OUT_OF_MEMORY",
            "CORRUPT" => "ERR_CORRUPT",
            "DIMENSION" => "ERR_DIMENSION",
            "LOCKED" => "ERR_LOCKED",
            "BUSY" => "ERR_BUSY",
            "IOERR" | "MISCONF" => "ERR_IO",
            _ => "ERR_INVALID_ARGUMENT",
        };
        Self::Coded(code, message.to_owned())
    }

    /// The same about something.
    pub(super) fn about(self, what: impl Display) -> Self {
        match self {
            Self::Coded(code, message) => Self::Coded(code, format!("{what}: {message}")),
            other => other,
        }
    }
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Log(error) => Self::Log(error),
            other => Self::Failure(Failure::failed(other)),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Failure(error.into())
    }
}

/// The code of an error: that of the TypeScript interface (`src/errors.ts`).
fn code(error: &LogError) -> &'static str {
    match error {
        LogError::NotFound { .. } => "ERR_NOT_FOUND",
        error => code_of(error.kind()),
    }
}

/// The code of a class of errors.
pub(super) fn code_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Caller => "ERR_INVALID_ARGUMENT",
        ErrorKind::Full => "ERR_NO_SPACE",
        ErrorKind::Corrupt => "ERR_CORRUPT",
        ErrorKind::Locked => "ERR_LOCKED",
        ErrorKind::Version => "ERR_FORMAT_VERSION",
        ErrorKind::ReadOnly => "ERR_READ_ONLY",
        _ => "ERR_IO",
    }
}

/// What is in a file is not what it should be.
pub(super) fn damaged(path: &Path, problem: impl Display) -> Trouble {
    Trouble::Coded("ERR_CORRUPT", format!("{}: {problem}", path.display()))
}

/// The system does not do with a file what it is asked to.
pub(super) fn unusable(path: &Path, error: &io::Error) -> Trouble {
    let code = match error.kind() {
        io::ErrorKind::NotFound => "ERR_NOT_FOUND",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "ERR_NO_SPACE",
        io::ErrorKind::ReadOnlyFilesystem => "ERR_READ_ONLY",
        io::ErrorKind::AlreadyExists => "ERR_INVALID_ARGUMENT",
        _ => "ERR_IO",
    };
    Trouble::Coded(code, format!("{}: {error}", path.display()))
}
