//! Gated recurrent units.

use dfdx::{
    nn::{Module, NonMutableModule},
    shapes::{Axes3, Axes4, Const, Dtype, HasShape, Shape},
    tensor::{PutTape, SplitTape, Storage, Tensor},
    tensor_ops::*,
};

use super::{
    cast::cast,
    init,
    shape_bounds::{FeaturesOf, TokenShape},
    summary::note,
};
use crate::{
    device::{Channels, LayerTape, Layers, Rows, misfit},
    doors::free::Free,
};

pub(super) mod builder {
    //! What a network names.

    /// A gated recurrent unit from `I` to `H` features; see [`modules::GRU`](crate::nn::modules::GRU).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct GRU<const I: usize, const H: usize>;
}

crate::layer! {
    /// A gated recurrent unit (Cho et al. [2014](https://arxiv.org/abs/1406.1078)) that goes through sequences: (batch,
    /// length, `I`) to its state behind each place, (batch, length, `H`). It begins with a state of zeros.
    ///
    /// As PyTorch's `GRU(I, H, batch_first=True)`, under its names and layouts: reset gate, update gate and new state
    /// stand one below the other in each tensor, all of which start uniform in `±1 / sqrt(H)`:
    ///
    /// ```text
    /// r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
    /// z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
    /// n = tanh(W_in x + b_in + r (W_hn h + b_hn))
    /// h' = (1 - z) n + z h
    /// ```
    ///
    /// Its state behind the whole sequence is what [`SequenceLast`](crate::nn::SequenceLast) takes. It takes a mask beside
    /// sequences that are padded at their ends, and hands it on. Several layers stand
    /// one behind the other: PyTorch's tensors of layer 1 are those of the second, with `_l0` for `_l1`.
    ///
    /// # Errors
    /// The error that the device has for a wrong number of elements, for sequences of length 0.
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, nn::{GRU, Linear, SequenceLast}};
    ///
    /// let dev = Cpu::default();
    /// let net = dev.build_module::<(GRU<3, 8>, GRU<8, 8>, SequenceLast, Linear<8, 2>), f32>();
    /// let x: Tensor<Rank3<4, 20, 3>, f32, _> = dev.sample_normal();
    /// let _: Tensor<Rank2<4, 2>, f32, _> = net.forward(x);
    /// ```
    pub struct GRU<const I: usize, const H: usize; E, D> of builder::GRU<I, H> {
        /// What takes the input: (3 `H`, `I`).
        parameter weight_ih_l0: (Free, Const<I>) [((3 * H).into(), Const)] = |t| init::uniform(t, H),
        /// What takes the state: (3 `H`, `H`).
        parameter weight_hh_l0: (Free, Const<H>) [((3 * H).into(), Const)] = |t| init::uniform(t, H),
        /// The bias of the input: (3 `H`,).
        parameter bias_ih_l0: (Free,) [((3 * H).into(),)] = |t| init::uniform(t, H),
        /// The bias of the state: (3 `H`,).
        parameter bias_hh_l0: (Free,) [((3 * H).into(),)] = |t| init::uniform(t, H),
    }
}

/// A linear layer.
struct Affine<E: Dtype, D: Storage<E>> {
    weight: Rows<E, D>,
    bias: Channels<E, D>,
}

type Tokens<E, D, T> = Tensor<(usize, usize, usize), E, D, T>;

