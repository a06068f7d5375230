//! The input of a network needs no gradient, and computing it costs a convolution or a matrix
//! product. How a layer knows that its input is the network's, and that nobody asks.
//!
//! dfdx keeps its tapes and its sets of gradients to itself, but two of its public doors tell enough:
//! the `Debug` form of a tape begins with the number of its operations, and an optimizer reports the
//! tensors for which a set of gradients has none. Where a door should ever close, the gradient is
//! computed, which is slower and never wrong.

use std::{
    any::Any,
    fmt::{self, Write},
};

use dfdx::{
    optim::{Optimizer, Sgd, SgdConfig},
    prelude::Device,
    shapes::{ConstDim, ConstShape, Dim, Dtype, Shape},
    tensor::{Gradients, OwnedTape, Storage, Tensor},
    tensor_ops::RealizeTo,
};

use super::LayerTape;

/// Whether what carries `tape` was just traced with the gradients of a model: nothing was computed
/// on the way to it, and the tape knows of parameters. (A tape that knows of none, as
/// `leaky_traced()` and `with_empty_tape()` make it, keeps the gradients of everything.)
pub(in crate::device) fn is_input<E: Dtype, D: Storage<E>, T: LayerTape<E, D>>(tape: &T) -> bool {
    let tape: &dyn Any = tape;
    let Some(tape) = tape.downcast_ref::<OwnedTape<E, D>>() else {
        return false;
    };
    let mut start = Start(String::new());
    // Ends with an error as soon as enough is known: what follows are the gradients themselves.
    let _ = write!(start, "{tape:?}");
    start.0 == INPUT
}

/// How the `Debug` form begins, without spaces, if there is no operation and some gradient.
const INPUT: &str = "OwnedTape{num_operations:0,gradients:Gradients{gradient_by_id:{U";

/// The beginning of a text, as far as it is that of [`INPUT`].
struct Start(String);

impl Write for Start {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            if !INPUT[self.0.len()..].starts_with(c) {
                return Err(fmt::Error);
            }
            self.0.push(c);
        }
        Ok(())
    }
}

/// A size that is known at run time and passes for a static one, so that dfdx walks over a tensor of
/// any shape as it does over a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::device) struct Free(usize);

/// The shape of one number for each channel.
#[cfg(test)]
pub(in crate::device) type Free1 = (Free,);
/// The shape of rows.
pub(in crate::device) type Free2 = (Free, Free);
/// The shape of images.
pub(in crate::device) type Free4 = (Free, Free, Free, Free);

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

/// Whether `gradients` already hold one for `x`: `x` is a parameter, or was allocated by who wants to
/// read it, or something else has sent it a gradient.
///
/// `A` is the shape of `x` in [`Free`] sizes.
pub(in crate::device) fn is_wanted<A, S, E, D>(
    x: &Tensor<S, E, D>,
    gradients: &Gradients<E, D>,
) -> bool
where
    A: ConstShape,
    S: Shape<Concrete = A::Concrete>,
    E: Dtype,
    D: Device<E>,
{
    let Ok(mut x) = x.clone().try_realize::<A>() else {
        return true;
    };
    // A learning rate of 0, of a copy: nothing is learned.
    let config = SgdConfig {
        lr: 0.0,
        momentum: None,
        weight_decay: None,
    };
    Sgd::new(&x, config).update(&mut x, gradients).is_ok()
}

#[cfg(test)]
mod tests {
    use dfdx::{nn::ZeroGrads, prelude::*};

    use super::*;

    type X = Tensor<Rank2<3, 2>, f32, Cpu>;

    fn tape_of<T: LayerTape<f32, Cpu>>(x: Tensor<Rank2<3, 2>, f32, Cpu, T>) -> bool {
        is_input::<f32, Cpu, T>(&x.split_tape().1)
    }

    #[test]
    fn only_a_freshly_traced_tensor_is_an_input() {
        let dev = Cpu::default();
        let model = dev.build_module::<Linear<2, 2>, f32>();
        let x: X = dev.sample_normal();
        assert!(!tape_of(x.clone()));
        assert!(tape_of(x.trace(model.alloc_grads())));
        assert!(!tape_of(x.trace(model.alloc_grads()).relu()));
        assert!(!tape_of(model.forward(x.trace(model.alloc_grads()))));
        // These keep every gradient.
        assert!(!tape_of(x.leaky_trace()));
        assert!(!tape_of(x.trace(Gradients::leaky())));
        assert!(!tape_of(
            x.trace(model.alloc_grads()).relu().with_empty_tape()
        ));
    }

    #[test]
    fn a_gradient_that_was_allocated_is_wanted() {
        let dev = Cpu::default();
        let model = dev.build_module::<Linear<2, 2>, f32>();
        let x: X = dev.sample_normal();
        let mut gradients = model.alloc_grads();
        assert!(!is_wanted::<Free2, _, _, _>(&x, &gradients));
        assert!(is_wanted::<Free2, _, _, _>(&model.weight, &gradients));
        gradients.get_or_alloc_mut(&x).unwrap();
        assert!(is_wanted::<Free2, _, _, _>(&x, &gradients));
        let batch: Tensor<(usize, Const<2>), f32, _> = x.realize();
        assert!(is_wanted::<Free2, _, _, _>(&batch, &gradients));
        assert_eq!(gradients.get(&batch).as_vec(), [0.0; 6]);
    }
}
