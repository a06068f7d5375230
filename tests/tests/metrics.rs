//! The metrics of `analysis::metrics`: against scikit-learn's and torchmetrics' numbers, in batches and merged parts, and what
//! they say to wrong input.

use std::path::Path;

use dfdx::prelude::*;
use sam_runtime::analysis::metrics::*;
use serde_json::Value;

type Numbers = Tensor<(usize, usize), f64, Cpu>;

fn fixture() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/metrics.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(parts) => parts.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

#[track_caller]
fn assert_close(what: &str, found: &[f64], expected: &Value, tolerance: f64) {
    let expected = flat(expected);
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let off = (found - expected).abs() / expected.abs().max(1.0);
        assert!(off <= tolerance, "{what}: {found} for {expected}");
    }
}

fn rows(numbers: &[f64], width: usize) -> Numbers {
    let shape = (numbers.len() / width, width);
    Cpu::default().tensor_from_vec(numbers.to_vec(), shape)
}

/// Classes as rows of 0 and 1.
fn one_hot(classes: &[f64], width: usize) -> Vec<f64> {
    let row = |class: f64| (0..width).map(move |i| f64::from(i as f64 == class));
    classes.iter().copied().flat_map(row).collect()
}

/// Fills one metric with batches of `batch` rows, and merges two that have a part each.
fn filled<M: Clone>(
    empty: &M,
    (predictions, targets): (&[f64], &[f64]),
    width: usize,
    batch: usize,
    add: impl Fn(&mut M, &Numbers, &Numbers) -> Result<(), MetricError>,
    merge: impl Fn(&mut M, &M),
) -> M {
    let mut parts = [empty.clone(), empty.clone()];
    let batches = predictions.chunks(batch * width);
    for (i, (x, y)) in batches.zip(targets.chunks(batch * width)).enumerate() {
        add(
            &mut parts[usize::from(i > 1)],
            &rows(x, width),
            &rows(y, width),
        )
        .unwrap();
    }
    let [mut first, second] = parts;
    merge(&mut first, &second);
    first
}

#[test]
fn classes_are_counted_as_scikit_learn_and_torchmetrics_count() {
    const CLASSES: usize = 5;
    for case in ["usual", "absent"] {
        let expected = &fixture()["confusion"][case];
        let logits = flat(&expected["logits"]);
        let targets = one_hot(&flat(&expected["targets"]), CLASSES);
        for batch in [7, 1000] {
            let matrix = filled(
                &ConfusionMatrix::new(CLASSES),
                (&logits, &targets),
                CLASSES,
                batch,
                ConfusionMatrix::add,
                |a, b| a.merge(b).unwrap(),
            );
            let counts = matrix.rows().flatten().map(|&count| count as f64);
            let exact = |what: &str, found: &[f64]| {
                assert_close(&format!("{case}, {what}"), found, &expected[what], 1e-12);
            };
            exact("matrix", &counts.collect::<Vec<_>>());
            exact("accuracy", &[matrix.accuracy()]);
            exact("balanced", &[matrix.balanced_accuracy()]);
            let scores = matrix.scores();
            let each = |of: fn(&ClassScores) -> f64| scores.iter().map(of).collect::<Vec<_>>();
            exact("precision", &each(|class| class.precision));
            exact("recall", &each(|class| class.recall));
            exact("f1", &each(|class| class.f1));
            exact("support", &each(|class| class.samples as f64));
            for (name, average) in [
                ("macro", Average::Macro),
                ("micro", Average::Micro),
                ("weighted", Average::Weighted),
            ] {
                exact(&format!("precision_{name}"), &[matrix.precision(average)]);
                exact(&format!("recall_{name}"), &[matrix.recall(average)]);
                exact(&format!("f1_{name}"), &[matrix.f1(average)]);
            }
            let top = (1..CLASSES).map(|k| {
                filled(
                    &Accuracy::top(k),
                    (&logits, &targets),
                    CLASSES,
                    batch,
                    |accuracy, logits, targets| {
                        accuracy.add(logits, targets);
                        Ok(())
                    },
                    |a, b| a.merge(b).unwrap(),
                )
                .value()
            });
            exact("top", &top.collect::<Vec<_>>());
            let calibration = filled(
                &CalibrationError::new(15),
                (&logits, &targets),
                CLASSES,
                batch,
                CalibrationError::add,
                |a, b| a.merge(b).unwrap(),
            );
            // torchmetrics computes them in f32.
            let ece = [calibration.value(), calibration.largest()];
            assert_close("ece", &ece[..1], &expected["ece"], 1e-6);
            assert_close("mce", &ece[1..], &expected["mce"], 1e-6);
        }
    }
}

