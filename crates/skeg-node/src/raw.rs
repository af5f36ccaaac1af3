//! The only module that speaks Node-API: safe wrappers over its C functions.
//!
//! Invariants: Node-API is called on the JavaScript thread of its environment, with handles of the
//! running callback (`Js` and `Value` are neither `Send` nor outlive it), the waker excepted, which
//! exists for other threads; nothing that JavaScript owns is referred to after a call returns; no
//! panic leaves through a C frame; after the environment's cleanup nothing here is called again.
//! May not know: engines, keys, what the functions do.
//! Tests: `__test__/lifecycle/` (workers, exit, termination) and `__test__/api/arguments.test.ts`.

#![allow(unsafe_code)]

use std::any::Any;
use std::cell::RefCell;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::sync::OnceLock;

use napi_sys as sys;
use sys::Status::{napi_ok, napi_string_expected};

use crate::environment::Environment;
use crate::ring::Wake;

/// Calls a function of Node-API.
macro_rules! node {
    ($name:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: the table of functions was filled when the addon was loaded. The environment and
        // the handles belong to the running callback on this thread (`Js` and `Value` are made in
        // callbacks only and can't leave them); out-parameters are places of this frame.
        unsafe { sys::$name($($argument),*) }
    }};
}

/// Arguments of a call that are looked at without asking how many there are.
const ARGUMENTS_MAX: usize = 11;

/// The environment of the running callback.
#[derive(Clone, Copy)]
pub(crate) struct Js<'e> {
    env: sys::napi_env,
    callback: PhantomData<&'e ()>,
}

/// A JavaScript value, valid during the callback.
#[derive(Clone, Copy)]
pub(crate) struct Value<'e> {
    raw: sys::napi_value,
    callback: PhantomData<&'e ()>,
}

/// Why an argument can't be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsuitable {
    /// It is of another type than the call takes.
    Type,
    /// A string with half of a surrogate pair: it has no UTF-8 form.
    Surrogate,
}

/// Elements of a typed array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// Bytes.
    U8,
    /// Numbers of single precision.
    F32,
}

