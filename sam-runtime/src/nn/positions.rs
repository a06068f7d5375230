//! A vector for each place of a sequence.

use dfdx::{
    nn::{Module, NonMutableModule},
    shapes::{Axis, Dtype, HasShape, Rank2, Shape},
    tensor::{PutTape, Storage, Tensor},
    tensor_ops::{BroadcastTo, TryAdd},
};

use super::{
    attention::Tokens,
    cast::cast,
    init,
    shape_bounds::{FeaturesOf, TokenShape},
    summary::note,
};
use crate::device::{LayerTape, Layers, Rows, misfit};

pub(super) mod builder {
    //! What a network names.

    /// A vector of `M` numbers for each of `S` places; see [`modules::Positions`](crate::nn::modules::Positions).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Positions<const S: usize, const M: usize>;
}

crate::layer! {
    /// Adds a vector that is learned to each place of a sequence: (batch, length, `M`) to the same shape, for lengths up
    /// to `S`. Attention sees no order without it.
    ///
    /// In PyTorch, an `Embedding(S, M)` of the numbers 0, 1, .. that is added to the one of the words, as in BERT and
    /// GPT-2. They start as there, from the normal distribution with deviation 1.
    ///
    /// With a mask beside the sequences, (vectors, mask), it hands the mask on.
    ///
    /// # Errors
    /// For a sequence longer than `S`, the error that the device has for a wrong number of elements.
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, nn::{Embedding, Positions, TransformerEncoderLayer}};
    ///
    /// let dev = Cpu::default();
    /// type Net = (Embedding<100, 8>, Positions<16, 8>, TransformerEncoderLayer<8, 2, 32>);
    /// let net = dev.build_module::<Net, f32>();
    /// let words: Tensor<Rank2<2, 3>, usize, _> = dev.tensor([[4, 99, 0], [4, 1, 1]]);
    /// let _: Tensor<Rank3<2, 3, 8>, f32, _> = net.forward(words);
    /// ```
    pub struct Positions<const S: usize, const M: usize; E, D> of builder::Positions<S, M> {
        /// The vectors: (`S`, `M`).
        parameter weight: Rank2<S, M> = |t| init::normal(t, 1.0),
    }
}

impl<const S: usize, const M: usize, E: Dtype, D: Storage<E>> NonMutableModule
    for Positions<S, M, E, D>
{
}

impl<const S: usize, const M: usize, E: Dtype, D: Layers<E>> Positions<S, M, E, D> {
    fn apply<T: LayerTape<E, D>>(&self, x: Tokens<E, D, T>) -> Result<Tokens<E, D, T>, D::Err> {
        let shape = *x.shape();
        if shape.1 > S {
            return Err(misfit(x.device()));
        }
        if shape.0 * shape.1 == 0 {
            // dfdx adds no empty tensors.
            return Ok(x);
        }
        let vectors: Rows<E, D> = cast(self.weight.clone())?;
        let vectors = vectors
            .put_tape(T::default())
            .try_slice((..shape.1, ..))?
            .try_broadcast_like::<_, Axis<0>>(&shape)?;
        let y = x.try_add(vectors)?;
        note("Positions", Some(&self.weight), 0, &y);
        Ok(y)
    }
}

impl<const S: usize, const M: usize, Sh, E, D, T> Module<Tensor<Sh, E, D, T>>
    for Positions<S, M, E, D>
where
    Sh: TokenShape<builder::Positions<S, M>>,
    Sh::Features: FeaturesOf<M, builder::Positions<S, M>>,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
{
    type Output = Tensor<Sh, E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, x: Tensor<Sh, E, D, T>) -> Result<Self::Output, D::Err> {
        cast(self.apply(cast(x)?)?)
    }
}

impl<const S: usize, const M: usize, Sh, K, E, D, T> Module<(Tensor<Sh, E, D, T>, Tensor<K, E, D>)>
    for Positions<S, M, E, D>
where
    Sh: TokenShape<builder::Positions<S, M>>,
    Sh::Features: FeaturesOf<M, builder::Positions<S, M>>,
    K: Shape<Concrete = [usize; 2]>,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
{
    type Output = (Tensor<Sh, E, D, T>, Tensor<K, E, D>);
    type Error = D::Err;

    fn try_forward(
        &self,
        (x, mask): (Tensor<Sh, E, D, T>, Tensor<K, E, D>),
    ) -> Result<Self::Output, D::Err> {
        Ok((self.try_forward(x)?, mask))
    }
}
