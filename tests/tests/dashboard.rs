//! What the dashboard shows on screens of several sizes, and what it does where there is no terminal.

use std::time::{Duration, Instant};

use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, style::Color};
use sam_runtime::run::{
    metrics::Record,
    progress::{Board, Dashboard},
};

/// Three epochs of 100 batches, as a run tells about them, and half of a fourth.
fn training() -> Board {
    let mut board = Board::new("runs/cifar10");
    for epoch in 0..4 {
        board.begin_epoch(epoch, 30, 0, 100);
        for batch in 1..=if epoch < 3 { 100 } else { 50 } {
            let step = epoch * 100 + batch;
            let t = step as f64 / 100.0;
            let loss = 2.3 * (-0.5 * t).exp() + 0.05 * (t * 20.0).sin();
            board.step([("loss", loss), ("learning_rate", 0.1), ("rho", 0.05)]);
            if batch % 10 == 0 {
                let record = Record::new(step as u64, t, "train")
                    .with("loss", loss)
                    .with("learning_rate", 0.1 / (1.0 + t))
                    .with("rho", 0.05)
                    .with("gradient_norm", 3.0 - 0.5 * t + 0.3 * (t * 9.0).cos())
                    .with("sharpness", 0.02 + 0.005 * (t * 7.0).sin())
                    .with("gradients", 2.0)
                    .with("samples_per_second", 1300.0 + 20.0 * (t * 5.0).sin());
                board.record(&record);
            }
        }
        if epoch < 3 {
            let (epoch, step) = (epoch as f64 + 1.0, (epoch as u64 + 1) * 100);
            let test = Record::new(step, epoch, "test");
            let test = test
                .with("loss", 2.0 / epoch)
                .with("accuracy", 1.0 - 0.6 / epoch);
            board.record(&test.with("f1/cat", 0.4 + 0.1 * epoch).with("f1/dog", 0.5));
            board.end_epoch([("loss", 1.0 / epoch), ("accuracy", 1.0 - 0.6 / epoch)]);
        }
    }
    board.println("a checkpoint was written");
    board
}

/// The text with times and speeds, which depend on the clock, as `#`.
fn masked(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let is_time = |i: usize| {
            let unit = words.get(i + 1).unwrap_or(&"").trim_end_matches(',');
            ["s", "min", "h", "steps/s"].contains(&unit)
        };
        let words = words.iter().enumerate();
        let words: Vec<&str> = words
            .map(|(i, w)| if is_time(i) { "#" } else { w })
            .collect();
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn assert_within(text: &str, columns: usize, rows: usize) {
    assert_eq!(text.split('\n').count(), rows, "{text}");
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= columns, "{widest} columns:\n{text}");
}

#[test]
fn at_80_columns_there_are_the_curves_that_matter_and_the_last_lines() {
    let text = training().text(80, 24);
    println!("{text}");
    assert_within(&text, 80, 24);
    let shown = masked(&text);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "runs/cifar10 # s, # s left");
    assert!(lines[1].starts_with("epoch 4/30 ━"), "{shown}");
    assert!(lines[1].ends_with(" 50/100 # steps/s # s left"), "{shown}");
    assert!(
        lines[2].starts_with("loss 0.4384 lr 0.1 rho 0.05"),
        "{shown}"
    );
    for title in [
        "loss ━ 0.4384 ━ 0.6667 ─",
        "accuracy ━ test 80.0 %",
        "f1 ━ 0.7 ━ 0.5 ─",
    ] {
        assert!(shown.contains(title), "{title}:\n{shown}");
    }
    for title in ["gradient norm ━ 1.", "sharpness ━ 0.0", "rho ━ 0.05"] {
        assert!(shown.contains(title), "{title}:\n{shown}");
    }
    // What there is no room for.
    assert!(
        shown.contains("learning rate 0.02222 samples per second 1"),
        "{shown}"
    );
    assert!(!shown.contains("gradients"), "{shown}");
    let end = "epoch 3/30: 100 steps in # s, # steps/s, loss 0.3333, accuracy 80.0 %\na checkpoint was written";
    assert!(shown.ends_with(end), "{shown}");
}

#[test]
fn at_200_columns_all_have_their_panels() {
    let text = training().text(200, 50);
    println!("{text}");
    assert_within(&text, 200, 50);
    for title in [
        "loss ━ train",
        "accuracy ━ test",
        "f1 ━ test cat 0.7 ━ test dog 0.5",
        "gradient norm ━",
        "sharpness ━",
        "rho ━",
        "learning rate ━",
        "samples per second ━",
    ] {
        assert!(text.contains(title), "{title}:\n{text}");
    }
    // An axis with its ends; the horizontal one with its unit.
    assert!(text.contains("3.5 epochs"), "{text}");
}

#[test]
fn no_size_is_too_small() {
    let board = training();
    assert_within(&board.text(40, 10), 40, 10);
    let small = board.text(40, 10);
    println!("{small}");
    assert!(
        small.contains("epoch 4/30") && small.contains("loss"),
        "{small}"
    );
    for (columns, rows) in (0..60).flat_map(|c| (0..30).map(move |r| (c, r))) {
        let text = board.text(columns, rows);
        assert!(text.lines().count() <= usize::from(rows).max(1));
        Board::new("x").text(columns, rows);
    }
    board.text(500, 300);
}

