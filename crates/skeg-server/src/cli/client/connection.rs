//! One blocking connection to a server.
//!
//! Invariant: a command is sent at most once. A connection that died while idle is replaced before
//! the next command; one that dies under a command is an error, because the command may have run.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use skeg_proto::client::{Decoder, Value, encode_command};

/// How often a wait for a reply looks whether it was interrupted.
const INTERRUPT_CHECK: Duration = Duration::from_millis(100);

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Target {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Target {
    /// Reads `HOST:PORT`, or the path of a socket, which has a slash.
    pub(in crate::cli) fn parse(text: &str) -> Option<Self> {
        if text.contains('/') {
            return Some(Self::Unix(text.into()));
        }
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self::Tcp { host: host.to_owned(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What a connection starts with.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Login {
    pub(super) target: Target,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) db: u32,
    pub(super) resp3: bool,
    pub(super) connect_timeout: Duration,
}

impl Login {
    /// One of a tool that reads replies by their fields.
    pub(in crate::cli) fn to(target: Target) -> Self {
        Self { target, resp3: true, ..Self::default() }
    }
}

impl Default for Login {
    fn default() -> Self {
        Self {
            target: Target::Tcp { host: "127.0.0.1".into(), port: 6379 },
            user: None,
            password: None,
            db: 0,
            resp3: false,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// Why there is no reply.
#[derive(Debug)]
pub(in crate::cli) enum TalkError {
    /// Nothing listens there, or it does not let this client in. Nothing was sent.
    Connect(String),
    /// The connection broke under a command, which may have run.
    Lost(String),
    /// The user does not want to wait any longer.
    Interrupted,
}

impl fmt::Display for TalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(reason) => f.write_str(reason),
            Self::Lost(reason) => {
                write!(f, "the connection was lost ({reason}); the command may have run")
            }
            Self::Interrupted => f.write_str("interrupted; the command may have run"),
        }
    }
}

/// A connection, and what it takes to make it again.
#[derive(Debug)]
pub(in crate::cli) struct Connection {
    pub(super) login: Login,
    /// Between MULTI and EXEC.
    pub(super) in_transaction: bool,
    live: Option<Live>,
    /// Set by Ctrl-C; none lets it end the process.
    interrupt: Option<Arc<AtomicBool>>,
}

#[derive(Debug)]
struct Live {
    stream: Stream,
    decoder: Decoder,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    /// Not connected yet.
    pub(in crate::cli) fn new(login: Login, interrupt: Option<Arc<AtomicBool>>) -> Self {
        Self { login, in_transaction: false, live: None, interrupt }
    }

    /// Whether the last command left a usable connection.
    pub(super) fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Connects if there is no connection, or a dead one.
    pub(super) fn ensure(&mut self) -> Result<(), TalkError> {
        if let Some(live) = &mut self.live
            && live.is_dead()
        {
            self.close();
        }
        if self.live.is_none() {
            self.connect()?;
        }
        Ok(())
    }

    /// Ends the connection; the next command makes a new one.
    pub(super) fn close(&mut self) {
        self.live = None;
        self.in_transaction = false;
    }

    /// Sends a command and waits for its reply. Messages that answer no command go to `push`.
    pub(in crate::cli) fn call(
        &mut self,
        command: &[Vec<u8>],
        push: &mut dyn FnMut(Value),
    ) -> Result<Value, TalkError> {
        self.send(command)?;
        loop {
            match self.receive()? {
                message @ Value::Push(_) => push(message),
                reply => {
                    self.follow(command, &reply);
                    return Ok(reply);
                }
            }
        }
    }

    /// Sends a command.
    pub(super) fn send(&mut self, command: &[Vec<u8>]) -> Result<(), TalkError> {
        self.ensure()?;
        let Some(live) = &mut self.live else {
            return Err(TalkError::Connect("no connection".into()));
        };
        let mut bytes = Vec::new();
        encode_command(&mut bytes, command);
        if let Err(error) = live.stream.write_all(&bytes) {
            self.close();
            return Err(TalkError::Lost(error.to_string()));
        }
        Ok(())
    }

    /// Waits for the next reply or message.
    pub(super) fn receive(&mut self) -> Result<Value, TalkError> {
        let Some(live) = &mut self.live else { return Err(TalkError::Lost("closed".into())) };
        let result = live.receive(self.interrupt.as_deref());
        if result.is_err() {
            self.close();
        }
        result
    }

    fn connect(&mut self) -> Result<(), TalkError> {
        let target = &self.login.target;
        let failed = |reason: &dyn fmt::Display| {
            TalkError::Connect(format!("cannot connect to {target}: {reason}"))
        };
        let stream =
            Stream::open(target, self.login.connect_timeout).map_err(|error| failed(&error))?;
        if self.interrupt.is_some() {
            stream.set_read_timeout(INTERRUPT_CHECK).map_err(|error| failed(&error))?;
        }
        let mut live = Live { stream, decoder: Decoder::new() };
        for command in self.login.commands() {
            match live.ask(&command, self.interrupt.as_deref())? {
                Value::Error(message) => {
                    return Err(TalkError::Connect(format!(
                        "{target} refused {}: {message}",
                        what_is_shown(&command)
                    )));
                }
                _ => continue,
            }
        }
        self.live = Some(live);
        Ok(())
    }

    /// Keeps what a later connection must start with, and what the prompt shows.
    fn follow(&mut self, command: &[Vec<u8>], reply: &Value) {
        let Some((name, args)) = command.split_first() else { return };
        let argument = |index: usize| args.get(index).and_then(|arg| std::str::from_utf8(arg).ok());
        if reply.is_error() {
            return;
        }
        match name.to_ascii_uppercase().as_slice() {
            b"SELECT" if !self.in_transaction => {
                if let Some(db) = argument(0).and_then(|db| db.parse().ok()) {
                    self.login.db = db;
                }
            }
            b"HELLO" => match argument(0) {
                Some("3") => self.login.resp3 = true,
                Some("2") => self.login.resp3 = false,
                _ => {}
            },
            b"AUTH" => match args {
                [_] => (self.login.user, self.login.password) = (None, argument(0).map(Into::into)),
                [_, _] => {
                    (self.login.user, self.login.password) =
                        (argument(0).map(Into::into), argument(1).map(Into::into));
                }
                _ => {}
            },
            b"MULTI" => self.in_transaction = true,
            b"EXEC" | b"DISCARD" => self.in_transaction = false,
            b"RESET" => {
                self.in_transaction = false;
                self.login.db = 0;
                self.login.resp3 = false;
            }
            _ => {}
        }
    }
}

impl Login {
    /// What is sent before the first command.
    fn commands(&self) -> Vec<Vec<String>> {
        let mut commands: Vec<Vec<String>> = Vec::new();
        if let Some(password) = &self.password {
            let words = [Some("AUTH"), self.user.as_deref(), Some(password)];
            commands.push(words.into_iter().flatten().map(Into::into).collect());
        }
        if self.resp3 {
            commands.push(vec!["HELLO".into(), "3".into()]);
        }
        if self.db != 0 {
            commands.push(vec!["SELECT".into(), self.db.to_string()]);
        }
        commands
    }
}

/// A command of a login, without its secrets.
fn what_is_shown(command: &[String]) -> String {
    match command {
        [name, ..] if name == "AUTH" => "the login (AUTH)".into(),
        [name, db] if name == "SELECT" => format!("database {db} (SELECT)"),
        other => other.join(" "),
    }
}

impl Live {
    fn ask(
        &mut self,
        command: &[String],
        interrupt: Option<&AtomicBool>,
    ) -> Result<Value, TalkError> {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, command);
        self.stream.write_all(&bytes).map_err(|error| TalkError::Connect(error.to_string()))?;
        self.receive(interrupt)
    }

    fn receive(&mut self, interrupt: Option<&AtomicBool>) -> Result<Value, TalkError> {
        let mut buf = [0; 16 << 10];
        loop {
            let decoded =
                self.decoder.decode().map_err(|error| TalkError::Lost(error.to_string()))?;
            if let Some(value) = decoded {
                return Ok(value);
            }
            match self.stream.read(&mut buf) {
                Ok(0) => return Err(TalkError::Lost("the server closed it".into())),
                Ok(count) => self.decoder.feed(&buf[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => return Err(TalkError::Lost(error.to_string())),
                },
            }
            if interrupt.is_some_and(|flag| flag.swap(false, Ordering::SeqCst)) {
                return Err(TalkError::Interrupted);
            }
        }
    }

    /// Whether the server closed the connection since the last command.
    fn is_dead(&mut self) -> bool {
        let mut buf = [0; 1 << 10];
        if self.stream.set_nonblocking(true).is_err() {
            return true;
        }
        let dead = match self.stream.read(&mut buf) {
            Ok(0) => true,
            Ok(count) => {
                self.decoder.feed(&buf[..count]);
                false
            }
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        };
        dead || self.stream.set_nonblocking(false).is_err()
    }
}

impl Stream {
    fn open(target: &Target, timeout: Duration) -> io::Result<Self> {
        match target {
            Target::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            Target::Tcp { host, port } => {
                let mut last = io::Error::new(ErrorKind::NotFound, "the host has no address");
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(
                        &address,
                        timeout.max(Duration::from_millis(1)),
                    ) {
                        Ok(stream) => {
                            stream.set_nodelay(true)?;
                            return Ok(Self::Tcp(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(nonblocking),
            Self::Unix(stream) => stream.set_nonblocking(nonblocking),
        }
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(Some(timeout)),
            Self::Unix(stream) => stream.set_read_timeout(Some(timeout)),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buf),
            Self::Unix(stream) => stream.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buf),
            Self::Unix(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
