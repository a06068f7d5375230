//! Convolution.

use dfdx::{
    nn::{BuildOnDevice, Module, ModuleVisitor, NonMutableModule, TensorCollection, TensorOptions},
    prelude::Device,
    shapes::{Const, Dtype},
    tensor::{Storage, Tensor},
};

use super::{
    cast::cast,
    dims::{Grouped, Slide},
    init,
    shape_bounds::{ChannelsOf, ImageShape, Slid},
};
use crate::device::{Image, LayerTape, Layers, Window};

pub(super) mod builder {
    //! What a network names.

    use dfdx::shapes::Const;

    use super::Grouped;

    /// A convolution from `IN` to `OUT` channels by kernels of `K` x `K`, with stride `S`, padding
    /// `P`, dilation `L` and `G` groups; see [`modules::Conv2D`](crate::nn::modules::Conv2D).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Conv2D<
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize = 1,
        const P: usize = 0,
        const L: usize = 1,
        const G: usize = 1,
    >
    where
        Const<IN>: Grouped<G>;
}

/// A convolution without bias: (batch, `IN`, h, w) to (batch, `OUT`, h', w').
///
/// As in dfdx and PyTorch (`Conv2d(IN, OUT, K, S, P, L, G, bias=False)`), the kernels are not
/// flipped, padding is zeros, and the weight starts uniform in `±sqrt(G / (IN K K))`. Sides can be
/// static or dynamic; [`Slide`](super::dims::Slide) says which static ones fit. A bias is a
/// [`Bias2D`](super::Bias2D) behind it.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::Conv2D};
///
/// let dev = Cpu::default();
/// // Stride 2, padding 1: half the side.
/// let conv = dev.build_module::<Conv2D<3, 16, 3, 2, 1>, f32>();
/// let x: Tensor<Rank4<8, 3, 32, 32>, f32, _> = dev.sample_normal();
/// let _: Tensor<Rank4<8, 16, 16, 16>, f32, _> = conv.forward(x);
/// ```
#[derive(Clone, Debug)]
pub struct Conv2D<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
    E: Dtype,
    D: Storage<E>,
> where
    Const<IN>: Grouped<G>,
{
    /// The kernels: (`OUT`, `IN / G`, `K`, `K`).
    #[allow(clippy::type_complexity)]
    pub weight: Tensor<
        (
            Const<OUT>,
            <Const<IN> as Grouped<G>>::Each,
            Const<K>,
            Const<K>,
        ),
        E,
        D,
    >,
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
    E: Dtype,
    D: Device<E>,
> Conv2D<IN, OUT, K, S, P, L, G, E, D>
where
    Const<IN>: Grouped<G>,
{
    /// The window of a kernel.
    pub const WINDOW: Window = {
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

    /// The weight in dynamic sizes; the same memory, the same gradient.
    pub(super) fn kernels(&self) -> Result<Image<E, D>, D::Err> {
        cast(self.weight.clone())
    }
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
    E: Dtype,
    D: Device<E>,
> BuildOnDevice<D, E> for builder::Conv2D<IN, OUT, K, S, P, L, G>
where
    Const<IN>: Grouped<G>,
{
    type Built = Conv2D<IN, OUT, K, S, P, L, G, E, D>;
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
    E: Dtype,
    D: Device<E>,
> TensorCollection<E, D> for Conv2D<IN, OUT, K, S, P, L, G, E, D>
where
    Const<IN>: Grouped<G>,
{
    type To<E2: Dtype, D2: Device<E2>> = Conv2D<IN, OUT, K, S, P, L, G, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            Self::tensor(
                "weight",
                |s| &s.weight,
                |s| &mut s.weight,
                TensorOptions::reset_with(|t| init::uniform(t, IN * K * K / G)),
            ),
            |weight| Conv2D { weight },
        )
    }
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
    Sh,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
> Module<Tensor<Sh, E, D, T>> for Conv2D<IN, OUT, K, S, P, L, G, E, D>
where
    Const<IN>: Grouped<G>,
    Sh: ImageShape<builder::Conv2D<IN, OUT, K, S, P, L, G>>,
    Sh::Channels: ChannelsOf<IN, builder::Conv2D<IN, OUT, K, S, P, L, G>>,
    Sh::Height: Slide<K, S, P, L, builder::Conv2D<IN, OUT, K, S, P, L, G>>,
    Sh::Width: Slide<K, S, P, L, builder::Conv2D<IN, OUT, K, S, P, L, G>>,
{
    type Output =
        Tensor<Slid<Sh, Const<OUT>, K, S, P, L, builder::Conv2D<IN, OUT, K, S, P, L, G>>, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(D::try_conv2d(cast(x)?, &self.kernels()?, Self::WINDOW, G)?)
    }
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
    E: Dtype,
    D: Storage<E>,
> NonMutableModule for Conv2D<IN, OUT, K, S, P, L, G, E, D>
where
    Const<IN>: Grouped<G>,
{
}
