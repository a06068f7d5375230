//! What a program prints and how it ends, kept in order on its thread.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What the programs' `println!` and its kin do.
pub fn record(line: String) {
    LINES.with_borrow_mut(|lines| lines.push(line));
}

/// Hands out what was recorded on this thread.
pub(super) fn take() -> Vec<String> {
    LINES.take()
}

/// The value of the program, or the text of its panic.
pub fn caught<R>(program: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(program)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("panicked: {}", text.unwrap_or("with something else"))
    })
}