impl<'e> Js<'e> {
    fn value(self, status: sys::napi_status, raw: sys::napi_value) -> Value<'e> {
        // Creating a value fails only with an exception pending (out of memory, or the environment
        // is being torn down): then whatever is returned is not looked at.
        let raw = if status == napi_ok { raw } else { null_mut() };
        Value { raw, callback: PhantomData }
    }

    /// `undefined`.
    pub(crate) fn undefined(self) -> Value<'e> {
        self.value(napi_ok, null_mut())
    }

    /// `null`.
    pub(crate) fn null(self) -> Value<'e> {
        let mut raw = null_mut();
        let status = node!(napi_get_null(self.env, &raw mut raw));
        self.value(status, raw)
    }

    /// A boolean.
    pub(crate) fn boolean(self, value: bool) -> Value<'e> {
        let mut raw = null_mut();
        let status = node!(napi_get_boolean(self.env, value, &raw mut raw));
        self.value(status, raw)
    }

    /// A number; integers are exact to 2^53.
    pub(crate) fn number(self, value: f64) -> Value<'e> {
        let mut raw = null_mut();
        let status = node!(napi_create_double(self.env, value, &raw mut raw));
        self.value(status, raw)
    }

    /// A small integer: the cheapest value to create.
    pub(crate) fn integer(self, value: i32) -> Value<'e> {
        let mut raw = null_mut();
        let status = node!(napi_create_int32(self.env, value, &raw mut raw));
        self.value(status, raw)
    }

    /// A bigint.
    pub(crate) fn bigint(self, value: i64) -> Value<'e> {
        let mut raw = null_mut();
        let status = node!(napi_create_bigint_int64(self.env, value, &raw mut raw));
        self.value(status, raw)
    }

    /// A string of these bytes, if they are UTF-8.
    pub(crate) fn string(self, bytes: &[u8]) -> Option<Value<'e>> {
        let mut raw = null_mut();
        let (text, length) = (bytes.as_ptr().cast(), bytes.len().cast_signed());
        // One byte a character is half the memory and less work, and most text is ASCII.
        let status = if bytes.is_ascii() {
            node!(napi_create_string_latin1(self.env, text, length, &raw mut raw))
        } else {
            std::str::from_utf8(bytes).ok()?;
            node!(napi_create_string_utf8(self.env, text, length, &raw mut raw))
        };
        Some(self.value(status, raw))
    }

    /// A Buffer with a copy of these bytes.
    pub(crate) fn buffer(self, bytes: &[u8]) -> Value<'e> {
        let (mut raw, mut place) = (null_mut(), null_mut());
        let data = bytes.as_ptr().cast();
        let status = node!(napi_create_buffer_copy(
            self.env,
            bytes.len(),
            data,
            &raw mut place,
            &raw mut raw
        ));
        self.value(status, raw)
    }

    /// An array of these values.
    pub(crate) fn array(self, values: impl ExactSizeIterator<Item = Value<'e>>) -> Value<'e> {
        let mut raw = null_mut();
        let status = node!(napi_create_array_with_length(self.env, values.len(), &raw mut raw));
        if status == napi_ok {
            for (index, value) in (0..).zip(values) {
                node!(napi_set_element(self.env, raw, index, value.raw));
            }
        }
        self.value(status, raw)
    }

    /// An object with these properties: names (strings) and values. They are defined, not assigned:
    /// `__proto__` is a name like others.
    pub(crate) fn object(self, pairs: &[[Value<'e>; 2]]) -> Value<'e> {
        use sys::PropertyAttributes::{configurable, enumerable, writable};
        let mut raw = null_mut();
        let status = node!(napi_create_object(self.env, &raw mut raw));
        let properties: Vec<_> = pairs
            .iter()
            .map(|[name, value]| sys::napi_property_descriptor {
                utf8name: null_mut(),
                name: name.raw,
                method: None,
                getter: None,
                setter: None,
                value: value.raw,
                attributes: writable | enumerable | configurable,
                data: null_mut(),
            })
            .collect();
        if status == napi_ok {
            let (count, first) = (properties.len(), properties.as_ptr());
            node!(napi_define_properties(self.env, raw, count, first));
        }
        self.value(status, raw)
    }

    /// An `Error` with this message, as a value.
    pub(crate) fn error(self, message: &[u8]) -> Value<'e> {
        let text = String::from_utf8_lossy(message);
        let Some(text) = self.string(text.as_bytes()) else { return self.undefined() };
        let mut raw = null_mut();
        let status = node!(napi_create_error(self.env, null_mut(), text.raw, &raw mut raw));
        self.value(status, raw)
    }

    /// Takes a number.
    pub(crate) fn to_number(self, value: Value<'_>) -> Result<f64, Unsuitable> {
        let mut number = 0.0;
        let status = node!(napi_get_value_double(self.env, value.raw, &raw mut number));
        if status == napi_ok { Ok(number) } else { Err(Unsuitable::Type) }
    }

    /// Takes a number as an unsigned integer: fractions are cut, what is too big wraps.
    pub(crate) fn to_u32(self, value: Value<'_>) -> Result<u32, Unsuitable> {
        let mut number = 0;
        let status = node!(napi_get_value_uint32(self.env, value.raw, &raw mut number));
        if status == napi_ok { Ok(number) } else { Err(Unsuitable::Type) }
    }

    /// Appends the bytes of a string (as UTF-8) or of a `Uint8Array`, and returns how many.
    #[inline]
    pub(crate) fn append_bytes(
        self,
        value: Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<usize, Unsuitable> {
        match self.append_text(value, out) {
            Err(Unsuitable::Type) => match self.append_elements(value, out)? {
                (Element::U8, length) => Ok(length),
                (Element::F32, _) => Err(Unsuitable::Type),
            },
            done => done,
        }
    }

    /// Appends a string as UTF-8, and returns its length in bytes.
    #[inline]
    pub(crate) fn append_text(
        self,
        value: Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<usize, Unsuitable> {
        /// What a string is first given room for; longer ones are asked for their length.
        const FIRST: usize = 1_024;
        /// One byte for the terminator, three that a character of four may leave free.
        const CUT_SHORT: usize = 4;

        let start = out.len();
        out.reserve(FIRST);
        let mut length = 0;
        let status = self.write_utf8(value, out, &mut length);
        if status != napi_ok {
            return Err(Unsuitable::Type);
        }
        if length + CUT_SHORT >= out.capacity() - start {
            node!(napi_get_value_string_utf8(self.env, value.raw, null_mut(), 0, &raw mut length));
            out.reserve(length + CUT_SHORT);
            if self.write_utf8(value, out, &mut length) != napi_ok {
                return Err(Unsuitable::Type);
            }
        }
        // SAFETY: Node has written `length` bytes behind the old length, within the capacity.
        unsafe { out.set_len(start + length) };
        if !out[start..].is_ascii() && self.has_lone_surrogate(value, &out[start..]) {
            out.truncate(start);
            return Err(Unsuitable::Surrogate);
        }
        Ok(length)
    }

    /// Writes a string behind the end of `out`, as far as there is room.
    fn write_utf8(
        self,
        value: Value<'_>,
        out: &mut Vec<u8>,
        length: &mut usize,
    ) -> sys::napi_status {
        let room = out.spare_capacity_mut();
        let status = node!(napi_get_value_string_utf8(
            self.env,
            value.raw,
            room.as_mut_ptr().cast(),
            room.len(),
            length,
        ));
        debug_assert!(status == napi_ok || status == napi_string_expected);
        status
    }

    /// Whether a U+FFFD among the bytes stands for half of a surrogate pair.
    #[cold]
    fn has_lone_surrogate(self, value: Value<'_>, utf8: &[u8]) -> bool {
        const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();
        if !utf8.windows(REPLACEMENT.len()).any(|window| window == REPLACEMENT) {
            return false;
        }
        let mut length = 0;
        node!(napi_get_value_string_utf16(self.env, value.raw, null_mut(), 0, &raw mut length));
        let mut units = vec![0_u16; length + 1];
        let (text, room) = (units.as_mut_ptr(), units.len());
        node!(napi_get_value_string_utf16(self.env, value.raw, text, room, &raw mut length));
        units.truncate(length);
        char::decode_utf16(units).any(|unit| unit.is_err())
    }

    /// Appends the bytes of a `Uint8Array` or `Float32Array`; returns the kind and the number of elements.
    pub(crate) fn append_elements(
        self,
        value: Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(Element, usize), Unsuitable> {
        let mut is_typed = false;
        node!(napi_is_typedarray(self.env, value.raw, &raw mut is_typed));
        if !is_typed {
            return Err(Unsuitable::Type);
        }
        let (mut kind, mut length, mut data) = (0, 0, null_mut());
        let status = node!(napi_get_typedarray_info(
            self.env,
            value.raw,
            &raw mut kind,
            &raw mut length,
            &raw mut data,
            null_mut(),
            null_mut(),
        ));
        let (element, size) = match kind {
            sys::TypedarrayType::uint8_array | sys::TypedarrayType::uint8_clamped_array => {
                (Element::U8, 1)
            }
            sys::TypedarrayType::float32_array => (Element::F32, 4),
            _ => return Err(Unsuitable::Type),
        };
        if status != napi_ok {
            return Err(Unsuitable::Type);
        }
        if length > 0 && !data.is_null() {
            // SAFETY: Node says that `length` elements lie there; no JavaScript runs, so nothing
            // detaches or frees them before the bytes are copied. (Another thread may write to
            // shared memory meanwhile: the copy is then some mix, and only the copy is used.)
            let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length * size) };
            out.extend_from_slice(bytes);
        }
        Ok((element, length))
    }

    /// Calls `visit` with each element of an array.
    pub(crate) fn each_element<E>(
        self,
        value: Value<'e>,
        mut visit: impl FnMut(Value<'e>) -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        let mut is_array = false;
        node!(napi_is_array(self.env, value.raw, &raw mut is_array));
        if !is_array {
            return None;
        }
        let mut length = 0;
        node!(napi_get_array_length(self.env, value.raw, &raw mut length));
        for index in 0..length {
            let mut raw = null_mut();
            let status = node!(napi_get_element(self.env, value.raw, index, &raw mut raw));
            if let Err(error) = visit(self.value(status, raw)) {
                return Some(Err(error));
            }
        }
        Some(Ok(()))
    }
}

/// One call from JavaScript.
pub(crate) struct Frame<'e> {
    /// The environment.
    pub(crate) js: Js<'e>,
    arguments: [sys::napi_value; ARGUMENTS_MAX],
}

impl<'e> Frame<'e> {
    /// An argument; `undefined` when it was not given.
    #[inline]
    pub(crate) fn argument(&self, index: usize) -> Value<'e> {
        Value { raw: self.arguments[index], callback: PhantomData }
    }

    /// An argument that is a number.
    pub(crate) fn number(&self, index: usize) -> Result<f64, Unsuitable> {
        self.js.to_number(self.argument(index))
    }

    /// An argument that is an unsigned integer.
    #[inline]
    pub(crate) fn u32(&self, index: usize) -> Result<u32, Unsuitable> {
        self.js.to_u32(self.argument(index))
    }

    /// An argument that is a string.
    pub(crate) fn text(&self, index: usize) -> Result<String, Unsuitable> {
        let mut bytes = Vec::new();
        self.js.append_text(self.argument(index), &mut bytes)?;
        String::from_utf8(bytes).map_err(|_| Unsuitable::Surrogate)
    }
}

/// A function that JavaScript may call on an environment's state.
pub(crate) trait Function<S> {
    /// Its name in the table that JavaScript gets.
    const NAME: &'static str;

    /// What it does. No other function runs on the state meanwhile.
    fn call<'e>(state: &mut S, frame: &Frame<'e>) -> Value<'e>;
}

/// An entry of the table of functions.
pub(crate) struct Export<S> {
    name: &'static str,
    callback: unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value,
    state: PhantomData<fn(S)>,
}

impl<S: 'static> Export<S> {
    /// The entry of a function.
    pub(crate) const fn of<F: Function<S>>() -> Self {
        Self { name: F::NAME, callback: trampoline::<S, F>, state: PhantomData }
    }
}

