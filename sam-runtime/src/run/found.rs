//! What the evaluations of an epoch have found.

use std::borrow::Cow;

use super::{metrics::names, ranks::Ranks};
use crate::distributed::WorldError;

/// The split of what an epoch ends with.
const TEST: &str = "test";

type Text = Cow<'static, str>;

/// Values by split and name, those of test data first.
pub(super) struct Found(Vec<(Text, Text, f64)>);

impl Found {
    /// What was found on test data, and what on other data, by rank 0.
    pub(super) fn of(
        test: &[(&str, f64)],
        others: Vec<(Text, Text, f64)>,
        ranks: &Ranks,
    ) -> Result<Self, WorldError> {
        let test = test
            .iter()
            .map(|(name, value)| (TEST.into(), (*name).to_owned().into(), *value));
        let mut all: Vec<(Text, Text, f64)> = test.chain(others).collect();
        let mut values: Vec<f64> = all.iter().map(|(.., value)| *value).collect();
        ranks.numbers(&mut values)?;
        for ((.., own), value) in all.iter_mut().zip(values) {
            *own = value;
        }
        Ok(Self(all))
    }

    /// The value that is called so: its name, or its split and name.
    pub(super) fn value(&self, on: &str) -> Option<f64> {
        let all = || self.0.iter();
        let by_name = all().find(|(_, name, _)| *name == on);
        let by_both =
            || all().find(|(split, name, _)| on.split_once('/') == Some((&**split, &**name)));
        by_name.or_else(by_both).map(|(.., value)| *value)
    }

    /// What a rule can watch.
    pub(super) fn known(&self) -> Vec<String> {
        let all = self
            .0
            .iter()
            .map(|(split, name, _)| called(split, name, "/"));
        all.chain([names::TRAIN_LOSS.to_owned()]).collect()
    }

    /// Names and values for a line that has the training loss as `loss`.
    pub(super) fn shown(&self) -> impl Iterator<Item = (String, f64)> {
        self.0.iter().map(|(split, name, value)| {
            let shown = match &**name {
                names::LOSS => format!("{split} {name}"),
                name => called(split, name, " "),
            };
            (shown, *value)
        })
    }

    /// The values of each split, in the order in which they came.
    pub(super) fn splits(&self) -> impl Iterator<Item = (Text, impl Iterator<Item = (Text, f64)>)> {
        let mut splits: Vec<&Text> = Vec::new();
        for (split, ..) in &self.0 {
            if !splits.contains(&split) {
                splits.push(split);
            }
        }
        splits.into_iter().map(|split| {
            let own = self.0.iter().filter(move |(other, ..)| other == split);
            let values = own.map(|(_, name, value)| (name.clone(), *value));
            (split.clone(), values)
        })
    }
}

/// The name of a value, with its split where that is not the usual one.
fn called(split: &str, name: &str, between: &str) -> String {
    match split {
        TEST => name.to_owned(),
        split => format!("{split}{between}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distributed::Alone;

    fn found() -> Found {
        let own =
            |split: &'static str, name: &'static str, value| (split.into(), name.into(), value);
        let others = vec![
            own("validation", "loss", 3.0),
            own("validation", "accuracy", 0.5),
            own("classes", "recall", 0.25),
        ];
        Found::of(
            &[("loss", 2.0), ("accuracy", 0.75)],
            others,
            &Ranks::new(Alone),
        )
        .unwrap()
    }

    #[test]
    fn a_value_is_called_by_its_name_or_by_split_and_name() {
        let found = found();
        for (on, value) in [
            ("loss", Some(2.0)),
            ("test/loss", Some(2.0)),
            ("validation/loss", Some(3.0)),
            ("recall", Some(0.25)),
            ("classes/recall", Some(0.25)),
            ("classes/loss", None),
            ("precision", None),
        ] {
            assert_eq!(found.value(on), value, "{on}");
        }
        assert_eq!(
            found.known(),
            [
                "loss",
                "accuracy",
                "validation/loss",
                "validation/accuracy",
                "classes/recall",
                "train_loss"
            ]
        );
    }

    /// Beside the training loss, which is shown as `loss`.
    #[test]
    fn no_name_is_shown_twice() {
        let shown: Vec<String> = found().shown().map(|(name, _)| name).collect();
        assert_eq!(
            shown,
            [
                "test loss",
                "accuracy",
                "validation loss",
                "validation accuracy",
                "classes recall"
            ]
        );
    }
}
