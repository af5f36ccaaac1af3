//! Serving a store that the program has open.
//!
//! Starting (which may ask a name server) and stopping (which lets clients finish) block, so each
//! has a thread of its own for as long as it takes.

use std::net::ToSocketAddrs;
use std::path::PathBuf;

use skeg_engine::Engine;
use skeg_server::{ServeError, Server, ServerOptions};

use crate::environment::{Environment, Outcome};
use crate::error::Failure;
use crate::lifecycle::in_background;
use crate::raw::{Frame, Function, Js, Value};

/// `listen(handle, host, port, socket, clients)`: the number of the request. An empty host or
/// socket stands for none, 0 clients for the default.
pub(crate) struct Listen;

impl Function<Environment> for Listen {
    const NAME: &'static str = "listen";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = listen(state, frame);
        state.finish(frame, result)
    }
}

fn listen<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let engine = state.database(frame.u32(0)?)?.engine().clone();
    let (host, port, socket) = (frame.text(1)?, frame.u32(2)?, frame.text(3)?);
    let mut options = ServerOptions::default();
    if !socket.is_empty() {
        options.unix_socket = Some(PathBuf::from(socket));
    }
    let clients = frame.u32(4)?;
    if clients > 0 {
        options.clients_max = clients as usize;
    }
    let port = u16::try_from(port)
        .map_err(|_| Failure::new("ERR_INVALID_ARGUMENT", "a port is from 0 to 65,535"))?;
    in_background(state, frame, "skeg-listen", move || start(&engine, &host, port, options))
}

fn start(
    engine: &Engine,
    host: &str,
    port: u16,
    mut options: ServerOptions,
) -> Result<Outcome, Failure> {
    if !host.is_empty() {
        let found = (host, port).to_socket_addrs().map_err(|error| {
            Failure::new("ERR_INVALID_ARGUMENT", format!("no address for host {host}: {error}"))
        })?;
        // One address of a name is enough; binding to all of them would surprise.
        options.addresses.extend(found.take(1));
    }
    Ok(Outcome::Listening(Box::new(Server::start(engine, &options)?)))
}

/// `stop(server)`: the number of the request.
pub(crate) struct Stop;

impl Function<Environment> for Stop {
    const NAME: &'static str = "stop";

    fn call<'e>(state: &mut Environment, frame: &Frame<'e>) -> Value<'e> {
        let result = stop(state, frame);
        state.finish(frame, result)
    }
}

fn stop<'e>(state: &mut Environment, frame: &Frame<'e>) -> Result<Value<'e>, Failure> {
    let server = state.servers.remove(&frame.u32(0)?);
    in_background(state, frame, "skeg-stop", move || {
        // Dropping stops it and waits.
        drop(server);
        Ok(Outcome::Closed)
    })
}

/// `[server, host, port, socket]` of a server that listens; the port is 0 and the socket empty when
/// there is none.
pub(crate) fn describe<'e>(js: Js<'e>, number: u32, server: &Server) -> Value<'e> {
    let text = |text: &str| js.string(text.as_bytes()).unwrap_or_else(|| js.undefined());
    let address = server.addresses().first();
    let host = address.map_or_else(String::new, |address| address.ip().to_string());
    let port = address.map_or(0, std::net::SocketAddr::port);
    let socket = server.unix_socket().map_or_else(String::new, |path| path.display().to_string());
    let parts =
        [js.number(f64::from(number)), text(&host), js.number(f64::from(port)), text(&socket)];
    js.array(parts.into_iter())
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let code = match &error {
            ServeError::Nowhere | ServeError::Option { .. } => "ERR_INVALID_ARGUMENT",
            _ => "ERR_IO",
        };
        Self::new(code, error.to_string())
    }
}
