//! The flags of `skeg cli`. Those of redis-cli mean the same here.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::{Long, Short, Value};

use super::connection::{Login, Target};
use super::print::Style;
use crate::cli::Failure;
use crate::config::nearest;

/// What `skeg cli --help` prints.
pub(crate) const HELP: &str = "\
skeg cli: send commands to a server that speaks the Redis protocol

Usage: skeg cli [options] [COMMAND [ARGUMENT...]]

Without a command: a prompt on a terminal (history, completion, help), else the lines of
standard input are the commands.

Connection:
  -h, --host HOST       Host or address [127.0.0.1]
  -p, --port PORT       TCP port [6379]
  -s, --socket PATH     Unix socket instead of TCP
  -u, --uri URI         All in one: redis://[user[:password]@]host[:port][/db]
  -a, --password WORD   Log in; better in the variable SKEG_PASSWORD, where nobody sees it
      --user NAME       Log in as this user
  -n, --db N            Logical database [0]
  -2, -3                Speak RESP2 [default] or RESP3 (default with --json)
  -t, --timeout TIME    Give up connecting after so long [10s]

Input:
  -x                    Take the last argument from standard input, as it is
  -r, --repeat N        Run the command N times; -1 forever
  -i, --interval TIME   Wait so long between repetitions [0]

Output:
      --raw             Bare values (default unless standard output is a terminal)
      --no-raw          Types and quotes, as on a terminal
      --json            One JSON value a line; bytes that are no UTF-8 as {\"base64\": ...}
      --help            Show this help
  -V, --version         Show the version

Examples:
  skeg cli                                  open a prompt on 127.0.0.1:6379
  skeg cli SET greeting hello               set a key
  skeg cli -p 7000 -n 2 --json MGET a b     print values as JSON
  skeg cli -x SET photo < photo.jpg         store a file
  skeg cli -r -1 -i 1s DBSIZE               watch the number of keys
  skeg cli < commands.txt                   run the commands of a file

At the prompt: help [COMMAND | @GROUP], connect HOST PORT, clear, quit; a number before a
command repeats it. The history is ~/.skegcli_history (SKEGCLI_HISTFILE names another;
commands with passwords are left out).

Exit codes: 0 done, 1 an error was answered or the connection failed, 2 misused.
";

/// What `skeg cli` is asked to do.
#[derive(Debug)]
pub(super) enum Request {
    Help,
    Version,
    Talk(Options),
}

/// How to connect, what to send, how to print.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) login: Login,
    /// None: decide by where the output goes.
    pub(super) style: Option<Style>,
    /// Times to run the command; none is forever.
    pub(super) repeat: Option<u64>,
    pub(super) interval: Duration,
    /// The last argument comes from standard input.
    pub(super) argument_from_stdin: bool,
    /// The command; empty for a prompt or a script.
    pub(super) command: Vec<Vec<u8>>,
}

const LONG_FLAGS: [&str; 16] = [
    "host",
    "port",
    "socket",
    "unix-socket",
    "uri",
    "password",
    "pass",
    "user",
    "db",
    "timeout",
    "repeat",
    "interval",
    "raw",
    "no-raw",
    "json",
    "help",
];

