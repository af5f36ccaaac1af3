//! What can be wrong with the bytes of a command. Each text is Redis's own.

use std::fmt;

/// The client broke the protocol. Its text is sent as `-ERR <text>`, then the connection closes:
/// where the next command starts is not known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The count after `*` is no number, or larger than [`Limits::max_args`](crate::Limits).
    InvalidMultibulkLength,
    /// The length after `$` is no number, negative, or larger than
    /// [`Limits::max_bulk`](crate::Limits).
    InvalidBulkLength,
    /// An argument of a multibulk command starts with this byte instead of `$`.
    ExpectedDollar(u8),
    /// An argument is not followed by CR LF: its length is wrong.
    ExpectedCrlf,
    /// An inline command is longer than [`Limits::max_inline`](crate::Limits).
    TooBigInline,
    /// The line after `*` is longer than [`Limits::max_inline`](crate::Limits).
    TooBigMultibulkCount,
    /// The line after `$` is longer than [`Limits::max_inline`](crate::Limits).
    TooBigBulkCount,
    /// The whole command is longer than [`Limits::max_buffer`](crate::Limits).
    TooBigCommand,
    /// A quote of an inline command is not closed, or text follows the closing one.
    UnbalancedQuotes,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol error: ")?;
        match self {
            Self::InvalidMultibulkLength => f.write_str("invalid multibulk length"),
            Self::InvalidBulkLength => f.write_str("invalid bulk length"),
            Self::ExpectedDollar(got) => write!(f, "expected '$', got '{}'", *got as char),
            Self::ExpectedCrlf => f.write_str("expected CRLF after bulk"),
            Self::TooBigInline => f.write_str("too big inline request"),
            Self::TooBigMultibulkCount => f.write_str("too big mbulk count string"),
            Self::TooBigBulkCount => f.write_str("too big bulk count string"),
            Self::TooBigCommand => f.write_str("too big request"),
            Self::UnbalancedQuotes => f.write_str("unbalanced quotes in request"),
        }
    }
}

impl std::error::Error for ProtocolError {}
