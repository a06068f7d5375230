//! What is different in the batches of a run that is resumed, and whether its position still means something.

use super::{RunError, kept::Kept};
use crate::data::{Facts, Position};

impl Kept {
    /// Takes note that an epoch has `batches` batches, the first one after a resume: what is to be told of
    /// that, line by line. A run that has all batches of its epoch behind it stays at the epoch's end.
    ///
    /// # Errors
    /// [`RunError::Position`] in the middle of an epoch that had another number.
    pub(super) fn resumed_with(&mut self, batches: usize) -> Result<Option<String>, RunError> {
        let before = match self.batches {
            Some(before) => before,
            // One of an earlier version did not say.
            None if self.position.batch <= batches => batches,
            None => self.position.batch + 1,
        };
        if before == batches {
            return Ok(None);
        }
        if self.position.batch >= before {
            self.position.batch = batches;
        } else if self.position.batch > 0 {
            let [was, is] = [before, batches].map(|n| format!("{n} in an epoch"));
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
