//! Parameter groups: parameters chosen by name and shape, with a learning rate and a weight decay of
//! their own.

use std::{fmt, sync::Arc};

/// A set of parameters, chosen by a predicate on (name, shape), and what is different for them.
///
/// Names are those of [`nn::weights`](crate::nn::weights), PyTorch's: `0.weight`, `layer1.0.bn1.bias`. Add
/// a group with [`add_group`](super::BaseOptimizer::add_group).
///
/// ```
/// use sam_runtime::optim::Group;
///
/// // A new head on a network that was trained before.
/// let body = Group::new(|name, _| !name.starts_with("fc.")).lr_factor(0.1);
/// assert!(body.contains("layer1.0.conv1.weight", &[64, 64, 3, 3]));
/// ```
#[derive(Clone)]
pub struct Group {
    contains: Arc<Predicate>,
    pub(super) lr_factor: f64,
    pub(super) weight_decay: Option<f64>,
}

type Predicate = dyn Fn(&str, &[usize]) -> bool + Send + Sync;

impl Group {
    /// The parameters for whose name and shape `contains` is true.
    pub fn new(contains: impl Fn(&str, &[usize]) -> bool + Send + Sync + 'static) -> Self {
        Self {
            contains: Arc::new(contains),
            lr_factor: 1.0,
            weight_decay: None,
        }
    }

    /// Their learning rate is this many times that of the configuration, whatever a schedule sets it to.
    pub fn lr_factor(self, lr_factor: f64) -> Self {
        Self { lr_factor, ..self }
    }

    /// Their weight decay, in place of that of the configuration, and of its kind (L2 where the
    /// configuration has none). 0 is none.
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Self {
            weight_decay: Some(weight_decay),
            ..self
        }
    }

    /// Whether a parameter of this name and shape is in the group.
    pub fn contains(&self, name: &str, shape: &[usize]) -> bool {
        (self.contains)(name, shape)
    }
}

/// No weight decay for parameters with fewer than two dimensions: biases, and the scales and shifts of
/// normalization layers. What timm does by default.
pub fn no_decay() -> Group {
    Group::new(|_, shape| shape.len() < 2).weight_decay(0.0)
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("lr_factor", &self.lr_factor)
            .field("weight_decay", &self.weight_decay)
            .finish_non_exhaustive()
    }
}

/// Why a group was not added. The optimizer is as it was.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// No parameter is in it.
    #[error(
        "no parameter is in the group; the model has {}: check the predicate's names and shapes",
        .names.join(", ")
    )]
    Empty {
        /// The model's parameters.
        names: Vec<String>,
    },
    /// A number of it makes no sense.
    #[error("the group's `{field}` is {value}, but must be finite and at least 0")]
    Number {
        /// Which one.
        field: &'static str,
        /// Its value.
        value: f64,
    },
}

crate::debug::debug_as_display!(GroupError);

impl Group {
    pub(super) fn validate(&self) -> Result<(), GroupError> {
        let numbers = [
            ("lr_factor", Some(self.lr_factor)),
            ("weight_decay", self.weight_decay),
        ];
        for (field, value) in numbers {
            if let Some(value) = value.filter(|x| !(x.is_finite() && *x >= 0.0)) {
                return Err(GroupError::Number { field, value });
            }
        }
        Ok(())
    }
}
