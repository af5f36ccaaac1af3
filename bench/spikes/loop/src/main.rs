//! `loop-spike <mio|mio-now|mio2|tokio|tokio-now> <port> [log path]`
//!
//! mio, tokio: replies leave after one end-of-turn hook. The -now variants answer each read at once.
//! mio2: two mio loops over one mutex-held store, each accepting on its own listener (SO_REUSEPORT
//! is not in std, so they share a cloned one).
#![forbid(unsafe_code)]

mod mio_loop;
mod store;
mod tokio_loop;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let port: u16 = args[2].parse().expect("a port");
    let store = store::Store::new(args.get(3).map(String::as_str));
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    listener.set_nonblocking(true).expect("non-blocking");
    match args[1].as_str() {
        "tokio" => tokio_loop::run(listener, store, true),
        "tokio-now" => tokio_loop::run(listener, store, false),
        mode => {
            let store = std::sync::Mutex::new(store);
            let threads = if mode == "mio2" { 2 } else { 1 };
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    let listener = listener.try_clone().expect("dup");
                    let listener = mio::net::TcpListener::from_std(listener);
                    let store = &store;
                    scope.spawn(move || mio_loop::run(listener, store, mode != "mio-now"));
                }
            });
        }
    }
}
