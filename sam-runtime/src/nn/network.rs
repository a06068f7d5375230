//! What makes a whole network a dfdx module: its ends have static shapes.

/// `Module` and `ModuleMut` for a network of images of 3 channels to vectors, of as many numbers as stand last, by its
/// methods `evaluate` and `train`.
macro_rules! network {
    ([$($parameters:tt)*] $builder:ty => $network:ty => $outputs:tt) => {
        impl<$($parameters)*, Sh, E, D, T> Module<Tensor<Sh, E, D, T>> for $network
        where
            Sh: crate::nn::shape_bounds::ImageShape<$builder>,
            Sh::Channels: crate::nn::shape_bounds::ChannelsOf<3, $builder>,
            E: Dtype,
            D: Layers<E>,
            T: LayerTape<E, D> + crate::nn::shape_bounds::Evaluation<$builder>,
        {
            type Output = Tensor<Sh::Rows<Const<$outputs>>, E, D, T>;
            type Error = D::Err;

            fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
                crate::nn::cast::cast(self.evaluate(crate::nn::cast::cast(x)?)?)
            }
        }

        impl<$($parameters)*, Sh, E, D, T> ModuleMut<Tensor<Sh, E, D, T>> for $network
        where
            Sh: crate::nn::shape_bounds::ImageShape<$builder>,
            Sh::Channels: crate::nn::shape_bounds::ChannelsOf<3, $builder>,
            E: Dtype,
            D: Layers<E>,
            T: LayerTape<E, D> + crate::nn::shape_bounds::Training<E, D, $builder>,
        {
            type Output = Tensor<Sh::Rows<Const<$outputs>>, E, D, T>;
            type Error = D::Err;

            fn try_forward_mut(&mut self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
                crate::nn::cast::cast(self.train(crate::nn::cast::cast(x)?)?)
            }
        }
    };
}

pub(super) use network;
