use dfdx::{prelude::*, tensor::HasErr};
use sam_runtime::data::BatchShape;

/// A network from inputs of shape `S` to ten logits on a device, trained on `B` at a time: what its
/// training loop asks of it, and what its evaluation does.
pub trait Network<S: BatchShape, const B: usize, D: Device<f32>>:
    TensorCollection<f32, D>
    + Clone
    + ModuleMut<
        Tensor<S::Static<B>, f32, D, OwnedTape<f32, D>>,
        Output = Tensor<Rank2<B, 10>, f32, D, OwnedTape<f32, D>>,
        Error = <D as HasErr>::Err,
    > + Module<
        Tensor<S::Dynamic, f32, D>,
        Output = Tensor<(usize, Const<10>), f32, D>,
        Error = <D as HasErr>::Err,
    >
{
}

impl<N, S: BatchShape, const B: usize, D: Device<f32>> Network<S, B, D> for N where
    N: TensorCollection<f32, D>
        + Clone
        + ModuleMut<
            Tensor<S::Static<B>, f32, D, OwnedTape<f32, D>>,
            Output = Tensor<Rank2<B, 10>, f32, D, OwnedTape<f32, D>>,
            Error = <D as HasErr>::Err,
        > + Module<
            Tensor<S::Dynamic, f32, D>,
            Output = Tensor<(usize, Const<10>), f32, D>,
            Error = <D as HasErr>::Err,
        >
{
}
