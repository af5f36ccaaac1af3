//! What commands say and do about clients, figures, limits and the server.
#![allow(clippy::unwrap_used, reason = "a reply of another shape fails its test")]

mod support;

use skeg_commands::{
    Buffers, Connection, Host, NetworkFigures, Origin, ProcessFigures, Session, Shutdown,
};
use skeg_io::sync::atomic::{AtomicBool, Ordering};
use skeg_io::sync::{Arc, Mutex};
use skeg_proto::client::Value;
use skeg_proto::{ArgsBuf, Version};
use support::listener::Listener;
use support::{Latches, START_MS, Store, TestClient};

fn text(client: &mut TestClient, line: &str) -> String {
    let value = client.call(line).unwrap();
    String::from_utf8(value.as_bytes().unwrap().to_vec()).unwrap()
}

fn field<'a>(info: &'a str, name: &str) -> &'a str {
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {info}"))
}

#[test]
fn client_list_shows_who_is_connected() {
    let store = Store::new(4);
    let mut one = store.client(Version::Resp2);
    let origin = Origin {
        address: "10.0.0.1:5000".into(),
        local_address: "10.0.0.2:6379".into(),
        descriptor: 9,
        is_unix: false,
    };
    let mut two = store.client_from(origin, Version::Resp3);
    for line in ["CLIENT SETNAME worker", "SELECT 3", "MULTI", "GET a", "GET b"] {
        two.call(line);
    }
    two.session.client().set_buffers(Buffers { query_bytes: 5, ..Buffers::default() });
    store.advance(2_500);
    two.session.client().touch(START_MS + 1_500);
    let list = text(&mut one, "CLIENT LIST");
    assert_eq!(list.lines().count(), 2);
    let id = two.session.client().id();
    let line = list.lines().find(|line| line.starts_with(&format!("id={id} "))).unwrap();
    for part in [
        "addr=10.0.0.1:5000 laddr=10.0.0.2:6379 fd=9 name=worker age=2 idle=1 flags=x db=3 ",
        " multi=2 qbuf=5 ",
        " cmd=multi user=default redir=-1 resp=3",
    ] {
        assert!(line.contains(part), "{part:?} in {line:?}");
    }
    let only = text(&mut one, &format!("CLIENT LIST ID {id} 77"));
    assert_eq!(only, format!("{line}\n"));
    drop(two);
    assert_eq!(text(&mut one, "CLIENT LIST TYPE normal").lines().count(), 1);
}

#[derive(Default)]
struct Killable(AtomicBool);

