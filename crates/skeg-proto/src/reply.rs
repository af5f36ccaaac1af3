//! Collects replies as bytes, in the protocol version of the connection.
//!
//! Handlers call the RESP3 method that fits; on a RESP2 connection each degrades as in Redis: a
//! map becomes a flat array, a set and a push an array, a double, big number or verbatim text a
//! bulk, a boolean 0 or 1, null the bulk or array of length -1.
//!
//! Invariants: whatever a handler passes, the stream stays in step (lines cannot contain line
//! ends); a reply takes no more memory than its limit and what frames it. That the number of
//! elements matches the header is the handler's duty.

use crate::number::{write_double, write_int};

/// Strings up to this many bytes are written in one go.
const SHORT_BYTES_MAX: usize = 32;
/// Room for one of them with what frames it.
const SHORT_ROOM: usize = SHORT_BYTES_MAX + "$32\r\n\r\n".len();

/// The protocol version that a connection speaks; `HELLO` changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// What every connection starts with.
    #[default]
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

/// One growable buffer of replies.
#[derive(Clone, Debug)]
pub struct Reply {
    buf: Vec<u8>,
    version: Version,
    bytes_max: usize,
    is_over: bool,
}

impl Default for Reply {
    fn default() -> Self {
        Self::new(Version::default())
    }
}

/// An aggregate whose length is not known yet; see [`Reply::finish`].
#[derive(Debug)]
#[must_use = "an aggregate without its length puts the stream out of step"]
pub struct Deferred {
    at: usize,
    pairs: bool,
}

