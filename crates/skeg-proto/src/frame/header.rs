//! The header of a frame, and frames one after the other.

use std::fmt;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 24;
/// Bytes of a payload at most, as it travels and unpacked.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;

const MAGIC: u16 = 0x564B;
const VERSION: u8 = 1;

/// What a header asks for beside its operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// The answer leaves when what the request wrote is safe on the disk.
    pub const WAIT_DURABLE: Self = Self(1);
    /// There is no answer.
    pub const NO_REPLY: Self = Self(1 << 1);
    /// The frame belongs to a batch, which takes effect at its end, whole or not at all.
    pub const BATCH: Self = Self(1 << 2);
    /// The last frame of a batch.
    pub const BATCH_END: Self = Self(1 << 3);
    /// The payload is packed: see [`unpack`](super::unpack).
    pub const LZ4: Self = Self(1 << 4);
    /// The payload goes on in the next frame.
    pub const CONTINUATION: Self = Self(1 << 5);
    /// Only if there is nothing yet.
    pub const SET_NX: Self = Self(1 << 6);
    /// Only if there is something already.
    pub const SET_XX: Self = Self(1 << 7);

    const KNOWN: u32 = (1 << 8) - 1;

    /// Whether all of `other` are set.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and `other`.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One frame: a header and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The operation, or the kind of an answer: see [`Op`](super::Op) and [`Answer`](super::Answer).
    pub op: u8,
    /// What is asked for beside it.
    pub flags: Flags,
    /// Chosen by the client; the answer has it, too.
    pub id: u64,
    /// At most [`PAYLOAD_BYTES_MAX`].
    pub payload: &'a [u8],
}

/// What the front of some bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    /// A frame, and how many bytes it takes.
    Whole(Frame<'a>, usize),
    /// The beginning of one that takes so many bytes at least.
    Partial(usize),
}

/// The bytes are no frame: the connection is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// The request, as far as a header could be read.
    pub id: u64,
    what: &'static str,
}

impl FrameError {
    /// What is wrong.
    #[must_use]
    pub fn what(&self) -> &'static str {
        self.what
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a frame: {}", self.what)
    }
}

impl std::error::Error for FrameError {}

impl<'a> Frame<'a> {
    /// Whether bytes that begin so are frames, not RESP; `None`: too few to tell.
    #[must_use]
    pub fn begins(bytes: &[u8]) -> Option<bool> {
        let magic = MAGIC.to_le_bytes();
        match bytes {
            [] => None,
            [first] => (*first != magic[0]).then_some(false),
            [first, second, ..] => Some([*first, *second] == magic),
        }
    }

    /// The frame at the front of `bytes`.
    ///
    /// # Errors
    /// [`FrameError`] for a magic, version, flag or length that no frame has.
    pub fn read(bytes: &'a [u8]) -> Result<Framed<'a>, FrameError> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(Framed::Partial(HEADER_BYTES));
        };
        let [
            m0,
            m1,
            version,
            op,
            f0,
            f1,
            f2,
            f3,
            i0,
            i1,
            i2,
            i3,
            i4,
            i5,
            i6,
            i7,
            l0,
            l1,
            l2,
            l3,
            ..,
        ] = *header;
        let refuse = |id, what| Err(FrameError { id, what });
        if u16::from_le_bytes([m0, m1]) != MAGIC {
            return refuse(0, "it does not begin with KV");
        }
        let id = u64::from_le_bytes([i0, i1, i2, i3, i4, i5, i6, i7]);
        if version != VERSION {
            return refuse(id, "the version is not 1");
        }
        let flags = Flags(u32::from_le_bytes([f0, f1, f2, f3]));
        if flags.0 & !Flags::KNOWN != 0 {
            return refuse(id, "a flag is unknown");
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > PAYLOAD_BYTES_MAX {
            return refuse(id, "the payload is longer than 16 MiB");
        }
        let size = HEADER_BYTES + length;
        match rest.get(..length) {
            Some(payload) => Ok(Framed::Whole(Self { op, flags, id, payload }, size)),
            None => Ok(Framed::Partial(size)),
        }
    }

    /// Appends the frame.
    ///
    /// # Panics
    /// When the payload is longer than [`PAYLOAD_BYTES_MAX`].
    pub fn write(&self, out: &mut Vec<u8>) {
        assert!(self.payload.len() <= PAYLOAD_BYTES_MAX, "a longer payload is cut before");
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&[VERSION, self.op]);
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(self.payload);
    }
}
