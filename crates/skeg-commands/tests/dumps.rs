//! DUMP and RESTORE of values of every type.
#![allow(clippy::unwrap_used, reason = "a reply of another shape fails its test")]

mod support;

use skeg_proto::client::Value;
use skeg_proto::{ArgsBuf, Version};
use support::{Store, TestClient, decode};

fn restore(client: &mut TestClient, key: &str, ttl: &str, payload: &[u8], last: &str) -> Value {
    let mut args: ArgsBuf = ["RESTORE", key, ttl].into_iter().collect();
    args.push(payload);
    args.push(last.as_bytes());
    decode(&client.run(&args)).unwrap()
}

#[test]
fn what_was_dumped_comes_back_under_another_name() {
    let store = Store::new(16);
    let mut client = store.client(Version::Resp2);
    let many = |command: &str, element: fn(usize) -> String| {
        let elements: Vec<String> = (0..400).map(element).collect();
        format!("{command} key {}", elements.join(" "))
    };
    let text = |n: usize| format!("element-{n}");
    let numbers = |n: usize| (n * 1_000_003).to_string();
    for (fill, read) in [
        ("SET key text".to_owned(), "GET"),
        ("SET key -12".to_owned(), "GET"),
        ("HSET key f 1 g text".to_owned(), "HGETALL"),
        (many("HSET", |n| format!("f{n} value-{n}")), "HGETALL"),
        ("RPUSH key 1 a 1".to_owned(), "LRANGE"),
        (many("RPUSH", text), "LRANGE"),
        ("SADD key 1 2 3".to_owned(), "SMEMBERS"),
        (many("SADD", numbers), "SMEMBERS"),
        ("ZADD key 1.5 a -inf b +inf c".to_owned(), "ZRANGE"),
        (many("ZADD", |n| format!("{n}.25 member-{n}")), "ZRANGE"),
    ] {
        client.show("FLUSHALL");
        client.show(&fill);
        let Some(Value::Bulk(payload)) = client.call("DUMP key") else { panic!("{fill}") };
        client.show("SADD other will be replaced");
        let busy = restore(&mut client, "other", "0", &payload, "ABSTTL");
        assert!(matches!(&busy, Value::Error(text) if text.starts_with("BUSYKEY")), "{busy:?}");
        let reply = restore(&mut client, "other", "5000", &payload, "REPLACE");
        assert_eq!(reply, Value::Simple("OK".into()), "{fill}");
        assert_eq!(client.show("PTTL other"), ":5000");
        let rest = match read {
            "LRANGE" => " 0 -1",
            "ZRANGE" => " 0 -1 WITHSCORES",
            _ => "",
        };
        let mut shown = |key: &str| match client.call(&format!("{read} {key}{rest}")) {
            // In no order.
            Some(Value::Array(items)) if matches!(read, "HGETALL" | "SMEMBERS") => {
                let width = if read == "HGETALL" { 2 } else { 1 };
                let mut groups: Vec<_> =
                    items.chunks(width).map(|group| format!("{group:?}")).collect();
                groups.sort();
                format!("{groups:?}")
            }
            other => format!("{other:?}"),
        };
        assert_eq!(shown("key"), shown("other"), "{fill}");
    }
}
