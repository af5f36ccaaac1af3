//! In which order the appends to each list took effect.
//!
//! Invariant: an order is made only from what was seen; two sightings that contradict each other are
//! an anomaly, never a choice.

use std::collections::BTreeMap;

use super::check::Anomaly;
use super::history::{Action, Fate, History, Token};

/// The order of one list, and who read which length of it.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// Place to token; places nobody has seen are missing.
    pub(super) order: BTreeMap<usize, Token>,
    /// Appended by transactions that are done, with a place nobody knows: behind all that was read.
    pub(super) unseen: Vec<usize>,
    /// Readers: transaction and length.
    pub(super) reads: Vec<(usize, usize)>,
}

/// Who appended a token, and whether the list could rest there: it is the last that the transaction
/// appended to this list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer {
    pub(super) transaction: usize,
    last: bool,
}

/// What follows from all reads and appends.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) lists: BTreeMap<u64, Versions>,
    pub(super) writers: BTreeMap<(u64, Token), Writer>,
    pub(super) anomalies: Vec<Anomaly>,
}

impl Orders {
    pub(super) fn new(history: &History) -> Self {
        let mut orders = Self::default();
        orders.find_writers(history);
        for (number, transaction) in history.transactions.iter().enumerate() {
            if transaction.fate == Fate::Done {
                orders.check_within(number, &transaction.actions);
                orders.find_places(number, &transaction.actions);
            }
        }
        orders.find_unseen(history);
        orders
    }

    fn complain(&mut self, anomaly: Anomaly) {
        self.anomalies.push(anomaly);
    }

    fn find_writers(&mut self, history: &History) {
        for (number, transaction) in history.transactions.iter().enumerate() {
            let mut own: BTreeMap<u64, Token> = BTreeMap::new();
            for action in &transaction.actions {
                let Action::Append { key, token, .. } = action else { continue };
                if let Some(before) = own.insert(*key, *token)
                    && let Some(writer) = self.writers.get_mut(&(*key, before))
                {
                    writer.last = false;
                }
                let writer = Writer { transaction: number, last: true };
                if self.writers.insert((*key, *token), writer).is_some() {
                    self.complain(Anomaly::NotUnique { key: *key, token: *token });
                }
            }
        }
    }

    /// A transaction sees its own appends, and nothing changes under it.
    fn check_within(&mut self, number: usize, actions: &[Action]) {
        let mut known: BTreeMap<u64, Vec<Token>> = BTreeMap::new();
        let mut own: BTreeMap<u64, Vec<Token>> = BTreeMap::new();
        for action in actions {
            match action {
                Action::Append { key, token, .. } => {
                    own.entry(*key).or_default().push(*token);
                    if let Some(list) = known.get_mut(key) {
                        list.push(*token);
                    }
                }
                Action::Read { key, tokens } => {
                    let fits = match known.get(key) {
                        Some(list) => list == tokens,
                        None => own.get(key).is_none_or(|own| tokens.ends_with(own)),
                    };
                    if !fits {
                        self.complain(Anomaly::Internal { transaction: number, key: *key });
                    }
                    known.insert(*key, tokens.clone());
                }
            }
        }
    }

    fn find_places(&mut self, number: usize, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Append { key, token, place: Some(place) } => self.see(*key, *place, *token),
                Action::Append { .. } => {}
                Action::Read { key, tokens } => {
                    for (index, token) in tokens.iter().enumerate() {
                        self.see(*key, index + 1, *token);
                    }
                    self.check_source(number, *key, tokens.last().copied());
                    let versions = self.lists.entry(*key).or_default();
                    versions.reads.push((number, tokens.len()));
                }
            }
        }
    }

    /// A token was seen at a place.
    fn see(&mut self, key: u64, place: usize, token: Token) {
        // The first sighting counts, so that one contradiction is reported as one.
        let known = *self.lists.entry(key).or_default().order.entry(place).or_insert(token);
        if known != token {
            self.complain(Anomaly::Incompatible { key, place, tokens: [known, token] });
        } else if !self.writers.contains_key(&(key, token)) {
            self.complain(Anomaly::Garbage { key, token });
        }
    }

    /// A read may end only where some other transaction has ended its appends.
    fn check_source(&mut self, reader: usize, key: u64, last: Option<Token>) {
        let Some(token) = last else { return };
        let Some(writer) = self.writers.get(&(key, token)) else { return };
        if writer.transaction != reader && !writer.last {
            self.complain(Anomaly::Intermediate { transaction: reader, key, token });
        }
    }

    fn find_unseen(&mut self, history: &History) {
        let mut seen: BTreeMap<(u64, Token), usize> = BTreeMap::new();
        for (key, versions) in &self.lists {
            for (place, token) in &versions.order {
                if let Some(other) = seen.insert((*key, *token), *place) {
                    let places = [other, *place];
                    self.anomalies.push(Anomaly::Duplicate { key: *key, token: *token, places });
                }
            }
        }
        for (number, transaction) in history.transactions.iter().enumerate() {
            for action in &transaction.actions {
                let Action::Append { key, token, .. } = action else { continue };
                match (transaction.fate, seen.contains_key(&(*key, *token))) {
                    (Fate::Refused, true) => {
                        self.complain(Anomaly::Aborted { key: *key, token: *token });
                    }
                    (Fate::Done, false) => {
                        self.lists.entry(*key).or_default().unseen.push(number);
                    }
                    _ => {}
                }
            }
        }
    }
}
