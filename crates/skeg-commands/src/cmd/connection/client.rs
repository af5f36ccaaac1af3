//! CLIENT: its small subcommands; the larger ones have files of their own.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::cx::Replies;
use crate::error::CommandError;
use crate::help;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "client",
    arity: -2,
    flags: Flags::NONE,
    keys: Keys::None,
    categories: &[Category::Slow],
    group: Group::Connection,
    since: "2.4.0",
    summary: "Looks at connections and ends them",
    complexity: "Depends on the subcommand",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Container(None),
};

pub(crate) const HELP_SPEC: Spec = Spec {
    name: "client|help",
    arity: 2,
    flags: Flags::LOADING.with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Connection,
    since: "5.0.0",
    summary: "Lists the subcommands",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(help),
};

pub(crate) const ID_SPEC: Spec = Spec {
    name: "client|id",
    arity: 2,
    flags: Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Connection,
    since: "5.0.0",
    summary: "Returns the number of this connection",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(id),
};

pub(crate) const NO_EVICT_SPEC: Spec = Spec {
    name: "client|no-evict",
    arity: 3,
    flags: Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Admin, Category::Slow, Category::Dangerous, Category::Connection],
    group: Group::Connection,
    since: "7.0.0",
    summary: "Protects this connection when memory for clients is short",
    complexity: "O(1)",
    syntax: "<ON | OFF>",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(no_evict),
};

pub(crate) const NO_TOUCH_SPEC: Spec = Spec {
    name: "client|no-touch",
    arity: 3,
    flags: Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Connection,
    since: "7.2.0",
    summary: "Makes the commands of this connection leave access times alone",
    complexity: "O(1)",
    syntax: "<ON | OFF>",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(no_touch),
};

pub(crate) const REPLY_SPEC: Spec = Spec {
    name: "client|reply",
    arity: 3,
    flags: Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Connection,
    since: "3.2.0",
    summary: "Chooses which replies this connection gets",
    complexity: "O(1)",
    syntax: "<ON | OFF | SKIP>",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(choose_replies),
};

fn help(_: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    help::write(reply, &SPEC);
    Ok(())
}

fn id(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    reply.int(cx.client.id() as i64);
    Ok(())
}

fn no_evict(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    cx.client.set_no_evict(switch(args)?);
    reply.ok();
    Ok(())
}

fn no_touch(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    cx.client.set_no_touch(switch(args)?);
    reply.ok();
    Ok(())
}

fn switch(args: Args<'_>) -> Result<bool, CommandError> {
    parse::one_of(args.get(2), "ON", "OFF").ok_or(CommandError::SYNTAX)
}

/// Written as OK in each case: the session drops what the client does not want.
fn choose_replies(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let word = args.get(2);
    if parse::is_word(word, "SKIP") {
        if cx.state.replies == Replies::On {
            cx.state.replies = Replies::SkipNext;
        }
    } else {
        let on = parse::one_of(word, "ON", "OFF").ok_or(CommandError::SYNTAX)?;
        cx.state.replies = if on { Replies::On } else { Replies::Off };
    }
    reply.ok();
    Ok(())
}
