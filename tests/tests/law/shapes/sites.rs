//! Forward sites in odd places.

/// A loss with a tape of its own is begun before the forward pass.
pub(crate) mod accumulator_before_forward {
    use super::super::*;

    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        for (x, y) in data {
            let mut loss: Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>> =
                (x.clone().sum::<Rank0, _>() * 0.0).put_tape(OwnedTape::default());
            let logits = model.forward_mut(x.trace(model.alloc_grads()));
            loss = loss + mse_loss(logits, y.clone());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            train(&mut model, &mut opt, &data);
            model
        })
    }
}

/// A closure runs the model.
pub(crate) mod closure_predict {
    use super::super::*;

    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, Y)]) {
        for (x, y) in data {
            let run = |x| model.forward(x);
            let logits = run(x.trace(model.alloc_grads()));
            let loss = mse_loss(logits, y.clone());
            let grads = loss.backward();
            opt.update(model, &grads).unwrap();
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            train(&mut model, &mut opt, &data);
            model
        })
    }
}

/// Two inputs are traced, each with gradients of its own.
pub(crate) mod two_traced {
    use super::super::*;

    #[sam_train(rho = RHO)]
    fn train(model: &mut Net, opt: &mut Opt, data: &[(X, X, Y)]) {
        let mut grads = model.alloc_grads();
        for (a, b, y) in data {
            let p = model.forward_mut(a.trace(grads));
            let q = model.forward_mut(b.trace(model.alloc_grads()));
            let loss = mse_loss(p - q, y.clone());
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, mut opt, data| {
            let pair = |(x, y): (X, Y)| (x.clone(), x * 0.5, y);
            let data: Vec<_> = data.into_iter().map(pair).collect();
            train(&mut model, &mut opt, &data);
            model
        })
    }
}

/// A method of a trait is generic over a model without `Clone`.
pub(crate) mod trait_impl_generic_noclone {
    use super::super::*;

    trait Fit {
        fn train<M>(&self, model: &mut M, data: &[(X, Y)])
        where
            M: TensorCollection<f64, Cpu>
                + ModuleMut<
                    Tensor<Rank2<8, 4>, f64, Cpu, OwnedTape<f64, Cpu>>,
                    Output = Tensor<Rank2<8, 3>, f64, Cpu, OwnedTape<f64, Cpu>>,
                >;
    }
    struct S;
    impl Fit for S {
        #[refused(rho = RHO)]
        fn train<M>(&self, model: &mut M, data: &[(X, Y)])
        where
            M: TensorCollection<f64, Cpu>
                + ModuleMut<
                    Tensor<Rank2<8, 4>, f64, Cpu, OwnedTape<f64, Cpu>>,
                    Output = Tensor<Rank2<8, 3>, f64, Cpu, OwnedTape<f64, Cpu>>,
                >,
        {
            let mut opt = Sgd::new(model, SgdConfig::default());
            for (x, y) in data {
                let logits = model.forward_mut(x.trace(model.alloc_grads()));
                let loss = mse_loss(logits, y.clone());
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, _, data| {
            S.train(&mut model, &data);
            model
        })
    }
}

/// The trait asks for `Clone`.
pub(crate) mod trait_impl_generic_noclone_mended {
    use super::super::*;

    trait Fit {
        fn train<M>(&self, model: &mut M, data: &[(X, Y)])
        where
            M: Clone
                + TensorCollection<f64, Cpu>
                + ModuleMut<
                    Tensor<Rank2<8, 4>, f64, Cpu, OwnedTape<f64, Cpu>>,
                    Output = Tensor<Rank2<8, 3>, f64, Cpu, OwnedTape<f64, Cpu>>,
                >;
    }
    struct S;
    impl Fit for S {
        #[sam_train(rho = RHO)]
        fn train<M>(&self, model: &mut M, data: &[(X, Y)])
        where
            M: Clone
                + TensorCollection<f64, Cpu>
                + ModuleMut<
                    Tensor<Rank2<8, 4>, f64, Cpu, OwnedTape<f64, Cpu>>,
                    Output = Tensor<Rank2<8, 3>, f64, Cpu, OwnedTape<f64, Cpu>>,
                >,
        {
            let mut opt = Sgd::new(model, SgdConfig::default());
            for (x, y) in data {
                let logits = model.forward_mut(x.trace(model.alloc_grads()));
                let loss = mse_loss(logits, y.clone());
                let grads = loss.backward();
                opt.update(model, &grads).unwrap();
            }
        }
    }

    pub(crate) fn run(start: Start) -> Seen {
        start.observe(|mut model, _, data| {
            S.train(&mut model, &data);
            model
        })
    }
}
