//! Sizes that are known at run time and pass for static ones.
//!
//! dfdx 0.13.0 takes a tensor for a parameter if all its sizes are static (`ConstShape`), but reads the sizes
//! themselves from the value of the shape (`dfdx/src/nn/tensor_collection/collection.rs`), never from the constants of
//! its type; only a reshape of one static shape to another reads those (`dfdx/src/shapes/same_numel.rs`), which nobody
//! does to a parameter of such sizes. So a size can stand in the value.
//!
//! Were the constants read, tensors of such sizes would have no elements; the test here would fail.

use dfdx::{
    nn::tensor_collection::TensorOptions,
    prelude::Device,
    shapes::{ConstDim, ConstShape, Dim, Dtype},
};

/// A size that is known at run time and passes for a static one, so that a tensor of any shape can be a
/// parameter: one whose number of channels a network computes from its type's constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Free(usize);

/// The shape of one number for each channel.
#[cfg(test)]
pub(crate) type Free1 = (Free,);
/// The shape of rows.
pub(crate) type Free2 = (Free, Free);
/// The shape of images.
pub(crate) type Free4 = (Free, Free, Free, Free);

impl From<usize> for Free {
    fn from(size: usize) -> Self {
        Self(size)
    }
}

impl Dim for Free {
    fn size(&self) -> usize {
        self.0
    }

    fn from_size(size: usize) -> Option<Self> {
        Some(Self(size))
    }
}

impl ConstDim for Free {
    const SIZE: usize = 0;
}

/// `options` for a tensor of these sizes.
pub(crate) fn of_size<S: ConstShape, E: Dtype, D: Device<E>>(
    shape: S,
    mut options: TensorOptions<S, E, D>,
) -> TensorOptions<S, E, D> {
    options.shape = shape;
    options
}

#[cfg(test)]
mod tests {
    use dfdx::{
        nn::tensor_collection::*,
        optim::{Sgd, SgdConfig},
        prelude::*,
        tensor::Gradients,
    };

    use super::*;

    /// A module with one tensor, of three numbers.
    #[derive(Clone, Debug)]
    struct Three<E: Dtype, D: Storage<E>>(Tensor<Free1, E, D>);

    impl<E: Dtype, D: Device<E>> TensorCollection<E, D> for Three<E, D> {
        type To<E2: Dtype, D2: Device<E2>> = Three<E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let options = of_size((3.into(),), TensorOptions::reset_to_ones());
            let tensor = Self::tensor("0", |s| &s.0, |s| &mut s.0, options);
            visitor.visit_fields(tensor, Three)
        }
    }

    #[test]
    fn a_tensor_of_free_sizes_is_a_parameter_like_any_other() {
        const DIFFERS: &str =
            "this dfdx reads the sizes of a tensor from its type, not from its value";
        let dev = Cpu::default();
        let mut three: Three<f32, Cpu> = BuildModule::build(&dev);
        assert_eq!(three.0.as_vec(), [1.0; 3], "{DIFFERS}");
        assert_eq!(three.num_trainable_params(), 3, "{DIFFERS}");
        let mut grads: Gradients<f32, Cpu> = three.alloc_grads();
        grads.get_or_alloc_mut(&three.0).unwrap().fill(0.5);
        let mut sgd = Sgd::new(
            &three,
            SgdConfig {
                lr: 1.0,
                momentum: None,
                weight_decay: None,
            },
        );
        sgd.update(&mut three, &grads).unwrap();
        assert_eq!(three.0.as_vec(), [0.5; 3], "{DIFFERS}");
        let wide = three.try_to_dtype::<f64>().unwrap();
        assert_eq!(wide.0.as_vec(), [0.5; 3], "{DIFFERS}");
        three.reset_params();
        assert_eq!(three.0.as_vec(), [1.0; 3], "{DIFFERS}");
    }
}
