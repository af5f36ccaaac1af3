//! CLIENT SETNAME, GETNAME and SETINFO: what a client calls itself.

use skeg_proto::{Args, Reply};

use crate::cx::Cx;
use crate::error::CommandError;
use crate::parse;
use crate::spec::{BoundRule, Category, Flags, Group, Handler, Keys, Outcome, Spec};

pub(crate) const GETNAME_SPEC: Spec = Spec {
    name: "client|getname",
    arity: 2,
    flags: Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Connection,
    since: "2.6.9",
    summary: "Returns the name of this connection",
    complexity: "O(1)",
    syntax: "",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(get_name),
};

pub(crate) const SETNAME_SPEC: Spec = Spec {
    name: "client|setname",
    arity: 3,
    flags: Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Connection,
    since: "2.6.9",
    summary: "Names this connection",
    complexity: "O(1)",
    syntax: "connection-name",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(set_name),
};

pub(crate) const SETINFO_SPEC: Spec = Spec {
    name: "client|setinfo",
    arity: 4,
    flags: Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE),
    keys: Keys::None,
    categories: &[Category::Slow, Category::Connection],
    group: Group::Connection,
    since: "7.2.0",
    summary: "Tells the name or version of the client library",
    complexity: "O(1)",
    syntax: "<LIB-NAME libname | LIB-VER libver>",
    tips: &[],
    bound: BoundRule::Read,
    run: Handler::Session(set_info),
};

fn get_name(cx: &mut Cx<'_>, _: Args<'_>, reply: &mut Reply) -> Outcome {
    let name = cx.client.name();
    if name.is_empty() {
        reply.null();
    } else {
        reply.bulk_str(&name);
    }
    Ok(())
}

fn set_name(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    set(cx, args.get(2))?;
    reply.ok();
    Ok(())
}

/// Names the connection; the empty name takes the name away.
///
/// # Errors
/// A name that would break the lines of CLIENT LIST.
pub(super) fn set(cx: &Cx<'_>, name: &[u8]) -> Outcome {
    let name = printable(name).ok_or(CommandError::constant(
        "ERR Client names cannot contain spaces, newlines or special characters.",
    ))?;
    cx.client.rename(|names| names.name = name);
    Ok(())
}

fn set_info(cx: &mut Cx<'_>, args: Args<'_>, reply: &mut Reply) -> Outcome {
    let attribute = args.get(2);
    let Some(is_name) = parse::one_of(attribute, "LIB-NAME", "LIB-VER") else {
        let text = [b"ERR Unrecognized option '", attribute, b"'"].concat();
        return Err(CommandError::owned(text));
    };
    let Some(value) = printable(args.get(3)) else {
        let what = parse::quoted(attribute, 16);
        return Err(CommandError::owned(format!(
            "ERR {what} cannot contain spaces, newlines or special characters."
        )));
    };
    cx.client.rename(|names| match is_name {
        true => names.library = value,
        false => names.library_version = value,
    });
    reply.ok();
    Ok(())
}

/// The text, if it has neither blanks nor anything beyond printable ASCII.
fn printable(text: &[u8]) -> Option<String> {
    let clean = text.iter().all(u8::is_ascii_graphic);
    clean.then(|| String::from_utf8_lossy(text).into_owned())
}
