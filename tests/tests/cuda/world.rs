//! One training run, on any device.

use dfdx::{
    nn::tensor_collection::*,
    optim::*,
    prelude::*,
    tensor::{Gradients, HasErr},
};
use sam_runtime::Sam;
use sam_tests::{noise, one_hot};

/// A device of the tests, with numbers of type `f64`: then what differs is a mistake and not rounding.
pub(crate) trait World:
    Device<f64> + HasErr<Err: Send + Sync> + TensorToArray<Rank0, f64, Array = f64>
{
}

impl<D> World for D where
    D: Device<f64> + HasErr<Err: Send + Sync> + TensorToArray<Rank0, f64, Array = f64>
{
}

pub(crate) const ROWS: usize = 6;
pub(crate) const CLASSES: usize = 3;

/// Inputs of shape `S`, of which the first dimension is the batch, and their labels.
pub(crate) type Batch<S, D> = (Tensor<S, f64, D>, Tensor<Rank2<ROWS, CLASSES>, f64, D>);

/// A network that is trained here: from a batch to logits.
pub(crate) trait Network<S: ConstShape, D: World>:
    TensorCollection<f64, D>
    + Clone
    + ModuleMut<
        Tensor<S, f64, D, OwnedTape<f64, D>>,
        Output = Tensor<Rank2<ROWS, CLASSES>, f64, D, OwnedTape<f64, D>>,
        Error = <D as HasErr>::Err,
    >
{
}

impl<N, S: ConstShape, D: World> Network<S, D> for N where
    N: TensorCollection<f64, D>
        + Clone
        + ModuleMut<
            Tensor<S, f64, D, OwnedTape<f64, D>>,
            Output = Tensor<Rank2<ROWS, CLASSES>, f64, D, OwnedTape<f64, D>>,
            Error = <D as HasErr>::Err,
        >
{
}

/// Batches without a pattern, the same on every device.
pub(crate) fn batches<S: ConstShape, D: World>(dev: &D, count: u64) -> Vec<Batch<S, D>> {
    let batch = |seed| {
        let x = noise(S::NUMEL, seed + 1);
        let x = dev.tensor_from_vec(x, S::default());
        let y = dev.tensor_from_vec(one_hot(ROWS, CLASSES), Default::default());
        (x, y)
    };
    (0..count).map(batch).collect()
}

/// All numbers of a model: parameters and buffers, in its order.
pub(crate) fn state<D: World, M: TensorCollection<f64, D>>(model: &M) -> Vec<f64> {
    struct Values(Vec<f64>);
    impl<D: World> TensorVisitor<f64, D> for Values {
        type Viewer = ViewTensorRef;
        type Err = D::Err;
        type E2 = f64;
        type D2 = D;

        fn visit<S: Shape>(
            &mut self,
            _: TensorOptions<S, f64, D>,
            t: &Tensor<S, f64, D>,
        ) -> Result<Option<Tensor<S, f64, D>>, D::Err> {
            self.0.extend(t.as_vec());
            Ok(None)
        }
    }
    let mut values = Values(Vec::new());
    let walked = M::iter_tensors(&mut RecursiveWalker {
        m: model,
        f: &mut values,
    });
    walked
        .map_err(|e| e.to_string())
        .expect("a device that reads");
    values.0
}

/// Gives the parameters numbers that are the same on every device.
pub(crate) fn start<D: World, M: TensorCollection<f64, D>>(model: &mut M) {
    struct Fill(u64);
    impl<D: World> TensorVisitor<f64, D> for Fill {
        type Viewer = ViewTensorMut;
        type Err = D::Err;
        type E2 = f64;
        type D2 = D;

        fn visit<S: Shape>(
            &mut self,
            options: TensorOptions<S, f64, D>,
            t: &mut Tensor<S, f64, D>,
        ) -> Result<Option<Tensor<S, f64, D>>, D::Err> {
            if options.do_gradient_update {
                self.0 += 1;
                let values = noise(t.shape().num_elements(), 100 + self.0);
                let values: Vec<f64> = values.iter().map(|x| 0.4 * x + 0.1).collect();
                t.copy_from(&values);
            }
            Ok(None)
        }
    }
    let walked = M::iter_tensors(&mut RecursiveWalker {
        m: model,
        f: &mut Fill(0),
    });
    walked
        .map_err(|e| e.to_string())
        .expect("a device that writes");
}

/// A network as it begins, on `dev`.
pub(crate) fn built<N: BuildOnDevice<D, f64>, D: World>(dev: &D) -> N::Built
where
    N::Built: TensorCollection<f64, D>,
{
    let mut model = N::build_on_device(dev);
    start(&mut model);
    model
}

pub(crate) fn sgd<M, D: World>(model: &M) -> Sgd<M, f64, D> {
    let config = SgdConfig {
        lr: 0.1,
        momentum: Some(Momentum::Nesterov(0.9)),
        weight_decay: Some(WeightDecay::L2(1e-3)),
    };
    Sgd::new(model, config)
}

/// The loss of a batch.
pub(crate) fn loss<S: ConstShape, D: World, N: Network<S, D>>(
    model: &mut N,
    (x, y): Batch<S, D>,
    grads: Gradients<f64, D>,
) -> Tensor<Rank0, f64, D, OwnedTape<f64, D>> {
    cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
}

/// Trains by `sam` on all batches; returns the state after it.
pub(crate) fn trained<S, D, N>(dev: &D, sam: Sam, count: u64) -> Vec<f64>
where
    S: ConstShape,
    D: World,
    N: BuildOnDevice<D, f64>,
    N::Built: Network<S, D>,
{
    let mut model = built::<N, D>(dev);
    let mut opt = sgd(&model);
    let mut grads = model.alloc_grads();
    for batch in batches::<S, D>(dev, count) {
        grads = sam
            .step(&mut model, batch, grads, loss::<S, D, N::Built>)
            .expect("a step");
        opt.update(&mut model, &grads)
            .map_err(|_| "update")
            .expect("an update");
        model.zero_grads(&mut grads);
    }
    state(&model)
}

/// `found` is `expected`, up to rounding.
#[track_caller]
pub(crate) fn assert_same(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1e-300_f64, |max, x| max.max(x.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * scale,
            "number {i} is {a}, and {b} on the host"
        );
    }
}
