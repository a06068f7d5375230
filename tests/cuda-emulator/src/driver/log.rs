//! The counts for the outside: as a C function, and as a file when the program ends. What is queued, line by line.

use std::ffi::c_char;
use std::fs::File;
use std::io::Write;
use std::sync::LazyLock;

use super::device::device;

/// The file that `SAM_EMULATOR_TRACE` names.
static TRACE: LazyLock<Option<File>> = LazyLock::new(|| {
    let path = std::env::var_os("SAM_EMULATOR_TRACE")?;
    File::create(&path)
        .inspect_err(|e| eprintln!("cuda-emulator: {}: {e}", path.display()))
        .ok()
});

/// Writes what is queued, and the bytes or operations that it has, to the trace, if one is asked for.
pub fn trace(what: &str, size: u64) {
    if let Some(mut file) = TRACE.as_ref() {
        // Nothing depends on it.
        let _ = writeln!(file, "{what} {size}");
    }
}

/// Writes the counts as JSON into `buffer` (at most `len` bytes, with a 0 at the end where there
/// is room), and returns the bytes that the JSON has. Ask with `len` 0 first. A test program finds
/// it by `dlsym(RTLD_DEFAULT, "sam_emulator_counts")`; where a real driver runs, it finds nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sam_emulator_counts(buffer: *mut c_char, len: usize) -> usize {
    let json = device().counts.json();
    if !buffer.is_null() {
        let bytes = json.len().min(len);
        // SAFETY: the caller gave `len` bytes.
        unsafe {
            std::ptr::copy_nonoverlapping(json.as_ptr(), buffer.cast(), bytes);
            if bytes < len {
                buffer.add(bytes).write(0);
            }
        }
    }
    json.len()
}

/// Writes the counts to the file that `SAM_EMULATOR_LOG` names, if it names one.
#[unsafe(no_mangle)]
pub extern "C" fn sam_emulator_write_log() {
    if let Some(path) = std::env::var_os("SAM_EMULATOR_LOG")
        && let Err(e) = std::fs::write(&path, device().counts.json() + "\n")
    {
        eprintln!("cuda-emulator: {}: {e}", path.display());
    }
}

/// Has the log written when the program ends.
pub fn at_exit() {
    // SAFETY: the function neither unwinds nor needs anything that is gone by then.
    unsafe { libc::atexit(sam_emulator_write_log) };
}
