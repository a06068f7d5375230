//! Batches on their way to a device, while it computes.

#[cfg(feature = "cuda")]
use std::any::Any;

use dfdx::{
    shapes::Shape,
    tensor::{Tensor, TensorFromVec},
};

/// Sends numbers to a device that is not the host.
pub(crate) struct Upload {
    #[cfg(feature = "cuda")]
    to: super::cuda::Upload,
    #[cfg(not(feature = "cuda"))]
    to: std::convert::Infallible,
}

/// Numbers on their way.
pub(crate) struct Sent {
    #[cfg(feature = "cuda")]
    to: super::cuda::Sent,
    #[cfg(not(feature = "cuda"))]
    to: std::convert::Infallible,
}

impl Upload {
    /// One to `device`; `None` for the host, and where the device has no room for one.
    pub(crate) fn new<D: 'static>(device: &D) -> Option<Self> {
        #[cfg(feature = "cuda")]
        if let Some(device) = (device as &dyn Any).downcast_ref() {
            let to = super::cuda::Upload::new(device).ok()?;
            return Some(Self { to });
        }
        let _ = device;
        None
    }

    /// Has `values` sent; comes back before they have arrived. `None` where the device fails: then there is
    /// still the way of all other tensors.
    pub(crate) fn send(&self, values: &[f32]) -> Option<Sent> {
        #[cfg(feature = "cuda")]
        return self.to.send(values).ok().map(|to| Sent { to });
        #[cfg(not(feature = "cuda"))]
        {
            let _ = values;
            match self.to {}
        }
    }
}

impl Sent {
    /// The tensor of what was sent, on the device that it was sent to.
    pub(crate) fn receive<S: Shape, D: TensorFromVec<f32>>(
        self,
        device: &D,
        shape: S,
    ) -> Option<Result<Tensor<S, f32, D>, D::Err>> {
        #[cfg(feature = "cuda")]
        {
            let device = (device as &dyn Any).downcast_ref()?;
            let tensor: Box<dyn Any> = Box::new(self.to.receive(device, shape));
            tensor.downcast().ok().map(|tensor| *tensor)
        }
        #[cfg(not(feature = "cuda"))]
        {
            let _ = (device, shape);
            match self.to {}
        }
    }
}
