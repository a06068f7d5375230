//! A convolution and the batch normalization behind it, as one layer.

use dfdx::{
    nn::{BuildOnDevice, Module, ModuleMut, ModuleVisitor, TensorCollection},
    prelude::Device,
    shapes::{Const, Dtype, Rank4},
    tensor::{Storage, Tensor},
};

use super::{
    batch_norm::BatchNorm2D,
    cast::cast,
    conv2d::Conv2D,
    dims::{Grouped, Slide},
    shape_bounds::{ChannelsOf, Evaluation, ImageShape, Slid, Training},
};
use crate::device::{Image, LayerTape, Layers, Tail};

pub(super) mod builder {
    //! What a network names.

    use dfdx::shapes::Const;

    use super::Grouped;

    macro_rules! builder {
        ($(#[$doc:meta])* $layer:ident) => {
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            pub struct $layer<
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
        };
    }

    builder! {
        /// `Conv2D`, then `BatchNorm2D`; see
        /// [`modules::Conv2DBatchNorm`](crate::nn::modules::Conv2DBatchNorm).
        Conv2DBatchNorm
    }

    builder! {
        /// `Conv2D`, then `BatchNorm2D`, then ReLU; see
        /// [`modules::Conv2DBatchNormReLU`](crate::nn::modules::Conv2DBatchNormReLU).
        Conv2DBatchNormReLU
    }
}

macro_rules! layer {
    ($(#[$doc:meta])* $layer:ident, $tail:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $layer<
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
            /// The convolution.
            pub conv: Conv2D<IN, OUT, K, S, P, L, G, E, D>,
            /// The normalization of what comes out of it.
            pub norm: BatchNorm2D<OUT, E, D>,
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
        > BuildOnDevice<D, E> for builder::$layer<IN, OUT, K, S, P, L, G>
        where
            Const<IN>: Grouped<G>,
        {
            type Built = $layer<IN, OUT, K, S, P, L, G, E, D>;
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
        > TensorCollection<E, D> for $layer<IN, OUT, K, S, P, L, G, E, D>
        where
            Const<IN>: Grouped<G>,
        {
            type To<E2: Dtype, D2: Device<E2>> = $layer<IN, OUT, K, S, P, L, G, E2, D2>;

            fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
                visitor: &mut V,
            ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
                visitor.visit_fields(
                    (
                        Self::module("conv", |s| &s.conv, |s| &mut s.conv),
                        Self::module("norm", |s| &s.norm, |s| &mut s.norm),
                    ),
                    |(conv, norm)| $layer { conv, norm },
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
        > Module<Tensor<Sh, E, D, T>> for $layer<IN, OUT, K, S, P, L, G, E, D>
        where
            Const<IN>: Grouped<G>,
            Sh: ImageShape<builder::$layer<IN, OUT, K, S, P, L, G>>,
            Sh::Channels: ChannelsOf<IN, builder::$layer<IN, OUT, K, S, P, L, G>>,
            Sh::Height: Slide<K, S, P, L, builder::$layer<IN, OUT, K, S, P, L, G>>,
            Sh::Width: Slide<K, S, P, L, builder::$layer<IN, OUT, K, S, P, L, G>>,
            T: Evaluation<builder::$layer<IN, OUT, K, S, P, L, G>>,
        {
            type Output = Tensor<
                Slid<Sh, Const<OUT>, K, S, P, L, builder::$layer<IN, OUT, K, S, P, L, G>>,
                E,
                D,
                T,
            >;
            type Error = D::Err;

            fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
                cast(evaluate(&self.conv, &self.norm, cast(x)?, Tail::$tail)?)
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
        > ModuleMut<Tensor<Sh, E, D, T>> for $layer<IN, OUT, K, S, P, L, G, E, D>
        where
            Const<IN>: Grouped<G>,
            Sh: ImageShape<builder::$layer<IN, OUT, K, S, P, L, G>>,
            Sh::Channels: ChannelsOf<IN, builder::$layer<IN, OUT, K, S, P, L, G>>,
            Sh::Height: Slide<K, S, P, L, builder::$layer<IN, OUT, K, S, P, L, G>>,
            Sh::Width: Slide<K, S, P, L, builder::$layer<IN, OUT, K, S, P, L, G>>,
            T: Training<E, D, builder::$layer<IN, OUT, K, S, P, L, G>>,
        {
            type Output = Tensor<
                Slid<Sh, Const<OUT>, K, S, P, L, builder::$layer<IN, OUT, K, S, P, L, G>>,
                E,
                D,
                T,
            >;
            type Error = D::Err;

            fn try_forward_mut(&mut self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
                cast(train(&self.conv, &mut self.norm, cast(x)?, Tail::$tail)?)
            }
        }
    };
}

layer! {
    /// [`Conv2D`] without bias, then [`BatchNorm2D`]: (batch, `IN`, h, w) to (batch, `OUT`, h', w').
    ///
    /// The same as the two layers one after the other, in fewer passes over memory where the device
    /// has them. `forward_mut` trains on a traced input, `forward` evaluates one without a tape.
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, nn::Conv2DBatchNorm};
    ///
    /// let dev = Cpu::default();
    /// let mut layer = dev.build_module::<Conv2DBatchNorm<3, 8, 3, 1, 1>, f32>();
    /// let x: Tensor<Rank4<4, 3, 8, 8>, f32, _> = dev.sample_normal();
    /// let y = layer.forward_mut(x.trace(layer.alloc_grads()));
    /// assert!(y.mean::<Rank0, _>().array().abs() < 1e-5);
    /// let _: Tensor<Rank4<4, 8, 8, 8>, f32, _> = layer.forward(x);
    /// ```
    Conv2DBatchNorm, NONE
}

layer! {
    /// [`Conv2D`] without bias, then [`BatchNorm2D`], then ReLU: (batch, `IN`, h, w) to
    /// (batch, `OUT`, h', w').
    ///
    /// The same as the three layers one after the other, in fewer passes over memory where the
    /// device has them. `forward_mut` trains on a traced input, `forward` evaluates one without a
    /// tape.
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, nn::{Conv2DBatchNormReLU, GlobalAvgPool2D, Linear}};
    ///
    /// type Net = (
    ///     Conv2DBatchNormReLU<3, 8, 3, 1, 1>,
    ///     Conv2DBatchNormReLU<8, 16, 3, 2, 1>,
    ///     GlobalAvgPool2D,
    ///     Linear<16, 10>,
    /// );
    /// let dev = Cpu::default();
    /// let net = dev.build_module::<Net, f32>();
    /// let x: Tensor<Rank4<4, 3, 8, 8>, f32, _> = dev.sample_normal();
    /// let _: Tensor<Rank2<4, 10>, f32, _> = net.forward(x);
    /// ```
    Conv2DBatchNormReLU, RELU
}

macro_rules! pass {
    ($(#[$doc:meta])* $name:ident, [$($mut:tt)?], |$conv:ident, $norm:ident, $x:ident, $tail:ident| $body:expr) => {
        $(#[$doc])*
        pub(super) fn $name<
            const IN: usize,
            const OUT: usize,
            const K: usize,
            const S: usize,
            const P: usize,
            const L: usize,
            const G: usize,
            E: Dtype,
            D: Layers<E>,
            T: LayerTape<E, D>,
        >(
            $conv: &Conv2D<IN, OUT, K, S, P, L, G, E, D>,
            $norm: &$($mut)? BatchNorm2D<OUT, E, D>,
            $x: Image<E, D, T>,
            $tail: Tail<Image<E, D, T>>,
        ) -> Result<Image<E, D, T>, D::Err>
        where
            Const<IN>: Grouped<G>,
        {
            $body
        }
    };
}

pass! {
    /// By the running statistics.
    evaluate, [], |conv, norm, x, tail| {
        let x = D::try_conv2d(x, &conv.kernels()?, Conv2D::<IN, OUT, K, S, P, L, G, E, D>::WINDOW, G)?;
        norm.evaluate(x, tail)
    }
}

pass! {
    /// By the batch's own statistics, which are taken into the running ones.
    train, [mut], |conv, norm, x, tail| {
        let window = Conv2D::<IN, OUT, K, S, P, L, G, E, D>::WINDOW;
        let (affine, kernels) = (norm.affine()?, conv.kernels()?);
        let (y, batch) = D::try_conv2d_batch_norm(x, &kernels, window, G, &affine, tail)?;
        norm.advance(batch)?;
        Ok(y)
    }
}

/// A convolution and its normalization as the networks have it, with names of their own for its parts.
impl<const IN: usize, const OUT: usize, const K: usize, const S: usize, const P: usize, E, D>
    Conv2DBatchNorm<IN, OUT, K, S, P, 1, 1, E, D>
where
    E: Dtype,
    D: Layers<E>,
{
    pub(super) fn train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
        tail: Tail<Image<E, D, T>>,
    ) -> Result<Image<E, D, T>, D::Err> {
        train(&self.conv, &mut self.norm, x, tail)
    }

    pub(super) fn evaluate<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
        tail: Tail<Image<E, D, T>>,
    ) -> Result<Image<E, D, T>, D::Err> {
        evaluate(&self.conv, &self.norm, x, tail)
    }
}

type Kernels<const IN: usize, const OUT: usize, const K: usize, E, D> =
    Tensor<Rank4<OUT, IN, K, K>, E, D>;

impl<const IN: usize, const OUT: usize, const K: usize, const S: usize, const P: usize, E, D>
    From<(Kernels<IN, OUT, K, E, D>, BatchNorm2D<OUT, E, D>)>
    for Conv2DBatchNorm<IN, OUT, K, S, P, 1, 1, E, D>
where
    E: Dtype,
    D: Storage<E>,
{
    fn from((weight, norm): (Kernels<IN, OUT, K, E, D>, BatchNorm2D<OUT, E, D>)) -> Self {
        Self {
            conv: Conv2D { weight },
            norm,
        }
    }
}
