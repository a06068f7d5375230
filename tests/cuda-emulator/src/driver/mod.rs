//! The driver's C functions, as `cuda.h` declares them. All work is done when a call returns, so
//! streams and events have nothing to do but to be valid.

#![allow(non_snake_case, clippy::missing_safety_doc, clippy::too_many_arguments)]

mod context;
pub mod device;
mod execution;
pub mod log;
mod memory;
pub mod status;
mod stream;

use std::cell::Cell;
use std::ffi::c_int;

use device::{Device, device};
use status::{Failure, Status, report};

thread_local! {
    /// The context that is current on this thread: 0 for none.
    static CURRENT: Cell<u64> = const { Cell::new(0) };
}

/// The handle of the primary context, the only one.
const PRIMARY: u64 = 0xc0de;

/// Runs the body of a function that needs `cuInit`.
fn initialized(body: impl FnOnce(&mut Device) -> Result<(), Failure>) -> c_int {
    let mut device = device();
    if !device.initialized {
        return report(Failure::new(Status::NotInitialized, "call cuInit first"));
    }
    match body(&mut device) {
        Ok(()) => Status::Success as c_int,
        Err(failure) => {
            drop(device);
            report(failure)
        }
    }
}

/// Runs the body of a function that needs a context that is current on this thread.
fn in_context(body: impl FnOnce(&mut Device) -> Result<(), Failure>) -> c_int {
    initialized(|device| match CURRENT.get() {
        PRIMARY => body(device),
        _ => {
            let what = "no context is current on this thread: cuCtxSetCurrent";
            Err(Failure::new(Status::InvalidContext, what))
        }
    })
}

/// Is a context current on this thread? For cuBLAS.
pub(crate) fn has_context() -> bool {
    CURRENT.get() == PRIMARY
}

/// Writes a result through a pointer that the caller gave.
///
/// # Safety
/// `out` is null or writable.
unsafe fn put<T>(out: *mut T, value: T) -> Result<(), Failure> {
    if out.is_null() {
        return Err(Failure::new(Status::InvalidValue, "a null pointer"));
    }
    unsafe { out.write(value) };
    Ok(())
}

/// Bytes of the host.
///
/// # Safety
/// `at` is null or has `bytes` bytes.
unsafe fn host<'a>(at: *const u8, bytes: usize) -> Result<&'a [u8], Failure> {
    if at.is_null() {
        return Err(Failure::new(Status::InvalidValue, "a null pointer"));
    }
    Ok(unsafe { std::slice::from_raw_parts(at, bytes) })
}
