//! The layers that know no batch against PyTorch: what comes out, the gradients of input and parameters, and the names
//! of its files. `tests/peers/sequences.py` wrote the numbers.

use dfdx::{
    nn::tensor_collection::*,
    prelude::*,
    tensor::{CpuError, Gradients},
};
use sam_runtime::nn::{
    Conv1D, Embedding, GRU, GroupNorm, LayerNorm, MultiHeadAttention, TransformerEncoderLayer,
};
use sam_tests::distance;
use serde_json::Value;

/// How far numbers may be off, relative to the largest of their tensor: the file has 8 digits.
trait Tolerance: Dtype {
    const TOLERANCE: f64;
}

impl Tolerance for f64 {
    const TOLERANCE: f64 = 6e-8;
}

impl Tolerance for f32 {
    const TOLERANCE: f64 = 2e-5;
}

/// What PyTorch says of one layer.
struct Case {
    name: &'static str,
    tensors: Value,
    dev: Cpu,
}

type Plain<S, E> = Tensor<S, E, Cpu>;
type Traced<S, E> = Tensor<S, E, Cpu, OwnedTape<E, Cpu>>;

impl Case {
    fn of(name: &'static str) -> Self {
        let mut file: Value =
            serde_json::from_str(include_str!("../fixtures/sequences.json")).unwrap();
        let tensors = file["cases"][name].take();
        assert!(tensors.is_object(), "{name}: not in the file");
        let dev = Cpu::default();
        Self { name, tensors, dev }
    }

    fn values(&self, key: &str) -> Vec<f64> {
        let values = self.tensors[key]["values"].as_array();
        let values = values.unwrap_or_else(|| panic!("{}: no {key}", self.name));
        values.iter().map(|x| x.as_f64().unwrap()).collect()
    }

    fn shape<S: Shape>(&self, key: &str) -> S {
        let sizes = self.tensors[key]["shape"].as_array().unwrap();
        assert_eq!(sizes.len(), S::NUM_DIMS, "{}: {key}", self.name);
        let mut concrete = S::Concrete::default();
        for (i, size) in sizes.iter().enumerate() {
            concrete[i] = size.as_u64().unwrap() as usize;
        }
        S::from_concrete(&concrete).unwrap_or_else(|| panic!("{}: {key}: {sizes:?}", self.name))
    }

    fn tensor<S: Shape, E: Dtype>(&self, key: &str) -> Plain<S, E>
    where
        Cpu: Device<E>,
    {
        let values = self.values(key).into_iter();
        let values = values.map(|x| E::from_f64(x).unwrap()).collect();
        self.dev.tensor_from_vec(values, self.shape(key))
    }

    #[track_caller]
    fn compare<S: Shape, E: Tolerance>(&self, key: &str, ours: &Plain<S, E>)
    where
        Cpu: Device<E>,
    {
        assert_eq!(
            ours.shape().concrete(),
            self.shape::<S>(key).concrete(),
            "{}: {key}",
            self.name
        );
        let ours: Vec<f64> = ours.as_vec().iter().map(|x| x.to_f64().unwrap()).collect();
        let theirs = self.values(key);
        let scale = theirs.iter().fold(0.0_f64, |max, x| x.abs().max(max));
        // Softmax doesn't see the keys' bias: its gradient is rounding alone, and has no scale of its own.
        let off = match scale > 1e-10 {
            true => distance(&ours, &theirs),
            false => ours.iter().fold(0.0_f64, |max, x| x.abs().max(max)),
        };
        assert!(off < E::TOLERANCE, "{}: {key}: {off:e}", self.name);
    }
}

/// What a tensor is called in PyTorch's files.
fn in_file(name: &str) -> String {
    match name.strip_suffix("scale") {
        Some(start) => format!("{start}weight"),
        None => name.to_owned(),
    }
}

struct Load<'a>(&'a Case, usize);

impl<E: Dtype> TensorVisitor<E, Cpu> for Load<'_>
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
        (t, name): (&mut Plain<S, E>, String),
    ) -> Result<Option<Plain<S, E>>, CpuError> {
        let key = format!("state.{}", in_file(&name));
        let values = self.0.values(&key).into_iter();
        let values: Vec<E> = values.map(|x| E::from_f64(x).unwrap()).collect();
        let sizes: Vec<u64> = t.shape().concrete().into_iter().map(|n| n as u64).collect();
        assert_eq!(self.0.tensors[&key]["shape"], Value::from(sizes), "{key}");
        t.copy_from(&values);
        self.1 += 1;
        Ok(None)
    }
}

struct Compare<'a, E: Dtype>(&'a Case, &'a Gradients<E, Cpu>);

