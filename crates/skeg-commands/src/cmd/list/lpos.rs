//! LPOS.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::list::finding;
use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::ranges;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "lpos",
    arity: -3,
    flags: Flags::READONLY,
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::List, Category::Slow],
    group: Group::List,
    since: "6.0.6",
    summary: "Returns where items of a list are that are equal to a value",
    complexity: "O(N) for N items that are compared",
    syntax: "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Keyed(run),
};

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let options = Options::parse(args)?;
    let key = args.get(1);
    let list = exec.shard(key).read_list(cx.db(), key)?;
    let found = list.map_or_else(Vec::new, |list| options.find(list, args.get(2)));
    match (options.count, found.first()) {
        (None, Some(index)) => reply.count(*index),
        (None, None) => reply.null(),
        (Some(_), _) => {
            reply.array(found.len());
            found.iter().for_each(|index| reply.count(*index));
        }
    }
    Ok(())
}

/// What is looked for beside the value.
struct Options {
    /// Matches before this one are not shown; counted from 1.
    rank: u64,
    /// From the last item on.
    backwards: bool,
    /// How many matches, 0 for all; without it only the first, and no array.
    count: Option<usize>,
    /// How many items are compared, 0 for all.
    compared_max: usize,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self { rank: 1, backwards: false, count: None, compared_max: 0 };
        let mut at = 3;
        while let Some(word) = args.try_get(at) {
            let argument = args.try_get(at + 1).ok_or(CommandError::SYNTAX)?;
            if parse::is_word(word, "RANK") {
                let rank = parse::int_between(argument, -i64::MAX, i64::MAX)?;
                if rank == 0 {
                    return Err(CommandError::constant(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the \
                         second ... or use negative to start from the end of the list",
                    ));
                }
                options.rank = rank.unsigned_abs();
                options.backwards = rank < 0;
            } else if parse::is_word(word, "COUNT") {
                options.count = Some(ranges::count(argument, 0, "ERR COUNT can't be negative")?);
            } else if parse::is_word(word, "MAXLEN") {
                options.compared_max = ranges::count(argument, 0, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 2;
        }
        Ok(options)
    }

    fn find(&self, list: skeg_engine::ListRef<'_>, element: &[u8]) -> Vec<usize> {
        let or_all = |count: usize| if count == 0 { usize::MAX } else { count };
        let needle = finding::Needle::new(element);
        let skip = usize::try_from(self.rank - 1).unwrap_or(usize::MAX);
        let (compared, shown) = (or_all(self.compared_max), or_all(self.count.unwrap_or(1)));
        if self.backwards {
            let found = needle.positions(list.iter().rev().take(compared));
            found.skip(skip).take(shown).map(|back| list.len() - 1 - back).collect()
        } else {
            needle.positions(list.iter().take(compared)).skip(skip).take(shown).collect()
        }
    }
}
