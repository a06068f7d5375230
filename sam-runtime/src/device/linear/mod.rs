//! Linear layers.
//!
//! | | |
//! |---|---|
//! | `cpu` | products with vectors in registers |
//! | `cuda`, `linear.cu` | products by cuBLAS |
//! | `checks` | against loops and finite differences, on every device |

#[cfg(test)]
mod checks;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;

use dfdx::{prelude::Device, shapes::Dtype};

use super::{Channels, LayerTape, Rows};

/// Linear layers. The rules for all operations are with [`Layers`](super::Layers).
pub trait TryLinear<E: Dtype>: Device<E> {
    /// `x weight^T + bias` of `(b, i)` with a weight of `(o, i)`, to `(b, o)`; then ReLU, if `relu`.
    fn try_linear<T: LayerTape<E, Self>>(
        x: Rows<E, Self, T>,
        weight: &Rows<E, Self>,
        bias: Option<&Channels<E, Self>>,
        relu: bool,
    ) -> Result<Rows<E, Self, T>, Self::Err>;
}
