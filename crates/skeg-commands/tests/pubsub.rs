//! Publish and subscribe as sessions see it: confirmations, messages, what RESP2 forbids meanwhile, and
//! what keyspace notifications say of each command.
#![allow(clippy::unwrap_used, reason = "all of it is test")]

mod support;

use skeg_proto::Version;
use skeg_proto::client::Value;
use support::listener::Listener;
use support::{Latches, Store, TestClient};

#[test]
fn every_name_is_confirmed_and_counted() {
    let store = Store::new(4);
    let mut listener = Listener::new(&store, Version::Resp2);
    assert_eq!(
        listener.call("SUBSCRIBE a b a"),
        ["[\"subscribe\", \"a\", :1]", "[\"subscribe\", \"b\", :2]", "[\"subscribe\", \"a\", :2]"]
    );
    assert_eq!(listener.call("PSUBSCRIBE p*"), ["[\"psubscribe\", \"p*\", :3]"]);
    assert_eq!(listener.call("SSUBSCRIBE s"), ["[\"ssubscribe\", \"s\", :1]"]);
    let mut other = store.client(Version::Resp2);
    assert_eq!(other.show("PUBSUB NUMPAT"), ":1");
    assert_eq!(other.show("PUBSUB NUMSUB a c"), "[\"a\", :1, \"c\", :0]");
    assert_eq!(other.show("PUBSUB CHANNELS a*"), "[\"a\"]");
    assert_eq!(other.show("PUBSUB SHARDCHANNELS"), "[\"s\"]");
    assert_eq!(other.show("PUBSUB SHARDNUMSUB s"), "[\"s\", :1]");
    let list = other.show("CLIENT LIST TYPE pubsub");
    assert!(list.contains("flags=P") && list.contains("sub=2 psub=1 ssub=1"), "{list}");
    assert_eq!(
        listener.call("UNSUBSCRIBE b c"),
        ["[\"unsubscribe\", \"b\", :2]", "[\"unsubscribe\", \"c\", :2]"]
    );
    assert_eq!(listener.call("UNSUBSCRIBE"), ["[\"unsubscribe\", \"a\", :1]"]);
    assert_eq!(listener.call("UNSUBSCRIBE"), ["[\"unsubscribe\", nil, :1]"]);
    assert_eq!(listener.call("PUNSUBSCRIBE"), ["[\"punsubscribe\", \"p*\", :0]"]);
    assert_eq!(listener.call("SUNSUBSCRIBE"), ["[\"sunsubscribe\", \"s\", :0]"]);
    assert!(store.engine.pubsub().is_empty());
}

#[test]
fn messages_come_once_for_each_subscription_that_they_fit() {
    let store = Store::new(4);
    let mut two = Listener::new(&store, Version::Resp2);
    let mut three = Listener::new(&store, Version::Resp3);
    two.call("SUBSCRIBE news");
    three.call("PSUBSCRIBE n* *s");
    three.call("SSUBSCRIBE news");
    let mut other = store.client(Version::Resp2);
    assert_eq!(other.show("PUBLISH news hello"), ":3");
    assert_eq!(other.show("SPUBLISH news shard"), ":1");
    assert_eq!(other.show("PUBLISH nobody x"), ":1");
    assert_eq!(two.messages(), ["[\"message\", \"news\", \"hello\"]"]);
    assert_eq!(
        three.messages(),
        [
            ">[\"pmessage\", \"*s\", \"news\", \"hello\"]",
            ">[\"pmessage\", \"n*\", \"news\", \"hello\"]",
            ">[\"smessage\", \"news\", \"shard\"]",
            ">[\"pmessage\", \"n*\", \"nobody\", \"x\"]"
        ]
    );
    // One on its way when its subscription ends is not shown.
    other.show("PUBLISH news late");
    two.call("UNSUBSCRIBE news");
    assert_eq!(two.messages(), [""; 0]);
    drop(three);
    assert_eq!(other.show("PUBLISH news gone"), ":0");
}

