//! What several layers are made of.

use dfdx::{
    prelude::Device,
    shapes::{Dtype, Shape},
    tensor::Tensor,
};

use super::{Attribute, Graph, OnnxError, Value, graph::size};
use crate::device::Window;

/// The channels, height and width of images; the error of a layer that gets something else.
pub(super) fn image(layer: &str, x: &Value) -> Result<[usize; 3], OnnxError> {
    x.shape()
        .try_into()
        .map_err(|_| misfit(layer, "images: channels, height, width", x))
}

pub(super) fn misfit(layer: &str, wanted: impl Into<String>, x: &Value) -> OnnxError {
    OnnxError::Shape {
        layer: layer.into(),
        wanted: wanted.into(),
        found: x.shape().into(),
    }
}

/// `x weight^T + bias` of the last axis, with the layer's tensors `weight` and `bias`.
pub(super) fn linear<W: Shape, B: Shape, E: Dtype, D: Device<E>>(
    graph: &mut Graph,
    x: &Value,
    weight: &Tensor<W, E, D>,
    bias: Option<&Tensor<B, E, D>>,
) -> Result<Value, OnnxError> {
    let weight = graph.tensor("weight", weight)?;
    let bias = bias.map(|bias| graph.tensor("bias", bias)).transpose()?;
    let &[out, features] = weight.shape() else {
        return Err(misfit("Linear", "a matrix as its weight", &weight));
    };
    let Some((last, before)) = x.shape().split_last() else {
        return Err(misfit("Linear", format!("{features} features"), x));
    };
    if *last != features {
        return Err(misfit("Linear", format!("{features} features"), x));
    }
    let mut shape = before.to_vec();
    shape.push(out);
    if before.is_empty() {
        let inputs: Vec<&Value> = [x, &weight].into_iter().chain(&bias).collect();
        return Ok(graph.node("Gemm", &inputs, [Attribute::int("transB", 1)], shape));
    }
    let weight = graph.node(
        "Transpose",
        &[&weight],
        [Attribute::ints("perm", [1, 0])],
        [features, out],
    );
    let y = graph.node("MatMul", &[x, &weight], [], shape);
    Ok(match &bias {
        Some(bias) => graph.node("Add", &[&y, bias], [], y.shape()),
        None => y,
    })
}

/// A window's attributes, but for the dilation.
fn window_attributes(window: Window) -> Vec<Attribute> {
    vec![
        Attribute::ints("kernel_shape", [window.size; 2]),
        Attribute::ints("strides", [window.stride; 2]),
        Attribute::ints("pads", [window.padding; 4]),
    ]
}

/// How many places a window has along a side.
fn places(layer: &str, window: Window, side: usize, x: &Value) -> Result<usize, OnnxError> {
    let Window {
        size,
        stride,
        padding,
        dilation,
    } = window;
    let spare = (side + 2 * padding).checked_sub(dilation * size.saturating_sub(1) + 1);
    spare
        .and_then(|spare| spare.checked_div(stride))
        .map(|steps| steps + 1)
        .ok_or_else(|| misfit(layer, format!("sides that its window fits, {window:?}"), x))
}

/// A convolution without bias by the tensor `weight`, called `name`.
pub(super) fn conv2d<W: Shape, E: Dtype, D: Device<E>>(
    graph: &mut Graph,
    x: &Value,
    (name, weight): (&str, &Tensor<W, E, D>),
    window: Window,
    groups: usize,
) -> Result<Value, OnnxError> {
    let [_, height, width] = image("Conv2D", x)?;
    let weight = graph.tensor(name, weight)?;
    let shape = [
        weight.shape()[0],
        places("Conv2D", window, height, x)?,
        places("Conv2D", window, width, x)?,
    ];
    let mut attributes = window_attributes(window);
    attributes.push(Attribute::ints("dilations", [window.dilation; 2]));
    attributes.push(Attribute::int("group", size(groups)));
    Ok(graph.node("Conv", &[x, &weight], attributes, shape))
}

pub(super) fn max_pool(graph: &mut Graph, x: &Value, window: Window) -> Result<Value, OnnxError> {
    let [channels, height, width] = image("MaxPool2D", x)?;
    let places = |side| places("MaxPool2D", window, side, x);
    let shape = [channels, places(height)?, places(width)?];
    let mut attributes = window_attributes(window);
    attributes.push(Attribute::ints("dilations", [window.dilation; 2]));
    Ok(graph.node("MaxPool", &[x], attributes, shape))
}

pub(super) fn avg_pool(graph: &mut Graph, x: &Value, window: Window) -> Result<Value, OnnxError> {
    let [channels, height, width] = image("AvgPool2D", x)?;
    if window.dilation != 1 {
        return Err(OnnxError::Unsupported {
            layer: "AvgPool2D".into(),
            reason: format!("it has a dilation of {}", window.dilation),
        });
    }
    let places = |side| places("AvgPool2D", window, side, x);
    let shape = [channels, places(height)?, places(width)?];
    let mut attributes = window_attributes(window);
    // Padding counts as zeros.
    attributes.push(Attribute::int("count_include_pad", 1));
    Ok(graph.node("AveragePool", &[x], attributes, shape))
}

