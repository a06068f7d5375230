//! Networks as ONNX files: what is in them, read by messages that are written down here once more, and the cases that
//! `tests/peers/onnx_models.py` gives to ONNX Runtime, in the folder that `SAM_TRAIN_ONNX` names.

use std::{collections::BTreeMap, fs, path::PathBuf};

use prost::Message;
use safetensors::{Dtype as Kind, SafeTensors, tensor::TensorView};
use sam_runtime::{
    dfdx::{
        self,
        nn::modules::{AccurateGeLU, FastGeLU, LeakyReLU},
        optim::{Optimizer, Sgd, SgdConfig},
        prelude::*,
    },
    nn::{
        self, AvgPool2D, BatchNorm1D, BatchNorm2D, BatchNorm2DReLU, Bias2D, Bias2DReLU, Conv2D,
        Conv2DBatchNorm, Conv2DBatchNormReLU, Flatten2D, FlattenTo, Frozen, GlobalAvgPool2D,
        GroupNorm, LayerNorm, LinearReLU, MaxPool2D, ResNet18, ResNet20, SequenceLast,
        SequenceMean, WideResNet16x4,
        onnx::{self, Graph, OnnxError, ToOnnx, Value},
        weights,
    },
};

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(message, optional, tag = "7")]
    graph: Option<ReadGraph>,
    #[prost(message, repeated, tag = "8")]
    operators: Vec<Operators>,
    #[prost(message, repeated, tag = "14")]
    metadata: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Operators {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct ReadGraph {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    tensors: Vec<Held>,
    #[prost(message, repeated, tag = "11")]
    inputs: Vec<Named>,
    #[prost(message, repeated, tag = "12")]
    outputs: Vec<Named>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    outputs: Vec<String>,
    #[prost(string, tag = "4")]
    operator: String,
}

#[derive(Clone, PartialEq, Message)]
struct Held {
    #[prost(int64, repeated, tag = "1")]
    shape: Vec<i64>,
    #[prost(int32, tag = "2")]
    kind: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

fn read(model: &onnx::Model) -> (File, ReadGraph) {
    let file = File::decode(&model.to_bytes().unwrap()[..]).unwrap();
    let graph = file.graph.clone().unwrap();
    (file, graph)
}

/// A few steps on noise, so that no tensor is as it began.
macro_rules! trained {
    ($net:ty, $dev:expr, $x:expr) => {{
        let mut net = $dev.build_module::<$net, f32>();
        let config = SgdConfig {
            lr: 0.01,
            ..Default::default()
        };
        let mut opt = Sgd::new(&net, config);
        for _ in 0..2 {
            let y = net.forward_mut($x.trace(net.alloc_grads()));
            let grads = y.square().mean().backward();
            opt.update(&mut net, &grads).unwrap();
        }
        net
    }};
}

/// Holds the graph against the weights in a file of this crate; leaves the case for ONNX Runtime if it is asked for.
fn check<M, S, O>(name: &str, net: &M, x: Tensor<S, f32, Cpu>)
where
    S: Shape,
    O: Shape,
    M: ToOnnx<f32, Cpu>
        + TensorCollection<f32, Cpu>
        + Module<Tensor<S, f32, Cpu>, Output = Tensor<O, f32, Cpu>>,
    M::Error: std::fmt::Debug,
{
    let model = onnx::model(net, &x).unwrap().metadata("network", name);
    let (file, graph) = read(&model);
    assert_eq!((file.ir_version, &file.operators[0].domain[..]), (8, ""));
    assert_eq!(file.operators[0].version, onnx::OPSET);
    assert_eq!(
        (&file.metadata[0].key[..], &file.metadata[0].value[..]),
        ("network", name)
    );
    assert_eq!(graph.inputs[0].name, "input");
    assert_eq!(graph.outputs[0].name, "output");

    // Each node has what is there before it, and nothing has the name of something else.
    let mut known = vec!["input".to_owned()];
    known.extend(graph.tensors.iter().map(|tensor| tensor.name.clone()));
    for node in &graph.nodes {
        for input in &node.inputs {
            assert!(
                known.contains(input),
                "{name}: {input} of {}",
                node.operator
            );
        }
        for output in &node.outputs {
            assert!(!known.contains(output), "{name}: {output} twice");
            known.push(output.clone());
        }
    }
    assert_eq!(known.last().unwrap(), "output");

    // The tensors are those of a weight file, name by name and byte by byte.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    weights::save(net, &path).unwrap();
    let bytes = fs::read(path).unwrap();
    let mut wanted = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let found: BTreeMap<&str, &Held> = graph.tensors.iter().map(|t| (&t.name[..], t)).collect();
    // Those that no weight file has are constants.
    for (tensor, view) in wanted.drain(..) {
        let held = found
            .get(&tensor[..])
            .unwrap_or_else(|| panic!("{name}: no {tensor}"));
        let shape: Vec<usize> = held.shape.iter().map(|n| *n as usize).collect();
        assert_eq!(shape, view.shape(), "{name}: {tensor}");
        assert_eq!(
            (held.kind, &held.bytes[..]),
            (1, view.data()),
            "{name}: {tensor}"
        );
    }

    let Some(folder) = std::env::var_os("SAM_TRAIN_ONNX").map(PathBuf::from) else {
        return;
    };
    fs::create_dir_all(&folder).unwrap();
    model.save(folder.join(format!("{name}.onnx"))).unwrap();
    let y = net.try_forward(x.clone()).unwrap();
    let bytes = |values: Vec<f32>| values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let (given, got): (Vec<u8>, Vec<u8>) = (bytes(x.as_vec()), bytes(y.as_vec()));
    let view = |shape: Vec<usize>, bytes| TensorView::new(Kind::F32, shape, bytes).unwrap();
    let case = [
        ("input", view(x.shape().concrete().into(), &given[..])),
        ("output", view(y.shape().concrete().into(), &got[..])),
    ];
    let bytes = safetensors::serialize(case, None).unwrap();
    fs::write(folder.join(format!("{name}.safetensors")), bytes).unwrap();
}

/// Trains a network on noise of this shape, and checks it.
macro_rules! check {
    ($name:literal, $net:ty, $x:ty) => {{
        let dev = Cpu::seed_from_u64(7);
        let x: Tensor<$x, f32, _> = dev.sample_normal();
        let net = trained!($net, dev, x);
        check($name, &net, x);
    }};
}

#[test]
fn layers_of_vectors() {
    type Mlp = (
        (nn::Linear<6, 16>, ReLU, DropoutOneIn<3>),
        (LinearReLU<16, 16>, BatchNorm1D<16>, nn::DropoutPercent<20>),
        (Residual<(nn::Linear<16, 16>, Tanh)>, LayerNorm<16>),
        nn::Linear<16, 3>,
    );
    check!("mlp", Mlp, Rank2<5, 6>);
    type OfDfdx = (
        dfdx::nn::builders::Linear<6, 16>,
        (Sigmoid, dfdx::nn::builders::LayerNorm1D<16>, LeakyReLU<f32>),
        dfdx::nn::builders::BatchNorm1D<16>,
        GeneralizedResidual<dfdx::nn::builders::UnbiasedLinear<16, 16>, Sin>,
        Repeated<(dfdx::nn::builders::Linear<16, 16>, Cos), 3>,
        (Abs, Square, Exp),
    );
    check!("of_dfdx", OfDfdx, Rank2<5, 6>);
    type Smooth = (
        (nn::Linear<6, 8>, AccurateGeLU),
        (nn::Linear<8, 8>, FastGeLU),
        (nn::Linear<8, 4>, Softmax),
        (nn::Linear<4, 4>, LogSoftmax),
    );
    check!("smooth", Smooth, Rank2<5, 6>);
}

#[test]
fn layers_of_sequences() {
    check!("sequence_mean", (LayerNorm<6>, SequenceMean, nn::Linear<6, 3>), Rank3<4, 5, 6>);
    check!(
        "sequence_last",
        (dfdx::nn::builders::Linear<6, 8>, ReLU, SequenceLast, nn::Linear<8, 3>),
        Rank3<4, 5, 6>
    );
}

#[test]
fn layers_of_images() {
    type Cnn = (
        (Conv2D<1, 8, 3, 1, 1>, BatchNorm2D<8>, ReLU, MaxPool2D<2, 2>),
        (
            Conv2D<8, 16, 3, 1, 1>,
            BatchNorm2D<16>,
            ReLU,
            MaxPool2D<2, 2>,
        ),
        (Flatten2D, nn::Linear<784, 10>),
    );
    check!("cnn", Cnn, Rank4<3, 1, 28, 28>);
    type Others = (
        (Conv2D<4, 8, 3, 2, 1, 1, 2>, Bias2D<8>, GroupNorm<4, 8>),
        (Conv2DBatchNorm<8, 8, 3, 1, 2, 2>, BatchNorm2DReLU<8>),
        (Conv2DBatchNormReLU<8, 8, 1>, MaxPool2D<3, 2, 1>),
        (AvgPool2D<3, 1, 1>, Conv2D<8, 8, 3, 1, 1>, Bias2DReLU<8>),
        (FlattenTo<128>, nn::Linear<128, 5>),
    );
    check!("images", Others, Rank4<2, 4, 16, 16>);
    check!(
        "frozen",
        (Frozen<(Conv2D<1, 4, 3>, ReLU)>, GlobalAvgPool2D, nn::Linear<4, 2>),
        Rank4<2, 1, 8, 8>
    );
}

#[test]
fn residual_networks() {
    check!("resnet20", ResNet20<10>, Rank4<2, 3, 32, 32>);
    check!("wide_resnet_16_4", WideResNet16x4<10>, Rank4<2, 3, 16, 16>);
    check!("resnet18", ResNet18<10>, Rank4<2, 3, 32, 32>);
}

#[test]
fn bottlenecks() {
    check!("bottlenecks", nn::BottleneckResNet<0, 1, 0, 0, 10>, Rank4<2, 3, 32, 32>);
}

#[test]
fn a_network_may_give_what_it_is_given() {
    let dev = Cpu::default();
    let nothing = dev.build_module::<Dropout, f32>();
    let x: Tensor<Rank2<1, 4>, f32, _> = dev.zeros();
    let model = onnx::model(&nothing, &x).unwrap();
    let (_, graph) = read(&model);
    let [node] = &graph.nodes[..] else {
        panic!("{:?}", graph.nodes);
    };
    assert_eq!(node.operator, "Identity");
    assert_eq!(
        (&node.inputs[0][..], &node.outputs[0][..]),
        ("input", "output")
    );
}

/// Writes a tensor that has the name of another.
#[derive(Clone, Debug, Default)]
struct Twice;

impl ZeroSizedModule for Twice {}

impl<S: Shape> Module<Tensor<S, f32, Cpu>> for Twice {
    type Output = Tensor<S, f32, Cpu>;
    type Error = <Cpu as HasErr>::Err;

    fn try_forward(&self, x: Tensor<S, f32, Cpu>) -> Result<Self::Output, Self::Error> {
        Ok(x)
    }
}

impl ToOnnx<f32, Cpu> for Twice {
    fn add_to(&self, graph: &mut Graph, _: &Value) -> Result<Value, OnnxError> {
        let x: Tensor<Rank1<2>, f32, _> = Cpu::default().zeros();
        graph.tensor("weight", &x)?;
        graph.tensor("scale", &x)
    }
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let dev = Cpu::default();
    let net = dev.build_module::<dfdx::nn::builders::Linear<4, 2>, f32>();
    let alone = onnx::model(&net, &dev.zeros::<Rank1<4>>()).unwrap_err();
    assert!(matches!(alone, OnnxError::NoBatch { shape } if shape == [4]));
    let dilated = dev.build_module::<AvgPool2D<3, 1, 2, 2>, f32>();
    let x: Tensor<Rank4<1, 1, 8, 8>, f32, _> = dev.zeros();
    let refused = onnx::model(&dilated, &x).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`AvgPool2D` can't be written with ONNX's operators of version 17: it has a dilation of 2"
    );
    let twice = onnx::model(&Twice, &dev.zeros::<Rank2<1, 2>>()).unwrap_err();
    assert!(matches!(twice, OnnxError::SameName { name } if name == "weight"));
    let model = onnx::model(&net, &dev.zeros::<Rank2<1, 4>>()).unwrap();
    let nowhere = model.save("no/such/folder/model.onnx").unwrap_err();
    assert!(
        nowhere
            .to_string()
            .starts_with("can't write no/such/folder/model.onnx: ")
    );
}