#[test]
fn scores_are_ranked_as_scikit_learn_ranks() {
    for case in ["ties", "few"] {
        let expected = &fixture()["ranking"][case];
        let (scores, targets) = (flat(&expected["scores"]), flat(&expected["targets"]));
        for batch in [3, 1000] {
            let ranking = filled(
                &BinaryRanking::new(),
                (&scores, &targets),
                1,
                batch,
                BinaryRanking::add,
                BinaryRanking::merge,
            );
            let found = [ranking.roc_auc(), ranking.average_precision()];
            assert_close("roc_auc", &found[..1], &expected["roc_auc"], 1e-12);
            assert_close("ap", &found[1..], &expected["average_precision"], 1e-12);
            // The area under the curve, by trapezoids.
            let curve = ranking.roc_curve();
            let area = curve.windows(2).map(|pair| {
                let [(a, b), (c, d)] = [pair[0], pair[1]];
                (c - a) * (b + d) / 2.0
            });
            let area: f64 = area.sum();
            assert!((area - found[0]).abs() < 1e-12);
            assert_eq!((curve[0], curve[curve.len() - 1]), ((0.0, 0.0), (1.0, 1.0)));
        }
    }
}

#[test]
fn classes_and_labels_are_ranked_against_the_rest() {
    let fixture = fixture();
    let expected = &fixture["one_vs_rest"];
    let logits = flat(&expected["logits"]);
    let targets = one_hot(&flat(&expected["targets"]), 5);
    let ranking = filled(
        &OneVsRest::new(5),
        (&logits, &targets),
        5,
        8,
        OneVsRest::add_logits,
        |a, b| a.merge(b).unwrap(),
    );
    // Softmax may round near ties in another way.
    let found = [ranking.roc_auc(), ranking.average_precision()];
    assert_close("ovr", &found[..1], &expected["roc_auc"], 1e-12);
    assert_close("ovr", &found[1..], &expected["average_precision"], 1e-12);

    let expected = &fixture["several_labels"];
    let (scores, targets) = (flat(&expected["scores"]), flat(&expected["targets"]));
    let ranking = filled(
        &OneVsRest::new(4),
        (&scores, &targets),
        4,
        8,
        OneVsRest::add_scores,
        |a, b| a.merge(b).unwrap(),
    );
    let found = [ranking.roc_auc(), ranking.average_precision()];
    assert_close("labels", &found[..1], &expected["roc_auc"], 1e-12);
    assert_close("labels", &found[1..], &expected["average_precision"], 1e-12);

    // A class without samples has no say.
    let mut three = OneVsRest::new(3);
    let (x, y) = ([2.0, 1.0, 0.0, 0.0, 3.0, 1.0], one_hot(&[0.0, 1.0], 3));
    three.add_logits(&rows(&x, 3), &rows(&y, 3)).unwrap();
    assert!(three.of_class(2).unwrap().roc_auc().is_nan());
    assert_eq!(three.roc_auc(), 1.0);
}

