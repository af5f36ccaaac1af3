//! Connections, and the `skeg` executable.

pub mod config;
