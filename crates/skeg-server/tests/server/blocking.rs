//! Clients that wait for keys, over sockets: pipelines, connections that end, the end of the server.

use crate::common::{Served, bulk, command, in_memory};
use crate::watch::eventually;
use skeg_proto::client::Value;

fn blocked(served: &Served) -> impl FnMut(i64) + use<> {
    let mut client = served.connect();
    move |count| {
        eventually("so many clients wait", || {
            let Value::Bulk(info) = client.call(&["INFO", "clients"]) else { return false };
            let line = format!("blocked_clients:{count}\r\n");
            String::from_utf8_lossy(&info).contains(&line)
        });
    }
}

#[test]
fn what_comes_behind_a_command_that_waits_waits_too() {
    let served = in_memory();
    let mut wait = blocked(&served);
    let (mut waits, mut pushes) = (served.connect(), served.connect());
    let pipeline = [
        command(&["BLPOP", "a", "0"]),
        command(&["SET", "done", "1"]),
        command(&["BRPOP", "b", "a", "0"]),
        command(&["GET", "done"]),
    ];
    waits.send(&pipeline.concat());
    wait(1);
    assert_eq!(pushes.call(&["GET", "done"]), Value::Null);
    assert_eq!(pushes.call(&["RPUSH", "a", "1"]), Value::Int(1));
    assert_eq!(waits.receive(), Value::Array(vec![bulk("a"), bulk("1")]));
    wait(1);
    assert_eq!(pushes.call(&["GET", "done"]), bulk("1"));
    pushes.call(&["RPUSH", "b", "2"]);
    assert_eq!(waits.receive(), Value::Simple("OK".into()));
    assert_eq!(waits.receive(), Value::Array(vec![bulk("b"), bulk("2")]));
    assert_eq!(waits.receive(), bulk("1"));
    // Its time is measured by the server's clock.
    assert_eq!(waits.call(&["BLPOP", "a", "0.01"]), Value::Null);
    served.close();
}

#[test]
fn a_connection_that_ends_leaves_its_place() {
    let served = in_memory();
    let mut wait = blocked(&served);
    let mut pushes = served.connect();
    for killed in [false, true] {
        let mut waits = served.connect();
        let Value::Int(id) = waits.call(&["CLIENT", "ID"]) else { panic!("a number") };
        waits.send(&command(&["BLPOP", "a", "b", "0"]));
        wait(1);
        if killed {
            pushes.call(&["CLIENT", "KILL", "ID", &id.to_string()]);
        } else {
            drop(waits);
        }
        wait(0);
        pushes.call(&["RPUSH", "a", "kept"]);
        assert_eq!(pushes.call(&["LPOP", "a"]), bulk("kept"));
    }
    served.close();
}

#[test]
fn a_server_that_stops_does_not_wait_for_those_that_wait() {
    let served = in_memory();
    let mut wait = blocked(&served);
    let mut waits = served.connect();
    waits.send(&command(&["BLPOP", "a", "0"]));
    wait(1);
    served.server.handle().stop();
    served.server.wait();
    assert_eq!(waits.try_receive(), None);
    let waiting = served.engine.waiting();
    assert_eq!(waiting, 0);
    served.close();
}
