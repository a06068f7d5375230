//! Allocation and copies.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ffi::{c_int, c_uint};

use super::device::Device;
use super::log::trace;
use super::status::{Failure, Status};
use super::{host, in_context, put};
use crate::memory::TOTAL;

unsafe fn allocate(device: &mut Device, out: *mut u64, bytes: usize) -> Result<(), Failure> {
    let address = device.memory.allocate(bytes)?;
    device.counts.allocations.add(bytes);
    unsafe { put(out, address) }
}

fn free(device: &mut Device, address: u64) -> Result<(), Failure> {
    if address == 0 {
        return Ok(());
    }
    device.counts.frees += 1;
    Ok(device.memory.free(address)?)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAlloc_v2(out: *mut u64, bytes: usize) -> c_int {
    in_context(|device| unsafe { allocate(device, out, bytes) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAllocAsync(out: *mut u64, bytes: usize, stream: u64) -> c_int {
    in_context(|device| {
        device.check_stream(stream)?;
        // Unlike `cuMemAlloc`, this takes 0 (dfdx asks for that), and gives the null pointer.
        if bytes == 0 {
            return unsafe { put(out, 0) };
        }
        unsafe { allocate(device, out, bytes) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFree_v2(address: u64) -> c_int {
    in_context(|device| free(device, address))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFreeAsync(address: u64, stream: u64) -> c_int {
    in_context(|device| {
        device.check_stream(stream)?;
        free(device, address)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> c_int {
    in_context(|device| unsafe {
        put(free, TOTAL - device.memory.used())?;
        put(total, TOTAL)
    })
}

unsafe fn to_device(
    device: &mut Device,
    to: u64,
    from: *const u8,
    bytes: usize,
) -> Result<(), Failure> {
    device.counts.host_to_device.add(bytes);
    trace("upload", bytes as u64);
    if bytes == 0 {
        return Ok(());
    }
    Ok(device.memory.write(to, unsafe { host(from, bytes)? })?)
}

unsafe fn to_host(
    device: &mut Device,
    to: *mut u8,
    from: u64,
    bytes: usize,
) -> Result<(), Failure> {
    device.counts.device_to_host.add(bytes);
    if bytes == 0 {
        return Ok(());
    }
    if to.is_null() {
        return Err(Failure::new(Status::InvalidValue, "a null pointer"));
    }
    device.memory.holding(from, bytes)?;
    if let Some(first) = device.memory.unwritten(from, bytes) {
        device.counts.uninitialised_reads += 1;
        eprintln!(
            "cuda-emulator: initcheck: a copy of {bytes} bytes at {from:#x} to the host reads byte {first:#x}, which was never written"
        );
    }
    // SAFETY: both have as many bytes; the host's may be uninitialised, so no slice is made of it.
    unsafe { std::ptr::copy(from as *const u8, to, bytes) };
    Ok(())
}

fn within(device: &mut Device, to: u64, from: u64, bytes: usize) -> Result<(), Failure> {
    device.counts.device_to_device.add(bytes);
    trace("copy", bytes as u64);
    if bytes == 0 {
        return Ok(());
    }
    Ok(device.memory.copy(to, from, bytes)?)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyHtoD_v2(to: u64, from: *const u8, bytes: usize) -> c_int {
    in_context(|device| unsafe { to_device(device, to, from, bytes) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyHtoDAsync_v2(
    to: u64,
    from: *const u8,
    bytes: usize,
    stream: u64,
) -> c_int {
    in_context(|device| {
        device.check_stream(stream)?;
        unsafe { to_device(device, to, from, bytes) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoH_v2(to: *mut u8, from: u64, bytes: usize) -> c_int {
    in_context(|device| unsafe { to_host(device, to, from, bytes) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoHAsync_v2(
    to: *mut u8,
    from: u64,
    bytes: usize,
    stream: u64,
) -> c_int {
    in_context(|device| {
        device.check_stream(stream)?;
        unsafe { to_host(device, to, from, bytes) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoD_v2(to: u64, from: u64, bytes: usize) -> c_int {
    in_context(|device| within(device, to, from, bytes))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoDAsync_v2(
    to: u64,
    from: u64,
    bytes: usize,
    stream: u64,
) -> c_int {
    in_context(|device| {
        device.check_stream(stream)?;
        within(device, to, from, bytes)
    })
}

/// Fills with a pattern of 1, 2 or 4 bytes, `count` times.
fn fill(device: &mut Device, to: u64, pattern: &[u8], count: usize) -> Result<(), Failure> {
    let Some(bytes) = count.checked_mul(pattern.len()) else {
        return Err(Failure::new(
            Status::InvalidValue,
            "more bytes than there are",
        ));
    };
    device.counts.memsets.add(bytes);
    trace("memset", bytes as u64);
    if bytes == 0 {
        return Ok(());
    }
    device.memory.holding(to, bytes)?;
    // SAFETY: the range is live, and nobody else is in it while the device is locked.
    let range = unsafe { std::slice::from_raw_parts_mut(to as *mut u8, bytes) };
    range
        .chunks_exact_mut(pattern.len())
        .for_each(|chunk| chunk.copy_from_slice(pattern));
    device.memory.mark_written(to, bytes);
    Ok(())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD8_v2(to: u64, value: u8, count: usize) -> c_int {
    in_context(|device| fill(device, to, &[value], count))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD8Async(to: u64, value: u8, count: usize, stream: u64) -> c_int {
    in_context(|device| {
        device.check_stream(stream)?;
        fill(device, to, &[value], count)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD16Async(to: u64, value: u16, count: usize, stream: u64) -> c_int {
    in_context(|device| {
        device.check_stream(stream)?;
        fill(device, to, &value.to_le_bytes(), count)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD32Async(to: u64, value: u32, count: usize, stream: u64) -> c_int {
    in_context(|device| {
        device.check_stream(stream)?;
        fill(device, to, &value.to_le_bytes(), count)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD32_v2(to: u64, value: u32, count: usize) -> c_int {
    in_context(|device| fill(device, to, &value.to_le_bytes(), count))
}

/// Pinned host memory is host memory. Its size stands before it.
const HEADER: usize = 64;

unsafe fn allocate_host(out: *mut *mut u8, bytes: usize) -> Result<(), Failure> {
    let layout = bytes
        .checked_add(HEADER)
        .and_then(|all| Layout::from_size_align(all, HEADER).ok())
        .filter(|_| bytes > 0);
    let Some(layout) = layout else {
        return Err(Failure::new(Status::InvalidValue, format!("{bytes} bytes")));
    };
    // SAFETY: the layout is not empty.
    let base = unsafe { alloc_zeroed(layout) };
    if base.is_null() {
        return Err(Failure::new(Status::OutOfMemory, format!("{bytes} bytes")));
    }
    unsafe {
        base.cast::<usize>().write(layout.size());
        put(out, base.add(HEADER))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAllocHost_v2(out: *mut *mut u8, bytes: usize) -> c_int {
    in_context(|_| unsafe { allocate_host(out, bytes) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemHostAlloc(out: *mut *mut u8, bytes: usize, _flags: c_uint) -> c_int {
    in_context(|_| unsafe { allocate_host(out, bytes) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFreeHost(at: *mut u8) -> c_int {
    in_context(|_| {
        if at.is_null() {
            return Err(Failure::new(Status::InvalidValue, "a null pointer"));
        }
        // SAFETY: it came from `allocate_host`, as the driver demands.
        unsafe {
            let base = at.sub(HEADER);
            let size = base.cast::<usize>().read();
            dealloc(base, Layout::from_size_align_unchecked(size, HEADER));
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemHostRegister_v2(
    _at: *mut u8,
    _bytes: usize,
    _flags: c_uint,
) -> c_int {
    in_context(|_| Ok(()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemHostUnregister(_at: *mut u8) -> c_int {
    in_context(|_| Ok(()))
}
