use dfdx::{prelude::*, tensor::CpuError};

/// Images per step on CIFAR.
pub const CIFAR_BATCH: usize = 128;

/// A network of 32 x 32 colour images to ten logits: what trains it, and what it is used by.
pub trait CifarNetwork:
    TensorCollection<f32, Cpu>
    + Clone
    + ModuleMut<
        Tensor<Rank4<CIFAR_BATCH, 3, 32, 32>, f32, Cpu, OwnedTape<f32, Cpu>>,
        Output = Tensor<Rank2<CIFAR_BATCH, 10>, f32, Cpu, OwnedTape<f32, Cpu>>,
        Error = CpuError,
    > + Module<
        Tensor<(usize, Const<3>, Const<32>, Const<32>), f32, Cpu>,
        Output = Tensor<(usize, Const<10>), f32, Cpu>,
        Error = CpuError,
    >
{
}

impl<N> CifarNetwork for N where
    N: TensorCollection<f32, Cpu>
        + Clone
        + ModuleMut<
            Tensor<Rank4<CIFAR_BATCH, 3, 32, 32>, f32, Cpu, OwnedTape<f32, Cpu>>,
            Output = Tensor<Rank2<CIFAR_BATCH, 10>, f32, Cpu, OwnedTape<f32, Cpu>>,
            Error = CpuError,
        > + Module<
            Tensor<(usize, Const<3>, Const<32>, Const<32>), f32, Cpu>,
            Output = Tensor<(usize, Const<10>), f32, Cpu>,
            Error = CpuError,
        >
{
}
