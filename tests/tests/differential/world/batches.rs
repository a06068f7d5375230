//! The data, and the ways in which loops come by it.

use std::collections::VecDeque;

use dfdx::prelude::*;

use super::models::Tape32;

/// How many batches there are.
pub const BATCHES: usize = 5;

/// Batches of eight rows, by their types.
pub mod fixed {
    use super::*;

    pub type X = Tensor<Rank2<8, 4>, f32, Cpu>;
    pub type Y = Tensor<Rank2<8, 3>, f32, Cpu>;
    pub type TracedX = Tensor<Rank2<8, 4>, f32, Cpu, Tape32>;
    pub type Logits = Tensor<Rank2<8, 3>, f32, Cpu, Tape32>;

    pub fn batches(dev: &Cpu) -> Vec<(X, Y)> {
        let batch = |_| {
            let x: X = dev.sample_normal();
            let y: Y = dev.sample_uniform();
            (x, y.softmax::<Axis<1>>())
        };
        (0..BATCHES).map(batch).collect()
    }
}

/// Batches whose number of rows is known when they are there: the last one is smaller.
pub mod dynamic {
    use super::*;

    pub type X = Tensor<(usize, Const<4>), f32, Cpu>;
    pub type Y = Tensor<(usize, Const<3>), f32, Cpu>;
    pub type TracedX = Tensor<(usize, Const<4>), f32, Cpu, Tape32>;
    pub type Logits = Tensor<(usize, Const<3>), f32, Cpu, Tape32>;

    pub fn batches(dev: &Cpu) -> Vec<(X, Y)> {
        let batch = |i| {
            let rows = if i + 1 == BATCHES { 6 } else { 8 };
            let x: X = dev.sample_normal_like(&(rows, Const));
            let y: Y = dev.sample_uniform_like(&(rows, Const));
            (x, y.softmax::<Axis<1>>())
        };
        (0..BATCHES).map(batch).collect()
    }
}

/// A batch as a struct.
#[derive(Clone)]
pub struct Batch<A, B> {
    pub images: A,
    pub labels: B,
    pub index: usize,
}

/// A loader that is its own iterator: its position can be seen.
pub struct Loader<A, B> {
    queue: VecDeque<(A, B)>,
    pub position: usize,
}

impl<A, B> Loader<A, B> {
    pub fn new(batches: Vec<(A, B)>) -> Self {
        Self {
            queue: batches.into(),
            position: 0,
        }
    }
}

impl<A, B> Iterator for Loader<A, B> {
    type Item = Batch<A, B>;

    fn next(&mut self) -> Option<Self::Item> {
        let (images, labels) = self.queue.pop_front()?;
        self.position += 1;
        Some(Batch {
            images,
            labels,
            index: self.position,
        })
    }
}
