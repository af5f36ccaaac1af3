//! The prompt: history, completion, hints, help, reconnection.

use std::borrow::Cow;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, Helper};
use skeg_proto::split_line;

use super::connection::{Connection, Login, TalkError, Target};
use super::docs::Docs;
use super::print::Style;
use super::{Session, Trouble};
use crate::cli::{Failure, help};

/// Lines of history that are kept.
const HISTORY_LINES_MAX: usize = 2_000;

/// Asks for commands until the user has enough.
pub(super) fn run(login: Login, style: Style) -> Result<(), Failure> {
    let interrupt = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupt))
        .map_err(|error| Failure::failed(format!("cannot watch for Ctrl-C: {error}")))?;
    let connection = Connection::new(login, Some(Arc::clone(&interrupt)));
    let mut prompt = Prompt {
        session: Session { connection, style },
        editor: editor()?,
        history: history_path(),
        interrupt,
    };
    prompt.run()
}

struct Prompt {
    session: Session,
    editor: Editor<Assistant, FileHistory>,
    history: Option<PathBuf>,
    interrupt: Arc<AtomicBool>,
}

/// What a line asked for.
enum Next {
    Line,
    Quit,
}

impl Prompt {
    fn run(&mut self) -> Result<(), Failure> {
        if let Some(path) = &self.history {
            // There is none at first.
            let _ = self.editor.load_history(path);
        }
        self.connect()?;
        loop {
            match self.editor.readline(&self.text()) {
                Ok(line) => {
                    self.remember(&line);
                    if let Next::Quit = self.obey(&line)? {
                        return Ok(());
                    }
                }
                Err(ReadlineError::Eof) => return Ok(()),
                Err(ReadlineError::Interrupted) => say("(Ctrl-D or 'quit' leaves)\n")?,
                Err(error) => return Err(Failure::failed(format!("cannot read a line: {error}"))),
            }
        }
    }

    fn text(&self) -> String {
        let connection = &self.session.connection;
        if !connection.is_live() {
            return "not connected> ".into();
        }
        let db = match connection.login.db {
            0 => String::new(),
            db => format!("[{db}]"),
        };
        let transaction = if connection.in_transaction { "(TX)" } else { "" };
        format!("{}{db}{transaction}> ", connection.login.target)
    }

    /// Connects, and learns what the server can do. Whether there is a connection now.
    fn connect(&mut self) -> Result<bool, Failure> {
        if let Err(error) = self.session.connection.ensure() {
            say(&format!("{error}\n"))?;
            return Ok(false);
        }
        let ask = [b"COMMAND".to_vec(), b"DOCS".to_vec()];
        if let Ok(reply) = self.session.connection.call(&ask, &mut |_| {})
            && let Some(assistant) = self.editor.helper_mut()
        {
            assistant.docs = Docs::from_reply(&reply);
        }
        Ok(true)
    }

    fn obey(&mut self, line: &str) -> Result<Next, Failure> {
        let Ok(words) = split_line(line.as_bytes()) else {
            say("(error) unbalanced quotes\n")?;
            return Ok(Next::Line);
        };
        let mut command: Vec<Vec<u8>> = words.as_args().iter().map(<[u8]>::to_vec).collect();
        let Some(first) = command.first() else { return Ok(Next::Line) };
        let plain: Vec<&str> = line.split_ascii_whitespace().collect();
        match first.to_ascii_lowercase().as_slice() {
            b"quit" | b"exit" => return Ok(Next::Quit),
            b"clear" => {
                self.editor.clear_screen().map_err(|error| Failure::failed(error.to_string()))?;
            }
            b"help" | b"?" => say(&format!("{}\n", self.docs().help(&plain[1..])))?,
            b"connect" => self.go_to(&plain[1..])?,
            _ => {
                let count = repetitions(&mut command);
                for _ in 0..count {
                    if !self.send(&command)? {
                        break;
                    }
                }
            }
        }
        Ok(Next::Line)
    }

    /// Whether to go on with repetitions.
    fn send(&mut self, command: &[Vec<u8>]) -> Result<bool, Failure> {
        self.interrupt.store(false, Ordering::SeqCst);
        if !self.session.connection.is_live() && !self.connect()? {
            return Ok(false);
        }
        match self.session.run(command) {
            Ok(good) => Ok(good),
            Err(Trouble::Print(error)) => Err(error.into()),
            Err(Trouble::Talk(error)) => {
                match error {
                    // Ctrl-C ends a subscription or a blocking command: that is no news.
                    TalkError::Interrupted => say("\n")?,
                    TalkError::Connect(_) | TalkError::Lost(_) => {
                        say(&format!("(error) {error}\n"))?;
                    }
                }
                self.connect()?;
                Ok(false)
            }
        }
    }

