//! Threads that run where no other wants the processor (`SCHED_IDLE`, sched(7)).
//!
//! Who is only nicer keeps a processor until its slice of time is over, some milliseconds; these make room at once for one
//! that wakes, and a processor that has nothing else to do counts as free when one is looked for.
//!
//! There is no way back for a thread without privileges: it is for those that end with their work.

/// From now on the caller's thread stands by. A system that refuses, or has no such thing, leaves it as it is.
pub(super) fn stand_by() {
    #[cfg(target_os = "linux")]
    {
        use std::ffi::c_int;
        #[repr(C)]
        struct Parameters {
            priority: c_int,
        }
        unsafe extern "C" {
            fn sched_setscheduler(
                thread: c_int,
                policy: c_int,
                parameters: *const Parameters,
            ) -> c_int;
        }
        const CALLER: c_int = 0;
        const IDLE: c_int = 5;
        // SAFETY: libc's own function with libc's signature (sched.h); it reads the parameters, which outlive the call,
        // and nothing else. Run by a test of `host.rs`.
        let _: c_int = unsafe { sched_setscheduler(CALLER, IDLE, &Parameters { priority: 0 }) };
    }
}
