//! Networks from four features to three classes.

use dfdx::{nn::tensor_collection::*, prelude::*, tensor::CpuError};

pub type Dev = Cpu;
pub type Tape32 = OwnedTape<f32, Cpu>;
/// The loss, on its tape.
pub type Loss = Tensor<Rank0, f32, Cpu, Tape32>;

pub type MlpArch = (Linear<4, 8>, ReLU, Linear<8, 3>);
pub type Mlp = <MlpArch as BuildOnDevice<Cpu, f32>>::Built;
pub type NormedArch = (Linear<4, 8>, BatchNorm1D<8>, Tanh, Linear<8, 3>);
pub type Normed = <NormedArch as BuildOnDevice<Cpu, f32>>::Built;
pub type DroppedArch = (Linear<4, 8>, DropoutOneIn<4>, Tanh, Linear<8, 3>);
pub type Dropped = <DroppedArch as BuildOnDevice<Cpu, f32>>::Built;
pub type DeepArch = (Linear<4, 6>, Residual<(Linear<6, 6>, Tanh)>, Linear<6, 3>);
pub type Deep = <DeepArch as BuildOnDevice<Cpu, f32>>::Built;
pub type HeadsArch = (Linear<4, 8>, Tanh, SplitInto<(Linear<8, 3>, Linear<8, 3>)>);
pub type Heads = <HeadsArch as BuildOnDevice<Cpu, f32>>::Built;

/// A network of the user's own, with state that is no tensor.
#[derive(Clone, Debug)]
pub struct Counting {
    pub net: Mlp,
    pub calls: usize,
    pub rows: Vec<usize>,
}

impl Counting {
    pub fn new(dev: &Cpu) -> Self {
        Self {
            net: dev.build_module::<MlpArch, f32>(),
            calls: 0,
            rows: Vec::new(),
        }
    }
}

impl TensorCollection<f32, Cpu> for Counting {
    type To<E2: Dtype, D2: Device<E2>> = <Mlp as TensorCollection<f32, Cpu>>::To<E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, f32, Cpu>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(Self::module("net", |s| &s.net, |s| &mut s.net), |net| net)
    }
}

impl<S: Shape> ModuleMut<Tensor<S, f32, Cpu, Tape32>> for Counting
where
    Mlp: ModuleMut<Tensor<S, f32, Cpu, Tape32>, Error = CpuError>,
{
    type Output = <Mlp as ModuleMut<Tensor<S, f32, Cpu, Tape32>>>::Output;
    type Error = CpuError;

    fn try_forward_mut(
        &mut self,
        x: Tensor<S, f32, Cpu, Tape32>,
    ) -> Result<Self::Output, CpuError> {
        self.calls += 1;
        self.rows
            .push(x.shape().concrete().into_iter().next().unwrap_or(1));
        self.net.try_forward_mut(x)
    }
}

impl<S: Shape> Module<Tensor<S, f32, Cpu>> for Counting
where
    Mlp: Module<Tensor<S, f32, Cpu>, Error = CpuError>,
{
    type Output = <Mlp as Module<Tensor<S, f32, Cpu>>>::Output;
    type Error = CpuError;

    fn try_forward(&self, x: Tensor<S, f32, Cpu>) -> Result<Self::Output, CpuError> {
        self.net.try_forward(x)
    }
}
