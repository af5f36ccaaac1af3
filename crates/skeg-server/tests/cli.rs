//! The `skeg` executable as a user meets it: what it prints, and its exit codes.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use skeg_proto::{Args, Parsed, Parser, Reply, Version};

/// Answers every connection with `answer`; lives as long as the test process. Its port.
fn responder(answer: fn(Args<'_>, &mut Reply)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || converse(&mut stream, answer));
        }
    });
    port
}

fn converse(stream: &mut TcpStream, answer: fn(Args<'_>, &mut Reply)) {
    let (mut parser, mut reply) = (Parser::default(), Reply::new(Version::Resp2));
    let (mut buf, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        buf.extend_from_slice(&chunk[..count]);
        while let Ok(Parsed::Command { args, consumed }) = parser.next(&buf) {
            if args.get(0) == b"DIE" {
                return;
            }
            answer(args, &mut reply);
            buf.drain(..consumed);
        }
        stream.write_all(&reply.take()).unwrap();
    }
}

/// A few commands, and an echo of all others.
fn small_server(args: Args<'_>, reply: &mut Reply) {
    match args.get(0) {
        b"HELLO" => {
            reply.set_version(Version::Resp3);
            reply.map(0);
        }
        b"SELECT" | b"SET" | b"AUTH" => reply.ok(),
        b"NIL" => reply.null(),
        b"FAIL" => reply.error("ERR it failed"),
        b"MAP" => {
            reply.map(1);
            reply.bulk_str("k");
            reply.bulk(b"\xff");
        }
        _ => {
            reply.array(args.len());
            for arg in args {
                reply.bulk(arg);
            }
        }
    }
}

fn skeg(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skeg"));
    let variables = std::env::vars().filter(|(name, _)| name.starts_with("SKEG_"));
    for (name, _) in variables {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // A child that ends without reading closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Exit code, standard output, standard error.
fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn cli(port: u16, args: &[&str], input: &str) -> (i32, String, String) {
    let port = port.to_string();
    let args = [&["cli", "-p", &port], args].concat();
    outcome(&run(&mut skeg(&args), input.as_bytes()))
}

fn done(out: &str) -> (i32, String, String) {
    (0, out.into(), String::new())
}

#[test]
fn help_and_version_are_there() {
    for (args, start) in [
        (&["--help"][..], "skeg: "),
        (&["help", "cli"], "skeg cli: "),
        (&["serve", "--help"], "skeg serve: "),
        (&["cli", "--help"], "skeg cli: "),
        (&["--version"], "skeg 0."),
        (&["cli", "-V"], "skeg 0."),
    ] {
        let (code, out, err) = outcome(&run(&mut skeg(args), b""));
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
        assert!(out.starts_with(start), "{out}");
        assert!(!out.contains('\x1b'), "colours without a terminal");
        assert!(start.ends_with('.') || out.contains("Examples:"), "{out}");
    }
}

#[test]
fn misuse_ends_with_2_and_touches_nothing() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let data = data.to_str().unwrap();
    for (args, message) in [
        (&[][..], "a command is missing"),
        (&["sreve"], "did you mean 'serve'?"),
        (&["serve", "--data", data, "--port", "70000"], "--port: '70000' is not a whole number"),
        (&["serve", "--data", data, "--no-such"], "there is no --no-such"),
        (&["serve", "--data", data, "--shards", "12"], "--shards: '12' is not a power of two"),
        (&["serve", "--data", data, "--config", "no-such.toml"], "no-such.toml"),
        (&["cli", "--port"], "a value is missing behind --port"),
    ] {
        let (code, out, err) = outcome(&run(&mut skeg(args), b""));
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.starts_with("skeg: ") && err.contains(message), "{err}");
        assert!(err.contains("--help"), "{err}");
    }
    assert!(!place.path().join("data").exists());
}

#[test]
fn one_command_prints_one_reply() {
    let port = responder(small_server);
    assert_eq!(cli(port, &["SET", "a", "b"], ""), done("OK\n"));
    assert_eq!(cli(port, &["ECHO", "a b"], ""), done("ECHO\na b\n"));
    assert_eq!(cli(port, &["--no-raw", "ECHO"], ""), done("1) \"ECHO\"\n"));
    assert_eq!(cli(port, &["--no-raw", "NIL"], ""), done("(nil)\n"));
    assert_eq!(
        cli(port, &["-n", "3", "-a", "x", "-r", "2", "SET", "a", "b"], ""),
        done("OK\nOK\n")
    );
}

#[test]
fn json_is_one_value_a_line() {
    let port = responder(small_server);
    assert_eq!(cli(port, &["--json", "MAP"], ""), done("{\"k\":{\"base64\":\"/w==\"}}\n"));
    assert_eq!(cli(port, &["--json", "-2", "MAP"], ""), done("[\"k\",{\"base64\":\"/w==\"}]\n"));
    let (code, out, _) = cli(port, &["--json", "FAIL"], "");
    assert_eq!((code, out.as_str()), (1, "{\"error\":\"ERR it failed\"}\n"));
}

#[test]
fn an_error_is_exit_code_1_and_no_value() {
    let port = responder(small_server);
    let failed = (1, String::new(), "ERR it failed\n".to_string());
    assert_eq!(cli(port, &["FAIL"], ""), failed);
    assert_eq!(
        cli(port, &["--no-raw", "FAIL"], ""),
        (1, "(error) ERR it failed\n".into(), "".into())
    );
}

#[test]
fn standard_input_gives_an_argument_or_the_commands() {
    let port = responder(small_server);
    assert_eq!(cli(port, &["-x", "ECHO"], "a\n\"b\n"), done("ECHO\na\n\"b\n\n"));
    let (code, out, err) = cli(port, &[], "SET a b\n\nFAIL\nECHO \"x\\ty\nECHO 'y z'\r\n");
    assert_eq!((code, out.as_str()), (1, "OK\nECHO\ny z\n"));
    assert_eq!(err, "ERR it failed\nskeg: line 4: unbalanced quotes\n");
}

#[test]
fn a_broken_connection_is_told() {
    let (code, out, err) = cli(1, &["PING"], "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("skeg: cannot connect to 127.0.0.1:1: "), "{err}");
    let (code, _, err) = cli(responder(small_server), &["DIE"], "");
    assert_eq!(code, 1);
    assert!(err.contains("the command may have run"), "{err}");
}

#[test]
fn a_refused_login_names_what_was_refused() {
    let port = responder(|args, reply| match args.get(0) {
        b"AUTH" => reply.error("WRONGPASS nobody knows you"),
        b"SELECT" => reply.error("ERR DB index is out of range"),
        _ => reply.ok(),
    });
    let (code, _, err) = cli(port, &["-a", "secret", "PING"], "");
    let refused = format!("skeg: 127.0.0.1:{port} refused ");
    assert_eq!(
        (code, err),
        (1, format!("{refused}the login (AUTH): WRONGPASS nobody knows you\n"))
    );
    let (_, _, err) = cli(port, &["-n", "99", "PING"], "");
    assert_eq!(err, format!("{refused}database 99 (SELECT): ERR DB index is out of range\n"));
}

/// A server that ends with the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `skeg serve` and waits for its ready line; the server, the line, its port.
fn serve(args: &[&str]) -> (Serving, String, u16) {
    let mut child = skeg(&[&["serve", "--port", "0"], args].concat()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let port = line
        .strip_prefix("skeg ready on 127.0.0.1:")
        .and_then(|rest| rest.split([' ', ',']).next()?.parse().ok())
        .unwrap_or_else(|| panic!("no ready line but {line:?}"));
    (Serving(child), line, port)
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}

#[test]
fn a_signal_stops_the_server_in_order_and_the_data_is_there_again() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().to_str().unwrap();
    for (signal_name, expected) in [("TERM", "\n"), ("INT", "value\n")] {
        let (mut server, line, port) = serve(&["--data", data]);
        assert!(line.ends_with(&format!("data={data}\n")), "{line}");
        assert_eq!(cli(port, &["GET", "key"], "").1, expected);
        assert_eq!(cli(port, &["SET", "key", "value"], ""), done("OK\n"));
        signal(&server.0, signal_name);
        assert_eq!(server.0.wait().unwrap().code(), Some(0));
        let mut err = String::new();
        server.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert!(err.ends_with("skeg: stopped; everything is on disk\n"), "{err}");
    }
    let (_server, line, _) = serve(&["--data", data]);
    assert!(line.contains(" keys=1 "), "{line}");
}

/// A group gets a signal as a whole, and the launcher passes on what it gets.
#[test]
fn a_signal_that_comes_twice_at_once_counts_once() {
    let (mut server, _, port) = serve(&["--no-persistence"]);
    let mut busy = TcpStream::connect(("127.0.0.1", port)).unwrap();
    busy.write_all(b"DEBUG SLEEP 0.5\r\n").unwrap();
    thread::sleep(Duration::from_millis(50));
    signal(&server.0, "TERM");
    thread::sleep(Duration::from_millis(50));
    signal(&server.0, "TERM");
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_failed_start_is_exit_code_1() {
    let (_server, _, port) = serve(&["--no-persistence"]);
    let port = port.to_string();
    let args = ["serve", "--no-persistence", "--port", &port];
    let (code, out, err) = outcome(&run(&mut skeg(&args), b""));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("cannot listen on"), "{err}");
    let place = tempfile::tempdir().unwrap();
    let data = place.path().to_str().unwrap();
    let (_server, _, _) = serve(&["--data", data]);
    let (code, _, err) = outcome(&run(&mut skeg(&["serve", "--port", "0", "--data", data]), b""));
    assert_eq!(code, 1);
    assert!(err.starts_with("skeg: cannot open the database: "), "{err}");
}

#[test]
fn quiet_prints_the_ready_line_only() {
    let (mut server, _, port) = serve(&["--no-persistence", "--quiet"]);
    assert_eq!(cli(port, &["SHUTDOWN"], ""), done(""));
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
    let (mut out, mut err) = (String::new(), String::new());
    server.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    server.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
}

/// Resident bytes of the server.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn resident(port: u16) -> u64 {
    let (_, info, _) = cli(port, &["INFO", "memory"], "");
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory_rss:"));
    line.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or_else(|| panic!("{info}"))
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn memory_of_deleted_keys_goes_back_to_the_system() {
    let (_server, _, port) = serve(&["--no-persistence"]);
    let value = "v".repeat(1_000);
    let line = |n: usize| {
        let pairs = (0..100).map(|key| format!(" key:{n}:{key} {value}"));
        format!("MSET{}\n", pairs.collect::<String>())
    };
    let commands: String = (0..500).map(line).collect();
    assert_eq!(cli(port, &[], &commands).1, "OK\n".repeat(500));
    let full = resident(port);
    assert!(full > 50_000_000, "{full}");
    assert_eq!(cli(port, &["FLUSHALL"], ""), done("OK\n"));
    let begun = Instant::now();
    while resident(port) > full / 2 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} of {full}", resident(port));
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_unix_socket_serves_too() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("skeg.sock");
    let path = path.to_str().unwrap();
    let mut child = skeg(&["serve", "--no-persistence", "--no-tcp", "-s", path]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let server = Serving(child);
    assert!(line.starts_with(&format!("skeg ready on {path} ")), "{line}");
    let output = run(&mut skeg(&["cli", "-s", path, "PING"]), b"");
    assert_eq!(outcome(&output), done("PONG\n"));
    drop(server);
}