    fn go_to(&mut self, words: &[&str]) -> Result<(), Failure> {
        let target = match words {
            [host, port] => {
                port.parse().ok().map(|port| Target::Tcp { host: (*host).into(), port })
            }
            [path] if path.contains('/') => Some(Target::Unix(path.into())),
            _ => None,
        };
        match target {
            Some(target) => {
                self.session.connection.close();
                self.session.connection.login.target = target;
                self.session.connection.login.db = 0;
                self.connect().map(drop)
            }
            None => say("(error) usage: connect HOST PORT, or connect /path/to/socket\n"),
        }
    }

    fn docs(&self) -> &Docs {
        &self.editor.helper().expect("the editor was made with one").docs
    }

    /// Adds the line to the history and its file, unless it holds a password.
    fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || holds_secret(line) {
            return;
        }
        // A history that cannot be written is no reason to stop.
        let _ = self.editor.add_history_entry(line);
        if let Some(path) = &self.history {
            let _ = self.editor.append_history(path);
        }
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn editor() -> Result<Editor<Assistant, FileHistory>, Failure> {
    let failed = |error: ReadlineError| Failure::failed(format!("cannot open a prompt: {error}"));
    let config = Config::builder()
        .max_history_size(HISTORY_LINES_MAX)
        .and_then(|builder| builder.history_ignore_dups(true))
        .map_err(failed)?
        .completion_type(rustyline::CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Assistant {
        docs: Docs::default(),
        colours: help::colours(&std::io::stdout()),
    }));
    Ok(editor)
}

/// `SKEGCLI_HISTFILE`, or a file in the home directory; empty or `/dev/null` for none.
fn history_path() -> Option<PathBuf> {
    let named = std::env::var_os("SKEGCLI_HISTFILE").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".skegcli_history"));
    named
        .or_else(home)
        .filter(|path| !path.as_os_str().is_empty() && path.as_os_str() != "/dev/null")
}

/// Takes a number before a command off it.
fn repetitions(command: &mut Vec<Vec<u8>>) -> u64 {
    let count = std::str::from_utf8(&command[0]).ok().and_then(|word| word.parse().ok());
    match count {
        Some(count) if command.len() > 1 => {
            command.remove(0);
            count
        }
        _ => 1,
    }
}

/// Whether a line may hold a password.
fn holds_secret(line: &str) -> bool {
    let line = line.to_ascii_uppercase();
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match words.as_slice() {
        ["AUTH", ..] | ["ACL", "SETUSER" | "GETUSER", ..] => true,
        ["CONFIG", "SET", settings @ ..] => {
            settings.iter().any(|word| word.contains("PASS") || word.contains("AUTH"))
        }
        ["HELLO" | "MIGRATE", rest @ ..] => rest.iter().any(|word| word.starts_with("AUTH")),
        _ => false,
    }
}

/// Completes and hints from what the server says about its commands.
struct Assistant {
    docs: Docs,
    colours: bool,
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = &line[..pos];
        let start = if typed.to_ascii_lowercase().starts_with("help ") { 5 } else { 0 };
        Ok((start, self.docs.starting_with(&typed[start..])))
    }
}

/// Arguments that are still missing: to be read, not to be taken over.
struct Missing(String);

impl Hint for Missing {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assistant {
    type Hint = Missing;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Missing> {
        if pos < line.len() { None } else { self.docs.hint(line).map(Missing) }
    }
}

impl Highlighter for Assistant {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.colours { format!("\x1b[90m{hint}\x1b[0m").into() } else { hint.into() }
    }
}

impl Validator for Assistant {}
impl Helper for Assistant {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_passwords_stay_out_of_the_history() {
        let secret = [
            "auth x",
            "AUTH user x",
            "config set requirepass x",
            "HELLO 3 AUTH user x",
            "acl setuser ada >x",
            "MIGRATE h 1 k 0 5 AUTH2 u x",
        ];
        for line in secret {
            assert!(holds_secret(line), "{line}");
        }
        for line in ["set auth x", "config get requirepass", "hello 3", "GET password"] {
            assert!(!holds_secret(line), "{line}");
        }
    }

    #[test]
    fn a_number_repeats_what_follows_it() {
        let words = |line: &str| -> Vec<Vec<u8>> { line.split(' ').map(Into::into).collect() };
        let mut command = words("3 PING");
        assert_eq!((repetitions(&mut command), command), (3, words("PING")));
        let mut command = words("3");
        assert_eq!((repetitions(&mut command), command), (1, words("3")));
        let mut command = words("GET 3");
        assert_eq!((repetitions(&mut command), command), (1, words("GET 3")));
    }
}