#[test]
fn numbers_are_off_as_scikit_learn_says() {
    let fixture = fixture();
    for (case, outputs, tolerance) in [
        ("three", 3, 1e-12),
        // What is left of 1e7 in f64.
        ("far", 3, 1e-8),
        ("constant", 1, 1e-12),
        ("constant_right", 1, 1e-12),
    ] {
        let expected = &fixture["regression"][case];
        let (predictions, targets) = (flat(&expected["predictions"]), flat(&expected["targets"]));
        for batch in [6, 1000] {
            let errors = filled(
                &RegressionErrors::new(outputs),
                (&predictions, &targets),
                outputs,
                batch,
                RegressionErrors::add,
                |a, b| a.merge(b).unwrap(),
            );
            for (what, found) in [
                ("mae", vec![errors.mae()]),
                ("mse", vec![errors.mse()]),
                ("rmse", vec![errors.rmse()]),
                ("r2", vec![errors.r2()]),
                ("r2_of_each", errors.r2_of_each()),
            ] {
                assert_close(
                    &format!("{case}, {what}"),
                    &found,
                    &expected[what],
                    tolerance,
                );
            }
        }
    }
}

#[test]
fn without_samples_values_are_nan() {
    let matrix = ConfusionMatrix::new(3);
    for value in [
        matrix.accuracy(),
        matrix.balanced_accuracy(),
        matrix.f1(Average::Macro),
        matrix.precision(Average::Micro),
        matrix.recall(Average::Weighted),
        ConfusionMatrix::new(0).f1(Average::Macro),
        BinaryRanking::new().roc_auc(),
        BinaryRanking::new().average_precision(),
        OneVsRest::new(2).roc_auc(),
        OneVsRest::new(0).average_precision(),
        CalibrationError::new(15).value(),
        CalibrationError::new(0).largest(),
        RegressionErrors::new(1).mae(),
        RegressionErrors::new(1).rmse(),
        RegressionErrors::new(0).r2(),
    ] {
        assert!(value.is_nan(), "{value}");
    }
    assert!(BinaryRanking::new().roc_curve().is_empty());
    // Merged with nothing, nothing changes.
    let mut errors = RegressionErrors::new(1);
    errors.merge(&RegressionErrors::new(1)).unwrap();
    assert_eq!(errors, RegressionErrors::new(1));
    // One class alone, one sample alone.
    let mut ranking = BinaryRanking::new();
    ranking.add_scores(&[0.1, 0.2], &[true, true]).unwrap();
    assert!(ranking.roc_auc().is_nan());
    assert_eq!(ranking.average_precision(), 1.0);
    errors.add_numbers(&[1.0], &[3.0]).unwrap();
    assert_eq!(errors.mae(), 2.0);
    assert!(errors.r2().is_nan());
    // Empty batches are none.
    let empty = rows(&[], 3);
    let mut matrix = ConfusionMatrix::new(3);
    matrix.add(&empty, &empty).unwrap();
    OneVsRest::new(3).add_logits(&empty, &empty).unwrap();
    RegressionErrors::new(3).add(&empty, &empty).unwrap();
    RegressionErrors::new(0).add_numbers(&[], &[]).unwrap();
    assert_eq!(matrix.samples(), 0);
}

#[test]
fn wrong_input_is_an_error_and_nothing_of_it_is_taken() {
    let dev = Cpu::default();
    let logits = dev.tensor([[0.1, 0.9], [f64::NAN, 0.2]]);
    let targets = dev.tensor([[0.0, 1.0], [1.0, 0.0]]);
    let mut matrix = ConfusionMatrix::new(2);
    let refused = matrix.add(&logits, &targets).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "row 1 of the predictions has a NaN; look for what made it, or leave the batch out"
    );
    let refused = matrix.add_classes(&[0, 1, 0], &[1, 1, 2]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "sample 2 has class 2, and there are 2, from 0"
    );
    let refused = matrix.add_classes(&[0], &[]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "1 predictions and 0 targets; there must be one for each"
    );
    let three = dev.tensor([[0.0, 1.0, 0.0]]);
    let refused = matrix.add(&three, &three).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "3 classes, and the metric was made for 2"
    );
    assert!(matrix.merge(&ConfusionMatrix::new(3)).is_err());
    assert_eq!(matrix, ConfusionMatrix::new(2));

    let mut ranking = BinaryRanking::new();
    let refused = ranking.add(&targets, &dev.tensor([[0.0, 0.5], [1.0, 0.0]]));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "row 0 of the targets has 0.5, and must have 0 or 1"
    );
    assert!(ranking.add_scores(&[f64::NAN], &[true]).is_err());
    assert_eq!(ranking.samples(), 0);
    assert!(OneVsRest::new(2).add_logits(&logits, &targets).is_err());

    let mut calibration = CalibrationError::new(10);
    let refused = calibration.add_confidences(&[0.5, 1.5], &[true, true]);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "row 1 of the confidences has 1.5, and must have a probability from 0 to 1"
    );
    assert!(calibration.merge(&CalibrationError::new(15)).is_err());
    assert!(calibration.bins().is_empty());

    let mut errors = RegressionErrors::new(2);
    assert!(errors.add(&logits, &targets).is_err());
    assert!(errors.add(&three, &three).is_err());
    assert!(errors.add_numbers(&[1.0], &[1.0]).is_err());
    assert!(
        RegressionErrors::new(0)
            .add_numbers(&[1.0], &[1.0])
            .is_err()
    );
    assert_eq!(errors.samples(), 0);
}