#[test]
fn after_a_resize_it_is_what_it_would_have_been() {
    let board = training();
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let mut draw = |columns, rows| -> Buffer {
        terminal.backend_mut().resize(columns, rows);
        terminal
            .draw(|frame| frame.render_widget(&board, frame.area()))
            .unwrap();
        terminal.backend().buffer().clone()
    };
    let text = |buffer: &Buffer| {
        let rows = buffer.content.chunks(usize::from(buffer.area.width));
        let rows = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
        rows.map(|row| row.trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    };
    for (columns, rows) in [(80, 24), (200, 50), (40, 10), (120, 30), (80, 24)] {
        let shown = text(&draw(columns, rows));
        assert_eq!(
            masked(&shown),
            masked(&board.text(columns, rows)),
            "{columns} x {rows}"
        );
    }
}

#[test]
fn its_colours_are_the_terminals_own_on_its_own_ground() {
    let mut terminal = Terminal::new(TestBackend::new(200, 50)).unwrap();
    let board = training();
    terminal
        .draw(|frame| frame.render_widget(&board, frame.area()))
        .unwrap();
    let mut colours = Vec::new();
    for cell in &terminal.backend().buffer().content {
        assert_eq!(cell.bg, Color::Reset);
        // Neither those that vanish on a light ground, nor those that do on a dark one.
        let vanish = [Color::White, Color::Black, Color::Gray, Color::DarkGray];
        assert!(!vanish.contains(&cell.fg), "{:?}", cell.fg);
        assert!(
            !matches!(cell.fg, Color::Rgb(..) | Color::Indexed(_)),
            "{:?}",
            cell.fg
        );
        if !colours.contains(&cell.fg) {
            colours.push(cell.fg);
        }
    }
    assert!(
        colours.contains(&Color::Cyan) && colours.contains(&Color::Magenta),
        "{colours:?}"
    );
}

#[test]
fn losses_that_are_not_finite_are_gaps_and_are_told() {
    let mut board = Board::new("diverging");
    board.begin_epoch(0, 1, 0, 10);
    for (step, loss) in [1.0, 2.0, f64::NAN, 1e300, f64::INFINITY, 4.0, f64::NAN]
        .into_iter()
        .enumerate()
    {
        board.step([("loss", loss)]);
        board.record(&Record::new(step as u64, step as f64 / 10.0, "train").with("loss", loss));
    }
    let text = board.text(80, 24);
    println!("{text}");
    assert!(text.contains("loss ━ NaN (4 not finite)"), "{text}");
    assert!(
        text.contains("4.00") && text.contains("1.00"),
        "the axis is that of finite values:\n{text}"
    );
    let mut nothing_else = Board::new("");
    nothing_else.record(&Record::new(1, 0.1, "train").with("loss", f64::NAN));
    assert!(nothing_else.text(80, 24).contains("no finite value yet"));
}

#[test]
fn before_anything_was_recorded_it_says_so() {
    let mut board = Board::new("runs/new");
    let text = board.text(80, 24);
    assert!(text.contains("waiting for the first epoch"), "{text}");
    board.begin_epoch(0, 3, 0, 0);
    let text = board.text(80, 24);
    assert!(
        text.contains("epoch 1/3") && text.contains("no values were recorded yet"),
        "{text}"
    );
    // One value alone, and equal ones.
    for _ in 0..2 {
        board.record(
            &Record::new(0, 0.0, "train")
                .with("loss", 0.0)
                .with("rho", 1e-30),
        );
        board.text(80, 24);
    }
}

#[test]
fn a_hundred_thousand_steps_cost_no_more_than_a_thousand() {
    let mut board = Board::new("long");
    board.begin_epoch(0, 1, 0, 100_000);
    let fill = |board: &mut Board, steps: std::ops::Range<u64>| {
        for step in steps {
            let loss = if step == 40_321 { 5.0 } else { 1.0 };
            board.record(&Record::new(step, step as f64 / 100_000.0, "train").with("loss", loss));
        }
    };
    fill(&mut board, 0..1000);
    let size = |board: &Board| format!("{board:?}").len();
    let small = size(&board);
    fill(&mut board, 1000..100_000);
    assert!(size(&board) < 2 * small, "{} {small}", size(&board));
    // The one peak is on the screen.
    let text = board.text(80, 24);
    println!("{text}");
    assert!(text.contains("5.00"), "{text}");
}

#[test]
fn a_step_takes_microseconds() {
    let mut board = Board::new("fast");
    board.begin_epoch(0, 1, 0, 100_000);
    let start = Instant::now();
    for step in 0..100_000u64 {
        board.step([("loss", step as f64), ("learning_rate", 0.1), ("rho", 0.05)]);
    }
    let each = start.elapsed() / 100_000;
    let board = training();
    let start = Instant::now();
    for _ in 0..20 {
        board.text(200, 50);
    }
    println!(
        "{each:?} a step; {:?} a picture of 200 x 50",
        start.elapsed() / 20
    );
    // A hundredth of the shortest step of a real network, on a machine that has much else to do.
    assert!(each < Duration::from_micros(50), "{each:?}");
}

#[test]
fn where_there_is_no_terminal_there_is_no_dashboard() {
    // The harness of a test may have one; then it is given back at once.
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let dashboard = Dashboard::open("test");
    assert!(is_terminal || dashboard.is_none());
}
