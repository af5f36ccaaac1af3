//! The only module that speaks Node-API: safe wrappers over its C functions.
//!
//! Invariants: every call is made on the JavaScript thread that the environment belongs to; a
//! value never outlives the callback that received it.

#![allow(unsafe_code)]

use std::sync::Once;

use napi_sys as sys;

static RESOLVED: Once = Once::new();

/// Called once by Node for each environment (main thread or worker) that loads the addon.
///
/// # Safety
/// Only Node calls it, on the thread of `env`, with live handles.
#[unsafe(no_mangle)]
unsafe extern "C" fn napi_register_module_v1(
    _env: sys::napi_env,
    exports: sys::napi_value,
) -> sys::napi_value {
    RESOLVED.call_once(|| {
        // SAFETY: writes the table of Node's functions; `Once` keeps a second environment from
        // writing it while the first one uses it. The library is the process itself.
        let _process = unsafe { sys::setup() };
    });
    exports
}
