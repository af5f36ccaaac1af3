//! Errors of commands: what the client reads.
//!
//! The texts are Redis's own where Redis has the error; its first word is the code that clients
//! branch on. What only skeg has says what to do about it.

use std::borrow::Cow;

use skeg_engine::{LogErrorKind, ReadError, Refusal, WrongType};
use skeg_proto::Reply;

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// This is the reply; its first word is the code.
    Text(Cow<'static, [u8]>),
    /// The engine did not run it.
    Refused(Refusal),
}

/// A constant error.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl CommandError {
            $($(#[$doc])* pub const $name: Self = Self::constant($text);)*
        }
    };
}

texts! {
    /// An argument is not what the syntax allows there.
    SYNTAX = "ERR syntax error";
    /// A value or argument is no 64-bit integer.
    NOT_AN_INTEGER = "ERR value is not an integer or out of range";
    /// A value or argument is no number.
    NOT_A_FLOAT = "ERR value is not a valid float";
    /// The key is not there, where it must be.
    NO_SUCH_KEY = "ERR no such key";
    /// The value would be too long.
    TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    /// There is no such logical database.
    DB_INDEX = "ERR DB index is out of range";
    /// A key of the command is longer than a key may be.
    KEY_TOO_LONG = "TOOLARGE the key exceeds the maximum length of 524288 bytes";
}

impl CommandError {
    /// An error whose text never changes.
    #[must_use]
    pub const fn constant(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text.as_bytes()))
    }

    /// An error with a text made for the occasion.
    #[must_use]
    pub fn owned(text: impl Into<Vec<u8>>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// Writes the error as a reply.
    pub fn write_to(&self, reply: &mut Reply) {
        match self {
            Self::Text(text) => reply.error_bytes(text),
            Self::Refused(refusal) => reply.error(refusal_text(*refusal)),
        }
    }
}

/// What a client reads when the engine refuses a command.
fn refusal_text(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Wait | Refusal::Busy => {
            "BUSY too many commands are waiting for this part of the database, try again"
        }
        Refusal::NoSpace => {
            "NOSPACE No space left on the device: writes that grow the data are refused until there \
             is, deletes still work"
        }
        Refusal::Poisoned => {
            "MISCONF A write to the disk failed and the data is read-only until it is reopened"
        }
        Refusal::ReadOnly => "READONLY You can't write against a read only database.",
        Refusal::Closed => "CLOSED the database is closed",
        Refusal::TooLarge => "TOOLARGE the change does not fit into one record of the log",
        _ => "ERR the database refused the command",
    }
}

impl From<WrongType> for CommandError {
    fn from(_: WrongType) -> Self {
        Self::constant("WRONGTYPE Operation against a key holding the wrong kind of value")
    }
}

impl From<ReadError> for CommandError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::WrongType(error) => error.into(),
            ReadError::Unreadable { kind: LogErrorKind::Corrupt, reason } => {
                Self::owned(format!("CORRUPT {reason}"))
            }
            ReadError::Unreadable { reason, .. } => Self::owned(format!("IOERR {reason}")),
            _ => Self::Refused(Refusal::Wait),
        }
    }
}

impl From<Refusal> for CommandError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skeg_proto::Version;

    #[test]
    fn errors_become_one_line() {
        let mut reply = Reply::new(Version::Resp2);
        CommandError::owned("ERR a\r\nb").write_to(&mut reply);
        CommandError::from(Refusal::ReadOnly).write_to(&mut reply);
        CommandError::from(WrongType).write_to(&mut reply);
        assert_eq!(
            reply.as_bytes(),
            b"-ERR a  b\r\n-READONLY You can't write against a read only database.\r\n\
              -WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
        );
    }
}
