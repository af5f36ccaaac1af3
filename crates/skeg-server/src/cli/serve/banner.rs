//! What a server says when it is ready: a banner on a terminal, and one line for scripts.
//!
//! The line is an interface: `skeg ready on <addresses>`, then `name=value` pairs, the path last.

use std::time::Duration;

use crate::cli::amounts::{bytes, grouped, time};
use crate::config::{Durability, ServeOptions, SyncTiming};

/// What opening and binding gave.
#[derive(Debug)]
pub(super) struct Facts {
    /// Addresses and the socket's path, as clients name them.
    pub(super) addresses: Vec<String>,
    pub(super) pid: u32,
    pub(super) shards: u16,
    pub(super) threads_max: usize,
    pub(super) keys: u64,
    /// Bytes of log that were read.
    pub(super) recovered_bytes: u64,
    pub(super) recovery: Duration,
    /// The database was made by this start.
    pub(super) created: bool,
    /// The data directory as an absolute path; none for memory.
    pub(super) directory: Option<String>,
}

/// The line that scripts wait for.
pub(super) fn ready_line(facts: &Facts) -> String {
    format!(
        "skeg ready on {} version={} pid={} keys={} recovery_ms={} data={}\n",
        facts.addresses.join(","),
        env!("CARGO_PKG_VERSION"),
        facts.pid,
        facts.keys,
        facts.recovery.as_millis(),
        facts.directory.as_deref().unwrap_or("(memory)"),
    )
}

/// The banner for people.
pub(super) fn banner(facts: &Facts, options: &ServeOptions, colours: bool) -> String {
    let (bold, dim, plain) = if colours { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    let data = match &facts.directory {
        None => "in memory only; nothing survives a stop".into(),
        Some(path) if facts.created => format!("{path} (new)"),
        Some(path) => format!(
            "{path} ({} keys, {} of log read in {})",
            grouped(facts.keys),
            bytes(facts.recovered_bytes),
            time(facts.recovery)
        ),
    };
    let durability = match (options.durability, options.sync) {
        (_, _) if facts.directory.is_none() => "none",
        (Durability::Memory, _) => "memory: acknowledged when applied, synced within a second",
        (Durability::Kernel, SyncTiming::Never) => "kernel: survives kill -9; never synced unasked",
        (Durability::Kernel, _) => "kernel: survives kill -9, synced within a second",
        (Durability::Disk, _) => "disk: survives power loss",
    };
    let threads = match facts.threads_max {
        1 => "1 serving thread".into(),
        count => format!("up to {count} serving threads"),
    };
    let rows = [
        ("listening", facts.addresses.join(", ")),
        ("data", data),
        ("durability", durability.into()),
        ("shards", format!("{}, {threads}", facts.shards)),
        ("stop", "Ctrl-C".into()),
    ];
    let mut text = format!(
        "\n  {bold}skeg {}{plain}  {dim}pid {}{plain}\n\n",
        env!("CARGO_PKG_VERSION"),
        facts.pid
    );
    for (name, value) in rows {
        text.push_str(&format!("  {dim}{name:<11}{plain} {value}\n"));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            addresses: vec!["127.0.0.1:6379".into(), "/run/skeg.sock".into()],
            pid: 7,
            shards: 16,
            threads_max: 2,
            keys: 1_234_567,
            recovered_bytes: 3 << 20,
            recovery: Duration::from_millis(35),
            created: false,
            directory: Some("/srv/my data".into()),
        }
    }

    #[test]
    fn the_ready_line_is_one_line_for_scripts() {
        let line = ready_line(&facts());
        let start = "skeg ready on 127.0.0.1:6379,/run/skeg.sock version=";
        assert!(line.starts_with(start), "{line}");
        assert!(line.ends_with(" pid=7 keys=1234567 recovery_ms=35 data=/srv/my data\n"), "{line}");
    }

    #[test]
    fn the_banner_says_what_there_is() {
        let text = banner(&facts(), &ServeOptions::default(), false);
        assert!(text.contains("1,234,567 keys, 3.0 MiB of log read in 35 ms"), "{text}");
        assert!(text.contains("survives kill -9, synced within a second"), "{text}");
        let memory = Facts { directory: None, ..facts() };
        assert!(banner(&memory, &ServeOptions::default(), false).contains("in memory only"));
    }
}
