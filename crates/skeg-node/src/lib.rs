//! The Node addon: turns JavaScript calls into engine calls and engine errors into codes.
//!
//! Node-API is used directly, through the function table of `napi-sys`, because the calls that
//! matter take a few hundred nanoseconds in all: a generated wrapper alone costs as much.
//!
//! Invariants: no JavaScript runs while a latch is held; the JavaScript thread never waits for a
//! latch or a queue; engine threads never touch memory that JavaScript owns; `unsafe` stays in
//! `raw.rs`.
//!
//! May not know: behaviour. Every rule lives in the engine, so that all faces behave alike.
#![deny(unsafe_code)]

mod calls;
mod changes;
mod database;
mod environment;
mod error;
mod keys;
mod levels;
mod lifecycle;
mod messages;
mod numbered;
mod raw;
mod reading;
mod registry;
mod reply;
mod ring;
mod serving;
mod watching;
mod work;
mod writing;
