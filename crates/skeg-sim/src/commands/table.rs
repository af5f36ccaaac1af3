//! Every command that writes, with arguments that make it do so.
//!
//! A row has the arguments behind the name, in some of the forms that the command has. A word is taken as it
//! is, `$` stands for something drawn (`scenario/commands.rs`), and what is between `(` and `)+` comes once or
//! several times.
//!
//! Invariant: each command of the table of commands that has the flag `write` is here, or in `ELSEWHERE` with
//! the reason why it is not.

/// A name, and arguments in several forms.
pub(crate) type Row = (&'static str, &'static [&'static str]);

/// Of keys.
pub(crate) const COMMANDS: &[Row] = &[
    // Strings.
    ("append", &["$s $v"]),
    ("decr", &["$s"]),
    ("decrby", &["$s $n"]),
    ("getdel", &["$s"]),
    ("getex", &["$s PX $ms", "$s EXAT $ats", "$s PERSIST", "$s EX $sec"]),
    ("getset", &["$s $v", "$s $w"]),
    ("incr", &["$s"]),
    ("incrby", &["$s $n"]),
    ("incrbyfloat", &["$s 1.5", "$s $n"]),
    ("mset", &["( $s $v )+"]),
    ("msetnx", &["( $s $v )+"]),
    ("psetex", &["$s $ms $v", "$s $ms $w"]),
    ("set", &["$s $v", "$s $w", "$s $v NX", "$s $v XX GET", "$s $v PX $ms", "$s $v KEEPTTL"]),
    ("setex", &["$s $sec $v"]),
    ("setnx", &["$s $v", "$s $w"]),
    ("setrange", &["$s $o $v"]),
    ("skeg.cas", &["$s $w $v"]),
    // Bits.
    ("bitfield", &["$s INCRBY u8 $o $n", "$s SET i16 #1 $n OVERFLOW SAT INCRBY u4 $o $n GET u8 0"]),
    ("bitop", &["AND $s $s $s", "OR $s $s", "XOR $s $s $s", "NOT $s $s"]),
    ("setbit", &["$s $o $b"]),
    // Keys whatever they hold.
    ("copy", &["$a $a", "$a $a REPLACE", "$a $a DB $d REPLACE"]),
    ("del", &["( $a )+"]),
    ("expire", &["$a $sec", "$a $sec NX", "$a $sec XX", "$a $sec GT", "$a $sec LT", "$a -1"]),
    ("expireat", &["$a $ats", "$a $ats GT"]),
    ("move", &["$a $d"]),
    ("persist", &["$a"]),
    ("pexpire", &["$a $ms", "$a $ms GT"]),
    ("pexpireat", &["$a $atms"]),
    ("rename", &["$a $a"]),
    ("renamenx", &["$a $a"]),
    ("restore", &["$a 0 $dump", "$a $ms $dump REPLACE", "$a $atms $dump REPLACE ABSTTL"]),
    (
        "sort",
        &[
            "$l ALPHA STORE $l",
            "$l BY nosort STORE $l",
            "$t ALPHA LIMIT 0 5 DESC STORE $l",
            "$t ALPHA BY key:* GET # STORE $l",
        ],
    ),
    ("unlink", &["( $a )+"]),
    // Hashes.
    ("hdel", &["$h ( $f )+"]),
    ("hincrby", &["$h $k $n"]),
    ("hincrbyfloat", &["$h $k 0.5"]),
    ("hmset", &["$h ( $f $v )+"]),
    ("hset", &["$h ( $f $v )+"]),
    ("hsetnx", &["$h $f $v"]),
    // Lists.
    ("blmove", &["$l $l LEFT RIGHT 0", "$l $l RIGHT LEFT 0"]),
    ("blmpop", &["0 2 $l $l LEFT COUNT $c", "0 1 $l RIGHT"]),
    ("blpop", &["$l $l 0"]),
    ("brpop", &["$l $l 0"]),
    ("brpoplpush", &["$l $l 0"]),
    ("linsert", &["$l BEFORE $f $v", "$l AFTER $f $f"]),
    ("lmove", &["$l $l LEFT RIGHT", "$l $l RIGHT RIGHT"]),
    ("lmpop", &["2 $l $l RIGHT COUNT $c", "1 $l LEFT"]),
    ("lpop", &["$l", "$l $c"]),
    ("lpush", &["$l ( $f )+", "$l ( $v )+"]),
    ("lpushx", &["$l ( $f )+"]),
    ("lrem", &["$l 0 $f", "$l 1 $f", "$l -2 $f"]),
    ("lset", &["$l $i $v"]),
    ("ltrim", &["$l $i $i", "$l 0 $i"]),
    ("rpop", &["$l", "$l $c"]),
    ("rpoplpush", &["$l $l"]),
    ("rpush", &["$l ( $f )+", "$l ( $v )+"]),
    ("rpushx", &["$l ( $v )+"]),
    // Sets.
    ("sadd", &["$t ( $f )+"]),
    ("sdiffstore", &["$t $t $t"]),
    ("sinterstore", &["$t $t $t", "$t $t"]),
    ("smove", &["$t $u $f", "$u $t $f"]),
    ("spop", &["$t", "$t $c"]),
    ("srem", &["$t ( $f )+"]),
    ("sunionstore", &["$t $t $t $t"]),
    // Sorted sets.
    ("bzmpop", &["0 2 $z $z MIN COUNT $c"]),
    ("bzpopmax", &["$z $z 0"]),
    ("bzpopmin", &["$z $z 0"]),
    ("zadd", &["$z ( $r $f )+", "$z GT CH $r $f", "$z NX $r $f", "$z INCR $r $f"]),
    ("zdiffstore", &["$z 2 $z $z"]),
    ("zincrby", &["$z $r $f"]),
    ("zinterstore", &["$z 2 $z $z WEIGHTS 2 3 AGGREGATE MAX", "$z 1 $z"]),
    ("zmpop", &["2 $z $z MAX COUNT $c"]),
    ("zpopmax", &["$z", "$z $c"]),
    ("zpopmin", &["$z", "$z $c"]),
    (
        "zrangestore",
        &["$z $z 0 $c", "$z $z 0 5 BYSCORE", "$z $z - + BYLEX LIMIT 0 3", "$z $z 0 -1 REV"],
    ),
    ("zrem", &["$z ( $f )+"]),
    ("zremrangebylex", &["$z - [element", "$z [element +"]),
    ("zremrangebyrank", &["$z $i $i", "$z 0 $i"]),
    ("zremrangebyscore", &["$z $r $r", "$z -inf (3"]),
    ("zunionstore", &["$z 2 $z $t", "$z 2 $z $z AGGREGATE MIN"]),
    // Databases.
    ("debug|loadaof", &[""]),
    ("debug|reload", &[""]),
    ("flushall", &["", "ASYNC"]),
    ("flushdb", &["", "ASYNC"]),
    ("swapdb", &["$d $d"]),
];

/// Of vectors: made from operations whose outcome the model knows.
pub(crate) const OF_VECTORS: &[&str] =
    &["skeg.vdel", "skeg.vindex.create", "skeg.vindex.drop", "skeg.vmset", "skeg.vset"];

/// Not run as commands, and why.
#[cfg(test)]
const ELSEWHERE: &[(&str, &str)] = &[(
    "skeg.vindex.consolidate",
    "it writes files beside the log and is an operation of the engine: `Step::Vectors` asks for it",
)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_writes_is_here() {
        let listed = || {
            let keys = COMMANDS.iter().map(|(name, _)| *name);
            let elsewhere = ELSEWHERE.iter().map(|(name, _)| *name);
            keys.chain(OF_VECTORS.iter().copied()).chain(elsewhere)
        };
        let writes = skeg_commands::commands().iter().filter(|spec| spec.writes());
        for name in writes.map(|spec| spec.name) {
            let count = listed().filter(|listed| *listed == name).count();
            assert_eq!(count, 1, "{name} writes and has no row, or several");
        }
        for name in listed() {
            let spec = skeg_commands::commands().iter().find(|spec| spec.name == name);
            assert!(spec.is_some_and(|spec| spec.writes()), "{name} does not write");
        }
    }
}
