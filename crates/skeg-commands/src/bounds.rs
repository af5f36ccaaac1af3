//! How much log space a command may need, as far as its arguments tell.

use skeg_engine::{Bound, Holder, SHARDS_MAX};
use skeg_proto::Args;

use crate::spec::{BoundRule, Handler, Keys, Spec};

/// Log space for an effect beside its key and value: opcode, lengths, deadline, and the removal of
/// an expired entry that the effect replaces.
const EFFECT_BYTES: usize = 128;

/// Log space for an argument that becomes an element of a collection beside its bytes: a length, or
/// half of a score.
const ARGUMENT_BYTES: usize = 8;

/// [`bound_of`] a command that runs in place: without a log nobody asks.
#[inline]
pub(crate) fn bound_in_place(spec: &Spec, args: Args<'_>, holder: &Holder) -> Bound {
    if holder.engine().log().is_some() { bound_of(spec, args) } else { Bound::READ }
}

/// The log space that a command may need, as far as its arguments tell.
pub(crate) fn bound_of(spec: &Spec, args: Args<'_>) -> Bound {
    match spec.bound {
        BoundRule::Read => Bound::READ,
        BoundRule::Release | BoundRule::StoredRelease(_) => Bound::release(keys_bytes(spec, args)),
        BoundRule::ReleaseBy(bytes) | BoundRule::ReleaseLater(bytes, _) => {
            Bound::release(bytes(args) + keys_bytes(spec, args))
        }
        BoundRule::GrowBy(bytes) => Bound::grow(bytes(args) + keys_bytes(spec, args)),
        BoundRule::Grow | BoundRule::Stored(_) | BoundRule::GrowLater(_) => {
            Bound::grow(keys_bytes(spec, args) + arguments_bytes(args))
        }
        BoundRule::GrowUnless(is_release) => {
            let bytes = keys_bytes(spec, args) + arguments_bytes(args);
            if is_release(args) { Bound::release(bytes) } else { Bound::grow(bytes) }
        }
    }
}

/// Log space for all arguments, once.
pub(crate) fn arguments_bytes(args: Args<'_>) -> u64 {
    (args.payload_bytes() + args.len() * ARGUMENT_BYTES) as u64
}

/// Log space for arguments behind the key that become elements, or were some.
pub(crate) fn element_bytes(args: Args<'_>) -> u64 {
    let elements = args.tail(2);
    (elements.payload_bytes() + elements.len() * ARGUMENT_BYTES) as u64
}

fn keys_bytes(spec: &Spec, args: Args<'_>) -> u64 {
    if matches!(spec.run, Handler::AllShards(_)) {
        // An effect for every database on every shard.
        return u64::from(SHARDS_MAX) * EFFECT_BYTES as u64;
    }
    let key_bytes = |index: usize| args.get(index).len() + EFFECT_BYTES;
    let bytes: usize = match spec.keys {
        Keys::One(_) => key_bytes(1),
        keys => keys.positions(args).map(key_bytes).sum(),
    };
    (bytes + EFFECT_BYTES) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;
    use skeg_engine::Purpose;
    use skeg_proto::ArgsBuf;

    #[test]
    fn what_removes_its_key_or_changes_nothing_goes_on_when_a_disk_is_full() {
        let purpose = |line: &str| {
            let args: ArgsBuf = line.split(' ').collect();
            let spec = table::resolve(args.as_args()).expect("it is a command").spec();
            bound_of(spec, args.as_args()).purpose
        };
        for line in [
            "getex k",
            "expire k -1",
            "expire k 0 XX",
            "pexpire k -9223372036854775808",
            "expireat k 1",
            "expireat k -9223372036854775808",
            "pexpireat k 1000",
        ] {
            assert_eq!(purpose(line), Purpose::Release, "{line}");
        }
        for line in [
            "getex k persist",
            "getex k ex 1",
            "expire k 1",
            "expire k x",
            "pexpire k 1",
            "expireat k 9223372036854775807",
            "pexpireat k 33177117420123",
            "persist k",
        ] {
            assert_eq!(purpose(line), Purpose::Growth, "{line}");
        }
    }
}
