//! Replies of one connection on their way out, and what each of them waits for.
//!
//! Invariants: bytes leave in order; none leaves before the epoch that its reply depends on has
//! reached its level; a mark covers whole replies, and marks lie in ascending order.
//!
//! May not know: sockets beyond `Write`, commands.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};

use skeg_engine::{Epoch, Level, Log};
use skeg_proto::{Reply, Version};

/// Sent bytes that may stay in front of unsent ones before these are moved forward.
const SENT_KEPT_BYTES: usize = 256 << 10;
/// A buffer that grew beyond this is freed, not kept for the next connection.
const SPARE_BYTES_MAX: usize = 64 << 10;
/// Buffers that a thread keeps.
const SPARE_MAX: usize = 64;
/// Marks that a connection keeps room for.
const SPARE_MARKS_MAX: usize = 256;

/// How far the log was when this turn's replies left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    kernel: Epoch,
    disk: Epoch,
}

impl Reached {
    /// Where the log is now; without one nothing ever waits.
    pub(crate) fn of(log: Option<&Log>) -> Self {
        match log {
            Some(log) => {
                Self { kernel: log.reached(Level::Kernel), disk: log.reached(Level::Disk) }
            }
            None => Self { kernel: Epoch(u64::MAX), disk: Epoch(u64::MAX) },
        }
    }

    fn has(&self, level: Level, epoch: Epoch) -> bool {
        match level {
            Level::Memory => true,
            Level::Kernel => epoch <= self.kernel,
            Level::Disk => epoch <= self.disk,
        }
    }
}

/// Replies that leave together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// Where they end, counted from the first byte of the connection.
    end: u64,
    /// What they wait for; 0 when they only wait for those before them.
    epoch: Epoch,
    level: Level,
    /// How many they are.
    replies: u32,
}

/// What sending came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing is left.
    All,
    /// What is left waits for the log.
    Waiting,
    /// The socket takes no more for now.
    Blocked,
    /// The peer is gone.
    Gone,
}

/// Buffers that connections use while they have something to say.
#[derive(Debug, Default)]
pub(crate) struct Spare(Vec<Reply>);

