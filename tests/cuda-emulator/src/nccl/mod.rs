//! NCCL's C functions that programs here use, for ranks that are threads of one process and share the one device. Real
//! NCCL wants a card for each. Sums are made in the order of the ranks, in the type of the numbers.
//!
//! | file | what |
//! |---|---|
//! | `call` | what a rank asks for, and what comes out |
//! | `job` | ranks that wait for each other |
//! | `status` | results, and the words for them |

#![allow(non_snake_case, clippy::missing_safety_doc, clippy::too_many_arguments)]

mod call;
mod job;
mod status;

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

use call::{Call, Number, Op};
use job::Job;
use status::{Failure, Status, finish};

use crate::driver::device::device;
use crate::driver::has_context;

/// `ncclUniqueId`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct UniqueId([u8; 128]);

/// What `ncclComm_t` points to.
pub struct Comm {
    job: Arc<Job>,
    rank: usize,
}

#[derive(Default)]
struct Group {
    depth: usize,
    calls: Vec<(*const Comm, Call)>,
}

thread_local! {
    static GROUP: RefCell<Group> = RefCell::default();
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclGetVersion(out: *mut c_int) -> c_int {
    finish(unsafe { put(out, 22803) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclGetUniqueId(out: *mut UniqueId) -> c_int {
    finish(unsafe { put(out, UniqueId(job::new_id())) })
}

/// Waits for all ranks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclCommInitRank(
    out: *mut *mut Comm,
    size: c_int,
    id: UniqueId,
    rank: c_int,
) -> c_int {
    let init = || {
        in_context()?;
        let (Ok(size), Ok(rank)) = (usize::try_from(size), usize::try_from(rank)) else {
            return Err(Failure::new(Status::InvalidArgument, "a negative number"));
        };
        let job = job::enter(id.0, size, rank)?;
        unsafe { put(out, Box::into_raw(Box::new(Comm { job, rank }))) }
    };
    finish(init())
}

/// Those that wait for this rank, and those that will, fail.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclCommAbort(comm: *mut Comm) -> c_int {
    finish(unsafe { close(comm, true) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclCommDestroy(comm: *mut Comm) -> c_int {
    finish(unsafe { close(comm, false) })
}

unsafe fn close(comm: *mut Comm, given_up: bool) -> Result<(), Failure> {
    if comm.is_null() {
        return Err(Failure::new(Status::InvalidArgument, "no communicator"));
    }
    // SAFETY: it came from `ncclCommInitRank`, as NCCL demands, and is not used again.
    let comm = unsafe { Box::from_raw(comm) };
    if given_up {
        comm.job.leave();
    }
    Ok(())
}

/// All is done when a call returns, and so is what fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclCommGetAsyncError(_comm: *mut Comm, out: *mut c_int) -> c_int {
    finish(unsafe { put(out, Status::Success as c_int) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclGetErrorString(code: c_int) -> *const c_char {
    status::text(code).as_ptr()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclGetLastError(_comm: *mut Comm) -> *const c_char {
    status::last()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclGroupStart() -> c_int {
    GROUP.with_borrow_mut(|group| group.depth += 1);
    Status::Success as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclGroupEnd() -> c_int {
    let calls = GROUP.with_borrow_mut(|group| {
        group.depth = group.depth.checked_sub(1)?;
        Some(match group.depth {
            0 => std::mem::take(&mut group.calls),
            _ => Vec::new(),
        })
    });
    finish(match calls {
        Some(calls) => run(calls),
        None => Err(Failure::new(Status::InvalidUsage, "no group has begun")),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclAllReduce(
    from: *const c_void,
    to: *mut c_void,
    count: usize,
    number: c_int,
    reduction: c_int,
    comm: *mut Comm,
    stream: *mut c_void,
) -> c_int {
    let op = Op::AllReduce(reduction);
    ask(op, from, to, count, number, comm, stream)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclAllGather(
    from: *const c_void,
    to: *mut c_void,
    count: usize,
    number: c_int,
    comm: *mut Comm,
    stream: *mut c_void,
) -> c_int {
    ask(Op::AllGather, from, to, count, number, comm, stream)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclBroadcast(
    from: *const c_void,
    to: *mut c_void,
    count: usize,
    number: c_int,
    root: c_int,
    comm: *mut Comm,
    stream: *mut c_void,
) -> c_int {
    ask(Op::Broadcast(root), from, to, count, number, comm, stream)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclSend(
    from: *const c_void,
    count: usize,
    number: c_int,
    peer: c_int,
    comm: *mut Comm,
    stream: *mut c_void,
) -> c_int {
    let to = std::ptr::null_mut();
    ask(Op::Send(peer), from, to, count, number, comm, stream)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ncclRecv(
    to: *mut c_void,
    count: usize,
    number: c_int,
    peer: c_int,
    comm: *mut Comm,
    stream: *mut c_void,
) -> c_int {
    let from = std::ptr::null();
    ask(Op::Receive(peer), from, to, count, number, comm, stream)
}

/// Runs a call, or keeps it for the end of the group.
fn ask(
    op: Op,
    from: *const c_void,
    to: *mut c_void,
    count: usize,
    number: c_int,
    comm: *const Comm,
    stream: *mut c_void,
) -> c_int {
    let asked = || {
        in_context()?;
        device()
            .check_stream(stream as u64)
            .map_err(|failure| Failure::new(Status::InvalidArgument, failure.to_string()))?;
        let call = Call {
            op,
            from: from as u64,
            to: to as u64,
            count,
            number: Number::of(number)?,
        };
        let is_grouped = GROUP.with_borrow_mut(|group| {
            let is_grouped = group.depth > 0;
            if is_grouped {
                group.calls.push((comm, call));
            }
            is_grouped
        });
        match is_grouped {
            true => Ok(()),
            false => run(vec![(comm, call)]),
        }
    };
    finish(asked())
}

fn run(calls: Vec<(*const Comm, Call)>) -> Result<(), Failure> {
    let Some((comm, _)) = calls.first().copied() else {
        return Ok(());
    };
    if comm.is_null() || calls.iter().any(|(other, _)| *other != comm) {
        let what = "a group of no communicator, or of several";
        return Err(Failure::new(Status::InvalidUsage, what));
    }
    // SAFETY: it came from `ncclCommInitRank`, as NCCL demands.
    let Comm { job, rank } = unsafe { &*comm };
    let calls: Vec<Call> = calls.into_iter().map(|(_, call)| call).collect();
    let said = call::said(&calls, &mut device())?;
    // Not with the device locked: others compute until they come.
    let all = job.exchange(*rank, said)?;
    call::take(&calls, *rank, &all, &mut device())
}

fn in_context() -> Result<(), Failure> {
    match has_context() {
        true => Ok(()),
        false => {
            let what = "no context is current on this thread";
            Err(Failure::new(Status::UnhandledCudaError, what))
        }
    }
}

/// # Safety
/// `out` is null or writable.
unsafe fn put<T>(out: *mut T, value: T) -> Result<(), Failure> {
    if out.is_null() {
        return Err(Failure::new(Status::InvalidArgument, "a null pointer"));
    }
    unsafe { out.write(value) };
    Ok(())
}
