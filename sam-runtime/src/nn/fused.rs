//! Convolution, batch normalization and ReLU as one layer.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{
    dims::Slide,
    init, modules,
    shape::{ImagesFor, Out, erase, restore, window},
};
use crate::device::{Image, LayerTape, Layers, Tail};

/// [`Conv2D`](super::Conv2D), then [`BatchNorm2D`](super::BatchNorm2D): the same numbers in fewer passes
/// over memory. The running statistics follow the rules of the latter.
///
/// The kernels begin as in He et al. ([2015](https://arxiv.org/abs/1502.01852), eq. 10, by the number of
/// outputs): normal with variance `2 / (OUT K K)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conv2DBatchNorm<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize = 1,
    const P: usize = 0,
>;

/// [`Conv2DBatchNorm`], then ReLU.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::nn::{Conv2DBatchNormReLU, MaxPool2D};
///
/// let dev = Cpu::default();
/// type Net = (Conv2DBatchNormReLU<1, 16, 3, 1, 1>, MaxPool2D<2, 2>);
/// let mut net = dev.build_module::<Net, f32>();
/// let x: Tensor<Rank4<10, 1, 28, 28>, f32, _> = dev.sample_normal();
/// let y: Tensor<Rank4<10, 16, 14, 14>, f32, _, _> = net.forward_mut(x.leaky_trace());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conv2DBatchNormReLU<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize = 1,
    const P: usize = 0,
>;

pub(super) mod module {
    use super::*;

    /// See [`Conv2DBatchNorm`](super::Conv2DBatchNorm). `RELU` says whether ReLU follows.
    #[derive(Clone, Debug)]
    pub struct ConvNorm<
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize,
        const P: usize,
        const RELU: bool,
        E: Dtype,
        D: Storage<E>,
    > {
        /// The convolution.
        pub conv: modules::Conv2D<IN, OUT, K, S, P, 1, 1, E, D>,
        /// The normalization.
        pub norm: modules::BatchNorm2D<OUT, E, D>,
    }

    /// See [`Conv2DBatchNorm`](super::Conv2DBatchNorm).
    pub type Conv2DBatchNorm<
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize,
        const P: usize,
        E,
        D,
    > = ConvNorm<IN, OUT, K, S, P, false, E, D>;

    /// See [`Conv2DBatchNormReLU`](super::Conv2DBatchNormReLU).
    pub type Conv2DBatchNormReLU<
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize,
        const P: usize,
        E,
        D,
    > = ConvNorm<IN, OUT, K, S, P, true, E, D>;
}

use module::ConvNorm;

macro_rules! with_parameters {
    (impl [$($extra:tt)*] $($rest:tt)*) => {
        impl<const IN: usize, const OUT: usize, const K: usize, const S: usize, const P: usize, $($extra)*>
        $($rest)*
    };
}

with_parameters! {
    impl [E: Dtype, D: Layers<E>] BuildOnDevice<D, E> for Conv2DBatchNorm<IN, OUT, K, S, P> {
        type Built = ConvNorm<IN, OUT, K, S, P, false, E, D>;
    }
}

with_parameters! {
    impl [E: Dtype, D: Layers<E>] BuildOnDevice<D, E> for Conv2DBatchNormReLU<IN, OUT, K, S, P> {
        type Built = ConvNorm<IN, OUT, K, S, P, true, E, D>;
    }
}

with_parameters! {
    impl [const RELU: bool, E: Dtype, D: Device<E>] TensorCollection<E, D>
        for ConvNorm<IN, OUT, K, S, P, RELU, E, D>
    {
        type To<E2: Dtype, D2: Device<E2>> = ConvNorm<IN, OUT, K, S, P, RELU, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let weight = Self::tensor(
                "conv.weight",
                |s| &s.conv.weight,
                |s| &mut s.conv.weight,
                TensorOptions::reset_with(|t| init::he(t, OUT * K * K)),
            );
            let norm = Self::module("norm", |s| &s.norm, |s| &mut s.norm);
            visitor.visit_fields((weight, norm), ConvNorm::from)
        }
    }
}

