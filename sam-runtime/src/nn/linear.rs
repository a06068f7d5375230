//! Linear layers.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{
    init,
    shape::{RowsFor, erase, restore},
};
use crate::device::{LayerTape, Layers, Rows};

/// `x W^T + b` of vectors of `IN` features, (batch, `IN`), to (batch, `OUT`). PyTorch's and dfdx's
/// `Linear`, with dfdx's names and first weights (uniform between plus and minus `1 / sqrt(IN)`), on
/// kernels of its own. Where its input is the network's, the input's gradient is not computed; see
/// [`nn`](super).
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::nn::{Linear, LinearReLU};
///
/// let dev = Cpu::default();
/// let net = dev.build_module::<(LinearReLU<784, 512>, Linear<512, 10>), f32>();
/// let y: Tensor<Rank2<128, 10>, f32, _> = net.forward(dev.zeros::<Rank2<128, 784>>());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Linear<const IN: usize, const OUT: usize>;

/// [`Linear`], then ReLU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinearReLU<const IN: usize, const OUT: usize>;

pub(super) mod module {
    use super::*;

    /// See [`Linear`](super::Linear). `RELU` says whether ReLU follows.
    #[derive(Clone, Debug)]
    pub struct MaybeReLU<
        const IN: usize,
        const OUT: usize,
        const RELU: bool,
        E: Dtype,
        D: Storage<E>,
    > {
        /// The matrix: (`OUT`, `IN`).
        pub weight: Tensor<Rank2<OUT, IN>, E, D>,
        /// The summands: (`OUT`,).
        pub bias: Tensor<Rank1<OUT>, E, D>,
    }

    /// See [`Linear`](super::Linear).
    pub type Linear<const IN: usize, const OUT: usize, E, D> = MaybeReLU<IN, OUT, false, E, D>;
    /// See [`LinearReLU`](super::LinearReLU).
    pub type LinearReLU<const IN: usize, const OUT: usize, E, D> = MaybeReLU<IN, OUT, true, E, D>;
}

use module::MaybeReLU;

impl<const IN: usize, const OUT: usize, E: Dtype, D: Layers<E>> BuildOnDevice<D, E>
    for Linear<IN, OUT>
{
    type Built = MaybeReLU<IN, OUT, false, E, D>;
}

impl<const IN: usize, const OUT: usize, E: Dtype, D: Layers<E>> BuildOnDevice<D, E>
    for LinearReLU<IN, OUT>
{
    type Built = MaybeReLU<IN, OUT, true, E, D>;
}

impl<const IN: usize, const OUT: usize, const RELU: bool, E: Dtype, D: Device<E>>
    TensorCollection<E, D> for MaybeReLU<IN, OUT, RELU, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = MaybeReLU<IN, OUT, RELU, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let fields = (
            Self::tensor(
                "weight",
                |s| &s.weight,
                |s| &mut s.weight,
                TensorOptions::reset_with(|t| init::uniform(t, IN)),
            ),
            Self::tensor(
                "bias",
                |s| &s.bias,
                |s| &mut s.bias,
                TensorOptions::reset_with(|t| init::uniform(t, IN)),
            ),
        );
        visitor.visit_fields(fields, |(weight, bias)| MaybeReLU { weight, bias })
    }
}

impl<const IN: usize, const OUT: usize, const RELU: bool, E: Dtype, D: Storage<E>> NonMutableModule
    for MaybeReLU<IN, OUT, RELU, E, D>
{
}

impl<const IN: usize, const OUT: usize, const RELU: bool, E, D, X> Module<X>
    for MaybeReLU<IN, OUT, RELU, E, D>
where
    E: Dtype,
    D: Layers<E>,
    X: RowsFor<Self, IN, E, D>,
{
    type Output = Tensor<(X::Batch, Const<OUT>), E, D, X::Tape>;
    type Error = D::Err;

    fn try_forward(&self, x: X) -> Result<Self::Output, D::Err> {
        restore(self.run(x.erase())?)
    }
}

impl<const IN: usize, const OUT: usize, const RELU: bool, E: Dtype, D: Layers<E>>
    MaybeReLU<IN, OUT, RELU, E, D>
{
    pub(super) fn run<T: LayerTape<E, D>>(
        &self,
        x: Rows<E, D, T>,
    ) -> Result<Rows<E, D, T>, D::Err> {
        let (weight, bias) = (erase(self.weight.clone()), erase(self.bias.clone()));
        D::try_linear(x, &weight, Some(&bias), RELU)
    }
}