/// Infinite logits are probabilities of 1, however many.
#[test]
fn infinite_logits_have_a_softmax() {
    let dev = Cpu::default();
    let infinite = f64::INFINITY;
    let logits = dev.tensor([
        [infinite, 0.0],
        [infinite, infinite],
        [-infinite, -infinite],
    ]);
    let targets = dev.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]);
    let mut calibration = CalibrationError::new(2);
    calibration.add(&logits, &targets).unwrap();
    let confidences: Vec<f64> = calibration
        .bins()
        .iter()
        .map(|bin| bin.confidence)
        .collect();
    assert_eq!(confidences, [0.5, 1.0]);
}

#[test]
fn metrics_are_saved_and_wrong_ones_refused() {
    let mut matrix = ConfusionMatrix::named(["cat", "dog"]);
    matrix.add_classes(&[0, 1, 1], &[0, 1, 0]).unwrap();
    let text = serde_json::to_string(&matrix).unwrap();
    assert_eq!(text, r#"{"names":["cat","dog"],"counts":[1,1,0,1]}"#);
    assert_eq!(
        serde_json::from_str::<ConfusionMatrix>(&text).unwrap(),
        matrix
    );
    let wrong = serde_json::from_str::<ConfusionMatrix>(r#"{"names":["a"],"counts":[1,2]}"#);
    assert!(wrong.unwrap_err().to_string().contains("2 counts"));
}

#[test]
fn a_matrix_is_text_as_wide_as_there_is_room() {
    let mut matrix = ConfusionMatrix::named(["cat", "dog", "horse"]);
    matrix
        .add_classes(&[0, 0, 1, 1, 2, 0], &[0, 0, 1, 0, 2, 2])
        .unwrap();
    assert_eq!(
        matrix.text(80),
        "target      cat   dog horse recall\n\
         cat           2     1     0   66.7\n\
         dog           0     1     0  100.0\n\
         horse         1     0     1   50.0\n\
         precision  66.7  50.0 100.0\n\
         accuracy 66.7 %, balanced 72.2 %, macro F1 66.7 %; 6 samples\n"
    );
    assert_eq!(format!("{matrix}\n"), matrix.text(80));
    // Too narrow for a matrix.
    let narrow = matrix.text(20);
    assert_eq!(
        narrow,
        "class  samples  precision  recall     F1\n\
         cat          3       66.7    66.7   66.7\n\
         dog          1       50.0   100.0   66.7\n\
         horse        2      100.0    50.0   66.7\n\
         most often taken for another:\n       \
         1  cat for dog\n       \
         1  horse for cat\n\
         accuracy 66.7 %, balanced 72.2 %, macro F1 66.7 %; 6 samples\n"
    );
    for classes in [0, 1, 2, 9, 10, 11, 100] {
        for columns in [0, 40, 80, 200] {
            let mut matrix = ConfusionMatrix::named((0..classes).map(|i| format!("größe\n{i}")));
            let all: Vec<usize> = (0..classes).collect();
            matrix.add_classes(&all, &all).unwrap();
            let text = matrix.text(columns);
            // A list has its own width.
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(
                widest.unwrap() <= columns.max(70),
                "{classes} {columns}\n{text}"
            );
        }
    }
}
