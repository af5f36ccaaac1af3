//! The consolidation of an index in parts: done when all parts are, with one voice.

use skeg_io::sync::{Arc, Mutex};

use super::{BuildProgress, ConsolidateDone, ConsolidateProgress};
use crate::error::VectorsError;

/// What the parts have in common.
pub(super) struct Joint(Arc<Mutex<State>>);

struct State {
    progress: ConsolidateProgress,
    /// How far each part is.
    told: Vec<BuildProgress>,
    /// Parts that are not over.
    left: usize,
    /// The first that went wrong.
    failed: Option<VectorsError>,
    /// Somebody was told to give up: so are all.
    given_up: bool,
    done: Option<ConsolidateDone>,
}

impl Joint {
    pub(super) fn new(parts: usize, progress: ConsolidateProgress, done: ConsolidateDone) -> Self {
        Self(Arc::new(Mutex::new(State {
            progress,
            told: vec![BuildProgress::default(); parts],
            left: parts,
            failed: None,
            given_up: false,
            done: Some(done),
        })))
    }

    /// What a part calls.
    pub(super) fn part(&self, part: usize) -> (ConsolidateProgress, ConsolidateDone) {
        let (told, over) = (Arc::clone(&self.0), Arc::clone(&self.0));
        let progress = Box::new(move |progress| told.lock().tell(part, progress));
        let done = Box::new(move |result| {
            let ended = over.lock().end(result);
            if let Some((done, result)) = ended {
                done(result);
            }
        });
        (progress, done)
    }
}

impl State {
    fn tell(&mut self, part: usize, progress: BuildProgress) -> bool {
        self.told[part] = progress;
        let mut all = self.told.iter().copied().reduce(BuildProgress::and).unwrap_or_default();
        // Parts that have not begun have about as many rows as the others.
        let begun = self.told.iter().filter(|part| part.rows > 0).count().max(1);
        all.rows = all.rows * self.told.len() as u64 / begun as u64;
        self.given_up |= self.failed.is_some() || !(self.progress)(all);
        !self.given_up
    }

    /// A part is over; at the last one, whom to tell what.
    fn end(
        &mut self,
        result: Result<(), VectorsError>,
    ) -> Option<(ConsolidateDone, Result<(), VectorsError>)> {
        self.left -= 1;
        self.failed = self.failed.take().or(result.err());
        if self.left > 0 {
            return None;
        }
        let result = self.failed.take().map_or(Ok(()), Err);
        self.done.take().map(|done| (done, result))
    }
}
