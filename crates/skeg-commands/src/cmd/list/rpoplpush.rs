//! RPOPLPUSH.

use skeg_engine::{End, Exec};
use skeg_proto::{Args, Reply};

use crate::cmd::list::moving;
use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "rpoplpush",
    arity: 3,
    flags: Flags::GROW,
    keys: Keys::Each(&[
        KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
        KeyFlags::RW.with(KeyFlags::INSERT),
    ]),
    categories: &[Category::Write, Category::List, Category::Slow],
    group: Group::List,
    since: "1.2.0",
    summary: "Moves the last item of a list to the front of another",
    complexity: "O(log(N))",
    syntax: "source destination",
    tips: &[],
    bound: BoundRule::Stored(stored_bytes),
    run: Handler::Keyed(run),
};

fn stored_bytes(exec: &mut Exec<'_>, cx: &Cx<'_>, args: Args<'_>) -> u64 {
    moving::stored_bytes(exec, cx.db(), args.get(1), End::Back)
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    moving::transfer(exec, cx, (args.get(1), End::Back), (args.get(2), End::Front), reply)
}
