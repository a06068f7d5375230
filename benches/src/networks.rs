//! The networks that are measured, and their two training steps, on any device.

use dfdx::{
    optim::{Optimizer, SgdConfig},
    prelude::*,
    tensor::Gradients,
};
use sam_runtime::{
    device::Layers,
    nn::{
        Conv2DBatchNormReLU, Flatten2D, Linear, LinearReLU, MaxPool2D,
        cross_entropy_with_logits_loss,
    },
    optim::Sgd,
    prelude::sam_train,
};

/// Samples of a step.
pub const BATCH: usize = 128;
/// Classes of all networks.
pub const CLASSES: usize = 10;

/// 784-512-512-10 with ReLU.
pub type Mlp = (
    LinearReLU<784, 512>,
    LinearReLU<512, 512>,
    Linear<512, CLASSES>,
);
/// Two convolutions with batch normalization, ReLU and max pooling, on 1 x 28 x 28.
pub type Cnn = (
    (Conv2DBatchNormReLU<1, 16, 3, 1, 1>, MaxPool2D<2, 2>),
    (Conv2DBatchNormReLU<16, 32, 3, 1, 1>, MaxPool2D<2, 2>),
    (Flatten2D, Linear<1568, CLASSES>),
);

/// A tensor without a tape.
pub type Input<S, D> = Tensor<S, f32, D>;
/// A tensor with one.
pub type Traced<S, D> = Tensor<S, f32, D, OwnedTape<f32, D>>;

/// A network from `S` to logits for `B` samples.
pub trait Network<S: Shape, const B: usize, D: Device<f32>>:
    TensorCollection<f32, D>
    + Clone
    + ModuleMut<Traced<S, D>, Output = Traced<Rank2<B, CLASSES>, D>, Error = D::Err>
{
}

impl<M, S: Shape, const B: usize, D: Device<f32>> Network<S, B, D> for M where
    M: TensorCollection<f32, D>
        + Clone
        + ModuleMut<Traced<S, D>, Output = Traced<Rank2<B, CLASSES>, D>, Error = D::Err>
{
}

/// One copy of a network with its optimizer: SGD with a learning rate of 0.01.
pub struct Training<M, D: Layers<f32>> {
    /// The network.
    pub model: M,
    opt: Sgd<M, f32, D>,
    grads: Option<Gradients<f32, D>>,
}

impl<M: TensorCollection<f32, D> + Clone, D: Layers<f32>> Training<M, D> {
    /// Begins with `model`.
    pub fn new(model: M) -> Self {
        let config = SgdConfig {
            lr: 0.01,
            momentum: None,
            weight_decay: None,
        };
        Self {
            opt: Sgd::new(&model, config),
            grads: Some(model.alloc_grads()),
            model,
        }
    }

    /// A step of the base optimizer.
    ///
    /// # Panics
    /// If the device fails.
    pub fn base<S: Shape, const B: usize>(&mut self, x: Input<S, D>, y: Input<Rank2<B, CLASSES>, D>)
    where
        M: Network<S, B, D>,
    {
        let grads = self.grads.take().unwrap();
        let logits = self.model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let mut grads = loss.backward();
        self.opt.update(&mut self.model, &grads).unwrap();
        self.opt.zero_grads(&self.model, &mut grads).unwrap();
        self.grads = Some(grads);
    }

    /// A step by the gradients that `gradients` adds to those it is given.
    ///
    /// # Panics
    /// If the device fails.
    pub fn step(&mut self, gradients: impl FnOnce(&mut M, Gradients<f32, D>) -> Gradients<f32, D>) {
        let grads = self.grads.take().unwrap();
        let mut grads = gradients(&mut self.model, grads);
        self.opt.update(&mut self.model, &grads).unwrap();
        self.opt.zero_grads(&self.model, &mut grads).unwrap();
        self.grads = Some(grads);
    }

    /// A step of SAM.
    ///
    /// # Panics
    /// If the device fails.
    #[sam_train(rho = 0.05)]
    pub fn sam<S: Shape, const B: usize>(&mut self, x: Input<S, D>, y: Input<Rank2<B, CLASSES>, D>)
    where
        M: Network<S, B, D>,
    {
        let grads = self.grads.take().unwrap();
        let logits = self.model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        let mut grads = loss.backward();
        self.opt.update(&mut self.model, &grads).unwrap();
        self.opt.zero_grads(&self.model, &mut grads).unwrap();
        self.grads = Some(grads);
    }
}

/// A batch without a pattern: inputs, and labels as one-hot rows.
pub fn batch<S: ConstShape, const B: usize, D: Device<f32>>(
    dev: &D,
) -> (Input<S, D>, Input<Rank2<B, CLASSES>, D>) {
    let mut labels = vec![0.0; B * CLASSES];
    for row in 0..B {
        labels[row * CLASSES + row % CLASSES] = 1.0;
    }
    (
        dev.sample_normal(),
        dev.tensor_from_vec(labels, Default::default()),
    )
}
