//! A connection that speaks the binary protocol: frames in, answers out.

use skeg_commands::Flow;
use skeg_proto::frame::{Frame, Framed};

use super::spell::Spell;
use super::{Connection, Protocol, Stop, Tools, UNSENT_PAUSE_BYTES};
use crate::frames::{Broken, Desk, write_broken};
use crate::input::Window;

impl Connection {
    /// Runs what the frames in the window ask for; returns how many bytes they were.
    pub(super) fn run_frames(&mut self, tools: &mut Tools, window: Window) -> (usize, Stop) {
        let mut at = 0;
        let mut spell = Spell::default();
        let stop = loop {
            let start = self.output.end();
            let Protocol::Frames(frames) = &mut self.protocol else { break Stop::Close };
            let reply = self.output.writer(&mut tools.spare);
            let bytes = &self.input.window(&tools.read, window)[at..];
            let outcome = match Frame::read(bytes) {
                Ok(Framed::Partial(size)) => break Stop::Partial(size - bytes.len()),
                Ok(Framed::Whole(frame, size)) => {
                    at += size;
                    let (session, complete) = (&mut self.session, &self.complete);
                    let holder = &mut tools.holder;
                    frames.run(&frame, &mut Desk { session, holder, reply, complete })
                }
                Err(error) => Err(Broken { id: error.id, what: error.what() }),
            };
            spell.count();
            match outcome {
                Ok(Flow::Done(receipt)) => self.note_answer(start, receipt, tools.level),
                Ok(Flow::Pending) => break Stop::Pending,
                Ok(Flow::Paused) => break Stop::Paused,
                Ok(Flow::Close(receipt)) => {
                    self.note_answer(start, receipt, tools.level);
                    break Stop::Close;
                }
                Err(broken) => {
                    write_broken(self.output.writer(&mut tools.spare), &broken);
                    break Stop::Close;
                }
            }
            let Tools { holder, clock, share_ns, .. } = &mut *tools;
            if spell.is_over(holder, &**clock, *share_ns) || self.output.len() > UNSENT_PAUSE_BYTES
            {
                break Stop::Enough;
            }
        };
        tools.holder.release();
        tools.commands += u64::from(spell.commands());
        self.window_commands += spell.commands();
        (at, stop)
    }
}
