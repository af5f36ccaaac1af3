//! Commands that wait for their keys: who is served, with what, in which order, and how waits end.
#![allow(clippy::unwrap_used, reason = "a store that cannot be opened fails its test")]

mod support;

use skeg_engine::{Drain, Engine, EngineOptions, Holder, Level, SyncPolicy};
use skeg_io::Io;
use skeg_io::sync::Arc;
use skeg_proto::Version;
use support::{Latches, Store, TestClient};

/// Every test runs on one shard and on many, with commands in place and delegated.
fn everywhere(test: impl Fn(&Store, &mut dyn FnMut() -> TestClient)) {
    for shards in [1, 16] {
        for latches in [Latches::Free, Latches::Taken] {
            let store = Store::new(shards);
            let mut client = || {
                let mut client = store.client(Version::Resp2);
                client.latches = latches;
                client
            };
            test(&store, &mut client);
        }
    }
}

#[test]
fn a_push_serves_who_waits_before_it_returns() {
    everywhere(|_, client| {
        let (mut waits, mut pushes) = (client(), client());
        waits.begin("BLPOP a b 0");
        assert_eq!(pushes.show("RPUSH b 1 2"), ":2");
        assert_eq!(waits.woken(), "[\"b\", \"1\"]");
        assert_eq!(pushes.show("LRANGE b 0 -1"), "[\"2\"]");
        // The other key has forgotten the client.
        assert_eq!(pushes.show("RPUSH a x"), ":1");
        assert_eq!(pushes.show("LLEN a"), ":1");
        assert_eq!(waits.show("BRPOP a b 0"), "[\"a\", \"x\"]");
        for (wait, serve, expected) in [
            ("BRPOP l 0", "RPUSH l 1 2 3", "[\"l\", \"3\"]"),
            ("BLMPOP 0 2 k l RIGHT COUNT 2", "LPUSH l 9", "[\"l\", [\"1\", \"2\"]]"),
            ("BZPOPMIN z 0", "ZADD z 2 b 1 a", "[\"z\", \"a\", \"1\"]"),
            ("BZPOPMAX y 0", "ZADD y 2 b 1 a", "[\"y\", \"b\", \"2\"]"),
            (
                "BZMPOP 0 2 w x MAX COUNT 5",
                "ZADD x 2 b 1 a",
                "[\"x\", [[\"b\", \"2\"], [\"a\", \"1\"]]]",
            ),
            ("BLMOVE s d LEFT RIGHT 0", "RPUSH s 7", "\"7\""),
            ("BRPOPLPUSH t d 0", "RPUSH t 8", "\"8\""),
        ] {
            if wait.starts_with("BLMPOP") {
                assert_eq!(waits.show(wait), "[\"l\", [\"2\", \"1\"]]");
                continue;
            }
            waits.begin(wait);
            assert!(waits.waits());
            pushes.show(serve);
            assert_eq!(waits.woken(), expected, "{wait}");
        }
        assert_eq!(pushes.show("LRANGE d 0 -1"), "[\"8\", \"7\"]");
    });
}

#[test]
fn clients_are_served_in_the_order_in_which_they_began_to_wait() {
    everywhere(|_, client| {
        let mut pushes = client();
        let mut waiting: Vec<_> = (0..4).map(|_| client()).collect();
        for (number, one) in waiting.iter_mut().enumerate() {
            one.begin(if number % 2 == 0 { "BLPOP a b 0" } else { "BLPOP b a 0" });
        }
        pushes.show("RPUSH b 1");
        pushes.show("RPUSH a 2 3");
        let replies: Vec<_> = waiting.iter_mut().map(TestClient::woken).collect();
        assert_eq!(replies, ["[\"b\", \"1\"]", "[\"a\", \"2\"]", "[\"a\", \"3\"]", "waits"]);
    });
}

#[test]
fn a_transaction_serves_at_its_end_and_never_waits() {
    everywhere(|_, client| {
        let (mut one, mut other, mut pushes) = (client(), client(), client());
        one.begin("BLPOP a b 0");
        other.begin("BLPOP b 0");
        pushes.show("MULTI");
        for line in
            ["RPUSH b 1 2 3", "LPOP b", "RPUSH a x", "BLPOP nothing 0", "BLMOVE n m LEFT LEFT 0"]
        {
            pushes.show(line);
        }
        assert_eq!(pushes.show("EXEC"), "[:3, \"1\", :1, nil, nil]");
        // `b` was ready first, and `one` was the first to wait for it.
        assert_eq!(one.woken(), "[\"b\", \"2\"]");
        assert_eq!(other.woken(), "[\"b\", \"3\"]");
        assert_eq!(pushes.show("LLEN a"), ":1");
        one.begin("BLPOP gone 0");
        pushes.show("MULTI");
        pushes.show("RPUSH gone 1");
        pushes.show("DEL gone");
        pushes.show("EXEC");
        assert!(one.waits(), "it was there only within the transaction");
    });
}

