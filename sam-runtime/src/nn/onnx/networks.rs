//! The networks of `nn`: their parts as layers, under the names of their tensors.

use dfdx::{prelude::Device, shapes::Dtype};

use super::{
    Graph, OnnxError, ToOnnx, Value,
    graph::size,
    operators::{self, conv2d},
};
use crate::{
    device::Window,
    nn::{
        conv_spec::{ConvSizes, ConvSpec},
        modules::*,
        wide_resnet::block::Kernel as ShortcutKernel,
    },
};

/// A convolution and its normalization, under names of their own.
fn conv_norm<Spec: ConvSpec, E: Dtype, D: Device<E>>(
    graph: &mut Graph,
    x: &Value,
    layer: &Conv2DBatchNorm<Spec, E, D>,
    [conv, norm]: [&str; 2],
) -> Result<Value, OnnxError> {
    let (window, groups) = (Spec::Conv::WINDOW, Spec::Conv::GROUPS);
    let y = conv2d(graph, x, (conv, &layer.conv.weight), window, groups)?;
    graph.within(norm, |graph| layer.norm.add_to(graph, &y))
}

/// The same, then ReLU.
fn conv_norm_relu<Spec: ConvSpec, E: Dtype, D: Device<E>>(
    graph: &mut Graph,
    x: &Value,
    layer: &Conv2DBatchNorm<Spec, E, D>,
    names: [&str; 2],
) -> Result<Value, OnnxError> {
    let y = conv_norm(graph, x, layer, names)?;
    Ok(graph.map("Relu", &y))
}

/// Blocks one after the other, the first of which may be of another type.
fn chain<F: ToOnnx<E, D>, B: ToOnnx<E, D>, E: Dtype, D: Device<E>>(
    graph: &mut Graph,
    x: &Value,
    first: &F,
    rest: &[B],
) -> Result<Value, OnnxError> {
    let x = graph.within("0", |graph| first.add_to(graph, x))?;
    let mut rest = (1..).zip(rest);
    rest.try_fold(x, |x, (i, block): (usize, _)| {
        graph.within(&i.to_string(), |graph| block.add_to(graph, &x))
    })
}

impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for Identity {
    fn add_to(&self, _: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        Ok(x.clone())
    }
}

impl<const IN: usize, const OUT: usize, E: Dtype, D: Device<E>> ToOnnx<E, D>
    for Subsample<IN, OUT>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let [_, height, width] = operators::image("Subsample", x)?;
        let (height, width) = (height.div_ceil(2), width.div_ceil(2));
        let inputs = [[0; 2], [i64::MAX; 2], [2, 3], [2; 2]].map(|list| graph.integers(&list));
        let [starts, ends, axes, steps] = &inputs;
        let inputs = [x, starts, ends, axes, steps];
        let y = graph.node("Slice", &inputs, [], [IN, height, width]);
        let (before, added) = ((OUT - IN) / 2, OUT - IN);
        let pads = [0, size(before), 0, 0, 0, size(added - before), 0, 0];
        let pads = graph.integers(&pads);
        Ok(graph.node("Pad", &[&y, &pads], [], [OUT, height, width]))
    }
}

impl<const IN: usize, const OUT: usize, const S: usize, E: Dtype, D: Device<E>> ToOnnx<E, D>
    for Projection<IN, OUT, S, E, D>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        conv_norm(graph, x, &self.0, ["0.weight", "1"])
    }
}

impl<const IN: usize, const OUT: usize, const S: usize, C, E, D> ToOnnx<E, D>
    for Block<IN, OUT, S, C, E, D>
where
    C: ToOnnx<E, D>,
    E: Dtype,
    D: Device<E>,
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let beside = graph.within("downsample", |graph| self.shortcut.add_to(graph, x))?;
        let y = conv_norm_relu(graph, x, &self.first, ["conv1.weight", "bn1"])?;
        let y = conv_norm(graph, &y, &self.second, ["conv2.weight", "bn2"])?;
        let sum = graph.add(&y, &beside);
        Ok(graph.map("Relu", &sum))
    }
}

impl<const IN: usize, const OUT: usize, const S: usize, const REST: usize, C, E, D> ToOnnx<E, D>
    for Stage<IN, OUT, S, REST, C, E, D>
where
    C: ToOnnx<E, D>,
    E: Dtype,
    D: Device<E>,
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        chain(graph, x, &self.first, &self.rest)
    }
}

impl<const IN: usize, const MID: usize, const OUT: usize, const S: usize, C, E, D> ToOnnx<E, D>
    for Bottleneck<IN, MID, OUT, S, C, E, D>
where
    C: ToOnnx<E, D>,
    E: Dtype,
    D: Device<E>,
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let beside = graph.within("downsample", |graph| self.shortcut.add_to(graph, x))?;
        let y = conv_norm_relu(graph, x, &self.first, ["conv1.weight", "bn1"])?;
        let y = conv_norm_relu(graph, &y, &self.second, ["conv2.weight", "bn2"])?;
        let y = conv_norm(graph, &y, &self.third, ["conv3.weight", "bn3"])?;
        let sum = graph.add(&y, &beside);
        Ok(graph.map("Relu", &sum))
    }
}

impl<
    const IN: usize,
    const MID: usize,
    const OUT: usize,
    const S: usize,
    const REST: usize,
    E: Dtype,
    D: Device<E>,
> ToOnnx<E, D> for BottleneckStage<IN, MID, OUT, S, REST, E, D>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        chain(graph, x, &self.first, &self.rest)
    }
}

