//! What a predictor takes, by its type.

use dfdx::{
    nn::Module,
    prelude::Device,
    shapes::{Const, Rank1},
    tensor::Tensor,
};

use super::{Outputs, Preprocessing};
use crate::data::{BatchShape, ImageShape};

/// What a [`Predictor`](super::Predictor) of the network `N` takes:
///
/// | | |
/// |---|---|
/// | `()` | tensors alone, with any file |
/// | `Rank1<F>` | rows of a table that make `F` numbers |
/// | `Rank3<C, H, W>`, `Rank2<H, W>` | pictures |
///
/// The network must take any number of them, as networks do that have no size of batches in their type.
#[diagnostic::on_unimplemented(
    message = "a predictor of this network can't take inputs of shape `{Self}`",
    label = "the network takes no batches of `{Self}`",
    note = "it must map a tensor of `(usize, ..)`, the shape behind the batch, to one of `(usize, Const<OUTPUTS>)`, in `f32`",
    note = "see `errors/predictor-of-other-inputs` in sam-train's guide"
)]
pub trait Input<N, D> {
    /// The network's outputs, where the type of the input says it.
    #[doc(hidden)]
    const OUTPUTS: Option<usize>;

    /// Whether such inputs are what is described; else what they are, in words.
    #[doc(hidden)]
    fn check(preprocessing: &Preprocessing) -> Result<(), String>;
}

/// The tensors of any number of inputs of shape `S`.
pub(super) type BatchOf<S, D> = Tensor<<S as BatchShape>::Dynamic, f32, D>;

impl<N, D> Input<N, D> for () {
    const OUTPUTS: Option<usize> = None;

    fn check(_: &Preprocessing) -> Result<(), String> {
        Ok(())
    }
}

impl<N, D, const F: usize> Input<N, D> for Rank1<F>
where
    D: Device<f32>,
    N: Module<Tensor<(usize, Const<F>), f32, D>, Output: Outputs>,
{
    const OUTPUTS: Option<usize> = Some(<N::Output as Outputs>::WIDTH);

    fn check(preprocessing: &Preprocessing) -> Result<(), String> {
        match preprocessing {
            #[cfg(feature = "table")]
            Preprocessing::Rows(encoder) if encoder.width() == F => Ok(()),
            _ => Err(format!("rows that make {F} numbers")),
        }
    }
}

impl<N, D, S> Input<N, D> for S
where
    D: Device<f32>,
    S: ImageShape,
    N: Module<BatchOf<S, D>, Output: Outputs>,
{
    const OUTPUTS: Option<usize> = Some(<N::Output as Outputs>::WIDTH);

    fn check(preprocessing: &Preprocessing) -> Result<(), String> {
        let shape = [S::CHANNELS, S::HEIGHT, S::WIDTH];
        match preprocessing {
            #[cfg(feature = "image")]
            Preprocessing::Pictures(input) if input.shape() == shape => Ok(()),
            _ => {
                let [channels, height, width] = shape;
                Err(format!("pictures of {channels} x {height} x {width}"))
            }
        }
    }
}
