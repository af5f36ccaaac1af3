//! What ZUNION, ZINTER, ZDIFF, their STORE forms and ZINTERCARD share.
//!
//! Sources lie on any shards, so one at a time is looked at. An intersection and a difference copy
//! the members of one source and ask the others for each; a union copies all and brings equal ones
//! together by sorting. Sources are taken in the order of their sizes, as in Redis: the order in
//! which scores are added up shows in the last digits.

use skeg_engine::{Exec, Kind, SetRef, Shard, SortedSetRef};
use skeg_proto::Args;

use super::members::{self, Member};
use crate::error::CommandError;
use crate::number;
use crate::parse;
use crate::ranges;
use crate::space;
use crate::spec::Spec;

/// What becomes of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Union,
    Inter,
    Diff,
    /// As [`Operation::Inter`], but only their number is wanted.
    Count,
}

/// What becomes of the scores of a member that several sources have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn parse(text: &[u8]) -> Option<Self> {
        let words = [("SUM", Self::Sum), ("MIN", Self::Min), ("MAX", Self::Max)];
        words.into_iter().find(|(word, _)| parse::is_word(text, word)).map(|(_, it)| it)
    }

    fn of(self, so_far: f64, score: f64) -> f64 {
        match self {
            Self::Sum => or_zero(so_far + score),
            Self::Min => {
                if score < so_far {
                    score
                } else {
                    so_far
                }
            }
            Self::Max => {
                if score > so_far {
                    score
                } else {
                    so_far
                }
            }
        }
    }
}

/// What infinities of both signs add up to, and what an infinity times 0 is.
fn or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    operation: Operation,
    sources: Vec<(&'a [u8], f64)>,
    aggregate: Aggregate,
    pub(super) with_scores: bool,
    /// How many are counted, 0 for all.
    pub(super) limit: usize,
}

