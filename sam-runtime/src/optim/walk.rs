//! The walk of an update: parameter by parameter, with gradient and buffers.

use dfdx::{nn::tensor_collection::*, optim::UnusedTensors, prelude::*, tensor::Gradients};

use super::{Group, Rule, parameter::Parameter};
use crate::{
    device::vectors::on_host,
    doors::{buffer::Buffer, host_memory::is_host, plain_sgd::PlainSgd, wanted::has_gradient},
};

/// The visitor of an update.
pub(super) struct Walk<'a, R, E: Dtype, D: Device<E>> {
    cfg: R,
    step: u64,
    parameters: &'a mut Vec<Parameter<Buffer<E, D>>>,
    groups: &'a [Group],
    given: &'a Gradients<E, D>,
    /// A copy, because dfdx lends the memory of gradients only to who may change them; made when it is needed.
    copy: Option<Gradients<E, D>>,
    plain: &'a mut Option<PlainSgd<E, D>>,
    next: usize,
    /// The parameters without a gradient.
    pub(super) unused: UnusedTensors,
}

impl<'a, R: Rule, E: Dtype, D: Device<E>> Walk<'a, R, E, D> {
    pub(super) fn new(
        cfg: R,
        step: u64,
        parameters: &'a mut Vec<Parameter<Buffer<E, D>>>,
        groups: &'a [Group],
        gradients: &'a Gradients<E, D>,
        plain: &'a mut Option<PlainSgd<E, D>>,
    ) -> Self {
        Self {
            cfg,
            step,
            parameters,
            groups,
            given: gradients,
            copy: None,
            plain,
            next: 0,
            unused: UnusedTensors::default(),
        }
    }

    /// Where this parameter, the next one of the walk, is in the list. A model that has changed its
    /// parameters since (few can) gets new buffers for them.
    fn place(&mut self, name: String, shape: &[usize]) -> usize {
        let at = self.next;
        self.next += 1;
        let known = self.parameters.get(at);
        if !known.is_some_and(|known| known.name_in_module == name && known.shape == shape) {
            self.parameters.truncate(at);
            self.parameters
                .push(Parameter::new(name, shape, self.groups));
        }
        at
    }
}

impl<R: Rule, E: Dtype, D: Device<E>> TensorVisitor<E, D> for Walk<'_, R, E, D> {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = D::Err;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, D>,
        (p, name): (&mut Tensor<S, E, D>, String),
    ) -> Result<Option<Tensor<S, E, D>>, D::Err> {
        if !options.do_gradient_update {
            return Ok(None);
        }
        let at = self.place(name, p.shape().concrete().as_ref());
        if self.parameters[at].is_frozen {
            return Ok(None);
        }
        let cfg = self.parameters[at].config(self.cfg);
        // Elsewhere than on the host, the copy and the question are launches. On it, they cost less than the memory for
        // momentum that dfdx's goes through.
        if !is_host::<D>()
            && let Some(cfg) = cfg.stateless()
        {
            let plain = self.plain.get_or_insert_with(PlainSgd::new);
            if !plain.update(cfg, options, p, self.given)? {
                self.unused.add(p);
            }
            return Ok(None);
        }
        let copy = self.copy.get_or_insert_with(|| self.given.clone());
        let gradient = copy.get_or_alloc_mut(p)?;
        if is_zero::<E, D>(gradient) && !has_gradient(options, p, self.given)? {
            self.unused.add(p);
            return Ok(None);
        }
        let parameter = &mut self.parameters[at];
        if parameter.buffers.is_empty() {
            parameter.buffers = fresh::<R, E, D>(p.device(), p.shape().num_elements(), self.step)?;
        }
        cfg.update(self.step, p, &mut parameter.buffers, gradient)?;
        Ok(None)
    }
}

/// A parameter's buffers before update number `step`. As dfdx has it, only the very first update finds
/// ones; a parameter that gets its first gradient later starts with zeros.
pub(super) fn fresh<R: Rule, E: Dtype, D: Device<E>>(
    device: &D,
    len: usize,
    step: u64,
) -> Result<Vec<Buffer<E, D>>, D::Err> {
    let mut buffers = Vec::with_capacity(R::BUFFERS.len());
    for index in 0..R::BUFFERS.len() {
        let mut buffer = Storage::<E>::try_alloc_len(device, len)?;
        if step == 1 && R::starts_at_one(index) {
            device.try_fill_with_ones(&mut buffer)?;
        }
        buffers.push(buffer);
    }
    Ok(buffers)
}

/// Whether a gradient may be one that was not there and has just been allocated: it is zero, or can't
/// be seen from the host.
fn is_zero<E: Dtype, D: Device<E>>(gradient: &mut Buffer<E, D>) -> bool {
    let values = on_host::<E, D>(gradient);
    values.is_none_or(|values| values.iter().all(|&x| x == E::default()))
}
