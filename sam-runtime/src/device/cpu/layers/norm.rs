//! Batch normalization and biases.

use std::mem::take;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::fit::{channels_of, fits, in_order};
use crate::device::{
    Affine, Channels, LayerTape, Moments as BatchMoments, Normalized, Tail,
    cpu::{
        norm::{self, Back, Cut, Dims, Incoming, Moments},
        simd::Real,
        view::view,
    },
};

pub(super) fn batch_norm<E: Real, S: Shape, T: LayerTape<E, Cpu>>(
    x: Tensor<S, E, Cpu, T>,
    affine: &Affine<E, Cpu>,
    tail: Tail<Tensor<S, E, Cpu, T>>,
) -> Normalized<Tensor<S, E, Cpu, T>, E, Cpu>
where
    Cpu: Device<E>,
{
    let dims = channels_of(&x, &[&affine.scale, &affine.bias])?;
    nonempty(dims)?;
    let planes = norm::moments_of_planes(dims, &view(&x));
    let moments = Moments::of(dims, &planes);
    let batch = batch_moments(x.device(), dims, &moments)?;
    Ok((normalized(x, dims, affine, moments, true, tail)?, batch))
}

pub(super) fn normalize<E: Real, S: Shape, T: LayerTape<E, Cpu>>(
    x: Tensor<S, E, Cpu, T>,
    affine: &Affine<E, Cpu>,
    mean: &Channels<E, Cpu>,
    variance: &Channels<E, Cpu>,
    tail: Tail<Tensor<S, E, Cpu, T>>,
) -> Result<Tensor<S, E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
    let dims = channels_of(&x, &[&affine.scale, &affine.bias, mean, variance])?;
    let moments = Moments {
        mean: mean.as_vec(),
        variance: variance.as_vec(),
    };
    normalized(x, dims, affine, moments, false, tail)
}

pub(super) fn bias<E: Real, S: Shape, T: LayerTape<E, Cpu>>(
    x: Tensor<S, E, Cpu, T>,
    bias: &Channels<E, Cpu>,
    relu: bool,
) -> Result<Tensor<S, E, Cpu, T>, CpuError>
where
    Cpu: Device<E>,
{
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
        let (y, bias) = (y.ghost(), bias.clone());
        tape.add_backward_op(move |gradients| {
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            let incoming = Incoming {
                gradient: &d_y,
                cut: cut(relu, None, &line),
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
    let Tail { residual, relu } = split_tail(tail, &mut tape)?;
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
        let (output, y, affine) = (kept(&y, relu, &residual), y.ghost(), affine.clone());
        tape.add_backward_op(move |gradients| {
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            let (x_view, output) = (view(&x), output.as_ref().map(view));
            let incoming = Incoming {
                gradient: &d_y,
                cut: cut(relu, output.as_deref(), &line),
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

/// A batch without a single number has no mean.
pub(super) fn nonempty(dims: Dims) -> Result<(), CpuError> {
    fits(dims.count() > 0)
}

pub(super) fn batch_moments<E: Real>(
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

/// The tail without the residual's tape, which `tape` takes over.
pub(super) fn split_tail<S: Shape, E: Real, T: LayerTape<E, Cpu>>(
    tail: Tail<Tensor<S, E, Cpu, T>>,
    tape: &mut T,
) -> Result<Tail<Tensor<S, E, Cpu>>, CpuError>
where
    Cpu: Device<E>,
{
    let Some(residual) = tail.residual else {
        return Ok(Tail {
            residual: None,
            relu: tail.relu,
        });
    };
    let (residual, its_tape) = in_order(residual)?.split_tape();
    *tape = take(tape).merge(its_tape);
    Ok(Tail {
        residual: Some(residual),
        relu: tail.relu,
    })
}

/// What of the output `y` the way back reads: where ReLU cut a normalization off, its input tells as well,
/// but not where a residual was added to it.
pub(super) fn kept<S: Shape, E: Real>(
    y: &Tensor<S, E, Cpu>,
    relu: bool,
    residual: &Option<Tensor<S, E, Cpu>>,
) -> Option<Tensor<S, E, Cpu>> {
    (relu && residual.is_some()).then(|| y.clone())
}

/// Where ReLU, if there is one, cut an output off; `output` is what was [`kept`] of it.
pub(super) fn cut<'a, E>(
    relu: bool,
    output: Option<&'a [E]>,
    line: &'a norm::Affine<E>,
) -> Cut<'a, E> {
    match output {
        _ if !relu => Cut::Nowhere,
        Some(y) => Cut::ByOutput(y),
        None => Cut::ByInput(line),
    }
}

/// [`norm::sums`], with the residual's gradient.
pub(super) fn sums<S: Shape, E: Real>(
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
pub(super) fn learn<E: Real>(
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
