//! Figures of ordinary and of odd runs. With `SAM_TRAIN_PLOTS=FOLDER` they are left there.

use std::{fs, path::PathBuf};

use super::{
    series::{Point, Series},
    *,
};

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
    look(name, &Curves::new(records).title(name))
}

fn look(name: &str, curves: &Curves) -> String {
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
    let series = series(&[of("loss", &[1.0, 2.0, f64::NAN, 3.0])], "train", 1.0).unwrap();
    assert_eq!(line(&series.segments[0]), [(0.0, 1.0), (1.0, 2.0)]);
    assert_eq!(line(&series.segments[1]), [(3.0, 3.0)]);
    assert_eq!(series.segments.len(), 2);
    assert_eq!(series.missing, 1);
    let mut values: Vec<f64> = (0..100_000).map(|i| (f64::from(i) * 0.01).sin()).collect();
    (values[77_777], values[3]) = (50.0, -50.0);
    let segments = super::tests::series(&[of("loss", &values)], "train", 2.0)
        .unwrap()
        .segments;
    let line = line(&segments[0]);
    assert!(line.len() <= 802, "{}", line.len());
    assert!(line.contains(&(77_777.0, 100.0)) && line.contains(&(3.0, -100.0)));
    assert_eq!(
        (line[0], line[line.len() - 1]),
        ((0.0, 2.0 * values[0]), (99_999.0, 2.0 * values[99_999]))
    );
    assert!(line.is_sorted_by(|a, b| a.0 < b.0));
    let none = super::tests::series(&[of("loss", &[1.0])], "test", 1.0);
    assert_eq!(none, None);
}

fn series(runs: &[Vec<Record>], split: &str, scale: f64) -> Option<Series> {
    let runs: Vec<&[Record]> = runs.iter().map(Vec::as_slice).collect();
    Series::of(&runs, (split, "loss"), scale, Spread::StandardDeviation)
}

fn line(segment: &[Point]) -> Vec<(f64, f64)> {
    segment.iter().map(|point| (point.x, point.y)).collect()
}

#[test]
fn runs_are_averaged_epoch_by_epoch() {
    let runs = [
        of("loss", &[1.0, 2.0, 3.0]),
        of("loss", &[3.0, 4.0, 5.0, 6.0]),
        // At its own epochs, and backwards.
        vec![
            Record::new(2, 1.5, "train").with("loss", 9.0),
            Record::new(1, 0.5, "train").with("loss", 7.0),
        ],
    ];
    let series = series(&runs, "train", 2.0).unwrap();
    let points = &series.segments[0];
    let expected = [
        (0.0, (1.0 + 3.0) / 2.0),
        (0.5, (1.5 + 3.5 + 7.0) / 3.0),
        (1.0, (2.0 + 4.0 + 8.0) / 3.0),
        (1.5, (2.5 + 4.5 + 9.0) / 3.0),
        (2.0, (3.0 + 5.0) / 2.0),
        (3.0, 6.0),
    ];
    assert_eq!(points.len(), expected.len());
    for (point, (x, y)) in points.iter().zip(expected) {
        assert_eq!(point.x, x);
        assert!((point.y - 2.0 * y).abs() < 1e-12, "{point:?}");
    }
    // The standard deviation of 2 and 6 is 2 times the root of 2.
    let deviation = points[0].y - points[0].low;
    assert!((deviation - 8.0_f64.sqrt()).abs() < 1e-12);
    assert!((points[0].high - points[0].y - deviation).abs() < 1e-12);
    // One run alone has no band.
    assert_eq!((points[5].low, points[5].high), (12.0, 12.0));
    assert_eq!(Spread::Range.of(&[3.0, 1.0, 2.0]), (2.0, 1.0, 3.0));
}

