//! Optimizers in configuration files.

use dfdx::optim::{AdamConfig, Momentum, RMSpropConfig, SgdConfig, WeightDecay};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::AdamWConfig;

/// The choice of an optimizer and its numbers, as a file has them. Reading one validates it.
///
/// ```
/// use sam_runtime::optim::OptimizerConfig;
///
/// let config: OptimizerConfig = toml::from_str(
///     r#"
///     kind = "sgd"
///     lr = 0.1
///     momentum = 0.9
///     nesterov = true
///     weight_decay = 5e-4
///     no_decay = true
///     "#,
/// )?;
/// assert_eq!(config.lr(), 0.1);
///
/// let error = toml::from_str::<OptimizerConfig>("kind = 'adam'\neps = -1.0").unwrap_err();
/// assert!(error.to_string().contains("`eps` is -1"));
/// # Ok::<(), toml::de::Error>(())
/// ```
///
/// Every key but `kind` may be left out. `lr` too: a schedule sets it
/// ([`set_lr`](super::AnyOptimizer::set_lr)). `no_decay` adds the group [`no_decay`](super::no_decay).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum OptimizerConfig {
    /// [`Sgd`](super::Sgd).
    Sgd(SgdKeys),
    /// [`Adam`](super::Adam).
    Adam(AdamKeys),
    /// [`AdamW`](super::AdamW).
    AdamW(AdamWKeys),
    /// [`RMSprop`](super::RMSprop).
    RMSprop(RMSpropKeys),
}

/// The keys of `kind = "sgd"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdKeys {
    /// Learning rate; 1e-2 if left out.
    pub lr: f64,
    /// Momentum, at least 0 and below 1; 0 is none.
    pub momentum: f64,
    /// Whether the momentum is Nesterov's; it then must not be 0.
    pub nesterov: bool,
    /// Weight decay; 0 is none.
    pub weight_decay: f64,
    /// Whether the weight decay is decoupled, not L2.
    pub decoupled: bool,
    /// Whether biases and normalization layers have no weight decay.
    pub no_decay: bool,
}

/// The keys of `kind = "adam"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamKeys {
    /// Learning rate; 1e-3 if left out.
    pub lr: f64,
    /// Decay of the two moments, at least 0 and below 1; `[0.9, 0.999]` if left out.
    pub betas: [f64; 2],
    /// For numerical stability, above 0; 1e-8 if left out.
    pub eps: f64,
    /// L2 weight decay; 0 is none. For a decoupled one, take `kind = "adamw"`.
    pub weight_decay: f64,
    /// Whether biases and normalization layers have no weight decay.
    pub no_decay: bool,
}

/// The keys of `kind = "adamw"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWKeys {
    /// Learning rate; 1e-3 if left out.
    pub lr: f64,
    /// Decay of the two moments, at least 0 and below 1; `[0.9, 0.999]` if left out.
    pub betas: [f64; 2],
    /// For numerical stability, above 0; 1e-8 if left out.
    pub eps: f64,
    /// Decoupled weight decay; 1e-2 if left out, 0 is none.
    pub weight_decay: f64,
    /// Whether biases and normalization layers have no weight decay.
    pub no_decay: bool,
}

/// The keys of `kind = "rmsprop"`: dfdx's and TensorFlow's, whose first steps differ from PyTorch's; see
/// [`RMSprop`](super::RMSprop).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RMSpropKeys {
    /// Learning rate; 1e-2 if left out.
    pub lr: f64,
    /// Decay of the averages, at least 0 and below 1; 0.9 if left out.
    pub alpha: f64,
    /// For numerical stability, above 0; 1e-8 if left out.
    pub eps: f64,
    /// Momentum, at least 0 and below 1; 0 is none.
    pub momentum: f64,
    /// Whether the average gradient is subtracted.
    pub centered: bool,
    /// Weight decay; 0 is none.
    pub weight_decay: f64,
    /// Whether the weight decay is decoupled, not L2.
    pub decoupled: bool,
    /// Whether biases and normalization layers have no weight decay.
    pub no_decay: bool,
}

impl Default for SgdKeys {
    fn default() -> Self {
        Self {
            lr: SgdConfig::default().lr,
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
            decoupled: false,
            no_decay: false,
        }
    }
}

