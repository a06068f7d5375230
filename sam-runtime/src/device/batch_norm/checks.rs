//! Batch normalization against its definition, and against dfdx's own.

use dfdx::{
    prelude::{Backward, Device},
    shapes::{Axes2, Dtype, HasShape, Shape},
    tensor::{Gradients, NoneTape, Tensor, Trace},
    tensor_ops::{BroadcastTo, SumTo, TryAdd, TryMul},
};

use super::{Affine, Moments, Running, Tail, TryBatchNorm};
use crate::device::{
    Channels, Image, LayerTape,
    layers::checks::{
        Numbers, Operation, Ranked, assert_close, by_channel, check, check_shared, flat, of_result,
        on_every_device, refused, strided_images, three, values,
    },
};
use crate::doors::{free::Free1, wanted::is_wanted};

on_every_device! { batch_norm, normalize, strided, misfits, as_dfdx_does }

/// What follows a normalization.
pub(in crate::device) struct After<S: Shape, E: Dtype, D: Device<E>> {
    pub(in crate::device) residual: Option<Tensor<S, E, D>>,
    pub(in crate::device) relu: bool,
}

impl<S: Shape, E: Dtype, D: Device<E>> After<S, E, D> {
    pub(in crate::device) fn tail<T: LayerTape<E, D>>(&self) -> Tail<Tensor<S, E, D, T>> {
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

/// `(x - mean) / sqrt(variance + epsilon) * scale + bias`, where `parameters` are scale and bias.
fn normalized(
    x: &[f64],
    size: (usize, usize, usize),
    (mean, variance): (&[f64], &[f64]),
    epsilon: f64,
    parameters: &[Vec<f64>],
) -> Vec<f64> {
    by_channel(x, size, |c, v| {
        let deviation = (variance[c] + epsilon).sqrt();
        (v - mean[c]) / deviation * parameters[0][c] + parameters[1][c]
    })
}

/// The mean and the biased variance of each channel of (batch, channels, positions).
pub(in crate::device) fn naive_moments(
    x: &[f64],
    (batch, channels, positions): (usize, usize, usize),
) -> (Vec<f64>, Vec<f64>) {
    let of_channel = |c: usize| {
        (0..batch).flat_map(move |b| {
            let start = (b * channels + c) * positions;
            x[start..start + positions].iter().copied()
        })
    };
    let count = (batch * positions) as f64;
    (0..channels)
        .map(|c| {
            let mean = of_channel(c).sum::<f64>() / count;
            let squares = of_channel(c).map(|v| (v - mean) * (v - mean)).sum::<f64>();
            (mean, squares / count)
        })
        .unzip()
}

/// `max(0, y + residual)`, each part if it is there.
fn naive_tail(mut y: Vec<f64>, residual: Option<&Vec<f64>>, relu: bool) -> Vec<f64> {
    for (i, y) in y.iter_mut().enumerate() {
        *y += residual.map_or(0.0, |residual| residual[i]);
        if relu {
            *y = y.max(0.0);
        }
    }
    y
}

/// A batch normalization under test.
pub(in crate::device) struct BatchNorm<S: Shape, E: Dtype, D: TryBatchNorm<E>> {
    pub(in crate::device) affine: Affine<E, D>,
    pub(in crate::device) after: After<S, E, D>,
}

impl<S: Ranked, E: Dtype, D: TryBatchNorm<E>> Operation<E, D> for BatchNorm<S, E, D> {
    type In = S;
    type Out = S;

    fn run<T: LayerTape<E, D>>(&self, x: Tensor<S, E, D, T>) -> Result<Tensor<S, E, D, T>, D::Err> {
        let (before, plain) = (running(&self.affine), x.retaped::<NoneTape>());
        let (plain, batch) = D::try_batch_norm(plain, &self.affine, self.after.tail())?;
        let tail = self.after.tail();
        let (y, after) = D::try_batch_norm_running(x, &self.affine, tail, &before)?;
        assert_eq!(values(&y), values(&plain));
        check_running(&before, &after, &batch);
        Ok(y)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        with_residual(&self.affine, &self.after)
    }

    fn naive(&self, shape: &S, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let size = three(shape);
        let (mean, variance) = naive_moments(x, size);
        let moments = (&*mean, &*variance);
        let y = normalized(x, size, moments, self.affine.epsilon, parameters);
        naive_tail(y, parameters.get(2), self.after.relu)
    }
}

/// Some running statistics.
pub(in crate::device) fn running<E: Dtype, D: Device<E>>(affine: &Affine<E, D>) -> Running<E, D> {
    Running {
        mean: affine.bias.clone(),
        variance: affine.scale.clone(),
        momentum: 0.3,
    }
}

/// Checks the running statistics after a batch; those before it, here those of [`running`], are as they were.
pub(in crate::device) fn check_running<E: Dtype, D: Device<E>>(
    before: &Running<E, D>,
    after: &Running<E, D>,
    batch: &Moments<E, D>,
) {
    let n = batch.count as f64;
    let unbiased = if batch.count > 1 { n / (n - 1.0) } else { 1.0 };
    let expected = |before: &Channels<E, D>, batch: &Channels<E, D>, factor: f64| -> Vec<f64> {
        let pairs = values(before).into_iter().zip(values(batch));
        pairs.map(|(b, m)| 0.7 * b + 0.3 * factor * m).collect()
    };
    let mean = expected(&before.mean, &batch.mean, 1.0);
    let variance = expected(&before.variance, &batch.variance, unbiased);
    let tolerance = of_result::<E>();
    assert_close("running mean", &values(&after.mean), &mean, tolerance);
    assert_close(
        "running variance",
        &values(&after.variance),
        &variance,
        tolerance,
    );
    assert_eq!(after.momentum, before.momentum);
}

/// [`BatchNorm`] with `x` itself as the residual.
struct OntoItself<S: Shape, E: Dtype, D: TryBatchNorm<E>>(BatchNorm<S, E, D>);

impl<S: Ranked, E: Dtype, D: TryBatchNorm<E>> Operation<E, D> for OntoItself<S, E, D> {
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

struct Normalize<S: Shape, E: Dtype, D: TryBatchNorm<E>> {
    affine: Affine<E, D>,
    mean: Channels<E, D>,
    variance: Channels<E, D>,
    after: After<S, E, D>,
}

impl<S: Ranked, E: Dtype, D: TryBatchNorm<E>> Operation<E, D> for Normalize<S, E, D> {
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
        let [mean, variance] = [&self.mean, &self.variance].map(values);
        let (size, moments) = (three(shape), (&*mean, &*variance));
        let y = normalized(x, size, moments, self.affine.epsilon, parameters);
        naive_tail(y, parameters.get(2), self.after.relu)
    }
}

/// Random parameters.
pub(in crate::device) fn affine<E: Dtype, D: Device<E>>(
    numbers: &mut Numbers,
    dev: &D,
    channels: usize,
    epsilon: f64,
) -> Affine<E, D> {
    Affine {
        scale: numbers.tensor(dev, (channels,)),
        bias: numbers.tensor(dev, (channels,)),
        epsilon,
    }
}

/// All that may follow: a residual or none, ReLU or none.
#[allow(clippy::type_complexity)]
pub(in crate::device) fn afters<S: Ranked, E: Dtype, D: Device<E>>(
    numbers: &mut Numbers,
    dev: &D,
    shape: S,
) -> Vec<(String, After<S, E, D>)> {
    let mut all = Vec::new();
    for (add, relu) in [(false, false), (false, true), (true, false), (true, true)] {
        let residual = add.then(|| numbers.tensor(dev, shape));
        let label = format!("{shape:?}, residual {add}, ReLU {relu}");
        all.push((label, After { residual, relu }));
    }
    all
}

fn batch_norm<E: Dtype, D: TryBatchNorm<E>>() {
    batch_norm_of::<_, E, D>((5, 3), 1e-5);
    batch_norm_of::<_, E, D>((3, 2, 4), 0.1);
    batch_norm_of::<_, E, D>((2, 3, 3, 5), 1e-5);
    batch_norm_of::<_, E, D>((1, 2, 3, 2), 1e-3);
    batch_norm_of::<_, E, D>((2, 1, 5, 7), 1e-5);
}

fn batch_norm_of<S: Ranked, E: Dtype, D: TryBatchNorm<E>>(shape: S, epsilon: f64) {
    let (dev, mut numbers) = (D::default(), Numbers::new(3));
    let size = three(&shape);
    for (label, after) in afters::<_, E, D>(&mut numbers, &dev, shape) {
        let relu = after.relu;
        let affine = affine::<E, D>(&mut numbers, &dev, size.1, epsilon);
        let op = BatchNorm::<S, E, D> { affine, after };
        let x: Tensor<S, E, D> = numbers.tensor(&dev, shape);
        check(&label, &op, &x);

        let (_, moments) = D::try_batch_norm(x.clone(), &op.affine, Tail::NONE).unwrap();
        let (mean, variance) = naive_moments(&values(&x), size);
        let tolerance = of_result::<E>();
        assert_close(
            &format!("{label}: mean"),
            &values(&moments.mean),
            &mean,
            tolerance,
        );
        assert_close(
            &format!("{label}: variance"),
            &values(&moments.variance),
            &variance,
            tolerance,
        );
        assert_eq!(moments.count, size.0 * size.2);

        if op.after.residual.is_none() {
            let op = OntoItself(op);
            check(&format!("onto itself: {shape:?}, ReLU {relu}"), &op, &x);
        }
    }
}

fn normalize<E: Dtype, D: TryBatchNorm<E>>() {
    normalize_of::<_, E, D>((4, 3));
    normalize_of::<_, E, D>((2, 3, 4));
    normalize_of::<_, E, D>((2, 3, 3, 5));
    normalize_of::<_, E, D>((1, 1, 1, 1));
}

fn normalize_of<S: Ranked, E: Dtype, D: TryBatchNorm<E>>(shape: S) {
    let (dev, mut numbers) = (D::default(), Numbers::new(4));
    let channels = (three(&shape).1,);
    for (label, after) in afters::<_, E, D>(&mut numbers, &dev, shape) {
        let op = Normalize::<S, E, D> {
            affine: affine::<E, D>(&mut numbers, &dev, channels.0, 1e-5),
            mean: numbers.tensor(&dev, channels),
            variance: numbers.positive(&dev, channels),
            after,
        };
        let x: Tensor<S, E, D> = numbers.tensor(&dev, shape);
        check(&label, &op, &x);

        // The moments are none of the gradient's business.
        let traced = x.trace(Gradients::leaky());
        let (mean, variance) = (&op.mean, &op.variance);
        let y = D::try_normalize(traced, &op.affine, mean, variance, Tail::RELU).unwrap();
        let gradients = y.sum::<(), S::AllAxes>().backward();
        assert!(is_wanted::<Free1, _, _, _>(&op.affine.scale, &gradients));
        assert!(!is_wanted::<Free1, _, _, _>(mean, &gradients));
        assert!(!is_wanted::<Free1, _, _, _>(variance, &gradients));
    }
}

fn strided<E: Dtype, D: TryBatchNorm<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(8));
    for (label, x, times) in strided_images(&mut numbers, &dev) {
        for (after_label, after) in afters(&mut numbers, &dev, *x.shape()) {
            let op = BatchNorm::<_, E, D> {
                affine: affine(&mut numbers, &dev, x.shape().1, 1e-5),
                after,
            };
            check_shared(&format!("{label}, {after_label}"), &op, &x, times);
        }
    }
}

