//! `ncclResult_t`, and the words for a failure.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int};

/// A `ncclResult_t` that the emulator returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Success = 0,
    UnhandledCudaError = 1,
    InvalidArgument = 4,
    InvalidUsage = 5,
    RemoteError = 6,
}

/// As NCCL says it.
pub(super) fn text(code: c_int) -> &'static CStr {
    match code {
        0 => c"no error",
        1 => c"unhandled cuda error",
        4 => c"invalid argument",
        5 => c"invalid usage",
        6 => c"remote process exited or there was a network error",
        _ => c"unknown result code",
    }
}

/// A status with what exactly went wrong.
#[derive(Debug)]
pub(super) struct Failure {
    status: Status,
    what: String,
}

impl Failure {
    pub(super) fn new(status: Status, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { status, what }
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Tells a failure to the error stream, and keeps it for `ncclGetLastError`.
pub(super) fn finish(result: Result<(), Failure>) -> c_int {
    let Err(Failure { status, what }) = result else {
        return Status::Success as c_int;
    };
    eprintln!("cuda-emulator: NCCL: {what}");
    LAST.set(CString::new(what.replace('\0', " ")).unwrap_or_default());
    status as c_int
}

/// What failed last on this thread; the text lives until something else fails.
pub(super) fn last() -> *const c_char {
    LAST.with_borrow(|last| last.as_ptr())
}
