//! Which curves share a panel, and in which order the panels come.

use super::super::super::metrics::names;

/// Where a curve belongs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// Of the panel.
    pub(super) title: String,
    /// The first panels are those that a small screen has.
    pub(super) rank: usize,
    /// What the panel calls it.
    pub(super) label: String,
    /// Whether it is shown in percent.
    pub(super) is_share: bool,
}

/// Own metrics have the rank of the empty name.
const ORDER: [&str; 11] = [
    names::LOSS,
    names::ACCURACY,
    "",
    names::GRADIENT_NORM,
    names::SHARPNESS,
    names::RHO,
    names::LEARNING_RATE,
    names::LAMBDA_MAX,
    names::M_SHARPNESS,
    names::SAMPLES_PER_SECOND,
    names::LEFT_OUT,
];

/// The place of the values called `name` of `split`; `None` of those that no panel shows.
pub(super) fn place(split: &str, name: &str) -> Option<Place> {
    let (panel, label) = match name {
        names::GRADIENTS => return None,
        // The epoch's mean of what the split `train` has step by step.
        names::TRAIN_LOSS => (names::LOSS, "train mean".to_owned()),
        names::TOP5 => (names::ACCURACY, format!("{split} top 5")),
        _ => match name.split_once('/') {
            Some((title, rest)) if !title.is_empty() && !rest.is_empty() => {
                (title, format!("{split} {rest}"))
            }
            _ => (name, split.to_owned()),
        },
    };
    let rank = |name: &str| ORDER.iter().position(|known| *known == name);
    Some(Place {
        title: panel.replace('_', " "),
        rank: rank(panel).or_else(|| rank("")).unwrap_or_default(),
        label,
        is_share: panel == names::ACCURACY,
    })
}
