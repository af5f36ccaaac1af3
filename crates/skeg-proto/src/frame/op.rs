//! What frames ask for, and how they are answered.

/// An operation that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "`docs/protocol.md` has the payload and the answer of each")]
pub enum Op {
    Get = 0x01,
    Set = 0x02,
    Del = 0x03,
    MGet = 0x04,
    MSet = 0x05,
    Exists = 0x06,
    MExists = 0x07,
    VIndexCreate = 0x10,
    VIndexDrop = 0x11,
    VSet = 0x12,
    VGet = 0x13,
    VDel = 0x14,
    VSearch = 0x15,
    VIndexList = 0x16,
    Command = 0x7F,
    Ping = 0x80,
    Stats = 0x81,
    Flush = 0x82,
    Shards = 0x83,
}

impl Op {
    /// All there are.
    pub const ALL: &'static [Self] = &[
        Self::Get,
        Self::Set,
        Self::Del,
        Self::MGet,
        Self::MSet,
        Self::Exists,
        Self::MExists,
        Self::VIndexCreate,
        Self::VIndexDrop,
        Self::VSet,
        Self::VGet,
        Self::VDel,
        Self::VSearch,
        Self::VIndexList,
        Self::Command,
        Self::Ping,
        Self::Stats,
        Self::Flush,
        Self::Shards,
    ];

    /// The operation with this number.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|op| *op as u8 == number)
    }
}

/// What the frame of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Answer {
    /// The payload is the answer, or the last part of it.
    Ok = 0xC0,
    /// The payload is a code, a length and a text.
    Err = 0xC1,
    /// The payload is a part of the answer; more follow.
    Continued = 0xC2,
}
