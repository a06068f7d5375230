//! Initialisation, the device's properties, contexts.

use std::ffi::{c_char, c_int, c_uint, c_void};

use super::device::{MAX_SHARED, MAX_THREADS, PLAIN_SHARED, device};
use super::status::{Failure, Status};
use super::{CURRENT, PRIMARY, in_context, initialized, put};
use crate::memory::TOTAL;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuInit(_flags: c_uint) -> c_int {
    let mut device = device();
    if !device.initialized {
        device.initialized = true;
        super::log::at_exit();
    }
    Status::Success as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDriverGetVersion(out: *mut c_int) -> c_int {
    match unsafe { put(out, 13000) } {
        Ok(()) => Status::Success as c_int,
        Err(failure) => super::report(failure),
    }
}

fn only_device(ordinal: c_int) -> Result<(), Failure> {
    match ordinal {
        0 => Ok(()),
        _ => {
            let what = format!("device {ordinal}: there is one, of the number 0");
            Err(Failure::new(Status::InvalidDevice, what))
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGet(out: *mut c_int, ordinal: c_int) -> c_int {
    initialized(|_| {
        only_device(ordinal)?;
        unsafe { put(out, 0) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetCount(out: *mut c_int) -> c_int {
    initialized(|_| unsafe { put(out, 1) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetName(out: *mut c_char, len: c_int, ordinal: c_int) -> c_int {
    initialized(|_| {
        only_device(ordinal)?;
        let name = b"PTX on the CPU\0";
        if out.is_null() || len < 1 {
            return Err(Failure::new(Status::InvalidValue, "no place for the name"));
        }
        for (i, byte) in name.iter().take(len as usize).enumerate() {
            unsafe { out.add(i).write(*byte as c_char) };
        }
        unsafe { out.add(name.len().min(len as usize) - 1).write(0) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceTotalMem_v2(out: *mut usize, ordinal: c_int) -> c_int {
    initialized(|_| {
        only_device(ordinal)?;
        unsafe { put(out, TOTAL) }
    })
}

/// The properties that programs ask for, as of a small Hopper.
fn attribute(number: c_int) -> Option<c_int> {
    Some(match number {
        1 => MAX_THREADS as c_int,
        2 | 3 => 1024,
        4 => 64,
        5 => c_int::MAX,
        6 | 7 => 65535,
        // Shared memory of a block.
        8 => PLAIN_SHARED as c_int,
        // Constant memory.
        9 => 65536,
        // Lanes of a warp.
        10 => 32,
        // Registers of a block.
        12 => 65536,
        // Clock, in kHz.
        13 => 1_000_000,
        // Multiprocessors.
        16 => 8,
        // Integrated; maps host memory; compute mode; concurrent kernels; ECC.
        18 => 0,
        19 => 1,
        20 => 0,
        31 => 1,
        32 => 0,
        // PCI bus, device and domain; asynchronous engines; unified addressing.
        33 | 34 | 50 => 0,
        40 => 1,
        41 => 1,
        // Threads of a multiprocessor.
        39 => 2048,
        // Compute capability.
        75 => 9,
        76 => 0,
        // Shared memory of a multiprocessor; registers of one; managed memory; cooperative launch.
        81 => (MAX_SHARED + 1024) as c_int,
        82 => 65536,
        83 => 0,
        95 => 0,
        // Shared memory of a block, opted in.
        97 => MAX_SHARED as c_int,
        // Blocks of a multiprocessor.
        106 => 32,
        // Memory pools.
        115 => 1,
        _ => return None,
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetAttribute(
    out: *mut c_int,
    number: c_int,
    ordinal: c_int,
) -> c_int {
    initialized(|_| {
        only_device(ordinal)?;
        match attribute(number) {
            Some(value) => unsafe { put(out, value) },
            None => {
                let what = format!("the device attribute {number} is not emulated");
                Err(Failure::new(Status::InvalidValue, what))
            }
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxRetain(out: *mut u64, ordinal: c_int) -> c_int {
    initialized(|_| {
        only_device(ordinal)?;
        unsafe { put(out, PRIMARY) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxRelease_v2(ordinal: c_int) -> c_int {
    initialized(|_| only_device(ordinal))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxSetCurrent(context: u64) -> c_int {
    initialized(|_| match context {
        0 | PRIMARY => {
            CURRENT.set(context);
            Ok(())
        }
        _ => {
            let what = format!("{context:#x} is no context");
            Err(Failure::new(Status::InvalidContext, what))
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetCurrent(out: *mut u64) -> c_int {
    initialized(|_| unsafe { put(out, CURRENT.get()) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetDevice(out: *mut c_int) -> c_int {
    in_context(|_| unsafe { put(out, 0) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxSynchronize() -> c_int {
    in_context(|device| {
        device.counts.synchronizations += 1;
        Ok(())
    })
}

/// The driver's private tables. NVRTC asks for those of its cache, and does without if there are none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGetExportTable(out: *mut *const c_void, _id: *const c_void) -> c_int {
    if !out.is_null() {
        unsafe { out.write(std::ptr::null()) };
    }
    Status::NotFound as c_int
}
