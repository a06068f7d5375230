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
    /// Its parameters are not updated; then the predicate takes dfdx's names.
    pub(super) is_frozen: bool,
    pub(super) lr_factor: f64,
    pub(super) weight_decay: Option<f64>,
}

type Predicate = dyn Fn(&str, &[usize]) -> bool + Send + Sync;

impl Group {
    /// The parameters for whose name and shape `contains` is true.
    pub fn new(contains: impl Fn(&str, &[usize]) -> bool + Send + Sync + 'static) -> Self {
        Self {
            contains: Arc::new(contains),
            is_frozen: false,
            lr_factor: 1.0,
            weight_decay: None,
        }
    }

    /// The parameters that no update touches, chosen by the function that the step's key `frozen`
    /// ([`Sam::frozen`](crate::Sam::frozen)) takes, by the same names: dfdx's, `0.weight`.
    ///
    /// The two belong together. The key keeps parameters out of SAM's neighbourhood and its norm, this group out of
    /// the update: they stay as they are to the last bit, without decay, and take no buffers. A part of a network
    /// that is frozen as a whole needs neither of them as [`nn::Frozen`](crate::nn::Frozen), which computes no
    /// gradients for it either.
    ///
    /// ```
    /// use sam_runtime::{dfdx::{optim::*, prelude::*}, optim::{Group, Sgd}, prelude::*};
    ///
    /// type Net = Built<(Linear<4, 8>, ReLU, Linear<8, 2>)>;
    ///
    /// fn is_first(name: &str) -> bool {
    ///     name.starts_with("0.")
    /// }
    ///
    /// #[sam_train(rho = 0.05, frozen = is_first)]
    /// fn step(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: Tensor<Rank2<8, 4>, f32, Cpu>) {
    ///     let loss = model.forward_mut(x.traced(model.alloc_grads())).square().mean();
    ///     let grads = loss.backward();
    ///     opt.update(model, &grads).unwrap();
    /// }
    ///
    /// let dev = Cpu::default();
    /// let mut model = dev.build_module::<(Linear<4, 8>, ReLU, Linear<8, 2>), f32>();
    /// let mut opt = Sgd::new(&model, SgdConfig::default());
    /// opt.add_group(Group::frozen(is_first))?;
    /// let before = model.0.weight.array();
    /// step(&mut model, &mut opt, dev.sample_normal());
    /// assert_eq!(model.0.weight.array(), before);
    /// # Ok::<(), sam_runtime::optim::GroupError>(())
    /// ```
    pub fn frozen(is_frozen: fn(&str) -> bool) -> Self {
        Self {
            is_frozen: true,
            ..Self::new(move |name, _| is_frozen(name))
        }
    }

    /// Their learning rate is this many times that of the configuration, whatever a schedule sets it to. Above 0:
    /// see [`GroupError::Frozen`].
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

    /// Whether a parameter of this name and shape is in the group. The names of one that is
    /// [`frozen`](Self::frozen) are dfdx's.
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
            .field("is_frozen", &self.is_frozen)
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
    /// Its learning rate is 0: SAM's step, which doesn't know the optimizer, would still perturb its parameters and
    /// count their gradients in its norm.
    #[error(
        "the group's `lr_factor` is 0, but SAM's step would still perturb its parameters and count them in its norm; \
         make the part `nn::Frozen`, or give one function to `Group::frozen` and to the key `frozen` \
         (`Sam::frozen`)"
    )]
    Frozen,
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
        match self.lr_factor {
            0.0 => Err(GroupError::Frozen),
            _ => Ok(()),
        }
    }
}
