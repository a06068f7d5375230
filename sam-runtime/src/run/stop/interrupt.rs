//! Ctrl-C.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

/// Notes that the user, or the system, wants the program to end. The loop looks whenever it can end well;
/// a second Ctrl-C ends the program at once.
///
/// ```
/// use sam_runtime::run::stop::Interrupt;
///
/// let interrupt = Interrupt::listen();
/// for _step in 0..3 {
///     if interrupt.asked() {
///         break; // and save a checkpoint
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Interrupt(&'static AtomicBool);

static ASKED: AtomicBool = AtomicBool::new(false);
static LISTENS: OnceLock<bool> = OnceLock::new();

impl Interrupt {
    /// Listens from now on, in the whole program. Where another part of it already handles the signal, that
    /// one keeps it, and this never sees any.
    pub fn listen() -> Self {
        LISTENS.get_or_init(|| {
            let handler = || {
                if ASKED.swap(true, Ordering::SeqCst) {
                    // 128 + SIGINT, as shells have it.
                    std::process::exit(130);
                }
            };
            ctrlc::try_set_handler(handler).is_ok()
        });
        Self(&ASKED)
    }

    /// Whether the program was asked to end.
    pub fn asked(self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
