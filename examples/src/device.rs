use clap::{Args, ValueEnum};
use dfdx::{prelude::*, tensor::HasErr};

/// A device that the training loops of the examples run on: dfdx's `Cpu` and `Cuda`.
pub trait Trainer:
    Device<f32> + HasErr<Err: Send + Sync> + TensorToArray<Rank0, f32, Array = f32>
{
}

impl<D> Trainer for D where
    D: Device<f32> + HasErr<Err: Send + Sync> + TensorToArray<Rank0, f32, Array = f32>
{
}

/// Where to compute.
#[derive(Clone, Copy, Args)]
pub struct OnDevice {
    /// Where to compute; `cuda` takes a build with `--features cuda`
    #[arg(long, value_enum, default_value_t = Kind::Cpu)]
    pub device: Kind,
}

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The processor.
    Cpu,
    /// The first NVIDIA GPU.
    Cuda,
}

/// Calls a function that is generic over its device with the device that was asked for, which draws its
/// random numbers from a seed.
#[macro_export]
macro_rules! on_device {
    ($kind:expr, $seed:expr, |$device:ident| $call:expr) => {
        match $kind {
            $crate::Kind::Cpu => {
                let $device = dfdx::tensor::Cpu::seed_from_u64($seed);
                $call
            }
            #[cfg(feature = "cuda")]
            $crate::Kind::Cuda => match dfdx::tensor::Cuda::try_seed_from_u64($seed) {
                Ok($device) => $call,
                Err(error) => Err(anyhow::anyhow!("the GPU can't be used: {error}")),
            },
            #[cfg(not(feature = "cuda"))]
            $crate::Kind::Cuda => Err(anyhow::anyhow!(
                "this program was built for the CPU only; build it with `--features cuda`"
            )),
        }
    };
}
