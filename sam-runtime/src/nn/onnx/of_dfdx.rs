//! dfdx's layers.

use dfdx::{
    nn::{
        modules as dfdx_modules,
        modules::{
            Abs, AccurateGeLU, Cos, Dropout, DropoutOneIn, Exp, FastGeLU, GeneralizedResidual,
            LeakyReLU, Ln, LogSoftmax, ReLU, Repeated, Residual, Sigmoid, Sin, Softmax, Sqrt,
            Square, Tanh,
        },
    },
    prelude::Device,
    shapes::{Dtype, Rank1},
    tensor::Tensor,
};

use super::{Attribute, Graph, OnnxError, ToOnnx, Value, operators};

macro_rules! operator {
    ($($layer:ident => $operator:literal)*) => {$(
        impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for $layer {
            fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
                Ok(graph.map($operator, x))
            }
        }
    )*};
}

operator! {
    ReLU => "Relu"
    Sin => "Sin"
    Cos => "Cos"
    Ln => "Log"
    Exp => "Exp"
    Sigmoid => "Sigmoid"
    Tanh => "Tanh"
    Sqrt => "Sqrt"
    Abs => "Abs"
}

macro_rules! of_last_axis {
    ($($layer:ident => $operator:literal)*) => {$(
        impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for $layer {
            fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
                Ok(graph.node($operator, &[x], [Attribute::int("axis", -1)], x.shape()))
            }
        }
    )*};
}

of_last_axis! {
    Softmax => "Softmax"
    LogSoftmax => "LogSoftmax"
}

/// In evaluation, dropout gives what it is given.
macro_rules! nothing {
    ($([$($parameters:tt)*] $layer:ty)*) => {$(
        impl<$($parameters)* E: Dtype, D: Device<E>> ToOnnx<E, D> for $layer {
            fn add_to(&self, _: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
                Ok(x.clone())
            }
        }
    )*};
}

nothing! {
    [] Dropout
    [const N: usize,] DropoutOneIn<N>
}

impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for Square {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        Ok(graph.node("Mul", &[x, x], [], x.shape()))
    }
}

/// `x / 2 (1 + what)`.
fn gelu(graph: &mut Graph, x: &Value, what: &Value) -> Value {
    let (one, half) = (graph.number(1.0), graph.number(0.5));
    let factor = graph.node("Add", &[what, &one], [], x.shape());
    let x_half = graph.node("Mul", &[x, &half], [], x.shape());
    graph.node("Mul", &[&x_half, &factor], [], x.shape())
}

impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for AccurateGeLU {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let factor = graph.number(std::f64::consts::FRAC_1_SQRT_2);
        let scaled = graph.node("Mul", &[x, &factor], [], x.shape());
        let erf = graph.map("Erf", &scaled);
        Ok(gelu(graph, x, &erf))
    }
}

impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for FastGeLU {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let (cubic, root) = (
            graph.number(0.044715),
            graph.number((2.0 / std::f64::consts::PI).sqrt()),
        );
        let square = graph.node("Mul", &[x, x], [], x.shape());
        let cube = graph.node("Mul", &[&square, x], [], x.shape());
        let cube = graph.node("Mul", &[&cube, &cubic], [], x.shape());
        let sum = graph.add(x, &cube);
        let scaled = graph.node("Mul", &[&sum, &root], [], x.shape());
        let tanh = graph.map("Tanh", &scaled);
        Ok(gelu(graph, x, &tanh))
    }
}

impl<E: Dtype, D: Device<E>> ToOnnx<E, D> for LeakyReLU<E> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let slope = self.0.to_f64().unwrap_or(f64::NAN);
        Ok(graph.node(
            "LeakyRelu",
            &[x],
            [Attribute::float("alpha", slope)],
            x.shape(),
        ))
    }
}

impl<const I: usize, const O: usize, E: Dtype, D: Device<E>> ToOnnx<E, D>
    for dfdx_modules::Linear<I, O, E, D>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        operators::linear(graph, x, &self.weight, Some(&self.bias))
    }
}

impl<const I: usize, const O: usize, E: Dtype, D: Device<E>> ToOnnx<E, D>
    for dfdx_modules::UnbiasedLinear<I, O, E, D>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        operators::linear(graph, x, &self.weight, None::<&Tensor<Rank1<O>, E, D>>)
    }
}

impl<const C: usize, E: Dtype, D: Device<E>> ToOnnx<E, D> for dfdx_modules::BatchNorm1D<C, E, D> {
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

impl<const M: usize, E: Dtype, D: Device<E>> ToOnnx<E, D> for dfdx_modules::LayerNorm1D<M, E, D> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let tensors = [("gamma", &self.gamma), ("beta", &self.beta)];
        operators::layer_norm(graph, x, tensors, self.epsilon)
    }
}

impl<F: ToOnnx<E, D>, E: Dtype, D: Device<E>> ToOnnx<E, D> for Residual<F> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let y = graph.within("0", |graph| self.0.add_to(graph, x))?;
        Ok(graph.add(&y, x))
    }
}

impl<F: ToOnnx<E, D>, R: ToOnnx<E, D>, E: Dtype, D: Device<E>> ToOnnx<E, D>
    for GeneralizedResidual<F, R>
{
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let f = graph.within("f", |graph| self.f.add_to(graph, x))?;
        let r = graph.within("r", |graph| self.r.add_to(graph, x))?;
        Ok(graph.add(&f, &r))
    }
}

impl<M: ToOnnx<E, D>, const N: usize, E: Dtype, D: Device<E>> ToOnnx<E, D> for Repeated<M, N> {
    fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
        let mut layers = self.modules.iter().enumerate();
        layers.try_fold(x.clone(), |x, (i, layer)| {
            graph.within(&i.to_string(), |graph| layer.add_to(graph, &x))
        })
    }
}

macro_rules! tuple {
    ($($layer:ident $index:tt),+) => {
        impl<$($layer: ToOnnx<E, D>,)+ E: Dtype, D: Device<E>> ToOnnx<E, D> for ($($layer,)+) {
            fn add_to(&self, graph: &mut Graph, x: &Value) -> Result<Value, OnnxError> {
                let x = x.clone();
                $(
                    let x = graph.within(stringify!($index), |graph| self.$index.add_to(graph, &x))?;
                )+
                Ok(x)
            }
        }
    };
}

tuple!(M1 0);
tuple!(M1 0, M2 1);
tuple!(M1 0, M2 1, M3 2);
tuple!(M1 0, M2 1, M3 2, M4 3);
tuple!(M1 0, M2 1, M3 2, M4 3, M5 4);
tuple!(M1 0, M2 1, M3 2, M4 3, M5 4, M6 5);
