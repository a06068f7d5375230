//! Sharpness-Aware Minimization (SAM; Foret et al., [ICLR 2021](https://arxiv.org/abs/2010.01412))
//! for [dfdx](https://docs.rs/dfdx/0.13.0), as one attribute: [`#[sam_train]`](sam_train).
//!
//! ```
//! use sam_runtime::{dfdx::{optim::*, prelude::*}, prelude::*};
//! type Net = Built<Linear<4, 2>>;
//!
//! #[sam_train(rho = 0.05)]
//! fn step(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: Tensor<Rank2<8, 4>, f32, Cpu>) {
//!     let loss = model.forward_mut(x.traced(model.alloc_grads())).square().mean();
//!     let grads = loss.backward();
//!     opt.update(model, &grads).unwrap();
//! }
//! # let dev = Cpu::default();
//! # let mut model = dev.build_module::<Linear<4, 2>, f32>();
//! # let mut opt = Sgd::new(&model, Default::default());
//! # step(&mut model, &mut opt, dev.sample_normal());
//! # assert!(last_report().unwrap().sharpness().unwrap() > 0.0);
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`prelude`] | what a training loop needs, beside `use dfdx::{prelude::*, optim::*};` |
//! | [`step`] | the SAM step: [`Sam`] without the attribute, chunks, reports, errors |
//! | [`schedule`] | learning rates and rho as pure functions of the step number |
//! | [`data`] | data sets, label noise, the loader |
//! | [`optim`] | optimizers whose state can be saved, parameter groups |
//! | [`nn`] | layers for images and vectors, networks, their weights in files, losses |
//! | [`analysis`] | sharpness of a trained model, metrics of what it predicts |
//! | [`predict`] | after training: a model in one file, predictions of pictures, rows of tables and tensors |
//! | [`distributed`] | several ranks that train one model: threads, processes, machines, GPUs |
//! | [`run`] | what surrounds a loop: checkpoints, metrics, progress, stopping rules, configuration |
//! | [`device`] | arithmetic on the CPU and the GPU, for steps and layers; norms |
//! | [`dfdx`] | the dfdx that fits, 0.13 |
//!
//! # Features
//! | feature | what |
//! |---|---|
//! | `data` (on by default) | [`data`]: data sets, label noise, augmentation, the loader |
//! | `run` (on by default) | [`run`], and [`nn::weights`], which reads and writes files, too; with `data`, [`predict`] |
//! | `f16` | models of `f16` and `AMP<f16>` |
//! | `image` | data sets from folders of JPEG and PNG files |
//! | `webp`, `bmp`, `gif` | with `image`: files of these formats, too |
//! | `table` | data sets from CSV files: [`data`]`::table` |
//! | `plot` | curves of a run or of several, and what [`analysis`] finds, as SVG and PNG |
//! | `dashboard` | the progress of a run as a dashboard on the terminal: [`run::progress`] |
//! | `tensorboard` | metrics as TensorBoard event files |
//! | `onnx` | networks as ONNX, for other programs to run: [`nn`]`::onnx` |
//! | `download` | downloads of the public data sets, with checksums and resumption: [`data`]`::download` |
//! | `spectrum` | eigenvalues and spectral densities of Hessians: [`analysis`] |
//! | `mpi` | ranks on several machines: [`distributed`]; building takes an MPI library |
//! | `cuda` | NVIDIA GPUs; building takes a CUDA toolkit |
//! | `nccl` | with `cuda`: ranks that each have a GPU: [`distributed`]; building takes NVIDIA's NCCL |
//! | `ci-check` | beside `cuda`, for `cargo check` on a machine without CUDA; what it builds does not run |
//!
//! With `default-features = false`, the attribute, the step, layers, optimizers, schedules and measures are left.

// Features beside what they bring, where docs.rs makes the documentation.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Some of what the lower rooms have is called by the upper ones alone, which may be left out.
#![cfg_attr(
    not(all(feature = "data", feature = "run")),
    allow(dead_code, unused_imports)
)]

pub mod analysis;
#[cfg(feature = "data")]
pub mod data;
mod debug;
pub mod device;
pub mod distributed;
mod doors;
mod files;
mod named;
pub mod nn;
pub mod optim;
#[cfg(feature = "plot")]
pub mod plot;
#[cfg(any(feature = "data", feature = "run"))]
mod position;
#[cfg(all(feature = "data", feature = "run"))]
pub mod predict;
#[cfg(feature = "run")]
pub mod run;
pub mod schedule;
pub mod step;

#[doc(hidden)]
pub mod __private;
pub mod prelude;

pub use device::Norm;
pub use dfdx;
#[doc = include_str!("sam_train.md")]
pub use sam_macros::sam_train;
pub use step::{NonFinite, Sam, StepError, StepReport, last_report};
