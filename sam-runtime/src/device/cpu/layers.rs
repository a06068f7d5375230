//! The layers' operations on host memory: the kernels beside this file, wired to dfdx's tape.

use std::mem::take;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::{
    conv::{self, Conv, GradientRows},
    linear::Linear,
    norm::{self, Back, Dims, Incoming, Moments},
    pool::{self, Pooling},
    simd::Real,
    subsample::Subsample,
    view::{lies_in_order, view},
};
use crate::device::{
    Affine, Channels, Image, LayerTape, Layers, Moments as BatchMoments, Pool, Rows, Tail, Window,
    layers::{Free2, Free4, is_input, is_wanted},
};

impl<E: Real> Layers<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_conv2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
    ) -> Result<Image<E, Self, T>, CpuError> {
        let (x, mut tape) = in_order(x)?.split_tape();
        let weight = &parameter(weight, &mut tape)?;
        let conv = convolution(&x, weight, window, groups)?;
        let (y, _) = conv::forward(&conv, &view(&x), &view(weight), false);
        let y = image(x.device(), y, conv.batch, conv.outputs, conv.places)?;
        if T::OWNS_TAPE {
            let back = ConvolutionBack::new(conv, x, weight, &tape);
            let y = y.ghost();
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                back.run(
                    gradients,
                    Given {
                        conv,
                        gradient: &d_y,
                    },
                )?;
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }

    fn try_batch_norm<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Result<(Tensor<S, E, Self, T>, BatchMoments<E, Self>), CpuError> {
        let dims = channels_of(&x, &[&affine.scale, &affine.bias])?;
        nonempty(dims)?;
        let planes = norm::moments_of_planes(dims, &view(&x));
        let moments = Moments::of(dims, &planes);
        let batch = batch_moments(x.device(), dims, &moments)?;
        Ok((normalized(x, dims, affine, moments, true, tail)?, batch))
    }

    fn try_conv2d_batch_norm<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        weight: &Image<E, Self>,
        window: Window,
        groups: usize,
        affine: &Affine<E, Self>,
        tail: Tail<Image<E, Self, T>>,
    ) -> Result<(Image<E, Self, T>, BatchMoments<E, Self>), CpuError> {
        let (x, mut tape) = in_order(x)?.split_tape();
        let weight = &parameter(weight, &mut tape)?;
        let conv = convolution(&x, weight, window, groups)?;
        let dims = Dims {
            batch: conv.batch,
            channels: conv.outputs,
            positions: conv.places[0] * conv.places[1],
        };
        nonempty(dims)?;
        for parameter in [&affine.scale, &affine.bias] {
            fits(parameter.shape().0 == dims.channels)?;
        }
        let (z, planes) = conv::forward(&conv, &view(&x), &view(weight), true);
        let moments = Moments::of(dims, &planes);
        let line = moments.affine(&view(&affine.scale), &view(&affine.bias), affine.epsilon);
        let batch = batch_moments(x.device(), dims, &moments)?;
        let back = ConvolutionBack::new(conv, x, weight, &tape);
        let (residual, relu) = split_tail(tail, &mut tape)?;
        if let Some(residual) = &residual {
            let [height, width] = conv.places;
            fits(*residual.shape() == (conv.batch, conv.outputs, height, width))?;
        }
        let y = line.apply(dims, &z, residual.as_ref().map(view).as_deref(), relu);
        let y = image(back.x.device(), y, conv.batch, conv.outputs, conv.places)?;
        if T::OWNS_TAPE {
            let (cut, y) = (relu.then(|| y.clone()), y.ghost());
            let affine = affine.clone();
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let cut = cut.as_ref().map(view);
                let incoming = Incoming {
                    gradient: &d_y,
                    cut: cut.as_deref(),
                };
                let sums = sums(dims, &z, &line.mean, incoming, residual.as_ref(), gradients)?;
                learn(gradients, &affine, &line.inverse, &sums)?;
                let through = Back::new(dims, &line, Some(&sums));
                let rows = Normalized {
                    conv,
                    z: &z,
                    back: &through,
                    incoming,
                };
                back.run(gradients, rows)?;
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok((y.put_tape(tape), batch))
    }

    fn try_normalize<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        affine: &Affine<E, Self>,
        mean: &Channels<E, Self>,
        variance: &Channels<E, Self>,
        tail: Tail<Tensor<S, E, Self, T>>,
    ) -> Result<Tensor<S, E, Self, T>, CpuError> {
        let dims = channels_of(&x, &[&affine.scale, &affine.bias, mean, variance])?;
        let moments = Moments {
            mean: mean.as_vec(),
            variance: variance.as_vec(),
        };
        normalized(x, dims, affine, moments, false, tail)
    }

    fn try_bias<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        bias: &Channels<E, Self>,
        relu: bool,
    ) -> Result<Tensor<S, E, Self, T>, CpuError> {
        let (x, mut tape) = in_order(x)?.split_tape();
        let dims = channels_of(&x, &[bias])?;
        let line = norm::Affine {
            mean: vec![E::default(); dims.channels],
            inverse: vec![E::ONE; dims.channels],
            factor: vec![E::ONE; dims.channels],
            bias: bias.as_vec(),
        };
        let y = line.apply(dims, &view(&x), None, relu);
        let y = x.device().try_tensor_from_vec(y, *x.shape())?;
        if T::OWNS_TAPE {
            let (cut, y, bias) = (relu.then(|| y.clone()), y.ghost(), bias.clone());
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let cut = cut.as_ref().map(view);
                let incoming = Incoming {
                    gradient: &d_y,
                    cut: cut.as_deref(),
                };
                let sums = norm::sums(dims, &view(&x), &line.mean, incoming, None);
                let d_bias = E::host(gradients.get_or_alloc_mut(&bias)?);
                for (to, [sum, _]) in d_bias.iter_mut().zip(&sums) {
                    *to += E::narrow(*sum);
                }
                let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
                Back::new(dims, &line, None).add(dims, &view(&x), incoming, d_x);
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }

    fn try_pool2d<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        pool: Pool,
        window: Window,
    ) -> Result<Image<E, Self, T>, CpuError> {
        let (x, mut tape) = in_order(x)?.split_tape();
        let (batch, channels, height, width) = *x.shape();
        let planes = batch * channels;
        let pooling = Pooling::new(pool, window, planes, [height, width]).ok_or(MISFIT)?;
        let y = pooling.forward(&view(&x));
        let y = image(x.device(), y, batch, channels, pooling.places)?;
        if T::OWNS_TAPE {
            let y = y.ghost();
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                pooling.backward(&view(&x), &d_y, E::host(gradients.get_or_alloc_mut(&x)?));
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }

    fn try_global_avg_pool<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
    ) -> Result<Rows<E, Self, T>, CpuError> {
        let (x, mut tape) = in_order(x)?.split_tape();
        let (batch, channels, height, width) = *x.shape();
        let pixels = height * width;
        fits(pixels > 0)?;
        let y = pool::global_average(&view(&x), pixels);
        let y = x.device().try_tensor_from_vec(y, (batch, channels))?;
        if T::OWNS_TAPE {
            let (x, y) = (x.ghost(), y.ghost());
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
                pool::global_average_backward(&d_y, pixels, d_x);
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }

    fn try_subsample<T: LayerTape<E, Self>>(
        x: Image<E, Self, T>,
        stride: usize,
        outputs: usize,
        before: usize,
    ) -> Result<Image<E, Self, T>, CpuError> {
        let (x, mut tape) = in_order(x)?.split_tape();
        let (batch, channels, height, width) = *x.shape();
        fits(stride > 0 && channels + before <= outputs)?;
        let subsample = Subsample {
            channels: [channels, outputs],
            before,
            image: [height, width],
            stride,
        };
        let y = subsample.forward(&view(&x), batch);
        let y = image(x.device(), y, batch, outputs, subsample.places())?;
        if T::OWNS_TAPE {
            let (x, y) = (x.ghost(), y.ghost());
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                subsample.backward(&d_y, E::host(gradients.get_or_alloc_mut(&x)?));
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }

    fn try_linear<T: LayerTape<E, Self>>(
        x: Rows<E, Self, T>,
        weight: &Rows<E, Self>,
        bias: Option<&Channels<E, Self>>,
        relu: bool,
    ) -> Result<Rows<E, Self, T>, CpuError> {
        let (x, mut tape) = in_order(x)?.split_tape();
        let ((batch, inputs), (outputs, weight_inputs)) = (*x.shape(), *weight.shape());
        fits(inputs == weight_inputs && bias.is_none_or(|bias| bias.shape().0 == outputs))?;
        let weight = &parameter(weight, &mut tape)?;
        let linear = Linear {
            batch,
            inputs,
            outputs,
        };
        let y = linear.forward(&view(&x), &view(weight), bias.map(view).as_deref(), relu);
        let y = x.device().try_tensor_from_vec(y, (batch, outputs))?;
        if T::OWNS_TAPE {
            let input = is_input::<E, Self, T>(&tape);
            let (cut, y) = (relu.then(|| y.clone()), y.ghost());
            let (weight, bias) = (weight.clone(), bias.cloned());
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let mut d_weight = take(E::host(gradients.get_or_alloc_mut(&weight)?));
                let mut d_bias = match &bias {
                    Some(bias) => Some(take(E::host(gradients.get_or_alloc_mut(bias)?))),
                    None => None,
                };
                let cut = cut.as_ref().map(view);
                let incoming = Incoming {
                    gradient: &d_y,
                    cut: cut.as_deref(),
                };
                let d_x = if input && !is_wanted::<Free2, _, _, _>(&x, gradients) {
                    None
                } else {
                    Some(&mut **E::host(gradients.get_or_alloc_mut(&x)?))
                };
                linear.backward(
                    &view(&x),
                    &view(&weight),
                    incoming,
                    &mut d_weight,
                    d_bias.as_deref_mut(),
                    d_x,
                );
                *E::host(gradients.get_or_alloc_mut(&weight)?) = d_weight;
                if let (Some(bias), Some(d_bias)) = (&bias, d_bias) {
                    *E::host(gradients.get_or_alloc_mut(bias)?) = d_bias;
                }
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }
}

/// What the device says to sizes that do not fit together.
const MISFIT: CpuError = CpuError::WrongNumElements;

fn fits(does: bool) -> Result<(), CpuError> {
    if does { Ok(()) } else { Err(MISFIT) }
}

/// A batch without a single number has no mean.
fn nonempty(dims: Dims) -> Result<(), CpuError> {
    fits(dims.count() > 0)
}

fn image<E: Real>(
    device: &Cpu,
    elements: Vec<E>,
    batch: usize,
    channels: usize,
    [height, width]: [usize; 2],
) -> Result<Image<E, Cpu>, CpuError> {
    device.try_tensor_from_vec(elements, (batch, channels, height, width))
}

fn convolution<E: Real>(
    x: &Image<E, Cpu>,
    weight: &Image<E, Cpu>,
    window: Window,
    groups: usize,
) -> Result<Conv, CpuError> {
    let sizes = |t: &Image<E, Cpu>| t.shape().concrete();
    Conv::new(sizes(x), sizes(weight), window, groups).ok_or(MISFIT)
}

/// `x` in row-major order, copied if it lies otherwise. (A gradient lies in memory as its tensor does.)
fn in_order<S: Shape, E: Real, T: LayerTape<E, Cpu>>(
    x: Tensor<S, E, Cpu, T>,
) -> Result<Tensor<S, E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
    if lies_in_order(&x) {
        Ok(x)
    } else {
        x.try_contiguous()
    }
}

/// [`in_order`] of a parameter, noted on `tape`.
fn parameter<S: Shape, E: Real, T: LayerTape<E, Cpu>>(
    parameter: &Tensor<S, E, Cpu>,
    tape: &mut T,
) -> Result<Tensor<S, E, Cpu>, CpuError>
where
    Cpu: Device<E>,
{
    if lies_in_order(parameter) {
        return Ok(parameter.clone());
    }
    let (parameter, its_tape) = in_order(parameter.retaped::<T>())?.split_tape();
    *tape = take(tape).merge(its_tape);
    Ok(parameter)
}

/// The sizes of `x`, if it has as many channels as each of these has numbers.
fn channels_of<S: Shape, E: Real, T>(
    x: &Tensor<S, E, Cpu, T>,
    parameters: &[&Channels<E, Cpu>],
) -> Result<Dims, CpuError> {
    let dims = Dims::new(x.shape().concrete().as_ref()).ok_or(MISFIT)?;
    fits(parameters.iter().all(|p| p.shape().0 == dims.channels))?;
    Ok(dims)
}

fn batch_moments<E: Real>(
    device: &Cpu,
    dims: Dims,
    moments: &Moments<E>,
) -> Result<BatchMoments<E, Cpu>, CpuError>
where
    Cpu: Device<E>,
{
    let channels = |values: &[E]| device.try_tensor_from_vec(values.to_vec(), (values.len(),));
    Ok(BatchMoments {
        mean: channels(&moments.mean)?,
        variance: channels(&moments.variance)?,
        count: dims.count(),
    })
}

/// The residual without its tape, which `tape` takes over.
fn split_tail<S: Shape, E: Real, T: LayerTape<E, Cpu>>(
    tail: Tail<Tensor<S, E, Cpu, T>>,
    tape: &mut T,
) -> Result<(Option<Tensor<S, E, Cpu>>, bool), CpuError>
where
    Cpu: Device<E>,
{
    let Some(residual) = tail.residual else {
        return Ok((None, tail.relu));
    };
    let (residual, its_tape) = in_order(residual)?.split_tape();
    *tape = take(tape).merge(its_tape);
    Ok((Some(residual), tail.relu))
}

/// Normalizes by `moments`; they are `of_the_batch`, or given, and then the gradient takes no notice of
/// them.
fn normalized<S: Shape, E: Real, T: LayerTape<E, Cpu>>(
    x: Tensor<S, E, Cpu, T>,
    dims: Dims,
    affine: &Affine<E, Cpu>,
    moments: Moments<E>,
    of_the_batch: bool,
    tail: Tail<Tensor<S, E, Cpu, T>>,
) -> Result<Tensor<S, E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
    let (x, mut tape) = in_order(x)?.split_tape();
    let line = moments.affine(&view(&affine.scale), &view(&affine.bias), affine.epsilon);
    let (residual, relu) = split_tail(tail, &mut tape)?;
    if let Some(residual) = &residual {
        fits(residual.shape() == x.shape())?;
    }
    let y = line.apply(
        dims,
        &view(&x),
        residual.as_ref().map(view).as_deref(),
        relu,
    );
    let y = x.device().try_tensor_from_vec(y, *x.shape())?;
    if T::OWNS_TAPE {
        let (cut, y, affine) = (relu.then(|| y.clone()), y.ghost(), affine.clone());
        tape.add_backward_op(move |gradients| {
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            let (x_view, cut) = (view(&x), cut.as_ref().map(view));
            let incoming = Incoming {
                gradient: &d_y,
                cut: cut.as_deref(),
            };
            let sums = sums(
                dims,
                &x_view,
                &line.mean,
                incoming,
                residual.as_ref(),
                gradients,
            )?;
            learn(gradients, &affine, &line.inverse, &sums)?;
            let back = Back::new(dims, &line, of_the_batch.then_some(&*sums));
            back.add(
                dims,
                &x_view,
                incoming,
                E::host(gradients.get_or_alloc_mut(&x)?),
            );
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

/// [`norm::sums`], with the residual's gradient.
fn sums<S: Shape, E: Real>(
    dims: Dims,
    x: &[E],
    mean: &[E],
    incoming: Incoming<'_, E>,
    residual: Option<&Tensor<S, E, Cpu>>,
    gradients: &mut Gradients<E, Cpu>,
) -> Result<Vec<[f64; 2]>, CpuError> {
    let d_residual = match residual {
        Some(residual) => Some(&mut **E::host(gradients.get_or_alloc_mut(residual)?)),
        None => None,
    };
    Ok(norm::sums(dims, x, mean, incoming, d_residual))
}

/// Adds the gradients of what a normalization learns.
fn learn<E: Real>(
    gradients: &mut Gradients<E, Cpu>,
    affine: &Affine<E, Cpu>,
    inverse: &[E],
    sums: &[[f64; 2]],
) -> Result<(), CpuError> {
    let d_bias = E::host(gradients.get_or_alloc_mut(&affine.bias)?);
    for (to, [sum, _]) in d_bias.iter_mut().zip(sums) {
        *to += E::narrow(*sum);
    }
    let d_scale = E::host(gradients.get_or_alloc_mut(&affine.scale)?);
    for ((to, [_, product]), inverse) in d_scale.iter_mut().zip(sums).zip(inverse) {
        *to += E::narrow(product * inverse.wide());
    }
    Ok(())
}

/// Where a row of a convolution's output begins.
#[inline(always)]
fn row_start(conv: &Conv, n: usize, channel: usize, y: usize) -> usize {
    ((n * conv.outputs + channel) * conv.places[0] + y) * conv.places[1]
}

/// The gradient of a convolution's output, as it is.
struct Given<'a, E> {
    conv: Conv,
    gradient: &'a [E],
}

impl<E: Real> GradientRows<E> for Given<'_, E> {
    #[inline(always)]
    fn write(&self, n: usize, channel: usize, y: usize, to: &mut [E]) {
        to.copy_from_slice(&self.gradient[row_start(&self.conv, n, channel, y)..][..to.len()]);
    }
}

/// The gradient of a convolution's output `z`, computed from what comes back to its normalization.
struct Normalized<'a, E> {
    conv: Conv,
    z: &'a [E],
    back: &'a Back<E>,
    incoming: Incoming<'a, E>,
}

impl<E: Real> GradientRows<E> for Normalized<'_, E> {
    #[inline(always)]
    fn write(&self, n: usize, channel: usize, y: usize, to: &mut [E]) {
        let start = row_start(&self.conv, n, channel, y);
        let incoming = self.incoming.part(start, to.len());
        self.back
            .row(channel, &self.z[start..][..to.len()], incoming, to);
    }
}

