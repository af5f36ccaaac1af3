//! Bytes of one connection on their way in.
//!
//! A thread reads into one buffer that all its connections share; what a read leaves unfinished moves to
//! the connection. Once that is large, reads go straight behind it, into memory that doubles as bytes
//! arrive and ends at the length of the argument: a claimed length alone allocates nothing.
//!
//! Invariant: an idle connection with nothing unfinished holds no memory here.
//!
//! May not know: what the bytes mean.

use std::io::{ErrorKind, Read};

/// Bytes that one read takes at most into the shared buffer.
const READ_BYTES: usize = 64 << 10;
/// An unfinished command up to this size is put in front of the next read; a larger one is
/// continued in its own memory.
const CARRY_BYTES: usize = 16 << 10;
/// Bytes that one read takes at most straight into a large argument.
const LARGE_READ_BYTES: usize = 256 << 10;
/// Memory beyond this is given back when most of it is not needed any more.
const KEPT_BYTES: usize = 64 << 10;

/// The buffer that the connections of a thread share for the length of one read.
#[derive(Debug)]
pub(crate) struct ReadBuffer(Vec<u8>);

impl ReadBuffer {
    pub(crate) fn new() -> Self {
        Self(vec![0; CARRY_BYTES + READ_BYTES])
    }
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// So many bytes came. `more`: the socket may have more.
    Bytes { count: usize, more: bool },
    /// Nothing is there now.
    Nothing,
    /// The peer sends no more.
    End,
    /// The connection is broken.
    Broken,
}

/// What a connection has received and not consumed.
#[derive(Debug, Default)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    /// Bytes at the front that were consumed.
    start: usize,
}

impl Input {
    /// Bytes that were not consumed.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Bytes of memory that it holds.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Reads once. The bytes to look at are then [`Input::window`], however they were read.
    /// `wanted` is how many are needed at least; it is the client's claim.
    pub(crate) fn read(
        &mut self,
        stream: &mut impl Read,
        shared: &mut ReadBuffer,
        wanted: usize,
    ) -> (Filled, Window) {
        let carried = self.len();
        if carried > CARRY_BYTES {
            return (self.read_on(stream, wanted), Window::Own);
        }
        shared.0[..carried].copy_from_slice(&self.bytes[self.start..]);
        let filled = read_into(stream, &mut shared.0[carried..carried + READ_BYTES]);
        match filled {
            Filled::Bytes { count, .. } => (filled, Window::Shared(carried + count)),
            _ => (filled, Window::Own),
        }
    }

    /// Reads behind what is there.
    fn read_on(&mut self, stream: &mut impl Read, wanted: usize) -> Filled {
        self.drop_consumed();
        let length = self.bytes.len();
        if self.bytes.capacity() < length + READ_BYTES.min(wanted) {
            self.bytes.reserve_exact(wanted.max(READ_BYTES).min(length));
        }
        let room = (self.bytes.capacity() - length).min(LARGE_READ_BYTES);
        self.bytes.resize(length + room, 0);
        let filled = read_into(stream, &mut self.bytes[length..]);
        let count = if let Filled::Bytes { count, .. } = filled { count } else { 0 };
        self.bytes.truncate(length + count);
        filled
    }

    /// The bytes to look at: what is not consumed, and what was just read.
    pub(crate) fn window<'a>(&'a self, shared: &'a ReadBuffer, window: Window) -> &'a [u8] {
        match window {
            Window::Own => &self.bytes[self.start..],
            Window::Shared(length) => &shared.0[..length],
        }
    }

    /// Keeps what lies behind the first `consumed` bytes of the window.
    pub(crate) fn consume(&mut self, shared: &ReadBuffer, window: Window, consumed: usize) {
        match window {
            Window::Own => self.start += consumed,
            Window::Shared(length) => {
                self.bytes.clear();
                self.start = 0;
                self.bytes.extend_from_slice(&shared.0[consumed..length]);
            }
        }
        let left = self.len();
        if left == 0 {
            self.bytes = Vec::new();
            self.start = 0;
        } else if left < KEPT_BYTES / 2 && self.bytes.capacity() > KEPT_BYTES {
            self.bytes = self.bytes[self.start..].to_vec();
            self.start = 0;
        }
    }

    fn drop_consumed(&mut self) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

/// Where the bytes to look at are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// With the connection.
    Own,
    /// In the shared buffer, so many.
    Shared(usize),
}

fn read_into(stream: &mut impl Read, buffer: &mut [u8]) -> Filled {
    loop {
        return match stream.read(buffer) {
            Ok(0) => Filled::End,
            Ok(count) => Filled::Bytes { count, more: count == buffer.len() },
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Filled::Nothing,
            Err(_) => Filled::Broken,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_read_leaves_is_in_front_of_the_next() {
        let mut shared = ReadBuffer::new();
        let mut input = Input::default();
        let (filled, window) = input.read(&mut &b"one tw"[..], &mut shared, 1);
        assert_eq!(filled, Filled::Bytes { count: 6, more: false });
        assert_eq!(input.window(&shared, window), b"one tw");
        input.consume(&shared, window, 4);
        let (_, window) = input.read(&mut &b"o "[..], &mut shared, 1);
        assert_eq!(input.window(&shared, window), b"two ");
        input.consume(&shared, window, 4);
        assert_eq!((input.len(), input.memory_bytes()), (0, 0));
    }

    #[test]
    fn a_claimed_length_alone_takes_little_memory() {
        let mut shared = ReadBuffer::new();
        let mut input = Input::default();
        let wanted = 512 << 20;
        let mut source = &[b'x'; 20_000][..];
        for arrived in [0, 20_000] {
            let (_, window) = input.read(&mut source, &mut shared, wanted);
            input.consume(&shared, window, 0);
            input.read(&mut &b""[..], &mut shared, wanted);
            assert!(input.memory_bytes() <= 4 * arrived.max(CARRY_BYTES));
        }
    }

    #[test]
    fn a_large_argument_ends_in_memory_of_its_size() {
        let mut shared = ReadBuffer::new();
        let mut input = Input::default();
        let data = vec![7_u8; 3_000_000];
        let mut source = &data[..];
        while input.len() < data.len() {
            let wanted = data.len() - input.len();
            let (_, window) = input.read(&mut source, &mut shared, wanted);
            if let Window::Shared(_) = window {
                input.consume(&shared, window, 0);
            }
        }
        assert_eq!(input.window(&shared, Window::Own), data);
        assert!(input.memory_bytes() <= data.len() + LARGE_READ_BYTES);
        input.consume(&shared, Window::Own, data.len());
        assert_eq!(input.memory_bytes(), 0);
    }

    #[test]
    fn what_is_consumed_in_its_own_memory_is_not_seen_again() {
        let mut shared = ReadBuffer::new();
        let mut input = Input::default();
        let (_, window) = input.read(&mut &b"abc"[..], &mut shared, 1);
        input.consume(&shared, window, 1);
        assert_eq!(input.window(&shared, Window::Own), b"bc");
        input.consume(&shared, Window::Own, 1);
        let (_, window) = input.read(&mut &b"d"[..], &mut shared, 1);
        assert_eq!(input.window(&shared, window), b"cd");
    }

    #[test]
    fn the_end_and_a_silent_socket_are_told_apart() {
        struct Silent;
        impl Read for Silent {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(ErrorKind::WouldBlock.into())
            }
        }
        let mut shared = ReadBuffer::new();
        assert_eq!(Input::default().read(&mut &b""[..], &mut shared, 1).0, Filled::End);
        assert_eq!(Input::default().read(&mut Silent, &mut shared, 1).0, Filled::Nothing);
    }
}
