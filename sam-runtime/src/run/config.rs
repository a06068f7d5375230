//! What a configuration says about a run.

use std::{ops::RangeInclusive, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    EmaBuffers,
    checkpoint::Best,
    numbers::{at_least_one, part, positive, radius, share},
    stop::{EarlyStopping, Plateau},
};
use crate::{
    optim::OptimizerConfig,
    schedule::{Schedule, rho_of_learning_rate},
    step::{On, When, methods::AnyMethod},
};

/// A run, as a TOML file describes it. Reading one checks it: unknown keys, wrong types and values out of
/// range are errors with their line and column. [`new`](Self::new) makes one in Rust.
///
/// ```
/// use sam_runtime::run::RunConfig;
///
/// let config: RunConfig = toml::from_str(
///     r#"
///     out = "runs/cifar10"
///     epochs = 30
///     lr = { kind = "cosine", max = 0.1, steps = 1000 }
///     rho = 0.05
///     schedules_count = "permille"
///
///     [optimizer]
///     kind = "sgd"
///     momentum = 0.9
///     weight_decay = 5e-4
///
///     [checkpoints]
///     every = 500
///     best = { on = "accuracy", goal = "highest" }
///     "#,
/// )?;
/// // Half-way through 30 epochs of 390 batches.
/// assert!((config.lr(15 * 390, 390) - 0.05).abs() < 1e-12);
///
/// let error = toml::from_str::<RunConfig>("out = 'runs'\nepochs = 0\noptimizer.kind = 'adamw'");
/// assert!(error.unwrap_err().to_string().contains("line 2, column 10"));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The folder for all that the run writes.
    pub out: PathBuf,
    /// Passes over the training data, at least one.
    #[serde(deserialize_with = "at_least_one")]
    pub epochs: usize,
    /// Seeds whatever the program draws; 0 if left out.
    #[serde(default)]
    pub seed: u64,
    /// The base optimizer.
    pub optimizer: OptimizerConfig,
    /// The learning rate; the optimizer's own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lr: Option<Schedule>,
    /// SAM's radius; 0.05 if left out.
    #[serde(default = "rho")]
    pub rho: Schedule,
    /// If given, rho follows the learning rate: it is [`rho`](Self::rho) where that is at its highest, and this where it
    /// is at its lowest ([`rho_of_learning_rate`]).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "radius"
    )]
    pub rho_min: Option<f64>,
    /// The way to climb; SAM's own if left out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub method: AnyMethod,
    /// Which parameters are perturbed; all if left out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on: On,
    /// Which steps are SAM's; all if left out. `start` counts what the schedules count, `every` and `probability`
    /// the steps from there on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub when: When,
    /// The share of each batch that the first pass runs on; 1, which is all of it, if left out.
    #[serde(
        default = "whole",
        skip_serializing_if = "is_whole",
        deserialize_with = "part"
    )]
    pub ascent: f64,
    /// What the schedules count.
    #[serde(default)]
    pub schedules_count: Count,
    /// A running mean of the weights, to be evaluated in their place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<EmaConfig>,
    /// When checkpoints are written, and which are kept.
    #[serde(default)]
    pub checkpoints: CheckpointConfig,
    /// What the run tells about itself.
    #[serde(default)]
    pub log: LogConfig,
    /// Epochs from one measure of flatness to the next, for [`Run::is_to_measure`](super::Run::is_to_measure); 0, which is
    /// never, if left out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub measure_every: usize,
    /// What ends the run before its last epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// What lowers the learning rate when progress stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plateau: Option<Plateau>,
    /// Minutes after which this process stops, with a checkpoint to go on from.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "positive"
    )]
    pub minutes: Option<f64>,
    /// Whether to go on from the last checkpoint in `out`, if there is one.
    #[serde(default)]
    pub resume: bool,
    /// One batch of everything, in the folder `dry-run` of `out`, to see that all of it works.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a schedule counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Count {
    /// Updates.
    #[default]
    Steps,
    /// Passes over the training data: values change between epochs only.
    Epochs,
    /// Thousandths of the whole run, so that a schedule of 1000 steps fits runs of any length.
    Permille,
}

/// When checkpoints are written, and which are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointConfig {
    /// Steps from one checkpoint to the next, beside those at the end of each epoch; 0, as at first, for
    /// those alone.
    pub every: u64,
    /// How many of the last ones are kept, at least one; 3 if left out.
    #[serde(deserialize_with = "at_least_one")]
    pub keep: usize,
    /// Which one is kept for being the best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<BestConfig>,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self {
            every: 0,
            keep: 3,
            best: None,
        }
    }
}

/// Which checkpoint is the best one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestConfig {
    /// The value of the evaluation that decides, such as `accuracy`.
    pub on: String,
    /// Whether it should be high or low.
    pub goal: Best,
}