#[test]
fn a_subscriber_of_resp2_may_do_little_else() {
    let store = Store::new(1);
    let mut two = Listener::new(&store, Version::Resp2);
    two.call("SUBSCRIBE a");
    let refused = "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
                   RESET are allowed in this context";
    assert_eq!(two.call("GET k"), [refused]);
    assert_eq!(two.call("PING"), ["[\"pong\", \"\"]"]);
    assert_eq!(two.call("PING x"), ["[\"pong\", \"x\"]"]);
    assert_eq!(two.call("RESET"), ["RESET"]);
    assert_eq!(two.call("GET k"), ["nil"]);
    let mut three = Listener::new(&store, Version::Resp3);
    three.call("SUBSCRIBE a");
    assert_eq!(three.call("GET k"), ["nil"]);
    assert_eq!(three.call("PING"), ["PONG"]);
}

#[test]
fn a_session_without_a_connection_cannot_subscribe() {
    let store = Store::new(1);
    let reply = store.client(Version::Resp3).show("SUBSCRIBE a");
    assert!(reply.starts_with("-ERR messages need a connection"), "{reply}");
}

#[test]
fn confirmations_come_whatever_replies_are_wanted() {
    let store = Store::new(1);
    let mut listener = Listener::new(&store, Version::Resp3);
    listener.client.bytes("CLIENT REPLY OFF");
    assert_eq!(listener.call("SUBSCRIBE a"), [">[\"subscribe\", \"a\", :1]"]);
    assert_eq!(listener.call("PING"), [""; 0]);
}

#[test]
fn messages_of_a_transaction_leave_with_it() {
    let store = Store::new(4);
    for latches in [Latches::Free, Latches::Taken] {
        let mut listener = Listener::new(&store, Version::Resp2);
        listener.call("SUBSCRIBE a");
        let mut other = store.client(Version::Resp2);
        other.latches = latches;
        other.show("MULTI");
        other.show("SET k v");
        other.show("PUBLISH a first");
        other.show("PUBLISH a second");
        assert_eq!(listener.messages(), [""; 0]);
        assert_eq!(other.show("EXEC"), "[OK, :1, :1]");
        assert_eq!(
            listener.messages(),
            ["[\"message\", \"a\", \"first\"]", "[\"message\", \"a\", \"second\"]"]
        );
    }
}

