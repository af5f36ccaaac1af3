//! The slow log: the commands that took longest, with the beginning of their arguments.
//!
//! Invariant: what it holds is bounded, whatever clients send.

use std::collections::VecDeque;

use skeg_io::sync::Mutex;
use skeg_proto::Args;

/// Arguments that an entry keeps, the note about the others included.
const ARGUMENTS_MAX: usize = 32;
/// Bytes of an argument that it keeps.
const ARGUMENT_BYTES_MAX: usize = 128;

/// A command that was slow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    /// When it ended, in Unix seconds.
    pub(crate) at_s: u64,
    pub(crate) spent_us: u64,
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) address: String,
    pub(crate) client_name: String,
}

/// The latest slow commands, the newest first.
#[derive(Debug, Default)]
pub(crate) struct SlowLog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    entries: VecDeque<Entry>,
}

/// The arguments as an entry keeps them.
pub(crate) fn shortened(args: Args<'_>) -> Vec<Vec<u8>> {
    let count = args.len();
    let kept = if count > ARGUMENTS_MAX { ARGUMENTS_MAX - 1 } else { count };
    let mut list: Vec<Vec<u8>> = args.iter().take(kept).map(shorten).collect();
    if kept < count {
        list.push(format!("... ({} more arguments)", count - kept).into_bytes());
    }
    list
}

fn shorten(arg: &[u8]) -> Vec<u8> {
    let Some(more) = arg.len().checked_sub(ARGUMENT_BYTES_MAX).filter(|more| *more > 0) else {
        return arg.to_vec();
    };
    let mut text = arg[..ARGUMENT_BYTES_MAX].to_vec();
    text.extend_from_slice(format!("... ({more} more bytes)").as_bytes());
    text
}

impl SlowLog {
    /// Adds an entry, whose number is chosen here, and forgets what is more than `max`.
    pub(crate) fn add(&self, mut entry: Entry, max: usize) {
        let mut state = self.0.lock();
        entry.id = state.next_id;
        state.next_id += 1;
        state.entries.push_front(entry);
        state.entries.truncate(max);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().entries.len()
    }

    /// Forgets all entries; their numbers go on.
    pub(crate) fn reset(&self) {
        self.0.lock().entries.clear();
    }

    /// The newest entries.
    pub(crate) fn newest(&self, count: usize) -> Vec<Entry> {
        self.0.lock().entries.iter().take(count).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skeg_proto::ArgsBuf;

    #[test]
    fn long_commands_are_shortened() {
        let mut args = ArgsBuf::new();
        args.push(b"SADD");
        args.push(&[b'x'; 129]);
        assert_eq!(shortened(args.as_args())[1].len(), 128 + "... (1 more bytes)".len());
        for _ in 0..31 {
            args.push(b"v");
        }
        let list = shortened(args.as_args());
        assert_eq!(list.len(), 32);
        assert_eq!(list[31], b"... (2 more arguments)");
    }

    #[test]
    fn the_oldest_entries_are_forgotten_and_numbers_are_not_used_again() {
        let log = SlowLog::default();
        let entry = |spent_us| Entry {
            id: 0,
            at_s: 0,
            spent_us,
            args: Vec::new(),
            address: String::new(),
            client_name: String::new(),
        };
        (0..5).for_each(|spent_us| log.add(entry(spent_us), 3));
        assert_eq!(
            log.newest(2).iter().map(|e| (e.id, e.spent_us)).collect::<Vec<_>>(),
            [(4, 4), (3, 3)]
        );
        log.reset();
        log.add(entry(9), 3);
        assert_eq!((log.len(), log.newest(9)[0].id), (1, 5));
    }
}
