//! Batch normalization that keeps its running statistics while the rest is trained.

use dfdx::{nn::tensor_collection::*, prelude::*};
use num_traits::NumCast;

/// What the switch of a batch normalization is called on a walk; no layer of another kind has a number of this name.
pub(in crate::nn) const SCALAR: &str = "batch_norm_frozen";

/// Has the batch normalizations of `model` for whose names `is_frozen` is true normalize by their running
/// statistics in training, too, and leave these as they are, as after `eval()` on the layer in PyTorch; all others
/// by those of the batch. What they learn, scale and bias, is trained as before.
///
/// For fine-tuning, as in the SAM paper (Foret et al. 2020, section 3.2): with statistics of a larger data set that are to
/// stay, or batches too small for some of their own. A name is that of the layer: `bn1`, `layer1.0.bn2`, `3`; empty, where the model is one.
/// Gives the names of those that are frozen now.
///
/// It holds for this model and its clones, and is not in files: a model that is built anew, or brought to another
/// type or device by `to_dtype` or `to_device`, has none that is frozen.
///
/// Only the layers of [`nn`](crate::nn), and networks of them: dfdx's own batch normalization has no such switch.
///
/// ```
/// use sam_runtime::{dfdx::prelude::*, nn::{self, ResNet20}};
///
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<ResNet20<10>, f32>();
/// let frozen = nn::freeze_batch_norm(&mut net, |_| true);
/// assert_eq!((frozen.len(), &*frozen[1]), (19, "layer1.0.bn1"));
/// let before = net.body.stem.norm.running_mean.array();
/// let x: Tensor<Rank4<2, 3, 32, 32>, f32, _> = dev.sample_normal();
/// net.forward_mut(x.traced(net.alloc_grads()));
/// assert_eq!(net.body.stem.norm.running_mean.array(), before);
/// ```
pub fn freeze_batch_norm<E, D, M>(model: &mut M, is_frozen: impl FnMut(&str) -> bool) -> Vec<String>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D>,
{
    let mut switches = Switches {
        is_frozen,
        frozen: Vec::new(),
    };
    let walked = M::iter_tensors(&mut RecursiveWalker {
        m: (model, String::new()),
        f: &mut switches,
    });
    walked.expect("nothing is asked of the device");
    switches.frozen
}

/// The visitor that sets switches.
struct Switches<F> {
    is_frozen: F,
    /// The names of those that are on.
    frozen: Vec<String>,
}

impl<E: Dtype, D: Device<E>, F: FnMut(&str) -> bool> TensorVisitor<E, D> for Switches<F> {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, E, D>,
        _: (&mut Tensor<S, E, D>, String),
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        Ok(None)
    }

    fn visit_scalar<N: NumCast>(
        &mut self,
        _: ScalarOptions<N>,
        (switch, name): (&mut N, String),
    ) -> Result<Option<N>, D::Err> {
        let Some(layer) = name.strip_suffix(SCALAR) else {
            return Ok(None);
        };
        let layer = layer.strip_suffix('.').unwrap_or(layer);
        let frozen = (self.is_frozen)(layer);
        if let Some(value) = N::from(frozen as u8) {
            *switch = value;
        }
        if frozen {
            self.frozen.push(layer.to_owned());
        }
        Ok(None)
    }
}
