//! The tools of the executable on a database that a server wrote: what they print, their exit codes,
//! and that what they say is so.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn skeg(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skeg"));
    let variables = std::env::vars().filter(|(name, _)| name.starts_with("SKEG_"));
    for (name, _) in variables {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code, standard output, standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    outcome(&skeg(args).output().unwrap())
}

fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A server that ends with the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(data: &str) -> (Serving, String) {
    let mut child =
        skeg(&["serve", "--port", "0", "--data", data, "--segment-size", "1mb"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let port = line.strip_prefix("skeg ready on 127.0.0.1:").unwrap().split(' ').next().unwrap();
    let port = port.to_owned();
    (Serving(child), port)
}

fn cli(port: &str, args: &[&str]) -> String {
    let (code, out, err) = run(&[&["cli", "-p", port], args].concat());
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
    out.trim_end().to_owned()
}

/// A directory with a database of several segments in it.
struct Place {
    place: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { place: tempfile::tempdir().unwrap() };
        let (mut server, port) = serve(&place.data());
        let value = "v".repeat(100_000);
        for number in 0..40 {
            cli(&port, &["-n", "1", "SET", &format!("key:{number}"), &value]);
        }
        cli(&port, &["MSET", "a", "1", "b\t", "2", "c", "3"]);
        cli(&port, &["SET", "limited", "x", "PXAT", "99999999999999"]);
        cli(&port, &["SHUTDOWN"]);
        assert!(server.0.wait().unwrap().success());
        place
    }

    fn data(&self) -> String {
        self.at("data").to_str().unwrap().to_owned()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.at("data/log")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "seg")).collect();
        paths.sort();
        paths
    }

    /// Names and contents of all files.
    fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut next = vec![self.at("data")];
        while let Some(directory) = next.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    next.push(path);
                } else {
                    files.push((path.clone(), fs::read(&path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }
}

#[test]
fn info_shows_vector_indexes_and_what_they_consist_of() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().to_str().unwrap();
    let (mut server, port) = serve(data);
    cli(&port, &["SKEG.VINDEX.CREATE", "docs", "2", "TQ2", "AUTO", "METRIC", "l2"]);
    // Letters are the bytes of floating-point numbers too.
    cli(&port, &["SKEG.VMSET", "docs", "3", "a", "AAAABBBB", "b", "BBBBAAAA", "c", "AAAAAAAA"]);
    cli(&port, &["SKEG.VINDEX.CONSOLIDATE", "docs"]);
    cli(&port, &["SKEG.VSET", "docs", "c", "BBBBBBBB"]);
    cli(&port, &["SHUTDOWN"]);
    assert!(server.0.wait().unwrap().success());
    let (_, out, _) = run(&["info", data]);
    assert!(out.contains("\n  index      docs\n"), "{out}");
    assert!(out.contains(" 3 vectors of 2 dimensions, euclidean, tq2, auto\n"), "{out}");
    assert!(out.contains(" KiB, dead rows: 1; in no segment: 1\n"), "{out}");
    let (_, out, _) = run(&["info", data, "--json"]);
    assert!(out.contains("\"indexes\":[{\"name\":\"docs\",\"dim\":2,"), "{out}");
    assert!(out.contains("\"vectors\":3,\"vectors_in_memory\":1,\"segments\":1,"), "{out}");
}

fn flip(file: &Path, offset: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[offset] ^= 4;
    fs::write(file, bytes).unwrap();
}

#[test]
fn help_is_there_for_every_tool() {
    let (_, general, _) = run(&["--help"]);
    for tool in ["check", "inspect", "info", "repair", "backup", "restore"] {
        assert!(general.contains(&format!("\n  {tool} ")), "{general}");
        let (code, out, err) = run(&[tool, "--help"]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.starts_with(&format!("skeg {tool}: ")) && out.contains("Examples:"), "{out}");
        assert_eq!(run(&["help", tool]).1, out);
        let (code, out, err) = run(&[tool]);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.contains("is missing") && err.contains("--help"), "{err}");
    }
    assert!(run(&["chekc", "x"]).2.contains("did you mean 'check'?"));
}

