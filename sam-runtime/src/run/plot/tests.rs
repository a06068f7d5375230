//! Figures of ordinary and of odd runs. With `SAM_TRAIN_PLOTS=FOLDER` they are left there.

use std::{fs, path::PathBuf};

use super::{series::Series, *};

/// A run as it may be: losses that fall, a cosine schedule.
fn run() -> Vec<Record> {
    let mut records = Vec::new();
    for step in 1..=3000_u64 {
        let epoch = step as f64 / 100.0;
        let wave = (step as f64 * 0.7).sin() * (step as f64 * 0.13).cos();
        let rate = 0.05 * (1.0 + (std::f64::consts::PI * epoch / 30.0).cos());
        let loss = 2.3 * (-epoch / 6.0).exp() * (1.0 + 0.2 * wave) + 0.02;
        let record = Record::new(step, epoch, "train").with("loss", loss);
        let record = record.with("learning_rate", rate).with("rho", 0.02 + rate);
        records.push(
            record
                .with("sharpness", 0.3 * loss + 0.02 * wave)
                .with("gradient_norm", 1.0 + loss * 2.0),
        );
        if step % 100 == 0 {
            let share = 1.0 - 0.9 * (-epoch / 5.0).exp();
            let record = Record::new(step, epoch, "test").with("loss", loss + 0.2);
            records.push(
                record
                    .with("accuracy", share)
                    .with("top5", 0.5 + share / 2.0)
                    .with("lambda_max", 20.0 - 15.0 * share)
                    .with("m_sharpness", 0.3 - 0.2 * share),
            );
            records.push(
                Record::new(step, epoch, "train").with("accuracy", 1.0 - 0.8 * (1.0 - share)),
            );
        }
    }
    records
}

fn of(name: &'static str, values: &[f64]) -> Vec<Record> {
    let record =
        |(i, value): (usize, &f64)| Record::new(i as u64, i as f64, "train").with(name, *value);
    values.iter().enumerate().map(record).collect()
}

/// The figure both ways; looks into them for what every figure has.
fn draw(name: &str, records: &[Record]) -> String {
    let curves = Curves::new(records).title(name);
    let (svg, png) = (curves.svg().unwrap(), curves.png().unwrap());
    if let Some(dir) = std::env::var_os("SAM_TRAIN_PLOTS") {
        let dir = PathBuf::from(dir);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(format!("{name}.svg")), &svg).unwrap();
        fs::write(dir.join(format!("{name}.png")), &png).unwrap();
    }
    assert!(
        svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"),
        "{name}"
    );
    assert!(
        !svg.contains("NaN") && !svg.contains("inf\""),
        "{name}: a coordinate is no number"
    );
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n", "{name}");
    svg
}

#[test]
fn a_run_has_all_panels() {
    let svg = draw("ResNet-20 with SAM", &run());
    for text in [
        "ResNet-20 with SAM",
        "Loss",
        "accuracy (%)",
        "Learning rate",
        "rho",
        "Sharpness",
        "Gradient norm",
        "Largest eigenvalue of the Hessian",
        "m-sharpness",
        "train",
        "test",
        "test, top 5",
        "epoch",
    ] {
        assert!(svg.contains(&format!(">{text}<")), "{text}");
    }
    // 3,000 steps are thinned.
    assert!(svg.len() < 300_000, "{}", svg.len());
}

