//! Messages over sockets: to whom they come, in which order, and what becomes of a subscriber that never
//! reads; commands that a pause holds up.

use std::time::{Duration, Instant};

use crate::common::{Client, bulk, command, in_memory, local, ok, serve};
use crate::watch::{eventually, resident_bytes};
use skeg_proto::client::Value;
use skeg_server::ServerOptions;

fn message(channel: &str, text: &str) -> Value {
    Value::Array(vec![bulk("message"), bulk(channel), bulk(text)])
}

fn subscribe(client: &mut Client, channel: &str) {
    let confirmed = Value::Array(vec![bulk("subscribe"), bulk(channel), Value::Int(1)]);
    assert_eq!(client.call(&["SUBSCRIBE", channel]), confirmed);
}

#[test]
fn messages_come_in_the_order_of_publishing_whichever_thread_serves() {
    let served = serve(None, &ServerOptions { threads_max: 4, ..local() });
    let mut listeners: Vec<_> = (0..8).map(|_| served.connect()).collect();
    listeners.iter_mut().for_each(|listener| subscribe(listener, "news"));
    let mut publisher = served.connect();
    let mut batch = Vec::new();
    for number in 0..1_000 {
        batch.extend(command(&["PUBLISH", "news", &number.to_string()]));
    }
    publisher.send(&batch);
    for _ in 0..1_000 {
        assert_eq!(publisher.receive(), Value::Int(8));
    }
    for listener in &mut listeners {
        for number in 0..1_000 {
            assert_eq!(listener.receive(), message("news", &number.to_string()));
        }
    }
    // Subscriptions end with their connections.
    drop(listeners);
    eventually("nobody listens", || publisher.call(&["PUBLISH", "news", "x"]) == Value::Int(0));
    served.close();
}

#[test]
fn pushes_and_replies_share_a_connection_of_resp3() {
    let served = in_memory();
    let mut client = served.connect();
    client.call(&["HELLO", "3"]);
    let confirmed = Value::Push(vec![bulk("subscribe"), bulk("a"), Value::Int(1)]);
    assert_eq!(client.call(&["SUBSCRIBE", "a"]), confirmed);
    assert_eq!(client.call(&["SET", "k", "v"]), ok());
    let mut got = Vec::new();
    client.send(&command(&["PUBLISH", "a", "x"]));
    (0..2).for_each(|_| got.push(client.receive()));
    let push = Value::Push(vec![bulk("message"), bulk("a"), bulk("x")]);
    assert!(got.contains(&push) && got.contains(&Value::Int(1)), "{got:?}");
    served.close();
}

#[test]
fn a_subscriber_that_never_reads_is_dropped_and_slows_nobody() {
    let served = in_memory();
    let (mut deaf, mut listener, mut publisher) =
        (served.connect(), served.connect(), served.connect());
    let limit = ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 4mb 0 0"];
    assert_eq!(publisher.call(&limit), ok());
    // The serving threads look at the limits ten times a second.
    std::thread::sleep(Duration::from_millis(250));
    subscribe(&mut deaf, "flood");
    subscribe(&mut listener, "flood");
    let before = resident_bytes();
    let text = "x".repeat(100_000);
    let mut slowest = Duration::ZERO;
    let mut receivers = 2;
    for round in 0..1_000 {
        let start = Instant::now();
        let reply = publisher.call(&["PUBLISH", "flood", &text]);
        slowest = slowest.max(start.elapsed());
        assert_eq!(listener.receive(), message("flood", &text));
        if reply == Value::Int(1) {
            receivers = 1;
            break;
        }
        assert!(round < 999, "100 MB were kept for a client that reads nothing");
    }
    assert_eq!(receivers, 1);
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 48 << 20, "{grown} bytes");
    served.close();
}

#[test]
fn a_monitor_that_never_reads_is_dropped_and_others_see_each_command_once() {
    let served = in_memory();
    let (mut deaf, mut monitor, mut client) =
        (served.connect(), served.connect(), served.connect());
    let limit = ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 2mb 0 0"];
    assert_eq!(client.call(&limit), ok());
    // The serving threads look at the limits ten times a second.
    std::thread::sleep(Duration::from_millis(250));
    monitor.call(&["HELLO", "3"]);
    [&mut deaf, &mut monitor].into_iter().for_each(|it| assert_eq!(it.call(&["MONITOR"]), ok()));
    let text = "x".repeat(100_000);
    for round in 0..400 {
        let key = format!("key:{round}");
        assert_eq!(client.call(&["SET", &key, &text]), ok());
        let Value::Simple(line) = monitor.receive() else { panic!("no line") };
        assert!(line.contains(&format!("] \"SET\" \"{key}\" \"xxx")), "{}", &line[..80]);
    }
    let Value::Bulk(list) = client.call(&["CLIENT", "LIST"]) else { panic!("no list") };
    let monitors = String::from_utf8_lossy(&list).matches("flags=O").count();
    assert_eq!(monitors, 1, "40 MB were kept for a client that reads nothing");
    served.close();
}

#[test]
fn a_pause_holds_up_writes_until_it_is_over() {
    let served = in_memory();
    let (mut admin, mut writer) = (served.connect(), served.connect());
    assert_eq!(admin.call(&["CLIENT", "PAUSE", "60000", "WRITE"]), ok());
    assert_eq!(writer.call(&["GET", "k"]), Value::Null);
    writer.send(&[command(&["SET", "k", "v"]), command(&["GET", "k"])].concat());
    eventually("the write waits", || {
        let Value::Bulk(info) = admin.call(&["INFO", "clients"]) else { return false };
        String::from_utf8_lossy(&info).contains("blocked_clients:1")
    });
    assert_eq!(admin.call(&["GET", "k"]), Value::Null);
    assert_eq!(admin.call(&["CLIENT", "UNPAUSE"]), ok());
    assert_eq!(writer.receive(), ok());
    assert_eq!(writer.receive(), bulk("v"));
    // And one that ends by itself.
    assert_eq!(admin.call(&["CLIENT", "PAUSE", "50"]), ok());
    assert_eq!(writer.call(&["PING"]), Value::Simple("PONG".into()));
    served.close();
}
