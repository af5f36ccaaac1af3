//! SKEG.VSEARCH.
//!
//! The shard is held only to take a view of the index; the search runs on the engine's pool, over a view
//! that holds every write before it.

use skeg_engine::{Bound, Engine, Exec, Job, Progress, Receipt, Refusal, ShardList};
use skeg_io::sync::{Arc, Mutex};
use skeg_proto::Version;
use skeg_proto::{Args, Reply};
use skeg_vector::{Hit, View};

use crate::delegate::Return;
use crate::dispatch;
use crate::error::CommandError;
use crate::flow::Flow;
use crate::parse;
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
    k: usize,
    score_min: Option<f32>,
}

impl Question {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        // Neither a longer list nor reranking makes an exact search better: they are checked only.
        let count =
            |text: &[u8]| usize::try_from(parse::int_arg(text)?).map_err(|_| not_negative());
        let k = count(args.get(2))?;
        count(args.get(3))?;
        let mut question = Self { query: vector::row(args.get(4))?, k, score_min: None };
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
                count(value?)?;
            } else {
                return Err(CommandError::SYNTAX);
            }
            index += 2;
        }
        Ok(question)
    }

    fn answer(&self, view: &View, reply: &mut Reply) -> Outcome {
        let mut hits = view.search(&self.query, self.k).map_err(vector::refused)?;
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

fn run(turn: &mut Turn<'_>, args: Args<'_>, _: &mut Reply) -> Result<Flow, CommandError> {
    let question = Question::parse(args)?;
    let Turn { session, holder, complete, spec } = turn;
    let name = args.get(1);
    let shard = holder.engine().shard_of(name);
    let back = session.back(spec, complete);
    if holder.try_hold_one(shard)? {
        let outcome =
            holder.run_one(shard, Bound::READ, |exec| exec.shard_at(shard).vector_view(name));
        let (view, receipt) = outcome?;
        let view = view?;
        holder.release();
        search(holder.engine(), question, view, back, receipt);
        return Ok(Flow::Pending);
    }
    let job = ViewJob {
        engine: holder.engine().clone(),
        name: name.into(),
        shards: ShardList::one(shard),
        question,
        view: None,
        back,
    };
    Ok(dispatch::post(holder, Box::new(job)))
}

/// Searches on the pool and sends the answer, or the pool's refusal.
fn search(engine: &Engine, question: Question, view: Arc<View>, back: Return, receipt: Receipt) {
    let parts = Arc::new(Mutex::new(Some((question, view, back))));
    let theirs = Arc::clone(&parts);
    let submitted = engine.search(Box::new(move || {
        let taken = theirs.lock().take();
        if let Some((question, view, mut back)) = taken {
            let outcome = question.answer(&view, &mut back.reply);
            back.send(outcome.map(|()| receipt));
        }
    }));
    if let Err(refusal) = submitted {
        let taken = parts.lock().take();
        if let Some((_, _, back)) = taken {
            back.send(Err(refusal.into()));
        }
    }
}

/// Takes the view when the shard's latch was not free.
struct ViewJob {
    engine: Engine,
    name: Box<[u8]>,
    shards: ShardList,
    question: Question,
    view: Option<Result<Arc<View>, CommandError>>,
    back: Return,
}

impl Job for ViewJob {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        Bound::READ
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        let view = exec.shard(&self.name).vector_view(&self.name);
        self.view = Some(view.map_err(CommandError::from));
        Progress::Done
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        let Self { engine, question, view, back, .. } = *self;
        match (outcome, view) {
            (Ok(receipt), Some(Ok(view))) => search(&engine, question, view, back, receipt),
            (Ok(_), Some(Err(error))) => back.send(Err(error)),
            (Ok(_), None) => back.send(Err(Refusal::Closed.into())),
            (Err(refusal), _) => back.send(Err(refusal.into())),
        }
    }
}
