//! What EXPIRE, TTL and their relatives share.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::deadline::{self, From, Unit};
use crate::error::CommandError;
use crate::spec::Outcome;

/// The conditions under which a deadline is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Conditions {
    /// NX: only if there is none.
    none: bool,
    /// XX: only if there is one.
    some: bool,
    /// GT: only to a later one; none is the latest.
    later: bool,
    /// LT: only to an earlier one.
    earlier: bool,
}

impl Conditions {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut conditions = Self::default();
        for word in args.iter().skip(3) {
            let condition = match word.to_ascii_lowercase().as_slice() {
                b"nx" => &mut conditions.none,
                b"xx" => &mut conditions.some,
                b"gt" => &mut conditions.later,
                b"lt" => &mut conditions.earlier,
                _ => {
                    let text = [b"ERR Unsupported option ", word].concat();
                    return Err(CommandError::owned(text));
                }
            };
            *condition = true;
        }
        let Self { none, some, later, earlier } = conditions;
        if none && (some || later || earlier) {
            return Err(CommandError::constant(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if later && earlier {
            return Err(CommandError::constant(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(conditions)
    }

    /// Whether a deadline of `current` may become `at`.
    fn allow(self, current: Option<u64>, at: i64) -> bool {
        let current = current.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
        let refused = self.none && current.is_some()
            || self.some && current.is_none()
            || self.later && current.is_none_or(|current| at <= current)
            || self.earlier && current.is_some_and(|current| at >= current);
        !refused
    }
}

/// EXPIRE and its like: 1 when the deadline was changed (or the key removed, because the deadline
/// has passed), else 0.
pub(super) fn expire(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    args: Args<'_>,
    unit: Unit,
    from: From,
    reply: &mut Reply,
) -> Outcome {
    let conditions = Conditions::parse(args)?;
    let at = deadline::any(args.get(2), unit, from, exec.now_ms(), cx.spec.name)?;
    let (db, key, now_ms) = (cx.db(), args.get(1), exec.now_ms());
    let shard = exec.shard(key);
    let current = shard.expiry(db, key);
    let changed = current.is_some_and(|current| conditions.allow(current, at))
        && shard.set_expiry(db, key, Some(u64::try_from(at).unwrap_or(0)));
    if changed {
        let is_over = u64::try_from(at).unwrap_or(0) <= now_ms;
        let event = if is_over { "del" } else { "expire" };
        shard.notify(NotifyClass::GENERIC, event, db, key);
    }
    reply.int(i64::from(changed));
    Ok(())
}

/// What TTL and its like show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// The time that is left.
    Remaining,
    /// The deadline.
    At,
}

/// TTL and its like.
pub(super) fn show(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    key: &[u8],
    show: Show,
    unit: Unit,
    reply: &mut Reply,
) {
    let now_ms = exec.now_ms();
    let value = match exec.shard(key).expiry(cx.db(), key) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => {
            let ms = if show == Show::At { at } else { at.saturating_sub(now_ms) };
            let ms = i64::try_from(ms).unwrap_or(i64::MAX);
            if unit == Unit::Seconds { ms.saturating_add(500) / 1_000 } else { ms }
        }
    };
    reply.int(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use skeg_proto::ArgsBuf;

    fn parse(words: &str) -> Result<Conditions, CommandError> {
        let args: ArgsBuf = format!("EXPIRE key 1 {words}").split_ascii_whitespace().collect();
        Conditions::parse(args.as_args())
    }

    #[test]
    fn no_deadline_counts_as_the_latest() {
        let gt = parse("GT").unwrap();
        let lt = parse("lt").unwrap();
        assert!(!gt.allow(None, 5) && lt.allow(None, 5));
        assert!(gt.allow(Some(4), 5) && !gt.allow(Some(5), 5));
        assert!(lt.allow(Some(6), 5) && !lt.allow(Some(5), 5));
        let lt_xx = parse("LT XX").unwrap();
        assert!(!lt_xx.allow(None, 5) && lt_xx.allow(Some(6), 5));
        assert!(parse("NX").unwrap().allow(None, 5) && !parse("NX").unwrap().allow(Some(1), 5));
    }

    #[test]
    fn conditions_that_exclude_each_other_are_refused() {
        for words in ["NX XX", "NX GT", "LT NX", "GT LT", "XX GT LT", "AB"] {
            assert!(parse(words).is_err(), "{words}");
        }
        assert_eq!(parse("XX ab"), Err(CommandError::constant("ERR Unsupported option ab")));
    }
}
