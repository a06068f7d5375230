//! Every tensor of a layer, by its name.

use dfdx::{
    nn::tensor_collection::*,
    prelude::*,
    tensor::{CpuError, Gradients},
};

use crate::case::{Case, Plain};

/// A parameter's or buffer's name in the file: its own, without the layers that it is in.
fn key(path: &str) -> &str {
    path.rsplit('.').next().unwrap()
}

/// Sets every tensor of a layer to PyTorch's.
struct Load<'a>(&'a Case<'a>);

impl TensorVisitor<f32, Cpu> for Load<'_> {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = CpuError;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, f32, Cpu>,
        (t, path): (&mut Plain<S>, String),
    ) -> Result<Option<Plain<S>>, CpuError> {
        t.copy_from(&self.0.tensor::<S>(key(&path)).as_vec());
        Ok(None)
    }
}

/// Compares the gradient of every parameter, and every buffer after the step.
struct Compare<'a> {
    case: &'a Case<'a>,
    gradients: &'a Gradients<f32, Cpu>,
    parameters: usize,
}

impl TensorVisitor<f32, Cpu> for Compare<'_> {
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = CpuError;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, f32, Cpu>,
        (t, path): (&Plain<S>, String),
    ) -> Result<Option<Plain<S>>, CpuError> {
        let key = key(&path);
        if options.do_gradient_update {
            self.parameters += 1;
            self.case
                .compare(&format!("grad_{key}"), &self.gradients.get(t));
        } else {
            self.case.compare(&format!("{key}_after"), t);
        }
        Ok(None)
    }
}

/// A layer with PyTorch's parameters and buffers.
pub(super) fn loaded<L: BuildOnDevice<Cpu, f32>>(case: &Case) -> L::Built
where
    L::Built: TensorCollection<f32, Cpu>,
{
    let mut layer = L::try_build_on_device(&case.dev).unwrap();
    L::Built::iter_tensors(&mut RecursiveWalker {
        m: (&mut layer, String::new()),
        f: &mut Load(case),
    })
    .unwrap();
    layer
}

/// Every parameter's gradient and every buffer against PyTorch's; and there must be as many
/// parameters.
pub(super) fn compare_gradients<M>(case: &Case, layer: &M, gradients: &Gradients<f32, Cpu>)
where
    M: TensorCollection<f32, Cpu>,
{
    let mut compare = Compare {
        case,
        gradients,
        parameters: 0,
    };
    M::iter_tensors(&mut RecursiveWalker {
        m: (layer, String::new()),
        f: &mut compare,
    })
    .unwrap();
    // All but that of the input.
    let theirs = case.tensors.as_object().unwrap().keys();
    let theirs = theirs.filter(|key| key.starts_with("grad_")).count();
    assert_eq!(compare.parameters, theirs - 1, "{}", case.name);
}
