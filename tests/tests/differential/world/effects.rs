//! Things of the user's that have a state: meters, schedules, spans.

use std::cell::Cell;

use super::log::record;

/// The running mean that every PyTorch example has.
#[derive(Clone, Debug, Default)]
pub struct AverageMeter {
    pub sum: f32,
    pub count: usize,
}

impl AverageMeter {
    pub fn update(&mut self, value: f32, n: usize) {
        self.sum += value * n as f32;
        self.count += n;
    }

    pub fn mean(&self) -> f32 {
        self.sum / self.count.max(1) as f32
    }
}

/// A weight that changes with every step.
#[derive(Clone, Debug, Default)]
pub struct Annealing {
    pub step: usize,
}

impl Annealing {
    pub fn step(&mut self) {
        self.step += 1;
    }

    pub fn weight(&self) -> f32 {
        1.0 / (1.0 + self.step as f32 * 0.25)
    }

    pub fn next_weight(&mut self) -> f32 {
        self.step();
        self.weight()
    }
}

/// Says when it begins and when it ends.
pub struct Span(&'static str);

impl Span {
    pub fn enter(name: &'static str) -> Self {
        record(format!("> {name}"));
        Self(name)
    }

    pub fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        record(format!("< {}", self.0));
    }
}

thread_local! {
    static TICKS: Cell<usize> = const { Cell::new(0) };
}

/// A clock that only work moves, so that what a timer measures is the same in every run.
pub struct Timer(usize);

impl Timer {
    pub fn start() -> Self {
        Self(TICKS.get())
    }

    pub fn elapsed(&self) -> usize {
        TICKS.get() - self.0
    }
}

pub fn work(ticks: usize) {
    TICKS.set(TICKS.get() + ticks);
}

/// A progress bar.
#[derive(Clone, Debug, Default)]
pub struct Bar {
    pub position: u64,
    pub message: String,
}

impl Bar {
    pub fn inc(&mut self, by: u64) {
        self.position += by;
    }

    pub fn set_message(&mut self, message: String) {
        record(format!("{} {message}", self.position));
        self.message = message;
    }
}

/// A callback that counts.
pub fn called() -> impl FnMut(f32) {
    let mut calls = 0;
    move |value| {
        calls += 1;
        record(format!("call {calls}: {value}"));
    }
}
