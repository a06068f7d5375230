//! What ran, layer by layer, while a summary looks on.

use std::cell::RefCell;

use dfdx::{prelude::*, tensor::UniqueId};

use crate::doors::id::id;

/// A layer that has run.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) layer: &'static str,
    /// One of its tensors.
    pub(super) tensor: Option<UniqueId>,
    pub(super) multiplications: u64,
    pub(super) output: Vec<usize>,
}

thread_local! {
    /// The layers so far, while someone looks on.
    static OBSERVED: RefCell<Option<Vec<Observed>>> = const { RefCell::new(None) };
}

/// Notes that a layer with this tensor has given `y`, if someone looks on.
pub(in crate::nn) fn note<S: Shape, W: Shape, E: Dtype, D: Device<E>, T>(
    layer: &'static str,
    tensor: Option<&Tensor<W, E, D>>,
    multiplications: u64,
    y: &Tensor<S, E, D, T>,
) {
    // A thread that is ending has nobody who looks on.
    let _ = OBSERVED.try_with(|observed| {
        if let Some(layers) = observed.borrow_mut().as_mut() {
            layers.push(Observed {
                layer,
                tensor: tensor.map(id),
                multiplications,
                output: HasShape::shape(y).concrete().into(),
            });
        }
    });
}

/// Ends the look, also where a layer panics.
struct Looking;

impl Drop for Looking {
    fn drop(&mut self) {
        OBSERVED.set(None);
    }
}

/// What `run` gives, and the layers that ran in it on this thread.
pub(super) fn observe<R>(run: impl FnOnce() -> R) -> (R, Vec<Observed>) {
    let _looking = Looking;
    OBSERVED.set(Some(Vec::new()));
    let result = run();
    (result, OBSERVED.take().unwrap_or_default())
}