/// One of the sources, under its latch. Members of a set have the score 1.
#[derive(Clone, Copy)]
enum Source<'a> {
    Set(SetRef<'a>),
    SortedSet(SortedSetRef<'a>),
}

impl<'a> Source<'a> {
    fn of(shard: &'a mut Shard, db: u8, key: &[u8]) -> Result<Option<Self>, CommandError> {
        Ok(match shard.kind(db, key) {
            Some(Kind::Set) => shard.read_set(db, key)?.map(Self::Set),
            _ => shard.read_sorted_set(db, key)?.map(Self::SortedSet),
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Set(set) => set.contains(member).then_some(1.0),
            Self::SortedSet(set) => set.score(member),
        }
    }

    fn copied(&self) -> Vec<Member> {
        match self {
            Self::Set(set) => members::copied(set.iter().map(|member| (member, 1.0))),
            Self::SortedSet(set) => members::copied(set.iter()),
        }
    }

    fn log_bytes(&self) -> u64 {
        match self {
            Self::Set(set) => set.iter().map(|member| space::element(member.len())).sum(),
            Self::SortedSet(set) => members::log_bytes(set.iter()),
        }
    }
}

impl<'a> Asked<'a> {
    /// Reads the keys, whose number is argument `at`, and the options behind them.
    pub(super) fn parse(
        spec: &Spec,
        args: Args<'a>,
        at: usize,
        operation: Operation,
    ) -> Result<Self, CommandError> {
        let count = parse::int_arg(args.get(at))?;
        if count < 1 {
            let name = spec.name;
            let text = format!("ERR at least 1 input key is needed for '{name}' command");
            return Err(CommandError::owned(text));
        }
        let count = usize::try_from(count).ok().filter(|count| *count < args.len() - at);
        let count = count.ok_or(CommandError::SYNTAX)?;
        let keys = args.tail(at + 1);
        let sources = keys.iter().take(count).map(|key| (key, 1.0)).collect();
        let aggregate = Aggregate::Sum;
        let mut asked = Self { operation, sources, aggregate, with_scores: false, limit: 0 };
        asked.options(keys.tail(count), at == 2)?;
        Ok(asked)
    }

    fn options(&mut self, args: Args<'a>, stores: bool) -> Result<(), CommandError> {
        let counts = self.operation == Operation::Count;
        let has_scores = matches!(self.operation, Operation::Union | Operation::Inter);
        let mut at = 0;
        while let Some(word) = args.try_get(at) {
            let left = args.len() - at - 1;
            let is = |name| parse::is_word(word, name);
            at += 1;
            if has_scores && left >= self.sources.len() && is("WEIGHTS") {
                for (_, weight) in &mut self.sources {
                    *weight = number::double(args.get(at))
                        .ok_or(CommandError::constant("ERR weight value is not a float"))?;
                    at += 1;
                }
            } else if has_scores && left >= 1 && is("AGGREGATE") {
                self.aggregate = Aggregate::parse(args.get(at)).ok_or(CommandError::SYNTAX)?;
                at += 1;
            } else if !stores && !counts && is("WITHSCORES") {
                self.with_scores = true;
            } else if counts && left >= 1 && is("LIMIT") {
                self.limit = ranges::count(args.get(at), 0, "ERR LIMIT can't be negative")?;
                at += 1;
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(())
    }

    /// The sizes of all sources.
    fn lens(&self, exec: &mut Exec<'_>, db: u8) -> Result<Vec<usize>, CommandError> {
        let len = |(key, _): &(&[u8], f64)| {
            Ok(Source::of(exec.shard(key), db, key)?.map_or(0, |source| source.len()))
        };
        self.sources.iter().map(len).collect()
    }

    /// Log space for the result, at the most; 0 when there will be an error.
    pub(super) fn log_bytes(&self, exec: &mut Exec<'_>, db: u8) -> u64 {
        let mut bytes = self.sources.iter().map(|(key, _)| {
            let source = Source::of(exec.shard(key), db, key);
            source.ok().flatten().map_or(0, |source| source.log_bytes())
        });
        match self.operation {
            Operation::Union => bytes.sum(),
            Operation::Inter | Operation::Count => bytes.min().unwrap_or(0),
            Operation::Diff => bytes.next().unwrap_or(0),
        }
    }

    /// The resulting members, in order.
    pub(super) fn combine(&self, exec: &mut Exec<'_>, db: u8) -> Result<Vec<Member>, CommandError> {
        let lens = self.lens(exec, db)?;
        let mut order: Vec<usize> = (0..lens.len()).collect();
        if self.operation != Operation::Diff {
            order.sort_by_key(|at| lens[*at]);
        }
        let sources = order.iter().map(|at| self.sources[*at]);
        let mut found = match self.operation {
            Operation::Union => self.union(exec, db, sources)?,
            Operation::Diff => diff(exec, db, sources)?,
            Operation::Inter | Operation::Count => self.inter(exec, db, sources)?,
        };
        if self.operation != Operation::Count {
            found.sort_unstable_by(|(a, a_score), (b, b_score)| {
                let scores = a_score.partial_cmp(b_score).expect("no score is NaN");
                scores.then_with(|| a.cmp(b))
            });
        }
        Ok(found)
    }

    fn union<'b>(
        &self,
        exec: &mut Exec<'_>,
        db: u8,
        sources: impl Iterator<Item = (&'b [u8], f64)>,
    ) -> Result<Vec<Member>, CommandError> {
        let mut all = Vec::new();
        for (key, weight) in sources {
            if let Some(source) = Source::of(exec.shard(key), db, key)? {
                let weighted = |(member, score)| (member, or_zero(score * weight));
                all.extend(source.copied().into_iter().map(weighted));
            }
        }
        // Stable: equal members stay in the order of their sources.
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 = self.aggregate.of(first.1, later.1);
            }
            same
        });
        Ok(all)
    }

    fn inter<'b>(
        &self,
        exec: &mut Exec<'_>,
        db: u8,
        mut sources: impl Iterator<Item = (&'b [u8], f64)>,
    ) -> Result<Vec<Member>, CommandError> {
        let Some((key, weight)) = sources.next() else { return Ok(Vec::new()) };
        let smallest = Source::of(exec.shard(key), db, key)?;
        let mut found = smallest.map_or_else(Vec::new, |source| source.copied());
        found.iter_mut().for_each(|(_, score)| *score = or_zero(*score * weight));
        for (key, weight) in sources {
            if found.is_empty() {
                break;
            }
            let source = Source::of(exec.shard(key), db, key)?;
            found.retain_mut(|(member, so_far)| {
                let score = source.and_then(|source| source.score(member));
                if let Some(score) = score {
                    // An infinity times 0 is no number, and less or more than nothing.
                    *so_far = self.aggregate.of(*so_far, score * weight);
                }
                score.is_some()
            });
        }
        Ok(found)
    }
}

fn diff<'b>(
    exec: &mut Exec<'_>,
    db: u8,
    mut sources: impl Iterator<Item = (&'b [u8], f64)>,
) -> Result<Vec<Member>, CommandError> {
    let Some((key, _)) = sources.next() else { return Ok(Vec::new()) };
    let first = Source::of(exec.shard(key), db, key)?;
    let mut found = first.map_or_else(Vec::new, |source| source.copied());
    for (key, _) in sources {
        if let Some(source) = Source::of(exec.shard(key), db, key)? {
            found.retain(|(member, _)| source.score(member).is_none());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skeg_proto::ArgsBuf;

    #[test]
    fn keys_are_counted_and_options_follow() {
        let spec = crate::commands().iter().find(|spec| spec.name == "zunion").unwrap();
        let parse = |line: &str, at, operation| {
            let args: ArgsBuf = line.split(' ').collect();
            Asked::parse(spec, args.as_args(), at, operation).map(|asked| {
                let weights: Vec<f64> = asked.sources.iter().map(|source| source.1).collect();
                (weights, asked.aggregate, asked.with_scores, asked.limit)
            })
        };
        let (sum, min) = (Aggregate::Sum, Aggregate::Min);
        for (line, at, operation, expected) in [
            ("c 2 a b", 1, Operation::Union, (vec![1.0, 1.0], sum, false, 0)),
            (
                "c to 2 a b weights 2 -inf aggregate min",
                2,
                Operation::Inter,
                (vec![2.0, f64::NEG_INFINITY], min, false, 0),
            ),
            ("c 1 a withscores", 1, Operation::Diff, (vec![1.0], sum, true, 0)),
            ("c 1 a limit 3", 1, Operation::Count, (vec![1.0], sum, false, 3)),
        ] {
            assert_eq!(parse(line, at, operation), Ok(expected), "{line}");
        }
        for (line, at, operation) in [
            ("c 3 a b", 1, Operation::Union),
            ("c 2 a b weights 1", 1, Operation::Union),
            ("c 1 a aggregate avg", 1, Operation::Union),
            ("c 1 a aggregate", 1, Operation::Union),
            ("c 1 a weights 1", 1, Operation::Diff),
            ("c to 1 a withscores", 2, Operation::Union),
            ("c 1 a withscores", 1, Operation::Count),
            ("c 1 a limit 1", 1, Operation::Inter),
        ] {
            assert_eq!(parse(line, at, operation), Err(CommandError::SYNTAX), "{line}");
        }
        for line in ["c 0 a", "c -1 a", "c x a", "c 1 a weights x"] {
            assert!(parse(line, 1, Operation::Union).is_err(), "{line}");
        }
    }

    #[test]
    fn infinities_of_both_signs_are_nothing_together() {
        let (inf, minus) = (f64::INFINITY, f64::NEG_INFINITY);
        assert_eq!(Aggregate::Sum.of(inf, minus), 0.0);
        assert_eq!(Aggregate::Sum.of(inf, 1.0), inf);
        assert_eq!(Aggregate::Min.of(1.0, minus), minus);
        assert_eq!(Aggregate::Max.of(1.0, minus), 1.0);
    }
}
