//! A configuration made in Rust: what it begins with, and the checks that a file's has.

use std::path::PathBuf;

use serde::{Serialize, de::DeserializeOwned};
use toml::Value;

use super::{
    CheckpointConfig, ConfigError, Count, EmaBuffers, EmaConfig, LogConfig, RunConfig,
    checkpoint::Best,
    config::{rho, whole},
    stop::{EarlyStopping, Plateau},
};
use crate::{
    optim::{AdamKeys, AdamWKeys, OptimizerConfig, RMSpropKeys, SgdKeys},
    step::{On, When, methods::AnyMethod},
};

impl RunConfig {
    /// A run in the folder `out`, whose other keys are what a file that leaves them out gives. Set them as fields:
    ///
    /// ```
    /// use sam_runtime::{
    ///     optim::SgdKeys,
    ///     run::{CheckpointConfig, Count, RunConfig},
    ///     schedule::Schedule,
    /// };
    ///
    /// let sgd = SgdKeys { momentum: 0.9, weight_decay: 5e-4, ..SgdKeys::default() };
    /// let config = RunConfig {
    ///     lr: Some(Schedule::cosine(0.1, 0.0, 1000)),
    ///     rho: Schedule::constant(0.1),
    ///     schedules_count: Count::Permille,
    ///     checkpoints: CheckpointConfig { every: 500, ..CheckpointConfig::default() },
    ///     ..RunConfig::new("runs/cifar10", 30, sgd)
    /// };
    /// config.validate()?;
    ///
    /// let wrong = RunConfig { epochs: 0, ..config };
    /// let error = wrong.validate().unwrap_err().to_string();
    /// assert!(error.contains("epochs") && error.contains("must be at least 1"), "{error}");
    /// # Ok::<(), sam_runtime::run::ConfigError>(())
    /// ```
    ///
    /// [`Run::start`](super::Run::start) checks it, too, and [`save`](super::save) writes it as the file that [`load`](super::load)
    /// reads as the same.
    pub fn new(
        out: impl Into<PathBuf>,
        epochs: usize,
        optimizer: impl Into<OptimizerConfig>,
    ) -> Self {
        Self {
            out: out.into(),
            epochs,
            seed: 0,
            optimizer: optimizer.into(),
            lr: None,
            rho: rho(),
            rho_min: None,
            method: AnyMethod::default(),
            on: On::default(),
            when: When::default(),
            ascent: whole(),
            schedules_count: Count::default(),
            ema: None,
            checkpoints: CheckpointConfig::default(),
            log: LogConfig::default(),
            measure_every: 0,
            early_stopping: None,
            plateau: None,
            minutes: None,
            resume: false,
            dry_run: false,
        }
    }

    /// Checks every key as [`load`](super::load) does.
    ///
    /// # Errors
    /// [`ConfigError::Value`] with the key whose value isn't allowed; [`ConfigError::Form`] if TOML can't hold one, such as a
    /// seed of 2^63 or more.
    pub fn validate(&self) -> Result<(), ConfigError> {
        checked(self).map(drop)
    }
}

/// `config` as a program that reads its TOML gets it.
fn checked(config: &RunConfig) -> Result<RunConfig, ConfigError> {
    // What reads a file is the one place that knows what is allowed.
    from_value(to_value(config)?)
}

/// A configuration of a value of TOML's that stands in no file.
pub(super) fn from_value<C: DeserializeOwned>(value: Value) -> Result<C, ConfigError> {
    C::deserialize(value).map_err(|reason| ConfigError::Value {
        reason: Box::new(reason),
    })
}

/// `config` as a table of TOML's.
pub(super) fn to_table(config: &impl Serialize) -> Result<toml::Table, ConfigError> {
    Ok(toml::Table::try_from(config)?)
}

/// A value as TOML's.
pub(super) fn to_value(value: &impl Serialize) -> Result<Value, ConfigError> {
    Ok(Value::try_from(value)?)
}

impl EmaConfig {
    /// A mean of this decay, without a warm-up, of the running statistics too.
    pub fn new(decay: f64) -> Self {
        Self {
            decay,
            warmup: false,
            buffers: EmaBuffers::default(),
        }
    }
}

impl EarlyStopping {
    /// A rule that ends the run after `patience` epochs in which `on` got no better.
    ///
    /// ```
    /// use sam_runtime::run::{checkpoint::Best, stop::{EarlyStopping, Patience}};
    ///
    /// let rule = EarlyStopping::new("accuracy", Best::Highest, 1);
    /// let mut state = Patience::default();
    /// assert!(!rule.see(&mut state, 0.7) && rule.see(&mut state, 0.6));
    /// ```
    pub fn new(on: impl Into<String>, goal: Best, patience: u64) -> Self {
        Self {
            on: on.into(),
            goal,
            patience,
            min_delta: 0.0,
        }
    }
}

impl Plateau {
    /// A rule that watches `on`, whose numbers are what a file that leaves them out gives.
    ///
    /// ```
    /// use sam_runtime::run::{checkpoint::Best, stop::Plateau};
    ///
    /// let rule = Plateau { factor: 0.5, ..Plateau::new("loss", Best::Lowest) };
    /// assert_eq!(rule, toml::from_str("on = 'loss'\ngoal = 'lowest'\nfactor = 0.5")?);
    /// # Ok::<(), toml::de::Error>(())
    /// ```
    pub fn new(on: impl Into<String>, goal: Best) -> Self {
        Self {
            on: on.into(),
            goal,
            factor: 0.1,
            patience: 10,
            cooldown: 0,
            min_delta: 0.0,
            threshold: 0.0,
            min_factor: 0.0,
        }
    }
}

macro_rules! optimizers {
    ($($keys:ident => $kind:ident)*) => {$(
        impl From<$keys> for OptimizerConfig {
            fn from(keys: $keys) -> Self {
                Self::$kind(keys)
            }
        }
    )*};
}

optimizers! {
    SgdKeys => Sgd
    AdamKeys => Adam
    AdamWKeys => AdamW
    RMSpropKeys => RMSprop
}
