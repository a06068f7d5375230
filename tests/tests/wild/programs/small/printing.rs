//! What is printed on the way: formats, and braces that are none.

/// The loss with an exponent.
pub(crate) mod exponent {
    use super::super::*;
    use crate::harness::println;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            println!("loss {:.3e}", loss.array());
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, opt, data))
    }
}

/// A value with an exponent, behind the step.
pub(crate) mod exponent_of_a_value {
    use super::super::*;
    use crate::harness::println;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            let l = loss.array();
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
            println!("loss {:.3e}", l);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, opt, data))
    }
}

/// The learning rate with an exponent.
pub(crate) mod exponent_of_the_rate {
    use super::super::*;
    use crate::harness::println;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            println!("lr {:.3e}", opt.cfg.lr);
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
        println!("lr {:.3e}", opt.cfg.lr);
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, opt, data))
    }
}

/// A tuple of something that no trait describes, and the output.
pub(crate) mod loss_of_a_tuple {
    use super::super::*;
    use crate::harness::println;

    struct NotObservable;
    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let pred = model.forward_mut(x.traced(grads));
            let e = (NotObservable, pred);
            let loss = mse_loss(e.1, y);
            println!("loss {:e}", loss.array());
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, opt, data))
    }
}

/// A fill that looks like a character literal.
pub(crate) mod fill_character {
    use super::super::*;
    use crate::harness::println;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            println!("{:'^20}", "loss");
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, opt, data))
    }
}

/// A string with braces of its own.
pub(crate) mod braces_in_a_string {
    use super::super::*;
    use crate::harness::println;

    #[sam_train(rho = 0.05)]
    fn train(model: &mut Net, opt: &mut Sgd<Net, f64, Cpu>, data: Vec<(X, Y)>) {
        let mut grads = model.alloc_grads();
        for (x, y) in data {
            let loss = mse_loss(model.forward_mut(x.traced(grads)), y);
            println!("{}", format!("{} {}", "{\"step\": 0x}", loss.array()));
            grads = loss.backward();
            opt.update(model, &grads).unwrap();
            model.zero_grads(&mut grads);
        }
    }

    pub(crate) fn drive() {
        supervised(|model, opt, data| train(model, opt, data))
    }
}