impl Connection for Killable {
    fn kill(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn client_kill_finds_its_victims() {
    let store = Store::new(4);
    let mut killer = store.client(Version::Resp2);
    let victim = |address: &str| {
        let connection = Arc::new(Killable::default());
        let origin = Origin { address: address.into(), ..Origin::default() };
        let theirs = Arc::clone(&connection) as Arc<dyn Connection>;
        (Session::new(&store.context, &store.lane, origin, theirs), connection)
    };
    let (one, one_connection) = victim("1.1.1.1:1");
    let (two, two_connection) = victim("2.2.2.2:2");
    let killed = |connection: &Killable| connection.0.load(Ordering::SeqCst);
    assert_eq!(killer.show("CLIENT KILL 1.1.1.1:1"), "OK");
    assert!(killed(&one_connection) && one.client().is_killed() && !killed(&two_connection));
    let id = two.client().id();
    assert_eq!(killer.show(&format!("CLIENT KILL ID {id} ADDR 9.9.9.9:9")), ":0");
    assert_eq!(killer.show(&format!("CLIENT KILL ID {id}")), ":1");
    assert!(killed(&two_connection));
    drop((one, two));
    assert_eq!(killer.show("CLIENT KILL TYPE normal"), ":0");
    assert!(!killer.closed);
    // Its own connection ends when the reply has left.
    assert_eq!(killer.show("CLIENT KILL TYPE normal SKIPME no"), ":1");
    assert!(killer.closed);
}

#[test]
fn a_session_ends_with_quit_and_not_before() {
    let store = Store::new(4);
    let mut client = store.client(Version::Resp2);
    client.call("MULTI");
    assert!(!client.closed);
    assert_eq!(client.show("QUIT"), "OK");
    assert!(client.closed);
}

#[test]
fn a_browser_is_shown_the_door() {
    for line in ["POST / HTTP/1.1", "Host: localhost:6379"] {
        let store = Store::new(1);
        let mut client = store.client(Version::Resp2);
        assert_eq!(client.show(line), "none");
        assert!(client.closed);
    }
}

#[derive(Default)]
struct TestHost {
    asked: Mutex<Vec<Shutdown>>,
}

impl Host for TestHost {
    fn process(&self) -> ProcessFigures {
        ProcessFigures { resident_bytes: 5 << 20, cpu_user_s: 1.25, ..ProcessFigures::default() }
    }

    fn network(&self) -> NetworkFigures {
        NetworkFigures { connections: 7, input_bytes: 99, ..NetworkFigures::default() }
    }

    fn shutdown(&self, request: Shutdown) -> Result<(), String> {
        self.asked.lock().push(request);
        Ok(())
    }

    fn abort_shutdown(&self) -> bool {
        self.asked.lock().pop().is_some()
    }
}

#[test]
fn shutdown_is_the_servers_work() {
    let host = Arc::new(TestHost::default());
    let store = Store::with_host(4, Arc::clone(&host) as Arc<dyn Host>);
    let mut client = store.client(Version::Resp2);
    assert_eq!(client.show("SHUTDOWN NOSAVE NOW FORCE"), "none");
    assert!(client.closed);
    assert_eq!(*host.asked.lock(), [Shutdown { now: true, force: true }]);
    assert_eq!(client.show("SHUTDOWN ABORT"), "OK");
    assert_eq!(client.show("SHUTDOWN ABORT"), "-ERR No shutdown in progress.");
    assert_eq!(client.show("SHUTDOWN ABORT NOW"), "-ERR syntax error");
}

#[test]
fn reads_of_every_kind_count_as_hits_or_misses() {
    let store = Store::with_host(4, Arc::new(TestHost::default()));
    let mut client = store.client(Version::Resp2);
    let large = (0..200).map(|it| format!(" {it}")).collect::<String>();
    let scored = (0..200).map(|it| format!(" {it} {it}")).collect::<String>();
    for line in ["RPUSH list a".into(), format!("RPUSH long{large}"), "ZADD scores 1 a".into()] {
        client.call(&line);
    }
    client.call(&format!("ZADD many{scored}"));
    for read in ["LRANGE list 0 0", "LRANGE long 0 0", "ZRANGE scores 0 0", "ZRANGE many 0 0"] {
        assert!(client.show(read).starts_with("[\""), "{read}");
    }
    // What holds something else is there too.
    for read in ["LRANGE scores 0 0", "LRANGE many 0 0", "ZRANGE list 0 0", "ZRANGE long 0 0"] {
        assert!(client.show(read).starts_with("-WRONGTYPE"), "{read}");
    }
    for read in ["LRANGE none 0 0", "ZRANGE none 0 0"] {
        assert_eq!(client.show(read), "[]", "{read}");
    }
    let info = text(&mut client, "INFO stats");
    assert_eq!((field(&info, "keyspace_hits"), field(&info, "keyspace_misses")), ("8", "2"));
}

#[test]
fn info_has_the_figures() {
    let store = Store::with_host(4, Arc::new(TestHost::default()));
    let mut client = store.client(Version::Resp3);
    for line in ["SET a 1", "SET b 1 EX 9", "GET a", "GET nothing", "INCR b x", "NOSUCH x"] {
        client.call(line);
    }
    client.call("SELECT 5");
    client.call("SET c 1");
    store.advance(90_000_000);
    let info = text(&mut client, "INFO");
    for (name, value) in [
        ("redis_version", "7.0.15"),
        ("redis_mode", "standalone"),
        ("tcp_port", "6379"),
        ("uptime_in_seconds", "90000"),
        ("uptime_in_days", "1"),
        ("connected_clients", "1"),
        ("used_memory_rss", "5242880"),
        ("used_memory_rss_human", "5.00M"),
        ("loading", "0"),
        ("aof_enabled", "0"),
        ("total_connections_received", "7"),
        ("total_net_input_bytes", "99"),
        ("keyspace_hits", "1"),
        ("keyspace_misses", "1"),
        ("total_error_replies", "2"),
        ("role", "master"),
        ("used_cpu_user", "1.250000"),
        ("cluster_enabled", "0"),
        ("db0", "keys=2,expires=1,avg_ttl=0"),
        ("db5", "keys=1,expires=0,avg_ttl=0"),
    ] {
        assert_eq!(field(&info, name), value, "{name}");
    }
    assert!(!info.contains("cmdstat_"), "not among the usual sections");
    let stats = text(&mut client, "INFO commandstats CLIENTS");
    assert!(field(&stats, "cmdstat_get").starts_with("calls=2,usec="));
    assert!(field(&stats, "cmdstat_incr").ends_with("rejected_calls=1,failed_calls=0"));
    assert!(stats.contains("# Clients") && !stats.contains("# Server"));
    assert!(text(&mut client, "INFO everything").contains("cmdstat_get"));
    assert_eq!(text(&mut client, "INFO nosuch"), "");
    client.call("CONFIG RESETSTAT");
    let info = text(&mut client, "INFO stats");
    assert_eq!(field(&info, "keyspace_hits"), "0");
    assert_eq!(field(&info, "total_commands_processed"), "1");
}

#[test]
fn a_memory_limit_refuses_what_would_grow() {
    let store = Store::new(4);
    let mut client = store.client(Version::Resp2);
    client.call("SET a x");
    assert_eq!(client.show("CONFIG SET maxmemory 1"), "OK");
    let oom = "-OOM command not allowed when used memory > 'maxmemory'.";
    assert_eq!(client.show("SET b x"), oom);
    assert_eq!(client.show("GET a"), "\"x\"");
    assert_eq!(client.show("MULTI"), "OK");
    assert_eq!(client.show("GET a"), oom, "queueing takes memory too");
    assert_eq!(client.show("DISCARD"), "OK");
    assert_eq!(client.show("CONFIG SET maxmemory 0"), "OK");
    for line in ["MULTI", "SET b x"] {
        client.call(line);
    }
    store.client(Version::Resp2).call("CONFIG SET maxmemory 1");
    let aborted = "-EXECABORT Transaction discarded because of: OOM command not allowed when used \
                   memory > 'maxmemory'.";
    assert_eq!(client.show("EXEC"), aborted);
    assert_eq!(client.show("EXEC"), "-ERR EXEC without MULTI");
    // Room that deletes make is seen at once.
    client.call("CONFIG SET maxmemory 1mb");
    let big: ArgsBuf = [b"SET".to_vec(), b"big".to_vec(), vec![b'x'; 2 << 20]].iter().collect();
    assert_eq!(client.run(&big), b"+OK\r\n");
    assert_eq!(client.show("SET c x"), oom);
    client.call("DEL big");
    assert_eq!(client.show("SET c x"), "OK");
}

#[test]
fn with_a_policy_keys_make_room() {
    let store = Store::new(4);
    let mut client = store.client(Version::Resp2);
    assert!(client.show("CONFIG SET maxmemory-policy some").starts_with("-ERR"));
    client.call("CONFIG SET maxmemory-policy allkeys-lru");
    for number in 0..1_000 {
        client.call(&format!("SET key:{number} {number:064}"));
    }
    let used = |info: &str| field(info, "used_memory").parse::<u64>().unwrap();
    let limit = used(&text(&mut client, "INFO memory"));
    client.call(&format!("CONFIG SET maxmemory {limit}"));
    for number in 1_000..2_000 {
        assert_eq!(client.show(&format!("SET key:{number} {number:064}")), "OK");
    }
    let info = text(&mut client, "INFO");
    assert!(used(&info) < limit + 4_096, "{} of {limit}", used(&info));
    assert_eq!(field(&info, "maxmemory_policy"), "allkeys-lru");
    let evicted = field(&info, "evicted_keys").parse::<i64>().unwrap();
    assert_eq!(client.show("DBSIZE"), format!(":{}", 2_000 - evicted));
    assert_eq!(client.show("OBJECT IDLETIME key:1999"), ":0");
    assert!(client.show("OBJECT FREQ key:1999").starts_with("-ERR An LFU"));
    client.call("CONFIG SET maxmemory-policy allkeys-lfu");
    client.call("SET new x");
    assert_eq!(client.show("OBJECT FREQ new"), ":5");
    assert!(client.show("OBJECT IDLETIME new").starts_with("-ERR An LFU"));
}

#[test]
fn groups_go_whole_as_the_settings_say() {
    let store = Store::new(4);
    let mut client = store.client(Version::Resp2);
    assert!(client.show("CONFIG SET maxmemory-group-depth 17").starts_with("-ERR"));
    assert!(client.show("CONFIG SET maxmemory-group-delimiter ::").starts_with("-ERR"));
    let setting = "CONFIG SET maxmemory-policy allkeys-group-lru maxmemory-group-depth 1";
    assert_eq!(client.show(&format!("{setting} maxmemory-group-delimiter /")), "OK");
    for number in 0..1_000 {
        client.call(&format!("SET group{}/{} {number:064}", number / 10, number % 10));
    }
    let used = |info: &str| field(info, "used_memory").parse::<u64>().unwrap();
    let limit = used(&text(&mut client, "INFO memory"));
    client.call(&format!("CONFIG SET maxmemory {limit}"));
    // Uses of one millisecond are of the same age.
    store.advance(20);
    for number in 0..500 {
        client.call("GET group7/3");
        assert_eq!(
            client.show(&format!("SET next{}/{} {number:064}", number / 10, number % 10)),
            "OK"
        );
    }
    let info = text(&mut client, "INFO");
    assert!(used(&info) < limit + 4_096, "{} of {limit}", used(&info));
    assert_eq!(field(&info, "maxmemory_policy"), "allkeys-group-lru");
    let mut parts = 0;
    for group in 0..100 {
        let keys: Vec<String> = (0..10).map(|number| format!("group{group}/{number}")).collect();
        let count = client.show(&format!("EXISTS {}", keys.join(" ")));
        parts += usize::from(count != ":0" && count != ":10");
        assert!(group != 7 || count == ":10", "a key of it was used");
    }
    assert!(parts < 20, "{parts} groups are there in part");
    assert_eq!(client.show("OBJECT IDLETIME group7/3"), ":0");
    assert!(client.show("OBJECT FREQ group7/3").starts_with("-ERR An LFU"));
}

#[test]
fn what_is_restored_was_used_as_it_says() {
    let store = Store::new(4);
    let mut client = store.client(Version::Resp2);
    client.call("SET k v");
    let Some(Value::Bulk(dumped)) = client.call("DUMP k") else { panic!("no dump") };
    let mut restored = |policy: &str, key: &str, option: &str, asked: &str| {
        client.call(&format!("CONFIG SET maxmemory-policy {policy}"));
        let mut args = ArgsBuf::new();
        [&b"RESTORE"[..], key.as_bytes(), b"0", &dumped].iter().for_each(|word| args.push(word));
        option.split(' ').for_each(|word| args.push(word.as_bytes()));
        assert_eq!(client.run(&args), b"+OK\r\n", "{policy} {option}");
        client.show(&format!("OBJECT {asked} {key}"))
    };
    assert_eq!(restored("allkeys-lru", "a", "IDLETIME 1000", "IDLETIME"), ":1000");
    assert_eq!(restored("allkeys-lfu", "b", "FREQ 100", "FREQ"), ":100");
    assert_eq!(restored("allkeys-lfu", "c", "IDLETIME 9", "FREQ"), ":5");
    assert!(client.show("RESTORE k 0 x IDLETIME 1 FREQ 1").starts_with("-ERR syntax"));
}

/// An eviction is a change like any other: it is told, and ends a watch.
#[test]
fn evictions_are_told_and_end_a_watch() {
    let store = Store::new(1);
    let mut listener = Listener::new(&store, Version::Resp2);
    listener.call("PSUBSCRIBE __keyevent@*__:evicted");
    let (mut client, mut other) = (store.client(Version::Resp2), store.client(Version::Resp2));
    client.call("CONFIG SET maxmemory-policy volatile-ttl notify-keyspace-events Ee");
    client.call(&format!("SET victim {:0500} EX 100", 1));
    client.call("SET stays x");
    client.call("WATCH victim");
    let limit = field(&text(&mut other, "INFO memory"), "used_memory").parse::<u64>().unwrap();
    other.call(&format!("CONFIG SET maxmemory {}", limit - 100));
    assert_eq!(other.show("SET new x"), "OK");
    let message =
        "[\"pmessage\", \"__keyevent@*__:evicted\", \"__keyevent@0__:evicted\", \"victim\"]";
    assert_eq!(listener.messages(), [message]);
    assert_eq!(other.show("EXISTS victim stays new"), ":2");
    assert_eq!(field(&text(&mut other, "INFO stats"), "evicted_keys"), "1");
    client.call("MULTI");
    client.call("SET stays y");
    assert_eq!(client.show("EXEC"), "nil");
    // Nothing may go any more: what would grow is refused.
    other.call("CONFIG SET maxmemory 1");
    assert!(other.show("SET more x").starts_with("-OOM"));
    assert_eq!(other.show("DEL stays new"), ":2");
}

#[test]
fn keys_have_a_longest_length() {
    let store = Store::new(4);
    let mut client = store.client(Version::Resp2);
    let long = vec![b'k'; 512 * 1_024 + 1];
    let set: ArgsBuf = [b"SET".as_slice(), &long, b"v"].iter().collect();
    let refused = b"-TOOLARGE the key exceeds the maximum length of 524288 bytes\r\n";
    assert_eq!(client.run(&set), refused);
    let get: ArgsBuf = [b"GET".as_slice(), &long].iter().collect();
    assert_eq!(client.run(&get), b"$-1\r\n");
    let fits: ArgsBuf = [b"SET".as_slice(), &long[1..], b"v"].iter().collect();
    assert_eq!(client.run(&fits), b"+OK\r\n");
}

#[test]
fn a_transaction_has_a_largest_size() {
    let store = Store::new(4);
    let mut client = store.client(Version::Resp2);
    client.call("CONFIG SET client-query-buffer-limit 1mb");
    client.call("MULTI");
    let set: ArgsBuf = [b"SET".to_vec(), b"k".to_vec(), vec![b'x'; 600_000]].iter().collect();
    assert_eq!(client.run(&set), b"+QUEUED\r\n");
    let refused = b"-ERR the transaction exceeds client-query-buffer-limit\r\n";
    assert_eq!(client.run(&set), refused);
    assert!(client.show("EXEC").starts_with("-EXECABORT"));
    assert_eq!(client.show("EXISTS k"), ":0");
}

#[test]
fn subcommands_list_themselves() {
    let store = Store::new(1);
    let mut client = store.client(Version::Resp2);
    for container in ["CLIENT", "CONFIG", "COMMAND", "OBJECT"] {
        let help = client.show(&format!("{container} HELP"));
        let first =
            format!("[{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
        assert!(help.starts_with(&first), "{help}");
    }
    let docs = client.show("COMMAND DOCS getex");
    assert!(docs.contains(r#""type", "unix-time", "token", "PXAT""#), "{docs}");
    let count = client.call("COMMAND COUNT").unwrap();
    let all = client.call("COMMAND").unwrap();
    assert_eq!(count, Value::Int(all.as_items().unwrap().len() as i64));
}

#[test]
fn searches_answer_with_taken_latches_too() {
    let store = Store::new(4);
    let mut client = store.client(Version::Resp2);
    client.call("SKEG.VINDEX.CREATE i 1 flat METRIC ip");
    client.call(r#"SKEG.VSET i a "\x00\x00\x80\x3f""#);
    client.latches = Latches::Taken;
    let hits = client.show(r#"SKEG.VSEARCH i 1 0 "\x00\x00\x00\x40""#);
    assert_eq!(hits, r#"["a", "2"]"#);
}
