//! The two forward passes of each batch normalization.

use dfdx::{
    nn::{Module, ModuleMut},
    shapes::{Const, ConstDim, Dtype, Shape},
    tensor::Tensor,
};

use super::{BatchNorm1D, BatchNorm2D, BatchNorm2DReLU, builder};
use crate::{
    device::{LayerTape, Layers, Tail},
    nn::{
        cast::cast,
        shape_bounds::{ChannelsOf, Evaluation, ImageShape, SequenceShape, Training},
        summary::note,
    },
};

macro_rules! batch_norm {
    ($layer:ident) => {
        impl<C: ConstDim, E: Dtype, D: Layers<E>> $layer<C, E, D> {
            pub(in crate::nn) fn evaluate<S: Shape, T: LayerTape<E, D>>(
                &self,
                x: Tensor<S, E, D, T>,
                tail: Tail<Tensor<S, E, D, T>>,
            ) -> Result<Tensor<S, E, D, T>, D::Err> {
                let (mean, variance) = self.running()?;
                let y = D::try_normalize(x, &self.affine()?, &mean, &variance, tail)?;
                note(stringify!($layer), Some(&self.scale), 0, &y);
                Ok(y)
            }

            pub(in crate::nn) fn train<S: Shape, T: LayerTape<E, D>>(
                &mut self,
                x: Tensor<S, E, D, T>,
                tail: Tail<Tensor<S, E, D, T>>,
            ) -> Result<Tensor<S, E, D, T>, D::Err> {
                if self.is_frozen() {
                    return self.evaluate(x, tail);
                }
                let before = self.statistics()?;
                let (y, after) = D::try_batch_norm_running(x, &self.affine()?, tail, &before)?;
                self.advance(after)?;
                Ok(y)
            }
        }
    };
}

batch_norm!(BatchNorm1D);
batch_norm!(BatchNorm2D);

macro_rules! forward {
    ($layer:ident: $shape:ident, $erased:ty, |$this:ident| $norm:expr, $tail:ident) => {
        impl<const C: usize, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>
            Module<Tensor<Sh, E, D, T>> for $layer<Const<C>, E, D>
        where
            Sh: $shape<builder::$layer<C>>,
            Sh::Channels: ChannelsOf<C, builder::$layer<C>>,
            T: Evaluation<builder::$layer<C>>,
        {
            type Output = Tensor<Sh, E, D, T>;
            type Error = D::Err;

            fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
                let $this = self;
                cast($norm.evaluate(cast::<$erased, _, _, _, _>(x)?, Tail::$tail)?)
            }
        }

        impl<const C: usize, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>
            ModuleMut<Tensor<Sh, E, D, T>> for $layer<Const<C>, E, D>
        where
            Sh: $shape<builder::$layer<C>>,
            Sh::Channels: ChannelsOf<C, builder::$layer<C>>,
            T: Training<E, D, builder::$layer<C>>,
        {
            type Output = Tensor<Sh, E, D, T>;
            type Error = D::Err;

            fn try_forward_mut(&mut self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
                let $this = self;
                cast($norm.train(cast::<$erased, _, _, _, _>(x)?, Tail::$tail)?)
            }
        }
    };
}

/// Images with all sizes dynamic.
type Dynamic4 = (usize, usize, usize, usize);

forward!(BatchNorm1D: SequenceShape, Sh::Erased, |layer| layer, NONE);
forward!(BatchNorm2D: ImageShape, Dynamic4, |layer| layer, NONE);
forward!(BatchNorm2DReLU: ImageShape, Dynamic4, |layer| layer.norm, RELU);
