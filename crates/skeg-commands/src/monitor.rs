//! MONITOR: the commands that clients run, one line each, to whoever asked for them.
//!
//! A command is shown when it has run, or when it begins to wait; under the latches that it ran on, so
//! lines about one key are in the order of its changes. A line says that a command ran, not that what it
//! did survives a crash: it waits for no epoch. Lines that nobody reads are bounded as messages of PUBLISH.
//!
//! While nobody monitors it costs nothing: whoever monitors has every command timed (`timing.rs`), and a
//! timed command looks here.

use std::fmt::Write;

use skeg_io::sync::atomic::{AtomicUsize, Ordering};
use skeg_io::sync::{Arc, Mutex};
use skeg_proto::Args;

use crate::clients::{Client, Incoming, Origin};
use crate::cx::Cx;
use crate::parse::is_word;
use crate::spec::{Flags, Spec};

/// Those who monitor.
#[derive(Debug, Default)]
pub(crate) struct Monitors {
    clients: Mutex<Vec<Arc<Client>>>,
    /// How many: written under the lock, read without.
    count: AtomicUsize,
}

impl Monitors {
    /// Adds or removes one.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Vec<Arc<Client>>)) {
        let mut clients = self.clients.lock();
        change(&mut clients);
        self.count.store(clients.len(), Ordering::SeqCst);
    }

    /// Whether nobody monitors.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Shows the command that `cx` is about.
    pub(crate) fn show(&self, cx: &Cx<'_>, args: Args<'_>) {
        self.show_all(self.line(cx, args));
    }

    /// The line of a command; `None`: nobody is to see it.
    pub(crate) fn line(&self, cx: &Cx<'_>, args: Args<'_>) -> Option<Arc<str>> {
        let is_hidden = cx.spec.flags.has(Flags::ADMIN) || cx.spec.flags.has(Flags::SKIP_MONITOR);
        if self.is_empty() || is_hidden {
            return None;
        }
        Some(line(cx.engine().now_ms(), cx.db(), cx.client.origin(), cx.spec, args).into())
    }

    /// Shows lines, in their order.
    pub(crate) fn show_all(&self, lines: impl IntoIterator<Item = Arc<str>>) {
        for line in lines {
            for client in &*self.clients.lock() {
                client.hand(Incoming::Command(Arc::clone(&line)));
            }
        }
    }
}

/// `1700000000.123000 [0 127.0.0.1:50000] "get" "key"`.
fn line(now_ms: u64, db: u8, origin: &Origin, spec: &Spec, args: Args<'_>) -> String {
    let mut text = String::with_capacity(64 + args.payload_bytes());
    let (seconds, micros) = (now_ms / 1_000, now_ms % 1_000 * 1_000);
    let kind = if origin.is_unix { "unix:" } else { "" };
    let address = match origin.address.strip_suffix(":0") {
        Some(path) if origin.is_unix => path,
        _ => &origin.address,
    };
    // Writing to a string cannot fail.
    let _ = write!(text, "{seconds}.{micros:06} [{db} {kind}{address}]");
    for (index, arg) in args.iter().enumerate() {
        text.push_str(" \"");
        write_escaped(&mut text, if is_secret(spec, args, index) { b"(redacted)" } else { arg });
        text.push('"');
    }
    text
}

/// Whether it is a password, or the name beside it.
fn is_secret(spec: &Spec, args: Args<'_>, index: usize) -> bool {
    let follows_auth = |back| index > back && is_word(args.get(index - back), "AUTH");
    spec.name == "hello" && (follows_auth(1) || follows_auth(2))
}

/// The bytes as they stand between double quotes.
fn write_escaped(text: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;
    use skeg_proto::ArgsBuf;

    fn shown(origin: &Origin, words: &[&[u8]]) -> String {
        let mut args = ArgsBuf::new();
        words.iter().for_each(|word| args.push(word));
        let id = table::find(words[0]).expect("a command");
        line(1_700_000_000_123, 3, origin, id.spec(), args.as_args())
    }

    #[test]
    fn lines_are_as_redis_writes_them() {
        let tcp = Origin { address: "127.0.0.1:50000".into(), ..Origin::default() };
        assert_eq!(
            shown(&tcp, &[b"SET", b"k\"\\", b"\r\n\t\x07\x08\x00\xff ~"]),
            r#"1700000000.123000 [3 127.0.0.1:50000] "SET" "k\"\\" "\r\n\t\a\b\x00\xff ~""#
        );
        let unix = Origin { address: "/run/skeg:0".into(), is_unix: true, ..Origin::default() };
        assert_eq!(shown(&unix, &[b"ping"]), r#"1700000000.123000 [3 unix:/run/skeg] "ping""#);
    }

    #[test]
    fn passwords_are_not_shown() {
        let words: [&[u8]; 7] = [b"hello", b"3", b"auth", b"me", b"secret", b"setname", b"x"];
        let line = shown(&Origin::default(), &words);
        assert!(line.ends_with(r#""auth" "(redacted)" "(redacted)" "setname" "x""#), "{line}");
    }
}
