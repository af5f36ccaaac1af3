//! SKEG.VSEARCH and SKEG.VMSEARCH.
//!
//! The shard is held only to take a view of the index; the search runs on the engine's pool, over a view
//! that holds every write before it; of an index in parts, over a view of each, and what they find is
//! merged. Of several queries, some are scored together: a block of codes that is in the cache serves all of
//! them.

use std::collections::BTreeMap;
use std::ops::Range;

use skeg_engine::{Engine, Exec, ShardList};
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
    type Taken = Vec<Arc<View>>;
    /// Which query found what in one of the parts.
    type Share = Vec<(usize, Vec<Hit>)>;

    fn shards(&self, engine: &Engine, name: &[u8]) -> ShardList {
        engine.index_shards(name, 0)
    }

    fn take(&self, exec: &mut Exec<'_>, name: &[u8]) -> Result<Self::Taken, CommandError> {
        let parts = exec.index_parts(name);
        let dim = exec.index_options(&parts)?.dim;
        let given = self.queries.len();
        if self.many && !given.is_multiple_of(dim as usize) {
            return Err(vector::refused(VectorError::Dimension { expected: dim, given }));
        }
        let view = |name| Ok(exec.part_shard(name)?.vector_view(name)?);
        parts.names().map(view).collect()
    }

    fn is_at_hand(_: &Self::Taken) -> bool {
        false
    }

    fn parts(&self, views: &Self::Taken) -> usize {
        (self.count(views) * views.len() / TOGETHER).max(views.len())
    }

    fn answer(
        &self,
        views: &Self::Taken,
        part: Part,
        scratch: &mut SearchScratch,
    ) -> Result<Self::Share, CommandError> {
        let count = self.count(views);
        let asked = part.of(count * views.len());
        let mut share = Vec::with_capacity(asked.len());
        for (number, view) in views.iter().enumerate() {
            let of_view = number * count;
            let start = asked.start.max(of_view);
            let end = asked.end.min(of_view + count);
            for first in (start..end).step_by(TOGETHER) {
                let queries = first - of_view..end.min(first + TOGETHER) - of_view;
                let hits = self.search(view, queries.clone(), scratch)?;
                share.extend(queries.zip(hits));
            }
        }
        let Some(min) = self.score_min else { return Ok(share) };
        let near = |hits: Vec<Hit>| hits.into_iter().take_while(|hit| hit.score >= min).collect();
        Ok(share.into_iter().map(|(query, hits)| (query, near(hits))).collect())
    }

    fn write(&self, shares: Vec<Self::Share>, reply: &mut Reply) -> Outcome {
        let mut found: BTreeMap<usize, Vec<Vec<Hit>>> = BTreeMap::new();
        for (query, hits) in shares.into_iter().flatten() {
            found.entry(query).or_default().push(hits);
        }
        if self.many {
            reply.array(found.len());
        }
        found.into_values().for_each(|hits| write(reply, &merged(hits, self.options.k)));
        Ok(())
    }
}

impl Question {
    /// How many queries there are.
    fn count(&self, views: &[Arc<View>]) -> usize {
        let dim = views.first().map_or(1, |view| view.options().dim as usize);
        if self.many { self.queries.len() / dim } else { 1 }
    }

    /// Searches for some of the queries.
    fn search(
        &self,
        view: &View,
        queries: Range<usize>,
        scratch: &mut SearchScratch,
    ) -> Result<Vec<Vec<Hit>>, CommandError> {
        if !self.many {
            let hits = view.search_with(&self.queries, &self.options, scratch);
            return Ok(vec![hits.map_err(vector::refused)?]);
        }
        let dim = view.options().dim as usize;
        let some = &self.queries[queries.start * dim..queries.end * dim];
        view.search_many(some, &self.options, scratch).map_err(vector::refused)
    }
}

/// The best of what the parts of an index have found: in the order of one list of all.
fn merged(mut found: Vec<Vec<Hit>>, k: usize) -> Vec<Hit> {
    if let [only] = &mut *found {
        return std::mem::take(only);
    }
    let mut hits = found.concat();
    hits.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    hits.truncate(k);
    hits
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
