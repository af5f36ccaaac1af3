//! Failures as JavaScript gets them: a code of the TypeScript API and a message.
//!
//! Invariant: every error of the lower crates has one code, decided here and nowhere else.
//! May not know: how JavaScript builds its error objects.

use std::borrow::Cow;

use skeg_engine::{
    EngineError, LogError, LogErrorKind, PartError, ReadError, Refusal, VALUE_BYTES_MAX,
    WriteError, WrongType,
};

use crate::raw::Unsuitable;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// A code of `src/errors.ts`.
    pub(crate) code: &'static str,
    /// What happened, for people.
    pub(crate) message: Cow<'static, str>,
    /// The reply of a command that could not be handed out as it was asked for: what it took is in it.
    pub(crate) reply: Option<Box<[u8]>>,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), reply: None }
    }

    /// The store was closed.
    pub(crate) fn closed() -> Self {
        Self::new("ERR_CLOSED", "the store is closed")
    }

    /// The call was called off before it ran.
    pub(crate) fn called_off() -> Self {
        Self::new("ERR_ABORTED", "the call was called off before it had an effect")
    }

    /// A synchronous call can't have its answer at once.
    pub(crate) fn would_block() -> Self {
        Self::new("ERR_WOULD_BLOCK", "the answer is not to be had without waiting")
    }

    /// Something that a transaction has read was changed by somebody else.
    pub(crate) fn conflict() -> Self {
        Self::new("ERR_CONFLICT", "a key that the transaction has read was changed meanwhile")
    }

    /// The data takes as much as it may, and nothing may go.
    #[cold]
    pub(crate) fn out_of_memory() -> Self {
        Self::new("ERR_OUT_OF_MEMORY", "the memory limit is reached and nothing may be evicted")
    }

    /// A key or value beyond its limit.
    #[cold]
    pub(crate) fn too_large(what: &str, bytes_max: usize) -> Self {
        Self::new("ERR_TOO_LARGE", format!("a {what} has at most {bytes_max} bytes"))
    }

    /// A bulk that was asked for as a string.
    pub(crate) fn not_utf8() -> Self {
        Self::new("ERR_ENCODING", "the value is not UTF-8: ask for it as a Buffer")
    }
}

impl From<Unsuitable> for Failure {
    fn from(reason: Unsuitable) -> Self {
        match reason {
            Unsuitable::Type => Self::new("ERR_INVALID_ARGUMENT", "expected a string or bytes"),
            Unsuitable::Surrogate => Self::new(
                "ERR_ENCODING",
                "a string with a lone surrogate has no UTF-8 form: give bytes instead",
            ),
        }
    }
}

impl From<WrongType> for Failure {
    fn from(_: WrongType) -> Self {
        Self::new("ERR_WRONG_TYPE", "the key holds a value of another type")
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::WrongType(error) => error.into(),
            ReadError::Unreadable { kind: LogErrorKind::Corrupt, reason } => {
                Self::new("ERR_CORRUPT", reason.to_string())
            }
            ReadError::Unreadable { reason, .. } => Self::new("ERR_IO", reason.to_string()),
            _ => Self::would_block(),
        }
    }
}

impl From<PartError> for Failure {
    fn from(error: PartError) -> Self {
        match error {
            PartError::Unreadable(error) => error.into(),
            PartError::Refused(refusal) => refusal.into(),
            _ => Self::new("ERR_CONFLICT", error.to_string()),
        }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let code = match &error {
            WriteError::Refused(refusal) => return (*refusal).into(),
            WriteError::TooLong => return Self::too_large("value", VALUE_BYTES_MAX),
            WriteError::Failed { kind: LogErrorKind::Full, .. } => "ERR_NO_SPACE",
            WriteError::Failed { kind: LogErrorKind::ReadOnly, .. } => "ERR_READ_ONLY",
            WriteError::Failed { kind: LogErrorKind::Closed, .. } => return Self::closed(),
            _ => "ERR_IO",
        };
        Self::new(code, error.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NoSpace => "ERR_NO_SPACE",
            Refusal::Poisoned => "ERR_IO",
            Refusal::ReadOnly => "ERR_READ_ONLY",
            Refusal::TooLarge => "ERR_TOO_LARGE",
            Refusal::Closed => return Self::closed(),
            _ => "ERR_BUSY",
        };
        Self::new(code, refusal.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let code = match &error {
            EngineError::Option { .. } => "ERR_INVALID_ARGUMENT",
            EngineError::Log(error) => log_code(error),
            _ => "ERR_IO",
        };
        Self::new(code, error.to_string())
    }
}

fn log_code(error: &LogError) -> &'static str {
    match error {
        LogError::NotFound { .. } => "ERR_NOT_FOUND",
        LogError::NotADatabase { .. } | LogError::ShardCount { .. } | LogError::Option { .. } => {
            "ERR_INVALID_ARGUMENT"
        }
        LogError::Full { .. } => "ERR_NO_SPACE",
        LogError::Corrupt(_) | LogError::Replay { .. } => "ERR_CORRUPT",
        LogError::Version { .. } => "ERR_FORMAT_VERSION",
        LogError::Locked { .. } => "ERR_LOCKED",
        LogError::Closed => "ERR_CLOSED",
        LogError::ReadOnly => "ERR_READ_ONLY",
        LogError::Poisoned { .. } => "ERR_OUTCOME_UNKNOWN",
        _ => "ERR_IO",
    }
}
