//! With `parallel`, a batch of a type of one's own goes to other threads.
//!
//! Entry: not-for-parallel

use dfdx::{optim::*, prelude::*, tensor::OwnedTape};
use sam_runtime::{
    StepError, sam_train,
    step::SplitBatch,
};

type Net = modules::Linear<4, 3, f32, Cpu>;
type X = Tensor<(usize, Const<4>), f32, Cpu>;

#[derive(Clone)]
struct Images(X);

impl<const M: usize> SplitBatch<M> for Images {
    type Chunk = Self;

    fn rows(&self) -> Option<usize> {
        SplitBatch::<M>::rows(&self.0)
    }

    fn split(&self, rows: &[usize]) -> Result<Vec<Self>, StepError> {
        let parts = SplitBatch::<M>::split(&self.0, rows)?;
        Ok(parts.into_iter().map(Self).collect())
    }
}

fn penalized<N: Dim>(
    out: Tensor<(N, Const<3>), f32, Cpu, OwnedTape<f32, Cpu>>,
    images: Images,
) -> Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>> {
    out.square().mean() + images.0.mean()
}

#[sam_train(rho = 0.05, m = 4, parallel = true)]
fn train(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Images)>) {
    for (x, other) in data {
        let out = model.forward_mut(x.traced(model.alloc_grads()));
        let loss = penalized(out, other);
        let grads = loss.backward();
        opt.update(model, &grads).unwrap();
    }
}

fn main() {}
