//! What the tests here share: models as plain numbers, data, comparisons.

pub mod ranks;

use dfdx::{
    nn::tensor_collection::*,
    optim::*,
    prelude::*,
    tensor::{CpuError, Gradients},
};

/// Which tensors of a model.
#[derive(Clone, Copy, PartialEq)]
enum Which {
    Parameters,
    Buffers,
}

struct Values {
    which: Which,
    found: Vec<f64>,
}

fn wide<E: Dtype>(values: &[E]) -> impl Iterator<Item = f64> {
    values.iter().map(|x| x.to_f64().expect("a number"))
}

impl<E: Dtype> TensorVisitor<E, Cpu> for Values
where
    Cpu: Device<E>,
{
    type Viewer = ViewTensorRef;
    type Err = CpuError;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, Cpu>,
        t: &Tensor<S, E, Cpu>,
    ) -> Result<Option<Tensor<S, E, Cpu>>, CpuError> {
        if options.do_gradient_update == (self.which == Which::Parameters) {
            self.found.extend(wide(&t.as_vec()));
        }
        Ok(None)
    }
}

fn values<E: Dtype, M: TensorCollection<E, Cpu>>(model: &M, which: Which) -> Vec<f64>
where
    Cpu: Device<E>,
{
    let mut values = Values {
        which,
        found: Vec::new(),
    };
    M::iter_tensors(&mut RecursiveWalker {
        m: model,
        f: &mut values,
    })
    .expect("reading can't fail");
    values.found
}

/// Everything that the optimizer updates, in the model's order, row by row.
pub fn parameters<E: Dtype, M: TensorCollection<E, Cpu>>(model: &M) -> Vec<f64>
where
    Cpu: Device<E>,
{
    values(model, Which::Parameters)
}

/// Everything else: the running statistics of batch normalization.
pub fn buffers<E: Dtype, M: TensorCollection<E, Cpu>>(model: &M) -> Vec<f64>
where
    Cpu: Device<E>,
{
    values(model, Which::Buffers)
}

/// Parameters and buffers, for comparisons that let no bit differ.
pub fn state<E: Dtype, M: TensorCollection<E, Cpu>>(model: &M) -> Vec<u64>
where
    Cpu: Device<E>,
{
    bits(parameters(model).into_iter().chain(buffers(model)))
}

/// The bit patterns of numbers.
pub fn bits(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    values.into_iter().map(f64::to_bits).collect()
}

struct Overwrite<'a>(&'a [f64]);

impl<E: Dtype> TensorVisitor<E, Cpu> for Overwrite<'_>
where
    Cpu: Device<E>,
{
    type Viewer = ViewTensorMut;
    type Err = CpuError;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, Cpu>,
        t: &mut Tensor<S, E, Cpu>,
    ) -> Result<Option<Tensor<S, E, Cpu>>, CpuError> {
        if options.do_gradient_update {
            let (mine, rest) = self.0.split_at(t.shape().num_elements());
            let mine: Vec<E> = mine.iter().map(|&x| E::from_f64(x).unwrap()).collect();
            t.copy_from(&mine);
            self.0 = rest;
        }
        Ok(None)
    }
}

/// Sets the parameters to `values`.
pub fn set_parameters<E: Dtype, M: TensorCollection<E, Cpu>>(model: &mut M, values: &[f64])
where
    Cpu: Device<E>,
{
    let mut overwrite = Overwrite(values);
    M::iter_tensors(&mut RecursiveWalker {
        m: model,
        f: &mut overwrite,
    })
    .expect("writing can't fail");
    assert!(overwrite.0.is_empty(), "more values than parameters");
}

struct Read<E: Dtype>
where
    Cpu: Device<E>,
{
    gradients: Gradients<E, Cpu>,
    found: Vec<f64>,
}

impl<E: Dtype> TensorVisitor<E, Cpu> for Read<E>
where
    Cpu: Device<E>,
{
    type Viewer = ViewTensorRef;
    type Err = CpuError;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, Cpu>,
        t: &Tensor<S, E, Cpu>,
    ) -> Result<Option<Tensor<S, E, Cpu>>, CpuError> {
        if options.do_gradient_update {
            self.gradients.try_alloc_for(t)?;
            self.found.extend(wide(&self.gradients.get(t).as_vec()));
        }
        Ok(None)
    }
}

