//! A client whose connection keeps what reaches it beside replies.

use skeg_commands::{Connection, Incoming, Origin};
use skeg_io::sync::{Arc, Mutex};
use skeg_proto::client::Decoder;
use skeg_proto::{Reply, Version};

use super::{Show, Store, TestClient, show};

/// A connection that keeps what reaches it.
#[derive(Default)]
pub(crate) struct Wire(Mutex<Vec<Incoming>>);

impl Connection for Wire {
    fn kill(&self) {}

    fn receives(&self) -> bool {
        true
    }

    fn deliver(&self, incoming: Incoming) {
        self.0.lock().push(incoming);
    }
}

/// A client that takes messages.
pub(crate) struct Listener {
    pub(crate) client: TestClient,
    wire: Arc<Wire>,
}

fn shown(bytes: &[u8]) -> Vec<String> {
    let mut decoder = Decoder::new();
    decoder.feed(bytes);
    let mut values = Vec::new();
    while let Some(value) = decoder.decode().unwrap() {
        values.push(show(&value, Show::Resp3));
    }
    values
}

impl Listener {
    pub(crate) fn new(store: &Store, version: Version) -> Self {
        let wire = Arc::new(Wire::default());
        let connection = Arc::clone(&wire) as Arc<dyn Connection>;
        let client = store.client_over(Origin::default(), connection, version);
        Self { client, wire }
    }

    /// The replies to a command, of which there may be several.
    pub(crate) fn call(&mut self, line: &str) -> Vec<String> {
        shown(&self.client.bytes(line))
    }

    /// What has come since beside replies.
    pub(crate) fn messages(&mut self) -> Vec<String> {
        let mut reply = Reply::new(Version::Resp2);
        for incoming in std::mem::take(&mut *self.wire.0.lock()) {
            self.client.session.write_incoming(&incoming, &mut reply);
        }
        shown(reply.as_bytes())
    }
}
