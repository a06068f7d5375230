use dfdx::{
    nn::{Module, ModuleMut, tensor_collection::TensorCollection},
    prelude::Device,
    shapes::{Const, Rank0, Rank2},
    tensor::{HasErr, OwnedTape, Tensor, TensorToArray},
};

use super::BatchShape;

/// A network from samples of shape `S` to the logits of `CLASSES`, trained on batches of `B` and evaluated on any
/// number: what a loop that is generic over network and device asks of a network.
///
/// The logits may be any numbers: `Classifier<Rank1<13>, 32, 1, D>` is a network that predicts one of 13.
///
/// ```
/// use sam_runtime::{data::{Classifier, TrainingDevice}, dfdx::{optim::*, prelude::*}, prelude::*};
///
/// #[sam_train(rho = 0.05)]
/// fn epoch<D: TrainingDevice, N: Classifier<Rank1<784>, 32, 10, D>>(
///     model: &mut N,
///     opt: &mut Sgd<N, f32, D>,
///     loader: &DataLoader<Images<Rank1<784>, 10>, 32>,
///     dev: &D,
/// ) -> Result<f32, D::Err> {
///     let mut grads = model.alloc_grads();
///     let mut total = 0.0;
///     for (x, y) in loader.epoch(dev, 0) {
///         let logits = model.forward_mut(x.traced(grads));
///         let loss = cross_entropy_with_logits_loss(logits, y);
///         total += loss.array();
///         grads = loss.backward();
///         opt.update(model, &grads).expect("every parameter is used");
///         model.zero_grads(&mut grads);
///     }
///     Ok(total)
/// }
/// ```
pub trait Classifier<S: BatchShape, const B: usize, const CLASSES: usize, D: Device<f32>>:
    TensorCollection<f32, D>
    + Clone
    + ModuleMut<
        Tensor<S::Static<B>, f32, D, OwnedTape<f32, D>>,
        Output = Tensor<Rank2<B, CLASSES>, f32, D, OwnedTape<f32, D>>,
        Error = <D as HasErr>::Err,
    > + Module<
        Tensor<S::Dynamic, f32, D>,
        Output = Tensor<(usize, Const<CLASSES>), f32, D>,
        Error = <D as HasErr>::Err,
    >
{
}

impl<N, S: BatchShape, const B: usize, const CLASSES: usize, D: Device<f32>>
    Classifier<S, B, CLASSES, D> for N
where
    N: TensorCollection<f32, D>
        + Clone
        + ModuleMut<
            Tensor<S::Static<B>, f32, D, OwnedTape<f32, D>>,
            Output = Tensor<Rank2<B, CLASSES>, f32, D, OwnedTape<f32, D>>,
            Error = <D as HasErr>::Err,
        > + Module<
            Tensor<S::Dynamic, f32, D>,
            Output = Tensor<(usize, Const<CLASSES>), f32, D>,
            Error = <D as HasErr>::Err,
        >,
{
}

/// A device that such a loop trains on: dfdx's `Cpu` and `Cuda`. Its losses can be read, and its errors handed to
/// another thread, as `anyhow` asks.
pub trait TrainingDevice:
    Device<f32> + HasErr<Err: Send + Sync> + TensorToArray<Rank0, f32, Array = f32>
{
}

impl<D> TrainingDevice for D where
    D: Device<f32> + HasErr<Err: Send + Sync> + TensorToArray<Rank0, f32, Array = f32>
{
}
