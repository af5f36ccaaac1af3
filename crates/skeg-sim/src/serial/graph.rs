//! Dependencies between transactions, and the cycles among them.
//!
//! Real time is not an edge for every pair: that would be a square of them. Instead moments are nodes
//! too: a transaction leads to the moment after its end, a moment to the next one, and a moment to
//! every transaction that begins behind it.
//!
//! Invariant: an edge from one transaction to another means that the first took effect before.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use super::history::{Fate, History};
use super::versions::Orders;

/// Why one came before the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// The second appended behind what the first had appended.
    Overwrote,
    /// The second read what the first had appended.
    Read,
    /// The first read what the second then appended to.
    WasOverwritten,
    /// The same connection sent the first before the second.
    Connection,
    /// The first was answered before the second was sent.
    Time,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overwrote => "ww",
            Self::Read => "wr",
            Self::WasOverwritten => "rw",
            Self::Connection => "connection",
            Self::Time => "time",
        })
    }
}

/// A step of a cycle: from this transaction to the next, for this reason.
pub(super) type Cycle = Vec<(usize, Because)>;

/// Nodes below the number of transactions are transactions, the others are moments.
#[derive(Debug)]
pub(super) struct Graph {
    transactions: usize,
    edges: Vec<Vec<(usize, Because)>>,
    count: usize,
}

impl Graph {
    pub(super) fn new(history: &History, orders: &Orders) -> Self {
        let transactions = history.transactions.len();
        let mut graph = Self { transactions, edges: vec![Vec::new(); transactions], count: 0 };
        graph.add_lists(orders);
        graph.add_connections(history);
        graph.add_time(history);
        graph
    }

    /// Edges between transactions.
    pub(super) fn edges(&self) -> usize {
        self.count
    }

    fn add(&mut self, from: usize, to: usize, because: Because) {
        if from != to {
            self.edges[from].push((to, because));
            self.count += usize::from(because != Because::Time);
        }
    }

    fn add_lists(&mut self, orders: &Orders) {
        for (key, versions) in &orders.lists {
            let writer = |place: usize| {
                let token = versions.order.get(&place)?;
                orders.writers.get(&(*key, *token)).map(|writer| writer.transaction)
            };
            let longest = versions.order.keys().next_back().copied().unwrap_or(0);
            let mut before: Option<usize> = None;
            for &place in versions.order.keys() {
                let Some(now) = writer(place) else { continue };
                if let Some(before) = before {
                    self.add(before, now, Because::Overwrote);
                }
                before = Some(now);
            }
            for &unseen in &versions.unseen {
                if let Some(before) = before {
                    self.add(before, unseen, Because::Overwrote);
                }
            }
            for &(reader, length) in &versions.reads {
                if let Some(source) = writer(length) {
                    self.add(source, reader, Because::Read);
                }
                // The next that is known is at least as late as the next there was.
                let next = versions.order.range(length + 1..).next();
                if let Some(next) = next.and_then(|(place, _)| writer(*place)) {
                    self.add(reader, next, Because::WasOverwritten);
                }
                if length == longest {
                    for &unseen in &versions.unseen {
                        self.add(reader, unseen, Because::WasOverwritten);
                    }
                }
            }
        }
    }

    fn add_connections(&mut self, history: &History) {
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        for (number, transaction) in history.transactions.iter().enumerate() {
            if transaction.fate == Fate::Done
                && let Some(before) = last.insert(transaction.connection, number)
            {
                self.add(before, number, Because::Connection);
            }
        }
    }

