//! What the type of a convolution says: sizes, as types and as numbers.

use dfdx::shapes::{Const, ConstDim, ConstShape, Shape};

use super::{
    conv2d::builder::Conv2D,
    conv2d_batch_norm::builder::{Conv2DBatchNorm, Conv2DBatchNormReLU},
    dims::{Grouped, Slide},
    shape_bounds::{ChannelsOf, ImageShape, Slid},
};
use crate::device::Window;

/// The sizes of a convolution.
pub trait ConvSizes {
    /// The shape of the kernels: (out channels, in channels of a group, side, side).
    type Kernels: ConstShape<Concrete = [usize; 4]>;
    /// Out channels.
    type Out: ConstDim;
    /// The window of a kernel.
    const WINDOW: Window;
    /// Groups of channels.
    const GROUPS: usize;
    /// Numbers that each output is a sum of.
    const FAN_IN: usize;
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
> ConvSizes for Conv2D<IN, OUT, K, S, P, L, G>
where
    Const<IN>: Grouped<G>,
{
    type Kernels = (
        Const<OUT>,
        <Const<IN> as Grouped<G>>::Each,
        Const<K>,
        Const<K>,
    );
    type Out = Const<OUT>;
    const WINDOW: Window = {
        assert!(
            OUT.is_multiple_of(G),
            "the output channels of a `Conv2D` must make groups of equal size; see \
             `errors/groups-of-unequal-size` in sam-train's guide"
        );
        Window {
            size: K,
            stride: S,
            padding: P,
            dilation: L,
        }
    };
    const GROUPS: usize = G;
    const FAN_IN: usize = IN * K * K / G;
}

/// A layer that begins with a convolution, as a network names it.
pub trait ConvSpec {
    /// The convolution.
    type Conv: ConvSizes;
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
> ConvSpec for Conv2D<IN, OUT, K, S, P, L, G>
where
    Const<IN>: Grouped<G>,
{
    type Conv = Conv2D<IN, OUT, K, S, P, L, G>;
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
> ConvSpec for Conv2DBatchNorm<IN, OUT, K, S, P, L, G>
where
    Const<IN>: Grouped<G>,
{
    type Conv = Conv2D<IN, OUT, K, S, P, L, G>;
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
> ConvSpec for Conv2DBatchNormReLU<IN, OUT, K, S, P, L, G>
where
    Const<IN>: Grouped<G>,
{
    type Conv = Conv2D<IN, OUT, K, S, P, L, G>;
}

/// Images that a layer can take which begins with this convolution. What the compiler says is what it says of
/// [`ImageShape`], `ChannelsOf` and `Slide`.
#[diagnostic::on_unimplemented(
    message = "`{Layer}` takes batches of images, but gets a tensor of shape `{Self}`",
    label = "not of shape (batch, channels, height, width)",
    note = "a single image is a batch of one, `(Const<1>, channels, height, width)`",
    note = "see `errors/image-without-batch` in sam-train's guide"
)]
pub trait Convolved<Conv, Layer: ?Sized>: Shape<Concrete = [usize; 4]> {
    /// What comes out.
    type Out: Shape<Concrete = [usize; 4]>;
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
    Layer: ?Sized,
    Sh,
> Convolved<Conv2D<IN, OUT, K, S, P, L, G>, Layer> for Sh
where
    Const<IN>: Grouped<G>,
    Sh: ImageShape<Layer>,
    Sh::Channels: ChannelsOf<IN, Layer>,
    Sh::Height: Slide<K, S, P, L, Layer>,
    Sh::Width: Slide<K, S, P, L, Layer>,
{
    type Out = Slid<Sh, Const<OUT>, K, S, P, L, Layer>;
}
