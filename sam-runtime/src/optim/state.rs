//! State that a checkpoint holds.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::named::{HostDtype, HostTensor, Refused};

/// Something whose state can be saved, and loaded again in another process: what then follows is the same
/// bit by bit.
///
/// ```
/// use sam_runtime::{dfdx::{optim::*, prelude::*}, optim::{Adam, SaveState}};
///
/// let dev = Cpu::default();
/// let mut model = dev.build_module::<Linear<4, 2>, f32>();
/// let mut opt = Adam::new(&model, AdamConfig::default());
/// let x: Tensor<Rank2<8, 4>, f32, _> = dev.sample_normal();
/// let grads = model.forward(x.traced(model.alloc_grads())).square().mean().backward();
/// opt.update(&mut model, &grads).unwrap();
///
/// let state = opt.state()?;
/// assert_eq!(state.numbers["step"], 1);
/// assert_eq!(state.tensors["exp_avg.weight"].shape, [2, 4]);
///
/// let mut resumed = Adam::new(&model, AdamConfig::default());
/// resumed.load_state(&state)?;
/// assert_eq!(resumed.state()?, state);
/// # Ok::<(), sam_runtime::optim::StateError>(())
/// ```
pub trait SaveState {
    /// The state as it is now.
    ///
    /// # Errors
    /// [`StateError::Device`], [`StateError::SameName`], [`StateError::Unsupported`].
    fn state(&self) -> Result<State, StateError>;

    /// Takes this state on, in place of its own.
    ///
    /// # Errors
    /// If it isn't one of this kind of thing, for this model; `self` is then as it was.
    fn load_state(&mut self, state: &State) -> Result<(), StateError>;

    /// The learning rate of the next update, where there is one for all: what a [`Run`](crate::run::Run) records.
    fn learning_rate(&self) -> Option<f64> {
        None
    }
}

/// Named tensors on the host, and small numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Tensors by name, such as `exp_avg.0.weight`.
    pub tensors: BTreeMap<String, HostTensor>,
    /// Numbers and words by name, such as `step`.
    pub numbers: BTreeMap<String, Value>,
}

/// Why a state can't be given or taken. The text says what is wrong, where, and what to do.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It is the state of something else.
    #[error("this is the state of `{found}`, not of `{expected}`; {REMEDY}")]
    Kind {
        /// What it should be of.
        expected: &'static str,
        /// What it is of.
        found: String,
    },
    /// A number is absent, unknown, or not what it should be.
    #[error("`{name}` is {found}, but must be {expected}; is the checkpoint damaged?")]
    Number {
        /// The number.
        name: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A tensor is absent.
    #[error("the state has no `{name}`; {REMEDY}")]
    Missing {
        /// The tensor.
        name: String,
    },
    /// There are tensors that have no place.
    #[error("the state has {}, which have no place here; {REMEDY}", .names.join(", "))]
    Unexpected {
        /// The tensors.
        names: Vec<String>,
    },
    /// A tensor has another shape than its parameter.
    #[error("`{name}` has shape {found:?} in the state, but {expected:?} in the model; {REMEDY}")]
    Shape {
        /// The tensor.
        name: String,
        /// The parameter's shape.
        expected: Vec<usize>,
        /// The shape in the state.
        found: Vec<usize>,
    },
    /// A tensor has other elements than the model.
    #[error(
        "`{name}` has elements of type {found:?} in the state, but the model's are {expected:?}; \
         train with the type that the state was saved with"
    )]
    Dtype {
        /// The tensor.
        name: String,
        /// The model's type.
        expected: HostDtype,
        /// The type in the state.
        found: HostDtype,
    },
    /// A tensor has more or fewer bytes than its shape asks for.
    #[error(
        "`{name}` has {found} bytes, but its shape takes {expected}; is the checkpoint damaged?"
    )]
    Bytes {
        /// The tensor.
        name: String,
        /// Bytes that the shape asks for.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// Two parameters of the model have one name.
    #[error("two parameters are called `{name}`, so a state can't tell them apart; rename one")]
    SameName {
        /// The name.
        name: String,
    },
    /// Elements of this type have no form on the host.
    #[error("elements of type {dtype} can't be saved; f16, f32 and f64 can")]
    Unsupported {
        /// The type.
        dtype: &'static str,
    },
    /// The device can't give its buffers out or take them.
    #[error("the device failed: {0}")]
    Device(String),
}

crate::debug::debug_as_display!(StateError);

const REMEDY: &str = "take the checkpoint of this model and configuration";

impl From<Refused> for StateError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::SameName { name } => Self::SameName { name },
            Refused::Unsupported { dtype } => Self::Unsupported { dtype },
            Refused::Device(reason) => Self::Device(reason),
        }
    }
}

/// Whether `found`, the tensor `name` of a state, is one of this shape and type.
pub(crate) fn check(
    name: &str,
    found: &HostTensor,
    shape: &[usize],
    dtype: HostDtype,
) -> Result<(), StateError> {
    let name = name.to_owned();
    if found.shape != shape {
        return Err(StateError::Shape {
            name,
            expected: shape.into(),
            found: found.shape.clone(),
        });
    }
    if found.dtype != dtype {
        return Err(StateError::Dtype {
            name,
            expected: dtype,
            found: found.dtype,
        });
    }
    let expected = shape.iter().product::<usize>() * dtype.size();
    match found.bytes.len() {
        len if len == expected => Ok(()),
        found => Err(StateError::Bytes {
            name,
            expected,
            found,
        }),
    }
}