#[test]
fn means_have_gaps_where_all_runs_have_them() {
    let nan = f64::NAN;
    let both = [
        of("loss", &[1.0, 1.0, nan, nan, 1.0, 1.0]),
        of("loss", &[3.0, 3.0, nan, 3.0, 3.0, 3.0]),
    ];
    let series = series(&both, "train", 1.0).unwrap();
    assert_eq!(series.missing, 3);
    let segments: Vec<_> = series.segments.iter().map(|s| line(s)).collect();
    assert_eq!(
        segments,
        [
            vec![(0.0, 2.0), (1.0, 2.0)],
            vec![(3.0, 3.0), (4.0, 2.0), (5.0, 2.0)]
        ]
    );
}

/// Four runs of a kind, with noise of their own.
fn repeated(scale: f64) -> Vec<Vec<Record>> {
    let seeds = 1..=4_u64;
    seeds
        .map(|seed| {
            let mut records = run();
            for record in &mut records {
                for name in ["loss", "accuracy", "sharpness", "gradient_norm"] {
                    if let Some(value) = record.get(name) {
                        let wave = (seed as f64 * 1.7 + record.epoch / 3.0).sin();
                        record.set(name, value * scale * (1.0 + 0.1 * wave));
                    }
                }
            }
            records
        })
        .collect()
}

#[test]
fn runs_are_drawn_as_means_with_bands() {
    let (sgd, sam) = (repeated(1.0), repeated(0.8));
    for spread in [Spread::StandardDeviation, Spread::Range] {
        for theme in [Theme::Light, Theme::Dark] {
            let curves = Curves::over([("SGD", &sgd), ("SAM", &sam)], spread)
                .title("Four seeds each")
                .theme(theme);
            let svg = look(&format!("seeds, {spread:?}, {theme:?}"), &curves);
            for text in ["SGD, train", "SAM, train", "SGD, test", "SAM, test, top 5"] {
                assert!(svg.contains(&format!(">{text}<")), "{text}");
            }
        }
    }
    let one = look(
        "seeds of one kind",
        &Curves::over([("", &sam)], Spread::Range),
    );
    assert!(one.contains(">train<") && !one.contains(">, train<"));
    // Losses whose band would go below 0 on a logarithmic axis.
    let steep = [
        of("loss", &[100.0, 10.0, 1.0, 0.1, 0.001]),
        of("loss", &[300.0, 20.0, 0.1, 0.1, 0.001]),
        of("loss", &[200.0, 15.0, 0.1, 0.8, 0.04]),
    ];
    look(
        "steep",
        &Curves::over([("", &steep)], Spread::StandardDeviation),
    );
    let none: [Vec<Record>; 0] = [];
    let empty = Curves::over([("", &none)], Spread::Range);
    assert!(matches!(empty.svg(), Err(PlotError::Empty)));
}

#[test]
fn own_metrics_have_panels_by_split() {
    let mut records = Vec::new();
    for epoch in 1..=20_u64 {
        let at = |split: &'static str| Record::new(epoch, epoch as f64, split);
        let x = epoch as f64 / 20.0;
        records.push(at("valid").with("macro F1", x.sqrt()).with("loss", 1.0 / x));
        records.push(at("night shots").with("macro F1", 0.8 * x));
        records.push(at("epoch").with("train_loss", 0.5 / x));
        let mut by_class = at("valid");
        for (i, class) in ["cat", "dog", "horse", "a rather long name of a class"]
            .iter()
            .enumerate()
        {
            by_class.set(format!("recall/{class}"), x / (i + 1) as f64);
        }
        records.push(by_class);
        let mut many = at("valid");
        for class in 0..40 {
            many.set(format!("F1/{class}"), x * f64::from(class) / 40.0);
        }
        records.push(many);
    }
    let svg = draw("own metrics", &records);
    for text in [
        "macro F1",
        "valid",
        "night shots",
        "recall",
        "valid, cat",
        "epoch, training mean",
        "F1",
    ] {
        assert!(svg.contains(&format!(">{text}<")), "{text}");
    }
    // Forty names would leave no room.
    assert!(!svg.contains(">valid, 39<"));
    look(
        "own metrics, dark",
        &Curves::new(&records).theme(Theme::Dark),
    );
}

#[test]
fn what_cannot_be_drawn_or_written_is_said() {
    for records in [
        vec![],
        vec![Record::new(1, 0.0, "train").with("left_out", 1.0)],
    ] {
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
