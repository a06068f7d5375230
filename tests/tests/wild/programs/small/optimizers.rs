//! Where the optimizer comes from.

/// It is made in each iteration.
pub(crate) mod made_in_the_loop {
    use super::super::*;
    use crate::harness::{self as h};

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            let mut opt = Sgd::new(
                &*model,
                SgdConfig {
                    lr: h::lr(),
                    ..Default::default()
                },
            );
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, _, data| train(model, data))
    }
}

/// It is locked in each iteration.
pub(crate) mod locked {
    use super::super::*;
    use std::sync::Mutex;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, optimizer: &Mutex<Sgd<Net, f64, Cpu>>, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            let mut opt = optimizer.lock().unwrap();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, &Mutex::new(opt.clone()), data))
    }
}

/// The guard has the name of the lock.
pub(crate) mod locked_by_its_name {
    use super::super::*;
    use std::sync::Mutex;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &Mutex<Sgd<Net, f64, Cpu>>, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            let mut opt = opt.lock().unwrap();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, &Mutex::new(opt.clone()), data))
    }
}

/// It is locked in an `if let`.
pub(crate) mod locked_if_let {
    use super::super::*;
    use std::sync::Mutex;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, optimizer: &Mutex<Sgd<Net, f64, Cpu>>, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            if let Ok(mut opt) = optimizer.lock() {
                opt.update(model, &grads).unwrap();
            }
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, &Mutex::new(opt.clone()), data))
    }
}

/// It is locked in the expression.
pub(crate) mod locked_in_place {
    use super::super::*;
    use std::sync::Mutex;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, optimizer: &Mutex<Sgd<Net, f64, Cpu>>, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            optimizer.lock().unwrap().update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, &Mutex::new(opt.clone()), data))
    }
}

/// It is made in each iteration; the key names the model.
pub(crate) mod made_in_the_loop_of_a_named_model {
    use super::super::*;
    use crate::harness::{self as h};

    #[sam_train(rho = 0.05, model = model)]
    fn train(model: &mut Net, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            let mut opt = Sgd::new(
                &*model,
                SgdConfig {
                    lr: h::lr(),
                    ..Default::default()
                },
            );
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, _, data| train(model, data))
    }
}

/// It is locked in each iteration; the key names the model.
pub(crate) mod locked_for_a_named_model {
    use super::super::*;
    use std::sync::Mutex;

    #[sam_train(rho = 0.05, model = model)]
    fn train(model: &mut Net, optimizer: &Mutex<Sgd<Net, f64, Cpu>>, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            let mut opt = optimizer.lock().unwrap();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, &Mutex::new(opt.clone()), data))
    }
}