#[test]
fn a_sound_database_is_checked_shown_and_left_alone() {
    let place = Place::new();
    let data = place.data();
    let before = place.contents();
    let (code, out, err) = run(&["check", &data]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with(&format!("sound  {data}\n")), "{out}");
    assert!(out.contains("as it is") && out.contains("44 records up to epoch"), "{out}");
    let (code, out, _) = run(&["check", &data, "--json"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("{\"sound\":true,\"database\":\""), "{out}");
    assert!(out.contains("\"damage\":[]") && out.contains("\"open\":{\"does\":\"open\"}"), "{out}");

    let (code, out, err) = run(&["info", &data]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("db 0       4 keys, 1 with a deadline"), "{out}");
    assert!(out.contains("db 1       40 keys, 0 with a deadline"), "{out}");
    let (_, out, _) = run(&["info", &data, "--json"]);
    assert!(out.contains("{\"db\":1,\"keys\":40,\"expiring\":0}"), "{out}");
    let (_, out, _) = run(&["info", &data, "--json", "--no-keys"]);
    assert!(out.contains("\"contents\":null"), "{out}");

    let (code, out, err) = run(&["inspect", &data]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("MANIFEST  database ") && out.contains("\nCURRENT   "), "{out}");
    assert_eq!(out.matches("\nsegment ").count(), place.segments().len(), "{out}");
    let (_, out, _) = run(&["inspect", &data, "--records", "--limit", "0"]);
    assert!(out.contains("set            db 1  \"key:0\"  bytes 100000"), "{out}");
    assert!(out.contains("db 0  \"b\\t\""), "{out}");
    assert!(out.contains("db 0  \"limited\"  bytes 1  expires 99999999999999"), "{out}");
    let (_, out, _) = run(&["inspect", &data, "--records", "--json", "--from", "40"]);
    assert!(out.contains("{\"op\":\"set\",\"db\":0,\"key\":\"c\",\"bytes\":1}"), "{out}");
    assert!(out.lines().all(|line| line.starts_with("{\"") && line.ends_with('}')), "{out}");
    let (_, out, _) = run(&["inspect", &data, "--blocks", "--limit", "2"]);
    assert_eq!(out.matches("  block ").count(), 2);
    let (code, _, err) = run(&["inspect", &data, "--segment", "99"]);
    assert_eq!((code, err.as_str()), (1, "skeg: ERR_NOT_FOUND: there is no segment 99\n"));
    let (code, out, err) = run(&["inspect", &data, "--segment", "99", "--json"]);
    assert!((code, err.as_str()) == (1, "") && out.contains("\"ERR_NOT_FOUND\""), "{out}");
    let (code, out, err) =
        run(&["backup", &data, &format!("{data}.backup"), "--server", "127.0.0.1:1", "--json"]);
    assert!((code, err.as_str()) == (1, "") && out.contains("\"ERR_IO\""), "{out}");

    let (code, out, _) = run(&["repair", &data, "--write"]);
    assert_eq!((code, out.contains("there is nothing to do")), (0, true), "{out}");
    let kept: Vec<_> = place.contents().into_iter().filter(|(p, _)| !p.ends_with("LOCK")).collect();
    let was: Vec<_> = before.into_iter().filter(|(path, _)| !path.ends_with("LOCK")).collect();
    assert!(kept == was, "no tool has changed anything");
}

#[test]
fn damage_is_named_and_repaired_and_the_originals_are_kept() {
    let place = Place::new();
    let data = place.data();
    let victim = place.segments()[1].clone();
    flip(&victim, 5000);
    let damaged = fs::read(&victim).unwrap();
    let (code, out, err) = run(&["check", &data]);
    assert_eq!((code, err.as_str()), (1, ""));
    let name = format!("log/{}", victim.file_name().unwrap().to_str().unwrap());
    assert!(out.starts_with("damaged  ") && out.contains(&format!("{name} at offset ")), "{out}");
    assert!(out.contains("skeg repair"), "{out}");
    let (code, out, _) = run(&["check", &data, "--json"]);
    assert_eq!(code, 1);
    assert!(out.contains(&format!("\"damage\":[{{\"file\":\"{name}\",\"offset\":")), "{out}");
    let (code, _, err) = run(&["serve", "--port", "0", "--data", &data]);
    assert_eq!(code, 1);
    assert!(err.contains("is damaged at offset"), "{err}");

    let before = place.contents();
    let (code, out, _) = run(&["repair", &data, "--limit", "3"]);
    assert_eq!(code, 1, "nothing is repaired yet");
    assert!(out.contains("keeps ") && out.contains("drops ") && out.contains("--write"), "{out}");
    assert_eq!(out.matches("db 1  \"key:").count(), 3, "{out}");
    assert!(place.contents() == before, "it only says what it would do");

    let (code, out, _) = run(&["repair", &data, "--write"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("repaired  "), "{out}");
    let original = place.at("data/damaged-1").join(&name);
    assert!(fs::read(original).unwrap() == damaged);
    assert_eq!(run(&["check", &data]).0, 0);
    let (_server, port) = serve(&data);
    let keys: usize = cli(&port, &["-n", "1", "DBSIZE"]).parse().unwrap();
    assert!(keys > 5 && keys < 40, "{keys}");
    for number in 0..keys {
        assert_eq!(cli(&port, &["-n", "1", "EXISTS", &format!("key:{number}")]), "1", "a prefix");
    }
}

#[test]
fn a_snapshot_is_shown_with_what_is_in_it() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let dir = data.to_str().unwrap();
    let (mut server, port) = serve(dir);
    cli(&port, &["MSET", "a", "1", "b", "2"]);
    assert_eq!(cli(&port, &["SAVE"]), "OK");
    cli(&port, &["SET", "later", "3"]);
    cli(&port, &["SHUTDOWN"]);
    assert!(server.0.wait().unwrap().success());
    let (code, out, _) = run(&["inspect", dir, "--snapshot", "--records"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("snapshot 1  snap/00000001.snap  "), "{out}");
    assert!(out.contains("set            db 0  \"a\"") && !out.contains("later"), "{out}");
    assert!(out.contains("  end    ") && out.contains("2 items in all"), "{out}");
    assert_eq!(run(&["inspect", dir, "--snapshot", "--segment", "1"]).0, 2);
    let (_, json, _) = run(&["inspect", dir, "--snapshot", "--json"]);
    let kinds = ["{\"snapshot\":", "{\"snapshot_block\":", "{\"snapshot_end\":"];
    assert!(kinds.iter().all(|kind| json.lines().any(|line| line.starts_with(kind))), "{json}");
    flip(&data.join("snap/00000001.snap"), 70);
    let (code, out, _) = run(&["inspect", dir, "--blocks"]);
    assert_eq!(code, 0, "damage is shown");
    assert!(out.contains("  bad    snap/00000001.snap at offset 64"), "{out}");
}

#[test]
fn without_current_the_shards_are_told_from_the_keys() {
    let place = Place::new();
    let data = place.data();
    fs::remove_file(place.at("data/CURRENT")).unwrap();
    fs::remove_file(place.at("data/MANIFEST")).unwrap();
    let (code, out, err) = run(&["repair", &data, "--write"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let (_server, port) = serve(&data);
    assert_eq!(cli(&port, &["-n", "1", "DBSIZE"]), "40");
    assert_eq!(cli(&port, &["GET", "a"]), "1");
}

#[test]
fn an_open_database_is_refused_with_a_code() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().to_str().unwrap();
    let (_server, _) = serve(data);
    for tool in ["check", "inspect", "info", "repair"] {
        let (code, out, err) = run(&[tool, data]);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.starts_with("skeg: ERR_LOCKED: "), "{err}");
    }
    let (code, out, err) = run(&["check", data, "--json"]);
    assert_eq!((code, err.as_str()), (1, ""));
    assert!(out.starts_with("{\"error\":{\"code\":\"ERR_LOCKED\",\"message\":\""), "{out}");
    let (code, _, err) = run(&["check", place.path().join("none").to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(err.starts_with("skeg: ERR_NOT_FOUND: "), "{err}");
}

#[test]
fn a_backup_can_be_restored() {
    let place = Place::new();
    let (data, backup, back) = (place.data(), place.at("backup"), place.at("back"));
    let (backup, back) = (backup.to_str().unwrap(), back.to_str().unwrap());
    let (code, out, err) = run(&["backup", &data, backup]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("backed up  ") && out.contains("by a link"), "{out}");
    let (code, out, _) = run(&["backup", &data, backup]);
    assert_eq!(code, 0);
    assert!(out.contains("there already"), "{out}");
    fs::remove_dir_all(&data).unwrap();
    let (code, out, _) = run(&["restore", backup, back, "--json"]);
    assert_eq!(code, 0);
    assert!(out.contains("\"linked\":0") && out.contains("\"reused\":0"), "{out}");
    let (code, _, err) = run(&["restore", backup, back]);
    assert_eq!(code, 1);
    assert!(err.contains("ERR_INVALID_ARGUMENT") && err.contains("it holds a database"), "{err}");
    assert_eq!(run(&["check", back]).0, 0);
    let (_server, port) = serve(back);
    assert_eq!(cli(&port, &["-n", "1", "DBSIZE"]), "40");
    assert_eq!(run(&["check", backup]).0, 0, "the backup stays");
}

#[test]
fn a_database_that_is_served_is_backed_up_by_its_server() {
    let place = Place::new();
    let (data, backup) = (place.data(), place.at("backup"));
    let backup = backup.to_str().unwrap();
    let (server, port) = serve(&data);
    let (code, _, err) = run(&["backup", &data, backup]);
    assert_eq!(code, 1);
    assert!(err.contains("ERR_LOCKED") && err.contains("--server"), "{err}");
    cli(&port, &["SET", "late", "1"]);
    let address = format!("127.0.0.1:{port}");
    let (code, out, err) = run(&["backup", &data, backup, "--server", &address]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert_eq!(run(&["check", backup]).0, 0);
    let elsewhere = place.at("");
    let elsewhere = elsewhere.to_str().unwrap();
    let (code, _, err) = run(&["backup", elsewhere, backup, "--server", &address]);
    assert!(code == 1 && err.contains("serves"), "{err}");
    let (code, _, err) = run(&["backup", &data, &data, "--server", &address, "--copy"]);
    assert!(code == 1 && err.starts_with("skeg: ERR_INVALID_ARGUMENT: "), "{err}");
    drop(server);
    let (_server, port) = serve(backup);
    assert_eq!(cli(&port, &["GET", "late"]), "1");
}

/// The user who runs the tests may be root, whom rights do not stop: then nothing is shown by it.
#[test]
fn a_directory_without_rights_to_write_can_be_checked() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let read_only = |yes: bool| {
        for (path, _) in place.contents() {
            fs::set_permissions(&path, fs::Permissions::from_mode(if yes { 0o444 } else { 0o644 }))
                .unwrap();
        }
        for directory in ["data/log", "data"] {
            let mode = if yes { 0o555 } else { 0o755 };
            fs::set_permissions(place.at(directory), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    read_only(true);
    let (code, out, err) = run(&["check", &place.data()]);
    read_only(false);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
}
