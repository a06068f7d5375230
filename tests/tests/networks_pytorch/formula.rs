//! Weights and inputs that `tests/peers/networks.py` computes in the same way, so that no file holds them.

use dfdx::{
    nn::tensor_collection::*,
    prelude::*,
    tensor::{CpuError, Gradients},
};

/// Numbers in [-1, 1) for the tensor of this name: `hashed` in the script.
fn hashed(name: &str) -> impl Iterator<Item = f64> {
    let seed = name.bytes().fold(0x811C_9DC5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (0_u32..).map(move |place| {
        let mut x = seed.wrapping_add(place.wrapping_mul(0x9E37_79B9));
        x ^= x >> 16;
        x = x.wrapping_mul(0x7FEB_352D);
        x ^= x >> 15;
        x = x.wrapping_mul(0x846C_A68B);
        x ^= x >> 16;
        f64::from(x) / f64::from(1_u32 << 31) - 1.0
    })
}

/// The tensor of PyTorch's name and this shape, row by row, rounded to `f32`: `tensor` in the script.
fn values<E: Dtype>(name: &str, shape: &[usize]) -> Vec<E> {
    let field = name.rsplit('.').next().unwrap_or(name);
    let (around, spread) = match field {
        "weight" if shape.len() > 1 => {
            let inputs: usize = shape[1..].iter().product();
            (0.0, (3.0 / inputs as f64).sqrt())
        }
        "weight" => (1.0, 0.3),
        "running_var" => (1.0, 0.5),
        "bias" | "running_mean" => (0.0, 0.2),
        _ => (0.0, 1.0),
    };
    let count = shape.iter().product();
    let numbers = hashed(name).take(count);
    let values = numbers.map(|u| (around + spread * u) as f32);
    values.map(|x| E::from_f32(x).unwrap()).collect()
}

/// As [`values`], as a tensor.
pub(crate) fn tensor<S: Shape, E: Dtype>(dev: &Cpu, name: &str, shape: S) -> Tensor<S, E, Cpu> {
    dev.tensor_from_vec(values(name, shape.concrete().as_ref()), shape)
}

/// What dfdx calls a tensor, as PyTorch calls it.
fn of_pytorch(name: &str) -> String {
    name.replace(".scale", ".weight")
}

/// Gives each tensor of a network its values.
struct Fill;

impl<E: Dtype> TensorVisitor<E, Cpu> for Fill
where
    Cpu: Device<E>,
{
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = CpuError;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, E, Cpu>,
        (t, name): (&mut Tensor<S, E, Cpu>, String),
    ) -> Result<Option<Tensor<S, E, Cpu>>, CpuError> {
        let shape: Vec<usize> = t.shape().concrete().into();
        t.copy_from(&values(&of_pytorch(&name), &shape));
        Ok(None)
    }
}

/// A network with the weights and running statistics of the formula.
pub(crate) fn filled<N, E>(dev: &Cpu) -> N::Built
where
    N: BuildOnDevice<Cpu, E>,
    E: Dtype,
    Cpu: Device<E>,
{
    let mut network = N::build_on_device(dev);
    let (m, f) = ((&mut network, String::new()), &mut Fill);
    N::Built::iter_tensors(&mut RecursiveWalker { m, f }).unwrap();
    network
}

/// The first numbers of a tensor, or of its gradient.
struct First<'a> {
    name: &'a str,
    gradients: Option<&'a Gradients<f64, Cpu>>,
    found: Option<Vec<f64>>,
}

impl TensorVisitor<f64, Cpu> for First<'_> {
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = CpuError;
    type E2 = f64;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, f64, Cpu>,
        (t, name): (&Tensor<S, f64, Cpu>, String),
    ) -> Result<Option<Tensor<S, f64, Cpu>>, CpuError> {
        if of_pytorch(&name) == self.name {
            let values = match self.gradients {
                Some(gradients) => gradients.get(t).as_vec(),
                None => t.as_vec(),
            };
            self.found = Some(values.into_iter().take(8).collect());
        }
        Ok(None)
    }
}

/// The first eight numbers of the tensor of PyTorch's name in `network`, or of its gradient.
pub(crate) fn first<M: TensorCollection<f64, Cpu>>(
    network: &M,
    name: &str,
    gradients: Option<&Gradients<f64, Cpu>>,
) -> Vec<f64> {
    let mut first = First {
        name,
        gradients,
        found: None,
    };
    let (m, f) = ((network, String::new()), &mut first);
    M::iter_tensors(&mut RecursiveWalker { m, f }).unwrap();
    first
        .found
        .unwrap_or_else(|| panic!("no tensor is called {name}"))
}
