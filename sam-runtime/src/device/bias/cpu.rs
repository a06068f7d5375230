//! A bias on host memory: a normalization by nothing.

use std::mem::take;

use dfdx::{prelude::*, tensor::CpuError};

use super::TryBias;
use crate::device::{
    Channels, LayerTape,
    batch_norm::cpu::{Back, BatchNormKernels, Incoming, Line, cut},
    cpu::{
        arguments::channels_of,
        dims::Dims,
        order::{elements_of, in_an_order, tensor},
    },
};

impl<E: BatchNormKernels> TryBias<E> for Cpu
where
    Cpu: Device<E>,
{
    fn try_bias<S: Shape, T: LayerTape<E, Self>>(
        x: Tensor<S, E, Self, T>,
        bias: &Channels<E, Self>,
        relu: bool,
    ) -> Result<Tensor<S, E, Self, T>, CpuError> {
        let (x, order) = in_an_order(x)?;
        let (x, mut tape) = x.split_tape();
        let dims = Dims {
            order,
            ..channels_of(&x, &[bias])?
        };
        let line = Line {
            mean: vec![E::default(); dims.channels],
            inverse: vec![E::ONE; dims.channels],
            factor: vec![E::ONE; dims.channels],
            bias: bias.as_vec(),
        };
        let y = E::apply(&line, dims, &elements_of(&x, order), None, relu);
        let y = tensor(x.device(), y, *x.shape(), order)?;
        if T::OWNS_TAPE {
            let (y, bias) = (y.ghost(), bias.clone());
            tape.add_backward_op(move |gradients| {
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let incoming = Incoming {
                    gradient: &d_y,
                    cut: cut(relu, None, &line),
                };
                let elements = elements_of(&x, order);
                let sums = E::sums(dims, &elements, &line.mean, incoming, None);
                let d_bias = E::host(gradients.get_or_alloc_mut(&bias)?);
                for (to, [sum, _]) in d_bias.iter_mut().zip(&sums) {
                    *to += E::narrow(*sum);
                }
                let d_x = E::host(gradients.get_or_alloc_mut(&x)?);
                let back = Back::new(dims, &line, None);
                E::add_back(&back, dims, &elements, incoming, d_x);
                *E::host(gradients.get_or_alloc_mut(&y)?) = d_y;
                Ok(())
            });
        }
        Ok(y.put_tape(tape))
    }
}
