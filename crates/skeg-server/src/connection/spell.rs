//! How long one turn serves a connection.

use skeg_engine::Holder;
use skeg_io::Clock;

/// Commands after which latches are given back within a batch.
const HELD_COMMANDS_MAX: u32 = 128;
/// Commands that one turn runs for a connection.
const TURN_COMMANDS_MAX: u32 = 1_024;
/// Commands between two looks at the clock.
const CLOCK_COMMANDS: u32 = 32;

/// The commands of one turn so far.
#[derive(Debug, Default)]
pub(super) struct Spell {
    commands: u32,
    since_ns: Option<u64>,
}

impl Spell {
    /// One more was run.
    #[inline]
    pub(super) fn count(&mut self) {
        self.commands += 1;
    }

    pub(super) fn commands(&self) -> u32 {
        self.commands
    }

    /// Whether others are to be served before the next; now and then others get the latches.
    #[inline]
    pub(super) fn is_over(
        &mut self,
        holder: &mut Holder,
        clock: &dyn Clock,
        share_ns: u64,
    ) -> bool {
        if !self.commands.is_multiple_of(CLOCK_COMMANDS) {
            return false;
        }
        if self.commands.is_multiple_of(HELD_COMMANDS_MAX) {
            holder.release();
        }
        // The first look only begins the count: most batches are shorter.
        let now_ns = clock.monotonic_ns();
        let since_ns = *self.since_ns.get_or_insert(now_ns);
        self.commands == TURN_COMMANDS_MAX || now_ns - since_ns > share_ns
    }
}
