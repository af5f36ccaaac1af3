//! Indexes in several parts by commands: they answer as one in one piece does, with free latches and taken
//! ones, in MULTI too.
#![allow(clippy::unwrap_used, reason = "a reply of another shape fails its test")]

mod support;

use skeg_proto::Version;
use skeg_proto::client::Value;
use support::{Latches, Store, TestClient};

/// A vector of two numbers, as an argument.
fn vector(x: f32, y: f32) -> String {
    let bytes = [x, y].map(f32::to_le_bytes).concat();
    let escaped: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("\"{escaped}\"")
}

/// Both indexes get the same, and say the same.
fn both(client: &mut TestClient, line: &str) -> Value {
    let [whole, parts] = ["whole", "parts"].map(|name| client.call(&line.replace("NAME", name)));
    assert_eq!(whole, parts, "{line}");
    parts.unwrap()
}

fn field(info: &Value, name: &str) -> i64 {
    let items = info.as_items().unwrap();
    let at = items.iter().position(|item| item.as_bytes() == Some(name.as_bytes())).unwrap();
    match items[at + 1] {
        Value::Int(number) => number,
        ref other => panic!("{name}: {other:?}"),
    }
}

fn create(client: &mut TestClient, ids: &str) {
    for (name, more) in [("whole", ""), ("parts", " PARTITIONS 5")] {
        let line = format!("SKEG.VINDEX.CREATE {name} 2 F32 FLAT METRIC L2 IDS {ids}{more}");
        assert_eq!(client.show(&line), "OK");
    }
}

#[test]
fn an_index_in_parts_answers_as_one_in_one_piece() {
    for latches in [Latches::Free, Latches::Taken] {
        for ids in ["STRING", "U64"] {
            let store = Store::new(4);
            let mut client = store.client(Version::Resp2);
            client.latches = latches;
            create(&mut client, ids);
            for id in 0..40 {
                let row = vector((id % 7) as f32, (id % 5) as f32);
                both(&mut client, &format!("SKEG.VSET NAME {id} {row}"));
            }
            let rows: String =
                (30..60).map(|id| format!(" {id} {}", vector(id as f32 / 8.0, 2.0))).collect();
            assert_eq!(both(&mut client, &format!("SKEG.VMSET NAME 30{rows}")), Value::Int(30));
            both(&mut client, &format!("SKEG.VSET NAME 7 {} XX", vector(3.0, 3.0)));
            both(&mut client, &format!("SKEG.VSET NAME 7 {} NX", vector(0.0, 0.0)));
            // As a number it is 7.
            both(&mut client, &format!("SKEG.VSET NAME 007 {}", vector(1.5, 1.0)));
            assert_eq!(both(&mut client, "SKEG.VDEL NAME 1 2 3 99 59"), Value::Int(4));
            for id in ["1", "7", "007", "31", "none"] {
                both(&mut client, &format!("SKEG.VGET NAME {id}"));
            }
            for k in [1, 7, 100] {
                let query = vector(2.2, 1.7);
                both(&mut client, &format!("SKEG.VSEARCH NAME {k} 0 {query}"));
                both(&mut client, &format!("SKEG.VSEARCH NAME {k} 0 {query} MINSCORE -0.5"));
                let many = vector(0.0, 0.0).trim_end_matches('"').to_string()
                    + vector(9.0, 3.0).trim_start_matches('"');
                let found = both(&mut client, &format!("SKEG.VMSEARCH NAME {k} 0 {many}"));
                assert_eq!(found.as_items().unwrap().len(), 2);
            }
            both(&mut client, "SKEG.VINDEX.CONSOLIDATE NAME");
            for line in [
                "SKEG.VSET NAME 1 short",
                "SKEG.VSEARCH NAME 1 0 12345678abcd",
                "SKEG.VMSEARCH NAME 1 0 12345678abcd",
                "SKEG.VSET NAME x",
                "SKEG.VDEL NAME \"\\xff\"",
            ] {
                both(&mut client, line);
            }
        }
    }
}

#[test]
fn parts_come_and_go_together() {
    let store = Store::new(4);
    let mut client = store.client(Version::Resp2);
    create(&mut client, "STRING");
    for id in 0..50 {
        both(&mut client, &format!("SKEG.VSET NAME {id} {}", vector(1.0, id as f32)));
    }
    let list = client.call("SKEG.VINDEX.LIST").unwrap();
    assert_eq!(list.as_items().unwrap().len(), 2, "{list:?}");
    let info = client.call("SKEG.VINDEX.INFO parts").unwrap();
    assert_eq!((field(&info, "partitions"), field(&info, "vectors")), (5, 50));
    let info = client.call("SKEG.VINDEX.INFO whole").unwrap();
    assert_eq!((field(&info, "partitions"), field(&info, "vectors")), (1, 50));
    let create = "SKEG.VINDEX.CREATE parts 2 F32 FLAT METRIC L2 PARTITIONS";
    assert_eq!(client.show(&format!("{create} 5")), "OK");
    for other in ["1", "2", "256"] {
        let said = client.show(&format!("{create} {other}"));
        assert!(
            said.contains("INDEXMISMATCH the index exists with another `partitions`"),
            "{said}"
        );
    }
    for wrong in ["0", "257", "x", "-1"] {
        let said = client.show(&format!("{create} {wrong}"));
        assert!(said.contains("ERR PARTITIONS must be a number from 1 to 256"), "{said}");
    }
    assert_eq!(both(&mut client, "SKEG.VINDEX.DROP NAME"), Value::Simple("OK".into()));
    both(&mut client, "SKEG.VINDEX.DROP NAME");
    both(&mut client, &format!("SKEG.VSET NAME 1 {}", vector(1.0, 1.0)));
    assert_eq!(client.show("SKEG.VINDEX.LIST"), "[]");
}

#[test]
fn a_transaction_takes_a_key_and_rows_of_all_parts() {
    for latches in [Latches::Free, Latches::Taken] {
        let store = Store::new(4);
        let mut client = store.client(Version::Resp2);
        create(&mut client, "STRING");
        client.latches = latches;
        client.call("MULTI");
        client.call("SET doc text");
        for id in 0..20 {
            client.call(&format!("SKEG.VSET parts {id} {}", vector(id as f32, 1.0)));
        }
        client.call("SKEG.VDEL parts 3 4");
        client.call("SKEG.VINDEX.INFO parts");
        let said = client.call("EXEC").unwrap();
        let said = said.as_items().unwrap();
        assert_eq!((said.len(), &said[21]), (23, &Value::Int(2)));
        assert_eq!(field(&said[22], "vectors"), 18);
        assert_eq!(client.show("GET doc"), "\"text\"");
        // Made and filled in one go, the parts are not known before.
        client.call("SKEG.VINDEX.DROP parts");
        for line in ["MULTI", "SKEG.VINDEX.CREATE parts 2 F32 FLAT PARTITIONS 9"] {
            client.call(line);
        }
        client.call(&format!("SKEG.VSET parts a {}", vector(1.0, 1.0)));
        let said = client.show("EXEC");
        assert!(said.starts_with("[OK, "), "{said}");
    }
}
