//! A bar on standard error while much is done: only on a terminal, only when it takes a while.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::cli::amounts::{bytes, counted};

/// Nothing is shown of what is done before this.
const PATIENCE: Duration = Duration::from_millis(400);
/// Time between two pictures.
const PAUSE: Duration = Duration::from_millis(100);
const CELLS: u64 = 24;

type Amount = fn(u64) -> String;

/// The bar. It is wiped away when dropped.
#[derive(Debug)]
pub(in crate::cli) struct Progress {
    what: &'static str,
    /// How amounts are written.
    amount: Amount,
    is_terminal: bool,
    /// When the present pass began.
    started: Cell<Instant>,
    shown: Cell<Option<Instant>>,
    done: Cell<u64>,
}

impl Progress {
    /// A bar for something that is called `what` and is done byte by byte.
    pub(in crate::cli) fn new(what: &'static str) -> Self {
        Self::of(what, bytes)
    }

    /// One for something that is done row by row.
    pub(in crate::cli) fn of_rows(what: &'static str) -> Self {
        Self::of(what, |rows| counted(rows, "row"))
    }

    fn of(what: &'static str, amount: Amount) -> Self {
        Self {
            what,
            amount,
            is_terminal: std::io::stderr().is_terminal(),
            started: Cell::new(Instant::now()),
            shown: Cell::new(None),
            done: Cell::new(0),
        }
    }

    /// Bytes or rows done, of how many. Less than before begins another pass.
    pub(in crate::cli) fn tell(&self, done: u64, total: u64) {
        if !self.is_terminal || total == 0 {
            return;
        }
        let now = Instant::now();
        if done < self.done.replace(done) {
            self.started.set(now);
        }
        let since = self.shown.get().unwrap_or(self.started.get() + PATIENCE - PAUSE);
        if now.saturating_duration_since(since) < PAUSE {
            return;
        }
        self.shown.set(Some(now));
        let line = line(self.what, self.amount, done, total, now - self.started.get());
        // Nobody is there to see it when that fails.
        let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.get().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(what: &str, amount: Amount, done: u64, total: u64, elapsed: Duration) -> String {
    let done = done.min(total);
    let part = |of: u64| (u128::from(done) * u128::from(of) / u128::from(total.max(1))) as u64;
    let filled = part(CELLS) as usize;
    let bar = format!("{}{}", "#".repeat(filled), "-".repeat(CELLS as usize - filled));
    let rate = done as f64 / elapsed.as_secs_f64().max(1e-3);
    let left = seconds(((total - done) as f64 / rate.max(1.0)).ceil() as u64);
    let (percent, done, total) = (part(100), amount(done), amount(total));
    format!("{what} [{bar}] {percent} %  {done} of {total}  {}/s  {left} left", amount(rate as u64))
}

/// So many seconds, no more exactly than anybody wants to know.
fn seconds(count: u64) -> String {
    match count {
        0..100 => format!("{count} s"),
        100..6_000 => format!("{} min", count.div_ceil(60)),
        _ => format!("{} h", count.div_ceil(3_600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_says_how_far_how_fast_and_how_long() {
        let half = line("checking", bytes, 1 << 30, 2 << 30, Duration::from_secs(4));
        let expected = "checking [############------------] 50 %  1.0 GiB of 2.0 GiB  \
                        256.0 MiB/s  4 s left";
        assert_eq!(half, expected);
        let rows = line("linking", |rows| counted(rows, "row"), 500, 2_000, Duration::from_secs(1));
        assert!(rows.ends_with("25 %  500 rows of 2,000 rows  500 rows/s  3 s left"), "{rows}");
        assert_eq!([99, 101, 7_000].map(seconds), ["99 s", "2 min", "2 h"]);
        assert!(line("x", bytes, 0, 0, Duration::ZERO).contains(" 0 %"));
        assert!(line("x", bytes, u64::MAX, u64::MAX, Duration::ZERO).contains("100 %"));
        assert!(line("x", bytes, 5, 3, Duration::ZERO).contains("3 bytes of 3 bytes"));
    }
}
