//! A generic method of the owner runs parts of the model.

use super::refused;
use crate::harness::{self as h, println};
use dfdx::{
    optim::{Sgd, SgdConfig},
    prelude::*,
};
type Built = (
    dfdx::nn::modules::Linear<4, 5, f64, Cpu>,
    (
        dfdx::nn::modules::Linear<7, 6, f64, Cpu>,
        (Tanh, dfdx::nn::modules::Linear<6, 1, f64, Cpu>),
    ),
);
struct NetCrit {
    net: Built,
    optim: Sgd<Built, f64, Cpu>,
}
impl NetCrit {
    fn forward_raw_mut<
        const B: usize,
        T: Tape<f64, Cpu> + Merge<NoneTape> + Merge<T> + std::fmt::Debug,
    >(
        &mut self,
        img: Tensor<Rank2<B, 4>, f64, Cpu, T>,
        keys: Tensor<Rank2<B, 2>, f64, Cpu>,
    ) -> Tensor<Rank2<B, 1>, f64, Cpu, T> {
        let out_conv = self.net.0.forward_mut(img);
        let p: Tensor<Rank2<5, 7>, f64, _> = keys.device().tensor([
            [1., 0., 0., 0., 0., 0., 0.],
            [0., 1., 0., 0., 0., 0., 0.],
            [0., 0., 1., 0., 0., 0., 0.],
            [0., 0., 0., 1., 0., 0., 0.],
            [0., 0., 0., 0., 1., 0., 0.],
        ]);
        let w: Tensor<Rank2<2, 7>, f64, _> = keys
            .device()
            .tensor([[0., 0., 0., 0., 0., 1., 0.], [0., 0., 0., 0., 0., 0., 1.]]);
        let joined = out_conv.matmul(p) + keys.matmul(w);
        self.net.1.forward_mut(joined)
    }
    #[refused(rho = 0.05)]
    fn train_grad<const SS: usize>(
        &mut self,
        img: &[&[f64]],
        keys: &[&[f64]],
        out: &[&[f64]],
        mut grad: Gradients<f64, Cpu>,
    ) -> (f64, Gradients<f64, Cpu>) {
        let dev = self.net.0.weight.device().clone();
        let img = dev.tensor_from_vec(
            img.iter().map(|&x| x).flatten().cloned().collect(),
            (Const::<SS>, Const::<4>),
        );
        let keys = dev.tensor_from_vec(
            keys.iter().map(|&x| x).flatten().cloned().collect(),
            (Const::<SS>, Const::<2>),
        );

        let model_out = self.forward_raw_mut(img.traced(grad), keys);
        let out = dev.tensor_from_vec(
            out.iter().map(|&x| x).flatten().cloned().collect(),
            (Const::<SS>, Const::<1>),
        );

        let err = mse_loss(model_out, out);
        let r = err.as_vec()[0];
        grad = err.backward();
        self.optim.update(&mut self.net, &grad).unwrap();
        self.net.zero_grads(&mut grad);
        (r, grad)
    }
}
pub(crate) fn drive() {
    let dev = Cpu::seed_from_u64(3);
    let mut net: Built =
        dev.build_module::<(Linear<4, 5>, (Linear<7, 6>, (Tanh, Linear<6, 1>))), f64>();
    h::init(&mut net);
    let optim = Sgd::new(
        &net,
        SgdConfig {
            lr: h::lr(),
            momentum: None,
            weight_decay: None,
        },
    );
    let mut a = NetCrit { net, optim };
    let mut g = a.net.alloc_grads();
    for i in 0..h::steps() {
        let (l, g2) = a.train_grad::<2>(
            &[&[0.1, 0.2, 0.3, 0.4], &[-0.1, 0.5, 0.3, i as f64 / 60.0]],
            &[&[1.0, 0.0], &[0.0, 1.0]],
            &[&[0.3], &[-0.4]],
            g,
        );
        g = g2;
        println!("{l}");
        h::loss(l);
    }
    h::done(&a.net);
}