/// What a run tells about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Steps from one record to the next; 10 if left out.
    #[serde(deserialize_with = "at_least_one")]
    pub every: usize,
    /// Whether a bar, or lines where there is no terminal, show the progress; true if left out.
    pub progress: bool,
    /// Whether, on a terminal, a dashboard takes the place of the bar, where the program is built with the feature
    /// `dashboard`; false if left out.
    #[serde(skip_serializing_if = "is_default")]
    pub dashboard: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            every: 10,
            progress: true,
            dashboard: false,
        }
    }
}

/// A running mean of the weights; see [`Ema`](super::Ema).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaConfig {
    /// From 0 to 1.
    #[serde(deserialize_with = "share")]
    pub decay: f64,
    /// Whether the first updates count for more.
    #[serde(default)]
    pub warmup: bool,
    /// What is done with BatchNorm's running statistics.
    #[serde(default)]
    pub buffers: EmaBuffers,
}

impl RunConfig {
    /// The learning rate at a step, in epochs of `batches` batches, before any [`Plateau`].
    pub fn lr(&self, step: u64, batches: usize) -> f64 {
        match &self.lr {
            Some(schedule) => schedule.at(self.count(step, batches)),
            None => self.optimizer.lr(),
        }
    }

    /// SAM's radius at a step, in epochs of `batches` batches, before any [`Plateau`]: 0 at one that is the base
    /// optimizer's by `when`.
    pub fn rho(&self, step: u64, batches: usize) -> f64 {
        self.rho_beside(self.lr(step, batches), step, batches)
    }

    /// The same beside this learning rate.
    pub(super) fn rho_beside(&self, lr: f64, step: u64, batches: usize) -> f64 {
        let start = self.first_of(self.when.start, batches);
        let when = When { start, ..self.when };
        if !when.is_sam(step) {
            return 0.0;
        }
        let rho = self.rho.at(self.count(step, batches));
        match self.rho_min {
            Some(rho_min) => rho_of_learning_rate(lr, self.lr_range(), rho_min..=rho),
            None => rho,
        }
    }

    /// The lowest and the highest learning rate.
    fn lr_range(&self) -> RangeInclusive<f64> {
        let (lowest, highest) = match &self.lr {
            Some(schedule) => schedule.range().into_inner(),
            None => (self.optimizer.lr(), self.optimizer.lr()),
        };
        let factor = self.plateau.as_ref().map_or(1.0, |rule| rule.min_factor);
        lowest * factor..=highest
    }

    /// What is wrong with keys that are right one by one: the key, and why.
    pub(super) fn contradiction(&self) -> Option<(&'static str, String)> {
        let rho_min = self.rho_min?;
        let highest = *self.rho.range().end();
        let lr = self.lr_range();
        if rho_min > highest {
            return Some((
                "rho_min",
                format!("is {rho_min}, above rho, which is {highest}"),
            ));
        }
        (lr.start() == lr.end()).then(|| {
            let problem = "has rho follow the learning rate, and that does not change; give `lr` a schedule, or leave \
                           `rho_min` out";
            ("rho_min", problem.to_owned())
        })
    }

    fn count(&self, step: u64, batches: usize) -> u64 {
        match self.schedules_count {
            Count::Steps => step,
            Count::Epochs => step / batches.max(1) as u64,
            Count::Permille => {
                let all = self.epochs as u128 * batches.max(1) as u128;
                u64::try_from(u128::from(step) * 1000 / all).unwrap_or(u64::MAX)
            }
        }
    }

    /// The first step with this [`count`](Self::count), or with a later one.
    fn first_of(&self, count: u64, batches: usize) -> u64 {
        let (count, batches) = (u128::from(count), batches.max(1) as u128);
        let step = match self.schedules_count {
            Count::Steps => count,
            Count::Epochs => count * batches,
            Count::Permille => count
                .saturating_mul(self.epochs as u128 * batches)
                .div_ceil(1000),
        };
        u64::try_from(step).unwrap_or(u64::MAX)
    }
}

pub(super) fn rho() -> Schedule {
    Schedule::constant(0.05)
}

