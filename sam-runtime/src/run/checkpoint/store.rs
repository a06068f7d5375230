//! A folder of checkpoints.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Checkpoint, CheckpointError,
    file::{TEMPORARY, failed, manifest_path, read, step_of, summary, write},
};

/// Which score is the best one.
///
/// ```
/// use sam_runtime::run::checkpoint::Best;
///
/// assert!(Best::Lowest.is_better(0.5, 0.7));
/// assert!(!Best::Highest.is_better(f64::NAN, 0.7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// As of accuracies.
    Highest,
    /// As of losses.
    Lowest,
}

impl Best {
    /// Whether `new` is better than `old`. A NaN never is, and anything is better than one.
    pub fn is_better(self, new: f64, old: f64) -> bool {
        match self {
            Self::Highest => new > old || (old.is_nan() && !new.is_nan()),
            Self::Lowest => new < old || (old.is_nan() && !new.is_nan()),
        }
    }
}

/// A folder that holds the last checkpoints of a run, and the best one.
///
/// ```
/// use sam_runtime::run::checkpoint::{Checkpoint, CheckpointStore};
///
/// # let dir = tempfile::tempdir()?;
/// let store = CheckpointStore::open(dir.path())?;
/// store.save(&Checkpoint::new(100).with_value("position", &(3, 27))?)?;
/// let latest = store.latest()?.expect("one was saved");
/// assert_eq!(latest.step, 100);
/// assert_eq!(latest.value::<(usize, usize)>("position")?, (3, 27));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CheckpointStore {
    dir: PathBuf,
    keep: usize,
    best: Option<Best>,
}

impl CheckpointStore {
    /// The checkpoints in the folder `dir`, which is made if it isn't there. Keeps the last 3, and no best
    /// one. What a killed process has left half-written is removed. One process at a time may save.
    ///
    /// # Errors
    /// [`CheckpointError::File`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, CheckpointError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(failed(&dir, "make"))?;
        let store = Self {
            dir,
            keep: 3,
            best: None,
        };
        store.sweep()?;
        Ok(store)
    }

    /// How many of the last checkpoints are kept, at least one.
    #[must_use]
    pub fn keep(self, keep: usize) -> Self {
        Self {
            keep: keep.max(1),
            ..self
        }
    }

    /// Keeps the checkpoint with the best score, too; of equals the first.
    #[must_use]
    pub fn keep_best(self, best: Best) -> Self {
        Self {
            best: Some(best),
            ..self
        }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The JSON file of the checkpoint of `step`.
    pub fn path(&self, step: u64) -> PathBuf {
        manifest_path(&self.dir, step)
    }

    /// Writes a checkpoint, in place of an earlier one of the same step; then removes those that are not
    /// to be kept. Returns the path of its JSON file.
    ///
    /// # Errors
    /// [`CheckpointError::File`]. Those that were there before then still are.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<PathBuf, CheckpointError> {
        let path = write(&self.dir, checkpoint)?;
        let steps = self.steps()?;
        let mut kept: BTreeSet<u64> = steps.iter().rev().take(self.keep).copied().collect();
        // A run that went back to an earlier step goes on from there.
        kept.insert(checkpoint.step);
        kept.extend(self.best_step()?);
        for step in steps.iter().filter(|step| !kept.contains(step)) {
            // Its tensors are removed by the sweep: without its JSON file they belong to nothing.
            let path = manifest_path(&self.dir, *step);
            fs::remove_file(&path).map_err(failed(&path, "remove"))?;
        }
        self.sweep()?;
        Ok(path)
    }

    /// The steps of all checkpoints, in order.
    ///
    /// # Errors
    /// [`CheckpointError::File`].
    pub fn steps(&self) -> Result<Vec<u64>, CheckpointError> {
        let files = self.files()?;
        let steps = files.iter().filter_map(|name| step_of(name));
        let mut steps: Vec<u64> = steps.filter(|(_, json)| *json).map(|(s, _)| s).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// The checkpoint of `step`.
    ///
    /// # Errors
    /// [`CheckpointError::NoStep`]; [`CheckpointError::Damaged`] and [`CheckpointError::Format`] for one
    /// that is not whole or not of this version.
    pub fn load(&self, step: u64) -> Result<Checkpoint, CheckpointError> {
        let steps = self.steps()?;
        if !steps.contains(&step) {
            return Err(CheckpointError::NoStep {
                dir: self.dir.clone(),
                step,
                steps,
            });
        }
        let checkpoint = read(&self.dir, &manifest_path(&self.dir, step))?;
        if checkpoint.step != step {
            return Err(CheckpointError::Damaged {
                path: manifest_path(&self.dir, step),
                problem: format!("it is that of step {}", checkpoint.step),
            });
        }
        Ok(checkpoint)
    }

    /// The checkpoint of the last step, or `None` in an empty folder.
    ///
    /// # Errors
    /// As [`load`](Self::load). A damaged checkpoint is not passed over in silence.
    pub fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let last = self.steps()?.last().copied();
        last.map(|step| self.load(step)).transpose()
    }

    /// The checkpoint with the best score; `None` if none has a score.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn best(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let best = self.best_step()?;
        best.map(|step| self.load(step)).transpose()
    }

    fn best_step(&self) -> Result<Option<u64>, CheckpointError> {
        let Some(best) = self.best else {
            return Ok(None);
        };
        let mut found: Option<(u64, f64)> = None;
        for step in self.steps()? {
            let (score, _) = summary(&manifest_path(&self.dir, step))?;
            if let Some(score) = score
                && found.is_none_or(|(_, old)| best.is_better(score, old))
            {
                found = Some((step, score));
            }
        }
        Ok(found.map(|(step, _)| step))
    }

    /// Removes temporary files, and tensors that belong to no checkpoint.
    fn sweep(&self) -> Result<(), CheckpointError> {
        let mut owned = BTreeSet::new();
        for step in self.steps()? {
            match summary(&manifest_path(&self.dir, step)) {
                Ok((_, tensors)) => owned.insert(tensors),
                // What can't be read may own anything.
                Err(_) => return Ok(()),
            };
        }
        for name in self.files()? {
            let tensors = step_of(&name).is_some_and(|(_, json)| !json);
            if name.starts_with(TEMPORARY) || (tensors && !owned.contains(&name)) {
                let path = self.dir.join(name);
                fs::remove_file(&path).map_err(failed(&path, "remove"))?;
            }
        }
        Ok(())
    }

    /// The names of all files of the folder that have names in UTF-8.
    fn files(&self) -> Result<Vec<String>, CheckpointError> {
        let entries = fs::read_dir(&self.dir).map_err(failed(&self.dir, "list"))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed(&self.dir, "list"))?;
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }
}