/// The gradient of every parameter, in the order of [`parameters`].
pub fn gradient<E: Dtype, M: TensorCollection<E, Cpu>>(
    model: &M,
    gradients: &Gradients<E, Cpu>,
) -> Vec<f64>
where
    Cpu: Device<E>,
{
    let mut read = Read {
        gradients: gradients.clone(),
        found: Vec::new(),
    };
    M::iter_tensors(&mut RecursiveWalker {
        m: model,
        f: &mut read,
    })
    .expect("reading can't fail");
    read.found
}

/// `||v||_p`, straight from the definition.
pub fn norm(v: &[f64], p: f64) -> f64 {
    if p.is_infinite() {
        v.iter().fold(0.0, |max, x| x.abs().max(max))
    } else {
        v.iter().map(|x| x.abs().powf(p)).sum::<f64>().powf(1.0 / p)
    }
}

/// The largest difference of two vectors, in units of the largest element of `b`.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    norm(&differences, f64::INFINITY) / norm(b, f64::INFINITY)
}

/// SAM's eq. 2, straight from the paper: `rho sign(g) |g|^(q-1) / (||g||_q^q)^(1/p)`.
pub fn perturbation(g: &[f64], p: f64, rho: f64) -> Vec<f64> {
    if p == 1.0 {
        // The limit: the whole of rho on the weight with the largest gradient.
        let largest = (0..g.len()).max_by(|&i, &j| g[i].abs().total_cmp(&g[j].abs()));
        let move_largest = |i| {
            if Some(i) == largest {
                rho * g[i].signum()
            } else {
                0.0
            }
        };
        return (0..g.len()).map(move_largest).collect();
    }
    let q = if p.is_infinite() { 1.0 } else { p / (p - 1.0) };
    let denominator = g.iter().map(|x| x.abs().powf(q)).sum::<f64>().powf(1.0 / p);
    g.iter()
        .map(|&x| {
            let sign = if x == 0.0 { 0.0 } else { x.signum() };
            rho * sign * x.abs().powf(q - 1.0) / denominator
        })
        .collect()
}

/// `len` numbers between -1 and 1 without a pattern, the same for one seed.
pub fn noise(len: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// A row-major tensor of these numbers.
pub fn tensor<S: ConstShape, E: Dtype>(dev: &Cpu, values: &[f64]) -> Tensor<S, E, Cpu> {
    let values = values.iter().map(|&x| E::from_f64(x).unwrap());
    dev.tensor_from_vec(values.collect(), S::default())
}

/// The labels of a batch of `rows`, as one-hot rows.
pub fn one_hot(rows: usize, classes: usize) -> Vec<f64> {
    (0..rows)
        .flat_map(|row| (0..classes).map(move |c| c == (row * 7 + row / 3) % classes))
        .map(|is| if is { 1.0 } else { 0.0 })
        .collect()
}

/// A batch of `B` inputs of `I` numbers with labels of `C` classes as one-hot rows.
pub fn classes<const B: usize, const I: usize, const C: usize, E: Dtype>(
    dev: &Cpu,
    seed: u64,
) -> Classes<B, I, C, E> {
    (
        tensor(dev, &noise(B * I, seed)),
        tensor(dev, &one_hot(B, C)),
    )
}

/// Inputs and labels.
pub type Classes<const B: usize, const I: usize, const C: usize, E> =
    (Tensor<Rank2<B, I>, E, Cpu>, Tensor<Rank2<B, C>, E, Cpu>);

/// Stochastic gradient descent with this learning rate and nothing else.
pub fn sgd<M, E: Dtype>(model: &M, lr: f64) -> Sgd<M, E, Cpu> {
    let config = SgdConfig {
        lr,
        momentum: None,
        weight_decay: None,
    };
    Sgd::new(model, config)
}
