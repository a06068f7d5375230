//! What makes a whole network a dfdx module: its ends have static shapes.

/// `Module` and `ModuleMut` for a network of images of 3 channels to logits of `CLASSES`, by its methods
/// `infer` and `train`.
macro_rules! network {
    ([$($parameters:tt)*] $network:ty) => {
        impl<$($parameters)*, E, D, X> Module<X> for $network
        where
            E: Dtype,
            D: Layers<E>,
            X: crate::nn::ImagesFor<Self, 3, E, D, Tape = NoneTape>,
        {
            type Output = Tensor<(X::Batch, Const<CLASSES>), E, D>;
            type Error = D::Err;

            fn try_forward(&self, x: X) -> Result<Self::Output, D::Err> {
                crate::nn::shape::restore(self.infer(x.erase())?)
            }
        }

        impl<$($parameters)*, E, D, X> ModuleMut<X> for $network
        where
            E: Dtype,
            D: Layers<E>,
            X: crate::nn::ImagesFor<Self, 3, E, D, Tape = OwnedTape<E, D>>,
        {
            type Output = Tensor<(X::Batch, Const<CLASSES>), E, D, OwnedTape<E, D>>;
            type Error = D::Err;

            fn try_forward_mut(&mut self, x: X) -> Result<Self::Output, D::Err> {
                crate::nn::shape::restore(self.train(x.erase())?)
            }
        }
    };
}

pub(super) use network;
