//! The gate: where the first thread accepts connections and decides which thread serves them.

use std::io::{ErrorKind, Write};

use mio::Registry;

use crate::event_loop::listener_token;
use crate::listener::{Listener, is_shortage};
use crate::spread::Conductor;
use crate::stats::Stats;
use crate::stream::Stream;

/// Connections that one turn accepts at most.
const TURN_ACCEPTS_MAX: usize = 256;
/// What a client reads that is one too many. Redis's text.
const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

/// What the first thread has beside its connections.
#[derive(Debug)]
pub(crate) struct Gate {
    listeners: Vec<Listener>,
    pub(crate) conductor: Conductor,
    /// Connections may wait that no event will report again.
    pub(crate) more: bool,
    /// Accepting failed for want of something; it is tried again with the next tick.
    pub(crate) short: bool,
}

impl Gate {
    pub(crate) fn new(
        mut listeners: Vec<Listener>,
        registry: &Registry,
        threads_max: usize,
    ) -> std::io::Result<Self> {
        for (index, listener) in listeners.iter_mut().enumerate() {
            listener.register(registry, listener_token(index))?;
        }
        Ok(Self { listeners, conductor: Conductor::new(threads_max), more: false, short: false })
    }

    /// How many listeners there are.
    pub(crate) fn listeners(&self) -> usize {
        self.listeners.len()
    }

    /// Accepts what waits at one listener, or at all.
    pub(crate) fn accept(
        &mut self,
        only: Option<usize>,
        stats: &Stats,
        clients_max: u64,
    ) -> Vec<Stream> {
        let mut streams = Vec::new();
        for (index, listener) in self.listeners.iter().enumerate() {
            if only.is_some_and(|only| only != index) {
                continue;
            }
            for count in 0.. {
                if count == TURN_ACCEPTS_MAX {
                    self.more = true;
                    break;
                }
                match listener.accept() {
                    Ok(stream) if stats.admit(clients_max) => streams.push(stream),
                    Ok(stream) => turn_away(stream),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => {
                        // Anything else concerns the one connection that is gone already.
                        if is_shortage(&error) {
                            self.short = true;
                            break;
                        }
                    }
                }
            }
        }
        streams
    }
}

/// Tells a client that there are too many. It fits into an empty socket buffer, or is not worth more.
fn turn_away(mut stream: Stream) {
    let _ = stream.write(TOO_MANY);
    stream.finish();
}
