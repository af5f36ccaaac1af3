//! The least that answers redis-benchmark: a RESP array parser and a `HashMap` behind GET and SET.
//! May not know: sockets, loops.

use std::io::Write as _;

/// Keys and values, and the block of records that the end of a turn writes.
pub struct Store {
    map: std::collections::HashMap<Vec<u8>, Vec<u8>, ahash::RandomState>,
    log: Option<std::fs::File>,
    block: Vec<u8>,
}

impl Store {
    /// With `log`, every SET is a record of a block that `end_of_turn` writes there.
    pub fn new(log: Option<&str>) -> Self {
        let log = log.map(|path| std::fs::File::create(path).expect("the log path is writable"));
        Store { map: std::collections::HashMap::default(), log, block: Vec::new() }
    }

    /// One write for all records of the turn. True if there was something to write.
    pub fn end_of_turn(&mut self) -> bool {
        let Some(log) = &mut self.log else { return false };
        if self.block.is_empty() {
            return false;
        }
        log.write_all(&self.block).expect("the log can be written");
        self.block.clear();
        true
    }

    /// Runs every whole command of `input`; returns how many bytes they were.
    pub fn run(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        let mut args: [(usize, usize); 8] = [(0, 0); 8];
        while let Some((used, count)) = parse(&input[at..], &mut args) {
            let command = &input[at..at + used];
            let arg = |i: usize| &command[args[i].0..args[i].1];
            let name = arg(0);
            if name.eq_ignore_ascii_case(b"GET") && count == 2 {
                match self.map.get(arg(1)) {
                    Some(value) => bulk(out, value),
                    None => out.extend_from_slice(b"$-1\r\n"),
                }
            } else if name.eq_ignore_ascii_case(b"SET") && count == 3 {
                if self.log.is_some() {
                    self.block.extend_from_slice(command);
                }
                match self.map.get_mut(arg(1)) {
                    Some(value) => {
                        value.clear();
                        value.extend_from_slice(arg(2));
                    }
                    None => {
                        self.map.insert(arg(1).to_vec(), arg(2).to_vec());
                    }
                }
                out.extend_from_slice(b"+OK\r\n");
            } else if name.eq_ignore_ascii_case(b"CONFIG") {
                out.extend_from_slice(b"*0\r\n");
            } else {
                out.extend_from_slice(b"+PONG\r\n");
            }
            at += used;
        }
        at
    }
}

fn bulk(out: &mut Vec<u8>, value: &[u8]) {
    let mut digits = [0u8; 20];
    let mut at = 20;
    let mut n = value.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.push(b'$');
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn number(input: &[u8], at: &mut usize, mark: u8) -> Option<usize> {
    if *input.get(*at)? != mark {
        panic!("not RESP");
    }
    let mut n = 0;
    let mut i = *at + 1;
    loop {
        match *input.get(i)? {
            b'\r' => break,
            d => n = n * 10 + (d - b'0') as usize,
        }
        i += 1;
    }
    input.get(i + 1)?;
    *at = i + 2;
    Some(n)
}

fn parse(input: &[u8], args: &mut [(usize, usize); 8]) -> Option<(usize, usize)> {
    let mut at = 0;
    let count = number(input, &mut at, b'*')?;
    for slot in args.iter_mut().take(count) {
        let len = number(input, &mut at, b'$')?;
        if input.len() < at + len + 2 {
            return None;
        }
        *slot = (at, at + len);
        at += len + 2;
    }
    Some((at, count))
}
