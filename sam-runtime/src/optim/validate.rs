//! What makes an optimizer's configuration valid.

use super::OptimizerConfig;

/// A key of an [`OptimizerConfig`] has a value that makes no sense.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is {value}, but must be {allowed}")]
#[non_exhaustive]
pub struct OptimizerConfigError {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// What is allowed.
    pub allowed: &'static str,
}

crate::debug::debug_as_display!(OptimizerConfigError);

impl OptimizerConfig {
    /// Checks every key. Deserialising runs this by itself.
    ///
    /// # Errors
    /// The first key found whose value isn't allowed.
    pub fn validate(&self) -> Result<(), OptimizerConfigError> {
        amount("lr", self.lr())?;
        match self {
            Self::Sgd(keys) => {
                decay("momentum", keys.momentum)?;
                amount("weight_decay", keys.weight_decay)?;
                ensure(
                    !keys.nesterov || keys.momentum != 0.0,
                    "nesterov",
                    true,
                    "false where `momentum` is 0",
                )
            }
            Self::Adam(keys) => {
                moments(keys.betas, keys.eps)?;
                amount("weight_decay", keys.weight_decay)
            }
            Self::AdamW(keys) => {
                moments(keys.betas, keys.eps)?;
                amount("weight_decay", keys.weight_decay)
            }
            Self::RMSprop(keys) => {
                decay("alpha", keys.alpha)?;
                positive("eps", keys.eps)?;
                decay("momentum", keys.momentum)?;
                amount("weight_decay", keys.weight_decay)
            }
        }
    }
}

fn moments(betas: [f64; 2], eps: f64) -> Result<(), OptimizerConfigError> {
    decay("betas[0]", betas[0])?;
    decay("betas[1]", betas[1])?;
    positive("eps", eps)
}

fn ensure(
    holds: bool,
    key: &'static str,
    value: impl ToString,
    allowed: &'static str,
) -> Result<(), OptimizerConfigError> {
    if holds {
        return Ok(());
    }
    Err(OptimizerConfigError {
        key,
        value: value.to_string(),
        allowed,
    })
}

fn amount(key: &'static str, value: f64) -> Result<(), OptimizerConfigError> {
    let holds = value.is_finite() && value >= 0.0;
    ensure(holds, key, value, "finite and at least 0")
}

fn positive(key: &'static str, value: f64) -> Result<(), OptimizerConfigError> {
    let holds = value.is_finite() && value > 0.0;
    ensure(holds, key, value, "finite and above 0")
}

fn decay(key: &'static str, value: f64) -> Result<(), OptimizerConfigError> {
    let holds = (0.0..1.0).contains(&value);
    ensure(holds, key, value, "at least 0 and below 1")
}
