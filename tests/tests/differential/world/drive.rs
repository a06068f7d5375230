//! The `main` of a crate of generated programs: runs them, one line of output for what each did.

use std::{
    cell::Cell,
    io::{Write, stdout},
    panic,
    sync::mpsc,
    thread,
    time::Duration,
};

use super::log;

/// A version of a program.
pub struct Entry {
    /// Number and version.
    pub name: &'static str,
    /// What `radius()` is while it runs.
    pub radius: f64,
    pub run: fn(),
}

/// A program trains on five batches of eight rows.
const PATIENCE: Duration = Duration::from_secs(10);

thread_local! {
    static RADIUS: Cell<f64> = const { Cell::new(0.0) };
}

/// The rho of the version that runs.
pub fn radius() -> f64 {
    RADIUS.get()
}

/// Runs the entries from the one whose index is the first argument. The driver reads of each: that it
/// begins, then its lines.
pub fn drive(entries: &[Entry]) {
    panic::set_hook(Box::new(|_| {}));
    let first = std::env::args()
        .nth(1)
        .map_or(0, |index| index.parse().unwrap());
    for entry in &entries[first..] {
        say(&format!("begin {}", entry.name));
        let lines = lines_of(entry);
        say(&serde_json::to_string(&lines).unwrap());
    }
    say("done");
    // A program that hangs still holds its thread.
    std::process::exit(0);
}

fn lines_of(entry: &Entry) -> Vec<String> {
    let (sender, receiver) = mpsc::channel();
    let (radius, run) = (entry.radius, entry.run);
    thread::spawn(move || {
        RADIUS.set(radius);
        log::begin();
        let result = log::caught(run);
        let mut lines = log::take();
        lines.extend(result.err());
        // Nobody listens any more where the program took too long.
        let _ = sender.send(lines);
    });
    let late = |_| vec![format!("still runs after {PATIENCE:?}")];
    receiver.recv_timeout(PATIENCE).unwrap_or_else(late)
}

fn say(line: &str) {
    let mut out = stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}
