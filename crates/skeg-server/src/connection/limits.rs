//! How much the clients of a class may leave unread.

use skeg_commands::Config;

/// How many unsent replies clients may leave, and how long, by their class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputLimits {
    normal: OutputLimit,
    /// Those that have subscriptions, or monitor.
    pubsub: OutputLimit,
}

/// The limits of a class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputLimit {
    pub(crate) hard_bytes: usize,
    pub(crate) soft_bytes: usize,
    pub(crate) soft_ns: u64,
}

impl OutputLimits {
    /// The limits as they are configured now.
    pub(crate) fn of(config: &Config) -> Self {
        let bytes = |limit: u64| match usize::try_from(limit) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(limit) => limit,
        };
        let limit = |hard, soft, soft_s: u64| OutputLimit {
            hard_bytes: bytes(hard),
            soft_bytes: bytes(soft),
            soft_ns: soft_s.saturating_mul(1_000_000_000),
        };
        let (hard, soft, soft_s) = config.pubsub_output_limits();
        Self {
            normal: limit(
                config.output_hard_bytes(),
                config.output_soft_bytes(),
                config.output_soft_s(),
            ),
            pubsub: limit(hard, soft, soft_s),
        }
    }

    /// Bytes of messages that may wait for a connection.
    pub(crate) fn mail_bytes(&self) -> usize {
        self.pubsub.hard_bytes
    }

    pub(super) fn of_class(&self, is_listening: bool) -> &OutputLimit {
        if is_listening { &self.pubsub } else { &self.normal }
    }
}
