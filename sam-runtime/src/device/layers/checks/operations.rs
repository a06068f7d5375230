//! The operations under test, each beside its loops.

use std::marker::PhantomData;

use dfdx::{
    prelude::Device,
    shapes::{Dtype, HasShape, Shape},
    tensor::Tensor,
    tensor_ops::ReshapeTo,
};

use super::{
    gradients::{Operation, Ranked, flat},
    naive,
};
use crate::device::{Affine, Channels, Image, LayerTape, Layers, Pool, Rows, Tail, Window};

type Four = (usize, usize, usize, usize);
type Two = (usize, usize);

pub(super) struct Conv<E: Dtype, D: Layers<E>> {
    pub(super) weight: Image<E, D>,
    pub(super) window: Window,
    pub(super) groups: usize,
}

impl<E: Dtype, D: Layers<E>> Operation<E, D> for Conv<E, D> {
    type In = Four;
    type Out = Four;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        D::try_conv2d(x, &self.weight, self.window, self.groups)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        vec![flat(&self.weight)]
    }

    fn naive(&self, shape: &Four, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let out = self.weight.shape().0;
        naive::conv2d(x, *shape, &parameters[0], out, self.window, self.groups).0
    }
}

/// What follows a normalization.
pub(super) struct After<S: Shape, E: Dtype, D: Device<E>> {
    pub(super) residual: Option<Tensor<S, E, D>>,
    pub(super) relu: bool,
}

impl<S: Shape, E: Dtype, D: Device<E>> After<S, E, D> {
    fn tail<T: LayerTape<E, D>>(&self) -> Tail<Tensor<S, E, D, T>> {
        Tail {
            residual: self.residual.as_ref().map(|r| r.retaped()),
            relu: self.relu,
        }
    }
}

fn with_residual<S: Shape, E: Dtype, D: Device<E>>(
    affine: &Affine<E, D>,
    after: &After<S, E, D>,
) -> Vec<Channels<E, D>> {
    let parameters = [affine.scale.clone(), affine.bias.clone()];
    parameters
        .into_iter()
        .chain(after.residual.as_ref().map(flat))
        .collect()
}

/// Batch, channels, positions.
pub(super) fn three<S: Shape>(shape: &S) -> (usize, usize, usize) {
    let sizes: Vec<usize> = shape.concrete().into();
    (sizes[0], sizes[1], sizes[2..].iter().product())
}

/// `(x - mean) / sqrt(variance + epsilon) * scale + bias`, where `parameters` are scale and bias.
fn normalized(
    x: &[f64],
    size: (usize, usize, usize),
    (mean, variance): (&[f64], &[f64]),
    epsilon: f64,
    parameters: &[Vec<f64>],
) -> Vec<f64> {
    naive::by_channel(x, size, |c, v| {
        let deviation = (variance[c] + epsilon).sqrt();
        (v - mean[c]) / deviation * parameters[0][c] + parameters[1][c]
    })
}

pub(super) struct BatchNorm<S: Shape, E: Dtype, D: Layers<E>> {
    pub(super) affine: Affine<E, D>,
    pub(super) after: After<S, E, D>,
}

impl<S: Ranked, E: Dtype, D: Layers<E>> Operation<E, D> for BatchNorm<S, E, D> {
    type In = S;
    type Out = S;

    fn run<T: LayerTape<E, D>>(&self, x: Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, D::Err> {
        Ok(D::try_batch_norm(x, &self.affine, self.after.tail())?.0)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        with_residual(&self.affine, &self.after)
    }

    fn naive(&self, shape: &S, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let size = three(shape);
        let (mean, variance) = naive::moments(x, size);
        let moments = (&*mean, &*variance);
        let y = normalized(x, size, moments, self.affine.epsilon, parameters);
        naive::tail(y, parameters.get(2), self.after.relu)
    }
}

/// [`BatchNorm`] with `x` itself as the residual.
pub(super) struct OntoItself<S: Shape, E: Dtype, D: Layers<E>>(pub(super) BatchNorm<S, E, D>);

impl<S: Ranked, E: Dtype, D: Layers<E>> Operation<E, D> for OntoItself<S, E, D> {
    type In = S;
    type Out = S;

    fn run<T: LayerTape<E, D>>(&self, x: Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, D::Err> {
        let tail = Tail {
            residual: Some(x.retaped()),
            relu: self.0.after.relu,
        };
        Ok(D::try_batch_norm(x, &self.0.affine, tail)?.0)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        self.0.parameters()
    }

    fn naive(&self, shape: &S, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let mut all = parameters.to_vec();
        all.push(x.to_vec());
        self.0.naive(shape, x, &all)
    }
}

pub(super) struct ConvBatchNorm<E: Dtype, D: Layers<E>> {
    pub(super) conv: Conv<E, D>,
    pub(super) norm: BatchNorm<Four, E, D>,
}

impl<E: Dtype, D: Layers<E>> Operation<E, D> for ConvBatchNorm<E, D> {
    type In = Four;
    type Out = Four;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let (conv, norm) = (&self.conv, &self.norm);
        let (window, tail) = (conv.window, norm.after.tail());
        let result =
            D::try_conv2d_batch_norm(x, &conv.weight, window, conv.groups, &norm.affine, tail);
        Ok(result?.0)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        let mut all = self.conv.parameters();
        all.extend(self.norm.parameters());
        all
    }

