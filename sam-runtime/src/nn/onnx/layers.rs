//! The layers of `nn`.

use dfdx::{
    prelude::Device,
    shapes::{ConstDim, Dtype},
};

use super::{Graph, OnnxError, ToOnnx, Value, operators};
use crate::{
    device::Window,
    nn::{
        conv_spec::{ConvSizes, ConvSpec},
        modules::*,
    },
};

impl<const I: usize, const O: usize, E: Dtype, D: Device<E>> ToOnnx<E, D> for Linear<I, O, E, D> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        operators::linear(graph, x, &self.weight, Some(&self.bias))
    }
}

impl<const I: usize, const O: usize, E: Dtype, D: Device<E>> ToOnnx<E, D>
    for LinearReLU<I, O, E, D>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let y = graph.within("linear", |graph| self.linear.add_to(graph, x))?;
        Ok(graph.map("Relu", &y))
    }
}

impl<Spec: ConvSpec, E: Dtype, D: Device<E>> ToOnnx<E, D> for Conv2D<Spec, E, D> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let (window, groups) = (Spec::Conv::WINDOW, Spec::Conv::GROUPS);
        operators::conv2d(graph, x, ("weight", &self.weight), window, groups)
    }
}

impl<Spec: ConvSpec, E: Dtype, D: Device<E>> ToOnnx<E, D> for Conv2DBatchNorm<Spec, E, D> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let y = graph.within("conv", |graph| self.conv.add_to(graph, x))?;
        graph.within("norm", |graph| self.norm.add_to(graph, &y))
    }
}

impl<Spec: ConvSpec, E: Dtype, D: Device<E>> ToOnnx<E, D> for Conv2DBatchNormReLU<Spec, E, D> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let y = graph.within("conv", |graph| self.conv.add_to(graph, x))?;
        let y = graph.within("norm", |graph| self.norm.add_to(graph, &y))?;
        Ok(graph.map("Relu", &y))
    }
}

macro_rules! batch_norm {
    ($($layer:ident)*) => {$(
        impl<C: ConstDim, E: Dtype, D: Device<E>> ToOnnx<E, D> for $layer<C, E, D> {
            fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
                let tensors = [
                    ("scale", &self.scale),
                    ("bias", &self.bias),
                    ("running_mean", &self.running_mean),
                    ("running_var", &self.running_var),
                ];
                operators::batch_norm(graph, x, tensors, self.epsilon)
            }
        }
    )*};
}

batch_norm!(BatchNorm1D BatchNorm2D);

impl<C: ConstDim, E: Dtype, D: Device<E>> ToOnnx<E, D> for BatchNorm2DReLU<C, E, D> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let y = graph.within("norm", |graph| self.norm.add_to(graph, x))?;
        Ok(graph.map("Relu", &y))
    }
}

impl<const C: usize, E: Dtype, D: Device<E>> ToOnnx<E, D> for Bias2D<C, E, D> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let [channels, ..] = operators::image("Bias2D", x)?;
        if channels != C {
            return Err(operators::misfit("Bias2D", format!("{C} channels"), x));
        }
        let bias = graph.tensor("bias", &self.bias)?;
        let bias = operators::by_channel(graph, &bias);
        Ok(graph.node("Add", &[x, &bias], [], x.shape()))
    }
}

impl<const C: usize, E: Dtype, D: Device<E>> ToOnnx<E, D> for Bias2DReLU<C, E, D> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let y = graph.within("bias", |graph| self.bias.add_to(graph, x))?;
        Ok(graph.map("Relu", &y))
    }
}

impl<const M: usize, E: Dtype, D: Device<E>> ToOnnx<E, D> for LayerNorm<M, E, D> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let tensors = [("scale", &self.scale), ("bias", &self.bias)];
        operators::layer_norm(graph, x, tensors, self.epsilon)
    }
}

impl<const G: usize, const C: usize, E: Dtype, D: Device<E>> ToOnnx<E, D>
    for GroupNorm<G, C, E, D>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let tensors = [("scale", &self.scale), ("bias", &self.bias)];
        operators::group_norm(graph, x, G, tensors, self.epsilon)
    }
}

macro_rules! pool {
    ($($layer:ident => $pool:ident)*) => {$(
        impl<
            const K: usize,
            const S: usize,
            const P: usize,
            const L: usize,
            E: Dtype,
            D: Device<E>,
        > ToOnnx<E, D> for $layer<K, S, P, L>
        {
            fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
                let window = Window {
                    size: K,
                    stride: S,
                    padding: P,
                    dilation: L,
                };
                operators::$pool(graph, x, window)
            }
        }
    )*};
}

pool! {
    MaxPool2D => max_pool
    AvgPool2D => avg_pool
}

impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for GlobalAvgPool2D {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        operators::global_avg_pool(graph, x)
    }
}

impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for Flatten2D {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        operators::image("Flatten2D", x)?;
        Ok(operators::flatten(graph, x))
    }
}

impl<const N: usize, E: Dtype, D: Device<E>> ToOnnx<E, D> for FlattenTo<N> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        if x.shape().iter().product::<usize>() != N {
            return Err(operators::misfit("FlattenTo", format!("{N} numbers"), x));
        }
        Ok(operators::flatten(graph, x))
    }
}

/// In evaluation, it gives what it is given.
impl<const PERCENT: usize, E: Dtype, D: Device<E>> ToOnnx<E, D> for DropoutPercent<PERCENT> {
    fn add_to(&self, _: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        Ok(x.clone())
    }
}

/// Of whole sequences, without a mask.
impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for SequenceMean {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let &[_, features] = x.shape() else {
            return Err(operators::misfit(
                "SequenceMean",
                "sequences: length, features",
                x,
            ));
        };
        let attributes = [
            super::Attribute::ints("axes", [1]),
            super::Attribute::int("keepdims", 0),
        ];
        Ok(graph.node("ReduceMean", &[x], attributes, [features]))
    }
}

impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for SequenceLast {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let &[_, features] = x.shape() else {
            return Err(operators::misfit(
                "SequenceLast",
                "sequences: length, features",
                x,
            ));
        };
        let [starts, ends, axes] = [[-1], [i64::MAX], [1]].map(|list| graph.integers(&list));
        let last = graph.node("Slice", &[x, &starts, &ends, &axes], [], [1, features]);
        Ok(operators::flatten(graph, &last))
    }
}

impl<M: ToOnnx<E, D>, E: Dtype, D: Device<E>> ToOnnx<E, D> for Frozen<M> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        self.0.add_to(graph, x)
    }
}
