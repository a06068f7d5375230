//! Signals: which ones end a run well, which ones it must not hear, and what a script is told.
#![cfg(unix)]
#![allow(unsafe_code)]

use std::{
    ffi::c_int,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use sam_runtime::run::checkpoint::CheckpointStore;

/// Starts a run without an end, whose first evaluation takes a minute if `evaluates`. It ignores what is
/// `ignored`, as its parent would: `HUP` under `nohup`, `INT` behind `&` in a script. It listens already.
fn start(out: &Path, ignored: &[c_int], evaluates: bool) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_small_run"));
    let ignored = ignored.to_vec();
    let actions = move || {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1] {
            let action = match ignored.contains(&signal) {
                true => libc::SIG_IGN,
                false => libc::SIG_DFL,
            };
            // SAFETY: it may be called there, and the actions are the system's own.
            unsafe { libc::signal(signal, action) };
        }
        Ok(())
    };
    // SAFETY: it allocates nothing and takes no lock.
    unsafe { command.pre_exec(actions) };
    command.arg(out);
    command.args(["sgd", "epochs=1000000"]);
    if evaluates {
        command.arg("evaluation=60000");
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    if evaluates {
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, "evaluating\n");
    } else {
        let store = CheckpointStore::open(out.join("checkpoints")).unwrap();
        let begin = Instant::now();
        while store.steps().unwrap().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(60));
            sleep(Duration::from_millis(2));
        }
    }
    child
}

fn send(child: &Child, signal: c_int) {
    let id = child.id().try_into().unwrap();
    // SAFETY: the child has not been waited for, so the number is its own.
    assert_eq!(unsafe { libc::kill(id, signal) }, 0);
}

/// The exit status, within `seconds`; `None` for a process that was killed by a signal.
fn status(mut child: Child, seconds: u64) -> Option<i32> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if begin.elapsed() > Duration::from_secs(seconds) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it has not ended");
        }
        sleep(Duration::from_millis(2));
    }
}

fn still_runs(child: &mut Child) -> bool {
    sleep(Duration::from_millis(300));
    child.try_wait().unwrap().is_none()
}

/// It has ended well: its checkpoint is that of the step that it ended with.
fn is_whole(out: &Path) -> bool {
    let store = CheckpointStore::open(out.join("checkpoints")).unwrap();
    store.latest().unwrap().is_some()
}

#[test]
fn each_signal_ends_a_run_well_whatever_others_are_ignored() {
    use libc::{SIGHUP, SIGINT, SIGTERM};

    let dir = tempfile::tempdir().unwrap();
    let cases: [(&[c_int], c_int); 8] = [
        (&[], SIGINT),
        (&[], SIGTERM),
        (&[], SIGHUP),
        (&[SIGHUP], SIGTERM),
        (&[SIGHUP], SIGINT),
        (&[SIGINT], SIGTERM),
        (&[SIGINT, SIGHUP], SIGTERM),
        (&[SIGTERM], SIGHUP),
    ];
    for (ignored, signal) in cases {
        let out = dir.path().join(format!("{ignored:?}-{signal}"));
        let mut child = start(&out, ignored, false);
        // What is ignored stays ignored.
        for other in ignored {
            send(&child, *other);
            assert!(still_runs(&mut child), "{other}, ignored: {ignored:?}");
        }
        send(&child, signal);
        let found = status(child, 30);
        assert_eq!(found, Some(128 + signal), "{signal}, ignored: {ignored:?}");
        assert!(is_whole(&out));
    }
}

/// As a terminal that closes and a system that shuts down send them.
#[test]
fn several_signals_at_once_are_one_request() {
    use libc::{SIGHUP, SIGINT, SIGTERM};

    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let mut child = start(&out, &[], true);
    for signal in [SIGTERM, SIGHUP, SIGTERM, SIGINT, SIGHUP] {
        send(&child, signal);
        assert!(still_runs(&mut child), "{signal}");
    }
    // The second one of these.
    send(&child, SIGINT);
    assert_eq!(status(child, 5), Some(130));
    // Cut off in its evaluation, it has the epoch.
    let store = CheckpointStore::open(out.join("checkpoints")).unwrap();
    assert_eq!(store.latest().unwrap().unwrap().step, 16);
}
