//! Taking the terminal, and giving it back whatever happens.

use std::{
    io::{self, IsTerminal},
    panic,
    sync::{
        Mutex, MutexGuard, Once, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ratatui::crossterm::{
    cursor::{Hide, Show},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen},
};

/// Whether a dashboard has the terminal. There is one at a time.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Held while something is drawn.
static DRAWING: Mutex<()> = Mutex::new(());

/// Takes the terminal on standard error: its other screen, without a cursor. Its input stays as it is, so that Ctrl-C and all
/// other keys do what they always do. `false` where there is no terminal, or it is taken.
pub(super) fn take() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if !io::stderr().is_terminal() || is_dumb || IS_TAKEN.swap(true, Ordering::SeqCst) {
        return false;
    }
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // What it says would be gone with the other screen.
            give_back();
            before(info);
        }));
    });
    let is_taken = execute!(io::stderr(), EnterAlternateScreen, Hide).is_ok();
    if !is_taken {
        give_back();
    }
    is_taken
}

/// Whether a dashboard has the terminal.
pub(super) fn is_taken() -> bool {
    IS_TAKEN.load(Ordering::SeqCst)
}

/// Gives the terminal back, if it is taken.
pub(super) fn give_back() {
    // Nobody draws on the shell's screen. After a moment it is given back nevertheless: it may be the thread that draws
    // which panics.
    let until = Instant::now() + Duration::from_millis(200);
    let mut drawing = try_draw();
    while drawing.is_none() && Instant::now() < until && is_taken() {
        thread::sleep(Duration::from_millis(2));
        drawing = try_draw();
    }
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // Where the terminal is gone there is nothing to give back.
        let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
    }
}

fn try_draw() -> Option<MutexGuard<'static, ()>> {
    match DRAWING.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Draws, unless the terminal was given back: whether it was drawn.
pub(super) fn draw(act: impl FnOnce() -> io::Result<()>) -> bool {
    let _drawing = DRAWING
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    is_taken() && act().is_ok()
}