#[test]
fn lists_linked_over_shards_pass_on_what_they_get() {
    everywhere(|_, client| {
        let mut waiting: Vec<_> = (0..4).map(|_| client()).collect();
        for (number, one) in waiting.iter_mut().enumerate() {
            one.begin(&format!("BLMOVE list:{number} list:{} LEFT RIGHT 0", number + 1));
        }
        let mut pushes = client();
        assert_eq!(pushes.show("RPUSH list:0 x"), ":1");
        for one in &mut waiting {
            assert_eq!(one.woken(), "\"x\"");
        }
        assert_eq!(pushes.show("LRANGE list:4 0 -1"), "[\"x\"]");
        // Both ways at once: it comes back.
        let (mut there, mut back) = (client(), client());
        there.begin("BLMOVE here there LEFT LEFT 0");
        back.begin("BLMOVE there here LEFT LEFT 0");
        pushes.show("RPUSH here y");
        assert_eq!((there.woken(), back.woken()), ("\"y\"".into(), "\"y\"".into()));
        assert_eq!(pushes.show("LRANGE here 0 -1"), "[\"y\"]");
    });
}

#[test]
fn only_a_wrong_type_at_the_start_is_an_error() {
    everywhere(|_, client| {
        let (mut waits, mut other) = (client(), client());
        other.show("SET text x");
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(waits.show("BLPOP none text 0"), wrong);
        assert_eq!(waits.show("BZPOPMIN text 0"), wrong);
        waits.begin("BLPOP later 0");
        other.show("ZADD later 1 a");
        other.show("SET later x");
        assert!(waits.waits());
        other.show("DEL later");
        other.show("RPUSH later 1");
        assert_eq!(waits.woken(), "[\"later\", \"1\"]");
        // Where the element would have gone decides only when there is one.
        waits.begin("BLMOVE from text LEFT LEFT 0");
        other.show("RPUSH from 1");
        assert_eq!(waits.woken(), wrong);
        assert_eq!(other.show("LLEN from"), ":1");
    });
}

#[test]
fn clients_of_two_types_wait_at_one_key() {
    everywhere(|_, client| {
        let (mut list, mut set, mut other) = (client(), client(), client());
        list.begin("BLPOP k 0");
        set.begin("BZPOPMIN k 0");
        other.show("ZADD k 1 a");
        assert_eq!((list.woken(), set.woken()), ("waits".into(), "[\"k\", \"a\", \"1\"]".into()));
        other.show("LPUSH k x");
        assert_eq!(list.woken(), "[\"k\", \"x\"]");
    });
}

#[test]
fn keys_come_by_rename_copy_restore_and_swapped_databases() {
    everywhere(|_, client| {
        let (mut waits, mut other) = (client(), client());
        for (serve, item) in [
            (["RPUSH tmp 1", "RENAME tmp key"], "1"),
            (["RPUSH tmp 2", "COPY tmp key"], "2"),
            (["RPUSH tmp2 3", "LMOVE tmp2 key LEFT LEFT"], "3"),
            (["RPUSH tmp3 b a", "SORT tmp3 ALPHA STORE key"], "a"),
        ] {
            waits.begin("BLPOP key 0");
            serve.iter().for_each(|line| drop(other.show(line)));
            assert_eq!(waits.woken(), format!("[\"key\", \"{item}\"]"), "{serve:?}");
            other.show("FLUSHALL");
        }
        waits.begin("BLPOP key 0");
        other.show("SELECT 5");
        other.show("RPUSH key there");
        assert!(waits.waits());
        other.show("SWAPDB 0 5");
        assert_eq!(waits.woken(), "[\"key\", \"there\"]");
        waits.begin("BLPOP key 0");
        other.show("FLUSHALL");
        assert!(waits.waits());
    });
}

#[test]
fn a_wait_ends_when_its_time_is_up() {
    everywhere(|store, client| {
        let (mut waits, mut later, mut other) = (client(), client(), client());
        waits.begin("BLPOP a b 0.1");
        later.begin("BLMOVE a b LEFT LEFT 1");
        store.engine.tick();
        assert!(waits.waits());
        store.advance(100);
        store.engine.tick();
        assert_eq!((waits.woken(), later.woken()), ("nil".into(), "waits".into()));
        assert_eq!(store.engine.waiting(), 1);
        other.show("RPUSH a 1");
        assert_eq!(later.woken(), "\"1\"");
        assert_eq!(other.show("LLEN b"), ":1");
        store.advance(10_000);
        store.engine.tick();
        assert!(later.waits(), "a wait ends once");
        for line in [
            "BLPOP a -1",
            "BLPOP a x",
            "BLMPOP 0 0 a LEFT",
            "BLMPOP 0 1 a UP",
            "BLMOVE a b UP LEFT 0",
        ] {
            assert!(other.show(line).starts_with("-ERR"), "{line}");
        }
    });
}

