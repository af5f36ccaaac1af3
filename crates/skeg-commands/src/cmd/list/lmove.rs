//! LMOVE.

use skeg_engine::Exec;
use skeg_proto::{Args, Reply};

use crate::cmd::list::moving;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "lmove",
    arity: 5,
    flags: Flags::GROW,
    keys: Keys::Each(&[
        KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
        KeyFlags::RW.with(KeyFlags::INSERT),
    ]),
    categories: &[Category::Write, Category::List, Category::Slow],
    group: Group::List,
    since: "6.2.0",
    summary: "Moves an item from an end of a list to an end of another",
    complexity: "O(log(N))",
    syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
    tips: &[],
    bound: BoundRule::Stored(stored_bytes),
    run: Handler::Keyed(run),
};

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    let ends = moving::ends(args, 3);
    ends.map_or(0, |(from, _)| moving::stored_bytes(exec, cx.db(), args.get(1), from))
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (from, to) = moving::ends(args, 3)?;
    moving::transfer(exec, cx, (args.get(1), from), (args.get(2), to), reply)
}