impl<E: Tolerance> TensorVisitor<E, Cpu> for Compare<'_, E>
where
    Cpu: Device<E>,
{
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = CpuError;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, Cpu>,
        (t, name): (&Plain<S, E>, String),
    ) -> Result<Option<Plain<S, E>>, CpuError> {
        assert!(options.do_gradient_update, "{name}");
        let gradient = self.1.get(t);
        self.0
            .compare(&format!("grad.{}", in_file(&name)), &gradient);
        Ok(None)
    }
}

fn loaded<L, E>(case: &Case) -> L::Built
where
    L: BuildOnDevice<Cpu, E>,
    E: Dtype,
    Cpu: Device<E>,
{
    let mut layer = L::build_on_device(&case.dev);
    let mut load = Load(case, 0);
    L::Built::iter_tensors(&mut RecursiveWalker {
        m: (&mut layer, String::new()),
        f: &mut load,
    })
    .unwrap();
    let keys = case.tensors.as_object().unwrap().keys();
    let all = keys.filter(|key| key.starts_with("state.")).count();
    assert_eq!(load.1, all, "{}: tensors", case.name);
    layer
}

/// What comes out, and the way back from it.
fn backward<M, S: Shape, E: Tolerance>(case: &Case, layer: &M, y: Traced<S, E>) -> Gradients<E, Cpu>
where
    M: TensorCollection<E, Cpu>,
    Cpu: Device<E>,
{
    let (y, tape) = y.split_tape();
    compare_y(case, &y);
    let product = y.put_tape(tape) * case.tensor::<S, E>("r");
    let all = (product.shape().num_elements(),);
    let gradients = product.reshape_like(&all).sum::<Rank0, _>().backward();
    M::iter_tensors(&mut RecursiveWalker {
        m: (layer, String::new()),
        f: &mut Compare(case, &gradients),
    })
    .unwrap();
    gradients
}

/// Where PyTorch's loss looks: at padding, PyTorch itself may give anything.
fn compare_y<S: Shape, E: Tolerance>(case: &Case, y: &Plain<S, E>)
where
    Cpu: Device<E>,
{
    if !case.tensors["mask"].is_object() {
        return case.compare("y", y);
    }
    let mask = case.values("mask");
    let (ours, theirs) = (y.as_vec(), case.values("y"));
    let features = ours.len() / mask.len();
    let seen = |i: &usize| mask[i / features] != 0.0;
    let at: Vec<usize> = (0..ours.len()).filter(seen).collect();
    let ours: Vec<f64> = at.iter().map(|i| ours[*i].to_f64().unwrap()).collect();
    let theirs: Vec<f64> = at.iter().map(|i| theirs[*i]).collect();
    let off = distance(&ours, &theirs);
    assert!(off < E::TOLERANCE, "{}: y: {off:e}", case.name);
}

