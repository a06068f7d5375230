//! Batch normalization.

mod forward;
pub(super) mod frozen;

use dfdx::{
    nn::{BuildOnDevice, ModuleVisitor, ScalarOptions, TensorCollection, TensorOptions},
    prelude::Device,
    shapes::{Const, ConstDim, Dtype},
    tensor::{Storage, Tensor},
};

use super::cast::cast;
use crate::device::{Affine, Channels, Running};

pub(super) mod builder {
    //! What a network names.

    /// Batch normalization of `C` features; see
    /// [`modules::BatchNorm1D`](crate::nn::modules::BatchNorm1D).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct BatchNorm1D<const C: usize>;

    /// Batch normalization of `C` channels; see
    /// [`modules::BatchNorm2D`](crate::nn::modules::BatchNorm2D).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct BatchNorm2D<const C: usize>;

    /// [`BatchNorm2D`], then ReLU; see
    /// [`modules::BatchNorm2DReLU`](crate::nn::modules::BatchNorm2DReLU).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct BatchNorm2DReLU<const C: usize>;
}

macro_rules! batch_norm {
    ($(#[$doc:meta])* $layer:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $layer<C: ConstDim, E: Dtype, D: Storage<E>> {
            /// The factor of each channel, which starts at 1: (`C`,).
            pub scale: Tensor<(C,), E, D>,
            /// The summand of each channel, which starts at 0: (`C`,).
            pub bias: Tensor<(C,), E, D>,
            /// The running mean of each channel, which starts at 0: (`C`,).
            pub running_mean: Tensor<(C,), E, D>,
            /// The running variance of each channel, which starts at 1: (`C`,).
            pub running_var: Tensor<(C,), E, D>,
            /// Added to the variance before its root is taken; 1e-5.
            pub epsilon: f64,
            /// The weight of a batch in the running statistics,
            /// `running = (1 - momentum) running + momentum batch`; 0.1.
            pub momentum: f64,
            /// 1 where the running statistics are kept and used in training, too; see
            /// [`freeze_batch_norm`](crate::nn::freeze_batch_norm).
            pub(in crate::nn) frozen: u8,
        }

        impl<C: ConstDim, E: Dtype, D: Device<E>> $layer<C, E, D> {
            /// Whether training, too, normalizes by the running statistics and leaves them as they are; see
            /// [`freeze_batch_norm`](crate::nn::freeze_batch_norm).
            pub fn is_frozen(&self) -> bool {
                self.frozen != 0
            }

            pub(in crate::nn) fn affine(&self) -> Result<Affine<E, D>, D::Err> {
                Ok(Affine {
                    scale: cast(self.scale.clone())?,
                    bias: cast(self.bias.clone())?,
                    epsilon: self.epsilon,
                })
            }

            /// The running mean and variance.
            #[allow(clippy::type_complexity)]
            pub(in crate::nn) fn running(
                &self,
            ) -> Result<(Channels<E, D>, Channels<E, D>), D::Err> {
                let mean = cast(self.running_mean.clone())?;
                Ok((mean, cast(self.running_var.clone())?))
            }

            /// The same, to be advanced by a batch.
            pub(in crate::nn) fn statistics(&self) -> Result<Running<E, D>, D::Err> {
                let (mean, variance) = self.running()?;
                let momentum = self.momentum;
                Ok(Running { mean, variance, momentum })
            }

            /// Takes the running statistics after a batch.
            pub(in crate::nn) fn advance(&mut self, after: Running<E, D>) -> Result<(), D::Err> {
                self.running_mean = cast(after.mean)?;
                self.running_var = cast(after.variance)?;
                Ok(())
            }
        }

        impl<C: ConstDim, E: Dtype, D: Device<E>> TensorCollection<E, D> for $layer<C, E, D> {
            type To<E2: Dtype, D2: Device<E2>> = $layer<C, E2, D2>;

            fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
                visitor: &mut V,
            ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
                let tensors = (
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
                );
                let numbers = (
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
                    Self::scalar(
                        frozen::SCALAR,
                        |s| &s.frozen,
                        |s| &mut s.frozen,
                        ScalarOptions::from_default(0),
                    ),
                );
                visitor.visit_fields((tensors, numbers), |(tensors, numbers)| {
                    let (scale, bias, running_mean, running_var) = tensors;
                    let (epsilon, momentum, frozen) = numbers;
                    $layer {
                        scale,
                        bias,
                        running_mean,
                        running_var,
                        epsilon,
                        momentum,
                        frozen,
                    }
                })
            }
        }
    };
}

