//! Whether a tensor is the input of a network, by its tape. Its gradient costs a convolution or a matrix product,
//! and nobody asks for it.
//!
//! dfdx 0.13.0 keeps its tapes to itself, but the `Debug` form of one begins with the number of its operations, and
//! that of a set of gradients with those of the tensors that it has (`dfdx/src/tensor/gradients.rs`). It is read so
//! far and no further.
//!
//! Were the form another one, no tensor would pass for an input: all gradients would be computed, which is slower
//! and never wrong.

use std::{
    any::Any,
    fmt::{self, Write},
};

use dfdx::{
    shapes::Dtype,
    tensor::{OwnedTape, Storage},
};

/// Whether what carries `tape` was just traced with the gradients of a model: nothing was computed
/// on the way to it, and the tape knows of parameters. (A tape that knows of none, as
/// `leaky_traced()` and `with_empty_tape()` make it, keeps the gradients of everything.)
pub(crate) fn is_input<E: Dtype, D: Storage<E>, T: 'static>(tape: &T) -> bool {
    let tape: &dyn Any = tape;
    let Some(tape) = tape.downcast_ref::<OwnedTape<E, D>>() else {
        return false;
    };
    let mut start = Start(String::new());
    // Ends with an error as soon as enough is known: what follows are the gradients themselves.
    let _ = write!(start, "{tape:?}");
    INPUTS.contains(&start.0.as_str())
}

/// How the `Debug` form begins, without spaces, if there is no operation, and some gradient; or none yet, but it is known
/// of which tensors they will be.
const INPUTS: [&str; 2] = [
    "OwnedTape{num_operations:0,gradients:Gradients{gradient_by_id:{U",
    "OwnedTape{num_operations:0,gradients:Gradients{gradient_by_id:{},leaf_ids:Some({U",
];

/// The beginning of a text, as far as it is that of one of [`INPUTS`].
struct Start(String);

impl Write for Start {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            self.0.push(c);
            if !INPUTS.iter().any(|input| input.starts_with(&self.0)) {
                self.0.pop();
                return Err(fmt::Error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use dfdx::{nn::ZeroGrads, prelude::*, tensor::Gradients};

    use super::*;
    use crate::doors::id::id;

    fn of<T: Tape<f32, Cpu> + 'static>(x: Tensor<Rank2<3, 2>, f32, Cpu, T>) -> bool {
        is_input::<f32, Cpu, T>(&x.split_tape().1)
    }

    #[test]
    fn only_a_freshly_traced_tensor_is_an_input() {
        let dev = Cpu::default();
        let model = dev.build_module::<Linear<2, 2>, f32>();
        let x: Tensor<Rank2<3, 2>, f32, _> = dev.sample_normal();
        assert!(!of(x.clone()));
        assert!(
            of(x.trace(model.alloc_grads())),
            "the `Debug` form of this dfdx's tapes does not begin with the number of operations, or that of \
             gradients with those that there are: the gradient of each input is computed, for nothing"
        );
        // As those of a batch's chunks are at first.
        let mut to_come = Gradients::leaky();
        to_come.retain_leafs(&[id(&model.weight)]);
        assert!(of(x.trace(to_come)), "see above");
        assert!(!of(x.trace(model.alloc_grads()).relu()));
        assert!(!of(model.forward(x.trace(model.alloc_grads()))));
        // These keep every gradient.
        assert!(!of(x.leaky_trace()));
        assert!(!of(x.trace(Gradients::leaky())));
        assert!(!of(x.trace(model.alloc_grads()).relu().with_empty_tape()));
    }
}