pub(super) fn whole() -> f64 {
    1.0
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_whole(ascent: &f64) -> bool {
    *ascent == whole()
}

/// Whether a key need not be written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::methods::{Asam, Vasso};

    fn read(more: &str) -> Result<RunConfig, String> {
        let text = format!("out = 'runs'\nepochs = 4\noptimizer.kind = 'sgd'\n{more}");
        toml::from_str(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_method_is_read_and_written() {
        let config =
            read("on = 'norm'\nwhen.every = 2\n[method]\nkind = 'vasso'\ntheta = 0.5").unwrap();
        assert_eq!(config.method, AnyMethod::Vasso(Vasso { theta: 0.5 }));
        assert_eq!((config.on, config.when.every), (On::Norm, 2));
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<RunConfig>(&text).unwrap(), config);
        let shown = read("log.dashboard = true").unwrap();
        assert!(shown.log.dashboard && shown.log.progress && shown.log.every == 10);
        // The numbers that are left out are the method's own.
        let config = read("method.kind = 'asam'").unwrap();
        assert_eq!(config.method, AnyMethod::Asam(Asam::default()));
        // So that a run of an earlier version has the same configuration.
        let plain = toml::to_string(&read("").unwrap()).unwrap();
        assert!(
            [
                "method",
                "on =",
                "when",
                "rho_min",
                "ascent",
                "measure_every",
                "dashboard"
            ]
            .iter()
            .all(|key| !plain.contains(key))
        );
    }

    #[test]
    fn what_is_wrong_says_what_is_right() {
        let says = |text: &str, parts: &[&str]| {
            let error = read(text).unwrap_err();
            for part in parts.iter().chain(&["line 4"]) {
                assert!(error.contains(part), "{text}: {error}");
            }
        };
        says("method.kind = 'gasm'", &["`gasm`", "`gsam`", "`looksam`"]);
        says(
            "method = { kind = 'gsam', alpa = 1 }",
            &["`alpa`", "`alpha`"],
        );
        says(
            "method = { kind = 'gsam', alpha = -1.0 }",
            &["`alpha` is -1"],
        );
        says("on = 'norms'", &["`norms`", "`all`", "`norm`", "`weights`"]);
        says("when.starts = 1", &["`starts`", "`start`", "`every`"]);
        says("when.every = 0", &["`every` is 0"]);
        says("when.probability = 0.0", &["`probability` is 0"]);
        says("when = 3", &["invalid type"]);
        says("rho_min = -0.1", &["is -0.1", "not negative"]);
        says("ascent = 0.0", &["is 0", "above 0 and up to 1"]);
        says("ascent = 1.5", &["is 1.5"]);
    }

    #[test]
    fn rho_follows_the_learning_rate() {
        let config =
            read("lr = { kind = 'cosine', max = 1.6, steps = 20 }\nrho = 0.04\nrho_min = 0.02");
        let config = config.unwrap();
        for step in 0..30 {
            // By hand, from cosine's own formula.
            let t = (step as f64 / 20.0).min(1.0);
            let share = (1.0 + (std::f64::consts::PI * t).cos()) / 2.0;
            let found = config.rho(step, 5);
            assert!(
                (found - (0.02 + 0.02 * share)).abs() < 1e-15,
                "{step}: {found}"
            );
        }
        // A learning rate that a plateau has lowered.
        assert!((config.rho_beside(0.8, 0, 5) - 0.03).abs() < 1e-15);
        assert_eq!(config.contradiction(), None);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<RunConfig>(&text).unwrap(), config);
        // Steps that rest do so here too.
        let resting =
            read("lr = { kind = 'cosine', max = 1.6, steps = 20 }\nrho_min = 0.02\nwhen.start = 9");
        assert_eq!(resting.unwrap().rho(8, 5), 0.0);
    }

    #[test]
    fn a_rho_that_can_follow_nothing_is_told() {
        let problem = |text: &str| read(text).unwrap().contradiction();
        let (key, still) = problem("rho_min = 0.02").unwrap();
        assert!(
            key == "rho_min" && still.contains("does not change"),
            "{still}"
        );
        let falls = "lr = { kind = 'cosine', max = 0.1, steps = 20 }\n";
        let (_, above) = problem(&format!("{falls}rho_min = 0.06")).unwrap();
        assert!(above.contains("0.06") && above.contains("0.05"), "{above}");
        let plateau =
            "plateau = { on = 'loss', goal = 'lowest', min_factor = 0.1 }\nrho_min = 0.02";
        assert_eq!(problem(plateau), None);
        assert!((read(plateau).unwrap().lr_range().start() - 0.001).abs() < 1e-15);
    }

    #[test]
    fn steps_rest_by_what_the_schedules_count() {
        let of_sam = |text: &str| -> Vec<u64> {
            let config = read(&format!("rho = 0.1\n{text}")).unwrap();
            let is_sam = |step: &u64| config.rho(*step, 5) == 0.1;
            let steps: Vec<u64> = (0..20).filter(is_sam).collect();
            let rest = (0..20).filter(|step| config.rho(*step, 5) == 0.0);
            assert_eq!(rest.count() + steps.len(), 20);
            steps
        };
        assert_eq!(of_sam(""), Vec::from_iter(0..20));
        assert_eq!(of_sam("when.start = 17"), [17, 18, 19]);
        assert_eq!(of_sam("when = { start = 3, every = 8 }"), [3, 11, 19]);
        let epochs = "schedules_count = 'epochs'\nwhen";
        assert_eq!(
            of_sam(&format!("{epochs} = {{ start = 2, every = 4 }}")),
            [10, 14, 18]
        );
        // The first step at or behind three quarters, and behind 801 thousandths.
        let permille = "schedules_count = 'permille'\nwhen.start";
        assert_eq!(of_sam(&format!("{permille} = 750")), Vec::from_iter(15..20));
        assert_eq!(of_sam(&format!("{permille} = 801")), [17, 18, 19]);
        assert_eq!(of_sam(&format!("{permille} = 9223372036854775807")), [0; 0]);
        let some = of_sam("when.probability = 0.5").len();
        assert!((4..=16).contains(&some), "{some}");
    }
}
