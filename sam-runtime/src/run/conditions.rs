//! What is different in the batches of a run that is resumed, and whether its position still means something.

use super::{RunError, kept::Kept};
use crate::position::{Facts, Position};

impl Kept {
    /// Takes note that an epoch has `batches` batches, the first one after a resume: what is to be told of
    /// that. A run that has all batches of its epoch behind it stays at the epoch's end.
    ///
    /// # Errors
    /// [`RunError::Position`] in the middle of an epoch that had another number.
    pub(super) fn resumed_with(&mut self, batches: usize) -> Result<Option<String>, RunError> {
        let of_an_epoch = |n: usize| format!("{n} in an epoch");
        let done = self.position.batch;
        // One of an earlier version does not say how many there were.
        let Some(before) = self.batches else {
            let was = format!("at least {}", of_an_epoch(done));
            return match done <= batches {
                true => Ok(None),
                false => Err(within(self.position, was, of_an_epoch(batches))),
            };
        };
        if before == batches {
            return Ok(None);
        }
        if done >= before {
            self.position.batch = batches;
        } else if done > 0 {
            let [was, is] = [before, batches].map(of_an_epoch);
            return Err(within(self.position, was, is));
        }
        Ok(Some(other(
            "number of batches in an epoch",
            batches,
            before,
        )))
    }

    /// Takes note of what the batches are: what is to be told of that, line by line. `from` is where the
    /// run was resumed.
    ///
    /// # Errors
    /// [`RunError::Position`] in the middle of an epoch of batches of another size.
    pub(super) fn learn(
        &mut self,
        facts: Facts,
        from: Option<Position>,
    ) -> Result<Vec<String>, RunError> {
        let Some(before) = &self.data else {
            self.data = Some(facts);
            return Ok(Vec::new());
        };
        if let Some(from) = from.filter(|from| from.batch > 0)
            && facts.batch_size != before.batch_size
        {
            let size = |facts: &Facts| format!("of {} samples", facts.batch_size);
            return Err(within(from, size(before), size(&facts)));
        }
        let lines = differences(before, &facts);
        self.data = Some(facts);
        Ok(lines)
    }
}

fn within(position: Position, was: String, is: String) -> RunError {
    RunError::Position { position, was, is }
}

fn other(what: &str, is: impl ToString, was: impl ToString) -> String {
    let (is, was) = (is.to_string(), was.to_string());
    format!("resumed with another {what}: {is}, was {was}")
}

fn differences(was: &Facts, is: &Facts) -> Vec<String> {
    let mut lines = Vec::new();
    let mut compare = |what, (is, was): (String, String)| {
        if is != was {
            lines.push(other(what, is, was));
        }
    };
    let both = |of: fn(&Facts) -> String| (of(is), of(was));
    compare("batch size", both(|facts| facts.batch_size.to_string()));
    compare("number of samples", both(|facts| facts.samples.to_string()));
    compare("seed of the loader", both(|facts| facts.seed.to_string()));
    compare(
        "`shuffle` of the loader",
        both(|facts| facts.shuffled.to_string()),
    );
    // With another order, the first samples are others anyway.
    if lines.is_empty() {
        let changed = |was: Option<u32>, is: Option<u32>| was.zip(is).is_some_and(|(a, b)| a != b);
        if changed(was.data, is.data) {
            lines.push(
                "resumed with other data: the first samples are not what they were".to_owned(),
            );
        } else if changed(was.shown, is.shown) {
            lines.push(
                "resumed with another augmentation: it makes something else of the same samples"
                    .to_owned(),
            );
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(batch: usize, batches: Option<usize>) -> Kept {
        Kept {
            position: Position { epoch: 2, batch },
            batches,
            ..Kept::default()
        }
    }

    #[test]
    fn a_position_is_kept_moved_to_the_end_or_refused() {
        let resumed = |batch, batches, now| {
            let mut kept = kept(batch, batches);
            let told = kept.resumed_with(now).map_err(|error| error.to_string());
            told.map(|told| (told.is_some(), kept.position.batch))
        };
        assert_eq!(resumed(7, Some(10), 10), Ok((false, 7)));
        assert_eq!(resumed(0, Some(10), 20), Ok((true, 0)));
        assert_eq!(resumed(10, Some(10), 20), Ok((true, 20)));
        assert_eq!(resumed(10, Some(10), 5), Ok((true, 5)));
        let error = resumed(7, Some(10), 20).unwrap_err();
        assert!(
            error.starts_with(
                "resumed after batch 7 of epoch 3, whose batches were 10 in an epoch; now they are 20 in an \
                 epoch, and"
            ),
            "{error}"
        );
        // Of an earlier version.
        assert_eq!(resumed(7, None, 10), Ok((false, 7)));
        let error = resumed(7, None, 5).unwrap_err();
        assert!(
            error.contains("were at least 7 in an epoch; now they are 5 "),
            "{error}"
        );
    }

    #[test]
    fn facts_of_an_earlier_version_are_learned_in_silence() {
        let facts = Facts {
            samples: 100,
            batch_size: 10,
            seed: 1,
            shuffled: true,
            data: Some(1),
            shown: None,
        };
        let mut kept = kept(7, Some(10));
        let from = Some(kept.position);
        assert_eq!(kept.learn(facts.clone(), from).unwrap(), [] as [&str; 0]);
        assert_eq!(kept.learn(facts.clone(), from).unwrap(), [] as [&str; 0]);
        // What could not be read is not compared.
        let unread = Facts {
            data: None,
            ..facts.clone()
        };
        assert_eq!(kept.learn(unread, from).unwrap(), [] as [&str; 0]);
        let turned = Facts {
            shuffled: false,
            data: Some(2),
            ..facts.clone()
        };
        assert_eq!(
            kept.learn(turned, from).unwrap(),
            ["resumed with another `shuffle` of the loader: false, was true"]
        );
        let other = Facts {
            batch_size: 20,
            ..facts
        };
        assert!(kept.learn(other.clone(), from).is_err());
        assert!(kept.learn(other, None).is_ok());
    }
}