/// What JavaScript gets when it attaches to the addon: made once for each environment.
pub(crate) trait State: Sized + 'static {
    /// The functions.
    const EXPORTS: &'static [Export<Self>];

    /// The state of a new environment. It is dropped when the environment ends; then no function of
    /// its table is called any more.
    fn new(waker: Waker) -> Self;
}

/// # Safety
/// Node calls it, with the data that `attach` gave to the function.
unsafe extern "C" fn trampoline<S: 'static, F: Function<S>>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let (mut count, mut data) = (ARGUMENTS_MAX, null_mut());
    let mut arguments = [null_mut(); ARGUMENTS_MAX];
    node!(napi_get_cb_info(
        env,
        info,
        &raw mut count,
        arguments.as_mut_ptr(),
        null_mut(),
        &raw mut data,
    ));
    let frame = Frame { js: Js { env, callback: PhantomData }, arguments };
    // SAFETY: `attach` made the cell for this environment's functions; only `cleanup` frees it,
    // when no JavaScript of the environment runs any more.
    let cell = unsafe { &*data.cast::<RefCell<S>>() };
    let call = || F::call(&mut cell.borrow_mut(), &frame).raw;
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        let (code, text) = (c"ERR_INTERNAL", c"skeg failed inside: please report this");
        node!(napi_throw_error(env, code.as_ptr(), text.as_ptr()));
        null_mut()
    })
}

