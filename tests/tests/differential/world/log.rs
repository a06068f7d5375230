//! What a program prints and how it ends, in order, on whichever thread.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The lines of the program that runs, and its number.
static LINES: Mutex<(usize, Vec<String>)> = Mutex::new((0, Vec::new()));

thread_local! {
    /// The program whose thread this is; none on the threads of a pool.
    static PROGRAM: Cell<Option<usize>> = const { Cell::new(None) };
}

fn lines() -> MutexGuard<'static, (usize, Vec<String>)> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program begins on this thread. What one that hung prints is lost from now on.
pub(super) fn begin() {
    let mut lines = lines();
    lines.0 += 1;
    lines.1.clear();
    PROGRAM.set(Some(lines.0));
}

/// What the programs' `println!` and its kin do.
pub fn record(line: String) {
    let mut lines = lines();
    if PROGRAM.get().is_none_or(|program| program == lines.0) {
        lines.1.push(line);
    }
}

/// Hands out what was recorded.
pub(super) fn take() -> Vec<String> {
    std::mem::take(&mut lines().1)
}

/// The value of the program, or the text of its panic.
pub fn caught<R>(program: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(program)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("panicked: {}", text.unwrap_or("with something else"))
    })
}
