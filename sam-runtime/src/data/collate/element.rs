//! The numbers that tensors hold, and how they lie side by side.

use dfdx::{
    dtypes::Unit,
    shapes::Shape,
    tensor::{Tensor, TensorFromVec},
};

use super::{Ahead, Column, DataError, refused};
use crate::device::Sent;

/// A number of a sample: `f32`, `f64`, `usize` (as token ids and indices are), `bool` (as masks may be).
pub trait Element: Unit {
    /// These numbers, if they are `f32`.
    #[doc(hidden)]
    fn floats(numbers: &mut [Self]) -> &mut [f32] {
        let _ = numbers;
        &mut []
    }

    /// The tensor of numbers that were sent ahead.
    #[doc(hidden)]
    fn received<S: Shape, D: TensorFromVec<Self>>(
        ahead: Ahead,
        device: &D,
        shape: S,
    ) -> Option<Result<Tensor<S, Self, D>, D::Err>> {
        let _ = (ahead, device, shape);
        None
    }

    /// Its bytes, least significant first.
    #[doc(hidden)]
    fn digest(self, sum: &mut dyn FnMut(&[u8]));
}

impl Element for f32 {
    fn floats(numbers: &mut [Self]) -> &mut [f32] {
        numbers
    }

    fn received<S: Shape, D: TensorFromVec<Self>>(
        ahead: Ahead,
        device: &D,
        shape: S,
    ) -> Option<Result<Tensor<S, Self, D>, D::Err>> {
        ahead.downcast::<Sent>().ok()?.receive(device, shape)
    }

    fn digest(self, sum: &mut dyn FnMut(&[u8])) {
        sum(&self.to_le_bytes());
    }
}

impl Element for f64 {
    fn digest(self, sum: &mut dyn FnMut(&[u8])) {
        sum(&self.to_le_bytes());
    }
}

impl Element for usize {
    fn digest(self, sum: &mut dyn FnMut(&[u8])) {
        sum(&(self as u64).to_le_bytes());
    }
}

impl Element for bool {
    fn digest(self, sum: &mut dyn FnMut(&[u8])) {
        sum(&[self.into()]);
    }
}

/// Rows of as many numbers each.
#[doc(hidden)]
pub struct Flat<E> {
    numbers: Vec<E>,
    rows: usize,
    width: usize,
    ahead: Option<Ahead>,
}

impl<E: Element> Flat<E> {
    /// All of them zero.
    pub(super) fn new(rows: usize, width: usize) -> Self {
        Self::of(vec![E::default(); rows * width], rows, width)
    }

    pub(super) fn of(numbers: Vec<E>, rows: usize, width: usize) -> Self {
        Self {
            numbers,
            rows,
            width,
            ahead: None,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn tensor<S: Shape, D: TensorFromVec<E>>(
        self,
        device: &D,
        shape: S,
    ) -> Result<Tensor<S, E, D>, DataError> {
        let sent = self.ahead.and_then(|at| E::received(at, device, shape));
        sent.unwrap_or_else(|| device.try_tensor_from_vec(self.numbers, shape))
            .map_err(|error| refused(self.rows, error.to_string()))
    }
}

impl<E: Element> Column for Flat<E> {
    type Slots<'a> = &'a mut [E];

    fn slots(&mut self, size: usize) -> Vec<&mut [E]> {
        if self.width == 0 {
            let none = |_| Default::default();
            return (0..self.rows.div_ceil(size)).map(none).collect();
        }
        self.numbers.chunks_mut(size * self.width).collect()
    }

    fn numbers(&mut self) -> &mut [f32] {
        E::floats(&mut self.numbers)
    }

    fn send(&mut self, send: &mut dyn FnMut(&[f32]) -> Option<Ahead>) {
        let numbers = E::floats(&mut self.numbers);
        if !numbers.is_empty() {
            self.ahead = send(numbers);
        }
    }

    fn digest(&self, sum: &mut dyn FnMut(&[u8])) {
        for number in &self.numbers {
            number.digest(sum);
        }
    }
}