/// The way back through a convolution.
struct ConvolutionBack<E: Real> {
    conv: Conv,
    x: Image<E, Cpu>,
    weight: Image<E, Cpu>,
    /// Whether `x` is the network's input.
    input: bool,
}

impl<E: Real> ConvolutionBack<E> {
    fn new<T: LayerTape<E, Cpu>>(
        conv: Conv,
        x: Image<E, Cpu>,
        weight: &Image<E, Cpu>,
        tape: &T,
    ) -> Self {
        Self {
            conv,
            x,
            weight: weight.clone(),
            input: is_input::<E, Cpu, T>(tape),
        }
    }

    fn run(
        &self,
        gradients: &mut Gradients<E, Cpu>,
        rows: impl GradientRows<E>,
    ) -> Result<(), CpuError>
    where
        Cpu: Device<E>,
    {
        let Self {
            conv, x, weight, ..
        } = self;
        let mut d_weight = take(E::host(gradients.get_or_alloc_mut(weight)?));
        let d_x = if self.input && !is_wanted::<Free4, _, _, _>(x, gradients) {
            None
        } else {
            Some(&mut **E::host(gradients.get_or_alloc_mut(x)?))
        };
        conv::backward(conv, &view(x), &view(weight), rows, &mut d_weight, d_x);
        *E::host(gradients.get_or_alloc_mut(weight)?) = d_weight;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::layers::checks::{Own, battery};

    mod of_f64 {
        use super::*;
        battery!(Own<Cpu>, f64);
    }

    mod of_f32 {
        use super::*;
        battery!(Own<Cpu>, f32);
    }
}
