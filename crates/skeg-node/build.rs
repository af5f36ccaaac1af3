//! Link arguments of the addon.
//!
//! Node unloads an addon when the last environment that loaded it ends. Threads that open or close a
//! store may still be on their way out then, so the library asks to stay mapped.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
