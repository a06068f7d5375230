//! Several convolutions with their normalizations as one operation.

use std::mem::take;

use dfdx::{
    prelude::*,
    tensor::{CpuError, Gradients},
};

use super::{
    ChainKernels,
    link::{Coming, Layer, Link, way_back},
};
use crate::{
    device::{
        Image, LayerTape, Tail,
        batch_norm::{
            Moments,
            cpu::{BatchNormKernels, Incoming, cut, kept, split_tail, sums},
        },
        conv::cpu::{ConvolutionBack, Input, arranged, output},
        cpu::{arguments::fits, order::elements_of, simd::Real},
    },
    doors::tape::is_input,
};

/// The output of a chain, and the moments of each layer.
pub(super) type Chained<E, T> = (Image<E, Cpu, T>, Vec<Moments<E, Cpu>>);

/// Convolutions and their normalizations, one or more, with ReLU between them.
pub(super) fn chain<E: ChainKernels, T: LayerTape<E, Cpu>>(
    x: Image<E, Cpu, T>,
    layers: Vec<Layer<'_, E>>,
    tail: Tail<Image<E, Cpu, T>>,
) -> Result<Chained<E, T>, CpuError>
where
    Cpu: Device<E>,
{
    let first = &layers[0];
    let (x, conv) = arranged(x, &first.weight, first.window, first.groups, true)?;
    let (x, mut tape) = x.split_tape();
    let input = is_input::<E, Cpu, T>(&tape);
    let layers = layers.into_iter().map(|layer| layer.noted(&mut tape));
    let layers = layers.collect::<Result<Vec<_>, _>>()?;
    let first = ConvolutionBack {
        conv,
        x,
        weight: layers[0].weight.clone(),
        input,
    };
    let tail = split_tail(tail, conv.orders[1], &mut tape)?;
    let (y, moments, chain) = E::chain(first, &layers, tail)?;
    if T::OWNS_TAPE {
        let y = y.ghost();
        tape.add_backward_op(move |gradients| {
            let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
            E::chain_back(&chain, &d_y, gradients)?;
            *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
            Ok(())
        });
    }
    Ok((y.put_tape(tape), moments))
}

/// A chain, as it was computed.
pub(super) struct Chain<E: Real> {
    links: Vec<Link<E>>,
    first: ConvolutionBack<E>,
    residual: Option<Image<E, Cpu>>,
    relu: bool,
    /// What was [`kept`] of the output.
    output: Option<Image<E, Cpu>>,
}

/// The output of a chain without a tape, the moments of each layer, and the chain for the way back.
pub(super) type Computed<E> = (Image<E, Cpu>, Vec<Moments<E, Cpu>>, Chain<E>);

impl<E: BatchNormKernels> Chain<E>
where
    Cpu: Device<E>,
{
    pub(super) fn new(
        first: ConvolutionBack<E>,
        layers: &[Layer<'_, E>],
        Tail { residual, relu }: Tail<Image<E, Cpu>>,
    ) -> Result<Computed<E>, CpuError> {
        let conv = first.conv;
        let [from, to] = conv.orders;
        let mut moments = Vec::new();
        let links = {
            let elements = elements_of(&first.x, from);
            Link::several(conv, Input::Given(&elements), layers, &mut moments)?
        };
        let last = &links[links.len() - 1];
        assert_eq!(
            last.dims().order,
            to,
            "all layers give what the first one does"
        );
        if let Some(residual) = &residual {
            fits(residual.shape().concrete() == last.output())?;
        }
        let summand = residual.as_ref().map(|r| elements_of(r, to));
        let y = last
            .line
            .apply(last.dims(), &last.z, summand.as_deref(), relu);
        let y = output(&last.convolution.conv, first.x.device(), y)?;
        drop(summand);
        let chain = Self {
            output: kept(&y, relu, &residual),
            links,
            first,
            residual,
            relu,
        };
        Ok((y, moments, chain))
    }

    /// From the gradient of the output to those of all layers and of the input.
    pub(super) fn back(
        &self,
        d_y: &[E],
        gradients: &mut Gradients<E, Cpu>,
    ) -> Result<(), CpuError> {
        let last = &self.links[self.links.len() - 1];
        let dims = last.dims();
        let output = self.output.as_ref().map(|y| elements_of(y, dims.order));
        let incoming = Incoming {
            gradient: d_y,
            cut: cut(self.relu, output.as_deref(), &last.line),
        };
        let (mean, residual) = (&last.line.mean, self.residual.as_ref());
        let sums = sums(dims, &last.z, mean, incoming, residual, gradients)?;
        let coming = Coming { incoming, sums };
        way_back(&self.links, coming, gradients, |_, rows, gradients| {
            self.first.run(gradients, rows)
        })
    }
}
