//! Nanoseconds per command and per reply: `cargo run --release -p skeg-proto --example parse_speed`.
#![allow(clippy::print_stdout)]

use skeg_proto::client::encode_command;
use skeg_proto::{Parsed, Parser, Reply, Version};
use std::hint::black_box;
use std::time::Instant;

const PIPELINE: usize = 100;
const ROUNDS: usize = 500;

type Write<'a> = &'a dyn Fn(&mut Reply);

fn main() {
    let value = "v".repeat(64);
    let long = "v".repeat(500);
    let commands = [
        vec!["PING"],
        vec!["GET", "key:123456789"],
        vec!["SET", "key:123456789", &value],
        vec!["SET", "key:123456789", &long],
    ];
    for command in commands {
        let mut bytes = Vec::new();
        for _ in 0..PIPELINE {
            encode_command(&mut bytes, &command);
        }
        let ns = best_of(200, || parse_all(&bytes));
        println!("parse {:5} {:4} bytes {ns:7.1} ns", command[0], bytes.len() / PIPELINE);
    }
    let mut reply = Reply::new(Version::Resp2);
    let replies: [(&str, Write<'_>); 3] = [
        ("ok", &|reply| reply.ok()),
        ("int", &|reply| reply.int(black_box(123_456))),
        ("bulk", &|reply| reply.bulk(black_box(value.as_bytes()))),
    ];
    for (name, write) in replies {
        let ns = best_of(200, || {
            for _ in 0..PIPELINE {
                write(&mut reply);
            }
            black_box(reply.as_bytes());
            reply.clear();
        });
        println!("reply {name:5} {ns:17.1} ns");
    }
}

fn parse_all(bytes: &[u8]) {
    let mut parser = Parser::default();
    let mut at = 0;
    while let Ok(Parsed::Command { args, consumed }) = parser.next(black_box(&bytes[at..])) {
        black_box(args.get(0));
        at += consumed;
    }
    assert_eq!(at, bytes.len());
}

/// Nanoseconds of one of the `PIPELINE` steps that `run` does, in the best of `tries`.
fn best_of(tries: usize, mut run: impl FnMut()) -> f64 {
    let measure = |_| {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            run();
        }
        start.elapsed().as_nanos() as f64 / (ROUNDS * PIPELINE) as f64
    };
    (0..tries).map(measure).fold(f64::INFINITY, f64::min)
}