fn misfits<E: Dtype, D: TryBatchNorm<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(12));
    let x: Image<E, D> = numbers.tensor(&dev, (2, 3, 2, 2));
    let (right, wrong) = (
        affine(&mut numbers, &dev, 3, 1e-5),
        affine(&mut numbers, &dev, 2, 1e-5),
    );
    let mixed = Affine {
        bias: wrong.bias.clone(),
        ..right.clone()
    };
    let (mean, short) = (right.bias.clone(), wrong.bias.clone());
    for (what, affine) in [("scale", &wrong), ("bias", &mixed)] {
        let outcome = D::try_batch_norm(x.clone(), affine, Tail::NONE);
        refused(what, outcome);
        let outcome = D::try_normalize(x.clone(), affine, &mean, &mean, Tail::NONE);
        refused(what, outcome);
    }
    let outcome = D::try_normalize(x.clone(), &right, &short, &mean, Tail::NONE);
    refused("mean", outcome);
    let outcome = D::try_normalize(x.clone(), &right, &mean, &short, Tail::NONE);
    refused("variance", outcome);
    // As many numbers, in another shape.
    let other: Image<E, D> = numbers.tensor(&dev, (2, 3, 4, 1));
    let residual = || Tail {
        residual: Some(other.clone()),
        relu: false,
    };
    refused("residual", D::try_batch_norm(x.clone(), &right, residual()));
    let outcome = D::try_normalize(x, &right, &mean, &mean, residual());
    refused("residual", outcome);
    // A shape without channels.
    let flat = numbers.tensor::<_, E, _>(&dev, (3,));
    let outcome = D::try_batch_norm(flat.clone(), &right, Tail::NONE);
    refused("no channels", outcome);
    let outcome = D::try_normalize(flat, &right, &mean, &mean, Tail::NONE);
    refused("no channels", outcome);
}

