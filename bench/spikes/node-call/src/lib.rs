//! What a call from JavaScript costs that takes a string key and returns a string value, by the way
//! in which the strings travel. Built and measured by `measure.ts`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use napi_sys as sys;

type Map = HashMap<Box<[u8]>, Box<[u8]>, ahash::RandomState>;

thread_local! {
    static MAP: RefCell<Map> = RefCell::default();
    /// A buffer that JavaScript and this code share: key at 0, value at 1,024.
    static SHARED: RefCell<*mut u8> = const { RefCell::new(ptr::null_mut()) };
}

/// Fills the map with `count` values of `length` bytes.
#[napi]
pub fn fill(count: u32, length: u32) {
    MAP.with_borrow_mut(|map| {
        for n in 0..count {
            let value = vec![b'a' + (n % 26) as u8; length as usize];
            map.insert(format!("key:{n:012}").into_bytes().into(), value.into());
        }
    });
}

/// Nothing, through the macro.
#[napi]
pub fn nothing_generated() {}

/// The value, through the macro.
#[napi]
pub fn get_generated(key: String) -> Option<String> {
    MAP.with_borrow(|map| map.get(key.as_bytes()).map(|v| String::from_utf8(v.to_vec()).unwrap()))
}

type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

unsafe fn argument(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut count, mut value) = (1, ptr::null_mut());
    unsafe { sys::napi_get_cb_info(env, info, &mut count, &mut value, ptr::null_mut(), ptr::null_mut()) };
    value
}

unsafe fn key(env: sys::napi_env, info: sys::napi_callback_info, buffer: &mut [u8; 256]) -> usize {
    let mut length = 0;
    let value = unsafe { argument(env, info) };
    unsafe { sys::napi_get_value_string_utf8(env, value, buffer.as_mut_ptr().cast(), 256, &mut length) };
    length
}

unsafe extern "C" fn nothing(_: sys::napi_env, _: sys::napi_callback_info) -> sys::napi_value {
    ptr::null_mut()
}

unsafe extern "C" fn key_only(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    unsafe { key(env, info, &mut [0; 256]) };
    ptr::null_mut()
}

unsafe extern "C" fn value_only(env: sys::napi_env, _: sys::napi_callback_info) -> sys::napi_value {
    let mut out = ptr::null_mut();
    unsafe { sys::napi_create_string_latin1(env, [b'x'; 100].as_ptr().cast(), 100, &mut out) };
    out
}

/// UTF-8 both ways.
unsafe extern "C" fn get_utf8(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut buffer, mut out) = ([0; 256], ptr::null_mut());
    let length = unsafe { key(env, info, &mut buffer) };
    MAP.with_borrow(|map| {
        if let Some(value) = map.get(&buffer[..length]) {
            unsafe { sys::napi_create_string_utf8(env, value.as_ptr().cast(), value.len() as isize, &mut out) };
        }
    });
    out
}

/// UTF-8 in; out as one byte a character, if it is ASCII.
unsafe extern "C" fn get_ascii(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut buffer, mut out) = ([0; 256], ptr::null_mut());
    let length = unsafe { key(env, info, &mut buffer) };
    MAP.with_borrow(|map| {
        if let Some(value) = map.get(&buffer[..length]).filter(|value| value.is_ascii()) {
            unsafe { sys::napi_create_string_latin1(env, value.as_ptr().cast(), value.len() as isize, &mut out) };
        }
    });
    out
}

unsafe extern "C" fn share(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut place, mut length) = (ptr::null_mut(), 0);
    let value = unsafe { argument(env, info) };
    unsafe { sys::napi_get_buffer_info(env, value, &mut place, &mut length) };
    SHARED.set(place.cast());
    ptr::null_mut()
}

/// Key and value in the shared buffer; takes and returns lengths.
unsafe extern "C" fn get_shared(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut length, mut out) = (0, ptr::null_mut());
    let value = unsafe { argument(env, info) };
    unsafe { sys::napi_get_value_uint32(env, value, &mut length) };
    let shared = SHARED.with_borrow(|place| *place);
    MAP.with_borrow(|map| {
        let key = unsafe { std::slice::from_raw_parts(shared, length as usize) };
        if let Some(value) = map.get(key) {
            unsafe { ptr::copy_nonoverlapping(value.as_ptr(), shared.add(1_024), value.len()) };
            unsafe { sys::napi_create_uint32(env, value.len() as u32, &mut out) };
        }
    });
    out
}

const RAW: [(&str, Callback); 7] = [
    ("nothing", nothing),
    ("keyOnly", key_only),
    ("valueOnly", value_only),
    ("getUtf8", get_utf8),
    ("getAscii", get_ascii),
    ("share", share),
    ("getShared", get_shared),
];

/// Adds the callbacks that go around the macro.
#[napi(module_exports)]
pub fn init(exports: Object<'_>, env: Env) -> Result<()> {
    for (name, callback) in RAW {
        let (mut function, mut key) = (ptr::null_mut(), ptr::null_mut());
        let (text, length) = (name.as_ptr().cast(), name.len() as isize);
        unsafe {
            let data: *mut c_void = ptr::null_mut();
            sys::napi_create_function(env.raw(), text, length, Some(callback), data, &mut function);
            sys::napi_create_string_utf8(env.raw(), text, length, &mut key);
            sys::napi_set_property(env.raw(), exports.raw(), key, function);
        }
    }
    Ok(())
}