#[test]
fn odd_runs_are_drawn() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    for (name, values) in [
        ("one point", &[2.0][..]),
        ("constant", &[0.1; 20]),
        ("zero", &[0.0; 3]),
        ("not finite", &[nan, inf, -inf]),
        ("gaps", &[3.0, 2.0, nan, 1.5, inf, 1.2, 1.0, 0.9]),
        ("decades", &[1e4, 1e3, 10.0, 0.1, 1e-3, 1e-5]),
        ("huge", &[1e99, 1e-99, 1.0, 1e99]),
        ("both signs", &[-1e99, 1e99, 0.5]),
        ("too far", &[f64::MAX, f64::MIN, f64::MIN_POSITIVE, 1.0]),
        (
            "close together",
            &[1.0, 1.0 + f64::EPSILON, 1.0 - f64::EPSILON],
        ),
        ("narrow", &[1.0000001, 1.0000002, 1.00000015]),
        ("large and close", &[1e15, 1e15 + 1.0, 1e15 + 2.0]),
        ("falls to 0", &[0.1, 0.05, 0.01, 0.0]),
    ] {
        for value in ["loss", "accuracy"] {
            draw(&format!("{name}, {value}"), &of(value, values));
        }
    }
    let backwards: Vec<Record> = of("loss", &[1.0, 2.0, 3.0]).into_iter().rev().collect();
    draw("backwards", &backwards);
    let mut nowhere = of("loss", &[1.0, 2.0]);
    nowhere[1].epoch = f64::NAN;
    draw("no epoch", &nowhere);
    let mut splits = Vec::new();
    for split in [
        "train",
        "test",
        "a rather long name of a split",
        "<&\">",
        "e",
        "f",
        "g",
        "größe",
    ] {
        splits.push(Record::new(0, 0.0, split).with("loss", 1.0));
        splits.push(Record::new(1, 1.0, split).with("loss", 2.0));
    }
    draw("splits", &splits);
}

#[test]
fn ticks_are_told_apart_in_few_digits() {
    let svg = draw("digits", &of("loss", &[1.0000001, 1.0000002]));
    assert!(svg.contains(">1.0000001<") && svg.contains(">1.0000002<"));
    let svg = draw("powers", &of("loss", &[-1e99, 1e99]));
    assert!(svg.contains(">-5e98<") && svg.contains(">0<"));
}

#[test]
fn a_panel_says_what_it_leaves_out() {
    let svg = draw(
        "left out",
        &of("loss", &[1.0, f64::NAN, f64::INFINITY, 0.5]),
    );
    assert!(svg.contains("Loss (2 values not drawn)"));
}

#[test]
fn lines_break_at_gaps_and_keep_their_peaks() {
    let series = Series::of(
        &of("loss", &[1.0, 2.0, f64::NAN, 3.0]),
        "train",
        "loss",
        1.0,
    )
    .unwrap();
    assert_eq!(
        series.segments,
        [vec![(0.0, 1.0), (1.0, 2.0)], vec![(3.0, 3.0)]]
    );
    assert_eq!(series.missing, 1);
    let mut values: Vec<f64> = (0..100_000).map(|i| (f64::from(i) * 0.01).sin()).collect();
    (values[77_777], values[3]) = (50.0, -50.0);
    let segments = Series::of(&of("loss", &values), "train", "loss", 2.0)
        .unwrap()
        .segments;
    let line = &segments[0];
    assert!(line.len() <= 802, "{}", line.len());
    assert!(line.contains(&(77_777.0, 100.0)) && line.contains(&(3.0, -100.0)));
    assert_eq!(
        (line[0], line[line.len() - 1]),
        ((0.0, 2.0 * values[0]), (99_999.0, 2.0 * values[99_999]))
    );
    assert!(line.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!(Series::of(&of("loss", &[1.0]), "test", "loss", 1.0), None);
}

#[test]
fn what_cannot_be_drawn_or_written_is_said() {
    for records in [vec![], vec![Record::new(1, 0.0, "train").with("mine", 1.0)]] {
        assert!(matches!(Curves::new(&records).svg(), Err(PlotError::Empty)));
        assert!(matches!(Curves::new(&records).png(), Err(PlotError::Empty)));
    }
    let curves = Curves::new(&of("loss", &[2.0, 1.0]));
    let said = |path: &str| curves.save(path).unwrap_err().to_string();
    assert_eq!(
        said("curves.pdf"),
        "curves.pdf: end the name with .svg or .png"
    );
    assert!(said("/nowhere/curves.svg").starts_with("/nowhere/curves.svg: can't write it ("));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("curves.PNG");
    curves.save(&path).unwrap();
    assert_eq!(fs::read(path).unwrap(), curves.png().unwrap());
}
