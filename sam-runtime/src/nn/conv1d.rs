//! Convolutions of signals.

use dfdx::{
    nn::{Module, NonMutableModule},
    shapes::{Axes2, Axes3, Axes4, Axis, Const, Dtype, HasShape, Rank1, Shape},
    tensor::{NoneTape, PutTape, Storage, Tensor},
    tensor_ops::*,
};

use super::{
    cast::cast,
    dims::Slide,
    init,
    shape_bounds::{ChannelsOf, SignalShape},
    summary::note,
};
use crate::{
    device::{Channels, LayerTape, Layers, Window, misfit},
    doors::free::Free,
};

pub(super) mod builder {
    //! What a network names.

    /// A convolution from `IN` to `OUT` channels; see [`modules::Conv1D`](crate::nn::modules::Conv1D).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Conv1D<
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize = 1,
        const P: usize = 0,
        const L: usize = 1,
        const G: usize = 1,
    >;
}

crate::layer! {
    /// A convolution of signals, with a bias: (batch, `IN`, length) to (batch, `OUT`, length'), with a kernel of `K`
    /// taps, stride `S`, padding `P`, dilation `L` and `G` groups of channels.
    ///
    /// As PyTorch's `Conv1d(IN, OUT, K, S, P, L, G)`; weight and bias start uniform in `±1 / sqrt(IN / G K)`. A static
    /// length comes out static where [`Slide`](crate::nn::dims::Slide) knows it, and a dynamic one dynamic. Groups of
    /// unequal size don't compile.
    ///
    /// # Errors
    /// The error that the device has for a wrong number of elements, where a dynamic length is too short for the kernel.
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, nn::Conv1D};
    ///
    /// let dev = Cpu::default();
    /// let net = dev.build_module::<(Conv1D<2, 8, 5, 1, 2>, ReLU, Conv1D<8, 4, 3, 2, 1>), f32>();
    /// let x: Tensor<Rank3<3, 2, 100>, f32, _> = dev.sample_normal();
    /// let _: Tensor<Rank3<3, 4, 50>, f32, _> = net.forward(x);
    /// ```
    pub struct Conv1D<
        const IN: usize, const OUT: usize, const K: usize, const S: usize, const P: usize,
        const L: usize, const G: usize; E, D
    > of builder::Conv1D<IN, OUT, K, S, P, L, G> {
        /// The kernels: (`OUT`, `IN / G`, `K`).
        parameter weight: (Const<OUT>, Free, Const<K>) [(Const, (IN / G).into(), Const)] = |t| {
            let () = Self::OF_EQUAL_SIZE;
            init::uniform(t, IN / G * K)
        },
        /// The bias: (`OUT`,).
        parameter bias: Rank1<OUT> = |t| init::uniform(t, IN / G * K),
    }
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
    E: Dtype,
    D: Storage<E>,
> Conv1D<IN, OUT, K, S, P, L, G, E, D>
{
    const OF_EQUAL_SIZE: () = assert!(
        G > 0 && IN.is_multiple_of(G) && OUT.is_multiple_of(G),
        "Conv1D<IN, OUT, K, S, P, L, G>: the channels can't be divided into G groups of equal size"
    );
}

/// Signals: (batch, channels, length). Also the kernels: (out, in of a group, taps).
type Signals<E, D, T = NoneTape> = Tensor<(usize, usize, usize), E, D, T>;

/// Where taps lie is gathered, and the rest is a product of matrices for each group.
fn convolve<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Signals<E, D, T>,
    weight: &Signals<E, D>,
    bias: &Channels<E, D>,
    window: Window,
    groups: usize,
) -> Result<Signals<E, D, T>, D::Err> {
    let device = x.device().clone();
    let (batch, channels, length) = *x.shape();
    let (out, each, taps) = *weight.shape();
    let places = window.places(length).ok_or_else(|| misfit(&device))?;
    // A row for each place of the signal, and one of zeros, which is padding.
    let rows = x
        .try_permute::<_, Axes3<2, 0, 1>>()?
        .try_reshape_like(&(length, batch * channels))?;
    let zeros = device.try_zeros_like(&(1, batch * channels))?;
    let rows = (rows, zeros.put_tape(T::default())).try_concat_along(Axis::<0>)?;
    let row = |i: usize| {
        let at = i / taps * window.stride + i % taps * window.dilation;
        at.checked_sub(window.padding)
            .filter(|at| *at < length)
            .unwrap_or(length)
    };
    let taken: Vec<usize> = (0..places * taps).map(row).collect();
    let taken = device.try_tensor_from_vec(taken, (places * taps,))?;
    let columns = (groups, batch * places, each * taps);
    let columns = rows
        .try_gather(taken)?
        .try_reshape_like(&(places, taps, batch, channels))?
        .try_permute::<_, Axes4<2, 0, 3, 1>>()?
        .try_reshape_like(&(columns.1, groups, columns.2))?
        .try_permute::<_, Axes3<1, 0, 2>>()?
        .try_reshape_like(&columns)?;
    let kernels = weight
        .retaped::<T>()
        .try_reshape_like(&(groups, out / groups, each * taps))?
        .try_permute::<_, Axes3<0, 2, 1>>()?;
    let y = columns
        .try_matmul(kernels)?
        .try_permute::<_, Axes3<1, 0, 2>>()?
        .try_reshape_like(&(batch, places, out))?
        .try_permute::<_, Axes3<0, 2, 1>>()?
        .try_contiguous()?;
    let shape = *y.shape();
    let y = y.try_add(
        bias.retaped::<T>()
            .try_broadcast_like::<_, Axes2<0, 2>>(&shape)?,
    )?;
    let multiplications = weight.shape().num_elements() * batch * places;
    note("Conv1D", Some(weight), multiplications as u64, &y);
    Ok(y)
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
    E: Dtype,
    D: Storage<E>,
> NonMutableModule for Conv1D<IN, OUT, K, S, P, L, G, E, D>
{
}

impl<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize,
    const P: usize,
    const L: usize,
    const G: usize,
    Sh,
    E,
    D,
    T,
> Module<Tensor<Sh, E, D, T>> for Conv1D<IN, OUT, K, S, P, L, G, E, D>
where
    Sh: SignalShape<builder::Conv1D<IN, OUT, K, S, P, L, G>>,
    Sh::Channels: ChannelsOf<IN, builder::Conv1D<IN, OUT, K, S, P, L, G>>,
    Sh::Length: Slide<K, S, P, L, builder::Conv1D<IN, OUT, K, S, P, L, G>>,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
{
    type Output = Tensor<
        Sh::Signals<
            Const<OUT>,
            <Sh::Length as Slide<K, S, P, L, builder::Conv1D<IN, OUT, K, S, P, L, G>>>::Out,
        >,
        E,
        D,
        T,
    >;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        let window = Window {
            size: K,
            stride: S,
            padding: P,
            dilation: L,
        };
        let (weight, bias) = (cast(self.weight.clone())?, cast(self.bias.clone())?);
        cast(convolve(cast(x)?, &weight, &bias, window, G)?)
    }
}
