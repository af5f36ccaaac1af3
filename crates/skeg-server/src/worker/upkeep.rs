//! What a serving thread does beside serving: ten times a second it looks at its load and its silent
//! connections; the first thread accepts, and decides who serves what.

use skeg_io::sync::atomic::Ordering;

use super::{Window, Worker};
use crate::address::{Inbox, Message};
use crate::connection::{Connection, OutputLimits};
use crate::slab::Place;
use crate::spread::{Decision, Load};
use crate::stats::ThreadStats;

/// The whole load, in thousandths.
const ALL: u32 = 1_000;

impl Worker {
    /// Gives connections with about this share of the load to another thread.
    pub(super) fn give(&mut self, to: usize, share: u32) {
        let Some(target) = self.shared.hub.inbox(to).cloned() else { return };
        if self.deadline_ns.is_some() {
            return;
        }
        let weight = |connection: &Connection| u64::from(connection.window_commands) + 1;
        let total: u64 = self.connections.iter_mut().map(|(_, c)| weight(c)).sum();
        let wanted = total * u64::from(share) / 1_000;
        let mut given = 0;
        let mut places = Vec::new();
        for (place, connection) in self.connections.iter_mut() {
            // Not more than asked for; all that can go, if all was asked for.
            if connection.may_move() && given + weight(connection) <= wanted {
                given += weight(connection);
                places.push(place);
            }
        }
        for place in places {
            self.hand_on(place, &target);
        }
        // A command that has been queued comes back here: its connection follows then.
        self.leaving = (share == ALL && self.connections.len() > 0).then_some(target);
    }

    /// Gives a connection whose command is over to the thread that gets all of them, if one does.
    pub(super) fn leave(&mut self, place: Place) {
        if let Some(target) = self.leaving.clone()
            && self.connections.get_mut(place).is_some_and(|connection| connection.may_move())
        {
            self.hand_on(place, &target);
        }
    }

    fn hand_on(&mut self, place: Place, target: &Inbox) {
        let Some(mut connection) = self.connections.remove(place) else { return };
        let _ = mio::event::Source::deregister(&mut connection.stream, &self.registry);
        target.send(Message::Adopt(connection));
    }

    /// What is done ten times a second.
    pub(super) fn tick(&mut self) {
        let now_ns = self.tools.now_ns;
        let elapsed_ns = (now_ns - self.window.since_ns).max(1);
        let cpu_ns = skeg_io::thread_cpu_ns();
        let busy = (cpu_ns.saturating_sub(self.window.cpu_ns) * 1_000 / elapsed_ns) as u32;
        let commands = self.tools.commands - self.window.commands;
        self.window = Window { since_ns: now_ns, cpu_ns, commands: self.tools.commands };

        let idle_ns = self.shared.context.config().idle_timeout_s() * 1_000_000_000;
        let limits = OutputLimits::of(self.shared.context.config());
        self.tools.output_limits = limits;
        let mut active = 0;
        let mut over = Vec::new();
        for (place, connection) in self.connections.iter_mut() {
            active += u32::from(connection.window_commands > 0);
            connection.end_window(&self.tools);
            if connection.is_overdue(now_ns, idle_ns, &limits) {
                over.push(place);
            }
        }
        over.into_iter().for_each(|place| self.close(place));
        self.stats().set_load(Load { busy, commands, active });
        self.conduct();
    }

    /// The first thread: accepts again what could not be accepted, and spreads the load.
    fn conduct(&mut self) {
        let Some(gate) = &mut self.gate else { return };
        gate.more |= std::mem::take(&mut gate.short);
        let stats = &self.shared.hub.stats;
        let loads: Vec<Load> = stats.threads.iter().map(ThreadStats::load).collect();
        let (from, to, share) = match gate.conductor.observe(&loads) {
            Some(Decision::Move { from, to, share }) => (from, to, share),
            Some(Decision::Empty { from, to }) => (from, to, ALL),
            None => return,
        };
        // Without another thread everything stays where it is, and the trial finds no gain.
        if self.shared.start_thread(to, Vec::new()).is_ok()
            && let Some(inbox) = self.shared.hub.inbox(from)
        {
            inbox.send(Message::Give { to, share });
        }
    }

    pub(super) fn accept(&mut self, only: Option<usize>) {
        let Some(gate) = &mut self.gate else { return };
        let hub = &self.shared.hub;
        let streams = gate.accept(only, &hub.stats, self.shared.context.config().clients_max());
        let threads = gate.conductor.threads();
        for stream in streams {
            let fewest = (0..threads).min_by_key(|thread| {
                hub.stats.threads[*thread].connections.load(Ordering::Relaxed)
            });
            match fewest.filter(|thread| *thread != self.number).and_then(|n| hub.inbox(n)) {
                Some(inbox) => inbox.send(Message::Serve(stream)),
                None => self.messages.push(Message::Serve(stream)),
            }
        }
    }

    pub(super) fn publish(&self) {
        let stats = self.stats();
        stats.commands.store(self.tools.commands, Ordering::Relaxed);
        stats.bytes_in.store(self.tools.bytes_in, Ordering::Relaxed);
        stats.bytes_out.store(self.tools.bytes_out, Ordering::Relaxed);
        stats.reads.store(self.tools.reads, Ordering::Relaxed);
        stats.writes.store(self.tools.writes, Ordering::Relaxed);
        stats.connections.store(self.connections.len() as u64, Ordering::Relaxed);
    }
}