    fn add_time(&mut self, history: &History) {
        // Ends before beginnings at the same moment would order what may have overlapped.
        let mut moments: Vec<(u64, bool, usize)> = Vec::new();
        for (number, transaction) in history.transactions.iter().enumerate() {
            if transaction.fate != Fate::Refused {
                moments.push((transaction.begun, false, number));
            }
            if transaction.fate == Fate::Done {
                moments.push((transaction.ended, true, number));
            }
        }
        moments.sort_unstable();
        let mut last: Option<usize> = None;
        for (_, is_end, number) in moments {
            if is_end {
                let moment = self.edges.len();
                self.edges.push(Vec::new());
                self.add(number, moment, Because::Time);
                if let Some(last) = last {
                    self.add(last, moment, Because::Time);
                }
                last = Some(moment);
            } else if let Some(last) = last {
                self.add(last, number, Because::Time);
            }
        }
    }

    /// A short cycle of each group of transactions that depend on each other in both directions.
    pub(super) fn cycles(&self) -> Vec<Cycle> {
        let groups = self.groups();
        let mut group_of = vec![usize::MAX; self.edges.len()];
        for (number, group) in groups.iter().enumerate() {
            group.iter().for_each(|&node| group_of[node] = number);
        }
        let cyclic = groups.iter().filter(|group| group.len() > 1);
        cyclic.filter_map(|group| self.shortest_cycle(group, &group_of)).collect()
    }

    /// Strongly connected components (Tarjan 1972), without recursion.
    fn groups(&self) -> Vec<Vec<usize>> {
        const NEW: usize = usize::MAX;
        let mut index = vec![NEW; self.edges.len()];
        let mut low = vec![0; self.edges.len()];
        let mut on_stack = vec![false; self.edges.len()];
        let (mut stack, mut groups, mut next) = (Vec::new(), Vec::new(), 0);
        for root in 0..self.edges.len() {
            if index[root] != NEW {
                continue;
            }
            let mut path = vec![(root, 0)];
            while let Some((node, edge)) = path.last_mut() {
                let node = *node;
                if *edge == 0 {
                    (index[node], low[node]) = (next, next);
                    next += 1;
                    stack.push(node);
                    on_stack[node] = true;
                }
                if let Some(&(to, _)) = self.edges[node].get(*edge) {
                    *edge += 1;
                    if index[to] == NEW {
                        path.push((to, 0));
                    } else if on_stack[to] {
                        low[node] = low[node].min(index[to]);
                    }
                    continue;
                }
                path.pop();
                if let Some((above, _)) = path.last() {
                    low[*above] = low[*above].min(low[node]);
                }
                if low[node] == index[node] {
                    let mut group = Vec::new();
                    while let Some(member) = stack.pop() {
                        on_stack[member] = false;
                        group.push(member);
                        if member == node {
                            break;
                        }
                    }
                    groups.push(group);
                }
            }
        }
        groups
    }

    /// The shortest cycle through some transaction of the group.
    fn shortest_cycle(&self, group: &[usize], group_of: &[usize]) -> Option<Cycle> {
        const STARTS_MAX: usize = 50;
        let starts = group.iter().copied().filter(|node| *node < self.transactions);
        let found = starts.take(STARTS_MAX).filter_map(|start| self.way_back(start, group_of));
        found.min_by_key(Vec::len)
    }

    fn way_back(&self, start: usize, group_of: &[usize]) -> Option<Cycle> {
        let mut came: BTreeMap<usize, (usize, Because)> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for &(to, because) in &self.edges[node] {
                if group_of[to] != group_of[start] || came.contains_key(&to) {
                    continue;
                }
                came.insert(to, (node, because));
                if to == start {
                    return Some(self.path(start, &came));
                }
                queue.push_back(to);
            }
        }
        None
    }

    /// The way that was come, with moments left out.
    fn path(&self, start: usize, came: &BTreeMap<usize, (usize, Because)>) -> Cycle {
        let mut cycle = Vec::new();
        let (mut node, mut because) = came[&start];
        loop {
            if node < self.transactions {
                cycle.push((node, because));
            }
            if node == start {
                break;
            }
            let (before, reason) = came[&node];
            // A way through moments is one step of time.
            because = if node < self.transactions { reason } else { Because::Time };
            node = before;
        }
        cycle.reverse();
        cycle
    }
}
