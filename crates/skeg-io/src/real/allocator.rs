//! Memory of the allocator as the system sees it: what is freed is given back, what is large and read all over
//! is moved to large pages.
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

/// A large page, where they are 2 MiB; smaller blocks are not worth a call.
const LARGE_PAGE: usize = 2 << 20;

/// Asks for large pages under bytes that are read from all over, so that finding them costs the processor
/// less. Of a block the parts that fill whole large pages get some: when they are first written, or, of what was
/// written already, now (from Linux 6.1 on; it takes about the time of a copy). Does nothing where the system
/// has no such call or no such pages to spare.
pub fn use_large_pages(bytes: &[u8]) {
    #[cfg(target_os = "linux")]
    if bytes.len() >= 2 * LARGE_PAGE {
        use std::ffi::{c_int, c_void};
        unsafe extern "C" {
            fn madvise(start: *mut c_void, length: usize, advice: c_int) -> c_int;
        }
        const HUGEPAGE: c_int = 14;
        const COLLAPSE: c_int = 25;
        let start = bytes.as_ptr();
        let skipped = start.align_offset(LARGE_PAGE);
        let length = bytes.len().saturating_sub(skipped) / LARGE_PAGE * LARGE_PAGE;
        for advice in [HUGEPAGE, COLLAPSE] {
            // SAFETY: libc's own function with libc's signature (sys/mman.h); the range lies in `bytes`, and neither
            // advice changes what any memory holds. Run by the test below. It is advice: who refuses it may.
            let _: c_int =
                unsafe { madvise(start.wrapping_add(skipped).cast_mut().cast(), length, advice) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = bytes;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_large_pages_stays() {
        let bytes: Vec<u8> = (0..5 * LARGE_PAGE).map(|n| (n % 251) as u8).collect();
        let neighbour = vec![7_u8; 3 * LARGE_PAGE];
        for part in [&bytes[..], &bytes[4_097..], &bytes[..LARGE_PAGE], &[]] {
            use_large_pages(part);
        }
        let mut fresh = vec![0_u8; 3 * LARGE_PAGE];
        use_large_pages(&fresh);
        assert!(fresh.iter().all(|&byte| byte == 0));
        fresh.fill(9);
        assert!(bytes.iter().enumerate().all(|(n, &byte)| byte == (n % 251) as u8));
        assert!(neighbour.iter().all(|&byte| byte == 7));
    }

    #[test]
    fn what_is_allocated_stays() {
        let kept: Vec<Vec<u8>> = (0..2_000_usize).map(|n| vec![n as u8; 3_000]).collect();
        let freed: Vec<Vec<u8>> = (0..2_000_usize).map(|n| vec![n as u8; 30_000]).collect();
        drop(freed);
        give_back_memory();
        assert!(kept.iter().enumerate().all(|(n, bytes)| *bytes == vec![n as u8; 3_000]));
    }
}
