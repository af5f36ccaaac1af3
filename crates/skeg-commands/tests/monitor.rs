//! MONITOR as sessions see it: every command once, where and when it runs.
#![allow(clippy::unwrap_used, reason = "all of it is test")]

mod support;

use skeg_commands::Origin;
use skeg_proto::Version;
use support::listener::Listener;
use support::{Latches, Store};

/// The lines without time and address: `db "command" "argument"`.
fn lines(monitor: &mut Listener) -> Vec<String> {
    let line = |text: String| {
        let text = text.strip_prefix("1700000000.000000 [").unwrap().to_owned();
        let (db, rest) = text.split_once(' ').unwrap();
        format!("{db} {}", rest.split_once("] ").unwrap().1)
    };
    monitor.messages().into_iter().map(line).collect()
}

fn monitor(store: &Store, version: Version) -> Listener {
    let mut listener = Listener::new(store, version);
    assert_eq!(listener.call("MONITOR"), ["OK"]);
    listener
}

#[test]
fn each_command_is_shown_once_wherever_it_runs() {
    let store = Store::new(4);
    for latches in [Latches::Free, Latches::Taken] {
        let mut monitor = monitor(&store, Version::Resp2);
        let mut client = store.client(Version::Resp2);
        client.latches = latches;
        for line in ["SET k v", "get k", "MSET a 1 b 2", "LPUSH k x", "KEYS *", "PING", "SELECT 3"]
        {
            client.show(line);
        }
        client.show("FLUSHALL");
        client.show("SELECT 0");
        // Neither what is unknown or refused, nor what administrators do.
        client.show("NOSUCH x");
        client.show("GET");
        client.show("CONFIG GET maxmemory");
        client.show("CLIENT LIST");
        assert_eq!(
            lines(&mut monitor),
            [
                r#"0 "SET" "k" "v""#,
                r#"0 "get" "k""#,
                r#"0 "MSET" "a" "1" "b" "2""#,
                r#"0 "LPUSH" "k" "x""#,
                r#"0 "KEYS" "*""#,
                r#"0 "PING""#,
                r#"3 "SELECT" "3""#,
                r#"3 "FLUSHALL""#,
                r#"0 "SELECT" "0""#,
            ],
            "{latches:?}"
        );
    }
}

#[test]
fn a_transaction_is_shown_when_it_runs() {
    let store = Store::new(4);
    for latches in [Latches::Free, Latches::Taken] {
        let mut monitor = monitor(&store, Version::Resp2);
        let (mut client, mut other) = (store.client(Version::Resp2), store.client(Version::Resp2));
        client.latches = latches;
        ["MULTI", "SET k v", "SELECT 2", "GET k"].iter().for_each(|line| drop(client.show(line)));
        assert_eq!(lines(&mut monitor), [r#"0 "MULTI""#]);
        client.show("EXEC");
        let shown = lines(&mut monitor);
        assert_eq!(shown[..3], [r#"0 "SET" "k" "v""#, r#"2 "SELECT" "2""#, r#"2 "GET" "k""#]);
        assert!(shown[3].eq_ignore_ascii_case(r#"2 "EXEC""#) && shown.len() == 4, "{shown:?}");
        // What did not run is not shown.
        client.show("WATCH k");
        other.show("SELECT 2");
        other.show("SET k w");
        ["MULTI", "GET k"].iter().for_each(|line| drop(client.show(line)));
        lines(&mut monitor);
        assert_eq!(client.show("EXEC"), "nil");
        let shown = lines(&mut monitor);
        assert!(shown[0].eq_ignore_ascii_case(r#"2 "EXEC""#) && shown.len() == 1, "{shown:?}");
        assert!(client.show("MULTI") == "OK" && client.show("MONITOR").starts_with("-ERR"));
    }
}

#[test]
fn what_waits_is_shown_when_it_begins_to() {
    let store = Store::new(4);
    for latches in [Latches::Free, Latches::Taken] {
        let mut monitor = monitor(&store, Version::Resp2);
        let (mut waits, mut client) = (store.client(Version::Resp2), store.client(Version::Resp2));
        waits.latches = latches;
        waits.begin("BLPOP a b 0");
        assert_eq!(lines(&mut monitor), [r#"0 "BLPOP" "a" "b" "0""#]);
        client.show("RPUSH b x y");
        waits.woken();
        assert_eq!(lines(&mut monitor), [r#"0 "RPUSH" "b" "x" "y""#]);
        waits.show("BLPOP b 0");
        assert_eq!(lines(&mut monitor), [r#"0 "BLPOP" "b" "0""#]);
    }
}

#[test]
fn it_ends_with_the_connection_or_a_reset() {
    let store = Store::new(1);
    let mut one = monitor(&store, Version::Resp3);
    let two = monitor(&store, Version::Resp2);
    let mut client = store.client(Version::Resp2);
    assert!(client.show("CLIENT LIST").contains("flags=O"));
    client.show("GET k");
    assert_eq!(one.call("RESET"), ["RESET"]);
    // What was on its way is not shown any more.
    assert_eq!(one.messages(), [""; 0]);
    drop(two);
    client.show("GET k");
    assert_eq!(one.messages(), [""; 0]);
    assert!(!client.show("CLIENT LIST").contains("flags=O"));
}

#[test]
fn whoever_cannot_be_reached_cannot_monitor() {
    let store = Store::new(1);
    let mut client = store.client_from(Origin::default(), Version::Resp2);
    assert!(client.show("MONITOR").starts_with("-ERR what is shown needs a connection"));
}