/// Training and evaluation of a layer from `X` to `Y`.
fn agree<L, X, Y, E>(name: &'static str)
where
    L: BuildOnDevice<Cpu, E>,
    L::Built:
        ModuleMut<Traced<X, E>, Output = Traced<Y, E>> + Module<Plain<X, E>, Output = Plain<Y, E>>,
    X: Shape,
    Y: Shape,
    E: Tolerance,
    Cpu: Device<E>,
{
    let case = Case::of(name);
    let mut layer = loaded::<L, E>(&case);
    let x: Plain<X, E> = case.tensor("x");
    let y = layer.forward_mut(x.leaky_trace());
    let gradients = backward(&case, &layer, y);
    case.compare("grad_x", &gradients.get(&x));
    compare_y(&case, &layer.forward(x.clone()));
    // As a network's first layer.
    let y = layer.forward_mut(x.trace(layer.alloc_grads()));
    backward(&case, &layer, y);
}

/// The same with a mask.
fn agree_masked<L, X, K, E>(name: &'static str)
where
    L: BuildOnDevice<Cpu, E>,
    L::Built: ModuleMut<(Traced<X, E>, Plain<K, E>), Output = (Traced<X, E>, Plain<K, E>)>
        + Module<(Plain<X, E>, Plain<K, E>), Output = (Plain<X, E>, Plain<K, E>)>,
    X: Shape,
    K: Shape,
    E: Tolerance,
    Cpu: Device<E>,
{
    let case = Case::of(name);
    let mut layer = loaded::<L, E>(&case);
    let (x, mask): (Plain<X, E>, Plain<K, E>) = (case.tensor("x"), case.tensor("mask"));
    let (y, handed_on) = layer.forward_mut((x.leaky_trace(), mask.clone()));
    assert_eq!(handed_on.as_vec(), mask.as_vec());
    let gradients = backward(&case, &layer, y);
    case.compare("grad_x", &gradients.get(&x));
    compare_y(&case, &layer.forward((x, mask)).0);
}

/// Both types of elements, with static and with dynamic sizes.
macro_rules! agree {
    ($name:literal: $layer:ty, $x:ty => $y:ty, $dynamic_x:ty => $dynamic_y:ty) => {
        agree::<$layer, $x, $y, f64>($name);
        agree::<$layer, $x, $y, f32>($name);
        agree::<$layer, $dynamic_x, $dynamic_y, f64>($name);
    };
    ($name:literal: $layer:ty, $x:ty, $dynamic:ty) => {
        agree!($name: $layer, $x => $x, $dynamic => $dynamic);
    };
}

macro_rules! agree_masked {
    ($name:literal: $layer:ty, $x:ty, $dynamic:ty) => {
        agree_masked::<$layer, $x, Rank2<3, 5>, f64>($name);
        agree_masked::<$layer, $x, Rank2<3, 5>, f32>($name);
        agree_masked::<$layer, $dynamic, (usize, usize), f64>($name);
    };
}

type Tokens = Rank3<3, 5, 6>;
type DynamicTokens = (usize, usize, Const<6>);

#[test]
fn layer_norm() {
    agree!("layer_norm_rows": LayerNorm<6>, Rank2<4, 6>, (usize, Const<6>));
    agree!("layer_norm_tokens": LayerNorm<6>, Tokens, DynamicTokens);
}

#[test]
fn group_norm() {
    type X = Rank4<3, 6, 4, 5>;
    type Dynamic = (usize, Const<6>, usize, usize);
    agree!("group_norm_2_of_6": GroupNorm<2, 6>, X, Dynamic);
    agree!("group_norm_1_of_6": GroupNorm<1, 6>, X, Dynamic);
    agree!("group_norm_6_of_6": GroupNorm<6, 6>, X, Dynamic);
}

#[test]
fn embedding() {
    fn agree<B: Dim, S: Dim, E: Tolerance>()
    where
        Cpu: sam_runtime::device::Layers<E>,
    {
        let case = Case::of("embedding");
        let mut layer = loaded::<Embedding<7, 4>, E>(&case);
        let words = case.values("x").into_iter().map(|x| x as usize).collect();
        let words: Tensor<(B, S), usize, Cpu> = case.dev.tensor_from_vec(words, case.shape("x"));
        compare_y(&case, &layer.forward(words.clone()));
        let y = layer.forward_mut(words.trace(layer.alloc_grads()));
        backward(&case, &layer, y);
        let mask: Plain<(B, S), E> = case.dev.ones_like(&words);
        let (y, _) = layer.forward_mut((words.leaky_traced(), mask));
        backward(&case, &layer, y);
    }
    agree::<Const<3>, Const<5>, f64>();
    agree::<Const<3>, Const<5>, f32>();
    agree::<usize, usize, f64>();
}

#[test]
fn attention() {
    agree!("attention": MultiHeadAttention<6, 2>, Tokens, DynamicTokens);
    agree!("attention_causal": MultiHeadAttention<6, 3, 0, true>, Tokens, DynamicTokens);
    agree_masked!("attention_masked": MultiHeadAttention<6, 2>, Tokens, DynamicTokens);
}

#[test]
fn encoder() {
    agree!("encoder": TransformerEncoderLayer<6, 2, 8, 0>, Tokens, DynamicTokens);
    agree!("encoder_norm_first": TransformerEncoderLayer<6, 2, 8, 0, true>, Tokens, DynamicTokens);
    agree_masked!(
        "encoder_causal_masked": TransformerEncoderLayer<6, 2, 8, 0, true, true>, Tokens, DynamicTokens
    );
}

#[test]
fn gru() {
    agree!(
        "gru": GRU<4, 5>,
        Rank3<3, 6, 4> => Rank3<3, 6, 5>,
        (usize, usize, Const<4>) => (usize, usize, Const<5>)
    );
}

#[test]
fn conv1d() {
    type X = Rank3<3, 4, 9>;
    type Dynamic = (usize, Const<4>, usize);
    type DynamicY = (usize, Const<6>, usize);
    agree!("conv1d_3": Conv1D<4, 6, 3>, X => Rank3<3, 6, 7>, Dynamic => DynamicY);
    agree!("conv1d_5_stride2_pad2": Conv1D<4, 6, 5, 2, 2>, X => Rank3<3, 6, 5>, Dynamic => DynamicY);
    agree!(
        "conv1d_3_pad2_dilation2": Conv1D<4, 6, 3, 1, 2, 2>, X => Rank3<3, 6, 9>, Dynamic => DynamicY
    );
    agree!("conv1d_3_pad1_groups2": Conv1D<4, 6, 3, 1, 1, 1, 2>, X => Rank3<3, 6, 9>, Dynamic => DynamicY);
}

#[test]
fn no_case_of_the_file_is_left_out() {
    let file: Value = serde_json::from_str(include_str!("../fixtures/sequences.json")).unwrap();
    let this = include_str!("sequences_pytorch.rs");
    for name in file["cases"].as_object().unwrap().keys() {
        assert!(this.contains(&format!("\"{name}\"")), "{name}");
    }
}