impl Default for AdamKeys {
    fn default() -> Self {
        let AdamConfig { lr, betas, eps, .. } = AdamConfig::default();
        Self {
            lr,
            betas,
            eps,
            weight_decay: 0.0,
            no_decay: false,
        }
    }
}

impl Default for AdamWKeys {
    fn default() -> Self {
        let AdamWConfig {
            lr,
            betas,
            eps,
            weight_decay,
        } = AdamWConfig::default();
        Self {
            lr,
            betas,
            eps,
            weight_decay,
            no_decay: false,
        }
    }
}

impl Default for RMSpropKeys {
    fn default() -> Self {
        let RMSpropConfig { lr, alpha, eps, .. } = RMSpropConfig::default();
        Self {
            lr,
            alpha,
            eps,
            momentum: 0.0,
            centered: false,
            weight_decay: 0.0,
            decoupled: false,
            no_decay: false,
        }
    }
}

impl OptimizerConfig {
    /// The learning rate that training begins with.
    pub fn lr(&self) -> f64 {
        match self {
            Self::Sgd(keys) => keys.lr,
            Self::Adam(keys) => keys.lr,
            Self::AdamW(keys) => keys.lr,
            Self::RMSprop(keys) => keys.lr,
        }
    }

    /// Whether biases and normalization layers have no weight decay.
    pub fn no_decay(&self) -> bool {
        match self {
            Self::Sgd(keys) => keys.no_decay,
            Self::Adam(keys) => keys.no_decay,
            Self::AdamW(keys) => keys.no_decay,
            Self::RMSprop(keys) => keys.no_decay,
        }
    }
}

impl From<&SgdKeys> for SgdConfig {
    fn from(keys: &SgdKeys) -> Self {
        let kind = if keys.nesterov {
            Momentum::Nesterov
        } else {
            Momentum::Classic
        };
        Self {
            lr: keys.lr,
            momentum: (keys.momentum != 0.0).then(|| kind(keys.momentum)),
            weight_decay: decay(keys.weight_decay, keys.decoupled),
        }
    }
}

impl From<&AdamKeys> for AdamConfig {
    fn from(keys: &AdamKeys) -> Self {
        Self {
            lr: keys.lr,
            betas: keys.betas,
            eps: keys.eps,
            weight_decay: decay(keys.weight_decay, false),
        }
    }
}

impl From<&AdamWKeys> for AdamWConfig {
    fn from(keys: &AdamWKeys) -> Self {
        Self {
            lr: keys.lr,
            betas: keys.betas,
            eps: keys.eps,
            weight_decay: keys.weight_decay,
        }
    }
}

impl From<&RMSpropKeys> for RMSpropConfig {
    fn from(keys: &RMSpropKeys) -> Self {
        Self {
            lr: keys.lr,
            alpha: keys.alpha,
            eps: keys.eps,
            momentum: (keys.momentum != 0.0).then_some(keys.momentum),
            centered: keys.centered,
            weight_decay: decay(keys.weight_decay, keys.decoupled),
        }
    }
}

fn decay(amount: f64, decoupled: bool) -> Option<WeightDecay> {
    let kind = if decoupled {
        WeightDecay::Decoupled
    } else {
        WeightDecay::L2
    };
    (amount != 0.0).then(|| kind(amount))
}

impl<'de> Deserialize<'de> for OptimizerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Apart from [`OptimizerConfig`], so that the one public way in validates.
        #[derive(Deserialize)]
        #[serde(tag = "kind", rename_all = "lowercase")]
        enum Form {
            Sgd(SgdKeys),
            Adam(AdamKeys),
            AdamW(AdamWKeys),
            RMSprop(RMSpropKeys),
        }
        let config = match Form::deserialize(deserializer)? {
            Form::Sgd(keys) => Self::Sgd(keys),
            Form::Adam(keys) => Self::Adam(keys),
            Form::AdamW(keys) => Self::AdamW(keys),
            Form::RMSprop(keys) => Self::RMSprop(keys),
        };
        config.validate().map_err(D::Error::custom)?;
        Ok(config)
    }
}