fn recur<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Tokens<E, D, T>,
    of_input: &Affine<E, D>,
    of_state: &Affine<E, D>,
) -> Result<Tokens<E, D, T>, D::Err> {
    let device = x.device().clone();
    let (batch, length, features) = *x.shape();
    let hidden = of_state.weight.shape().1;
    if length == 0 {
        return Err(misfit(&device));
    }
    let x = x.try_reshape_like(&(batch * length, features))?;
    let x = D::try_linear(x, &of_input.weight, Some(&of_input.bias), false)?;
    // A row for each gate and place.
    let (x, mut tape) = x
        .try_reshape_like(&(batch, length, 3_usize, hidden))?
        .try_permute::<_, Axes4<2, 1, 0, 3>>()?
        .try_reshape_like(&(3 * length, batch * hidden))?
        .split_tape();
    let state = (batch, hidden);
    let mut h: Rows<E, D> = device.try_zeros_like(&state)?;
    let mut states = Vec::with_capacity(length);
    for place in 0..length {
        let of_x = |gate: usize, tape: T| {
            let row = gate * length + place;
            let row = x.clone().put_tape(tape).try_slice((row..row + 1, ..))?;
            row.try_reshape_like(&state)
        };
        let of_h = D::try_linear(
            h.clone().put_tape(T::default()),
            &of_state.weight,
            Some(&of_state.bias),
            false,
        )?;
        let (of_h, from_h) = of_h.split_tape();
        let of_h = |gate: usize, tape: T| {
            let columns = gate * hidden..(gate + 1) * hidden;
            let part = of_h.clone().put_tape(tape).try_slice((.., columns))?;
            part.try_reshape_like(&state)
        };
        let r = of_x(0, tape)?.try_add(of_h(0, from_h)?)?.try_sigmoid()?;
        let z = of_x(1, T::default())?
            .try_add(of_h(1, T::default())?)?
            .try_sigmoid()?;
        let n = of_x(2, T::default())?
            .try_add(r.try_mul(of_h(2, T::default())?)?)?
            .try_tanh()?;
        let toward = h.clone().put_tape(T::default()).try_sub(n.retaped::<T>())?;
        let next = n.try_add(z.try_mul(toward)?)?;
        (h, tape) = next.split_tape();
        states.push(h.clone().put_tape(T::default()));
    }
    if let Some(last) = states.pop() {
        let (last, _) = last.split_tape();
        states.push(last.put_tape(tape));
    }
    let y = states
        .try_stack()?
        .try_permute::<_, Axes3<1, 0, 2>>()?
        .try_contiguous()?;
    let of_a_place =
        of_input.weight.shape().num_elements() + of_state.weight.shape().num_elements();
    let multiplications = (of_a_place * batch * length) as u64;
    note("GRU", Some(&of_input.weight), multiplications, &y);
    Ok(y)
}

impl<const I: usize, const H: usize, E: Dtype, D: Storage<E>> NonMutableModule for GRU<I, H, E, D> {}

/// With a mask beside the sequences, which it hands on: what stands behind the end of a sequence comes after its states.
impl<const I: usize, const H: usize, Sh, K, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>
    Module<(Tensor<Sh, E, D, T>, Tensor<K, E, D>)> for GRU<I, H, E, D>
where
    Sh: TokenShape<builder::GRU<I, H>>,
    Sh::Features: FeaturesOf<I, builder::GRU<I, H>>,
    K: Shape<Concrete = [usize; 2]>,
{
    type Output = (Tensor<Sh::Tokens<Const<H>>, E, D, T>, Tensor<K, E, D>);
    type Error = D::Err;

    fn try_forward(
        &self,
        (x, mask): (Tensor<Sh, E, D, T>, Tensor<K, E, D>),
    ) -> Result<Self::Output, D::Err> {
        Ok((self.try_forward(x)?, mask))
    }
}

impl<const I: usize, const H: usize, Sh, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>
    Module<Tensor<Sh, E, D, T>> for GRU<I, H, E, D>
where
    Sh: TokenShape<builder::GRU<I, H>>,
    Sh::Features: FeaturesOf<I, builder::GRU<I, H>>,
{
    type Output = Tensor<Sh::Tokens<Const<H>>, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        let of_input = Affine {
            weight: cast(self.weight_ih_l0.clone())?,
            bias: cast(self.bias_ih_l0.clone())?,
        };
        let of_state = Affine {
            weight: cast(self.weight_hh_l0.clone())?,
            bias: cast(self.bias_hh_l0.clone())?,
        };
        cast(recur(cast(x)?, &of_input, &of_state)?)
    }
}
