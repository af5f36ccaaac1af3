//! Strings that are written to files of their own, part by part, before an operation gives them to a key: in one go
//! with it, or with whatever happens in between.
//!
//! May not know: where the files are.

use skeg_engine::{Engine, LogErrorKind, Refusal, WriteError, Writing};
use skeg_io::sync::{Arc, Mutex};

use crate::op::Op;

/// A string is written in so many parts, more or less.
const PARTS: usize = 3;

/// A string on its way to the disk.
pub(crate) struct Ahead {
    /// What gives it to a key.
    pub(crate) op: Op,
    /// Until it has begun, and when it has ended.
    writing: Option<Arc<Writing>>,
    /// The last one first.
    parts: Vec<Vec<u8>>,
}

impl Ahead {
    /// The string of an operation; `None` for one without.
    pub(crate) fn new(op: &Op) -> Option<Self> {
        let Op::SetWritten { value, .. } = op else { return None };
        let parts = value.chunks((value.len() / PARTS).max(1)).rev().map(<[u8]>::to_vec).collect();
        Some(Self { op: op.clone(), writing: None, parts })
    }

    /// Writes the next part, or ends it when there is none; `false`: it is all there.
    pub(crate) fn go_on(&mut self, engine: &Engine) -> Result<bool, Refusal> {
        let writing = match self.writing.take() {
            Some(writing) => writing,
            None => engine.begin_writing()?.expect("there is a disk"),
        };
        let Some(part) = self.parts.pop() else {
            let string = heard(|hear| engine.end_writing(&writing, hear))?;
            if let Op::SetWritten { written, .. } = &mut self.op {
                *written = Some(string);
            }
            return Ok(false);
        };
        heard(|hear| engine.write_part(&writing, part, hear))?;
        self.writing = Some(writing);
        Ok(true)
    }
}

/// What one is told at once, as there are no threads.
type Hear<T> = Box<dyn FnOnce(Result<T, WriteError>) + Send>;

fn heard<T: Send + 'static>(act: impl FnOnce(Hear<T>)) -> Result<T, Refusal> {
    let heard = Arc::new(Mutex::new(None));
    let to = Arc::clone(&heard);
    act(Box::new(move |told| *to.lock() = Some(told)));
    let told = heard.lock().take().expect("nobody else does it");
    told.map_err(|error| match error {
        WriteError::Refused(refusal) => refusal,
        WriteError::Failed { kind: LogErrorKind::Full, .. } => Refusal::NoSpace,
        _ => Refusal::Poisoned,
    })
}
