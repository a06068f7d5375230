//! The shortcut without parameters: fewer pixels, more channels.
//!
//! | | |
//! |---|---|
//! | `cpu` | row by row |
//! | `cuda`, `subsample.cu` | place by place |
//! | `checks` | against loops and finite differences, on every device |

#[cfg(test)]
mod checks;
pub(super) mod cpu;
#[cfg(feature = "cuda")]
mod cuda;

use dfdx::{prelude::Device, shapes::Dtype};

use super::{Image, LayerTape};

/// The shortcut without parameters. The rules for all operations are with [`Layers`](super::Layers).
pub trait TrySubsample<E: Dtype>: Device<E> {
    /// Every `stride`-th pixel of every `stride`-th row, and channels of zeros before and after those of
    /// `x`, so that there are `outputs` of them: the shortcut without parameters of He et al. (2015,
    /// section 3.3, option A). `before` channels come before.
    fn try_subsample<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        stride: usize,
        outputs: usize,
        before: usize,
    ) -> Result<Image<E, Self, T>, Self::Err>;
}
