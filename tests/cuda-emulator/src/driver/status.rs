//! `CUresult`, and the words for a failure.

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};

macro_rules! statuses {
    ($($name:ident = $code:literal, $symbol:literal, $text:literal;)*) => {
        /// A `CUresult` that the emulator returns.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Status { $($name = $code),* }

        impl Status {
            fn of(code: c_int) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name in `cuda.h`.
            pub fn symbol(self) -> &'static str {
                match self { $(Self::$name => $symbol),* }
            }

            fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

statuses! {
    Success = 0, "CUDA_SUCCESS", "no error";
    InvalidValue = 1, "CUDA_ERROR_INVALID_VALUE", "invalid argument";
    OutOfMemory = 2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory";
    NotInitialized = 3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error";
    InvalidDevice = 101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal";
    InvalidImage = 200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid";
    InvalidContext = 201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context";
    InvalidPtx = 218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed";
    FileNotFound = 301, "CUDA_ERROR_FILE_NOT_FOUND", "file not found";
    InvalidHandle = 400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle";
    NotFound = 500, "CUDA_ERROR_NOT_FOUND", "named symbol not found";
    IllegalAddress = 700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered";
    OutOfResources = 701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch";
    Timeout = 702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated";
    Assert = 710, "CUDA_ERROR_ASSERT", "device-side assert triggered";
    StackError = 714, "CUDA_ERROR_HARDWARE_STACK_ERROR", "hardware stack error";
    IllegalInstruction = 715, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered";
    Misaligned = 716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address";
    LaunchFailed = 719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure";
    NotSupported = 801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported";
}

/// A status with what exactly went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", status.symbol())]
pub struct Failure {
    pub status: Status,
    pub what: String,
}

impl Failure {
    pub fn new(status: Status, what: impl Into<String>) -> Self {
        Self {
            status,
            what: what.into(),
        }
    }
}

thread_local! {
    /// The texts that this thread asked for last; they live until it asks again.
    static ASKED: RefCell<CString> = RefCell::default();
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// Tells a failure to the error stream, and keeps it for `cuGetErrorString`.
pub fn report(failure: Failure) -> c_int {
    eprintln!("cuda-emulator: {failure}");
    let code = failure.status as c_int;
    LAST.with_borrow_mut(|last| *last = Some(failure));
    code
}

fn give(text: String, out: *mut *const c_char) -> c_int {
    if out.is_null() {
        return Status::InvalidValue as c_int;
    }
    let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
    ASKED.with_borrow_mut(|asked| {
        *asked = text;
        // SAFETY: not null, and the text lives until this thread asks again.
        unsafe { out.write(asked.as_ptr()) };
    });
    Status::Success as c_int
}

/// `cuGetErrorName`
///
/// # Safety
/// As the driver's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGetErrorName(error: c_int, out: *mut *const c_char) -> c_int {
    match Status::of(error) {
        Some(status) => give(status.symbol().to_owned(), out),
        None => Status::InvalidValue as c_int,
    }
}

/// `cuGetErrorString`, which here adds what exactly failed last on this thread.
///
/// # Safety
/// As the driver's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGetErrorString(error: c_int, out: *mut *const c_char) -> c_int {
    let Some(status) = Status::of(error) else {
        return Status::InvalidValue as c_int;
    };
    let detail = LAST.with_borrow(|last| {
        let last = last.as_ref().filter(|l| l.status == status)?;
        Some(format!("{}: {}", status.text(), last.what))
    });
    give(detail.unwrap_or_else(|| status.text().to_owned()), out)
}
