//! Memory that the process has freed and the allocator keeps: given back to the system.
//!
//! glibc returns what is free at the end of a heap, and large blocks; what lies between other blocks, as the
//! rows of a delta do that has become a segment, stays resident until it is asked to look for it. Other
//! allocators return it by themselves, or have no such call: there this does nothing.
//!
//! Invariant: nothing that is allocated is touched, and there is nothing to see but the process's size.

/// Gives back what is free, in whole pages. Takes milliseconds, in which other threads may wait for memory:
/// for the end of work that has freed much, never for a thread that serves.
pub fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: glibc's own function with glibc's signature (malloc.h), thread-safe, takes no pointer; it gives back
        // pages of free blocks only. Run by the test below, and by every test that flushes a delta.
        let _: std::ffi::c_int = unsafe { malloc_trim(0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_stays() {
        let kept: Vec<Vec<u8>> = (0..2_000_usize).map(|n| vec![n as u8; 3_000]).collect();
        let freed: Vec<Vec<u8>> = (0..2_000_usize).map(|n| vec![n as u8; 30_000]).collect();
        drop(freed);
        give_back_memory();
        assert!(kept.iter().enumerate().all(|(n, bytes)| *bytes == vec![n as u8; 3_000]));
    }
}
