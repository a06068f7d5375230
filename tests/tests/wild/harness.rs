//! What the programs are run in: where they begin, how they step, and what they leave behind.

use std::cell::RefCell;

use dfdx::prelude::*;
use sam_tests::{buffers, parameters, set_parameters};

/// How a program is run, and what it did.
#[derive(Clone, Default)]
pub(crate) struct Run {
    pub(crate) lr: f64,
    pub(crate) steps: usize,
    /// The only batch that takes part.
    pub(crate) only: Option<usize>,
    /// Where the parameters begin, if not where the seed says.
    pub(crate) start: Option<Vec<f64>>,
    /// Weights for what must not follow a perturbation: values computed before the slice.
    pub(crate) frozen: Option<Vec<f64>>,
    /// What it printed and told others.
    pub(crate) log: Vec<String>,
    pub(crate) losses: Vec<f64>,
    pub(crate) before: Vec<f64>,
    pub(crate) after: Vec<f64>,
    pub(crate) buffers: Vec<f64>,
}

impl Run {
    /// Runs `program` so.
    pub(crate) fn of(self, program: fn()) -> Self {
        RUN.set(self);
        program();
        RUN.take()
    }

    /// The way that the parameters went.
    pub(crate) fn step(&self) -> Vec<f64> {
        let pairs = self.before.iter().zip(&self.after);
        pairs.map(|(before, after)| before - after).collect()
    }
}

thread_local!(static RUN: RefCell<Run> = RefCell::default());

pub(crate) fn lr() -> f64 {
    RUN.with_borrow(|run| run.lr)
}

pub(crate) fn steps() -> usize {
    RUN.with_borrow(|run| run.steps)
}

pub(crate) fn only() -> Option<usize> {
    RUN.with_borrow(|run| run.only)
}

/// Whether batch `i` takes part.
pub(crate) fn takes(i: usize) -> bool {
    only().is_none_or(|only| only == i)
}

pub(crate) fn frozen() -> Option<Vec<f64>> {
    RUN.with_borrow(|run| run.frozen.clone())
}

/// Notes what can be seen from outside.
pub(crate) fn rec(line: String) {
    RUN.with_borrow_mut(|run| run.log.push(line));
}

/// Notes a loss that should fall.
pub(crate) fn loss(value: f64) {
    RUN.with_borrow_mut(|run| run.losses.push(value));
}

/// Brings the model to where the run begins.
pub(crate) fn init<E: Dtype, M: TensorCollection<E, Cpu>>(model: &mut M)
where
    Cpu: Device<E>,
{
    if let Some(start) = RUN.with_borrow(|run| run.start.clone()) {
        set_parameters(model, &start);
    }
    let before = parameters(model);
    RUN.with_borrow_mut(|run| run.before = before);
}

/// Sets the parameters of a model.
pub(crate) fn set<E: Dtype, M: TensorCollection<E, Cpu>>(model: &mut M, values: &[f64])
where
    Cpu: Device<E>,
{
    set_parameters(model, values);
}

/// Notes where the model came to.
pub(crate) fn done<E: Dtype, M: TensorCollection<E, Cpu>>(model: &M)
where
    Cpu: Device<E>,
{
    let (after, kept) = (parameters(model), buffers(model));
    RUN.with_borrow_mut(|run| (run.after, run.buffers) = (after, kept));
}

/// Keeps what the programs print.
macro_rules! println {
    ($($arguments:tt)*) => { $crate::harness::rec(format!($($arguments)*)) };
}
pub(crate) use println;
pub(crate) use println as print;
