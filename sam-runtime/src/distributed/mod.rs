//! Several ranks that train one model: processes on several machines, or threads.
//!
//! Each rank has a copy of the model and a part of the data. It takes SAM's gradient on its own part of a batch, with a
//! perturbation of its own (m-sharpness per worker, as the paper's authors ran it), and the mean over the ranks is what
//! all of them update by. So the first pass sends nothing, and the second one is followed by one sum.
//!
//! Sums run in the order of the ranks, and so `W` ranks with `B/W` samples each have, to the bit, the weights of one process
//! with `m = B/W`.
//!
//! ```
//! use sam_runtime::{
//!     dfdx::{optim::{Optimizer, Sgd, SgdConfig}, prelude::*},
//!     distributed::{Threads, World, average, sync_model},
//!     prelude::*,
//! };
//!
//! type Net = Built<Linear<4, 2>>;
//! type Failure = Box<dyn std::error::Error + Send + Sync>;
//!
//! let weights = Threads::run(2, |world| -> Result<Vec<f32>, Failure> {
//!     let dev = Cpu::seed_from_u64(world.rank() as u64);
//!     let mut model: Net = dev.build_module::<Linear<4, 2>, f32>();
//!     sync_model(&world, &mut model)?;
//!     let mut opt = Sgd::new(&model, SgdConfig::default());
//!     let sam = Sam::new(0.05);
//!     for _ in 0..3 {
//!         let x: Tensor<Rank2<8, 4>, f32, _> = dev.sample_normal();
//!         let grads = model.alloc_grads();
//!         let mut grads = sam.step(&mut model, x, grads, |model, x, grads| {
//!             model.forward_mut(x.traced(grads)).square().mean()
//!         })?;
//!         average(&world, &model, &mut grads)?;
//!         opt.update(&mut model, &grads)?;
//!     }
//!     Ok(model.weight.as_vec())
//! })?;
//! assert_eq!(weights[0], weights[1]);
//! # Ok::<(), Failure>(())
//! ```
//!
//! # A GPU for each rank
//! With the feature `nccl` (and NVIDIA's NCCL), `NcclRank` is a world of its own, for everything here that takes one: the mean of
//! gradients is then taken on the GPUs, on the stream that dfdx computes on, without a copy to the host. It begins from ranks that
//! can speak already, or from what a launcher says:
//!
//! | started by | the loop's world |
//! |---|---|
//! | `mpirun -n 8 ./train` (with the feature `mpi`, too) | within [`run`]: `NcclRank::new(&mpi, &dev)`, with `dev` the GPU of the number [`local_rank`]`(&mpi)` |
//! | `torchrun --nproc-per-node 8 --no-python ./train`, or a script that sets the same variables | `NcclRank::meet(&place, &dev)`, with `place` of [`Rendezvous::from_env`], and `dev` the GPU of the number `place.local_rank` |
//!
//! The rest of the loop is that of any ranks: [`sync_model`], [`Averaged`], [`check`], `Run::start_on`. A rank that fails should
//! end the job, as [`run`] and `torchrun` see to: NCCL itself often doesn't notice. Where it has, the next step is an error.
//!
//! At the end of a step, ranks agree whether all of it was finite, and for that the host waits for its GPU; from there to the end
//! of the next step it only queues.
//!
//! | file | what it holds |
//! |---|---|
//! | `world` | [`World`]: what ranks say to each other |
//! | `alone` | [`Alone`]: a single rank |
//! | `threads` | [`Threads`]: ranks in one process |
//! | `job` | [`run`]: a program on the ranks that a launcher has started |
//! | `mpi` | `MpiRank`: MPI, with the feature `mpi` |
//! | `nccl` | `NcclRank`: a GPU for each rank, with the feature `nccl` |
//! | `on_device` | [`OnDevice`]: the mean of gradients where they lie |
//! | `rendezvous` | [`Rendezvous`]: how ranks meet that nobody has introduced |
//! | `machine` | [`local_rank`]: what ranks run on |
//! | `sum` | [`sum`], [`agree`]: sums in the order of the ranks |
//! | `average` | [`average`]: the mean of gradients |
//! | `averaged` | [`Averaged`]: an optimizer that updates by it |
//! | `flat` | the mean of a model's gradients: large ones in place, small ones one after the other |
//! | `sync` | [`sync_model`], [`sync_buffers`], [`check`]: the same model on all ranks |
//! | `values` | the numbers of tensors, one after the other |
//! | `error` | [`WorldError`], [`RankError`] |

mod alone;
mod average;
mod averaged;
mod error;
mod flat;
mod job;
#[cfg_attr(not(feature = "mpi"), allow(dead_code))]
mod machine;
#[cfg(feature = "mpi")]
mod mpi;
#[cfg(feature = "nccl")]
mod nccl;
mod on_device;
mod rendezvous;
mod sum;
mod sync;
#[cfg(test)]
mod tests;
mod threads;
mod values;
mod world;

pub use alone::Alone;
pub use average::average;
pub use averaged::Averaged;
pub use error::{RankError, WorldError};
pub use job::{Launched, run};
pub use machine::local_rank;
#[cfg(feature = "mpi")]
pub use mpi::MpiRank;
#[cfg(feature = "nccl")]
pub use nccl::NcclRank;
pub use on_device::OnDevice;
pub use rendezvous::Rendezvous;
pub use sum::{Number, agree, sum};
pub use sync::{check, sync_buffers, sync_model};
pub use threads::{ThreadRank, Threads};
pub use world::World;
