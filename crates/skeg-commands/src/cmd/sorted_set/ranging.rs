//! What ZRANGE and its relatives share: ranges of ranks, scores and members, with a limit, in either
//! direction.

use std::ops::Range;

use skeg_engine::{Exec, SortedSetRef};
use skeg_proto::{Args, Reply};

use super::bounds::{Members, Scores};
use super::members;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::ranges;
use crate::spec::Outcome;
use crate::value;

/// What a range is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Rank,
    Score,
    Lex,
}

/// What the name of the command says already, so that its options cannot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Preset {
    by: Option<By>,
    reverse: Option<bool>,
    stores: bool,
}

impl Preset {
    /// ZRANGE: nothing.
    pub(super) const RANGE: Self = Self { by: None, reverse: None, stores: false };
    /// ZRANGESTORE: that scores are never asked for.
    pub(super) const STORE: Self = Self { by: None, reverse: None, stores: true };

    /// Both.
    pub(super) fn of(by: By, reverse: bool) -> Self {
        Self { by: Some(by), reverse: Some(reverse), stores: false }
    }
}

/// The range itself.
#[derive(Clone, Copy, Debug)]
enum Extent<'a> {
    Ranks(i64, i64),
    Scores(Scores),
    Members(Members<'a>),
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a> {
    extent: Extent<'a>,
    reverse: bool,
    with_scores: bool,
    /// How many of the range are left out; a negative number leaves out all.
    offset: i64,
    /// How many follow at the most; a negative number is no limit.
    limit: i64,
}

impl<'a> Query<'a> {
    /// Reads `key min max` and the options behind them.
    pub(super) fn parse(args: Args<'a>, preset: Preset) -> Result<Self, CommandError> {
        let (mut by, mut reverse, mut with_scores) = (preset.by, preset.reverse, false);
        let (mut offset, mut limit) = (0, -1);
        let mut at = 3;
        while let Some(word) = args.try_get(at) {
            at += 1;
            if !preset.stores && parse::is_word(word, "WITHSCORES") {
                with_scores = true;
            } else if parse::is_word(word, "LIMIT") && at + 1 < args.len() {
                offset = parse::int_arg(args.get(at))?;
                limit = parse::int_arg(args.get(at + 1))?;
                at += 2;
            } else if preset.reverse.is_none() && parse::is_word(word, "REV") {
                reverse = Some(true);
            } else if by.is_none() && parse::is_word(word, "BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && parse::is_word(word, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(CommandError::constant(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX",
            ));
        }
        if with_scores && by == By::Lex {
            return Err(CommandError::constant(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let swapped = reverse && by != By::Rank;
        let (min, max) = if swapped { (2, 1) } else { (1, 2) };
        let extent = Extent::parse(by, args.get(min), args.get(max))?;
        Ok(Self { extent, reverse, with_scores, offset, limit })
    }

    /// The ranks of the members that are asked for.
    pub(super) fn ranks(&self, set: SortedSetRef<'_>) -> Range<usize> {
        let all = self.extent.ranks(set, self.reverse);
        let Ok(offset) = usize::try_from(self.offset) else { return 0..0 };
        // A negative number is no limit.
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if self.reverse {
            let end = all.end.saturating_sub(offset).max(all.start);
            all.start.max(end.saturating_sub(limit))..end
        } else {
            let start = all.start.saturating_add(offset).min(all.end);
            start..all.end.min(start.saturating_add(limit))
        }
    }
}

impl<'a> Extent<'a> {
    fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self, CommandError> {
        Ok(match by {
            By::Rank => Self::Ranks(parse::int_arg(min)?, parse::int_arg(max)?),
            By::Score => Self::Scores(Scores::parse(min, max)?),
            By::Lex => Self::Members(Members::parse(min, max)?),
        })
    }

    fn ranks(&self, set: SortedSetRef<'_>, reverse: bool) -> Range<usize> {
        match self {
            Self::Ranks(start, stop) => {
                let len = set.len();
                let ranks = ranges::indexes(*start, *stop, len);
                if reverse { len - ranks.end..len - ranks.start } else { ranks }
            }
            Self::Scores(scores) => scores.ranks(set),
            Self::Members(members) => members.ranks(set),
        }
    }
}

/// The ranks of the range `min max` in the order of ranks, without options.
pub(super) fn ranks(
    by: By,
    (min, max): (&[u8], &[u8]),
    set: Option<SortedSetRef<'_>>,
) -> Result<Range<usize>, CommandError> {
    let extent = Extent::parse(by, min, max)?;
    Ok(set.map_or(0..0, |set| extent.ranks(set, false)))
}

/// Replies with what is asked for.
pub(super) fn range(
    exec: &mut Exec<'_>,
    cx: &Cx<'_>,
    key: &[u8],
    query: &Query<'_>,
    reply: &mut Reply,
) -> Outcome {
    let Some(set) = exec.shard(key).read_sorted_set(cx.db(), key)? else {
        reply.array(0);
        return Ok(());
    };
    let found = set.range(query.ranks(set));
    members::reply_header(reply, found.len(), query.with_scores);
    if query.with_scores {
        let one = |(member, score)| members::reply_one(reply, member, score, true);
        each(found, query.reverse, one);
    } else {
        each(found.members(), query.reverse, |member| value::reply_string(reply, member));
    }
    Ok(())
}

fn each<T>(all: impl DoubleEndedIterator<Item = T>, reverse: bool, one: impl FnMut(T)) {
    if reverse {
        all.rev().for_each(one);
    } else {
        all.for_each(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skeg_proto::ArgsBuf;

    #[test]
    fn options_that_do_not_go_together() {
        let parse = |line: &str, preset| {
            let args: ArgsBuf = line.split(' ').collect();
            Query::parse(args.as_args(), preset).map(|query| query.reverse)
        };
        assert_eq!(parse("key 0 -1 rev withscores", Preset::RANGE), Ok(true));
        assert_eq!(parse("key 5 1 byscore rev limit 0 3", Preset::RANGE), Ok(true));
        assert_eq!(parse("key 0 -1 limit 0 -1", Preset::RANGE), Ok(false));
        let syntax = Err(CommandError::SYNTAX);
        for line in ["key 0 1 byscore bylex", "key 0 1 limit 1", "key 0 1 x"] {
            assert_eq!(parse(line, Preset::RANGE), syntax, "{line}");
        }
        assert_eq!(parse("key 0 1 withscores", Preset::STORE), syntax);
        assert_eq!(parse("key 0 1 rev", Preset::of(By::Rank, false)), syntax);
        assert!(parse("key 0 1 limit 0 1", Preset::RANGE).is_err());
        assert!(parse("key - + bylex withscores", Preset::RANGE).is_err());
        assert!(parse("key a b", Preset::RANGE).is_err());
    }
}
