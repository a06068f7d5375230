//! Convolution.
//!
//! | | |
//! |---|---|
//! | `cpu` | products of matrices in vector registers, without writing the matrices; 3 x 3 Winograd's way |
//! | `cuda`, `conv.cu` | windows side by side, and products by cuBLAS |
//! | `checks` | against loops and finite differences, on every device |

#[cfg(test)]
pub(super) mod checks;
pub(super) mod cpu;
#[cfg(feature = "cuda")]
pub(super) mod cuda;

use dfdx::{prelude::Device, shapes::Dtype};

use super::{Image, LayerTape, Window};

/// Convolution. The rules for all operations are with [`Layers`](super::Layers).
pub trait TryConv2D<E: Dtype>: Device<E> {
    /// Convolution (cross-correlation, as everywhere in this field) of `(b, i, h, w)` with a weight
    /// of `(o, i / groups, k, k)`, to `(b, o, h', w')`. PyTorch's `conv2d` without bias.
    fn try_conv2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
    ) -> Result<Image<E, Self, T>, Self::Err>;
}
