//! What may be written while somebody else is to keep up with it: growth waits when that is used up.
//!
//! Invariant: whoever waits is let through after a few milliseconds, whatever becomes of who hands it out.
//! May not know: what it is measured by, who waits.

/// Where nothing is handed out, growth goes on with this many bytes at a time,
const TRICKLE_BYTES: u64 = 16 << 10;
/// and as often as this.
const TRICKLE_NS: u64 = 4_000_000;

/// Bytes that may be written before growth waits. One that begins before goes on to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ration {
    /// Of what was handed out.
    left: u64,
    /// Of the last trickle.
    trickle_left: u64,
    trickled_ns: u64,
}

impl Default for Ration {
    fn default() -> Self {
        Self { left: u64::MAX, trickle_left: 0, trickled_ns: 0 }
    }
}

impl Ration {
    /// Hands out so much, in place of what was left.
    pub(crate) fn set(&mut self, bytes: u64) {
        self.left = bytes;
    }

    pub(crate) fn wrote(&mut self, bytes: u64) {
        self.left = self.left.saturating_sub(bytes);
        self.trickle_left = self.trickle_left.saturating_sub(bytes);
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.left == 0 && self.trickle_left == 0
    }

    /// Somebody waits at a time of the monotonic clock.
    pub(crate) fn trickle(&mut self, now_ns: u64) {
        if self.is_used_up() && now_ns >= self.trickled_ns.saturating_add(TRICKLE_NS) {
            self.trickle_left = TRICKLE_BYTES;
            self.trickled_ns = now_ns;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_used_up_before_something_is_handed_out() {
        let mut ration = Ration::default();
        ration.wrote(1 << 60);
        assert!(!ration.is_used_up());
        ration.set(100);
        ration.wrote(99);
        assert!(!ration.is_used_up());
        ration.wrote(50);
        assert!(ration.is_used_up());
        ration.set(1);
        assert!(!ration.is_used_up());
    }

    #[test]
    fn who_waits_is_let_through_every_few_milliseconds() {
        let mut ration = Ration::default();
        ration.set(0);
        ration.trickle(TRICKLE_NS);
        assert!(!ration.is_used_up());
        ration.set(0);
        assert!(!ration.is_used_up(), "who hands nothing out takes nothing away");
        ration.wrote(TRICKLE_BYTES);
        ration.trickle(2 * TRICKLE_NS - 1);
        assert!(ration.is_used_up());
        ration.trickle(2 * TRICKLE_NS);
        assert!(!ration.is_used_up());
    }
}
