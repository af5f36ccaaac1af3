//! A client of a server on the same machine that costs it as little as can be: it sends commands one at a
//! time and counts the bytes of each reply instead of reading them. `bench/vector/load.ts` gives it what to
//! send: `cargo run --release -p skeg-server --example exchange PORT CONNECTIONS SECONDS < COMMANDS`.
//!
//! On standard input: for each command the bytes of it and of its reply (`u32`, little-endian), and the command. Each
//! connection goes round all of them from a place of its own. On standard output: the nanoseconds that each
//! reply was waited for (`u64`, little-endian).

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// What a refusal begins with.
const REFUSAL: u8 = b'-';

/// A reply that is shorter than it was before would be waited for in vain.
const PATIENCE: Duration = Duration::from_secs(10);

struct Exchange {
    command: Vec<u8>,
    reply_bytes: usize,
}

/// The next number, or nothing at the end.
fn number(from: &mut impl Read) -> io::Result<Option<u32>> {
    let mut bytes = [0; 4];
    if from.read(&mut bytes[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut bytes[1..])?;
    Ok(Some(u32::from_le_bytes(bytes)))
}

fn exchanges(mut from: impl Read) -> io::Result<Vec<Exchange>> {
    let mut all = Vec::new();
    while let Some(bytes) = number(&mut from)? {
        let reply_bytes = number(&mut from)?.ok_or(io::ErrorKind::UnexpectedEof)? as usize;
        let mut command = Vec::new();
        from.by_ref().take(bytes.into()).read_to_end(&mut command)?;
        all.push(Exchange { command, reply_bytes });
    }
    Ok(all)
}

/// The nanoseconds of each exchange until `end`.
fn ask(
    mut stream: TcpStream,
    all: &[Exchange],
    first: usize,
    end: Instant,
) -> io::Result<Vec<u64>> {
    let mut times = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    for exchange in all.iter().cycle().skip(first) {
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        stream.write_all(&exchange.command)?;
        let mut left = exchange.reply_bytes;
        while left > 0 {
            let room = left.min(buffer.len());
            let count = stream.read(&mut buffer[..room])?;
            let begins = left == exchange.reply_bytes;
            if count == 0 || begins && buffer[0] == REFUSAL {
                let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                return Err(io::Error::other(format!("another reply than before: {text}")));
            }
            left -= count;
        }
        times.push(asked.elapsed().as_nanos() as u64);
    }
    Ok(times)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what| arguments.next().ok_or(format!("the {what} is missing"));
    let port: u16 = next("port")?.parse()?;
    let connections: usize = next("number of connections")?.parse()?;
    let seconds: f64 = next("number of seconds")?.parse()?;
    let all = exchanges(io::stdin().lock())?;
    if all.is_empty() {
        return Err("there is nothing to send".into());
    }
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        streams.push(stream);
    }
    let end = Instant::now() + Duration::try_from_secs_f64(seconds)?;
    let apart = all.len() / connections.max(1);
    let all = all.as_slice();
    let times: Result<Vec<_>, io::Error> = thread::scope(|scope| {
        let clients: Vec<_> = streams
            .into_iter()
            .enumerate()
            .map(|(n, stream)| (n * apart, stream))
            .map(|(first, stream)| scope.spawn(move || ask(stream, all, first, end)))
            .collect();
        clients.into_iter().map(|client| client.join().expect("a client does not panic")).collect()
    });
    let mut out = io::stdout().lock();
    for time in times?.iter().flatten() {
        out.write_all(&time.to_le_bytes())?;
    }
    Ok(out.flush()?)
}