impl Reply {
    /// An empty buffer; allocates nothing.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self { buf: Vec::new(), version, bytes_max: usize::MAX, is_over: false }
    }

    /// Limits the buffer: strings that would make it longer than `bytes` are left out, and the whole
    /// is worth nothing any more ([`Reply::is_over`]). One command can ask for many times what it
    /// sends.
    pub fn limit(&mut self, bytes: usize) {
        self.bytes_max = bytes;
    }

    /// Whether something was left out: the stream is out of step, and whoever was to read it has to
    /// be disconnected.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether so many bytes more are within the limit.
    #[inline]
    fn has_room(&mut self, bytes: usize) -> bool {
        let fits = self.buf.len().saturating_add(bytes) <= self.bytes_max;
        self.is_over |= !fits;
        fits
    }

    /// The version that replies are written in.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Changes the version of what is written from now on.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// What was written and not taken.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.buf
    }

    /// Bytes written and not taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// Whether nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// Bytes of memory that it holds.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.buf.capacity()
    }

    /// Moves the bytes out; nothing stays allocated.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.is_over = false;
        std::mem::take(&mut self.buf)
    }

    /// Forgets the bytes and keeps the memory.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.is_over = false;
    }

    /// Drops what was written after the reply was `len` bytes long: a handler failed half-way, or
    /// the client asked for no reply.
    pub fn truncate(&mut self, len: usize) {
        self.buf.truncate(len);
    }

    /// Drops `count` bytes from the front: they were sent.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn drop_front(&mut self, count: usize) {
        if count == self.buf.len() {
            self.buf.clear();
        } else {
            self.buf.drain(..count);
        }
    }

    /// Appends replies that were encoded before.
    pub fn raw(&mut self, encoded: &[u8]) {
        if self.has_room(encoded.len()) {
            self.buf.extend_from_slice(encoded);
        }
    }

    /// Appends a reply that was made elsewhere.
    pub fn append(&mut self, other: &Self) {
        self.raw(&other.buf);
        self.is_over |= other.is_over;
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.buf.extend_from_slice(b"+OK\r\n");
    }

    /// A status line. Line ends in it become blanks.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error, its code first: `ERR syntax error`. Line ends in it become blanks.
    pub fn error(&mut self, message: &str) {
        self.line(b'-', message.as_bytes());
    }

    /// As [`error`](Self::error), for messages that quote what a client sent.
    pub fn error_bytes(&mut self, message: &[u8]) {
        self.line(b'-', message);
    }

    /// A string of bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        if !self.has_room(bytes.len()) {
            return;
        }
        if bytes.len() <= SHORT_BYTES_MAX {
            return self.short(bytes);
        }
        self.buf.reserve(bytes.len() + 32);
        self.header(b'$', bytes.len());
        self.buf.extend_from_slice(bytes);
        self.buf.extend_from_slice(b"\r\n");
    }

    /// As [`bulk`](Self::bulk), for text.
    #[inline]
    pub fn bulk_str(&mut self, text: &str) {
        self.bulk(text.as_bytes());
    }

    /// A number as a string: what `GET` answers for an integer value.
    #[inline]
    pub fn bulk_int(&mut self, value: i64) {
        self.bulk(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A number.
    #[inline]
    pub fn int(&mut self, value: i64) {
        if let Ok(value @ 0..10) = usize::try_from(value) {
            return self.header(b':', value);
        }
        self.buf.reserve(24);
        self.buf.push(b':');
        write_int(&mut self.buf, value);
        self.buf.extend_from_slice(b"\r\n");
    }

    /// A count or a size. Beyond `i64`, which no count reaches, the largest one.
    #[inline]
    pub fn count(&mut self, value: usize) {
        self.int(i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// No value, where otherwise a string or a number would be.
    #[inline]
    pub fn null(&mut self) {
        self.buf.extend_from_slice(match self.version {
            Version::Resp2 => b"$-1\r\n",
            Version::Resp3 => b"_\r\n",
        });
    }

    /// No value, where otherwise an array would be (a discarded `EXEC`, a timed-out pop).
    #[inline]
    pub fn null_array(&mut self) {
        self.buf.extend_from_slice(match self.version {
            Version::Resp2 => b"*-1\r\n",
            Version::Resp3 => b"_\r\n",
        });
    }

    /// `count` elements follow.
    #[inline]
    pub fn array(&mut self, count: usize) {
        self.header(b'*', count);
    }

    /// `pairs` pairs follow: key, value, key, value.
    pub fn map(&mut self, pairs: usize) {
        match self.version {
            Version::Resp2 => self.header(b'*', pairs * 2),
            Version::Resp3 => self.header(b'%', pairs),
        }
    }

    /// `count` elements without an order follow.
    pub fn set(&mut self, count: usize) {
        self.header(self.type_byte(b'~'), count);
    }

    /// `count` elements that answer no command follow.
    pub fn push(&mut self, count: usize) {
        self.header(self.type_byte(b'>'), count);
    }

    /// An array whose length is given at the end, to [`finish`](Self::finish).
    pub fn start_array(&mut self) -> Deferred {
        self.start(b'*', false)
    }

    /// A map whose number of pairs is given at the end.
    pub fn start_map(&mut self) -> Deferred {
        match self.version {
            Version::Resp2 => self.start(b'*', true),
            Version::Resp3 => self.start(b'%', false),
        }
    }

    /// A set whose length is given at the end.
    pub fn start_set(&mut self) -> Deferred {
        self.start(self.type_byte(b'~'), false)
    }

    /// Writes the length of an aggregate that was started. Inner ones are finished first.
    ///
    /// # Panics
    /// When the reply was cut ([`truncate`](Self::truncate), [`take`](Self::take)) in between.
    #[expect(clippy::needless_pass_by_value, reason = "each is finished once")]
    pub fn finish(&mut self, started: Deferred, count: usize) {
        let Deferred { at, pairs } = started;
        let count = if pairs { count * 2 } else { count };
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(count).as_bytes();
        assert!(self.buf.get(at) == Some(&b'0'), "the reply was cut while an array was open");
        // One digit has its place already; more push the elements back, once.
        self.buf.splice(at..=at, digits.iter().copied());
    }

    /// A floating-point number, in the fewest digits that read back as the same one.
    pub fn double(&mut self, value: f64) {
        match self.version {
            Version::Resp2 => {
                let mut text = Vec::with_capacity(32);
                write_double(&mut text, value);
                self.bulk(&text);
            }
            Version::Resp3 => {
                self.buf.push(b',');
                write_double(&mut self.buf, value);
                self.buf.extend_from_slice(b"\r\n");
            }
        }
    }

    /// True or false.
    pub fn bool(&mut self, value: bool) {
        self.buf.extend_from_slice(match (self.version, value) {
            (Version::Resp2, false) => b":0\r\n",
            (Version::Resp2, true) => b":1\r\n",
            (Version::Resp3, false) => b"#f\r\n",
            (Version::Resp3, true) => b"#t\r\n",
        });
    }

    /// Text for people, to be shown as it is; `format` is `txt` or `mkd`.
    pub fn verbatim(&mut self, format: [u8; 3], text: &str) {
        match self.version {
            Version::Resp2 => self.bulk(text.as_bytes()),
            Version::Resp3 => {
                self.header(b'=', text.len() + 4);
                self.buf.extend_from_slice(&format);
                self.buf.push(b':');
                self.buf.extend_from_slice(text.as_bytes());
                self.buf.extend_from_slice(b"\r\n");
            }
        }
    }

    /// An integer of any size, in decimal.
    pub fn big_number(&mut self, digits: &str) {
        match self.version {
            Version::Resp2 => self.bulk(digits.as_bytes()),
            Version::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    fn type_byte(&self, resp3: u8) -> u8 {
        match self.version {
            Version::Resp2 => b'*',
            Version::Resp3 => resp3,
        }
    }

    fn start(&mut self, kind: u8, pairs: bool) -> Deferred {
        let at = self.buf.len() + 1;
        self.header(kind, 0);
        Deferred { at, pairs }
    }

    /// A string of a few bytes, in one go: room for the longest is taken, and given back behind the end.
    #[inline]
    fn short(&mut self, bytes: &[u8]) {
        let before = self.buf.len();
        self.buf.extend_from_slice(&[0; SHORT_ROOM]);
        let room = self.buf.last_chunk_mut::<SHORT_ROOM>().expect("it was just taken");
        let count = bytes.len();
        let [tens, ones] = [(count / 10) as u8, (count % 10) as u8].map(|digit| b'0' + digit);
        let start = if count < 10 {
            room[..4].copy_from_slice(&[b'$', ones, b'\r', b'\n']);
            4
        } else {
            room[..5].copy_from_slice(&[b'$', tens, ones, b'\r', b'\n']);
            5
        };
        let end = start + count;
        copy_short(bytes, &mut room[start..end]);
        room[end..end + 2].copy_from_slice(b"\r\n");
        self.buf.truncate(before + end + 2);
    }

    #[inline(always)]
    fn header(&mut self, kind: u8, count: usize) {
        if count < 10 {
            self.buf.extend_from_slice(&[kind, b'0' + count as u8, b'\r', b'\n']);
        } else if count < 100 {
            let [tens, ones] = [(count / 10) as u8, (count % 10) as u8];
            self.buf.extend_from_slice(&[kind, b'0' + tens, b'0' + ones, b'\r', b'\n']);
        } else {
            self.buf.push(kind);
            self.buf.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
            self.buf.extend_from_slice(b"\r\n");
        }
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.buf.reserve(text.len() + 3);
        self.buf.push(kind);
        self.buf.extend(text.iter().map(|byte| match byte {
            b'\r' | b'\n' => b' ',
            other => *other,
        }));
        self.buf.extend_from_slice(b"\r\n");
    }
}

/// Copies up to 32 bytes to where as many are: a call of `memcpy` costs more than they take.
#[inline]
fn copy_short(from: &[u8], to: &mut [u8]) {
    if !(copy_ends::<16>(from, to) || copy_ends::<8>(from, to) || copy_ends::<4>(from, to)) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
}

/// Copies the first and the last `N` bytes, if there are so many. What lies in both is copied twice.
#[inline(always)]
fn copy_ends<const N: usize>(from: &[u8], to: &mut [u8]) -> bool {
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else {
        return false;
    };
    if let Some(to) = to.first_chunk_mut() {
        *to = *first;
    }
    if let Some(to) = to.last_chunk_mut() {
        *to = *last;
    }
    true
}
