//! `skeg import` of files that a real Redis has written, with values in all of its encodings; skipped,
//! visibly, where there is no `redis-server`.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use skeg_proto::client::{Decoder, Value, encode_command};

/// Exit code, standard output, standard error.
fn skeg(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_skeg")).args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A server that ends with the test, and a connection to it.
struct Peer {
    child: Child,
    stream: TcpStream,
    decoder: Decoder,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    /// Starts a server on a free port; `None` when there is no such program.
    fn start(program: &str, args: impl Fn(&str) -> Vec<String>) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(args(&port.to_string())).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().ok()?;
        let connect = || {
            std::thread::sleep(Duration::from_millis(10));
            TcpStream::connect(("127.0.0.1", port)).ok()
        };
        let stream = (0..3_000).find_map(|_| connect()).expect("it accepts within half a minute");
        Some(Self { child, stream, decoder: Decoder::new() })
    }

    fn redis(dir: &Path, settings: &[&str]) -> Option<Self> {
        let dir = dir.to_str().unwrap().to_owned();
        Self::start("redis-server", |port| {
            let mut args = vec!["--port", port, "--dir", &dir, "--save", ""];
            args.extend(["--enable-debug-command", "yes"]);
            args.extend(settings);
            args.into_iter().map(str::to_owned).collect()
        })
    }

    fn skeg(data: &str) -> Self {
        let args = |port: &str| {
            let args = ["serve", "--port", port, "--data", data];
            args.map(str::to_owned).to_vec()
        };
        Self::start(env!("CARGO_BIN_EXE_skeg"), args).unwrap()
    }

    fn call(&mut self, line: &[&str]) -> Value {
        let words: Vec<&[u8]> = line.iter().map(|word| word.as_bytes()).collect();
        self.call_bytes(&words)
    }

    fn call_bytes(&mut self, line: &[&[u8]]) -> Value {
        let words: Vec<Vec<u8>> = line.iter().map(|word| word.to_vec()).collect();
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &words);
        self.stream.write_all(&bytes).unwrap();
        let mut chunk = [0; 65_536];
        loop {
            if let Some(value) = self.decoder.decode().unwrap() {
                return value;
            }
            let count = self.stream.read(&mut chunk).unwrap();
            assert!(count > 0, "the server is gone");
            self.decoder.feed(&chunk[..count]);
        }
    }

    fn ok(&mut self, line: &[&str]) {
        let value = self.call(line);
        assert!(!value.is_error(), "{line:?}: {value:?}");
    }

    /// Everything in the first databases, in an order of its own.
    fn dump(&mut self) -> Vec<(String, Vec<Value>)> {
        let mut all = Vec::new();
        for db in 0..3 {
            self.ok(&["SELECT", &db.to_string()]);
            let keys = self.call(&["KEYS", "*"]);
            for key in keys.as_items().unwrap() {
                let key = String::from_utf8(key.as_bytes().unwrap().to_vec()).unwrap();
                let kind = self.call(&["TYPE", &key]);
                let read: Vec<&str> = match kind.as_bytes().unwrap() {
                    b"string" => vec!["GET", &key],
                    b"list" => vec!["LRANGE", &key, "0", "-1"],
                    b"set" => vec!["SORT", &key, "ALPHA"],
                    b"hash" => vec!["HGETALL", &key],
                    b"zset" => vec!["ZRANGE", &key, "0", "-1", "WITHSCORES"],
                    _ => continue,
                };
                let mut value = self.call(&read);
                if let (b"hash", Value::Array(items)) = (kind.as_bytes().unwrap(), &mut value) {
                    let mut pairs: Vec<Vec<Value>> =
                        items.chunks(2).map(<[Value]>::to_vec).collect();
                    pairs.sort_by_key(|pair| pair[0].as_bytes().unwrap().to_vec());
                    *items = pairs.into_iter().flatten().collect();
                }
                let expires = self.call(&["PEXPIRETIME", &key]);
                all.push((format!("{db} {key}"), vec![kind, value, expires]));
            }
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

/// Values that Redis keeps in each of its encodings.
fn fill(redis: &mut Peer) {
    let long = "a value that is long enough to be packed, and repeats itself, ".repeat(40);
    let number = |n: usize| n.to_string();
    redis.ok(&["SET", "int8", "-5"]);
    redis.ok(&["SET", "int16", "31000"]);
    redis.ok(&["SET", "int32", "-2000000000"]);
    redis.ok(&["SET", "int64", "9000000000000000000"]);
    redis.ok(&["SET", "short", "text"]);
    redis.ok(&["SET", "empty", ""]);
    redis.ok(&["SET", "lzf", &long]);
    redis.ok(&["SET", "deadline", "1", "PXAT", "4102444800123"]);
    redis.ok(&["SADD", "intset", "1", "-2", "70000", "5000000000"]);
    redis.ok(&["SADD", "set listpack", "a", "b", "3"]);
    redis.ok(&["HSET", "hash listpack", "f", "1", "g", "-300", "h", "40000", "i", "9000000000"]);
    redis.ok(&["ZADD", "zset listpack", "1", "one", "-2.5", "two", "inf", "top"]);
    redis.ok(&["RPUSH", "list", "1", "two", "-3000", &long]);
    redis.ok(&["SELECT", "1"]);
    for n in 0..700 {
        let n = number(n);
        redis.ok(&["RPUSH", "quicklist", &n, &format!("element {n}")]);
        redis.ok(&["SADD", "hashtable", &format!("member {n}")]);
        redis.ok(&["HSET", "hash", &format!("field {n}"), &n]);
        redis.ok(&["ZADD", "skiplist", &format!("{n}.25"), &format!("member {n}")]);
    }
    redis.ok(&["CONFIG", "SET", "list-max-listpack-size", "-5"]);
    for length in [63, 64, 4_095, 4_096, 16_376, 16_377, 16_378, 16_379, 16_380] {
        redis.ok(&["RPUSH", &format!("lengths {length}"), &"x".repeat(length), "behind"]);
    }
    redis.ok(&["DEBUG", "QUICKLIST-PACKED-THRESHOLD", "100"]);
    redis.ok(&["RPUSH", "plain", &long.repeat(20), "packed"]);
    redis.ok(&["DEBUG", "QUICKLIST-PACKED-THRESHOLD", "0"]);
    redis.ok(&["EXPIRE", "hashtable", "100000"]);
    redis.ok(&["SELECT", "2"]);
    for n in 0..10 {
        redis.ok(&["SET", &format!("key {n}"), &number(n)]);
    }
}

/// Serves what was imported, and compares.
fn imported(data: &str, redis: &[(String, Vec<Value>)]) -> Peer {
    let mut here = Peer::skeg(data);
    let found = here.dump();
    assert_eq!(found.len(), redis.len());
    for (found, expected) in found.iter().zip(redis) {
        assert_eq!(found, expected);
    }
    here
}

#[test]
fn a_dump_with_every_encoding_is_imported() {
    let root = tempfile::tempdir().unwrap();
    let Some(mut redis) = Peer::redis(root.path(), &[]) else {
        eprintln!("skipped: there is no redis-server");
        return;
    };
    fill(&mut redis);
    let expected = redis.dump();
    redis.ok(&["SAVE"]);
    let (data, dump) = (root.path().join("data"), root.path().join("dump.rdb"));
    let (data, dump) = (data.to_str().unwrap(), dump.to_str().unwrap());
    let (code, out, err) = skeg(&["import", data, "--rdb", dump, "--dry-run"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("can be imported  ") && !Path::new(data).exists(), "{out}");
    let (code, out, err) = skeg(&["import", data, "--rdb", dump]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let holds = format!("holds      {} keys", expected.len());
    assert!(out.starts_with("imported  ") && out.contains(&holds), "{out}");
    let here = imported(data, &expected);
    let (code, _, err) = skeg(&["import", data, "--rdb", dump]);
    assert!(code == 1 && err.contains("ERR_LOCKED"), "{err}");
    drop(here);
    let (code, _, err) = skeg(&["import", data, "--rdb", dump]);
    assert!(code == 1 && err.contains("only an empty database"), "{err}");

    // Damage is found before anything is written.
    let mut bytes = fs::read(dump).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(dump, &bytes).unwrap();
    let other = root.path().join("other");
    let (code, _, err) = skeg(&["import", other.to_str().unwrap(), "--rdb", dump]);
    assert!(code == 1 && err.contains("ERR_CORRUPT") && !other.exists(), "{err}");
}

#[test]
fn what_skeg_does_not_have_is_refused_or_left_out() {
    let root = tempfile::tempdir().unwrap();
    let Some(mut redis) = Peer::redis(root.path(), &["--appendonly", "yes"]) else {
        eprintln!("skipped: there is no redis-server");
        return;
    };
    redis.ok(&["SET", "a", "1"]);
    redis.ok(&["XADD", "stream", "*", "f", "v"]);
    redis.ok(&["XGROUP", "CREATE", "stream", "group", "0"]);
    redis.ok(&["XREADGROUP", "GROUP", "group", "consumer", "STREAMS", "stream", ">"]);
    redis.ok(&["FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() end)"]);
    redis.ok(&["SET", "z", "2"]);
    redis.ok(&["SAVE"]);
    drop(redis);
    let (data, dump) = (root.path().join("data"), root.path().join("dump.rdb"));
    let (data, dump) = (data.to_str().unwrap(), dump.to_str().unwrap());
    let (code, _, err) = skeg(&["import", data, "--rdb", dump]);
    assert!(code == 1 && err.contains("functions (1), stream (1)"), "{err}");
    assert!(!Path::new(data).exists());
    let (code, out, _) = skeg(&["import", data, "--rdb", dump, "--skip-unsupported", "--json"]);
    assert_eq!(code, 0, "{out}");
    assert!(
        out.contains("\"keys\":2") && out.contains("{\"kind\":\"stream\",\"count\":1}"),
        "{out}"
    );
    let log = root.path().join("appendonlydir");
    let (other, log) = (root.path().join("other"), log.to_str().unwrap());
    let args = ["import", other.to_str().unwrap(), "--aof", log];
    let (code, _, err) = skeg(&args);
    assert!(code == 1 && err.contains("command XADD (1)"), "{err}");
    let (code, out, _) = skeg(&[&args[..], &["--skip-unsupported"]].concat());
    assert!(code == 0 && out.contains("holds      2 keys"), "{out}");
}

/// Redis 7's parts: a base, what came later, and what a rewrite has put together meanwhile.
#[test]
fn an_append_only_file_in_parts_is_imported() {
    for preamble in ["yes", "no"] {
        let root = tempfile::tempdir().unwrap();
        let settings = ["--appendonly", "yes", "--aof-use-rdb-preamble", preamble];
        let Some(mut redis) = Peer::redis(root.path(), &settings) else {
            eprintln!("skipped: there is no redis-server");
            return;
        };
        fill(&mut redis);
        redis.ok(&["BGREWRITEAOF"]);
        loop {
            let info = redis.call(&["INFO", "persistence"]);
            let info = String::from_utf8(info.as_bytes().unwrap().to_vec()).unwrap();
            if info.contains("aof_rewrite_in_progress:0")
                && info.contains("aof_rewrite_scheduled:0")
            {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        redis.ok(&["SELECT", "0"]);
        redis.ok(&["SET", "later", "1", "EX", "100000"]);
        // Values of a dump between the commands, and in a transaction.
        let restore = |redis: &mut Peer, key: &str, ttl: &str, of: &str, dumped: &Value| {
            let [key, ttl, of] = [key, ttl, of].map(str::as_bytes);
            let line = [b"RESTORE", key, ttl, dumped.as_bytes().unwrap(), of];
            assert!(!redis.call_bytes(&line).is_error());
        };
        let [list, set] = ["list", "intset"].map(|key| redis.call(&["DUMP", key]));
        restore(&mut redis, "copied list", "100000000", "REPLACE", &list);
        redis.ok(&["MULTI"]);
        restore(&mut redis, "copied list", "0", "REPLACE", &list);
        restore(&mut redis, "copied set", "100000000", "REPLACE", &set);
        redis.ok(&["INCR", "later"]);
        redis.ok(&["DEL", "short"]);
        redis.ok(&["EXEC"]);
        redis.ok(&["SPOP", "intset"]);
        redis.ok(&["LMOVE", "list", "list", "LEFT", "RIGHT"]);
        let expected = redis.dump();
        redis.ok(&["CONFIG", "SET", "appendfsync", "always"]);
        redis.ok(&["SET", "last", "1"]);
        redis.ok(&["DEL", "last"]);
        drop(redis);
        let parts = root.path().join("appendonlydir");
        // A crash has torn the end, in a transaction.
        let last = fs::read_dir(&parts).unwrap().flatten().map(|entry| entry.path());
        let last = last.filter(|path| path.to_str().unwrap().ends_with("incr.aof")).max().unwrap();
        let torn = b"*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$4\r\nlzf4\r\n*3\r\n$3\r\nSE";
        fs::OpenOptions::new().append(true).open(last).unwrap().write_all(torn).unwrap();
        let data = root.path().join("data");
        let (data, parts) = (data.to_str().unwrap(), parts.to_str().unwrap());
        let (code, out, err) = skeg(&["import", data, "--aof", parts]);
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        assert!(out.contains(&format!("torn       {} bytes", torn.len())), "{out}");
        drop(imported(data, &expected));
    }
}

/// A file of Redis before 7. Between its commands no deadline passes, however long ago they were.
#[test]
fn a_single_append_only_file_is_imported_as_it_happened() {
    let root = tempfile::tempdir().unwrap();
    let (data, log) = (root.path().join("data"), root.path().join("appendonly.aof"));
    let (data, file) = (data.to_str().unwrap(), log.to_str().unwrap());
    let mut bytes = Vec::new();
    for line in [
        "SELECT 3",
        "SET kept x",
        "PEXPIREAT kept 1500000000000",
        "APPEND kept y",
        "PERSIST kept",
        "SET gone x PXAT 1500000000000",
    ] {
        encode_command(&mut bytes, &line.split(' ').collect::<Vec<_>>());
    }
    fs::write(&log, &bytes).unwrap();
    let (code, out, err) = skeg(&["import", data, "--aof", file]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let mut here = Peer::skeg(data);
    here.ok(&["SELECT", "3"]);
    assert_eq!(here.call(&["GET", "kept"]).as_bytes(), Some(&b"xy"[..]));
    assert_eq!(here.call(&["EXISTS", "gone"]), Value::Int(0));
    drop(here);

    encode_command(&mut bytes, &["SHUTDOWN"]);
    fs::write(&log, &bytes).unwrap();
    let other = root.path().join("other");
    let (code, _, err) = skeg(&["import", other.to_str().unwrap(), "--aof", file]);
    assert!(code == 1 && err.contains("SHUTDOWN, which Redis does not write"), "{err}");
    assert!(!other.exists());
    let (code, _, err) = skeg(&["import", other.to_str().unwrap()]);
    assert!(code == 2 && err.contains("--rdb or --aof"), "{err}");
}

#[test]
fn an_import_that_fails_leaves_nothing_of_a_new_directory() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let (log, data) = (path("appendonly.aof"), path("data"));
    // Well-formed, so the first pass takes it; the second one finds that no hash is there.
    let text = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n\
                *4\r\n$4\r\nHSET\r\n$1\r\na\r\n$1\r\nf\r\n$1\r\n1\r\n";
    fs::write(&log, text).unwrap();
    let (code, _, err) = skeg(&["import", &data, "--aof", &log]);
    assert_eq!(code, 1);
    assert!(err.contains("offset 27") && err.contains("WRONGTYPE"), "{err}");
    let names = || fs::read_dir(place.path()).unwrap().count();
    assert_eq!(names(), 1, "only the log is there");
    fs::write(&log, &text[..27]).unwrap();
    let (code, out, _) = skeg(&["import", &data, "--aof", &log]);
    assert_eq!(code, 0);
    assert!(out.contains("1 key"), "{out}");
    assert_eq!(names(), 2);
}
