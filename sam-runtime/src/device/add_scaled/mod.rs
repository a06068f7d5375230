//! The sum with a branch whose images are multiplied by factors, of the way there and of the way back.
//!
//! | | |
//! |---|---|
//! | `cpu` | image by image |
//! | `cuda`, `add_scaled.cu` | element by element |
//! | `checks` | against loops and finite differences, on every device |

#[cfg(test)]
mod checks;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;

use dfdx::{
    prelude::Device,
    shapes::Dtype,
    tensor::{HasErr, Storage},
};

use super::{Channels, Image, LayerTape};

/// A factor for each image of a batch, and one for its gradient.
#[derive(Clone, Debug)]
pub struct Factors<E: Dtype, D: Storage<E>> {
    /// By what an image is multiplied: (batch,).
    pub forward: Channels<E, D>,
    /// By what its gradient is multiplied: (batch,).
    pub backward: Channels<E, D>,
}

impl<E: Dtype, D: Device<E>> Factors<E, D> {
    /// A plain sum of so many images.
    ///
    /// # Errors
    /// The device's.
    pub fn ones(device: &D, batch: usize) -> Result<Self, <D as HasErr>::Err> {
        let forward = device.try_ones_like(&(batch,))?;
        Ok(Self {
            backward: forward.clone(),
            forward,
        })
    }

    /// One factor for each image, and for its gradient too: the gradient is that of the product.
    ///
    /// # Errors
    /// The device's.
    pub fn of(device: &D, factors: Vec<E>) -> Result<Self, <D as HasErr>::Err> {
        let shape = (factors.len(),);
        let forward = device.try_tensor_from_vec(factors, shape)?;
        Ok(Self {
            backward: forward.clone(),
            forward,
        })
    }
}

/// Sums with branches that are multiplied. The rules for all operations are with [`Layers`](super::Layers).
pub trait TryAddScaled<E: Dtype>: Device<E> {
    /// `y = to + forward x`, with one factor for each image: (b, c, h, w) each. Back goes the gradient `d` of `y`
    /// to `to` as it is, and to `x` as `backward d`, which is not the gradient of `y` where the factors differ: that is
    /// how Shake-Shake (Gastaldi 2017) and ShakeDrop (Yamada et al. 2018, eq. 6) send it.
    fn try_add_scaled<T: LayerTape<E, Self>>(
        to: Image<E, Self, T>,
        x: Image<E, Self, T>,
        factors: &Factors<E, Self>,
    ) -> Result<Image<E, Self, T>, Self::Err>;
}
