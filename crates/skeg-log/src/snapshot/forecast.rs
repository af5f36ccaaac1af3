//! How large the next snapshot will be: so much of the disk growth must leave, or no space could be got back.
//!
//! Invariant: what was written since somebody looked counts as if all of it came on top.
//! May not know: how anybody knows, when a snapshot is taken.

use skeg_io::sync::Mutex;

/// Removals may write this part of the next snapshot before it is taken and while it is.
const PART_RELEASES: u64 = 8;

/// What is known of the next snapshot, or of the one that is being written.
#[derive(Debug, Default)]
pub(crate) struct Forecast(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Bytes that it will have; `None`: nobody has looked yet.
    bytes: Option<u64>,
    /// Bytes of values that are stated again before it.
    moved: u64,
    /// Bytes of history when somebody looked.
    at: u64,
    /// Bytes of it that are written.
    written: u64,
}

impl Forecast {
    /// Somebody has looked, when the history had so many bytes.
    pub(crate) fn look(&self, bytes: u64, moved: u64, history: u64) {
        let mut state = self.0.lock();
        (state.bytes, state.moved, state.at) = (Some(bytes), moved, history);
    }

    /// So much of it is written by now; 0: none is under way any more.
    pub(crate) fn note_written(&self, bytes: u64) {
        self.0.lock().written = bytes;
    }

    /// Bytes that it will have.
    pub(crate) fn bytes(&self, history: u64) -> Option<u64> {
        let state = self.0.lock();
        Some(state.bytes? + history.saturating_sub(state.at))
    }

    /// Bytes that growth must leave for it.
    pub(crate) fn room(&self, history: u64) -> Option<u64> {
        let bytes = self.bytes(history)?;
        let state = self.0.lock();
        Some(bytes.saturating_sub(state.written) + bytes / PART_RELEASES + state.moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_left_grows_with_the_history_and_shrinks_with_what_is_written() {
        let forecast = Forecast::default();
        assert_eq!((forecast.bytes(1_000), forecast.room(1_000)), (None, None), "nobody knows");
        forecast.look(800, 50, 1_000);
        assert_eq!((forecast.bytes(1_000), forecast.room(1_000)), (Some(800), Some(950)));
        assert_eq!((forecast.bytes(1_080), forecast.room(1_080)), (Some(880), Some(1_040)));
        forecast.note_written(600);
        assert_eq!(forecast.room(1_000), Some(350));
        forecast.note_written(5_000);
        assert_eq!(forecast.room(1_000), Some(150), "larger than anybody thought");
        forecast.note_written(0);
        assert_eq!(forecast.room(1_000), Some(950));
    }
}
