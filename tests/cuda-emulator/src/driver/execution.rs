//! Modules, functions, launches.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

use super::device::{Device, MAX_SHARED, MAX_THREADS};
use super::status::{Failure, Status};
use super::{in_context, put};

unsafe fn text<'a>(at: *const c_char, what: &str) -> Result<&'a str, Failure> {
    if at.is_null() {
        return Err(Failure::new(
            Status::InvalidValue,
            format!("{what}: a null pointer"),
        ));
    }
    // SAFETY: the driver demands a text that ends with 0.
    let text = unsafe { CStr::from_ptr(at) };
    text.to_str()
        .map_err(|_| Failure::new(Status::InvalidImage, format!("{what} is no text")))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoadData(out: *mut u64, image: *const c_char) -> c_int {
    in_context(|device| {
        let text = unsafe { text(image, "the module (only PTX is emulated)")? };
        let handle = device.load(text)?;
        unsafe { put(out, handle) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoadDataEx(
    out: *mut u64,
    image: *const c_char,
    _options: c_uint,
    _names: *mut c_int,
    _values: *mut *mut c_void,
) -> c_int {
    unsafe { cuModuleLoadData(out, image) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoad(out: *mut u64, path: *const c_char) -> c_int {
    in_context(|device| {
        let path = unsafe { text(path, "the path")? };
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure::new(Status::FileNotFound, format!("{path}: {e}")))?;
        let handle = device.load(text.trim_end_matches('\0'))?;
        unsafe { put(out, handle) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleUnload(module: u64) -> c_int {
    in_context(|device| device.unload(module))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleGetFunction(
    out: *mut u64,
    module: u64,
    name: *const c_char,
) -> c_int {
    in_context(|device| {
        let name = unsafe { text(name, "the name")? };
        let handle = device.function(module, name)?;
        unsafe { put(out, handle) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleGetGlobal_v2(
    out: *mut u64,
    bytes: *mut usize,
    module: u64,
    name: *const c_char,
) -> c_int {
    in_context(|device| {
        let name = unsafe { text(name, "the name")? };
        let (address, len) = device.global(module, name)?;
        // Either may be null for what is not asked.
        if !out.is_null() {
            unsafe { put(out, address)? };
        }
        if !bytes.is_null() {
            unsafe { put(bytes, len)? };
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuFuncSetAttribute(function: u64, number: c_int, value: c_int) -> c_int {
    in_context(|device| match number {
        // The most dynamic shared memory.
        8 => device.allow_shared(function, usize::try_from(value).unwrap_or(usize::MAX)),
        // How a multiprocessor's memory is divided: a wish.
        9 => Ok(()),
        _ => {
            let what = format!("the function attribute {number} is not emulated");
            Err(Failure::new(Status::InvalidValue, what))
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuFuncGetAttribute(
    out: *mut c_int,
    number: c_int,
    function: u64,
) -> c_int {
    in_context(|device| {
        let program = device.program(function)?;
        let value = match number {
            0 => program.max_threads.unwrap_or(MAX_THREADS.into()) as c_int,
            1 => program.shared_bytes as c_int,
            _ => {
                let what = format!("the function attribute {number} is not emulated");
                return Err(Failure::new(Status::InvalidValue, what));
            }
        };
        unsafe { put(out, value) }
    })
}

/// Gathers a kernel's parameters from the pointers to them.
unsafe fn gather(
    device: &mut Device,
    function: u64,
    pointers: *const *const u8,
) -> Result<Vec<u8>, Failure> {
    let program = device.program(function)?;
    let params = &program.functions[0].params;
    let len = params.iter().map(|(at, bytes)| (at + bytes) as usize).max();
    let mut out = vec![0; len.unwrap_or(0)];
    for (i, &(at, bytes)) in params.iter().enumerate() {
        let null = || {
            let what = format!("parameter {i} of {}: a null pointer", params.len());
            Failure::new(Status::InvalidValue, what)
        };
        if pointers.is_null() {
            return Err(null());
        }
        // SAFETY: the driver demands a pointer to each parameter.
        let from = unsafe { *pointers.add(i) };
        if from.is_null() {
            return Err(null());
        }
        let (at, bytes) = (at as usize, bytes as usize);
        out[at..at + bytes].copy_from_slice(unsafe { std::slice::from_raw_parts(from, bytes) });
    }
    Ok(out)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuLaunchKernel(
    function: u64,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    dynamic: c_uint,
    stream: u64,
    params: *const *const u8,
    extra: *const *const c_void,
) -> c_int {
    in_context(|device| {
        device.check_stream(stream)?;
        if !extra.is_null() {
            let what = "parameters by `extra` are not emulated";
            return Err(Failure::new(Status::NotSupported, what));
        }
        let params = unsafe { gather(device, function, params)? };
        device.launch(
            function,
            [grid_x, grid_y, grid_z],
            [block_x, block_y, block_z],
            dynamic as usize,
            &params,
        )
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
    out: *mut c_int,
    function: u64,
    threads: c_int,
    dynamic: usize,
) -> c_int {
    unsafe {
        cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(out, function, threads, dynamic, 0)
    }
}

/// By threads and shared memory; registers are not known here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    out: *mut c_int,
    function: u64,
    threads: c_int,
    dynamic: usize,
    _flags: c_uint,
) -> c_int {
    in_context(|device| {
        let program = device.program(function)?;
        if !(1..=MAX_THREADS as c_int).contains(&threads) {
            let what = format!("{threads} threads in a block");
            return Err(Failure::new(Status::InvalidValue, what));
        }
        let by_threads = 2048 / (threads as usize).next_multiple_of(32);
        let by_shared = MAX_SHARED / (program.shared_bytes + dynamic).max(1);
        unsafe { put(out, by_threads.min(by_shared).min(32) as c_int) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuOccupancyMaxPotentialBlockSize(
    grid: *mut c_int,
    block: *mut c_int,
    function: u64,
    _dynamic_of: *const c_void,
    _dynamic: usize,
    limit: c_int,
) -> c_int {
    in_context(|device| {
        let program = device.program(function)?;
        let most = program.max_threads.unwrap_or(MAX_THREADS.into()) as c_int;
        let threads = if limit > 0 { most.min(limit) } else { most };
        unsafe {
            put(block, threads)?;
            put(grid, 8 * (2048 / threads.max(1)).clamp(1, 32))
        }
    })
}
