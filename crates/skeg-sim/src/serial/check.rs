//! The verdict on a history.

use std::fmt;

use super::graph::{Because, Graph};
use super::history::{History, Token};
use super::versions::Orders;

/// Something that no strictly serialisable store shows. Transactions are named by their place in the
/// history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// The history itself is no use: a token was appended twice.
    NotUnique {
        /// The list.
        key: u64,
        /// The token.
        token: Token,
    },
    /// A token was read that nobody appended.
    Garbage {
        /// The list.
        key: u64,
        /// The token.
        token: Token,
    },
    /// A token of a transaction that was refused was read (G1a).
    Aborted {
        /// The list.
        key: u64,
        /// The token.
        token: Token,
    },
    /// A read ended within another's transaction (G1b).
    Intermediate {
        /// The reader.
        transaction: usize,
        /// The list.
        key: u64,
        /// The last token that it read.
        token: Token,
    },
    /// A transaction did not see its own appends, or saw a list change under it.
    Internal {
        /// The transaction.
        transaction: usize,
        /// The list.
        key: u64,
    },
    /// Two tokens were seen at the same place of a list.
    Incompatible {
        /// The list.
        key: u64,
        /// The place, from 1.
        place: usize,
        /// The tokens.
        tokens: [Token; 2],
    },
    /// A token stands in a list twice.
    Duplicate {
        /// The list.
        key: u64,
        /// The token.
        token: Token,
        /// Where, from 1.
        places: [usize; 2],
    },
    /// Transactions each of which came before the next, and the last before the first.
    Cycle(Vec<(usize, Because)>),
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Cycle(cycle) = self else { return write!(f, "{self:?}") };
        let overwritten =
            cycle.iter().filter(|(_, because)| *because == Because::WasOverwritten).count();
        let reads = cycle.iter().any(|(_, because)| *because == Because::Read);
        let name = match (overwritten, reads) {
            (0, false) => "G0",
            (0, true) => "G1c",
            (1, _) => "G-single",
            _ => "G2",
        };
        write!(f, "{name} cycle:")?;
        for (transaction, because) in cycle {
            write!(f, " {transaction} -{because}->")?;
        }
        write!(f, " {}", cycle.first().map_or(0, |(transaction, _)| *transaction))
    }
}

/// What a check has looked at and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Transactions of the history.
    pub transactions: usize,
    /// Dependencies between them, those of time not counted.
    pub edges: usize,
    /// Whatever is wrong.
    pub anomalies: Vec<Anomaly>,
}

/// Checks a history for strict serialisability, the order within connections included.
#[must_use]
pub fn check(history: &History) -> Checked {
    let orders = Orders::new(history);
    let graph = Graph::new(history, &orders);
    let mut anomalies = orders.anomalies;
    anomalies.extend(graph.cycles().into_iter().map(Anomaly::Cycle));
    Checked { transactions: history.transactions.len(), edges: graph.edges(), anomalies }
}

#[cfg(test)]
mod tests {
    use super::super::history::{Action, Fate, Transaction};
    use super::*;

    fn append(key: u64, token: Token) -> Action {
        Action::Append { key, token, place: None }
    }

    fn placed(key: u64, token: Token, place: usize) -> Action {
        Action::Append { key, token, place: Some(place) }
    }

    fn read(key: u64, tokens: &[Token]) -> Action {
        Action::Read { key, tokens: tokens.to_vec() }
    }

    /// Transactions that all overlap, each of its own connection.
    fn at_once(transactions: &[&[Action]]) -> History {
        let transaction = |(connection, actions): (usize, &&[Action])| Transaction {
            connection,
            begun: 0,
            ended: 100,
            fate: Fate::Done,
            actions: actions.to_vec(),
        };
        History { transactions: transactions.iter().enumerate().map(transaction).collect() }
    }

    /// One after the other in real time, each of its own connection.
    fn in_turn(transactions: &[&[Action]]) -> History {
        let mut history = at_once(transactions);
        for (number, transaction) in history.transactions.iter_mut().enumerate() {
            transaction.begun = 10 * number as u64;
            transaction.ended = transaction.begun + 5;
        }
        history
    }

    fn names(history: &History) -> Vec<String> {
        let name = |anomaly: &Anomaly| {
            let text = anomaly.to_string();
            text.split([' ', '{']).next().unwrap_or_default().to_owned()
        };
        check(history).anomalies.iter().map(name).collect()
    }

