//! First light.
use dfdx::{optim::*, prelude::*};
use sam_runtime::prelude::*;

type Net = (Linear<4, 8>, ReLU, Linear<8, 3>);
type Built = <Net as BuildOnDevice<Cpu, f32>>::Built;

#[sam_train(rho = 0.05, norm = "l2", m = 4)]
fn train(
    model: &mut Built,
    opt: &mut Sgd<Built, f32, Cpu>,
    batches: &[(Tensor<Rank2<8, 4>, f32, Cpu>, Tensor<Rank2<8, 3>, f32, Cpu>)],
) -> f32 {
    let mut grads = model.alloc_grads();
    let mut total = 0.0;
    for (x, y) in batches.iter().cloned() {
        let logits = model.forward_mut(x.traced(grads));
        let loss = cross_entropy_with_logits_loss(logits, y);
        total += loss.array();
        grads = loss.backward();
        opt.update(model, &grads).unwrap();
        model.zero_grads(&mut grads);
    }
    total
}

#[test]
fn trains() {
    let dev = Cpu::default();
    let mut model = dev.build_module::<Net, f32>();
    let mut opt = Sgd::new(
        &model,
        SgdConfig {
            lr: 0.1,
            ..Default::default()
        },
    );
    let x: Tensor<Rank2<8, 4>, f32, Cpu> = dev.sample_normal();
    let mut y = [[0.0f32; 3]; 8];
    for (i, y) in y.iter_mut().enumerate() {
        y[i % 3] = 1.0;
    }
    let y = dev.tensor(y);
    let batches = vec![(x, y); 10];
    let first = train(&mut model, &mut opt, &batches);
    for _ in 0..10 {
        train(&mut model, &mut opt, &batches);
    }
    let last = train(&mut model, &mut opt, &batches);
    println!("{first} {last} {:?}", last_report());
    assert!(last < first);
}
