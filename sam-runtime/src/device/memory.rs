//! Memory from one step to the next.
#![allow(unsafe_code)]

/// Has the C library keep the memory that a step frees, for the next step.
///
/// A step on images takes and frees some hundred megabytes. glibc gives them back to the system each
/// time, which then clears every page anew: that can take longer than the step's arithmetic. To be
/// called once, at the start of a program; from then on its memory stays at its highest level. The same
/// as `MALLOC_TRIM_THRESHOLD_=-1 MALLOC_MMAP_MAX_=0` in its environment.
///
/// Does nothing where the C library is another one.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `mallopt` changes when memory goes back to the system, and nothing that is seen from
        // here. It takes a lock of its own.
        unsafe {
            // Never trim; no mappings of their own for large blocks, which would go back at once.
            libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
            libc::mallopt(libc::M_MMAP_MAX, 0);
        }
    }
}