#[test]
fn client_unblock_ends_a_wait() {
    everywhere(|_, client| {
        let (mut waits, mut other) = (client(), client());
        let id = waits.session.client().id();
        assert_eq!(other.show(&format!("CLIENT UNBLOCK {id}")), ":0");
        waits.begin("BLPOP a 0");
        let list = other.show(&format!("CLIENT LIST ID {id}"));
        assert!(list.contains("flags=b "), "{list}");
        assert!(other.show("INFO clients").contains("blocked_clients:1"));
        assert_eq!(other.show(&format!("CLIENT UNBLOCK {id}")), ":1");
        assert_eq!(waits.woken(), "nil");
        waits.begin("BZPOPMIN a 0");
        assert_eq!(other.show(&format!("CLIENT UNBLOCK {id} ERROR")), ":1");
        assert_eq!(waits.woken(), "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
        assert_eq!(other.show(&format!("CLIENT UNBLOCK {id} TIMEOUT")), ":0");
        assert!(other.show("INFO clients").contains("blocked_clients:0"));
        assert_eq!(
            other.show("CLIENT UNBLOCK 1 NOW"),
            "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
        );
    });
}

#[test]
fn a_client_that_is_gone_or_called_off_leaves_its_place() {
    everywhere(|store, client| {
        let (mut gone, mut off, mut next, mut other) = (client(), client(), client(), client());
        gone.begin("BLPOP a b 0");
        off.begin("BLPOP b a 0");
        next.begin("BLPOP a 0");
        drop(gone);
        off.session.call_off();
        assert_eq!(off.woken(), "-UNBLOCKED client unblocked via CLIENT UNBLOCK");
        assert_eq!(store.engine.waiting(), 1);
        other.show("RPUSH a 1");
        assert_eq!(next.woken(), "[\"a\", \"1\"]");
        // Called off with nothing under way: it concerns no later command.
        off.session.call_off();
        assert_eq!(off.show("PING"), "PONG");
    });
}

#[test]
fn closing_the_engine_ends_waits() {
    let store = Store::new(4);
    let mut waits = store.client(Version::Resp2);
    waits.begin("BLPOP a b c d e 0");
    store.context.close();
    store.engine.close().unwrap();
    assert_eq!(waits.woken(), "-CLOSED the database is closed");
    assert_eq!(store.engine.waiting(), 0);
}

#[test]
fn what_was_served_is_gone_after_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let options = EngineOptions {
            shards: Some(8),
            sync: SyncPolicy::Always,
            level: Level::Disk,
            ..EngineOptions::default()
        };
        let engine = Engine::open(&Io::real(), Some(dir.path()), &options).unwrap();
        let context = skeg_commands::Context::new(engine.clone(), Arc::new(()), &[]).unwrap();
        Store::over(engine, context)
    };
    let store = open();
    let mut waiting: Vec<_> = (0..3).map(|_| store.client(Version::Resp2)).collect();
    waiting[0].begin("BLPOP list 0");
    waiting[1].begin("BLMOVE list elsewhere RIGHT LEFT 0");
    waiting[2].begin("BZPOPMAX set 0");
    let mut pushes = store.client(Version::Resp2);
    pushes.show("RPUSH list 1 2 3");
    pushes.show("ZADD set 1 a 2 b");
    drop((waiting, pushes));
    store.context.close();
    store.engine.close().unwrap();
    let store = open();
    let mut client = store.client(Version::Resp2);
    assert_eq!(client.show("LRANGE list 0 -1"), "[\"2\"]");
    assert_eq!(client.show("LRANGE elsewhere 0 -1"), "[\"3\"]");
    assert_eq!(client.show("ZRANGE set 0 -1"), "[\"a\"]");
    drop(client);
    store.context.close();
    store.engine.close().unwrap();
}

#[test]
fn a_pipeline_behind_a_served_push_sees_what_was_moved() {
    // The latches of a batch stay with its holder: what needs more of them must still come first.
    let store = Store::new(16);
    let mut waits = store.client(Version::Resp2);
    waits.begin("BLMOVE from to LEFT LEFT 0");
    let mut pushes = store.client(Version::Resp2);
    let mut holder = Holder::new(&store.engine, Drain::Serve);
    assert_eq!(pushes.piped(&mut holder, "RPUSH from 1"), ":1");
    assert_eq!(pushes.piped(&mut holder, "LLEN to"), ":1");
    assert_eq!(waits.woken(), "\"1\"");
}