/// (batch, c, h, w) to (batch, c).
pub(super) fn global_avg_pool(graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
    let [channels, ..] = image("GlobalAvgPool2D", x)?;
    let pooled = graph.node("GlobalAveragePool", &[x], [], [channels, 1, 1]);
    Ok(flatten(graph, &pooled))
}

/// All sizes behind the batch's as one.
pub(super) fn flatten(graph: &mut Graph, x: &Value) -> Value {
    let numbers: usize = x.shape().iter().product();
    graph.node("Flatten", &[x], [Attribute::int("axis", 1)], [numbers])
}

/// A tensor of a normalization, and its name.
type Named<'a, C, E, D> = (&'a str, &'a Tensor<C, E, D>);

/// Normalization by running statistics, with the layer's tensors: scale, bias, mean and variance.
pub(super) fn batch_norm<C: Shape, E: Dtype, D: Device<E>>(
    graph: &mut Graph,
    x: &Value,
    tensors: [Named<'_, C, E, D>; 4],
    epsilon: f64,
) -> Result<Value, OnnxError> {
    let mut inputs = vec![x.clone()];
    for (name, tensor) in tensors {
        inputs.push(graph.tensor(name, tensor)?);
    }
    let channels = inputs[1].shape();
    if x.shape().first() != channels.first() {
        return Err(misfit("BatchNorm", format!("{channels:?} channels"), x));
    }
    let inputs: Vec<&Value> = inputs.iter().collect();
    let epsilon = Attribute::float("epsilon", epsilon);
    Ok(graph.node("BatchNormalization", &inputs, [epsilon], x.shape()))
}

/// Normalization of the last axis, with the layer's tensors of these names.
pub(super) fn layer_norm<C: Shape, E: Dtype, D: Device<E>>(
    graph: &mut Graph,
    x: &Value,
    [scale, bias]: [Named<'_, C, E, D>; 2],
    epsilon: f64,
) -> Result<Value, OnnxError> {
    let scale = graph.tensor(scale.0, scale.1)?;
    let bias = graph.tensor(bias.0, bias.1)?;
    if x.shape().last() != scale.shape().last() {
        return Err(misfit(
            "LayerNorm",
            format!("{:?} features", scale.shape()),
            x,
        ));
    }
    let attributes = [
        Attribute::int("axis", -1),
        Attribute::float("epsilon", epsilon),
    ];
    Ok(graph.node(
        "LayerNormalization",
        &[x, &scale, &bias],
        attributes,
        x.shape(),
    ))
}

/// Normalization of each of `groups` groups of channels, then each channel times `scale` plus `bias`.
pub(super) fn group_norm<C: Shape, E: Dtype, D: Device<E>>(
    graph: &mut Graph,
    x: &Value,
    groups: usize,
    [scale, bias]: [Named<'_, C, E, D>; 2],
    epsilon: f64,
) -> Result<Value, OnnxError> {
    let [channels, height, width] = image("GroupNorm", x)?;
    let (scale, bias) = (
        graph.tensor(scale.0, scale.1)?,
        graph.tensor(bias.0, bias.1)?,
    );
    if scale.shape() != [channels] || groups == 0 {
        return Err(misfit(
            "GroupNorm",
            format!("{:?} channels", scale.shape()),
            x,
        ));
    }
    // Zero stands for the batch.
    let in_groups = graph.integers(&[0, size(groups), -1]);
    let rows = [groups, channels / groups * height * width];
    let y = graph.node("Reshape", &[x, &in_groups], [], rows);
    let ones = graph.numbers(&[groups], &vec![1.0; groups]);
    let zeros = graph.numbers(&[groups], &vec![0.0; groups]);
    let epsilon = Attribute::float("epsilon", epsilon);
    let y = graph.node(
        "InstanceNormalization",
        &[&y, &ones, &zeros],
        [epsilon],
        rows,
    );
    let whole = graph.integers(&[0, size(channels), size(height), size(width)]);
    let y = graph.node("Reshape", &[&y, &whole], [], x.shape());
    let scale = by_channel(graph, &scale);
    let y = graph.node("Mul", &[&y, &scale], [], x.shape());
    let bias = by_channel(graph, &bias);
    Ok(graph.node("Add", &[&y, &bias], [], x.shape()))
}

/// (c,) as (c, 1, 1), which is one number for all pixels of a channel.
pub(super) fn by_channel(graph: &mut Graph, tensor: &Value) -> Value {
    let axes = graph.integers(&[1, 2]);
    let shape = [tensor.shape(), &[1, 1]].concat();
    graph.node("Unsqueeze", &[tensor, &axes], [], shape)
}
