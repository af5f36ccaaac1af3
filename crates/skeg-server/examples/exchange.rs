//! A client of a server on the same machine that costs it as little as can be: it sends commands one at a
//! time and counts the lines of each reply instead of reading it. `bench/vector/load.ts` gives it what to
//! send: `cargo run --release -p skeg-server --example exchange PORT CONNECTIONS SECONDS < COMMANDS`.
//!
//! On standard input: how many commands there are, and for each its bytes, the lines of its reply (`u32`, little-endian) and
//! the command. Each connection goes round all of them from a place of its own, until the seconds are over or standard
//! input ends. On standard output: the nanoseconds that each reply was waited for (`u64`, little-endian).

use std::error::Error;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What a refusal begins with.
const REFUSAL: u8 = b'-';

/// A reply that is shorter than it was before would be waited for in vain.
const PATIENCE: Duration = Duration::from_secs(10);

struct Exchange {
    command: Vec<u8>,
    reply_lines: usize,
}

fn number(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn exchanges(from: &mut impl Read) -> io::Result<Vec<Exchange>> {
    let mut all = Vec::new();
    for _ in 0..number(from)? {
        let (bytes, reply_lines) = (number(from)?, number(from)? as usize);
        let mut command = Vec::new();
        from.take(bytes.into()).read_to_end(&mut command)?;
        all.push(Exchange { command, reply_lines });
    }
    Ok(all)
}

/// When to stop.
struct End {
    at: Instant,
    came: AtomicBool,
}

/// The nanoseconds of each exchange until the end.
fn ask(mut stream: TcpStream, all: &[Exchange], first: usize, end: &End) -> io::Result<Vec<u64>> {
    let mut times = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    for exchange in all.iter().cycle().skip(first) {
        let asked = Instant::now();
        if asked >= end.at || end.came.load(Ordering::Relaxed) {
            break;
        }
        stream.write_all(&exchange.command)?;
        let mut left = exchange.reply_lines;
        while left > 0 {
            let count = stream.read(&mut buffer)?;
            let begins = left == exchange.reply_lines;
            let come = &buffer[..count];
            let lines = come.iter().filter(|byte| **byte == b'\n').count();
            if count == 0 || begins && come[0] == REFUSAL || lines > left {
                let text = String::from_utf8_lossy(come).into_owned();
                return Err(io::Error::other(format!("another reply than before: {text}")));
            }
            left -= lines;
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
    let mut input = BufReader::new(io::stdin());
    let all = exchanges(&mut input)?;
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
    let at = Instant::now() + Duration::try_from_secs_f64(seconds)?;
    let end = Arc::new(End { at, came: AtomicBool::new(false) });
    let told = Arc::clone(&end);
    // It waits on when the seconds are over, until the process ends.
    thread::spawn(move || {
        let _ = io::copy(&mut input, &mut io::sink());
        told.came.store(true, Ordering::Relaxed);
    });
    let apart = all.len() / connections.max(1);
    let (all, end) = (all.as_slice(), &*end);
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
