//! Batch normalization.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::shape::{ImagesFor, erase, restore};
use crate::device::{Affine, LayerTape, Layers, Moments, Tail};

/// Batch normalization (Ioffe & Szegedy, [2015](https://arxiv.org/abs/1502.03167)) of images of `C`
/// channels: (batch, `C`, height, width). PyTorch's `BatchNorm2d`; dfdx's `BatchNorm2D`, in a fraction
/// of its time.
///
/// `forward_mut`, of a tensor with a tape, normalizes by the batch's own mean and variance and advances
/// the running statistics; `forward`, of a tensor without one, normalizes by those. (With the tape the
/// other way round it does not compile, as in dfdx.) The running variance takes the unbiased one; that
/// of a single number, which has none, as it is.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::nn::BatchNorm2D;
///
/// let dev = Cpu::default();
/// let mut norm = dev.build_module::<BatchNorm2D<3>, f32>();
/// let x: Tensor<Rank4<10, 3, 4, 4>, f32, _> = dev.sample_normal();
/// let y = norm.forward_mut(x.leaky_trace());
/// let mean: Tensor<Rank0, f32, _, _> = y.mean();
/// assert!(mean.array().abs() < 1e-6);
/// let y: Tensor<Rank4<10, 3, 4, 4>, f32, _> = norm.forward(x);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchNorm2D<const C: usize>;

/// [`BatchNorm2D`], then ReLU, in one pass over memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchNorm2DReLU<const C: usize>;

/// Batch normalization of vectors, (batch, `C`), or of sequences, (batch, `C`, length). As
/// [`BatchNorm2D`] otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchNorm1D<const C: usize>;

pub(super) mod module {
    use super::*;

    /// What the batch normalizations have in common: see [`BatchNorm2D`](super::BatchNorm2D).
    /// `IMAGES` says what they take, images or vectors; `RELU`, whether ReLU follows.
    #[derive(Clone, Debug)]
    pub struct BatchNorm<
        const C: usize,
        const IMAGES: bool,
        const RELU: bool,
        E: Dtype,
        D: Storage<E>,
    > {
        /// Factor of each channel; begins at 1. PyTorch's `weight`.
        pub scale: Tensor<Rank1<C>, E, D>,
        /// Summand of each channel; begins at 0.
        pub bias: Tensor<Rank1<C>, E, D>,
        /// Mean of each channel, for when nothing is trained; begins at 0.
        pub running_mean: Tensor<Rank1<C>, E, D>,
        /// Variance of each channel, for when nothing is trained; begins at 1.
        pub running_var: Tensor<Rank1<C>, E, D>,
        /// Added to the variance before its root is taken: 1e-5.
        pub epsilon: f64,
        /// The share of a batch's statistics in the running ones: 0.1.
        pub momentum: f64,
    }

    /// See [`BatchNorm2D`](super::BatchNorm2D).
    pub type BatchNorm2D<const C: usize, E, D> = BatchNorm<C, true, false, E, D>;
    /// See [`BatchNorm2DReLU`](super::BatchNorm2DReLU).
    pub type BatchNorm2DReLU<const C: usize, E, D> = BatchNorm<C, true, true, E, D>;

    /// See [`BatchNorm1D`](super::BatchNorm1D).
    pub type BatchNorm1D<const C: usize, E, D> = BatchNorm<C, false, false, E, D>;
}

use module::BatchNorm;

impl<const C: usize, E: Dtype, D: Layers<E>> BuildOnDevice<D, E> for BatchNorm2D<C> {
    type Built = module::BatchNorm2D<C, E, D>;
}

impl<const C: usize, E: Dtype, D: Layers<E>> BuildOnDevice<D, E> for BatchNorm2DReLU<C> {
    type Built = module::BatchNorm2DReLU<C, E, D>;
}

impl<const C: usize, E: Dtype, D: Layers<E>> BuildOnDevice<D, E> for BatchNorm1D<C> {
    type Built = module::BatchNorm1D<C, E, D>;
}

impl<const C: usize, const IMAGES: bool, const RELU: bool, E: Dtype, D: Device<E>>
    TensorCollection<E, D> for BatchNorm<C, IMAGES, RELU, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = BatchNorm<C, IMAGES, RELU, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let fields = (
            Self::tensor(
                "scale",
                |s| &s.scale,
                |s| &mut s.scale,
                TensorOptions::reset_to_ones(),
            ),
            Self::tensor(
                "bias",
                |s| &s.bias,
                |s| &mut s.bias,
                TensorOptions::reset_to_zeros(),
            ),
            Self::tensor(
                "running_mean",
                |s| &s.running_mean,
                |s| &mut s.running_mean,
                TensorOptions::detached(|t| t.try_fill_with_zeros()),
            ),
            Self::tensor(
                "running_var",
                |s| &s.running_var,
                |s| &mut s.running_var,
                TensorOptions::detached(|t| t.try_fill_with_ones()),
            ),
            Self::scalar(
                "epsilon",
                |s| &s.epsilon,
                |s| &mut s.epsilon,
                ScalarOptions::from_default(1e-5),
            ),
            Self::scalar(
                "momentum",
                |s| &s.momentum,
                |s| &mut s.momentum,
                ScalarOptions::from_default(0.1),
            ),
        );
        visitor.visit_fields(
            fields,
            |(scale, bias, running_mean, running_var, epsilon, momentum)| BatchNorm {
                scale,
                bias,
                running_mean,
                running_var,
                epsilon,
                momentum,
            },
        )
    }
}

