//! Operations on keys, drawn.

use skeg_engine::End;
use skeg_io::sim::SimRng;

use super::Draw;
use crate::elements::Change;
use crate::op::{Deadline, Op};
use crate::state::At;

impl Draw {
    pub(super) fn op(&mut self) -> Op {
        if self.rng.below(100) < self.vector_operations {
            return self.on_index();
        }
        if self.commands.below(100) < self.command_operations {
            return self.commands();
        }
        if self.strings.below(20) == 0
            && let Some(at) = self.set_last.take()
        {
            return Op::SetRange { at, offset: self.strings.index(300), bytes: self.bytes() };
        }
        match self.rng.below(100) {
            0..=11 => Op::All((0..2 + self.rng.below(5)).map(|_| self.part()).collect()),
            12 => Op::Flush(self.at().db),
            13 => Op::FlushEach(self.at().db),
            14 => Op::Swap(self.at().db, self.at().db),
            _ => self.part(),
        }
    }

    /// What can stand in a transaction as well.
    fn part(&mut self) -> Op {
        if self.one_in(3) {
            return self.element();
        }
        match self.rng.below(100) {
            0..=9 => Op::Get(self.at()),
            10 | 11 => Op::Exists(self.at_any()),
            12 | 13 => Op::Expiry(self.at_any()),
            14..=35 => {
                let at = self.at();
                self.set_last = Some(at.clone());
                let (value, deadline) = (self.bytes(), self.deadline());
                match self.written.below(4) {
                    0 => Op::SetWritten { at, value, deadline, written: None },
                    _ => Op::Set { at, value, deadline },
                }
            }
            36 | 37 => Op::SetInt { at: self.at(), value: self.rng.next_u64().cast_signed() },
            38..=48 => Op::Add { at: self.at(), by: self.rng.below(200).cast_signed() - 100 },
            49..=57 => Op::Append { at: self.at(), tail: self.bytes() },
            58..=61 => {
                let offset = self.rng.index(300);
                Op::SetRange { at: self.at(), offset, bytes: self.bytes() }
            }
            62..=70 => Op::Remove(self.at_any()),
            71..=76 => {
                let after = self.rng.below(3_000).cast_signed() - 200;
                let after_ms = if self.one_in(4) { None } else { Some(after) };
                Op::SetExpiry { at: self.at_any(), after_ms }
            }
            77..=83 => {
                let (from, to) = (self.at_any(), self.at_any());
                let keep = self.rng.coin();
                if from == to { Op::Get(from) } else { Op::Move { from, to, keep } }
            }
            _ => self.on_index(),
        }
    }

    /// A change of a collection; keys mostly hold one kind, so that collections grow.
    pub(super) fn at(&mut self) -> At {
        let db = u8::try_from(self.rng.below(self.databases)).expect("below 16");
        let number = self.rng.below(self.keys);
        let key = match number % 8 {
            // A few share a slot, one is long, one is not text.
            0..=2 => format!("{{tag}}{number}").into_bytes(),
            3 => [&number.to_le_bytes()[..], &[0, 255, b'{', b'}']].concat(),
            4 if number > 8 => format!("{number:0>300}").into_bytes(),
            _ => format!("key:{number}").into_bytes(),
        };
        At { db, key }
    }

    /// A key beside that of [`Self::at`], for a collection; which kind, its length tells.
    pub(super) fn at_elements(&mut self) -> At {
        let mut at = self.at();
        at.key.extend_from_slice(b"/elements");
        at
    }

    /// Either.
    pub(super) fn at_any(&mut self) -> At {
        if self.one_in(3) { self.at_elements() } else { self.at() }
    }

    pub(super) fn bytes(&mut self) -> Vec<u8> {
        if self.one_in(5) {
            return (self.rng.below(2_000).cast_signed() - 1_000).to_string().into_bytes();
        }
        let most = if self.one_in(60) { self.value_bytes * 12 } else { self.value_bytes };
        let length = usize::try_from(self.rng.below(most + 1)).expect("it fits into memory");
        let mut bytes = vec![0; length];
        self.rng.fill(&mut bytes);
        bytes
    }

    fn element(&mut self) -> Op {
        let at = if self.one_in(20) { self.at() } else { self.at_elements() };
        let kind = if self.one_in(20) { self.rng.below(4) } else { at.key.len() as u64 };
        let name = |rng: &mut SimRng| match rng.below(3) {
            0 => rng.below(40).to_string().into_bytes(),
            _ => format!("element {}", rng.below(30)).into_bytes(),
        };
        let end = if self.rng.coin() { End::Front } else { End::Back };
        let removes = self.one_in(3);
        let change = match (kind % 4, removes) {
            (0, false) => Change::HashSet(name(&mut self.rng), self.bytes()),
            (0, true) => Change::HashRemove(name(&mut self.rng)),
            (1, false) => Change::SetAdd(name(&mut self.rng)),
            (1, true) => Change::SetRemove(name(&mut self.rng)),
            (2, false) => Change::Score(name(&mut self.rng), f64::from(self.rng.below(9) as u8)),
            (2, true) => Change::Unscore(name(&mut self.rng)),
            (_, false) => match self.rng.below(4) {
                0 => Change::ListSet(self.rng.index(9), self.bytes()),
                1 => Change::ListInsert(self.rng.index(9), self.bytes()),
                _ => Change::Push(end, self.bytes()),
            },
            (_, true) if self.rng.coin() => Change::Pop(end),
            (_, true) => Change::ListRemove(self.rng.index(6), self.rng.index(3)),
        };
        Op::Element { at, change }
    }

    pub(super) fn deadline(&mut self) -> Deadline {
        match self.rng.below(10) {
            0..=5 => Deadline::Clear,
            6 => Deadline::Keep,
            7 => Deadline::After(self.rng.below(20).cast_signed() - 5),
            _ => Deadline::After(self.rng.below(3_000).cast_signed()),
        }
    }
}
