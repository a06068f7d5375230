//! Optimizers whose state can be saved: dfdx's own updates, bit by bit, with parameter groups.
//!
//! dfdx's `Sgd`, `Adam` and `RMSprop` keep their state to themselves, so a run can't be resumed with
//! them. These are used in the same way; to switch is one import:
//!
//! ```
//! use sam_runtime::{
//!     dfdx::{optim::{Momentum, Optimizer, SgdConfig, WeightDecay}, prelude::*},
//!     optim::{SaveState, Sgd, no_decay},
//!     prelude::*,
//! };
//!
//! type Net = Built<Linear<4, 2>>;
//!
//! #[sam_train(rho = 0.05)]
//! fn step(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: Tensor<Rank2<8, 4>, f32, Cpu>) {
//!     let loss = model.forward_mut(x.traced(model.alloc_grads())).square().mean();
//!     let grads = loss.backward();
//!     opt.update(model, &grads).unwrap();
//! }
//!
//! let dev = Cpu::default();
//! let mut model = dev.build_module::<Linear<4, 2>, f32>();
//! let mut opt = Sgd::new(
//!     &model,
//!     SgdConfig {
//!         lr: 0.1,
//!         momentum: Some(Momentum::Classic(0.9)),
//!         weight_decay: Some(WeightDecay::L2(5e-4)),
//!     },
//! );
//! opt.add_group(no_decay())?;
//!
//! let lr = Schedule::cosine(0.1, 0.0, 10);
//! for t in 0..10 {
//!     opt.cfg.lr = lr.at(t);
//!     step(&mut model, &mut opt, dev.sample_normal());
//! }
//! let state = opt.state()?;
//! assert_eq!(state.tensors["momentum_buffer.weight"].shape, [2, 4]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | | |
//! |---|---|
//! | [`Sgd`], [`Adam`], [`AdamW`], [`RMSprop`] | the optimizers; all are a [`BaseOptimizer`] with a [`Rule`] |
//! | [`Group`], [`no_decay`] | parameters with their own learning rate and weight decay, or without any update |
//! | [`SaveState`], [`State`] | what a checkpoint holds, of one optimizer or of a pair |
//! | [`OptimizerConfig`], [`AnyOptimizer`] | the optimizer that a configuration file chooses |

mod adam;
mod any;
mod base;
mod config;
mod group;
mod pair;
mod parameter;
mod rmsprop;
mod rule;
mod save;
mod sgd;
mod state;
#[cfg(test)]
mod tests;
mod validate;
mod walk;

pub use crate::named::{HostDtype, HostTensor};
pub use adam::{Adam, AdamW, AdamWConfig};
pub use any::AnyOptimizer;
pub use base::BaseOptimizer;
pub use config::{AdamKeys, AdamWKeys, OptimizerConfig, RMSpropKeys, SgdKeys};
pub use group::{Group, GroupError, no_decay};
pub use rmsprop::RMSprop;
pub use rule::Rule;
pub(crate) use save::checked;
pub use sgd::Sgd;
pub(crate) use state::check;
pub use state::{SaveState, State, StateError};
pub use validate::OptimizerConfigError;
