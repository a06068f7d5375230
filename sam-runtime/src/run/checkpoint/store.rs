//! A folder of checkpoints.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use dfdx::{prelude::*, tensor_ops::Device};

use super::{
    Best, Checkpoint, CheckpointError, Scored,
    file::{Summary, failed, is_half_written, manifest_path, read, step_of, summary, write},
    lock::Lock,
};
use crate::optim::StateError;

/// A folder that holds the last checkpoints of a run, and the best one.
///
/// Any number of processes may read it, also while one saves into it. That one has it
/// [locked](Self::lock).
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
    lock: Lock,
}

impl CheckpointStore {
    /// The checkpoints in the folder `dir`, which need not be there yet. Keeps the last 3, and no best one.
    /// That alone changes nothing on the disk.
    ///
    /// # Errors
    /// [`CheckpointError::File`] if there is something that can't be read as a folder.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, CheckpointError> {
        let store = Self {
            dir: dir.into(),
            keep: 3,
            best: None,
            lock: Lock::default(),
        };
        store.files()?;
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

    /// Keeps the checkpoint with the best score, too; of equals the first. [`best`](Self::best) then goes by this, whatever
    /// the checkpoints say.
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

    /// Locks the folder, which is made if it isn't there, until this store and its clones are dropped: no
    /// other one can save into it. What a killed process has left half-written is removed.
    /// [`save`](Self::save) does so by itself.
    ///
    /// # Errors
    /// [`CheckpointError::InUse`], [`CheckpointError::File`].
    pub fn lock(&self) -> Result<(), CheckpointError> {
        let (_held, is_new) = self.lock.take(&self.dir)?;
        if is_new { self.sweep() } else { Ok(()) }
    }