/// Makes an environment's state and hands out its functions. The argument is called, on the
/// JavaScript thread, after the waker was used.
///
/// # Safety
/// Node calls it.
unsafe extern "C" fn attach<S: State>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let (mut count, mut on_wake) = (1, null_mut());
    node!(napi_get_cb_info(env, info, &raw mut count, &raw mut on_wake, null_mut(), null_mut(),));
    let Some(waker) = Waker::new(env, on_wake) else {
        let text = c"skeg: the environment gives no thread-safe function";
        node!(napi_throw_error(env, c"ERR_INTERNAL".as_ptr(), text.as_ptr()));
        return null_mut();
    };
    let state: *mut RefCell<S> = Box::into_raw(Box::new(RefCell::new(S::new(waker))));
    // Hooks run in reverse order: this one before the one that Node keeps for the waker.
    node!(napi_add_env_cleanup_hook(env, Some(cleanup::<S>), state.cast()));
    let mut table = null_mut();
    node!(napi_create_object(env, &raw mut table));
    for export in S::EXPORTS {
        define(env, table, export.name, export.callback, state.cast());
    }
    table
}

fn define(
    env: sys::napi_env,
    object: sys::napi_value,
    name: &str,
    callback: unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value,
    data: *mut c_void,
) {
    let (mut function, mut key) = (null_mut(), null_mut());
    let (text, length) = (name.as_ptr().cast(), name.len().cast_signed());
    node!(napi_create_function(env, text, length, Some(callback), data, &raw mut function));
    node!(napi_create_string_latin1(env, text, length, &raw mut key));
    node!(napi_set_property(env, object, key, function));
}