    fn naive(&self, shape: &Four, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let conv = &self.conv;
        let out = conv.weight.shape().0;
        let (y, size) = naive::conv2d(x, *shape, &parameters[0], out, conv.window, conv.groups);
        self.norm.naive(&size, &y, &parameters[1..])
    }
}

pub(super) struct Normalize<S: Shape, E: Dtype, D: Layers<E>> {
    pub(super) affine: Affine<E, D>,
    pub(super) mean: Channels<E, D>,
    pub(super) variance: Channels<E, D>,
    pub(super) after: After<S, E, D>,
}

impl<S: Ranked, E: Dtype, D: Layers<E>> Operation<E, D> for Normalize<S, E, D> {
    type In = S;
    type Out = S;

    fn run<T: LayerTape<E, D>>(&self, x: Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, D::Err> {
        let tail = self.after.tail();
        D::try_normalize(x, &self.affine, &self.mean, &self.variance, tail)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        with_residual(&self.affine, &self.after)
    }

    fn naive(&self, shape: &S, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let [mean, variance] = [&self.mean, &self.variance].map(super::numbers::values);
        let (size, moments) = (three(shape), (&*mean, &*variance));
        let y = normalized(x, size, moments, self.affine.epsilon, parameters);
        naive::tail(y, parameters.get(2), self.after.relu)
    }
}

pub(super) struct Bias<S: Shape, E: Dtype, D: Layers<E>> {
    pub(super) bias: Channels<E, D>,
    pub(super) relu: bool,
    pub(super) shape: PhantomData<S>,
}

impl<S: Ranked, E: Dtype, D: Layers<E>> Operation<E, D> for Bias<S, E, D> {
    type In = S;
    type Out = S;

    fn run<T: LayerTape<E, D>>(&self, x: Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, D::Err> {
        D::try_bias(x, &self.bias, self.relu)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        vec![self.bias.clone()]
    }

    fn naive(&self, shape: &S, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let y = naive::by_channel(x, three(shape), |c, v| v + parameters[0][c]);
        naive::tail(y, None, self.relu)
    }
}

pub(super) struct Pooling {
    pub(super) pool: Pool,
    pub(super) window: Window,
}

impl<E: Dtype, D: Layers<E>> Operation<E, D> for Pooling {
    type In = Four;
    type Out = Four;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        D::try_pool2d(x, self.pool, self.window)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        Vec::new()
    }

    fn naive(&self, shape: &Four, x: &[f64], _: &[Vec<f64>]) -> Vec<f64> {
        naive::pool2d(x, *shape, self.pool, self.window)
    }
}

pub(super) struct GlobalAvg;

impl<E: Dtype, D: Layers<E>> Operation<E, D> for GlobalAvg {
    type In = Four;
    type Out = Two;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        D::try_global_avg_pool(x)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        Vec::new()
    }

    fn naive(&self, shape: &Four, x: &[f64], _: &[Vec<f64>]) -> Vec<f64> {
        let positions = shape.2 * shape.3;
        let mean = |image: &[f64]| image.iter().sum::<f64>() / positions as f64;
        x.chunks(positions).map(mean).collect()
    }
}

pub(super) struct Linear<E: Dtype, D: Layers<E>> {
    pub(super) weight: Rows<E, D>,
    pub(super) bias: Option<Channels<E, D>>,
    pub(super) relu: bool,
}

impl<E: Dtype, D: Layers<E>> Operation<E, D> for Linear<E, D> {
    type In = Two;
    type Out = Two;

    fn run<T: LayerTape<E, D>>(&self, x: Rows<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        D::try_linear(x, &self.weight, self.bias.as_ref(), self.relu)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        let weight = self.weight.clone();
        let weight = weight.reshape_like(&(self.weight.shape().num_elements(),));
        std::iter::once(weight).chain(self.bias.clone()).collect()
    }

    fn naive(&self, _: &Two, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let out = self.weight.shape().0;
        let y = naive::linear(x, &parameters[0], parameters.get(1), out);
        naive::tail(y, None, self.relu)
    }
}

pub(super) struct Subsample {
    pub(super) stride: usize,
    pub(super) outputs: usize,
    pub(super) before: usize,
}

impl<E: Dtype, D: Layers<E>> Operation<E, D> for Subsample {
    type In = Four;
    type Out = Four;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        D::try_subsample(x, self.stride, self.outputs, self.before)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        Vec::new()
    }

    fn naive(&self, shape: &Four, x: &[f64], _: &[Vec<f64>]) -> Vec<f64> {
        naive::subsample(x, *shape, self.stride, self.outputs, self.before)
    }
}
