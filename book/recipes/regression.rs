//! Regression: numbers from numbers, judged on samples that nothing was learned from.

use dfdx::{optim::*, prelude::*};
use sam_runtime::{analysis::metrics::RegressionErrors, data::InMemory, prelude::*};

type Net = (Linear<2, 32>, Tanh, Linear<32, 1>);

#[sam_train(rho = 0.02)]
fn main() -> anyhow::Result<()> {
    let dev = Cpu::seed_from_u64(0);
    // 600 measurements of z = sin(2x) + y, with noise of deviation 0.1.
    let numbers: Tensor<Rank2<600, 3>, f32, _> = dev.sample_normal();
    let numbers = numbers.as_vec();
    let measured = numbers.chunks(3).map(|n| {
        let z = (2.0 * n[0]).sin() + n[1] + 0.1 * n[2];
        ([n[0], n[1]], [z])
    });
    let (train, test) = measured.collect::<InMemory<_>>().split(0.8, 1)?;
    let loader = DataLoader::<_, 32>::new(train)?;

    let mut model = dev.build_module::<Net, f32>();
    let mut opt = Adam::new(&model, AdamConfig::default());
    let mut grads = model.alloc_grads();
    for epoch in 0..200 {
        let mut total = 0.0;
        for (x, y) in loader.epoch(&dev, epoch) {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            total += loss.array();
            grads = loss.backward();
            opt.update(&mut model, &grads)?;
            model.zero_grads(&mut grads);
        }
        if epoch % 50 == 0 {
            println!(
                "epoch {epoch}: mean squared error {:.3}",
                total / loader.len() as f32
            );
        }
    }

    let mut errors = RegressionErrors::new(1);
    for (x, y) in chunks(&test, &dev, 64) {
        errors.add(&model.forward(x), &y)?;
    }
    println!(
        "{} test samples: RMSE {:.3}, R² {:.3}",
        errors.samples(),
        errors.rmse(),
        errors.r2()
    );
    Ok(())
}
