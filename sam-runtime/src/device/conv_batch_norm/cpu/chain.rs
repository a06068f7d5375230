//! Several convolutions with their normalizations as one operation.

use std::mem::take;

use dfdx::{prelude::*, tensor::CpuError};

use super::link::{Coming, Layer, Link, way_back};
use crate::device::{
    Image, LayerTape, Tail,
    batch_norm::{
        Moments,
        cpu::{Incoming, cut, kept, split_tail, sums},
    },
    conv::cpu::{ConvolutionBack, Input, arranged, output},
    cpu::{
        arguments::{fits, parameter},
        order::elements_of,
        simd::Real,
    },
};

/// The output of a chain, and the moments of each layer.
pub(super) type Chained<E, T> = (Image<E, Cpu, T>, Vec<Moments<E, Cpu>>);

/// Convolutions and their normalizations, with ReLU between them.
pub(super) fn chain<E: Real, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
    layers: &[Layer<'_, E>],
    tail: Tail<Image<E, Cpu, T>>,
) -> Result<Chained<E, T>, CpuError>
where
    Cpu: Device<E>,
{
    let (layer, rest) = layers.split_first().expect("a layer");
    let (x, conv) = arranged(x, layer.weight, layer.window, layer.groups, true)?;
    let (x, mut tape) = x.split_tape();
    let weight = parameter(layer.weight, &mut tape)?;
    let first = ConvolutionBack::new(conv, x.clone(), &weight, &tape);
    let elements = elements_of(&x, conv.orders[0]);
    let (link, batch) = Link::new(conv, weight, layer.affine, Input::Given(&elements))?;
    let (mut links, mut moments) = (vec![link], vec![batch]);
    for layer in rest {
        let (link, batch) = links[links.len() - 1].next(layer, &mut tape)?;
        links.push(link);
        moments.push(batch);
    }
    let last = &links[links.len() - 1];
    let order = last.dims.order;
    let Tail { residual, relu } = split_tail(tail, order, &mut tape)?;
    if let Some(residual) = &residual {
        fits(residual.shape().concrete() == last.output())?;
    }
    let summand = residual.as_ref().map(|r| elements_of(r, order));
    let y = last
        .line
        .apply(last.dims, &last.z, summand.as_deref(), relu);
    let y = output(&last.conv, x.device(), y)?;
    if T::OWNS_TAPE {
        let (output, y) = (kept(&y, relu, &residual), y.ghost());
        tape.add_backward_op(move |gradients| {
            let last = &links[links.len() - 1];
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            let output = output.as_ref().map(|y| elements_of(y, order));
            let incoming = Incoming {
                gradient: &d_y,
                cut: cut(relu, output.as_deref(), &last.line),
            };
            let (mean, residual) = (&last.line.mean, residual.as_ref());
            let sums = sums(last.dims, &last.z, mean, incoming, residual, gradients)?;
            let coming = Coming { incoming, sums };
            way_back(&links, coming, gradients, |_, rows, gradients| {
                first.run(gradients, rows)
            })?;
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok((y.put_tape(tape), moments))
}