/// What is heard of each command, as `event key`, or `key event` of the other channel.
#[test]
fn notifications_say_what_happened() {
    let store = Store::new(4);
    let mut listener = Listener::new(&store, Version::Resp2);
    let mut other = store.client(Version::Resp2);
    assert_eq!(other.show("CONFIG SET notify-keyspace-events KEA"), "OK");
    assert_eq!(
        other.show("CONFIG GET notify-keyspace-events"),
        "[\"notify-keyspace-events\", \"AKE\"]"
    );
    listener.call("PSUBSCRIBE __key*__:*");
    let mut heard = |line: &str| -> String {
        let reply = other.show(line);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
        let events = listener.messages().into_iter().filter_map(|message| {
            let (_, event) = message.split_once("__keyevent@0__:")?;
            Some(event.replace(['"', ',', ']'], ""))
        });
        events.collect::<Vec<_>>().join(", ")
    };
    for (line, events) in [
        ("SET a 1", "set a"),
        ("SET a 1 EX 100", "set a, expire a"),
        ("SET a 1 NX", ""),
        ("INCR a", "incrby a"),
        ("DECRBY a 3", "incrby a"),
        ("INCRBYFLOAT a 1.5", "incrbyfloat a"),
        ("APPEND a x", "append a"),
        ("SETRANGE a 0 y", "setrange a"),
        ("GETSET a 2", "set a"),
        ("MSET b 1 c 2", "set b, set c"),
        ("SETEX b 10 x", "set b, expire b"),
        ("PERSIST b", "persist b"),
        ("PERSIST b", ""),
        ("EXPIRE b 10", "expire b"),
        ("GETEX b PERSIST", "persist b"),
        ("GETEX b EX 10", "expire b"),
        ("RENAME b d", "rename_from b, rename_to d"),
        ("COPY d e", "copy_to e"),
        ("MOVE e 1", "move_from e"),
        ("EXPIRE d -1", "del d"),
        ("GETDEL a", "del a"),
        ("DEL c nothing", "del c"),
        ("GET c", ""),
        ("RPUSH l 1 2 3 4 5", "rpush l"),
        ("LPUSHX l 0", "lpush l"),
        ("LPUSHX none 0", ""),
        ("LSET l 0 x", "lset l"),
        ("LINSERT l BEFORE x w", "linsert l"),
        ("LINSERT l BEFORE nothing w", ""),
        ("LREM l 1 x", "lrem l"),
        ("LREM l 1 x", ""),
        ("LTRIM l 0 3", "ltrim l"),
        ("LMOVE l m LEFT RIGHT", "rpush m, lpop l"),
        ("BRPOPLPUSH m m 0", "lpush m, rpop m"),
        ("BLPOP m 0", "lpop m, del m"),
        ("LMPOP 1 l RIGHT COUNT 2", "rpop l"),
        ("SORT l STORE sorted", "sortstore sorted"),
        ("RPOP l 5", "rpop l, del l"),
        ("SORT l STORE sorted", "del sorted"),
        ("SADD s a b c", "sadd s"),
        ("SADD s a", ""),
        ("SREM s a nothing", "srem s"),
        ("SMOVE s t b", "srem s, sadd t"),
        ("SUNIONSTORE u s t", "sunionstore u"),
        ("SINTERSTORE u s t", "del u"),
        ("SINTERSTORE u s t", ""),
        ("SPOP s", "spop s, del s"),
        ("SPOP t 3", "spop t, del t"),
        ("HSET h f 1 g 2", "hset h"),
        ("HSETNX h f 1", ""),
        ("HINCRBY h f 1", "hincrby h"),
        ("HINCRBYFLOAT h f 0.5", "hincrbyfloat h"),
        ("HDEL h f nothing", "hdel h"),
        ("HDEL h g", "hdel h, del h"),
        ("ZADD z 1 a 2 b 3 c 4 d 5 e", "zadd z"),
        ("ZADD z 1 a", ""),
        ("ZINCRBY z 1 a", "zincr z"),
        ("ZADD z INCR 1 a", "zincr z"),
        ("ZRANGESTORE y z 0 1", "zrangestore y"),
        ("ZDIFFSTORE y 2 z z", "del y"),
        ("ZREM z a", "zrem z"),
        ("ZREMRANGEBYRANK z 0 0", "zremrangebyrank z"),
        ("ZREMRANGEBYSCORE z 9 9", ""),
        ("ZPOPMAX z", "zpopmax z"),
        ("BZPOPMIN z 0", "zpopmin z"),
        ("ZMPOP 1 z MIN COUNT 9", "zpopmin z, del z"),
    ] {
        assert_eq!(heard(line), events, "{line}");
    }
    let mut other = store.client(Version::Resp2);
    // One channel only, one class only.
    other.show("CONFIG SET notify-keyspace-events K$");
    other.show("SET f 1 PX 5");
    assert_eq!(
        listener.messages(),
        ["[\"pmessage\", \"__key*__:*\", \"__keyspace@0__:f\", \"set\"]"]
    );
    // What expires says so, found by a reader or by the engine itself.
    other.show("CONFIG SET notify-keyspace-events Exmn");
    store.advance(10);
    assert_eq!(other.show("GET f"), "nil");
    other.show("SET g 1 PX 5");
    store.advance(10);
    store.engine.tick();
    let heard: Vec<String> = listener.messages();
    let events: Vec<&str> = heard.iter().map(|it| it.split("@0__:").nth(1).unwrap()).collect();
    assert_eq!(
        events,
        ["expired\", \"f\"]", "keymiss\", \"f\"]", "new\", \"g\"]", "expired\", \"g\"]"]
    );
    other.show("CONFIG SET notify-keyspace-events ''");
    other.show("SET h 1");
    assert_eq!(listener.messages(), [""; 0]);
}