/// Reads the flags behind `skeg cli`.
pub(super) fn parse(
    mut args: lexopt::Parser,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Request, Failure> {
    let mut options = Options {
        login: Login::default(),
        style: None,
        repeat: Some(1),
        interval: Duration::ZERO,
        argument_from_stdin: false,
        command: Vec::new(),
    };
    let mut target = TargetFlags::default();
    let mut resp3 = None;
    options.login.password = variable("SKEG_PASSWORD").filter(|password| !password.is_empty());

    while let Some(arg) = args.next().map_err(misuse)? {
        match arg {
            Long("help") => return Ok(Request::Help),
            Short('V') | Long("version") => return Ok(Request::Version),
            Short('h') | Long("host") => target.host = Some(text("host", &mut args)?),
            Short('p') | Long("port") => target.port = Some(number("port", &mut args)?),
            Short('s') | Long("socket" | "unix-socket") => {
                target.socket = Some(args.value().map_err(misuse)?.into());
            }
            Short('u') | Long("uri") => {
                let uri = text("uri", &mut args)?;
                parse_uri(&uri, &mut target, &mut options.login)
                    .ok_or_else(|| misuse(format!("'{uri}' is not redis://host:port/db")))?;
            }
            Short('a') | Long("password" | "pass") => {
                options.login.password = Some(text("password", &mut args)?);
            }
            Long("user") => options.login.user = Some(text("user", &mut args)?),
            Short('n') | Long("db") => options.login.db = number("db", &mut args)?,
            Short('2') => resp3 = Some(false),
            Short('3') => resp3 = Some(true),
            Short('t') | Long("timeout") => {
                options.login.connect_timeout = duration("timeout", &mut args)?;
            }
            Short('x') => options.argument_from_stdin = true,
            Short('r') | Long("repeat") => {
                let count: i64 = number("repeat", &mut args)?;
                options.repeat = u64::try_from(count).ok();
            }
            Short('i') | Long("interval") => options.interval = duration("interval", &mut args)?,
            Long("raw") => options.style = Some(Style::Raw),
            Long("no-raw") => options.style = Some(Style::Typed),
            Long("json") => options.style = Some(Style::Json),
            Value(first) => {
                options.command.push(first.into_vec());
                let rest = args.raw_args().map_err(misuse)?;
                options.command.extend(rest.map(OsStringExt::into_vec));
                break;
            }
            Long(name) => {
                return Err(misuse(match nearest(name, LONG_FLAGS.into_iter()) {
                    Some(similar) => format!("there is no --{name}; did you mean --{similar}?"),
                    None => format!("there is no --{name}"),
                }));
            }
            Short(letter) => return Err(misuse(format!("there is no -{letter}"))),
        }
    }
    if options.argument_from_stdin && options.command.is_empty() {
        return Err(misuse("-x needs a command whose last argument it is"));
    }
    options.login.target = target.resolve()?;
    options.login.resp3 = resp3.unwrap_or(options.style == Some(Style::Json));
    Ok(Request::Talk(options))
}

fn misuse(problem: impl std::fmt::Display) -> Failure {
    Failure::misuse("cli", problem)
}

/// Where to connect, as far as the flags said.
#[derive(Debug, Default)]
struct TargetFlags {
    host: Option<String>,
    port: Option<u16>,
    socket: Option<PathBuf>,
}

impl TargetFlags {
    fn resolve(self) -> Result<Target, Failure> {
        match self {
            Self { socket: Some(path), host: None, port: None } => Ok(Target::Unix(path)),
            Self { socket: Some(_), .. } => {
                Err(misuse("a socket cannot be used together with a host or port"))
            }
            Self { socket: None, host, port } => Ok(Target::Tcp {
                host: host.unwrap_or_else(|| "127.0.0.1".into()),
                port: port.unwrap_or(6379),
            }),
        }
    }
}

/// `redis://[user[:password]@]host[:port][/db]`; also `skeg://`. Nothing is percent-decoded but
/// user and password.
fn parse_uri(uri: &str, target: &mut TargetFlags, login: &mut Login) -> Option<()> {
    let rest = uri.strip_prefix("redis://").or_else(|| uri.strip_prefix("skeg://"))?;
    let (place, db) = rest.split_once('/').unwrap_or((rest, ""));
    let (who, address) = place.rsplit_once('@').unwrap_or(("", place));
    if !who.is_empty() {
        let (user, password) = who.split_once(':').unwrap_or((who, ""));
        login.user = Some(percent_decode(user)?).filter(|user| !user.is_empty());
        login.password = Some(percent_decode(password)?).filter(|word| !word.is_empty());
    }
    // A colon inside brackets belongs to an IPv6 address.
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (address, ""),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    target.host = Some(host.into()).filter(|host: &String| !host.is_empty());
    if !port.is_empty() {
        target.port = Some(port.parse().ok()?);
    }
    if !db.is_empty() {
        login.db = db.parse().ok()?;
    }
    Some(())
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

fn value(flag: &str, args: &mut lexopt::Parser) -> Result<OsString, Failure> {
    args.value().map_err(|_| {
        let hint = if flag == "host" { "; -h is the host here, --help the help" } else { "" };
        misuse(format!("a value is missing behind --{flag}{hint}"))
    })
}

fn text(flag: &str, args: &mut lexopt::Parser) -> Result<String, Failure> {
    value(flag, args)?
        .into_string()
        .map_err(|value| misuse(format!("--{flag}: '{}' is not UTF-8", show(&value))))
}

fn number<T: std::str::FromStr>(flag: &str, args: &mut lexopt::Parser) -> Result<T, Failure> {
    let text = text(flag, args)?;
    text.parse().map_err(|_| misuse(format!("--{flag}: '{text}' is not a number that fits")))
}

/// A duration; a bare number is seconds and may have a fraction, as in redis-cli.
fn duration(flag: &str, args: &mut lexopt::Parser) -> Result<Duration, Failure> {
    let text = text(flag, args)?;
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match seconds {
        Some(duration) => Ok(duration),
        None => crate::config::duration(&text)
            .map_err(|problem| misuse(format!("--{flag}: '{text}' {problem}"))),
    }
}

fn show(text: &OsStr) -> String {
    text.as_bytes().escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, Failure> {
        let args = line.split_whitespace().map(OsString::from);
        parse(lexopt::Parser::from_args(args), |_| None)
    }

    fn options(line: &str) -> Options {
        match parsed(line) {
            Ok(Request::Talk(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn problem(line: &str) -> String {
        match parsed(line) {
            Err(Failure::Misuse(message)) => message.lines().next().unwrap().into(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_command_starts_at_the_first_word() {
        let options = options("-p 7000 -3 SET -p --json");
        assert_eq!(options.command, [&b"SET"[..], b"-p", b"--json"]);
        assert_eq!(options.login.target, Target::Tcp { host: "127.0.0.1".into(), port: 7000 });
        assert!(options.login.resp3 && options.style.is_none());
    }

    #[test]
    fn json_speaks_resp3_unless_told() {
        assert!(options("--json").login.resp3);
        assert!(!options("--json -2").login.resp3);
        assert!(!options("").login.resp3);
    }

    #[test]
    fn a_uri_holds_everything() {
        let login = options("-u redis://ada:l%40ve@[::1]:7000/3").login;
        assert_eq!(login.target, Target::Tcp { host: "::1".into(), port: 7000 });
        assert_eq!((login.user, login.password), (Some("ada".into()), Some("l@ve".into())));
        assert_eq!(login.db, 3);
        assert_eq!(
            options("-u skeg://db.example").login.target,
            Target::Tcp { host: "db.example".into(), port: 6379 }
        );
    }

    #[test]
    fn repetition_and_waiting() {
        let options = options("-r -1 -i 0.5 -t 250ms PING");
        assert_eq!(options.repeat, None);
        assert_eq!(options.interval, Duration::from_millis(500));
        assert_eq!(options.login.connect_timeout, Duration::from_millis(250));
    }

    #[test]
    fn misuse_is_explained() {
        let cases = [
            ("-h", "a value is missing behind --host; -h is the host here, --help the help"),
            ("-p x", "--port: 'x' is not a number that fits"),
            ("-s /x -p 1", "a socket cannot be used together with a host or port"),
            ("--jsn", "there is no --jsn; did you mean --json?"),
            ("-x", "-x needs a command whose last argument it is"),
            ("-u http://x", "'http://x' is not redis://host:port/db"),
        ];
        for (line, expected) in cases {
            assert_eq!(problem(line), expected);
        }
    }
}