/// Replies of one connection that were not sent yet.
#[derive(Debug)]
pub(crate) struct Output {
    reply: Reply,
    /// Bytes at the front of `reply` that were sent.
    sent: usize,
    /// Place of `reply`'s first byte among all bytes of the connection.
    base: u64,
    /// Where the first mark's replies begin, if there is one.
    marked_from: u64,
    marks: VecDeque<Mark>,
    /// Unsent bytes that it may hold at most.
    bytes_max: usize,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            reply: Reply::new(Version::Resp2),
            sent: 0,
            base: 0,
            marked_from: 0,
            marks: VecDeque::new(),
            bytes_max: usize::MAX,
        }
    }

    /// Limits the unsent bytes from now on.
    pub(crate) fn limit(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// Whether a reply did not fit, so that the connection cannot go on.
    pub(crate) fn is_over(&self) -> bool {
        self.reply.is_over() || self.len() > self.bytes_max
    }

    /// Bytes that were not sent.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.reply.len() - self.sent
    }

    /// Bytes of memory that it holds.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.reply.memory_bytes() + self.marks.capacity() * size_of::<Mark>()
    }

    /// Where handlers write. Each reply is then [noted](Output::note).
    #[inline]
    pub(crate) fn writer(&mut self, spare: &mut Spare) -> &mut Reply {
        if self.reply.memory_bytes() == 0
            && let Some(mut reply) = spare.0.pop()
        {
            reply.set_version(self.reply.version());
            self.reply = reply;
        }
        self.reply.limit(self.bytes_max.saturating_add(self.sent));
        &mut self.reply
    }

    /// Where the next reply will begin: for [`Output::note`].
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.reply.len()
    }

    /// What was written behind `start` is one reply, which waits for `epoch` at `level`.
    #[inline]
    pub(crate) fn note(&mut self, start: usize, epoch: Epoch, level: Level) {
        self.mark(start, epoch, level, 1);
    }

    /// As [`Output::note`], for a message: it answers nothing, so that nothing takes its place when the
    /// log fails.
    pub(crate) fn note_message(&mut self, start: usize, epoch: Epoch, level: Level) {
        self.mark(start, epoch, level, 0);
    }

    #[inline]
    fn mark(&mut self, start: usize, epoch: Epoch, level: Level, replies: u32) {
        if self.reply.len() == start || (epoch.0 == 0 && self.marks.is_empty()) {
            return;
        }
        let end = self.base + self.reply.len() as u64;
        match self.marks.back_mut() {
            Some(last) if last.epoch == epoch && last.level == level => {
                last.end = end;
                last.replies += replies;
            }
            last => {
                if last.is_none() {
                    self.marked_from = self.base + start as u64;
                }
                self.marks.push_back(Mark { end, epoch, level, replies });
            }
        }
    }

    /// Sends what may leave, with one write; returns how many bytes left.
    pub(crate) fn send(&mut self, stream: &mut impl Write, reached: &Reached) -> (Sent, usize) {
        let ready = self.ready(reached);
        let before = self.sent;
        while self.sent < ready {
            match stream.write(&self.reply.as_bytes()[self.sent..ready]) {
                Ok(0) => return (Sent::Gone, self.sent - before),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return (Sent::Gone, self.sent - before),
            }
            if self.sent < ready {
                // The socket is full, and says when it is not.
                let count = self.sent - before;
                self.compact();
                return (Sent::Blocked, count);
            }
        }
        let count = self.sent - before;
        self.compact();
        (if self.len() == 0 { Sent::All } else { Sent::Waiting }, count)
    }

    /// Where the replies end that wait for nothing any more.
    fn ready(&mut self, reached: &Reached) -> usize {
        while let Some(mark) = self.marks.front() {
            if !reached.has(mark.level, mark.epoch) {
                return (self.marked_from - self.base) as usize;
            }
            self.marked_from = mark.end;
            self.marks.pop_front();
        }
        self.reply.len()
    }

    /// What the first reply that could not leave waits for.
    pub(crate) fn wants(&self) -> Option<(Level, Epoch)> {
        self.marks.front().map(|mark| (mark.level, mark.epoch))
    }

    /// The log failed: nobody can know what became of the changes that replies wait for. `fail` writes errors
    /// instead: it gets the bytes of some replies, and how many they are. Those that wait for nothing of their own stay.
    pub(crate) fn fail_waiting(
        &mut self,
        reached: &Reached,
        fail: impl Fn(&mut Reply, &[u8], u32),
    ) {
        let mut from = self.ready(reached);
        if self.marks.is_empty() {
            return;
        }
        let waiting = self.reply.as_bytes()[from..].to_vec();
        let shift = from;
        self.reply.truncate(from);
        for mark in std::mem::take(&mut self.marks) {
            let end = (mark.end - self.base) as usize;
            let replies = &waiting[from - shift..end - shift];
            if reached.has(mark.level, mark.epoch) {
                self.reply.raw(replies);
            } else {
                fail(&mut self.reply, replies, mark.replies);
            }
            from = end;
        }
        // What waits for nothing stands behind the last mark: the error of a broken protocol.
        self.reply.raw(&waiting[from - shift..]);
    }

    /// Forgets what was sent, when that is cheap.
    fn compact(&mut self) {
        let done = self.sent == self.reply.len();
        if done || (self.sent > SENT_KEPT_BYTES && self.sent > self.reply.len() / 2) {
            self.base += self.sent as u64;
            self.reply.drop_front(self.sent);
            self.sent = 0;
        }
    }

    /// Gives the buffer back when nothing is left in it.
    pub(crate) fn recycle(&mut self, spare: &mut Spare) {
        if self.len() > 0 || self.reply.memory_bytes() == 0 {
            return;
        }
        let empty = Reply::new(self.reply.version());
        let reply = std::mem::replace(&mut self.reply, empty);
        if reply.memory_bytes() <= SPARE_BYTES_MAX && spare.0.len() < SPARE_MAX {
            spare.0.push(reply);
        }
        if self.marks.capacity() > SPARE_MARKS_MAX {
            self.marks = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// A socket that takes `room` bytes.
    struct Pipe {
        taken: Vec<u8>,
        room: usize,
    }

    impl Pipe {
        fn new(room: usize) -> Self {
            Self { taken: Vec::new(), room }
        }
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= count;
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn reply(output: &mut Output, bytes: &[u8], epoch: u64, level: Level) {
        let start = output.end();
        output.writer(&mut Spare::default()).raw(bytes);
        output.note(start, Epoch(epoch), level);
    }

    fn reached(kernel: u64, disk: u64) -> Reached {
        Reached { kernel: Epoch(kernel), disk: Epoch(disk) }
    }

    #[test]
    fn replies_leave_in_order_each_when_its_epoch_has_reached_its_level() {
        let mut output = Output::new();
        reply(&mut output, b"a", 0, Level::Kernel);
        reply(&mut output, b"b", 3, Level::Disk);
        reply(&mut output, b"c", 0, Level::Kernel);
        reply(&mut output, b"d", 4, Level::Kernel);
        let mut pipe = Pipe::new(100);
        assert_eq!(output.send(&mut pipe, &reached(4, 2)), (Sent::Waiting, 1));
        assert_eq!(output.wants(), Some((Level::Disk, Epoch(3))));
        assert_eq!(output.send(&mut pipe, &reached(3, 3)), (Sent::Waiting, 2));
        assert_eq!(output.wants(), Some((Level::Kernel, Epoch(4))));
        assert_eq!(output.send(&mut pipe, &reached(4, 3)), (Sent::All, 1));
        assert_eq!(pipe.taken, b"abcd");
    }

    #[test]
    fn a_full_socket_keeps_the_rest() {
        let mut output = Output::new();
        reply(&mut output, b"abcdef", 1, Level::Kernel);
        let mut pipe = Pipe::new(4);
        assert_eq!(output.send(&mut pipe, &reached(1, 0)), (Sent::Blocked, 4));
        reply(&mut output, b"gh", 2, Level::Kernel);
        pipe.room = 100;
        assert_eq!(output.send(&mut pipe, &reached(1, 0)), (Sent::Waiting, 2));
        assert_eq!(output.send(&mut pipe, &reached(2, 0)), (Sent::All, 2));
        assert_eq!(pipe.taken, b"abcdefgh");
    }

    #[test]
    fn a_failed_log_turns_only_what_waits_for_it_into_errors() {
        let mut output = Output::new();
        reply(&mut output, b"+free\r\n", 0, Level::Kernel);
        reply(&mut output, b"+safe\r\n", 1, Level::Kernel);
        reply(&mut output, b"+lost\r\n", 2, Level::Kernel);
        reply(&mut output, b"+lost\r\n", 2, Level::Kernel);
        reply(&mut output, b"+read\r\n", 0, Level::Kernel);
        reply(&mut output, b"+lost\r\n", 1, Level::Disk);
        output.writer(&mut Spare::default()).error("last words");
        output.fail_waiting(&reached(1, 0), |out, _, replies| {
            (0..replies).for_each(|_| out.raw(b"-E\r\n"));
        });
        let mut pipe = Pipe::new(100);
        assert_eq!(output.send(&mut pipe, &reached(1, 0)).0, Sent::All);
        let left = b"+free\r\n+safe\r\n-E\r\n-E\r\n+read\r\n-E\r\n-last words\r\n";
        assert_eq!(pipe.taken, left);
    }

    #[test]
    fn what_exceeds_the_limit_takes_no_memory_and_is_told() {
        let mut output = Output::new();
        output.limit(1_000);
        let writer = output.writer(&mut Spare::default());
        writer.array(1_000);
        (0..1_000).for_each(|_| writer.bulk(&[b'x'; 100]));
        assert!(output.is_over());
        assert!(output.memory_bytes() < 4_000, "{}", output.memory_bytes());
    }

    #[test]
    fn a_message_that_waits_for_a_failed_log_is_dropped() {
        let mut output = Output::new();
        reply(&mut output, b"+lost\r\n", 2, Level::Kernel);
        let start = output.end();
        output.writer(&mut Spare::default()).raw(b">1\r\n+said\r\n");
        output.note_message(start, Epoch(2), Level::Kernel);
        reply(&mut output, b"+lost\r\n", 3, Level::Kernel);
        output.fail_waiting(&reached(1, 0), |out, _, replies| {
            (0..replies).for_each(|_| out.raw(b"-E\r\n"));
        });
        let mut pipe = Pipe::new(100);
        assert_eq!(output.send(&mut pipe, &reached(1, 0)).0, Sent::All);
        assert_eq!(pipe.taken, b"-E\r\n-E\r\n");
    }

    #[test]
    fn an_empty_reply_waits_for_nothing() {
        let mut output = Output::new();
        output.note(0, Epoch(9), Level::Disk);
        assert_eq!(output.send(&mut Pipe::new(0), &reached(0, 0)), (Sent::All, 0));
    }

    #[test]
    fn buffers_are_used_again_but_huge_ones_are_not() {
        let mut spare = Spare::default();
        let mut output = Output::new();
        output.writer(&mut spare).raw(&vec![0; SPARE_BYTES_MAX + 1]);
        output.send(&mut Pipe::new(usize::MAX), &reached(0, 0));
        output.recycle(&mut spare);
        assert_eq!((output.memory_bytes(), spare.0.len()), (0, 0));
        output.writer(&mut spare).raw(b"small");
        output.recycle(&mut spare);
        assert_eq!((output.len(), spare.0.len()), (5, 0));
        output.send(&mut Pipe::new(usize::MAX), &reached(0, 0));
        output.recycle(&mut spare);
        assert_eq!((output.memory_bytes(), spare.0.len()), (0, 1));
    }
}
