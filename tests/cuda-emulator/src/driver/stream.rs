//! Streams and events.

use std::ffi::{c_int, c_uint};
use std::time::Instant;

use super::device::{Device, unknown};
use super::status::{Failure, Status};
use super::{in_context, put};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamCreate(out: *mut u64, _flags: c_uint) -> c_int {
    in_context(|device| {
        let handle = device.handle();
        device.streams.insert(handle);
        unsafe { put(out, handle) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamDestroy_v2(stream: u64) -> c_int {
    in_context(|device| match device.streams.remove(&stream) {
        true => Ok(()),
        false => Err(unknown("stream", stream)),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamSynchronize(stream: u64) -> c_int {
    in_context(|device| {
        device.counts.synchronizations += 1;
        device.check_stream(stream)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamQuery(stream: u64) -> c_int {
    in_context(|device| device.check_stream(stream))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamWaitEvent(stream: u64, event: u64, _flags: c_uint) -> c_int {
    in_context(|device| {
        device.check_stream(stream)?;
        recorded(device, event).map(|_| ())
    })
}

fn recorded(device: &Device, event: u64) -> Result<Option<Instant>, Failure> {
    let found = device.events.get(&event).copied();
    found.ok_or_else(|| unknown("event", event))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventCreate(out: *mut u64, _flags: c_uint) -> c_int {
    in_context(|device| {
        let handle = device.handle();
        device.events.insert(handle, None);
        unsafe { put(out, handle) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventDestroy_v2(event: u64) -> c_int {
    in_context(|device| match device.events.remove(&event) {
        Some(_) => Ok(()),
        None => Err(unknown("event", event)),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventRecord(event: u64, stream: u64) -> c_int {
    in_context(|device| {
        device.check_stream(stream)?;
        recorded(device, event)?;
        device.events.insert(event, Some(Instant::now()));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventQuery(event: u64) -> c_int {
    in_context(|device| recorded(device, event).map(|_| ()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventSynchronize(event: u64) -> c_int {
    in_context(|device| {
        device.counts.synchronizations += 1;
        recorded(device, event).map(|_| ())
    })
}

/// Milliseconds of the host's clock: they say nothing about a GPU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventElapsedTime(out: *mut f32, begin: u64, end: u64) -> c_int {
    in_context(|device| {
        let (Some(begin), Some(end)) = (recorded(device, begin)?, recorded(device, end)?) else {
            let what = "an event that was not recorded";
            return Err(Failure::new(Status::InvalidHandle, what));
        };
        let elapsed = end.saturating_duration_since(begin);
        unsafe { put(out, elapsed.as_secs_f32() * 1e3) }
    })
}