impl<const C: usize, const IMAGES: bool, const RELU: bool, E: Dtype, D: Layers<E>>
    BatchNorm<C, IMAGES, RELU, E, D>
{
    pub(super) fn affine(&self) -> Affine<E, D> {
        Affine {
            scale: erase(self.scale.clone()),
            bias: erase(self.bias.clone()),
            epsilon: self.epsilon,
        }
    }

    /// Advances the running statistics by those of a batch.
    pub(super) fn advance(&mut self, batch: Moments<E, D>) -> Result<(), D::Err> {
        let n = batch.count as f64;
        let unbiased = if batch.count > 1 { n / (n - 1.0) } else { 1.0 };
        let share = self.momentum;
        let mean: Tensor<Rank1<C>, E, D> = restore(batch.mean)?;
        let variance: Tensor<Rank1<C>, E, D> = restore(batch.variance)?;
        self.running_mean.try_axpy(1.0 - share, &mean, share)?;
        self.running_var
            .try_axpy(1.0 - share, &variance, share * unbiased)
    }

    /// Normalizes by the batch's statistics, advances the running ones, and does what `tail` says.
    pub(super) fn train<S: Shape, T: LayerTape<E, D>>(
        &mut self,
        x: Tensor<S, E, D, T>,
        tail: Tail<Tensor<S, E, D, T>>,
    ) -> Result<Tensor<S, E, D, T>, D::Err> {
        let (y, batch) = D::try_batch_norm(x, &self.affine(), tail)?;
        self.advance(batch)?;
        Ok(y)
    }

    /// Normalizes by the running statistics, and does what `tail` says.
    pub(super) fn infer<S: Shape, T: LayerTape<E, D>>(
        &self,
        x: Tensor<S, E, D, T>,
        tail: Tail<Tensor<S, E, D, T>>,
    ) -> Result<Tensor<S, E, D, T>, D::Err> {
        let (mean, variance) = (
            erase(self.running_mean.clone()),
            erase(self.running_var.clone()),
        );
        D::try_normalize(x, &self.affine(), &mean, &variance, tail)
    }

    fn tail<X>() -> Tail<X> {
        Tail {
            residual: None,
            relu: RELU,
        }
    }
}

/// Images, as they came: (batch, `C`, height, width).
type Same<X, L, const C: usize, E, D> = Tensor<
    (
        <X as ImagesFor<L, C, E, D>>::Batch,
        Const<C>,
        <X as ImagesFor<L, C, E, D>>::Height,
        <X as ImagesFor<L, C, E, D>>::Width,
    ),
    E,
    D,
    <X as ImagesFor<L, C, E, D>>::Tape,
>;

impl<const C: usize, const RELU: bool, E, D, X> Module<X> for BatchNorm<C, true, RELU, E, D>
where
    E: Dtype,
    D: Layers<E>,
    X: ImagesFor<Self, C, E, D, Tape = NoneTape>,
{
    type Output = Same<X, Self, C, E, D>;
    type Error = D::Err;

    fn try_forward(&self, x: X) -> Result<Self::Output, D::Err> {
        restore(self.infer(x.erase(), Self::tail())?)
    }
}

impl<const C: usize, const RELU: bool, E, D, X> ModuleMut<X> for BatchNorm<C, true, RELU, E, D>
where
    E: Dtype,
    D: Layers<E>,
    X: ImagesFor<Self, C, E, D, Tape = OwnedTape<E, D>>,
{
    type Output = Same<X, Self, C, E, D>;
    type Error = D::Err;

    fn try_forward_mut(&mut self, x: X) -> Result<Self::Output, D::Err> {
        restore(self.train(x.erase(), Self::tail())?)
    }
}

macro_rules! vectors {
    ($($length:ident)?) => {
        impl<const C: usize, B: Dim, $($length: Dim,)? E: Dtype, D: Layers<E>>
            Module<Tensor<(B, Const<C>, $($length)?), E, D>> for module::BatchNorm1D<C, E, D>
        {
            type Output = Tensor<(B, Const<C>, $($length)?), E, D>;
            type Error = D::Err;

            fn try_forward(
                &self,
                x: Tensor<(B, Const<C>, $($length)?), E, D>,
            ) -> Result<Self::Output, D::Err> {
                self.infer(x, Tail::NONE)
            }
        }

        impl<const C: usize, B: Dim, $($length: Dim,)? E: Dtype, D: Layers<E>>
            ModuleMut<Tensor<(B, Const<C>, $($length)?), E, D, OwnedTape<E, D>>>
            for module::BatchNorm1D<C, E, D>
        {
            type Output = Tensor<(B, Const<C>, $($length)?), E, D, OwnedTape<E, D>>;
            type Error = D::Err;

            fn try_forward_mut(
                &mut self,
                x: Tensor<(B, Const<C>, $($length)?), E, D, OwnedTape<E, D>>,
            ) -> Result<Self::Output, D::Err> {
                self.train(x, Tail::NONE)
            }
        }
    };
}

vectors!();
vectors!(Length);
