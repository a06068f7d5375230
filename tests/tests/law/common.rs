//! What the programs of the cases use: a network, data, and small things with a life of their own.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each case uses a part"
)]

pub(crate) use dfdx::{optim::*, prelude::*, tensor::Gradients};
pub(crate) use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
pub(crate) use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

pub(crate) type Arch = (Linear<4, 8>, ReLU, Linear<8, 3>);
pub(crate) type Net = (
    modules::Linear<4, 8, f32, Cpu>,
    ReLU,
    modules::Linear<8, 3, f32, Cpu>,
);
pub(crate) type Opt = Sgd<Net, f32, Cpu>;
pub(crate) type X = Tensor<Rank2<8, 4>, f32, Cpu>;
pub(crate) type Y = Tensor<Rank2<8, 3>, f32, Cpu>;
pub(crate) type Logits = Tensor<Rank2<8, 3>, f32, Cpu, OwnedTape<f32, Cpu>>;
pub(crate) type Loss = Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>>;

/// Grows by a half at each step.
#[derive(Debug, Default)]
pub(crate) struct Ramp {
    pub(crate) calls: usize,
    pub(crate) weight: f32,
}

impl Ramp {
    pub(crate) fn step(&mut self) -> f32 {
        self.calls += 1;
        self.weight += 0.5;
        self.weight
    }

    pub(crate) fn weight(&self) -> f32 {
        self.weight
    }
}

/// Something with a part that may be missing.
pub(crate) struct State {
    pub(crate) ramp: Option<Ramp>,
}

pub(crate) fn bump(weight: &Cell<f32>) {
    weight.set(weight.get() + 1.0);
}

/// Says when it is entered and left.
pub(crate) struct Scope<'a>(&'a RefCell<Vec<String>>, &'static str);

impl<'a> Scope<'a> {
    pub(crate) fn new(log: &'a RefCell<Vec<String>>, name: &'static str) -> Self {
        log.borrow_mut().push(format!("enter {name}"));
        Self(log, name)
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().push(format!("leave {}", self.1));
    }
}

/// Counts how often it is printed in its thread.
pub(crate) struct Show;

thread_local!(static SHOWN: Cell<usize> = const { Cell::new(0) });

impl std::fmt::Display for Show {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        SHOWN.set(SHOWN.get() + 1);
        f.write_str("shown")
    }
}

pub(crate) fn shown() -> usize {
    SHOWN.get()
}

pub(crate) fn logged_loss(logits: Logits, y: Y, log: &RefCell<Vec<String>>) -> Loss {
    log.borrow_mut().push("loss".to_owned());
    mse_loss(logits, y)
}

pub(crate) fn slow_loss(logits: Logits, y: Y) -> Loss {
    std::thread::sleep(Duration::from_millis(30));
    mse_loss(logits, y)
}

/// Must not be called with what a guard keeps away.
pub(crate) fn strict_loss(logits: Logits, y: Y) -> Loss {
    assert!(
        logits.as_vec()[0] > 0.0,
        "strict_loss called with what the guard keeps away"
    );
    mse_loss(logits, y)
}

pub(crate) fn fallible_loss(logits: Logits, y: Y, bad: bool) -> Result<Loss, String> {
    if bad {
        Err("bad".to_owned())
    } else {
        Ok(mse_loss(logits, y))
    }
}

/// The value of a result, or the next batch.
macro_rules! or_continue {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(_) => continue,
        }
    };
}
pub(crate) use or_continue;

/// A network that counts its forward passes and adds what it said the last time.
#[derive(Clone)]
pub(crate) struct Counting {
    pub(crate) net: Net,
    pub(crate) calls: usize,
    pub(crate) last: Option<Tensor<Rank2<8, 3>, f32, Cpu>>,
}

impl Counting {
    /// Forgets what it said.
    pub(crate) fn reset(&mut self) {
        self.last = None;
    }
}

impl TensorCollection<f32, Cpu> for Counting {
    type To<E2: Dtype, D2: Device<E2>> = <Net as TensorCollection<f32, Cpu>>::To<E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, f32, Cpu>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(Self::module("net", |s| &s.net, |s| &mut s.net), |net| net)
    }
}

impl<T: Tape<f32, Cpu>> ModuleMut<Tensor<Rank2<8, 4>, f32, Cpu, T>> for Counting {
    type Output = Tensor<Rank2<8, 3>, f32, Cpu, T>;
    type Error = <Cpu as HasErr>::Err;

    fn try_forward_mut(
        &mut self,
        x: Tensor<Rank2<8, 4>, f32, Cpu, T>,
    ) -> Result<Self::Output, Self::Error> {
        self.calls += 1;
        let mut said = self.net.try_forward(x)?;
        if let Some(last) = &self.last {
            said = said.try_add(last.clone())?;
        }
        let (values, tape) = said.split_tape();
        self.last = Some(values.clone());
        Ok(values.put_tape(tape))
    }
}
