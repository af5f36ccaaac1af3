//! `skeg cli`: one command, the lines of a script, or a prompt.
//!
//! May not know: what commands mean, beyond the few that change the connection itself.

mod args;
pub(super) mod connection;
mod docs;
mod print;
mod prompt;

use std::io::{BufRead, IsTerminal, Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use skeg_proto::client::Value;
use skeg_proto::split_line;

pub(super) use args::HELP;
use args::{Options, Request};
use connection::{Connection, TalkError};
use print::Style;
pub(super) use print::quoted;

use super::{Failure, help};

/// Runs `skeg cli` with the flags behind it.
pub(super) fn run(args: lexopt::Parser) -> Result<(), Failure> {
    let options = match args::parse(args, |name| std::env::var(name).ok())? {
        Request::Help => return help::print(HELP),
        Request::Version => return super::print_version(),
        Request::Talk(options) => options,
    };
    let style = options.style.unwrap_or(if std::io::stdout().is_terminal() {
        Style::Typed
    } else {
        Style::Raw
    });
    if !options.command.is_empty() {
        return one_shot(options, style);
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return prompt::run(options.login, style);
    }
    script(Session::new(options, style, None), stdin.lock())
}

/// A connection and how its replies are printed.
struct Session {
    connection: Connection,
    style: Style,
}

impl Session {
    fn new(options: Options, style: Style, interrupt: Option<Arc<AtomicBool>>) -> Self {
        Self { connection: Connection::new(options.login, interrupt), style }
    }

    /// Sends a command and prints what comes back. Whether that was no error.
    fn run(&mut self, command: &[Vec<u8>]) -> Result<bool, Trouble> {
        let style = self.style;
        let mut printed = Ok(());
        let mut push = |message: Value| {
            // Where somebody looks; a script does not expect them.
            if printed.is_ok() && style == Style::Typed {
                printed = std::io::stdout().write_all(&style.render(&[], &message));
            }
        };
        let name = command.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
        if matches!(&name[..], b"SUBSCRIBE" | b"PSUBSCRIBE" | b"SSUBSCRIBE" | b"MONITOR") {
            return self.listen(command);
        }
        let reply = match self.connection.call(command, &mut push) {
            // Its answer is that the server goes away.
            Err(TalkError::Lost(_)) if name == b"SHUTDOWN" => return Ok(true),
            other => other?,
        };
        printed?;
        self.print(command, &reply)?;
        Ok(!reply.is_error())
    }

    /// Prints messages until the connection ends.
    fn listen(&mut self, command: &[Vec<u8>]) -> Result<bool, Trouble> {
        self.connection.send(command)?;
        loop {
            let message = self.connection.receive()?;
            self.print(command, &message)?;
            if message.is_error() {
                return Ok(false);
            }
        }
    }

    /// Errors in the raw style go to standard error, so that no script takes them for a value.
    fn print(&self, command: &[Vec<u8>], reply: &Value) -> std::io::Result<()> {
        let text = self.style.render(command, reply);
        if self.style == Style::Raw && reply.is_error() {
            return std::io::stderr().write_all(&text);
        }
        let mut out = std::io::stdout().lock();
        out.write_all(&text)?;
        out.flush()
    }
}

/// Why a command gave nothing.
enum Trouble {
    /// No reply.
    Talk(TalkError),
    /// Nobody to show it to.
    Print(std::io::Error),
}

impl From<TalkError> for Trouble {
    fn from(error: TalkError) -> Self {
        Self::Talk(error)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Print(error)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Talk(error) => Self::failed(error),
            Trouble::Print(error) => error.into(),
        }
    }
}

fn one_shot(mut options: Options, style: Style) -> Result<(), Failure> {
    let mut command = std::mem::take(&mut options.command);
    if options.argument_from_stdin {
        let mut argument = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut argument);
        read.map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
        command.push(argument);
    }
    let (mut left, interval) = (options.repeat, options.interval);
    let mut session = Session::new(options, style, None);
    let mut all_good = true;
    while left != Some(0) {
        all_good &= session.run(&command)?;
        left = left.map(|count| count - 1);
        if left != Some(0) {
            std::thread::sleep(interval);
        }
    }
    if all_good { Ok(()) } else { Err(Failure::Silent) }
}

/// Runs each line as a command; one that fails does not stop the others.
fn script(mut session: Session, mut lines: impl BufRead) -> Result<(), Failure> {
    let mut all_good = true;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = lines.read_until(b'\n', &mut line);
        if read.map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?
            == 0
        {
            break;
        }
        let Ok(words) = split_line(&line) else {
            let problem = format!("skeg: line {number}: unbalanced quotes\n");
            std::io::stderr().write_all(problem.as_bytes())?;
            all_good = false;
            continue;
        };
        let command: Vec<Vec<u8>> = words.as_args().iter().map(<[u8]>::to_vec).collect();
        if !command.is_empty() {
            all_good &= session.run(&command)?;
        }
    }
    if all_good { Ok(()) } else { Err(Failure::Silent) }
}
