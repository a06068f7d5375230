//! Vectors of images.

use dfdx::{
    nn::{Module, NonMutableModule, ZeroSizedModule},
    prelude::Device,
    shapes::{Const, Dtype, Shape},
    tensor::Tensor,
    tensor_ops::ReshapeTo,
};

use super::{
    applied,
    cast::cast,
    shape_bounds::{Flattens, ImageShape},
};
use crate::device::{LayerTape, by_planes, misfit};

/// Makes a vector of each image: (batch, c, h, w) to (batch, c h w).
///
/// The product of static sizes is looked up ([`Flat`](super::dims::Flat)). For one that isn't known
/// there is [`FlattenTo`]; if a size is dynamic, so is the product.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::Flatten2D};
///
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<8, 16, 4, 4>, f32, _> = dev.sample_normal();
/// let _: Tensor<Rank2<8, 256>, f32, _> = Flatten2D.forward(x);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flatten2D;

/// Makes a vector of `N` numbers of each image: (batch, c, h, w) to (batch, `N`).
///
/// It takes sizes of every kind, and checks that their product is `N` when it runs.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::FlattenTo};
///
/// let dev = Cpu::default();
/// let x: Tensor<Rank4<8, 7, 5, 3>, f32, _> = dev.sample_normal();
/// let _: Tensor<Rank2<8, 105>, f32, _> = FlattenTo::<105>.forward(x.clone());
/// assert!(FlattenTo::<104>.try_forward(x).is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlattenTo<const N: usize>;

impl ZeroSizedModule for Flatten2D {}
impl NonMutableModule for Flatten2D {}
impl<const N: usize> ZeroSizedModule for FlattenTo<N> {}
impl<const N: usize> NonMutableModule for FlattenTo<N> {}

impl<Sh, E: Dtype, D: Device<E>, T: LayerTape<E, D>> Module<Tensor<Sh, E, D, T>> for Flatten2D
where
    Sh: ImageShape<Self>,
    Sh::Channels: Flattens<Sh::Height, Sh::Width>,
{
    type Output =
        Tensor<Sh::Rows<<Sh::Channels as Flattens<Sh::Height, Sh::Width>>::Features>, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(flatten(x)?)
    }
}

impl<const N: usize, Sh, E: Dtype, D: Device<E>, T: LayerTape<E, D>> Module<Tensor<Sh, E, D, T>>
    for FlattenTo<N>
where
    Sh: ImageShape<Self>,
{
    type Output = Tensor<Sh::Rows<Const<N>>, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(flatten(x)?)
    }
}

#[allow(clippy::type_complexity)]
fn flatten<S, E, D, T>(x: Tensor<S, E, D, T>) -> Result<Tensor<(usize, usize), E, D, T>, D::Err>
where
    S: Shape<Concrete = [usize; 4]>,
    E: Dtype,
    D: Device<E>,
    T: LayerTape<E, D>,
{
    let [b, c, h, w] = dfdx::shapes::HasShape::shape(&x).concrete();
    let x = cast(x)?;
    let device = x.device().clone();
    let x = by_planes(x).ok_or_else(|| misfit(&device))?;
    let y = x.try_reshape_like(&(b, c * h * w))?;
    applied::without_tensors("Flatten2D", &y);
    Ok(y)
}
