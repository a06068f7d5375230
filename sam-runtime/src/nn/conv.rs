//! Convolution.

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{
    dims::{Groups, Slide},
    init,
    shape::{ImagesFor, Out, erase, restore, window},
};
use crate::device::Layers;

/// Convolution of images of `IN` channels to images of `OUT`, with a square kernel of `K` x `K` taps,
/// stride `S`, zero padding `P`, dilation `L`, and channels dealt out to `G` groups. Without a bias;
/// [`Bias2D`](super::Bias2D) adds one. PyTorch's `Conv2d(.., bias=False)`.
///
/// Takes (batch, `IN`, height, width) and gives (batch, `OUT`, height', width'), where a side of `n`
/// becomes `(n + 2 P - L (K - 1) - 1) / S + 1`; see [`Slide`] for the windows and sides that are known.
/// Begins uniform between plus and minus `sqrt(G / (IN K K))`, as dfdx's and PyTorch's does.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::nn::Conv2D;
///
/// let dev = Cpu::default();
/// let conv = dev.build_module::<Conv2D<3, 8, 3, 2, 1>, f32>();
/// let x: Tensor<Rank4<10, 3, 32, 32>, f32, _> = dev.sample_normal();
/// let y: Tensor<Rank4<10, 8, 16, 16>, f32, _> = conv.forward(x);
/// ```
///
/// A network whose layers do not fit each other does not compile:
///
/// ```compile_fail
/// # use dfdx::prelude::*;
/// # use sam_runtime::nn::Conv2D;
/// # let dev = Cpu::default();
/// let net = dev.build_module::<(Conv2D<3, 8, 3>, Conv2D<16, 8, 3>), f32>();
/// net.forward(dev.zeros::<Rank4<10, 3, 32, 32>>());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conv2D<
    const IN: usize,
    const OUT: usize,
    const K: usize,
    const S: usize = 1,
    const P: usize = 0,
    const L: usize = 1,
    const G: usize = 1,
>;

pub(super) mod module {
    use super::*;

    /// See [`Conv2D`](super::Conv2D).
    #[derive(Clone, Debug)]
    pub struct Conv2D<
        const IN: usize,
        const OUT: usize,
        const K: usize,
        const S: usize,
        const P: usize,
        const L: usize,
        const G: usize,
        E: Dtype,
        D: Storage<E>,
    >
    where
        Const<IN>: Groups<G>,
    {
        /// The kernels: (`OUT`, `IN / G`, `K`, `K`).
        #[allow(clippy::type_complexity)]
        pub weight: Tensor<
            (
                Const<OUT>,
                <Const<IN> as Groups<G>>::PerGroup,
                Const<K>,
                Const<K>,
            ),
            E,
            D,
        >,
    }
}

macro_rules! with_parameters {
    ($(#[$attribute:meta])* impl [$($extra:tt)*] $($rest:tt)*) => {
        $(#[$attribute])*
        impl<
            const IN: usize,
            const OUT: usize,
            const K: usize,
            const S: usize,
            const P: usize,
            const L: usize,
            const G: usize,
            E: Dtype,
            $($extra)*
        > $($rest)*
    };
}

with_parameters! {
    impl [D: Layers<E>] BuildOnDevice<D, E> for Conv2D<IN, OUT, K, S, P, L, G>
    where
        Const<IN>: Groups<G>,
    {
        type Built = module::Conv2D<IN, OUT, K, S, P, L, G, E, D>;
    }
}

with_parameters! {
    impl [D: Device<E>] TensorCollection<E, D> for module::Conv2D<IN, OUT, K, S, P, L, G, E, D>
    where
        Const<IN>: Groups<G>,
    {
        type To<E2: Dtype, D2: Device<E2>> = module::Conv2D<IN, OUT, K, S, P, L, G, E2, D2>;

        fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            let weight = Self::tensor(
                "weight",
                |s| &s.weight,
                |s| &mut s.weight,
                TensorOptions::reset_with(|t| init::uniform(t, IN / G * K * K)),
            );
            visitor.visit_fields(weight, |weight| module::Conv2D { weight })
        }
    }
}

with_parameters! {
    impl [D: Storage<E>] NonMutableModule for module::Conv2D<IN, OUT, K, S, P, L, G, E, D>
    where
        Const<IN>: Groups<G>,
    {
    }
}

with_parameters! {
    impl [D: Layers<E>, X: ImagesFor<Self, IN, E, D>] Module<X>
        for module::Conv2D<IN, OUT, K, S, P, L, G, E, D>
    where
        Const<IN>: Groups<G>,
        X::Height: Slide<K, S, P, L>,
        X::Width: Slide<K, S, P, L>,
    {
        type Output = Tensor<
            (X::Batch, Const<OUT>, Out<X::Height, K, S, P, L>, Out<X::Width, K, S, P, L>),
            E,
            D,
            X::Tape,
        >;
        type Error = D::Err;

        fn try_forward(&self, x: X) -> Result<Self::Output, D::Err> {
            let weight = erase(self.weight.clone());
            restore(D::try_conv2d(x.erase(), &weight, window::<K, S, P, L>(), G)?)
        }
    }
}
