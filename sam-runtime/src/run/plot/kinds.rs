//! Which panels there are.

use super::super::metrics::{Record, names};

/// What a panel shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kind {
    pub(super) title: String,
    /// Of its vertical axis.
    pub(super) label: String,
    /// What values are multiplied with.
    pub(super) scale: f64,
    /// The values by their names, with what a line's name says of them.
    pub(super) values: Vec<(String, String)>,
}

/// Title, axis label, factor, and values with what a line's name says of them.
type Known = (
    &'static str,
    &'static str,
    f64,
    &'static [(&'static str, &'static str)],
);

const KNOWN: [Known; 8] = [
    (
        "Loss",
        "loss",
        1.0,
        &[(names::LOSS, ""), (names::TRAIN_LOSS, ", training mean")],
    ),
    (
        "Accuracy",
        "accuracy (%)",
        100.0,
        &[(names::ACCURACY, ""), (names::TOP5, ", top 5")],
    ),
    (
        "Learning rate",
        "learning rate",
        1.0,
        &[(names::LEARNING_RATE, "")],
    ),
    (
        "Radius of the neighbourhood",
        "rho",
        1.0,
        &[(names::RHO, "")],
    ),
    (
        "Sharpness",
        "L(w + e) − L(w)",
        1.0,
        &[(names::SHARPNESS, "")],
    ),
    ("Gradient norm", "‖g‖", 1.0, &[(names::GRADIENT_NORM, "")]),
    (
        "Largest eigenvalue of the Hessian",
        "λ max",
        1.0,
        &[(names::LAMBDA_MAX, "")],
    ),
    (
        "m-sharpness",
        "L(w + e) − L(w)",
        1.0,
        &[(names::M_SHARPNESS, "")],
    ),
];

/// The panels that these records may have: the known ones, then one for each name of the user's, in the order in which they came. Names with the same
/// word in front of a slash share a panel.
pub(super) fn kinds<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<Kind> {
    let known = KNOWN.iter().map(|(title, label, scale, values)| Kind {
        title: (*title).into(),
        label: (*label).into(),
        scale: *scale,
        values: values
            .iter()
            .map(|(name, of_line)| ((*name).into(), (*of_line).into()))
            .collect(),
    });
    let mut kinds: Vec<Kind> = known.collect();
    for record in records {
        for (name, _) in record.values() {
            if !names::ORDER.contains(&name) {
                own(&mut kinds, name);
            }
        }
    }
    kinds
}

fn own(kinds: &mut Vec<Kind>, name: &str) {
    let own = KNOWN.len();
    let (title, of_line) = match name.split_once('/') {
        Some((title, rest)) if !title.is_empty() && !rest.is_empty() => {
            (title, format!(", {rest}"))
        }
        _ => (name, String::new()),
    };
    let value = (name.to_owned(), of_line);
    match kinds[own..].iter_mut().find(|kind| kind.title == title) {
        Some(kind) if kind.values.contains(&value) => {}
        Some(kind) => kind.values.push(value),
        None => kinds.push(Kind {
            title: title.into(),
            label: title.into(),
            scale: 1.0,
            values: vec![value],
        }),
    }
}
