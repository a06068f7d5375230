//! Group normalization.

use dfdx::{
    nn::{Module, NonMutableModule},
    shapes::{Axes3, Axis, Dtype, HasShape, Rank1},
    tensor::{Storage, Tensor},
    tensor_ops::{BroadcastTo, ReshapeTo, TryMul},
};

use super::{
    cast::cast,
    shape_bounds::{ChannelsOf, ImageShape},
    summary::note,
};
use crate::device::{Channels, Image, LayerTape, Layers, by_planes, misfit};

pub(super) mod builder {
    //! What a network names.

    /// Group normalization of `C` channels in `G` groups; see
    /// [`modules::GroupNorm`](crate::nn::modules::GroupNorm).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct GroupNorm<const G: usize, const C: usize>;
}

crate::layer! {
    /// Group normalization (Wu & He [2018](https://arxiv.org/abs/1803.08494)) of images, (batch, `C`, h, w): the `C / G`
    /// channels of each of `G` groups by their mean and variance over one image,
    /// `(x - mean) / sqrt(variance + 1e-5)`, then each channel `* scale + bias`.
    ///
    /// As PyTorch's `GroupNorm(G, C)`. No image depends on the others of its batch: micro-batches of any size give what
    /// the whole one does, and there are no running statistics. `GroupNorm<C, C>` is instance normalization,
    /// `GroupNorm<1, C>` layer normalization of whole images. Groups of unequal size don't compile.
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, nn::{Conv2D, GroupNorm}};
    ///
    /// let dev = Cpu::default();
    /// let net = dev.build_module::<(Conv2D<3, 8, 3, 1, 1>, GroupNorm<4, 8>, ReLU), f32>();
    /// let x: Tensor<Rank4<2, 3, 16, 16>, f32, _> = dev.sample_normal();
    /// let _: Tensor<Rank4<2, 8, 16, 16>, f32, _> = net.forward(x);
    /// ```
    ///
    /// ```compile_fail,E0080
    /// # use sam_runtime::{dfdx::prelude::*, nn::GroupNorm};
    /// Cpu::default().build_module::<GroupNorm<3, 8>, f32>();
    /// ```
    pub struct GroupNorm<const G: usize, const C: usize; E, D> of builder::GroupNorm<G, C> {
        /// The factor of each channel, which starts at 1: (`C`,).
        parameter scale: Rank1<C> = |t| {
            let () = Self::OF_EQUAL_SIZE;
            t.try_fill_with_ones()
        },
        /// The summand of each channel, which starts at 0: (`C`,).
        parameter bias: Rank1<C> = |t| t.try_fill_with_zeros(),
        /// Added to the variance before its root is taken; 1e-5.
        scalar epsilon: f64 = 1e-5,
    }
}

impl<const G: usize, const C: usize, E: Dtype, D: Storage<E>> GroupNorm<G, C, E, D> {
    const OF_EQUAL_SIZE: () = assert!(
        G > 0 && C.is_multiple_of(G),
        "GroupNorm<G, C>: the C channels can't be divided into G groups of equal size"
    );
}

fn normalize<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    groups: usize,
    scale: &Channels<E, D>,
    bias: &Channels<E, D>,
    epsilon: f64,
) -> Result<Image<E, D, T>, D::Err> {
    let shape = *x.shape();
    let (batch, channels, height, width) = shape;
    let device = x.device().clone();
    let x = by_planes(x).ok_or_else(|| misfit(&device))?;
    let rows = (batch * groups, channels / groups * height * width);
    let y = x
        .try_reshape_like(&rows)?
        .try_normalize::<Axis<1>>(epsilon)?;
    let scale_of_all = scale.retaped::<T>();
    let y = y
        .try_reshape_like(&shape)?
        .try_mul(scale_of_all.try_broadcast_like::<_, Axes3<0, 2, 3>>(&shape)?)?;
    let y = D::try_bias(y, bias, false)?;
    note("GroupNorm", Some(scale), 0, &y);
    Ok(y)
}

impl<const G: usize, const C: usize, E: Dtype, D: Storage<E>> NonMutableModule
    for GroupNorm<G, C, E, D>
{
}

impl<const G: usize, const C: usize, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>
    Module<Tensor<Sh, E, D, T>> for GroupNorm<G, C, E, D>
where
    Sh: ImageShape<builder::GroupNorm<G, C>>,
    Sh::Channels: ChannelsOf<C, builder::GroupNorm<G, C>>,
{
    type Output = Tensor<Sh, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        let (scale, bias) = (cast(self.scale.clone())?, cast(self.bias.clone())?);
        cast(normalize(cast(x)?, G, &scale, &bias, self.epsilon)?)
    }
}
