//! Pooling, over windows and over whole images.
//!
//! | | |
//! |---|---|
//! | `cpu` | plane by plane |
//! | `cuda`, `pool.cu` | place by place; on the way back, pixel by pixel |
//! | `checks` | against loops and finite differences, on every device |
//! | `ties` | which of several largest gets the gradient, and NaN |

#[cfg(test)]
mod checks;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod ties;

use dfdx::{prelude::Device, shapes::Dtype};

use super::{Image, LayerTape, Rows, Window};

/// How a window becomes one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The largest; padding never is. The gradient goes to the first of several largest ones.
    Max,
    /// The sum over the window, divided by the window's size; padding counts as zeros, as it does
    /// in PyTorch's `AvgPool2d`.
    Avg,
}

/// Pooling. The rules for all operations are with [`Layers`](super::Layers).
pub trait TryPool2D<E: Dtype>: Device<E> {
    /// Each window of each channel becomes one number.
    fn try_pool2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        pool: Pool,
        window: Window,
    ) -> Result<Image<E, Self, T>, Self::Err>;

    /// The mean of each channel: `(b, c, h, w)` to `(b, c)`.
    fn try_global_avg_pool<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
    ) -> Result<Rows<E, Self, T>, Self::Err>;
}
