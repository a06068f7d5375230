//! The expansion adds no warning to a function that has none.

#![deny(
    warnings,
    unused_qualifications,
    unreachable_code,
    clippy::all,
    clippy::pedantic
)]

use dfdx::{optim::*, prelude::*};
use sam_runtime::{StepError, sam_train};

type Linears = (Linear<4, 8>, ReLU, Linear<8, 3>);
type Net = <Linears as BuildOnDevice<Cpu, f32>>::Built;
type X = Tensor<Rank2<8, 4>, f32, Cpu>;
type Y = Tensor<Rank2<8, 3>, f32, Cpu>;

#[derive(Debug)]
enum Error {
    Step,
    Device,
    Update,
}

impl From<StepError> for Error {
    fn from(_: StepError) -> Self {
        Self::Step
    }
}

impl From<CpuError> for Error {
    fn from(_: CpuError) -> Self {
        Self::Device
    }
}

impl<E> From<OptimizerUpdateError<E>> for Error {
    fn from(_: OptimizerUpdateError<E>) -> Self {
        Self::Update
    }
}

#[sam_train(rho = 0.05)]
fn canonical(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: Vec<(X, Y)>) -> f32 {
    let mut grads = model.alloc_grads();
    let mut total = 0.0;
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        total += loss.array();
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
    total
}

/// Bounds of the model after `where`, to which the expansion adds one.
#[sam_train(rho = 0.05)]
fn bounds_after_where<M>(model: &mut M, opt: &mut Sgd<M, f32, Cpu>, data: Vec<(X, Y)>)
where
    M: TensorCollection<f32, Cpu>
        + ModuleMut<
            Tensor<Rank2<8, 4>, f32, Cpu, OwnedTape<f32, Cpu>>,
            Output = Tensor<Rank2<8, 3>, f32, Cpu, OwnedTape<f32, Cpu>>,
            Error = CpuError,
        >,
{
    let mut grads = model.alloc_grads();
    for (x, y) in data {
        let logits = model.forward_mut(x.traced(grads));
        grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
}

#[sam_train(rho = radius, m = 4, norm = "linf", nonfinite = "skip")]
fn chunks(
    model: &mut Net,
    opt: &mut Sgd<Net, f32, Cpu>,
    data: &[(X, Y)],
    radius: f64,
) -> Result<Vec<f32>, Error> {
    let mut grads = model.try_alloc_grads()?;
    let mut losses = Vec::new();
    for (x, y) in data {
        let logits = model.try_forward_mut(x.trace(grads))?;
        let loss = cross_entropy_with_logits_loss(logits, y.clone());
        losses.push(loss.array());
        grads = loss.try_backward()?;
        opt.update(model, &grads)?;
        model.try_zero_grads(&mut grads)?;
    }
    Ok(losses)
}

struct Trainer {
    net: Net,
    opt: Adam<Net, f32, Cpu>,
    grads: Option<Gradients<f32, Cpu>>,
}

impl Trainer {
    #[sam_train(rho = 0.05, m = 2)]
    fn step(&mut self, x: &X, y: &Y) -> f32 {
        let grads = self.grads.take().unwrap_or_else(|| self.net.alloc_grads());
        let logits = self.net.forward(x.trace(grads));
        let loss = mse_loss(logits, y.clone());
        let value = loss.array();
        let mut grads = loss.backward();
        self.opt
            .update(&mut self.net, &grads)
            .expect("all parameters are used");
        self.net.zero_grads(&mut grads);
        self.grads = Some(grads);
        value
    }
}

#[sam_train(rho = 0.05, model = model)]
fn gradients(model: &Net, x: &X, y: &Y) -> Gradients<f32, Cpu> {
    let loss = mse_loss(model.forward(x.leaky_trace()), y.clone());
    loss.backward()
}

#[sam_train(rho = 0.05)]
fn early(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: &[(X, Y)]) -> Option<f32> {
    let mut best: Option<f32> = None;
    'epochs: for epoch in 0..2 {
        for (i, (x, y)) in data.iter().enumerate() {
            let Ok(logits) = model.try_forward_mut(x.trace(model.alloc_grads())) else {
                continue;
            };
            let classes = logits.array().len();
            let loss = if epoch == 0 {
                mse_loss(logits, y.clone())
            } else {
                cross_entropy_with_logits_loss(logits, y.clone())
            };
            let value = loss.array();
            if value.is_nan() {
                return None;
            }
            let grads = loss.backward();
            if let Err(error) = opt.update(model, &grads) {
                println!("{error:?}");
                break 'epochs;
            }
            best = Some(best.map_or(value, |best| best.min(value)));
            if i > 100 * classes {
                break;
            }
        }
    }
    best
}

#[sam_train(rho = 0.05)]
fn one_expression(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: &X, y: &Y) {
    let mut grads = model.alloc_grads();
    for _ in 0..2 {
        grads = mse_loss(model.forward_mut(x.trace(grads)), y.clone()).backward();
        opt.update(model, &grads).unwrap();
    }
}

#[sam_train(rho = 0.05)]
fn accumulated(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, data: &[(X, Y)]) {
    for pair in data.chunks(2) {
        let mut grads = model.alloc_grads();
        for (x, y) in pair {
            let logits = model.forward_mut(x.trace(grads));
            let share = mse_loss(logits, y.clone()) * 0.5;
            grads = share.backward();
        }
        opt.update(model, &grads).unwrap();
    }
}

#[expect(dead_code)]
#[sam_train(rho = 0.05)]
fn unused(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: &X, y: &Y) {
    let loss = mse_loss(model.forward_mut(x.leaky_trace()), y.clone());
    opt.update(model, &loss.backward()).unwrap();
}

#[sam_train(rho = 0.05)]
#[expect(dead_code)]
fn unused_with_the_lint_below(model: &mut Net, opt: &mut Sgd<Net, f32, Cpu>, x: &X, y: &Y) {
    let loss = mse_loss(model.forward_mut(x.leaky_trace()), y.clone());
    let grads = loss.backward();
    opt.update(model, &grads).unwrap();
}

#[test]
fn all_of_them_run() {
    let dev = Cpu::seed_from_u64(0);
    let mut net = dev.build_module::<Linears, f32>();
    let mut opt = Sgd::new(&net, SgdConfig::default());
    let data: Vec<(X, Y)> = vec![(dev.sample_normal(), dev.sample_normal()); 3];
    let (x, y) = &data[0];
    assert!(canonical(&mut net, &mut opt, data.clone()).is_finite());
    assert_eq!(chunks(&mut net, &mut opt, &data, 0.05).unwrap().len(), 3);
    assert!(early(&mut net, &mut opt, &data).is_some());
    bounds_after_where(&mut net, &mut opt, data.clone());
    one_expression(&mut net, &mut opt, x, y);
    accumulated(&mut net, &mut opt, &data);
    let weight = &net.0.weight;
    let grads = gradients(&net, x, y);
    assert!(grads.get(weight).array()[0][0].is_finite());
    let adam = Adam::new(&net, AdamConfig::default());
    let mut trainer = Trainer {
        net,
        opt: adam,
        grads: None,
    };
    assert!(trainer.step(x, y).is_finite());
}