with_parameters! {
    impl [const RELU: bool, E: Dtype, D: Layers<E>] ConvNorm<IN, OUT, K, S, P, RELU, E, D> {
        /// With the batch's statistics, which advance the running ones; then what `tail` says.
        pub(super) fn train<T: LayerTape<E, D>>(
            &mut self,
            x: Image<E, D, T>,
            tail: Tail<Image<E, D, T>>,
        ) -> Result<Image<E, D, T>, D::Err> {
            let weight = erase(self.conv.weight.clone());
            let (window, affine) = (window::<K, S, P, 1>(), self.norm.affine());
            let (y, batch) = D::try_conv2d_batch_norm(x, &weight, window, 1, &affine, tail)?;
            self.norm.advance(batch)?;
            Ok(y)
        }

        /// With the running statistics; then what `tail` says.
        pub(super) fn infer<T: LayerTape<E, D>>(
            &self,
            x: Image<E, D, T>,
            tail: Tail<Image<E, D, T>>,
        ) -> Result<Image<E, D, T>, D::Err> {
            let weight = erase(self.conv.weight.clone());
            self.norm.infer(D::try_conv2d(x, &weight, window::<K, S, P, 1>(), 1)?, tail)
        }
    }
}

/// The kernels of a convolution, (`OUT`, `IN`, `K`, `K`).
type Kernels<const IN: usize, const OUT: usize, const K: usize, E, D> =
    Tensor<Rank4<OUT, IN, K, K>, E, D>;

with_parameters! {
    impl [const RELU: bool, E: Dtype, D: Storage<E>]
        From<(Kernels<IN, OUT, K, E, D>, modules::BatchNorm2D<OUT, E, D>)>
        for ConvNorm<IN, OUT, K, S, P, RELU, E, D>
    {
        fn from((weight, norm): (Kernels<IN, OUT, K, E, D>, modules::BatchNorm2D<OUT, E, D>)) -> Self {
            Self { conv: modules::Conv2D { weight }, norm }
        }
    }
}

/// What a convolution makes of the images `X`.
type Convolved<
    X,
    L,
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    E,
    D,
> = Tensor<
    (
        <X as ImagesFor<L, IN, E, D>>::Batch,
        Const<OUT>,
        Out<<X as ImagesFor<L, IN, E, D>>::Height, K, S, P, 1>,
        Out<<X as ImagesFor<L, IN, E, D>>::Width, K, S, P, 1>,
    ),
    E,
    D,
    <X as ImagesFor<L, IN, E, D>>::Tape,
>;

with_parameters! {
    impl [const RELU: bool, E: Dtype, D: Layers<E>, X] Module<X>
        for ConvNorm<IN, OUT, K, S, P, RELU, E, D>
    where
        X: ImagesFor<Self, IN, E, D, Tape = NoneTape>,
        X::Height: Slide<K, S, P, 1>,
        X::Width: Slide<K, S, P, 1>,
    {
        type Output = Convolved<X, Self, IN, OUT, K, S, P, E, D>;
        type Error = D::Err;

        fn try_forward(&self, x: X) -> Result<Self::Output, D::Err> {
            restore(self.infer(x.erase(), Tail { residual: None, relu: RELU })?)
        }
    }
}

with_parameters! {
    impl [const RELU: bool, E: Dtype, D: Layers<E>, X] ModuleMut<X>
        for ConvNorm<IN, OUT, K, S, P, RELU, E, D>
    where
        X: ImagesFor<Self, IN, E, D, Tape = OwnedTape<E, D>>,
        X::Height: Slide<K, S, P, 1>,
        X::Width: Slide<K, S, P, 1>,
    {
        type Output = Convolved<X, Self, IN, OUT, K, S, P, E, D>;
        type Error = D::Err;

        fn try_forward_mut(&mut self, x: X) -> Result<Self::Output, D::Err> {
            restore(self.train(x.erase(), Tail { residual: None, relu: RELU })?)
        }
    }
}