    #[test]
    fn good_histories_pass() {
        let (a, b) = (1, 2);
        let good = [
            at_once(&[
                &[append(a, 1)],
                &[append(a, 2), append(b, 3)],
                &[read(a, &[2, 1]), read(b, &[3])],
            ]),
            // Before and after the others, whatever the clock says while they overlap.
            at_once(&[&[append(a, 1)], &[read(a, &[])], &[read(a, &[1])]]),
            in_turn(&[
                &[append(a, 1), read(a, &[1])],
                &[read(a, &[1]), append(a, 2)],
                &[read(a, &[1, 2])],
            ]),
            // Write skew that is none: one saw the other.
            at_once(&[&[read(a, &[]), append(b, 1)], &[read(b, &[1]), append(a, 2)]]),
        ];
        for history in &good {
            assert_eq!(names(history), [""; 0], "{history:?}");
        }
        assert!(check(&good[0]).edges >= 3);
    }

    #[test]
    fn reads_that_contradict_each_other() {
        assert_eq!(
            names(&at_once(&[
                &[append(1, 1)],
                &[append(1, 2)],
                &[read(1, &[1, 2])],
                &[read(1, &[2])]
            ])),
            ["Incompatible"]
        );
        assert_eq!(names(&at_once(&[&[append(1, 1)], &[read(1, &[1, 1])]])), ["Duplicate"]);
        assert_eq!(names(&at_once(&[&[read(1, &[7])]])), ["Garbage"]);
        assert_eq!(names(&at_once(&[&[append(1, 7)], &[append(1, 7)]]))[0], "NotUnique");
    }

    #[test]
    fn two_appends_at_one_place() {
        // A lost update that nobody has read.
        let lost = at_once(&[&[placed(1, 1, 1)], &[placed(1, 2, 1)]]);
        assert_eq!(names(&lost), ["Incompatible"]);
    }

    #[test]
    fn transactions_in_part() {
        let half = at_once(&[&[append(1, 1), append(1, 2)], &[read(1, &[1])]]);
        assert!(names(&half).contains(&"Intermediate".to_owned()));
        let torn = at_once(&[&[append(1, 1), append(2, 2)], &[read(1, &[1]), read(2, &[])]]);
        assert_eq!(names(&torn), ["G-single"], "one list new, the other old");
    }

    #[test]
    fn aborted_reads_and_blind_transactions() {
        let mut aborted = at_once(&[&[append(1, 1)], &[read(1, &[1])]]);
        aborted.transactions[0].fate = Fate::Refused;
        assert!(names(&aborted).contains(&"Aborted".to_owned()));
        let unknown = {
            let mut history = aborted;
            history.transactions[0].fate = Fate::Unknown;
            history
        };
        assert_eq!(names(&unknown), [""; 0], "what nobody knows may have happened");
        assert_eq!(names(&at_once(&[&[append(1, 1), read(1, &[])]])), ["Internal"]);
        let changed = at_once(&[&[append(1, 1)], &[read(1, &[]), read(1, &[1])]]);
        assert!(names(&changed).contains(&"Internal".to_owned()));
    }

    #[test]
    fn write_skew_and_crossed_writes() {
        let skew = at_once(&[&[read(1, &[]), append(2, 1)], &[read(2, &[]), append(1, 2)]]);
        assert_eq!(names(&skew), ["G2"]);
        let crossed = at_once(&[
            &[append(1, 1), append(2, 2)],
            &[append(1, 3), append(2, 4)],
            &[read(1, &[1, 3])],
            &[read(2, &[4, 2])],
        ]);
        assert_eq!(names(&crossed), ["G0"]);
        let circular = at_once(&[&[append(1, 1), read(2, &[2])], &[append(2, 2), read(1, &[1])]]);
        assert_eq!(names(&circular), ["G1c"]);
    }

    #[test]
    fn stale_reads_in_real_time() {
        let stale = [[append(1, 1)], [read(1, &[])]];
        let stale: Vec<&[Action]> = stale.iter().map(<[Action; 1]>::as_slice).collect();
        assert_eq!(names(&at_once(&stale)), [""; 0]);
        let anomalies = check(&in_turn(&stale)).anomalies;
        assert_eq!(anomalies.len(), 1);
        assert!(anomalies[0].to_string().contains("-time->"), "{}", anomalies[0]);
    }

    #[test]
    fn a_connection_that_does_not_see_its_own_writes() {
        let mut history = at_once(&[&[append(1, 1)], &[read(1, &[])]]);
        history.transactions[1].connection = 0;
        let anomalies = check(&history).anomalies;
        assert_eq!(anomalies.len(), 1);
        assert!(anomalies[0].to_string().contains("-connection->"), "{}", anomalies[0]);
    }

    #[test]
    fn an_append_that_nobody_sees_though_it_was_answered() {
        let lost = in_turn(&[&[append(1, 1)], &[append(1, 2)], &[read(1, &[1])]]);
        assert_eq!(names(&lost).len(), 1, "{:?}", check(&lost));
    }
}
