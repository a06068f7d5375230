//! Images and rows as the layers take them, and their shapes taken off and put on again.
//!
//! dfdx's `Module` can't say why a tensor does not fit; the traits here can. `L` is the layer, named in
//! the message.

use dfdx::{
    prelude::*,
    shapes::{Const, Dim, Dtype},
};

use super::dims::Slide;
use crate::device::{Image, LayerTape, Layers, Rows, Window};

/// Images of `C` channels: a tensor of (batch, `C`, height, width), with a tape or without.
#[diagnostic::on_unimplemented(
    message = "`{L}` takes images of {C} channels, (batch, {C}, height, width), and is given `{Self}`",
    label = "this network's layers don't fit each other, or its input"
)]
pub trait ImagesFor<L, const C: usize, E: Dtype, D: Layers<E>>: Sized {
    /// The batch.
    type Batch: Dim;
    /// Height.
    type Height: Dim;
    /// Width.
    type Width: Dim;
    /// The tape.
    type Tape: LayerTape<E, D>;

    /// The same tensor, whose sizes are known when the program runs.
    fn erase(self) -> Image<E, D, Self::Tape>;
}

impl<L, const C: usize, B: Dim, H: Dim, W: Dim, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>
    ImagesFor<L, C, E, D> for Tensor<(B, Const<C>, H, W), E, D, T>
{
    type Batch = B;
    type Height = H;
    type Width = W;
    type Tape = T;

    fn erase(self) -> Image<E, D, T> {
        erase(self)
    }
}

/// Vectors of `I` features side by side: a tensor of (batch, `I`), with a tape or without.
#[diagnostic::on_unimplemented(
    message = "`{L}` takes vectors of {I} features, (batch, {I}), and is given `{Self}`",
    label = "this network's layers don't fit each other, or its input"
)]
pub trait RowsFor<L, const I: usize, E: Dtype, D: Layers<E>>: Sized {
    /// The batch.
    type Batch: Dim;
    /// The tape.
    type Tape: LayerTape<E, D>;

    /// The same tensor, whose sizes are known when the program runs.
    fn erase(self) -> Rows<E, D, Self::Tape>;
}

impl<L, const I: usize, B: Dim, E: Dtype, D: Layers<E>, T: LayerTape<E, D>> RowsFor<L, I, E, D>
    for Tensor<(B, Const<I>), E, D, T>
{
    type Batch = B;
    type Tape = T;

    fn erase(self) -> Rows<E, D, T> {
        erase(self)
    }
}

/// The side that becomes of `N`.
pub(super) type Out<N, const K: usize, const S: usize, const P: usize, const L: usize> =
    <N as Slide<K, S, P, L>>::Out;

/// The window with these const parameters.
pub(super) const fn window<const K: usize, const S: usize, const P: usize, const L: usize>()
-> Window {
    Window {
        size: K,
        stride: S,
        padding: P,
        dilation: L,
    }
}

/// The same tensor with sizes that are known when the program runs.
pub(super) fn erase<S, A, E, D, T>(x: Tensor<S, E, D, T>) -> Tensor<A, E, D, T>
where
    S: Shape,
    A: Shape<Concrete = S::Concrete>,
    E: Dtype,
    D: Storage<E>,
    T: Tape<E, D>,
{
    x.try_realize()
        .unwrap_or_else(|_| unreachable!("dynamic dimensions take any size"))
}

/// The same tensor with the sizes that its type says; the device's error for a wrong number of elements
/// if they are others.
pub(super) fn restore<S, A, E, D, T>(x: Tensor<A, E, D, T>) -> Result<Tensor<S, E, D, T>, D::Err>
where
    S: Shape,
    A: Shape<Concrete = S::Concrete>,
    E: Dtype,
    D: Layers<E>,
    T: Tape<E, D>,
{
    x.try_realize().or_else(|x| Err(misfit(x.device())))
}

/// What a device says to a wrong number of elements.
pub(super) fn misfit<E: Dtype, D: Layers<E>>(device: &D) -> D::Err {
    match device.try_tensor_from_vec(Vec::<E>::new(), (1_usize,)) {
        Err(error) => error,
        Ok(_) => unreachable!("no elements don't make a tensor of one"),
    }
}
