//! What a client sees of a connection: order, cuts, inline commands, ends.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::common::{Client, bulk, command, in_memory, local, ok, serve};
use skeg_proto::client::Value;
use skeg_server::ServerOptions;

#[test]
fn a_pipeline_is_answered_in_order() {
    let served = in_memory();
    let mut client = served.connect();
    let mut bytes = Vec::new();
    for n in 0..20_000 {
        bytes.extend(command(&["SET", &format!("key{}", n % 100), &n.to_string()]));
        bytes.extend(command(&["GET", &format!("key{}", n % 100)]));
    }
    let mut writer = client.stream.try_clone().unwrap();
    let sender =
        std::thread::spawn(move || std::io::Write::write_all(&mut writer, &bytes).unwrap());
    for n in 0..20_000 {
        assert_eq!(client.receive(), ok());
        assert_eq!(client.receive(), bulk(&n.to_string()));
    }
    sender.join().unwrap();
    served.close();
}

#[test]
fn a_cut_anywhere_changes_nothing() {
    let served = in_memory();
    let mut bytes = command(&["SET", "key", "a\r\nvalue"]);
    bytes.extend(b"\r\nset inline 'quoted value'\r\n");
    bytes.extend(command(&["GET", "key"]));
    bytes.extend(command(&["GET", "inline"]));
    let replies = [ok(), ok(), bulk("a\r\nvalue"), bulk("quoted value")];
    for cut in 1..bytes.len() {
        let mut client = served.connect();
        client.send(&bytes[..cut]);
        // Long enough that the server mostly sees two reads.
        std::thread::sleep(Duration::from_micros(500));
        client.send(&bytes[cut..]);
        for reply in &replies {
            assert_eq!(&client.receive(), reply, "cut at {cut}");
        }
    }
    let mut client = served.connect();
    for byte in &bytes {
        client.send(std::slice::from_ref(byte));
    }
    for reply in &replies {
        assert_eq!(&client.receive(), reply);
    }
    served.close();
}

#[test]
fn values_larger_than_any_buffer_pass() {
    let served = in_memory();
    let mut client = served.connect();
    let value = "0123456789abcdef".repeat(1 << 18);
    for _ in 0..3 {
        let mut writer = client.stream.try_clone().unwrap();
        let mut bytes = command(&["SET", "large", &value]);
        bytes.extend(command(&["GET", "large"]));
        let sender =
            std::thread::spawn(move || std::io::Write::write_all(&mut writer, &bytes).unwrap());
        assert_eq!(client.receive(), ok());
        assert_eq!(client.receive(), bulk(&value));
        sender.join().unwrap();
    }
    served.close();
}

#[test]
fn a_client_that_only_ends_its_side_gets_all_replies() {
    let served = in_memory();
    let mut client = served.connect();
    let pings = b"PING\r\n".repeat(50_000);
    let mut writer = client.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        std::io::Write::write_all(&mut writer, &pings).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut replies = 0;
    while let Some(reply) = client.try_receive() {
        assert_eq!(reply, Value::Simple("PONG".into()));
        replies += 1;
    }
    assert_eq!(replies, 50_000);
    sender.join().unwrap();
    served.close();
}

#[test]
fn quit_is_answered_and_ends_the_connection() {
    let served = in_memory();
    let mut client = served.connect();
    client.send(b"PING\r\nQUIT\r\nPING\r\n");
    assert_eq!(client.receive(), Value::Simple("PONG".into()));
    assert_eq!(client.receive(), ok());
    assert_eq!(client.try_receive(), None);
    served.close();
}

#[test]
fn a_broken_protocol_is_named_and_ends_the_connection() {
    let served = in_memory();
    let mut client = served.connect();
    client.send(b"PING\r\n*1\r\nPING\r\n");
    assert_eq!(client.receive(), Value::Simple("PONG".into()));
    assert_eq!(client.receive(), Value::Error("ERR Protocol error: expected '$', got 'P'".into()));
    assert_eq!(client.try_receive(), None);
    served.close();
}

#[test]
fn a_unix_socket_serves_the_same_data() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("skeg.sock");
    let options = ServerOptions { unix_socket: Some(path.clone()), ..local() };
    let served = serve(None, &options);
    assert_eq!(served.server.unix_socket(), Some(path.as_path()));
    assert_eq!(served.connect().call(&["SET", "key", "value"]), ok());
    let mut stream = UnixStream::connect(&path).unwrap();
    std::io::Write::write_all(&mut stream, b"GET key\r\n").unwrap();
    let mut reply = [0; 11];
    std::io::Read::read_exact(&mut stream, &mut reply).unwrap();
    assert_eq!(&reply, b"$5\r\nvalue\r\n");
    served.close();
    assert!(!path.exists());
}

#[test]
fn many_clients_at_once_each_see_their_own_order() {
    let served = in_memory();
    let clients: Vec<Client> = (0..40).map(|_| served.connect()).collect();
    std::thread::scope(|scope| {
        for (number, mut client) in clients.into_iter().enumerate() {
            scope.spawn(move || {
                let key = format!("client{number}");
                for n in 0..200 {
                    let mut bytes = Vec::new();
                    for step in 0..16 {
                        bytes.extend(command(&["SET", &key, &format!("{n}.{step}")]));
                        bytes.extend(command(&["GET", &key]));
                    }
                    client.send(&bytes);
                    for step in 0..16 {
                        assert_eq!(client.receive(), ok());
                        assert_eq!(client.receive(), bulk(&format!("{n}.{step}")));
                    }
                }
            });
        }
    });
    served.close();
}
