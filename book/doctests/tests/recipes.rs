//! The recipes run, find what their pages say, and none has more than 80 lines.

use std::{env, fs, path::PathBuf};

use guide::{page::root, program};

fn folder() -> PathBuf {
    root().join("book/recipes")
}

/// What a recipe prints; the page shows the same, but for its numbers.
fn output(name: &str) -> String {
    let output = program::example("guide", name, &[]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{name}: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let file = folder().join("output").join(format!("{name}.txt"));
    if env::var_os("SAM_BLESS").is_some() {
        fs::write(file, &text).unwrap();
    } else {
        let shown = fs::read_to_string(&file).unwrap();
        assert_eq!(words(&text), words(&shown), "{}", file.display());
    }
    text
}

/// The text without its digits and what they are aligned by: another processor may find other last ones.
fn words(text: &str) -> Vec<String> {
    let words = text.split_whitespace();
    let words = words.map(|word| word.chars().filter(|c| !c.is_ascii_digit()).collect());
    words.filter(|word: &String| !word.is_empty()).collect()
}

/// The numbers of the line that begins with `start`, behind that.
fn numbers(text: &str, start: &str) -> Vec<f64> {
    let line = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(start));
    let line = line.unwrap_or_else(|| panic!("no line begins with `{start}`:\n{text}"));
    let parts = line.split(|c: char| !matches!(c, '0'..='9' | '.' | '-'));
    parts.filter_map(|part| part.parse().ok()).collect()
}

/// The last number of that line.
fn last(text: &str, start: &str) -> f64 {
    *numbers(text, start).last().unwrap()
}

#[test]
fn regression_explains_the_variance() {
    let text = output("regression");
    assert!(
        last(&text, "epoch 150:") < 0.3 * last(&text, "epoch 0:"),
        "{text}"
    );
    let r2 = last(&text, "120 test samples:");
    assert!(r2 > 0.9 && r2 < 1.0, "{text}");
}

#[test]
fn class_weights_find_more_of_the_rare_class() {
    let text = output("unequal_classes");
    let recall = |part: &str| {
        let found = numbers(part, "fails ");
        found[0] / (found[0] + found[1])
    };
    let (equal, balanced) = text.split_once("balanced weights").unwrap();
    assert!(recall(balanced) > recall(equal), "{text}");
    assert!(recall(balanced) > 0.8, "{text}");
    assert!(last(&text, "equal weights: F1 of failures") > 0.5, "{text}");
}

#[test]
fn folds_agree_and_are_far_from_chance() {
    let text = output("k_fold");
    assert_eq!(text.matches("on 200 digits").count(), 5);
    let [mean, deviation, chance] = numbers(&text, "accuracy ")[..] else {
        panic!("{text}");
    };
    assert!(mean > 6.0 * chance && deviation < 0.1, "{text}");
}

#[test]
fn the_best_model_has_the_best_accuracy() {
    let text = output("best_model");
    let found: Vec<f64> = (1..=8)
        .map(|epoch| last(&text, &format!("epoch {epoch}:")))
        .collect();
    let best = found.iter().copied().fold(0.0, f64::max);
    assert_eq!(last(&text, "the best model:"), best, "{text}");
    assert!(best > 0.6, "{text}");
}

#[test]
fn a_model_file_predicts_what_was_learned() {
    let text = output("export");
    assert!(
        text.starts_with("the classes: apple, lemon, pear\none: lemon by"),
        "{text}"
    );
    assert!(last(&text, "one: lemon by") > 0.8, "{text}");
    assert!(last(&text, "another: apple") > 50.0, "{text}");
    assert!(last(&text, "another: pear") > 50.0, "{text}");
    assert!(last(&text, "as ONNX:") > 1_000.0, "{text}");
}

#[test]
fn pictures_are_told_apart() {
    let text = output("pictures");
    // By chance 25 %.
    assert!(numbers(&text, "accuracy ")[0] > 80.0, "{text}");
    assert!(
        ["one", "four", "seven", "nine"]
            .iter()
            .all(|class| text.contains(class))
    );
}

#[test]
fn a_body_that_has_learned_is_worth_it() {
    let text = output("frozen_body");
    let learned = last(&text, "a body that has learned,");
    assert!(learned > last(&text, "a new body,"), "{text}");
    assert_eq!(numbers(&text, "a new body,")[0], 325.0);
}

#[test]
fn the_layer_of_its_own_fits_what_repeats() {
    let text = output("own_layer");
    let [tanh, snake] = numbers(&text, "R²:")[..] else {
        panic!("{text}");
    };
    assert!(snake > 0.85 && snake > tanh + 0.2, "{text}");
}

#[test]
fn brackets_are_told_apart_by_their_order() {
    let text = output("text");
    assert!(last(&text, "epoch 6:") > 0.85, "{text}");
}

#[test]
fn the_generator_draws_a_circle() {
    let text = output("gan");
    let [mean, deviation] = numbers(&text, "step 2000: radius")[..] else {
        panic!("{text}");
    };
    assert!((mean - 2.0).abs() < 0.6 && deviation < 0.7, "{text}");
    let [before, _] = numbers(&text, "step 0: radius")[..] else {
        panic!("{text}");
    };
    assert!((before - 2.0).abs() > 1.0, "{text}");
}

#[test]
fn a_student_gets_further_with_a_teacher() {
    let text = output("distillation");
    let alone = last(&text, "a student, from 200 labels:");
    let taught = last(&text, "the same, from the teacher alone:");
    assert!(taught > alone + 0.05, "{text}");
}

#[test]
fn the_run_that_was_cut_off_ends_with_the_same_bits() {
    let text = output("resumed");
    assert!(
        text.contains("cut off at step 47\nfrom step 45\n"),
        "{text}"
    );
    assert!(text.ends_with("the same bits: true\n"), "{text}");
}

#[test]
fn climbing_helps_where_labels_are_wrong() {
    let text = output("sweep");
    let accuracy = |rho: &str| {
        let row = text
            .lines()
            .find(|line| line.split_whitespace().next() == Some(rho));
        let mean = row.and_then(|row| row.split_whitespace().nth(2));
        mean.and_then(|mean| mean.parse::<f64>().ok()).unwrap()
    };
    assert!(accuracy("0.1") > accuracy("0.0") + 0.03, "{text}");
    // The best first.
    assert!(!text.lines().nth(1).unwrap().starts_with("0.0"), "{text}");
}

#[test]
fn none_is_longer_than_80_lines() {
    let files = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = files
        .filter(|file| file.extension().is_some_and(|e| e == "rs"))
        .collect();
    assert!(files.len() >= 12);
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 80, "{}: {lines} lines", file.display());
    }
}
