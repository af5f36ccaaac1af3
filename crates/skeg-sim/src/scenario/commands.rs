//! Commands with their arguments, drawn.
//!
//! Keys are those of the operations, so that both meet.

use skeg_io::sync::Arc;
use skeg_vector::{Id, Tier};

use super::Draw;
use super::vectors::ids_of;
use crate::commands::{COMMANDS, Commands, DUMPS, OF_VECTORS, Words};
use crate::dump::{IDS, id, parts_of};
use crate::op::Op;
use crate::work::START_MS;

/// Keys that are drawn for one that holds a kind of collection.
const TRIES: usize = 8;

impl Draw {
    /// A command, or a few as a transaction.
    pub(super) fn commands(&mut self) -> Op {
        let number = self.commands.index(COMMANDS.len() + OF_VECTORS.len());
        let db = match self.recent_db {
            Some(db) if self.commands.below(3) > 0 => db,
            _ => self.at().db,
        };
        self.recent_db = Some(db);
        if let Some(name) = number.checked_sub(COMMANDS.len()) {
            let (line, meant) = self.of_vectors(OF_VECTORS[name]);
            return Op::Commands(Arc::new(Commands { db, lines: vec![line], meant }));
        }
        let count = if self.commands.below(10) == 0 { 2 + self.commands.index(4) } else { 1 };
        let first = self.line(number);
        let mut lines = vec![first];
        for _ in 1..count {
            let number = self.commands.index(COMMANDS.len());
            lines.push(self.line(number));
        }
        Op::Commands(Arc::new(Commands { db, lines, meant: Vec::new() }))
    }

    fn line(&mut self, number: usize) -> Words {
        let (name, forms) = COMMANDS[number];
        let mut words: Words = name.split('|').map(|word| word.as_bytes().to_vec()).collect();
        let form = forms[self.commands.index(forms.len())];
        let mut rest: Vec<&str> = form.split_whitespace().collect();
        while let Some(open) = rest.iter().position(|word| *word == "(") {
            let close = rest.iter().position(|word| *word == ")+").unwrap_or(rest.len());
            let times = [1, 1, 2, 5][self.commands.index(4)];
            let repeated = rest[open + 1..close].repeat(times);
            drop(rest.splice(open..=close, repeated));
        }
        words.extend(rest.into_iter().map(|word| self.word(word)));
        words
    }

    fn word(&mut self, word: &str) -> Vec<u8> {
        let Some(kind) = word.strip_prefix('$') else { return word.as_bytes().to_vec() };
        let number = |number: i64| number.to_string().into_bytes();
        let at_ms = START_MS + self.commands.below(6_000) - 1_000;
        match kind {
            "h" => self.recent(0),
            "t" => self.recent(1),
            "z" => self.recent(2),
            "l" => self.recent(3),
            "s" => self.recent(4),
            // Another set.
            "u" => self.collection(1),
            "a" => self.at_any().key,
            "v" => self.bytes(),
            // Few, so that they are met again.
            "w" => number(self.commands.below(2).cast_signed()),
            "f" => match self.commands.below(3) {
                0 => number(self.commands.below(4).cast_signed()),
                _ => format!("element {}", self.commands.below(6)).into_bytes(),
            },
            "k" => format!("counter {}", self.commands.below(3)).into_bytes(),
            "n" => number(self.commands.below(200).cast_signed() - 100),
            "i" => number(self.commands.below(10).cast_signed() - 3),
            "c" => number(1 + self.commands.below(4).cast_signed()),
            "o" => number(self.commands.below(300).cast_signed()),
            "b" => number(self.commands.below(2).cast_signed()),
            "r" => number(self.commands.below(9).cast_signed()),
            "ms" => number(1 + self.commands.below(3_000).cast_signed()),
            "sec" => number(1 + self.commands.below(3).cast_signed()),
            "ats" => number((at_ms / 1_000).cast_signed()),
            "atms" => number(at_ms.cast_signed()),
            "d" => number(i64::from(self.at().db)),
            "dump" => DUMPS[self.commands.index(DUMPS.len())].clone(),
            _ => unreachable!("${kind} stands for nothing"),
        }
    }

    /// A key for a kind of value, mostly the one that was drawn for it before: commands meet there.
    fn recent(&mut self, kind: usize) -> Vec<u8> {
        if self.commands.below(5) > 1
            && let Some(key) = &self.recent[kind]
        {
            return key.clone();
        }
        let key = if kind == 4 { self.at().key } else { self.collection(kind) };
        self.recent[kind] = Some(key.clone());
        key
    }

    /// A key that mostly holds a kind of collection: which, its length tells.
    fn collection(&mut self, kind: usize) -> Vec<u8> {
        if self.commands.below(20) > 0 {
            for _ in 0..TRIES {
                let key = self.at_elements().key;
                if key.len() % 4 == kind {
                    return key;
                }
            }
        }
        self.at_elements().key
    }

    /// A command of vectors, and the operations that it stands for.
    fn of_vectors(&mut self, name: &str) -> (Words, Vec<Op>) {
        let number = match self.recent_index {
            Some(number) if self.commands.below(3) > 0 => number,
            _ => self.rng.below(3),
        };
        self.recent_index = Some(number);
        let index = format!("index {number}").into_bytes();
        let mut words: Words = vec![name.into(), index.clone()];
        let mut meant = Vec::new();
        let several = 1 + self.commands.index(3);
        match name {
            "skeg.vindex.create" => {
                let op = self.index_create(number);
                if let Op::IndexCreate { options, .. } = &op {
                    words.push(options.dim.to_string().into_bytes());
                    if options.tier != Tier::F32 {
                        words.push(options.tier.to_string().into_bytes());
                    }
                    let more = format!(
                        "{} METRIC {} IDS {}",
                        options.backend, options.metric, options.ids
                    );
                    words.extend(more.split(' ').map(|word| word.as_bytes().to_vec()));
                    if parts_of(&index) > 1 {
                        words.extend([b"PARTITIONS".to_vec(), parts_of(&index).to_string().into()]);
                    }
                }
                meant.push(op);
            }
            "skeg.vindex.drop" => meant.push(Op::IndexDrop(index)),
            "skeg.vdel" => {
                for _ in 0..several {
                    let id = id(ids_of(number), self.rng.below(IDS));
                    words.push(text_of(&id));
                    meant.push(Op::VectorRemove { name: index.clone(), id });
                }
            }
            _ => {
                let several = if name == "skeg.vset" { 1 } else { several };
                if name == "skeg.vmset" {
                    words.push(several.to_string().into_bytes());
                }
                for _ in 0..several {
                    let id = id(ids_of(number), self.rng.below(IDS));
                    let op = self.vector_set(number, id.clone());
                    if let Op::VectorSet { row, .. } = &op {
                        words.push(text_of(&id));
                        words.push(row.iter().flat_map(|element| element.to_le_bytes()).collect());
                    }
                    meant.push(op);
                }
            }
        }
        (words, meant)
    }
}

fn text_of(id: &Id) -> Vec<u8> {
    match id {
        Id::U64(number) => number.to_string().into_bytes(),
        Id::Str(text) => text.as_bytes().to_vec(),
    }
}
