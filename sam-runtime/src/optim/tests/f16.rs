//! Half precision: the same bits as dfdx's, and a state that holds them.

use dfdx::{
    dtypes::{AMP, f16},
    optim::{AdamConfig, Optimizer, SgdConfig},
    prelude::*,
};

use super::{bits, gradients};
use crate::optim::{Adam, HostDtype, SaveState, Sgd};

type Pair<E> = (Tensor<Rank2<3, 4>, E, Cpu>, Tensor<Rank1<4>, E, Cpu>);

fn check<E: Dtype>()
where
    Cpu: Device<E>,
{
    let dev = Cpu::default();
    let model: Pair<E> = (dev.ones(), dev.ones());
    let (mut a, mut b) = (model.clone(), model.clone());
    let cfg = AdamConfig {
        eps: 1e-4,
        ..Default::default()
    };
    let mut theirs = dfdx::optim::Adam::new(&model, cfg);
    let mut ours = Adam::new(&model, cfg);
    for step in 0..20 {
        let given = gradients(&model, step);
        theirs.update(&mut a, &given).unwrap();
        ours.update(&mut b, &given).unwrap();
        assert_eq!(bits(&a), bits(&b));
        let state = ours.state().unwrap();
        assert_eq!(state.tensors["exp_avg.0."].dtype, HostDtype::F16);
        ours = Adam::new(&model, cfg);
        ours.load_state(&state).unwrap();
    }
    let mut sgd = Sgd::new(&model, SgdConfig::default());
    sgd.update(&mut b, &gradients(&model, 0)).unwrap();
    dfdx::optim::Sgd::new(&model, SgdConfig::default())
        .update(&mut a, &gradients(&model, 0))
        .unwrap();
    assert_eq!(bits(&a), bits(&b));
}

#[test]
fn f16_trains_as_dfdx_does() {
    check::<f16>();
    check::<AMP<f16>>();
}
