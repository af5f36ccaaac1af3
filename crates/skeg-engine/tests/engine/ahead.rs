//! Reading ahead: it changes nothing, whatever comes after it.

use skeg_engine::{Drain, Engine, EngineOptions, Expiry, Holder, ShardList};
use skeg_io::Io;

fn engine() -> Engine {
    let options = EngineOptions { home_threads: 0, ..Default::default() };
    Engine::open(&Io::real(), None, &options).expect("opens in memory")
}

#[test]
fn the_shards_of_keys_are_right_whichever_commands_follow() {
    let engine = engine();
    let mut holder = Holder::new(&engine, Drain::Serve);
    let text: String = (0..40).map(|number| format!("k{number:02}")).collect();
    let keys: Vec<&[u8]> = text.as_bytes().chunks(3).collect();
    let commands = || keys.iter().map(|key| [*key, &b""[..], &b""[..]]);
    holder.touch(0, commands(), true);
    // In order, left out, twice, one that was not looked at, the same bytes elsewhere.
    let elsewhere = keys[9].to_vec();
    let asked = [keys[0], keys[1], keys[5], keys[5], keys[3], keys[39], &elsewhere, keys[15]];
    for key in asked {
        assert_eq!(holder.shard_of(key), engine.shard_of(key), "{key:?}");
    }
    assert!(holder.is_holding());
    holder.release();
    drop(keys);
    // Other keys in the same place: what was known of that is forgotten.
    let text = text.replace('k', "x").into_bytes();
    for key in text.chunks(3) {
        assert_eq!(holder.shard_of(key), engine.shard_of(key), "{key:?}");
        set_and_look(&mut holder, key);
    }
    holder.release();
    // And what is known of a key that is looked up is true.
    let keys = || text.chunks(3).map(|key| [key, &b""[..], &b""[..]]);
    holder.touch(0, keys(), true);
    text.chunks(3).for_each(|key| set_and_look(&mut holder, key));
}

/// Sets a key, and sees it by bytes that lie elsewhere.
fn set_and_look(holder: &mut Holder, key: &[u8]) {
    let shard = holder.shard_of(key);
    assert!(holder.try_hold_one(shard).expect("open"));
    let elsewhere = key.to_vec();
    let set = |exec: &mut skeg_engine::Exec<'_>| {
        exec.shard(key).set(0, key, b"v", Expiry::Clear);
        exec.shard(key).exists(0, &elsewhere)
    };
    assert!(holder.run_one(shard, skeg_engine::Bound::grow(64), set).expect("open").0);
}

#[test]
fn the_keys_of_one_command_are_read_ahead_however_many() {
    let engine = engine();
    let mut holder = Holder::new(&engine, Drain::Serve);
    let keys: Vec<String> = (0..600).map(|number| format!("key:{number}")).collect();
    for count in [0, 1, 2, 16, 17, 600] {
        let named = || keys[..count].iter().map(String::as_bytes);
        holder.touch_keys(0, named());
        let shards: ShardList = named().map(|key| engine.shard_of(key)).collect();
        assert!(holder.try_hold(&shards).expect("open"));
        for key in named() {
            set_and_look(&mut holder, key);
        }
        holder.release();
    }
}