batch_norm! {
    /// Batch normalization (Ioffe & Szegedy, [2015](https://arxiv.org/abs/1502.03167)) of vectors,
    /// (batch, `C`), and of sequences, (batch, `C`, length).
    ///
    /// As dfdx's and PyTorch's: `forward_mut` on a traced input normalizes by the batch's own mean
    /// and variance, and takes them into the running statistics (the variance with `n / (n - 1)`,
    /// which is taken as 1 for `n = 1`); `forward` on one without a tape normalizes by the running
    /// statistics. The other two combinations don't compile.
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, nn::BatchNorm1D};
    ///
    /// let dev = Cpu::default();
    /// let mut norm = dev.build_module::<BatchNorm1D<1>, f32>();
    /// let x: Tensor<Rank2<2, 1>, f32, _> = dev.tensor([[2.0], [4.0]]);
    /// let y = norm.forward_mut(x.trace(norm.alloc_grads())).array();
    /// assert!((y[0][0] + 1.0).abs() < 1e-4 && (y[1][0] - 1.0).abs() < 1e-4);
    /// assert!((norm.running_mean.array()[0] - 0.3).abs() < 1e-6);
    /// assert!((norm.running_var.array()[0] - 1.1).abs() < 1e-6);
    /// ```
    BatchNorm1D
}

batch_norm! {
    /// Batch normalization (Ioffe & Szegedy, [2015](https://arxiv.org/abs/1502.03167)) of images,
    /// (batch, `C`, h, w).
    ///
    /// As dfdx's and PyTorch's: `forward_mut` on a traced input normalizes each channel by its mean
    /// and variance over the batch and all pixels, and takes them into the running statistics (the
    /// variance with `n / (n - 1)`, which is taken as 1 for `n = 1`); `forward` on one without a tape
    /// normalizes by the running statistics. The other two combinations don't compile.
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, nn::BatchNorm2D};
    ///
    /// let dev = Cpu::default();
    /// let mut norm = dev.build_module::<BatchNorm2D<3>, f32>();
    /// let x: Tensor<Rank4<8, 3, 4, 4>, f32, _> = dev.sample_normal();
    /// let y = norm.forward_mut(x.trace(norm.alloc_grads()));
    /// assert!(y.mean::<Rank0, _>().array().abs() < 1e-5);
    /// let _: Tensor<Rank4<8, 3, 4, 4>, f32, _> = norm.forward(x);
    /// ```
    BatchNorm2D
}

/// [`BatchNorm2D`], then ReLU, in one pass over memory.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::BatchNorm2DReLU};
///
/// let dev = Cpu::default();
/// let mut norm = dev.build_module::<BatchNorm2DReLU<3>, f32>();
/// let x: Tensor<Rank4<8, 3, 4, 4>, f32, _> = dev.sample_normal();
/// let y = norm.forward_mut(x.trace(norm.alloc_grads()));
/// assert!(y.min::<Rank0, _>().array() >= 0.0);
/// ```
#[derive(Clone, Debug)]
pub struct BatchNorm2DReLU<C: ConstDim, E: Dtype, D: Storage<E>> {
    /// The normalization.
    pub norm: BatchNorm2D<C, E, D>,
}

impl<C: ConstDim, E: Dtype, D: Device<E>> TensorCollection<E, D> for BatchNorm2DReLU<C, E, D> {
    type To<E2: Dtype, D2: Device<E2>> = BatchNorm2DReLU<C, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(Self::module("norm", |s| &s.norm, |s| &mut s.norm), |norm| {
            BatchNorm2DReLU { norm }
        })
    }
}

macro_rules! build {
    ($($layer:ident)*) => {$(
        impl<const C: usize, E: Dtype, D: Device<E>> BuildOnDevice<D, E> for builder::$layer<C>
        {
            type Built = $layer<Const<C>, E, D>;
        }
    )*};
}

build!(BatchNorm1D BatchNorm2D BatchNorm2DReLU);
