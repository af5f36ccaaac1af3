//! How much one client may ask the server to hold.
//!
//! Invariant: all four are checked from lengths alone, before the bytes behind them are stored.

/// What a [`Parser`](crate::Parser) accepts in one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Arguments of one command, its name included.
    pub max_args: usize,
    /// Bytes of one argument.
    pub max_bulk: usize,
    /// Bytes of an inline command's line, and of any line that holds a length; at least
    /// [`INLINE_BYTES_MIN`](Self::INLINE_BYTES_MIN).
    pub max_inline: usize,
    /// Bytes of one command as sent, lengths and line ends included.
    pub max_buffer: usize,
}

impl Default for Limits {
    /// Redis's defaults: 1,048,576 arguments, 512 MiB an argument, 64 KiB a line, 1 GiB a command.
    fn default() -> Self {
        Self { max_args: 1 << 20, max_bulk: 512 << 20, max_inline: 64 << 10, max_buffer: 1 << 30 }
    }
}

impl Limits {
    /// What every line may have, whatever `max_inline` says.
    pub const INLINE_BYTES_MIN: usize = 32;
}
