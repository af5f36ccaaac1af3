//! SMOVE.

use crate::bounds;
use skeg_engine::{Exec, NotifyClass};
use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, KeyFlags, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "smove",
    arity: 4,
    flags: Flags::WRITE_FAST,
    keys: Keys::Each(&[
        KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE),
        KeyFlags::RW.with(KeyFlags::INSERT),
    ]),
    categories: &[Category::Write, Category::Set, Category::Fast],
    group: Group::Set,
    since: "1.0.0",
    summary: "Moves a member from a set to another",
    complexity: "O(1)",
    syntax: "source destination member",
    tips: &[],
    bound: BoundRule::GrowBy(bytes),
    run: Handler::Keyed(run),
};

/// The member goes out of one set and into another.
fn bytes(args: Args<'_>) -> u64 {
    2 * bounds::element_bytes(args)
}

fn run(exec: &mut Exec<'_>, cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let (db, from, to, member) = (cx.db(), args.get(1), args.get(2), args.get(3));
    let is_member = match exec.shard(from).set_of(db, from)? {
        None => {
            reply.int(0);
            return Ok(());
        }
        Some(set) => set.contains(member),
    };
    exec.shard(to).set_of(db, to)?;
    if is_member && from != to {
        exec.shard(from).set_remove(db, from, member)?;
        exec.shard(from).notify_removal(NotifyClass::SET, "srem", db, from);
        if exec.shard(to).set_add(db, to, member)? {
            exec.shard(to).notify(NotifyClass::SET, "sadd", db, to);
        }
    }
    reply.int(i64::from(is_member));
    Ok(())
}
