//! Linear layers on host memory, wired to dfdx's tape.
//!
//! | file | what |
//! |---|---|
//! | `kernels` | the three products, and what goes with them |
//! | `cut` | results cut into tasks: at least 16 in any large product, whatever the number of threads |
//! | `turned` | matrices turned over |

mod cut;
mod kernels;
mod turned;

use std::mem::take;

use dfdx::{prelude::*, tensor::CpuError};

use super::TryLinear;
use crate::{
    device::{
        Channels, LayerTape, Rows,
        cpu::{
            arguments::{add, beside_weight, fits, in_order, parameter},
            once::compiled_once,
            relu::masked,
            simd::Real,
        },
    },
    doors::{free::Free2, host_memory::view, tape::is_input, wanted::is_wanted},
};
use kernels::Linear;

compiled_once! {
    /// A layer and its gradients.
    trait LinearKernels: Real {
        fn forward(
            linear: &Linear,
            x: &[Self],
            weight: &[Self],
            bias: Option<&[Self]>,
            relu: bool,
        ) -> Vec<Self> = Linear::forward;
        fn backward(
            linear: &Linear,
            x: &[Self],
            weight: &[Self],
            gradient: &[Self],
            d_weight: &mut [Self],
            d_bias: Option<&mut [Self]>,
            d_x: Option<&mut [Self]>,
        ) = Linear::backward;
    }
}

impl<E: LinearKernels> TryLinear<E> for Cpu
where
    Cpu: Device<E>,
{
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
        let bias_view = bias.map(view);
        let y = E::forward(
            &linear,
            &view(&x),
            &view(weight),
            bias_view.as_deref(),
            relu,
        );
        let y = x.device().try_tensor_from_vec(y, (batch, outputs))?;
        if T::OWNS_TAPE {
            let input = is_input::<E, Cpu, T>(&tape);
            let (cut, y) = (relu.then(|| y.clone()), y.ghost());
            let (weight, bias) = (weight.clone(), bias.cloned());
            tape.add_backward_op(move |gradients| {
                let wants_x = !input || is_wanted::<Free2, _, _, _>(&x, gradients);
                let d_y = take(E::host(gradients.get_or_alloc_mut(&y)?));
                let mut d_weight = take(E::host(gradients.get_or_alloc_mut(&weight)?));
                let mut d_bias = match &bias {
                    Some(bias) => Some(take(E::host(gradients.get_or_alloc_mut(bias)?))),
                    None => None,
                };
                let past_relu = cut.as_ref().map(|y| masked(&d_y, &view(y)));
                let mut apart = Vec::new();
                let d_x = match wants_x {
                    true => Some(beside_weight(gradients, &x, &mut apart)?),
                    false => None,
                };
                E::backward(
                    &linear,
                    &view(&x),
                    &view(&weight),
                    past_relu.as_deref().unwrap_or(&d_y),
                    &mut d_weight,
                    d_bias.as_deref_mut(),
                    d_x,
                );
                add(&mut d_weight, &apart);
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