impl<const REST: usize, E: Dtype, D: Device<E>> ToOnnx<E, D> for CifarResNetBody<REST, E, D> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let x = conv_norm_relu(graph, x, &self.stem, ["conv1.weight", "bn1"])?;
        let x = graph.within("layer1", |graph| self.layer1.add_to(graph, &x))?;
        let x = graph.within("layer2", |graph| self.layer2.add_to(graph, &x))?;
        let x = graph.within("layer3", |graph| self.layer3.add_to(graph, &x))?;
        operators::global_avg_pool(graph, &x)
    }
}

impl<const REST: usize, const CLASSES: usize, E: Dtype, D: Device<E>> ToOnnx<E, D>
    for CifarResNet<REST, CLASSES, E, D>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let x = self.body.add_to(graph, x)?;
        graph.within("linear", |graph| self.linear.add_to(graph, &x))
    }
}

/// The pooling after the first convolution of ImageNet's networks.
const POOL: Window = Window {
    size: 3,
    stride: 2,
    padding: 1,
    dilation: 1,
};

macro_rules! of_imagenet {
    ($($net:ident $body:ident)*) => {$(
        impl<
            const R1: usize,
            const R2: usize,
            const R3: usize,
            const R4: usize,
            E: Dtype,
            D: Device<E>,
        > ToOnnx<E, D> for $body<R1, R2, R3, R4, E, D>
        {
            fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
                let x = conv_norm_relu(graph, x, &self.stem, ["conv1.weight", "bn1"])?;
                let x = operators::max_pool(graph, &x, POOL)?;
                let x = graph.within("layer1", |graph| self.layer1.add_to(graph, &x))?;
                let x = graph.within("layer2", |graph| self.layer2.add_to(graph, &x))?;
                let x = graph.within("layer3", |graph| self.layer3.add_to(graph, &x))?;
                let x = graph.within("layer4", |graph| self.layer4.add_to(graph, &x))?;
                operators::global_avg_pool(graph, &x)
            }
        }

        impl<
            const R1: usize,
            const R2: usize,
            const R3: usize,
            const R4: usize,
            const CLASSES: usize,
            E: Dtype,
            D: Device<E>,
        > ToOnnx<E, D> for $net<R1, R2, R3, R4, CLASSES, E, D>
        {
            fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
                let x = self.body.add_to(graph, x)?;
                graph.within("fc", |graph| self.fc.add_to(graph, &x))
            }
        }
    )*};
}

of_imagenet! {
    ResNet ResNetBody
    BottleneckResNet BottleneckResNetBody
}

/// A window that keeps the size of images, but for its stride.
fn window(size: usize, stride: usize) -> Window {
    Window {
        size,
        stride,
        padding: size / 2,
        dilation: 1,
    }
}

/// What a wide block's convolutions make of the input after its first normalization, plus `beside`.
fn wide_block<const IN: usize, const OUT: usize, const S: usize, C, E: Dtype, D: Device<E>>(
    graph: &mut Graph,
    x: &Value,
    block: &WideBlock<IN, OUT, S, C, E, D>,
    beside: &Value,
) -> Result<Value, OnnxError> {
    let y = conv_norm_relu(graph, x, &block.first, ["conv1.weight", "bn2"])?;
    let y = conv2d(graph, &y, ("conv2.weight", &block.second), window(3, 1), 1)?;
    Ok(graph.add(&y, beside))
}

/// With a convolution in the shortcut, of what was normalized.
impl<const IN: usize, const OUT: usize, const S: usize, E: Dtype, D: Device<E>> ToOnnx<E, D>
    for WideBlock<IN, OUT, S, ShortcutKernel<IN, OUT, E, D>, E, D>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let x = graph.within("bn1", |graph| self.norm.add_to(graph, x))?;
        let x = graph.map("Relu", &x);
        let kernel = ("convShortcut.weight", &self.shortcut.weight);
        let beside = conv2d(graph, &x, kernel, window(1, S), 1)?;
        wide_block(graph, &x, self, &beside)
    }
}

/// With nothing in the shortcut.
impl<const C: usize, E: Dtype, D: Device<E>> ToOnnx<E, D> for WideBlock<C, C, 1, Identity, E, D> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let y = graph.within("bn1", |graph| self.norm.add_to(graph, x))?;
        let y = graph.map("Relu", &y);
        wide_block(graph, &y, self, x)
    }
}

impl<const IN: usize, const OUT: usize, const S: usize, const REST: usize, E: Dtype, D: Device<E>>
    ToOnnx<E, D> for WideStage<IN, OUT, S, REST, E, D>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        graph.within("layer", |graph| chain(graph, x, &self.first, &self.rest))
    }
}

impl<
    const REST: usize,
    const C1: usize,
    const C2: usize,
    const C3: usize,
    const CLASSES: usize,
    E: Dtype,
    D: Device<E>,
> ToOnnx<E, D> for WideResNet<REST, C1, C2, C3, CLASSES, E, D>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let x = conv2d(graph, x, ("conv1.weight", &self.conv1), window(3, 1), 1)?;
        let x = graph.within("block1", |graph| self.block1.add_to(graph, &x))?;
        let x = graph.within("block2", |graph| self.block2.add_to(graph, &x))?;
        let x = graph.within("block3", |graph| self.block3.add_to(graph, &x))?;
        let x = graph.within("bn1", |graph| self.norm.add_to(graph, &x))?;
        let x = graph.map("Relu", &x);
        let x = operators::global_avg_pool(graph, &x)?;
        graph.within("fc", |graph| self.fc.add_to(graph, &x))
    }
}
