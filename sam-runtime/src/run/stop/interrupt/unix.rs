//! Unix: signals.

use std::{
    ffi::c_int,
    mem::MaybeUninit,
    ptr,
    sync::{
        Arc, LazyLock, Once,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1},
    flag,
};

/// The last signal; 0 before the first.
static SIGNAL: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Hears what nobody else does.
pub(super) fn listen() {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGUSR1] {
            if has_default_action(signal) {
                // One that can't be heard does what it would have done.
                let _ = hear(signal);
            }
        }
    });
}

fn hear(signal: c_int) -> std::io::Result<()> {
    if signal == SIGINT {
        // Registered first, so that it sees the flag as the signal before has left it.
        let twice = Arc::new(AtomicBool::new(false));
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&twice))?;
        flag::register(signal, twice)?;
    }
    flag::register_usize(signal, Arc::clone(&SIGNAL), signal.unsigned_abs() as usize)?;
    Ok(())
}

/// The last signal that was heard.
pub(super) fn signal() -> Option<u8> {
    let signal = SIGNAL.load(Ordering::SeqCst);
    u8::try_from(signal).ok().filter(|signal| *signal > 0)
}

/// Whether a signal ends the program: it is neither ignored nor handled.
fn has_default_action(signal: c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action, this only writes the present one, whole if it says 0.
    #[allow(unsafe_code)]
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_DFL
    }
}
