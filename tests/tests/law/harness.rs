//! Compares two versions of a program.

use std::{
    any::Any,
    panic::catch_unwind,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use sam_tests::distance;

use crate::observe::Seen;

/// Longer than any of the programs takes.
const LIMIT: Duration = Duration::from_secs(6);

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("PANIC: {}", text.unwrap_or_default())
}

/// What the program does in a thread of its own: also when it panics, or never ends.
fn outcome(program: fn() -> Seen) -> Seen {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let seen = catch_unwind(program).unwrap_or_else(|panic| Seen {
            said: panic_text(&*panic),
            ..Seen::default()
        });
        // The receiver is gone if that took too long.
        let _ = sender.send(seen);
    });
    receiver.recv_timeout(LIMIT).unwrap_or_else(|error| Seen {
        said: match error {
            RecvTimeoutError::Timeout => format!("no end after {LIMIT:?}"),
            RecvTimeoutError::Disconnected => unreachable!("panics are caught"),
        },
        ..Seen::default()
    })
}

/// The outcomes of both versions, of which the one without the attribute says `expected`.
#[track_caller]
fn outcomes(versions: [fn() -> Seen; 2], expected: &str) -> [Seen; 2] {
    let [plain, near] = versions.map(outcome);
    assert_eq!(plain.said, expected, "without the attribute");
    assert!(!plain.sam, "the plain loop takes no SAM step");
    [plain, near]
}

/// Whether the attribute took part, where there was a step to take.
fn assert_steps(near: &Seen) {
    let trained = near.weights[0] != near.weights[1];
    assert_eq!(near.sam, trained && !cfg!(feature = "plain"), "a SAM step");
}

/// The versions can't be told apart.
#[track_caller]
pub(crate) fn same(versions: [fn() -> Seen; 2], expected: &str) {
    let [plain, near] = outcomes(versions, expected);
    assert_eq!(near.said, plain.said, "with the attribute");
    assert_eq!(near.weights, plain.weights, "the weights, bit for bit");
    assert_steps(&near);
}

/// A refused program trains without the attribute alone, and is what it says.
#[track_caller]
pub(crate) fn refused(versions: [fn() -> Seen; 2], expected: &str) {
    let [plain, again] = outcomes(versions, expected);
    assert_eq!(again, plain, "the program says the same each time");
}

/// The versions differ by rounding alone: a mean of means in place of a mean.
#[track_caller]
pub(crate) fn nearly(versions: [fn() -> Seen; 2], expected: &str) {
    let [plain, near] = outcomes(versions, expected);
    assert_eq!(near.said, plain.said, "with the attribute");
    assert!(distance(&near.weights[1], &plain.weights[1]) < 1e-5);
    assert_steps(&near);
}
