//! SKEG.VSEARCH.
//!
//! The shard is held only to take a view of the index; the search runs on the engine's pool, over a view
//! that holds every write before it.

use skeg_engine::Shard;
use skeg_io::sync::Arc;
use skeg_proto::Version;
use skeg_proto::{Args, Reply};
use skeg_vector::{Hit, SearchOptions, SearchScratch, View};

use crate::error::CommandError;
use crate::flow::Flow;
use crate::parse;
use crate::pool;
use crate::session::Turn;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};
use crate::vector;

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

/// What is asked.
struct Question {
    query: Vec<f32>,
    options: SearchOptions,
    score_min: Option<f32>,
}

impl Question {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        // A longer list of candidates makes no scan better: it is checked only.
        let count =
            |text: &[u8]| usize::try_from(parse::int_arg(text)?).map_err(|_| not_negative());
        let k = count(args.get(2))?;
        count(args.get(3))?;
        let options = SearchOptions::new(k);
        let mut question = Self { query: vector::row(args.get(4))?, options, score_min: None };
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

    fn take(&self, shard: &mut Shard, name: &[u8]) -> Result<Arc<View>, CommandError> {
        Ok(shard.vector_view(name)?)
    }

    fn is_at_hand(_: &Arc<View>) -> bool {
        false
    }

    fn answer(&self, view: Arc<View>, scratch: &mut SearchScratch, reply: &mut Reply) -> Outcome {
        let hits = view.search_with(&self.query, &self.options, scratch);
        let mut hits = hits.map_err(vector::refused)?;
        hits.retain(|hit| self.score_min.is_none_or(|min| hit.score >= min));
        write(reply, &hits);
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
    let question = Question::parse(args)?;
    pool::ask(turn, args.get(1), question, reply)
}
