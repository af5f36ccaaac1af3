//! Replays the transcripts of `conformance/transcripts`: over RESP2 and RESP3, and once more with
//! every latch taken, so that each command goes through its delegated form.
//!
//! A transcript is lines: `> COMMAND` of the first client, `2> COMMAND` of the second; `< reply` as a
//! client of RESP2 sees it; `<3 reply` with the types of RESP3, `<2 reply` in RESP2 only; `<~ pattern` with stars;
//! `<= reply` an array whose order does not matter, its elements sorted. A command that is followed by no reply expects none. `! advance MS` moves the
//! clock, `! tick` lets expiry run, `! closed` expects the connection to end.
#![allow(clippy::unwrap_used, reason = "a transcript that cannot be read fails its test")]

mod support;

use std::path::Path;

use skeg_proto::Version;
use skeg_proto::client::Value;
use support::{Latches, Show, Store, TestClient, decode, show};

struct Run<'a> {
    file: &'a str,
    version: Version,
    store: Store,
    clients: Vec<TestClient>,
    latches: Latches,
}

/// Whether `text` fits a pattern in which a star stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn sorted(value: &Value) -> String {
    let mut shown: Vec<String> = match value {
        Value::Array(items) => items.iter().map(|item| show(item, Show::Resp2)).collect(),
        Value::Map(pairs) => {
            pairs.iter().flat_map(|(a, b)| [a, b]).map(|item| show(item, Show::Resp2)).collect()
        }
        other => return show(other, Show::Resp2),
    };
    shown.sort();
    format!("[{}]", shown.join(", "))
}

impl Run<'_> {
    fn client(&mut self, number: usize) -> &mut TestClient {
        while self.clients.len() < number {
            let mut client = self.store.client(self.version);
            client.latches = self.latches;
            self.clients.push(client);
        }
        &mut self.clients[number - 1]
    }

    /// Replays one file and returns what differs.
    fn replay(&mut self, text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let mut reply: Option<Value> = None;
        let mut answered = true;
        let mut asked = String::new();
        for (at, line) in text.lines().chain(["> "]).enumerate() {
            let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
            if mark.is_empty() || mark.starts_with('#') {
                continue;
            }
            let got = |as_what| reply.as_ref().map_or("nothing".into(), |it| show(it, as_what));
            let mut check = |fits: bool, got: String| {
                if !fits {
                    let (file, line) = (self.file, at + 1);
                    let how = (self.version, self.latches);
                    problems.push(format!("{file}:{line} {how:?} {asked}\n  {rest}\n  {got}"));
                }
            };
            if let Some(number) = mark.strip_suffix('>') {
                check(answered || reply.is_none(), got(Show::Resp2));
                let number = if number.is_empty() { 1 } else { number.parse().unwrap() };
                reply = decode(&self.client(number).bytes(rest));
                answered = false;
                asked = rest.to_owned();
                continue;
            }
            answered |= mark.starts_with('<');
            match mark {
                "<" => check(got(Show::Resp2) == rest, got(Show::Resp2)),
                "<2" if self.version == Version::Resp3 => {}
                "<2" => check(got(Show::Resp2) == rest, got(Show::Resp2)),
                "<3" if self.version == Version::Resp2 => {}
                "<3" => check(got(Show::Resp3) == rest, got(Show::Resp3)),
                "<~" => check(fits(rest, &got(Show::Resp2)), got(Show::Resp2)),
                "<=" => {
                    let got = reply.as_ref().map_or("nothing".into(), sorted);
                    check(got == rest, got);
                }
                "!" => match rest.split_once(' ').unwrap_or((rest, "")) {
                    ("advance", ms) => self.store.advance(ms.parse().unwrap()),
                    ("tick", _) => self.store.engine.tick(),
                    ("closed", _) => check(self.clients[0].closed, "still open".into()),
                    other => panic!("{}:{} {other:?}", self.file, at + 1),
                },
                other => panic!("{}:{} {other:?}", self.file, at + 1),
            }
        }
        problems
    }
}

#[test]
fn every_transcript_replays() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/transcripts");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut problems = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        for version in [Version::Resp2, Version::Resp3] {
            for latches in [Latches::Free, Latches::Taken] {
                let store = Store::new(4);
                let mut run = Run { file, version, store, clients: Vec::new(), latches };
                problems.append(&mut run.replay(&text));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
