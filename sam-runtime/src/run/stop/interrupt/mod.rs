//! Ctrl-C, and the system's wish that the program end.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "console.rs")]
mod system;

/// Notes that the user, or the system, wants the program to end. The loop looks whenever it can end well;
/// a second Ctrl-C ends the program at once.
///
/// On Unix that is SIGINT (Ctrl-C), SIGTERM, SIGHUP (the terminal is gone) and SIGUSR1 (a batch system's warning, as by SLURM's
/// `--signal=USR1@120`), each by itself: one that is
/// ignored, as SIGHUP under `nohup` and SIGINT in a script's `train &`, stays ignored, and one that another
/// part of the program handles stays with that. Any number of them is one request, but for a second SIGINT.
/// Elsewhere it is Ctrl-C.
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
pub struct Interrupt(());

impl Interrupt {
    /// Listens from now on, in the whole program.
    pub fn listen() -> Self {
        system::listen();
        Self(())
    }

    /// Whether the program was asked to end.
    pub fn asked(self) -> bool {
        system::signal().is_some()
    }

    /// The status of a program that ends as it was asked to: 128 and the number of the signal, as shells
    /// have it; 130 for Ctrl-C.
    pub(super) fn status() -> u8 {
        128 + system::signal().unwrap_or(SIGINT)
    }
}

/// Ctrl-C's number, on every system.
const SIGINT: u8 = 2;