    /// Writes a checkpoint, in place of an earlier one of the same step; then removes those that are not
    /// to be kept. Returns the path of its JSON file.
    ///
    /// A damaged checkpoint is left as it is, beside those that are kept.
    ///
    /// # Errors
    /// [`CheckpointError::InUse`], [`CheckpointError::File`]. Those that were there before then still are.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<PathBuf, CheckpointError> {
        self.lock()?;
        let _held = self.lock.take(&self.dir)?;
        let path = write(&self.dir, checkpoint)?;
        let whole = self.summaries()?.into_iter();
        let whole: Vec<Summary> = whole.filter_map(Result::ok).collect();
        let steps = whole.iter().map(|summary| summary.step);
        let mut kept: BTreeSet<u64> = steps.clone().rev().take(self.keep).collect();
        // A run that went back to an earlier step goes on from there.
        kept.insert(checkpoint.step);
        kept.extend(self.best.and_then(|goal| best_of(&whole, goal)));
        for step in steps.filter(|step| !kept.contains(step)) {
            // Its tensors are removed by the sweep: without its JSON file they belong to nothing.
            let path = manifest_path(&self.dir, step);
            fs::remove_file(&path).map_err(failed(&path, "remove"))?;
        }
        self.sweep()?;
        Ok(path)
    }

    /// Removes all checkpoints, whole or damaged.
    ///
    /// # Errors
    /// As [`lock`](Self::lock).
    pub(crate) fn clear(&self) -> Result<(), CheckpointError> {
        self.lock()?;
        let _held = self.lock.take(&self.dir)?;
        for step in self.steps()? {
            let path = manifest_path(&self.dir, step);
            fs::remove_file(&path).map_err(failed(&path, "remove"))?;
        }
        self.sweep()
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
        let path = manifest_path(&self.dir, step);
        loop {
            let Some(json) = present(&path)? else {
                return Err(CheckpointError::NoStep {
                    dir: self.dir.clone(),
                    step,
                    steps: self.steps()?,
                });
            };
            match read(&self.dir, step, &json) {
                // It was written anew, or removed, while it was read.
                Err(_) if present(&path)?.as_ref() != Some(&json) => {}
                read => return read,
            }
        }
    }

    /// The checkpoint of the last step, or `None` in an empty folder.
    ///
    /// # Errors
    /// As [`load`](Self::load). A damaged checkpoint is not passed over in silence.
    pub fn latest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        loop {
            let Some(step) = self.steps()?.last().copied() else {
                return Ok(None);
            };
            match self.load(step) {
                // There are later ones now.
                Err(CheckpointError::NoStep { .. }) => {}
                found => return found.map(Some),
            }
        }
    }

    /// The checkpoint with the best score, of equals the first; `None` if none has a score. Which is better is what
    /// [`keep_best`](Self::keep_best) was told, or else what the checkpoints themselves [say](Checkpoint::scored), as those of a
    /// [`Run`](crate::run::Run) do. Scores of another value than the last one's, as after a resume with another
    /// configuration, are left aside.
    ///
    /// # Errors
    /// [`CheckpointError::NoGoal`] if neither says which is better. Else as [`load`](Self::load).
    pub fn best(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        loop {
            let all: Result<Vec<Summary>, _> = self.summaries()?.into_iter().collect();
            let all = all?;
            let Some(scored) = all.iter().rfind(|summary| summary.score.is_some()) else {
                return Ok(None);
            };
            let goal = self
                .best
                .or(scored.scored.as_ref().map(|scored| scored.goal));
            let goal = goal.ok_or_else(|| CheckpointError::NoGoal {
                dir: self.dir.clone(),
            })?;
            let Some(step) = best_of(&all, goal) else {
                return Ok(None);
            };
            match self.load(step) {
                // There is a better one now.
                Err(CheckpointError::NoStep { .. }) => {}
                found => return found.map(Some),
            }
        }
    }

    /// The model of the [best](Self::best) checkpoint, ready to predict: built on `dev`, with the tensors that the score was
    /// found with. Of a run that keeps a running mean of its weights, and evaluates it, that is the mean.
    /// [`run::best_model`](crate::run::best_model) is the same for the folder of a whole run.
    ///
    /// ```
    /// use sam_runtime::{
    ///     dfdx::prelude::*,
    ///     run::checkpoint::{Best, Checkpoint, CheckpointStore},
    /// };
    ///
    /// type Net = Linear<4, 2>;
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let dir = dir.path();
    /// let dev = Cpu::default();
    /// let store = CheckpointStore::open(dir)?.keep_best(Best::Highest);
    /// for (step, accuracy) in [(100, 0.7), (200, 0.9), (300, 0.8)] {
    ///     let model = dev.build_module::<Net, f32>();
    ///     store.save(&Checkpoint::new(step).with_module("model", &model)?.score(accuracy))?;
    /// }
    /// let model = store.best_model::<Net, f32, _>(&dev)?; // that of step 200
    /// let logits = model.forward(dev.tensor([0.1, 0.2, 0.3, 0.4]));
    /// # assert_eq!(store.best()?.map(|best| best.step), Some(200));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CheckpointError::NoScore`] if no checkpoint has a score; [`CheckpointError::State`] if its model is not a `Net`. Else
    /// as [`best`](Self::best).
    pub fn best_model<Net, E, D>(&self, dev: &D) -> Result<Net::Built, CheckpointError>
    where
        E: Dtype,
        D: Device<E>,
        Net: BuildOnDevice<D, E>,
        Net::Built: TensorCollection<E, D>,
    {
        let Some(best) = self.best()? else {
            return Err(CheckpointError::NoScore {
                dir: self.dir.clone(),
                checkpoints: self.steps()?.len(),
            });
        };
        let built = Net::try_build_on_device(dev);
        let mut model = built.map_err(|error| CheckpointError::State {
            name: best.evaluated().to_owned(),
            reason: StateError::Device(error.to_string()),
        })?;
        best.load_module(best.evaluated(), &mut model)?;
        Ok(model)
    }

    /// What the JSON files say, step by step.
    fn summaries(&self) -> Result<Vec<Result<Summary, CheckpointError>>, CheckpointError> {
        let mut all = Vec::new();
        for step in self.steps()? {
            let path = manifest_path(&self.dir, step);
            match present(&path) {
                Ok(json) => all.extend(json.map(|json| summary(&self.dir, step, &json))),
                Err(error) => all.push(Err(error)),
            }
        }
        Ok(all)
    }

    /// Removes temporary files, and tensors that belong to no checkpoint. A checkpoint whose JSON file can't
    /// be read, or names a file that isn't there, may own any of its step.
    fn sweep(&self) -> Result<(), CheckpointError> {
        let files: BTreeSet<String> = self.files()?.into_iter().collect();
        let is_left_over = |name: &String| match step_of(name) {
            Some((step, false)) => match present(&manifest_path(&self.dir, step)) {
                Ok(None) => true,
                Ok(Some(json)) => summary(&self.dir, step, &json)
                    .is_ok_and(|own| own.tensors != *name && files.contains(&own.tensors)),
                Err(_) => false,
            },
            Some((_, true)) => false,
            None => is_half_written(name),
        };
        for name in files.iter().filter(|name| is_left_over(name)) {
            let path = self.dir.join(name);
            fs::remove_file(&path).map_err(failed(&path, "remove"))?;
        }
        Ok(())
    }

    /// The names of all files of the folder that have names in UTF-8.
    fn files(&self) -> Result<Vec<String>, CheckpointError> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed(&self.dir, "list"))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed(&self.dir, "list"))?;
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }
}

/// The step with the best score, among those of the value that the last one is of.
fn best_of(all: &[Summary], goal: Best) -> Option<u64> {
    let scored = all.iter().filter(|summary| summary.score.is_some());
    let last = scored.clone().next_back()?.scored.as_ref();
    // One of an earlier version does not say.
    let is_comparable = |own: &Option<Scored>| match (last, own) {
        (Some(last), Some(own)) => last.on == own.on,
        _ => true,
    };
    let scores = scored
        .filter(|summary| is_comparable(&summary.scored))
        .filter_map(|summary| Some((summary.step, summary.score?)));
    let better = |old: (u64, f64), new: (u64, f64)| match goal.is_better(new.1, old.1) {
        true => new,
        false => old,
    };
    scores.reduce(better).map(|(step, _)| step)
}

/// The bytes of a JSON file; `None` if it isn't there.
fn present(path: &Path) -> Result<Option<Vec<u8>>, CheckpointError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, "read")(error)),
    }
}
