//! What ZADD and ZINCRBY share.

use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::number;
use crate::parse;
use crate::spec::Outcome;

/// The words between the key and the first score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    only_new: bool,
    only_existing: bool,
    only_greater: bool,
    only_less: bool,
    /// Changed members are counted beside added ones.
    changed: bool,
    /// The score is added to the one that is there.
    increment: bool,
}

impl Options {
    /// What ZINCRBY does.
    pub(super) fn increment() -> Self {
        Self { increment: true, ..Self::default() }
    }

    /// Reads the options, and returns them with the scores and members behind them.
    pub(super) fn parse(args: Args<'_>) -> Result<(Self, Args<'_>), CommandError> {
        let mut options = Self::default();
        let mut at = 2;
        while let Some(word) = args.try_get(at) {
            let option = [
                ("NX", &mut options.only_new),
                ("XX", &mut options.only_existing),
                ("GT", &mut options.only_greater),
                ("LT", &mut options.only_less),
                ("CH", &mut options.changed),
                ("INCR", &mut options.increment),
            ]
            .into_iter()
            .find(|(name, _)| parse::is_word(word, name));
            let Some((_, option)) = option else { break };
            *option = true;
            at += 1;
        }
        let pairs = args.tail(at);
        if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
            return Err(CommandError::SYNTAX);
        }
        let Self { only_new, only_existing, only_greater, only_less, .. } = options;
        let refused = |text| Err(CommandError::constant(text));
        if only_new && only_existing {
            return refused("ERR XX and NX options at the same time are not compatible");
        }
        if u8::from(only_new) + u8::from(only_greater) + u8::from(only_less) > 1 {
            return refused("ERR GT, LT, and/or NX options at the same time are not compatible");
        }
        if options.increment && pairs.len() > 2 {
            return refused("ERR INCR option supports a single increment-element pair");
        }
        Ok((options, pairs))
    }

    /// Whether a member gets the score that is given, whatever it has.
    fn is_unconditional(&self) -> bool {
        let Self { only_new, only_existing, only_greater, only_less, increment, .. } = *self;
        !(only_new || only_existing || only_greater || only_less || increment)
    }

    /// The score that a member gets, if it gets one; `Err` when that is no number.
    fn score(&self, before: Option<f64>, given: f64) -> Result<Option<f64>, CommandError> {
        let Some(before) = before else { return Ok((!self.only_existing).then_some(given)) };
        if self.only_new {
            return Ok(None);
        }
        let score = if self.increment { before + given } else { given };
        if score.is_nan() {
            let text = "ERR resulting score is not a number (NaN)";
            return Err(CommandError::constant(text));
        }
        let is_kept = self.only_less && score >= before || self.only_greater && score <= before;
        Ok((!is_kept).then_some(score))
    }
}

/// Gives members scores: `pairs` are scores and members.
pub(super) fn add(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    key: &[u8],
    options: Options,
    pairs: Args<'_>,
    reply: &mut Reply,
) -> Outcome {
    // All are read before anything is changed, and read again, which costs less than memory for them.
    let scores = || pairs.iter().step_by(2).map(number::double_arg);
    scores().try_for_each(|score| score.map(drop))?;
    let db = cx.db();
    let shard = exec.shard(key);
    let (mut added, mut changed, mut result) = (0, 0, None);
    // A wrong kind shows before anything is changed, and also when nothing will be.
    for (given, member) in scores().zip(pairs.iter().skip(1).step_by(2)) {
        let given = given?;
        // As in Redis, 0 does not replace -0. Of all other scores those that are equal are the same.
        let before = if options.is_unconditional() && given != 0.0 {
            result = Some(given);
            shard.zset_set(db, key, member, given)?
        } else {
            let before = shard.sorted_set(db, key)?.and_then(|set| set.score(member));
            result = options.score(before, given)?;
            if let Some(score) = result
                && before != result
            {
                shard.zset_set(db, key, member, score)?;
            }
            before
        };
        match before {
            None => added += usize::from(result.is_some()),
            Some(_) => changed += usize::from(result.is_some() && before != result),
        }
    }
    if added + changed > 0 {
        let event = if options.increment { "zincr" } else { "zadd" };
        shard.notify(NotifyClass::SORTED_SET, event, db, key);
    }
    match (options.increment, result) {
        (true, Some(score)) => reply.double(score),
        (true, None) => reply.null(),
        (false, _) => reply.count(if options.changed { added + changed } else { added }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use skeg_proto::ArgsBuf;

    #[test]
    fn options_end_at_the_first_score() {
        let parse = |line: &str| {
            let args: ArgsBuf = line.split(' ').collect();
            Options::parse(args.as_args()).map(|(options, pairs)| (options, pairs.len()))
        };
        let expected = Options { only_existing: true, changed: true, ..Options::default() };
        assert_eq!(parse("zadd key xx CH 1 a 2 nx"), Ok((expected, 4)));
        for line in ["zadd key nx", "zadd key 1 a 2", "zadd key ch 1"] {
            assert_eq!(parse(line), Err(CommandError::SYNTAX), "{line}");
        }
        for line in ["zadd key nx xx 1 a", "zadd key gt lt 1 a", "zadd key nx lt 1 a"] {
            assert!(parse(line).is_err_and(|error| error != CommandError::SYNTAX), "{line}");
        }
        assert!(parse("zadd key incr 1 a 2 b").is_err());
    }

    #[test]
    fn a_score_is_kept_unless_it_may_change() {
        let options = Options { only_greater: true, ..Options::default() };
        assert_eq!(options.score(Some(2.0), 1.0), Ok(None));
        assert_eq!(options.score(Some(2.0), 3.0), Ok(Some(3.0)));
        assert_eq!(options.score(None, 1.0), Ok(Some(1.0)));
        let options = Options { increment: true, ..Options::default() };
        assert_eq!(options.score(Some(2.0), 1.0), Ok(Some(3.0)));
        assert!(options.score(Some(f64::INFINITY), f64::NEG_INFINITY).is_err());
        let options = Options { only_existing: true, ..Options::default() };
        assert_eq!(options.score(None, 1.0), Ok(None));
    }
}
