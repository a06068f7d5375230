//! The operations that [`nn`](crate::nn)'s layers are made of, one implementation for each device
//! behind [`Layers`].
//!
//! Shapes are dynamic here: the layers check them in their types, and hand on tensors whose sizes
//! are erased. A tensor keeps its id, and so its gradient, when its shape is erased or restored.

#[cfg(test)]
pub(super) mod checks;
mod leaf;
mod window;

use dfdx::{
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::{HasErr, Merge, NoneTape, Storage, Tape, Tensor},
};

pub(super) use leaf::{Free2, Free4, is_input, is_wanted};
pub use window::Window;

/// Images: (batch, channels, height, width). Also a convolution's weight: (out channels, in channels
/// of a group, kernel height, kernel width).
pub type Image<E, D, T = NoneTape> = Tensor<(usize, usize, usize, usize), E, D, T>;

/// Vectors side by side: (batch, features). Also a linear layer's weight: (out, in).
pub type Rows<E, D, T = NoneTape> = Tensor<(usize, usize), E, D, T>;

/// One number for each channel, or for each feature.
pub type Channels<E, D> = Tensor<(usize,), E, D>;

/// What batch normalization learns, and the number that keeps its division safe.
#[derive(Clone, Debug)]
pub struct Affine<E: Dtype, D: Storage<E>> {
    /// PyTorch's `weight`: the factor of each channel.
    pub scale: Channels<E, D>,
    /// The summand of each channel.
    pub bias: Channels<E, D>,
    /// Added to the variance before its root is taken.
    pub epsilon: f64,
}

/// What a batch was normalized by, channel by channel; without a tape.
#[derive(Clone, Debug)]
pub struct Moments<E: Dtype, D: Storage<E>> {
    /// The mean over the batch and all positions.
    pub mean: Channels<E, D>,
    /// The variance around it, divided by [`count`](Self::count).
    pub variance: Channels<E, D>,
    /// How many numbers of a channel there were: batch times positions.
    pub count: usize,
}

/// A normalized tensor, and what it was normalized by; or the device's error.
pub type Normalized<X, E, D> = Result<(X, Moments<E, D>), <D as HasErr>::Err>;

/// What follows a normalization, computed with it: `max(0, x + residual)`, each part if it is there.
#[derive(Clone, Debug)]
pub struct Tail<X> {
    /// Added to the normalized value; of the same shape.
    pub residual: Option<X>,
    /// Whether ReLU follows.
    pub relu: bool,
}

impl<X> Tail<X> {
    /// Nothing follows.
    pub const NONE: Self = Self {
        residual: None,
        relu: false,
    };
    /// ReLU follows.
    pub const RELU: Self = Self {
        residual: None,
        relu: true,
    };
}

/// How a window becomes one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The largest; padding never is. The gradient goes to the first of several largest ones.
    Max,
    /// The sum over the window, divided by the window's size; padding counts as zeros, as it does
    /// in PyTorch's `AvgPool2d`.
    Avg,
}

/// A tape that the operations here can write on: dfdx's `NoneTape` and `OwnedTape`.
pub trait LayerTape<E: Dtype, D: Storage<E>>: Tape<E, D> + Merge<Self> + 'static {}

impl<E: Dtype, D: Storage<E>, T: Tape<E, D> + Merge<T> + 'static> LayerTape<E, D> for T {}

/// What the layers ask of a device.
///
/// Each function takes a tensor with its tape and gives one with the tape on which the way back was
/// written. Parameters come without a tape; their gradients are kept under their ids, and added to.
/// In a shape, the first dimension is the batch and the second the channels; what follows are
/// positions.
///
/// # Errors
/// The device's own. Sizes that do not fit together, which only dynamic dimensions can have, are the
/// error that the device has for a wrong number of elements.
pub trait Layers<E: Dtype>: Device<E> {
    /// Convolution (cross-correlation, as everywhere in this field) of `(b, i, h, w)` with a weight
    /// of `(o, i / groups, k, k)`, to `(b, o, h', w')`. PyTorch's `conv2d` without bias.
    fn try_conv2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
    ) -> Result<Image<E, Self, T>, Self::Err>;

    /// Normalizes each channel by the batch's own mean and variance (Ioffe & Szegedy 2015, algorithm 1),
    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias`, and then does what `tail` says.
    fn try_batch_norm<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Normalized<Tensor<S, E, Self, T>, E, Self>;

    /// [`try_conv2d`](Self::try_conv2d), then [`try_batch_norm`](Self::try_batch_norm); a device may
    /// do the two in fewer passes over memory.
    fn try_conv2d_batch_norm<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
        affine: &Affine<E, Self>,
        tail: Tail<Image<E, Self, T>>,
    ) -> Normalized<Image<E, Self, T>, E, Self> {
        let x = Self::try_conv2d(x, weight, window, groups)?;
        Self::try_batch_norm(x, affine, tail)
    }

    /// Normalizes each channel by given moments, of which the gradient takes no notice: batch
    /// normalization as it is when nothing is trained.
    fn try_normalize<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        mean: &Channels<E, Self>,
        variance: &Channels<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Result<Tensor<S, E, Self, T>, Self::Err>;

    /// Adds a number to each channel; then ReLU, if `relu`.
    fn try_bias<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        bias: &Channels<E, Self>,
        relu: bool,
    ) -> Result<Tensor<S, E, Self, T>, Self::Err>;

    /// Each window of each channel becomes one number.
    fn try_pool2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        pool: Pool,
        window: Window,
    ) -> Result<Image<E, Self, T>, Self::Err>;

    /// The mean of each channel: `(b, c, h, w)` to `(b, c)`.
    fn try_global_avg_pool<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
    ) -> Result<Rows<E, Self, T>, Self::Err>;

    /// Every `stride`-th pixel of every `stride`-th row, and channels of zeros before and after those of
    /// `x`, so that there are `outputs` of them: the shortcut without parameters of He et al. (2015,
    /// section 3.3, option A). `before` channels come before.
    fn try_subsample<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        stride: usize,
        outputs: usize,
        before: usize,
    ) -> Result<Image<E, Self, T>, Self::Err>;

    /// `x weight^T + bias` of `(b, i)` with a weight of `(o, i)`, to `(b, o)`; then ReLU, if `relu`.
    fn try_linear<T: LayerTape<E, Self>>(
        x: Rows<E, Self, T>,
        weight: &Rows<E, Self>,
        bias: Option<&Channels<E, Self>>,
        relu: bool,
    ) -> Result<Rows<E, Self, T>, Self::Err>;
}
