//! A layer of one's own: an activation that learns its frequency, for data that repeats.

use std::sync::Arc;

use dfdx::{optim::*, prelude::*};
use sam_runtime::{
    analysis::metrics::RegressionErrors,
    data::{Classifier, InMemory, Subset},
    nn,
    prelude::*,
};

/// Snake (Ziyin et al. 2020, eq. 3): x + sin²(a x) / a, with an a for each of `M` features.
#[derive(Clone, Copy, Debug, Default)]
struct Snake<const M: usize>;

nn::layer! {
    struct BuiltSnake<const M: usize; E, D> of Snake<M> {
        parameter a: Rank1<M> = |t| t.try_fill_with_ones(),
    }
}

impl<const M: usize, E: Dtype, D: Device<E>> NonMutableModule for BuiltSnake<M, E, D> {}

impl<B: Dim, const M: usize, E: Dtype, D: Device<E>, T: Tape<E, D>>
    Module<Tensor<(B, Const<M>), E, D, T>> for BuiltSnake<M, E, D>
{
    type Output = Tensor<(B, Const<M>), E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<(B, Const<M>), E, D, T>) -> Result<Self::Output, D::Err> {
        let shape = *x.shape();
        let a = || self.a.retaped::<T>().try_broadcast_like(&shape);
        let sine = x.retaped::<T>().try_mul(a()?)?.try_sin()?;
        x.try_add(sine.try_square()?.try_div(a()?)?)
    }
}

type WithTanh = (Linear<1, 32>, Tanh, Linear<32, 1>);
type WithSnake = (Linear<1, 32>, Snake<32>, Linear<32, 1>);
type Points = InMemory<([f32; 1], [f32; 1])>;
type Part = Subset<Arc<Points>>;

/// Trains on the one part; R² of the other. A network with one output is a `Classifier` of one class.
#[sam_train(rho = 0.01)]
fn r2<N>(mut model: N, train: &Part, test: &Part) -> anyhow::Result<f64>
where
    N: Classifier<Rank1<1>, 32, 1, Cpu>,
{
    let dev = Cpu::default();
    let loader = DataLoader::<_, 32>::new(train.clone())?;
    let mut opt = Adam::new(&model, AdamConfig::default());
    let mut grads = model.alloc_grads();
    for epoch in 0..150 {
        for (x, y) in loader.epoch(&dev, epoch) {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            opt.update(&mut model, &grads)?;
            model.zero_grads(&mut grads);
        }
    }
    let mut errors = RegressionErrors::new(1);
    for (x, y) in chunks(test, &dev, 100) {
        errors.add(&model.forward(x), &y)?;
    }
    Ok(errors.r2())
}

fn main() -> anyhow::Result<()> {
    let points: Points = (-200..200)
        .map(|i| i as f32 / 25.0)
        .map(|t| ([t], [(1.5 * t).sin() + 0.15 * t]))
        .collect();
    let (train, test) = points.split(0.8, 1)?;
    let dev = Cpu::seed_from_u64(0);
    let with_tanh = r2(dev.build_module::<WithTanh, f32>(), &train, &test)?;
    let with_snake = r2(dev.build_module::<WithSnake, f32>(), &train, &test)?;
    println!("R²: {with_tanh:.2} with Tanh, {with_snake:.2} with Snake");
    Ok(())
}
