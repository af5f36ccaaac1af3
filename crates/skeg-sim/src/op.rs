//! Operations of logical connections, and what was observed when one ran.

use skeg_engine::WrittenString;
use skeg_io::sync::Arc;
use skeg_vector::{Id, IndexOptions};

use crate::commands::Commands;
use crate::contents::Contents;
use crate::elements::Change;
use crate::state::At;

/// What a write does to the deadline; times are relative to the clock of the slice it runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    Clear,
    Keep,
    /// So many milliseconds later, or earlier.
    After(i64),
}

/// One operation. What takes several shards holds them together unless it says otherwise.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Get(At),
    Exists(At),
    Expiry(At),
    Set {
        at: At,
        value: Vec<u8>,
        deadline: Deadline,
    },
    /// A string that is written to a file of its own first, in parts: by who runs it, before it has latches.
    SetWritten {
        at: At,
        value: Vec<u8>,
        deadline: Deadline,
        written: Option<Arc<WrittenString>>,
    },
    SetInt {
        at: At,
        value: i64,
    },
    /// Reads an integer and stores the sum: INCRBY.
    Add {
        at: At,
        by: i64,
    },
    Append {
        at: At,
        tail: Vec<u8>,
    },
    SetRange {
        at: At,
        offset: usize,
        bytes: Vec<u8>,
    },
    /// A change of a collection.
    Element {
        at: At,
        change: Change,
    },
    Remove(At),
    SetExpiry {
        at: At,
        after_ms: Option<i64>,
    },
    /// RENAME or COPY, also to another shard.
    Move {
        from: At,
        to: At,
        keep: bool,
    },
    /// On all shards at once.
    Flush(u8),
    /// Shard after shard, no latch held in between.
    FlushEach(u8),
    /// One shard's part of [`Op::FlushEach`].
    FlushShard(u8, u16),
    Swap(u8, u8),
    IndexCreate {
        name: Vec<u8>,
        options: IndexOptions,
    },
    IndexDrop(Vec<u8>),
    VectorSet {
        name: Vec<u8>,
        id: Id,
        row: Vec<f32>,
    },
    VectorRemove {
        name: Vec<u8>,
        id: Id,
    },
    VectorGet {
        name: Vec<u8>,
        id: Id,
    },
    /// One transaction.
    All(Vec<Op>),
    /// Commands as clients send them.
    Commands(Arc<Commands>),
}

impl Op {
    /// The keys that it may use; `None`: it may use any, or makes keys of one database those of another.
    pub(crate) fn keys(&self) -> Option<Vec<Vec<u8>>> {
        let of = |ats: &[&At]| Some(ats.iter().map(|at| at.key.clone()).collect());
        match self {
            Self::Get(at) | Self::Exists(at) | Self::Expiry(at) | Self::Remove(at) => of(&[at]),
            Self::Set { at, .. }
            | Self::SetWritten { at, .. }
            | Self::SetInt { at, .. }
            | Self::Add { at, .. }
            | Self::Append { at, .. }
            | Self::SetRange { at, .. }
            | Self::Element { at, .. }
            | Self::SetExpiry { at, .. } => of(&[at]),
            Self::Move { from, to, .. } => of(&[from, to]),
            Self::Swap(..) => None,
            Self::Flush(_)
            | Self::FlushEach(_)
            | Self::FlushShard(..)
            | Self::IndexCreate { .. }
            | Self::IndexDrop(_)
            | Self::VectorSet { .. }
            | Self::VectorRemove { .. }
            | Self::VectorGet { .. } => of(&[]),
            Self::All(ops) => {
                let keys: Option<Vec<_>> = ops.iter().map(Self::keys).collect();
                Some(keys?.concat())
            }
            Self::Commands(commands) => commands.keys(),
        }
    }
}

/// What an operation answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Nothing,
    Flag(bool),
    Length(usize),
    Number(i64),
    Bytes(Option<Vec<u8>>),
    Expiry(Option<Option<u64>>),
    Vector(Option<Vec<f32>>),
    /// The bits of the score that a member had.
    Score(Option<u64>),
    /// What commands replied.
    Reply(Vec<u8>),
    /// It failed as operations may: no integer, no such index.
    Failed,
    /// There was no log space for what it turned out to need: nothing was changed.
    NoSpace,
    /// A string in the log could not be read: nothing was changed.
    Unreadable,
}

/// What was observed when an operation ran; a transaction has one for each of its parts.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) answer: Answer,
    /// Keys that it met whose deadline had passed, and whose entries were removed for that.
    pub(crate) lapsed: Vec<At>,
    pub(crate) parts: Vec<Observed>,
    /// What the shards of commands hold then.
    pub(crate) contents: Option<Contents>,
}

impl Observed {
    /// Whether something could not be read.
    pub(crate) fn has_unreadable(&self) -> bool {
        self.answer == Answer::Unreadable || self.parts.iter().any(Self::has_unreadable)
    }

    /// Keys of all parts whose entries were removed because their deadline had passed.
    pub(crate) fn all_lapsed(&self) -> Vec<At> {
        let parts = self.parts.iter().flat_map(Self::all_lapsed);
        self.lapsed.iter().cloned().chain(parts).collect()
    }
}

impl From<Answer> for Observed {
    fn from(answer: Answer) -> Self {
        Self { answer, lapsed: Vec::new(), parts: Vec::new(), contents: None }
    }
}
