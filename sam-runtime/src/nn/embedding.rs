//! A vector for each number of a vocabulary.

use dfdx::{
    nn::{Module, NonMutableModule},
    shapes::{Const, Dim, Dtype, HasShape, Rank2, Shape},
    tensor::{PutTape, SplitTape, Storage, Tensor},
    tensor_ops::{GatherTo, TryAdd},
};

use super::{init, summary::note};
use crate::device::{LayerTape, Layers, misfit};

pub(super) mod builder {
    //! What a network names.

    /// A vector of `M` numbers for each of `V` words; see [`modules::Embedding`](crate::nn::modules::Embedding).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Embedding<const V: usize, const M: usize>;
}

crate::layer! {
    /// A vector of `M` numbers for each of `V` words: numbers below `V`, `usize`, of (batch, length), to (batch, length,
    /// `M`).
    ///
    /// As PyTorch's `Embedding(V, M)`: the vectors start from the normal distribution with deviation 1. dfdx's
    /// `Embedding` starts uniform in `±1 / sqrt(V)`, which depends on the vocabulary, and panics at a number that is too
    /// large; on a GPU it reads what is there.
    ///
    /// What comes out is on the device of the words, so that under `parallel` the chunks may drop numbers of it.
    ///
    /// With a mask beside the words, (words, mask), it gives (vectors, mask), for the
    /// [`TransformerEncoderLayer`](super::TransformerEncoderLayer) behind it.
    ///
    /// # Errors
    /// For a word of `V` or above, the error that the device has for a wrong number of elements. To find it, the words
    /// are read; on a GPU that waits for them.
    ///
    /// ```
    /// use sam_runtime::{dfdx::prelude::*, nn::Embedding};
    ///
    /// let dev = Cpu::default();
    /// let net = dev.build_module::<Embedding<100, 8>, f32>();
    /// let words: Tensor<Rank2<2, 3>, usize, _> = dev.tensor([[4, 99, 0], [4, 1, 1]]);
    /// let x: Tensor<Rank3<2, 3, 8>, f32, _> = net.forward(words);
    /// assert_eq!(x.array()[0][0], net.weight.array()[4]);
    /// let unknown: Tensor<Rank2<1, 1>, usize, _> = dev.tensor([[100]]);
    /// assert!(net.try_forward(unknown).is_err());
    /// ```
    pub struct Embedding<const V: usize, const M: usize; E, D> of builder::Embedding<V, M> {
        /// The vectors: (`V`, `M`).
        parameter weight: Rank2<V, M> = |t| init::normal(t, 1.0),
    }
}

impl<const V: usize, const M: usize, E: Dtype, D: Storage<E>> NonMutableModule
    for Embedding<V, M, E, D>
{
}

impl<const V: usize, const M: usize, B: Dim, S: Dim, E: Dtype, D: Layers<E>, T: LayerTape<E, D>>
    Module<Tensor<(B, S), usize, D, T>> for Embedding<V, M, E, D>
{
    type Output = Tensor<(B, S, Const<M>), E, D, T>;
    type Error = D::Err;

    fn try_forward(&self, words: Tensor<(B, S), usize, D, T>) -> Result<Self::Output, D::Err> {
        let (words, tape) = words.split_tape();
        if words.as_vec().iter().any(|word| *word >= V) {
            return Err(misfit::<E, D>(self.weight.device()));
        }
        // On the device of the words, not of the model: chunks that run at once draw from their own generators, and
        // dropout comes next.
        let zeros = words
            .device()
            .try_zeros_like(&(words.shape().0, words.shape().1, Const))?;
        let y = self.weight.clone().put_tape(tape).try_gather(words)?;
        let y = zeros.put_tape(T::default()).try_add(y)?;
        note("Embedding", Some(&self.weight), 0, &y);
        Ok(y)
    }
}

impl<const V: usize, const M: usize, B, S, K, E, D, T>
    Module<(Tensor<(B, S), usize, D, T>, Tensor<K, E, D>)> for Embedding<V, M, E, D>
where
    B: Dim,
    S: Dim,
    K: Shape<Concrete = [usize; 2]>,
    E: Dtype,
    D: Layers<E>,
    T: LayerTape<E, D>,
{
    type Output = (Tensor<(B, S, Const<M>), E, D, T>, Tensor<K, E, D>);
    type Error = D::Err;

    fn try_forward(
        &self,
        (words, mask): (Tensor<(B, S), usize, D, T>, Tensor<K, E, D>),
    ) -> Result<Self::Output, D::Err> {
        Ok((self.try_forward(words)?, mask))
    }
}