type Three = (usize, usize, usize);

/// [`BatchNorm`], out of dfdx's operations.
struct OfDfdx<E: Dtype, D: TryBatchNorm<E>>(BatchNorm<Three, E, D>);

impl<E: Dtype, D: TryBatchNorm<E>> Operation<E, D> for OfDfdx<E, D> {
    type In = Three;
    type Out = Three;

    fn run<T: LayerTape<E, D>>(
        &self,
        x: Tensor<Three, E, D, T>,
    ) -> Result<Tensor<Three, E, D, T>, D::Err> {
        let (shape, affine) = (*x.shape(), &self.0.affine);
        let spread = |channels: &Channels<E, D>| {
            let channels = channels.retaped::<T>();
            channels.try_broadcast_like::<_, Axes2<0, 2>>(&shape)
        };
        let y = x.try_normalize::<Axes2<0, 2>>(affine.epsilon)?;
        y.try_mul(spread(&affine.scale)?)?
            .try_add(spread(&affine.bias)?)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        self.0.parameters()
    }

    fn naive(&self, shape: &Three, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        self.0.naive(shape, x, parameters)
    }
}

fn as_dfdx_does<E: Dtype, D: TryBatchNorm<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(16));
    let op = BatchNorm {
        affine: affine(&mut numbers, &dev, 3, 1e-3),
        after: After {
            residual: None,
            relu: false,
        },
    };
    check::<E, D, _>("dfdx", &OfDfdx(op), &numbers.tensor(&dev, (4, 3, 6)));
}
