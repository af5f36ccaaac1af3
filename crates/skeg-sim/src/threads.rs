//! Operations of real threads: in place when the latches are free, else as a job that is waited for.
//!
//! May not know: what the operations are for.

use std::sync::mpsc;

use skeg_engine::{Bound, Drain, Engine, Exec, Holder, Job, Progress, Receipt, Refusal, ShardList};
use skeg_io::sync::{Arc, Mutex};

use crate::op::{Observed, Op};

/// Runs an operation as the thread of a server does.
pub(crate) fn execute(
    engine: &Engine,
    drain: Drain,
    op: &Op,
) -> Result<(Observed, Receipt), Refusal> {
    let (shards, bound) = (op.shards(engine), op.bound(engine));
    let mut holder = Holder::new(engine, drain);
    if holder.try_hold(&shards)? {
        match holder.run(&shards, bound, |exec| op.run(exec, None)) {
            Err(Refusal::Wait) => {}
            other => return other,
        }
    }
    let (sender, over) = mpsc::channel();
    let observed = Arc::new(Mutex::new(None));
    let for_job = Arc::clone(&observed);
    let job = Posted { op: op.clone(), shards, bound, observed: for_job, over: sender };
    holder.post(Box::new(job)).map_err(|(_, refusal)| refusal)?;
    let receipt = over.recv().map_err(|_| Refusal::Closed)??;
    let observed = observed.lock().take();
    Ok((observed.expect("a job that is done has run"), receipt))
}

struct Posted {
    op: Op,
    shards: ShardList,
    bound: Bound,
    observed: Arc<Mutex<Option<Observed>>>,
    over: mpsc::Sender<Result<Receipt, Refusal>>,
}

impl Job for Posted {
    fn shards(&self) -> &ShardList {
        &self.shards
    }

    fn bound(&self) -> Bound {
        self.bound
    }

    fn run(&mut self, exec: &mut Exec<'_>) -> Progress {
        *self.observed.lock() = Some(self.op.run(exec, None));
        Progress::Done
    }

    fn done(self: Box<Self>, outcome: Result<Receipt, Refusal>) {
        // Whoever waited may be gone; then nobody wants to know.
        let _ = self.over.send(outcome);
    }
}