/// # Safety
/// Node calls it once, when no JavaScript of the environment runs any more.
unsafe extern "C" fn cleanup<S>(data: *mut c_void) {
    // SAFETY: made by `attach` of this environment, and not freed before.
    let state = unsafe { Box::from_raw(data.cast::<RefCell<S>>()) };
    // A panic has nowhere to go: the environment ends either way.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(state)));
}

/// Calls the environment's wake function from any thread.
#[derive(Debug)]
pub(crate) struct Waker(sys::napi_threadsafe_function);

// SAFETY: Node's thread-safe functions may be called from every thread while they exist. Whoever
// owns a waker drops it in the environment's cleanup, before Node frees the function.
unsafe impl Send for Waker {}
// SAFETY: as above; a call does not change the handle.
unsafe impl Sync for Waker {}

impl Waker {
    fn new(env: sys::napi_env, on_wake: sys::napi_value) -> Option<Self> {
        let (mut name, mut function) = (null_mut(), null_mut());
        node!(napi_create_string_latin1(env, c"skeg".as_ptr(), -1, &raw mut name));
        let status = node!(napi_create_threadsafe_function(
            env,
            on_wake,
            null_mut(),
            name,
            0,
            1,
            null_mut(),
            None,
            null_mut(),
            None,
            &raw mut function,
        ));
        (status == napi_ok).then_some(())?;
        // Nothing is unsettled yet: an idle store keeps no process alive.
        node!(napi_unref_threadsafe_function(env, function));
        Some(Self(function))
    }

    /// Keeps the process alive until [`Waker::let_go`].
    pub(crate) fn keep_alive(&self, js: Js<'_>) {
        node!(napi_ref_threadsafe_function(js.env, self.0));
    }

    /// Lets the process end.
    pub(crate) fn let_go(&self, js: Js<'_>) {
        node!(napi_unref_threadsafe_function(js.env, self.0));
    }
}

impl Wake for Waker {
    fn wake(&self) {
        let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
        // Refused only when the environment ends: then there is nobody to wake.
        node!(napi_call_threadsafe_function(self.0, null_mut(), mode));
    }
}

/// The process as a library: what the table of functions was filled from.
static LOADED: OnceLock<Box<dyn Any + Send + Sync>> = OnceLock::new();

/// The entry of the addon: Node calls it once for each environment that loads it.
///
/// # Safety
/// Only Node calls it, on the environment's thread, with live handles.
#[unsafe(no_mangle)]
unsafe extern "C" fn napi_register_module_v1(
    env: sys::napi_env,
    exports: sys::napi_value,
) -> sys::napi_value {
    LOADED.get_or_init(|| {
        // SAFETY: fills the table of Node's functions from the process itself; the lock keeps a
        // second environment from writing it while the first one reads it.
        let process = unsafe { sys::setup() };
        Box::new(process)
    });
    define(env, exports, "attach", attach::<Environment>, null_mut());
    exports
}