/// As Redis: what is removed and built again is new, what is overwritten is not.
#[test]
fn keys_are_new_when_they_are_created_and_not_when_they_are_overwritten() {
    for shards in [1, 16] {
        let store = Store::new(shards);
        let mut listener = Listener::new(&store, Version::Resp2);
        let mut other = store.client(Version::Resp2);
        other.show("CONFIG SET notify-keyspace-events KEn");
        listener.call("PSUBSCRIBE __keyevent@*__:new");
        let dump = |client: &mut TestClient, key: &str| {
            let reply = client.call(&format!("DUMP {key}")).unwrap();
            let Value::Bulk(bytes) = reply else { panic!("{reply:?}") };
            format!("\"{}\"", bytes.escape_ascii())
        };
        other.show("MSET text t number 1");
        other.show("SADD set x");
        let dumps = ["text", "number", "set"].map(|key| dump(&mut other, key));
        listener.messages();
        let restore = |dump: &str| format!("RESTORE a 0 {dump} REPLACE");
        for (line, new) in [
            ("SETRANGE a 0 x", "a"),
            ("SETRANGE a 0 y", ""),
            ("SETRANGE none 0 ''", ""),
            ("SETBIT b 1 1", "b"),
            ("SETBIT b 1 0", ""),
            ("BITFIELD c SET u8 0 1 SET u8 8 1 GET u8 0", "c"),
            ("BITFIELD none GET u8 0", ""),
            ("APPEND d x", "d"),
            ("APPEND d x", ""),
            ("RENAME a b", "b"),
            ("RENAME b a", "a"),
            ("COPY a c REPLACE", "c"),
            ("COPY a d", ""),
            ("RENAMENX a d", ""),
            (&restore(&dumps[0]), "a"),
            (&restore(&dumps[1]), "a"),
            (&restore(&dumps[2]), "a"),
            ("SUNIONSTORE u set", "u"),
            ("SUNIONSTORE u set", ""),
            ("SUNIONSTORE u none", ""),
            ("SUNIONSTORE u none", ""),
            ("ZUNIONSTORE z 1 set", "z"),
            ("ZUNIONSTORE z 1 set", ""),
            ("ZRANGESTORE u z 0 -1", "u"),
            ("SORT set ALPHA STORE u", ""),
            ("SORT set ALPHA STORE l", "l"),
            ("SET a 1", ""),
        ] {
            let reply = other.show(line);
            assert!(!reply.starts_with('-'), "{line}: {reply}");
            let messages = listener.messages();
            let heard: Vec<&str> =
                messages.iter().map(|it| it.split('"').nth(7).unwrap()).collect();
            assert_eq!(heard.join(" "), new, "{line}, {shards} shards");
        }
    }
}

#[test]
fn a_pause_holds_up_writes_and_what_expires() {
    let store = Store::new(1);
    let mut admin = store.client(Version::Resp2);
    let mut writer = store.client(Version::Resp2);
    writer.session.allow_pauses();
    admin.show("SET k v PX 1000");
    assert_eq!(admin.show("CLIENT PAUSE 60000 WRITE"), "OK");
    assert_eq!(writer.show("GET k"), "\"v\"");
    assert!(writer.is_paused("SET k w"));
    store.advance(2_000);
    store.engine.tick();
    // It has expired, and is still there.
    assert_eq!(writer_reads(&store, "GET k"), "nil");
    assert_eq!(admin.show("DBSIZE"), ":1");
    assert_eq!(admin.show("CLIENT UNPAUSE"), "OK");
    assert_eq!(writer.retry(), "OK");
    assert_eq!(admin.show("GET k"), "\"w\"");
    // A stricter and longer pause wins; its time ends it.
    admin.show("CLIENT PAUSE 1000 ALL");
    admin.show("CLIENT PAUSE 10 WRITE");
    assert!(writer.is_paused("PING"));
    store.advance(1_001);
    assert_eq!(writer.retry(), "PONG");
}

fn writer_reads(store: &Store, line: &str) -> String {
    store.client(Version::Resp2).show(line)
}
