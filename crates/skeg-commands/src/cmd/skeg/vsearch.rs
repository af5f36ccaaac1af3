//! SKEG.VSEARCH and SKEG.VMSEARCH.
//!
//! The shard is held only to take a view of the index; the search runs on the engine's pool, over a view
//! that holds every write before it. Of several queries, some are scored together: a block of codes that
//! is in the cache serves all of them.

use std::ops::Range;

use skeg_engine::Shard;
use skeg_io::sync::Arc;
use skeg_proto::Version;
use skeg_proto::{Args, Reply};
use skeg_vector::{Hit, SearchOptions, SearchScratch, VectorError, View};

use crate::error::CommandError;
use crate::flow::Flow;
use crate::parse;
use crate::pool::{self, Part};
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::vector;

/// Queries that one call of a view answers, and at least so many make a part of their own.
const TOGETHER: usize = 16;

pub(crate) const SPEC: Spec = Spec {
    name: "skeg.vsearch",
    arity: -5,
    flags: Flags::READONLY.with(Flags::NO_MULTI),
    keys: Keys::One(KeyFlags::RO.with(KeyFlags::ACCESS)),
    categories: &[Category::Read, Category::Slow, Category::Vector],
    group: Group::Skeg,
    since: "0.1.0",
    summary: "Returns the nearest vectors to a query",
    complexity: "O(N * D) for N vectors of D dimensions",
    syntax: "name k l query [MINSCORE score] [RERANK n]",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Control(run),
};

pub(crate) const MANY_SPEC: Spec = Spec {
    name: "skeg.vmsearch",
    summary: "Returns the nearest vectors to each of several queries, which lie end to end",
    complexity: "O(Q * N * D) for Q queries and N vectors of D dimensions",
    syntax: "name k l queries [MINSCORE score] [RERANK n]",
    run: Handler::Control(run_many),
    ..SPEC
};

/// What is asked.
struct Question {
    /// One query, or several end to end.
    queries: Vec<f32>,
    options: SearchOptions,
    score_min: Option<f32>,
    /// Whether there may be several: then there is a reply for each.
    many: bool,
}

impl Question {
    fn parse(args: Args<'_>, many: bool) -> Result<Self, CommandError> {
        let count =
            |text: &[u8]| usize::try_from(parse::int_arg(text)?).map_err(|_| not_negative());
        let k = count(args.get(2))?;
        let list = count(args.get(3))?;
        let options = SearchOptions { list: (list > 0).then_some(list), ..SearchOptions::new(k) };
        let queries = vector::row(args.get(4))?;
        let mut question = Self { queries, options, score_min: None, many };
        let mut index = 5;
        while let Some(word) = args.try_get(index) {
            let value = args.try_get(index + 1).ok_or(CommandError::SYNTAX);
            if parse::is_word(word, "WITHPAYLOAD") {
                return Err(vector::unsupported("WITHPAYLOAD"));
            } else if parse::is_word(word, "FILTER") {
                return Err(vector::unsupported("FILTER"));
            } else if parse::is_word(word, "MINSCORE") {
                let score: Option<f32> = parse::quoted(value?, 64).parse().ok();
                question.score_min = Some(score.ok_or(CommandError::NOT_A_FLOAT)?);
            } else if parse::is_word(word, "RERANK") {
                question.options.rerank = Some(count(value?)?);
            } else {
                return Err(CommandError::SYNTAX);
            }
            index += 2;
        }
        Ok(question)
    }
}

impl pool::Question for Question {
    type Taken = Arc<View>;
    type Share = Vec<Vec<Hit>>;

    fn take(&self, shard: &mut Shard, name: &[u8]) -> Result<Arc<View>, CommandError> {
        let view = shard.vector_view(name)?;
        let (dim, given) = (view.options().dim, self.queries.len());
        if self.many && !given.is_multiple_of(dim as usize) {
            return Err(vector::refused(VectorError::Dimension { expected: dim, given }));
        }
        Ok(view)
    }

    fn is_at_hand(_: &Arc<View>) -> bool {
        false
    }

    fn parts(&self, view: &Arc<View>) -> usize {
        if self.many { self.queries.len() / view.options().dim as usize / TOGETHER } else { 1 }
    }

    fn answer(
        &self,
        view: &Arc<View>,
        part: Part,
        scratch: &mut SearchScratch,
    ) -> Result<Self::Share, CommandError> {
        let hits = if self.many {
            let dim = view.options().dim as usize;
            let Range { start, end } = part.of(self.queries.len() / dim);
            let mut hits = Vec::new();
            for some in self.queries[start * dim..end * dim].chunks(TOGETHER * dim) {
                hits.extend(
                    view.search_many(some, &self.options, scratch).map_err(vector::refused)?,
                );
            }
            hits
        } else {
            vec![view.search_with(&self.queries, &self.options, scratch).map_err(vector::refused)?]
        };
        let Some(min) = self.score_min else { return Ok(hits) };
        let near = |hits: Vec<Hit>| hits.into_iter().take_while(|hit| hit.score >= min).collect();
        Ok(hits.into_iter().map(near).collect())
    }

    fn write(&self, shares: Vec<Self::Share>, reply: &mut Reply) -> Outcome {
        if self.many {
            reply.array(shares.iter().map(Vec::len).sum());
        }
        shares.iter().flatten().for_each(|hits| write(reply, hits));
        Ok(())
    }
}

fn not_negative() -> CommandError {
    CommandError::constant("ERR value is out of range, must be positive")
}

/// Flat in RESP2, pairs in RESP3.
fn write(reply: &mut Reply, hits: &[Hit]) {
    let nested = reply.version() == Version::Resp3;
    reply.array(if nested { hits.len() } else { hits.len() * 2 });
    for hit in hits {
        if nested {
            reply.array(2);
        }
        reply.bulk_str(&hit.id.to_string());
        reply.double(f64::from(hit.score));
    }
}

fn run(turn: &mut Turn<'_>, args: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    let question = Question::parse(args, false)?;
    pool::ask(turn, args.get(1), question, reply)
}

fn run_many(turn: &mut Turn<'_>, args: Args<'_>, reply: &mut Reply) -> Result<Flow, CommandError> {
    let question = Question::parse(args, true)?;
    pool::ask(turn, args.get(1), question, reply)
}
