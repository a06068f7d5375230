//! What stands on a terminal, and in a log.

use std::sync::{Arc, Mutex};

use indicatif::{InMemoryTerm, TermLike};

use super::*;

fn terminal(columns: u16) -> (InMemoryTerm, Progress) {
    let term = InMemoryTerm::new(10, columns);
    // As often as can be: every state is drawn that the tests wait for.
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(term.clone()), 255);
    let progress = Progress::bar("epoch 3/30".into(), 4, target).samples_per_step(128);
    (term, progress)
}

/// Numbers that depend on the clock as `#`.
fn masked(text: &str) -> String {
    let words = text.split(' ').collect::<Vec<_>>();
    let timed = |i: usize| {
        let unit = words.get(i + 1).unwrap_or(&"").trim_end_matches(',');
        ["samples/s", "steps/s", "s"].contains(&unit)
    };
    let masked = words
        .iter()
        .enumerate()
        .map(|(i, word)| if timed(i) { "#" } else { word });
    masked.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_bar_shows_position_speed_time_and_values() {
    let (term, mut progress) = terminal(80);
    for loss in [2.5, 1.5] {
        std::thread::sleep(Duration::from_millis(20));
        progress.step([
            ("loss", loss),
            ("accuracy", 0.25),
            ("learning_rate", 0.1),
            ("rho", 0.05),
        ]);
    }
    assert_eq!(
        masked(&term.contents().replace('\n', " \n ")),
        "epoch 3/30 ━━━━━━━━━━╸━━━━━━━━━ 2/4  # samples/s  # s left \n   loss 1.5  accuracy 25.0 %  lr 0.1  rho 0.05"
    );
}

#[test]
fn long_values_are_cut_at_the_edge() {
    let (term, mut progress) = terminal(72);
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(20));
        progress.step([
            ("loss", 1.5),
            ("accuracy", 0.25),
            ("a_very_long_name_of_some_value_or_other", 3.0),
        ]);
    }
    assert_eq!(term.contents().lines().count(), 2, "{}", term.contents());
}

#[test]
fn one_line_stays_of_an_epoch_and_the_next_text_stands_below() {
    let (term, mut progress) = terminal(100);
    for _ in 0..4 {
        progress.step([("loss", 1.5)]);
    }
    progress.println("a checkpoint was written");
    progress.finish([("loss", 1.25), ("accuracy", 0.5)]);
    term.write_str("next").unwrap();
    assert_eq!(
        masked(&term.contents().replace('\n', " \n ")),
        "a checkpoint was written \n epoch 3/30: 4 steps in # s, # samples/s, loss 1.25, accuracy 50.0 % \n next"
    );
}

#[test]
fn a_loop_left_early_leaves_its_bar_above_the_next_text() {
    let (term, mut progress) = terminal(100);
    progress.step([("loss", 1.5)]);
    drop(progress);
    term.write_str("next").unwrap();
    let shown = term.contents();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(lines[0].starts_with("epoch 3/30 ━━━━━"), "{shown}");
    assert_eq!(lines[1..], ["  loss 1.5", "next"]);
}

#[test]
fn a_panic_keeps_its_message() {
    let (term, mut progress) = terminal(100);
    let printed = term.clone();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        progress.step([("loss", 1.5)]);
        // The hook prints before anything is dropped.
        printed.write_line("thread 'main' panicked").unwrap();
        printed.write_str("note: a backtrace").unwrap();
        let _moved = progress;
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(result.is_err());
    let shown = term.contents();
    assert!(shown.starts_with("epoch 3/30 ━━━━━"), "{shown}");
    assert!(
        shown.ends_with("\nthread 'main' panicked\nnote: a backtrace"),
        "{shown}"
    );
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[test]
fn a_log_gets_a_line_now_and_then_and_one_at_the_end() {
    let log = Log::default();
    let mut progress = Progress::lines("epoch 1/2".into(), 1000, Box::new(log.clone()));
    for _ in 0..999 {
        progress.step([("loss", 1.5)]);
    }
    // Far less than the ten seconds.
    assert_eq!(log.text(), "");
    progress.println("a checkpoint was written");
    progress = progress.every(Duration::ZERO);
    progress.done = 399;
    progress.step([("loss", 1.25)]);
    progress.finish([("accuracy", 0.5)]);
    assert_eq!(
        masked(&log.text().replace('\n', " \n ")),
        "a checkpoint was written \n epoch 1/2: step 400/1000, # steps/s, # s left, loss 1.25 \n \
         epoch 1/2: 400 steps in # s, # steps/s, accuracy 50.0 % \n "
    );
}

#[test]
fn an_epoch_without_end_has_a_line() {
    let log = Log::default();
    let mut progress = Progress::lines("epoch 1/1".into(), u64::MAX, Box::new(log.clone()));
    progress = progress.every(Duration::ZERO);
    std::thread::sleep(Duration::from_millis(1100));
    progress.step([("loss", 1.5)]);
    assert!(
        log.text()
            .starts_with("epoch 1/1: step 1/18446744073709551615, "),
        "{}",
        log.text()
    );
}

/// The seconds in `... steps in 0.1 s, ...`, and the steps per second.
fn time_and_speed(line: &str) -> (f64, f64) {
    let number = |before: &str, after: &str| {
        let (_, rest) = line.split_once(before).unwrap();
        rest.split_once(after).unwrap().0.parse().unwrap()
    };
    (number(" in ", " s,"), number(" s, ", " steps/s"))
}

#[test]
fn time_and_speed_are_those_of_the_steps() {
    let log = Log::default();
    let mut progress = Progress::lines("e".into(), 20, Box::new(log.clone()));
    let pause = Duration::from_millis(1500);
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(10));
        progress.step([]);
    }
    // A checkpoint.
    progress.pause();
    std::thread::sleep(pause);
    progress.resume();
    progress.step([]);
    // The evaluation.
    std::thread::sleep(pause);
    progress.finish([]);
    let (seconds, speed) = time_and_speed(&log.text());
    assert!((0.2..1.5).contains(&seconds), "{}", log.text());
    // With one of the pauses, at most 14.
    assert!((14.0..=105.0).contains(&speed), "{}", log.text());
}

#[test]
fn odd_counts_are_no_trouble() {
    let log = Log::default();
    let lines =
        |steps| Progress::lines("e".into(), steps, Box::new(log.clone())).every(Duration::ZERO);
    lines(0).finish([]);
    let mut more_than_said = lines(1);
    for _ in 0..3 {
        more_than_said.step([]);
    }
    more_than_said.finish([]);
    assert_eq!(log.text().lines().count(), 2, "{}", log.text());
    let (_, mut progress) = terminal(20);
    for _ in 0..9 {
        progress.step([("loss", f64::NAN)]);
    }
    progress.finish([("loss", f64::INFINITY)]);
}
