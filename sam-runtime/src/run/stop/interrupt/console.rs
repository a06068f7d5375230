//! Other systems: Ctrl-C.

use std::{
    process::exit,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Hears Ctrl-C, unless another part of the program does.
pub(super) fn listen() {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        let handler = || {
            if ASKED.swap(true, Ordering::SeqCst) {
                exit(128 + i32::from(super::SIGINT));
            }
        };
        // Where another part of the program handles it, that one keeps it.
        let _ = ctrlc::try_set_handler(handler);
    });
}

/// Ctrl-C's number, if it was heard.
pub(super) fn signal() -> Option<u8> {
    ASKED.load(Ordering::SeqCst).then_some(super::SIGINT)
}
