//! What networks give.

use dfdx::{
    shapes::{Const, Dim, HasShape, Rank1, Shape},
    tensor::{Storage, Tensor},
};

/// What a network gives for a batch: `(inputs, outputs)`; or for one input: `(outputs,)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be read as predictions",
    label = "no rows of outputs",
    note = "a network gives a tensor of `(inputs, outputs)` for a batch, or of `(outputs,)` for one input, of `f32`",
    note = "see `errors/outputs-that-are-no-rows` in sam-train's guide"
)]
pub trait Outputs {
    /// Outputs for each input.
    const WIDTH: usize;

    /// The outputs of all inputs, one after the other.
    fn numbers(&self) -> Vec<f32>;
}

impl<B: Dim, const WIDTH: usize, D: Storage<f32>, T> Outputs
    for Tensor<(B, Const<WIDTH>), f32, D, T>
where
    (B, Const<WIDTH>): Shape,
{
    const WIDTH: usize = WIDTH;

    fn numbers(&self) -> Vec<f32> {
        // dfdx reads no empty tensors.
        match self.shape().0.size() * WIDTH {
            0 => Vec::new(),
            _ => self.as_vec(),
        }
    }
}

impl<const WIDTH: usize, D: Storage<f32>, T> Outputs for Tensor<Rank1<WIDTH>, f32, D, T> {
    const WIDTH: usize = WIDTH;

    fn numbers(&self) -> Vec<f32> {
        match WIDTH {
            0 => Vec::new(),
            _ => self.as_vec(),
        }
    }
}
