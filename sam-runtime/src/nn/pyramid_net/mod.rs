//! PyramidNet (Han et al. 2017) with ShakeDrop (Yamada et al. 2018).
//!
//! | file | what |
//! |---|---|
//! | `widths` | how many channels each block has |
//! | `block` | the block |

mod block;
mod widths;

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{
    applied,
    computed::{ConvNorm, Head, Norm, at, visit_conv_norm, visit_head, visit_norm, window},
    network,
    shake::{self, ShakeGradient},
};
use crate::device::{Factors, Image, LayerTape, Layers, Rows, Tail};
use widths::{FIRST, blocks, stages};

/// The PyramidNets of Han et al. ([2017](https://arxiv.org/abs/1610.02915)) for CIFAR, of `DEPTH` layers, with
/// ShakeDrop (Yamada et al., [2018](https://arxiv.org/abs/1802.02375)): a convolution to 16 channels, three stages
/// whose blocks have linearly more channels, up to 16 + `ALPHA`, shortcuts without parameters, normalization, global
/// average pooling and a linear layer to `CLASSES`. Blocks are of two convolutions, and `DEPTH` is 6 n + 2; or, with
/// `BOTTLENECK`, of three, the last of which gives four times the channels, and `DEPTH` is 9 n + 2.
///
/// Takes images of 3 channels, of 32 x 32 in the paper, whose sides are multiples of 4, and gives logits (batch,
/// `CLASSES`).
///
/// While it trains, ShakeDrop multiplies what the `l`-th of `L` blocks adds to its input, image by image: with the
/// probability `p_l = 1 - l / L (1 - p_L)` by 1, and otherwise by `alpha`, uniform in [-1, 1]; its gradient by 1 or
/// `beta`, uniform in [0, 1]. In evaluation it is `p_l`, which is what is expected (eq. 6). All three are drawn for each
/// image, as by SAM's authors; a widespread PyTorch version draws whether a block is kept once for the batch. The built
/// network has the field `keep_last`, which is `p_L`: it begins at 0.5, and 1 makes a plain PyramidNet; and `gradient`,
/// see [`ShakeGradient`].
///
/// Numbers of channels are rounded, as by the authors' and by SAM's authors' programs; in the paper they are
/// truncated, so that PyramidNet-272 has 0.2 million parameters less there. Names of tensors are those of
/// [the authors' PyTorch version](https://github.com/dyhan0920/PyramidNet-PyTorch): `layer1.0.conv2.weight`,
/// `bn_final.bias`, `fc.weight`; see [`weights`](crate::nn::weights). The kernels begin as there, as in He et al.
/// (2015b), by the number of outputs; the bias of the last layer begins at zero.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::nn::PyramidNet;
///
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<PyramidNet<14, 12, 10>, f32>();
/// let x: Tensor<Rank4<4, 3, 16, 16>, f32, _> = dev.sample_normal();
/// let logits: Tensor<Rank2<4, 10>, f32, _, _> = net.forward_mut(x.traced(net.alloc_grads()));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PyramidNet<
    const DEPTH: usize,
    const ALPHA: usize,
    const CLASSES: usize,
    const BOTTLENECK: bool = false,
>;

/// PyramidNet-110 with `alpha` = 270: 28.5 million parameters.
pub type PyramidNet110<const CLASSES: usize> = PyramidNet<110, 270, CLASSES>;
/// PyramidNet-272 with `alpha` = 200, and bottlenecks: 26.2 million parameters. The one of SAM's experiments.
pub type PyramidNet272<const CLASSES: usize> = PyramidNet<272, 200, CLASSES, true>;

pub(super) mod module {
    use super::*;

    pub use super::{block::PyramidBlock, widths::BlockSizes};

    /// See [`PyramidNet`](super::PyramidNet).
    #[derive(Clone, Debug)]
    pub struct PyramidNet<
        const DEPTH: usize,
        const ALPHA: usize,
        const CLASSES: usize,
        const BOTTLENECK: bool,
        E: Dtype,
        D: Storage<E>,
    > {
        /// The first convolution.
        pub stem: ConvNorm<E, D>,
        /// The blocks of the three stages, one after the other.
        pub blocks: Vec<PyramidBlock<E, D>>,
        /// The last normalization.
        pub norm: Norm<E, D>,
        /// From features to logits.
        pub fc: Head<CLASSES, E, D>,
        /// `p_L`, how likely ShakeDrop leaves what the last block adds as it is: from 0 to 1.
        pub keep_last: f64,
        /// What the gradients of what blocks add are multiplied by.
        pub gradient: ShakeGradient,
    }
}

impl<
    const DEPTH: usize,
    const ALPHA: usize,
    const CLASSES: usize,
    const BOTTLENECK: bool,
    E: Dtype,
    D: Layers<E>,
> BuildOnDevice<D, E> for PyramidNet<DEPTH, ALPHA, CLASSES, BOTTLENECK>
{
    type Built = module::PyramidNet<DEPTH, ALPHA, CLASSES, BOTTLENECK, E, D>;
}

impl<
    const DEPTH: usize,
    const ALPHA: usize,
    const CLASSES: usize,
    const BOTTLENECK: bool,
    E: Dtype,
    D: Device<E>,
> TensorCollection<E, D> for module::PyramidNet<DEPTH, ALPHA, CLASSES, BOTTLENECK, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> =
        module::PyramidNet<DEPTH, ALPHA, CLASSES, BOTTLENECK, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let stages = stages(const { blocks(DEPTH, BOTTLENECK) }, ALPHA, BOTTLENECK);
        let stem = visit_conv_norm(visitor, ["conv1", "bn1"], [FIRST, 3, 3], at!(stem))?;
        let (mut built, mut channels, mut n) = (Some(Vec::new()), FIRST, 0);
        for (stage, sizes) in stages.iter().enumerate() {
            for (i, sizes) in sizes.iter().enumerate() {
                let name = format!("layer{}.{i}", stage + 1);
                let block = module::PyramidBlock::visit(visitor, &name, *sizes, at!(blocks[n]))?;
                built = built.zip(block).map(|(mut built, block)| {
                    built.push(block);
                    built
                });
                (channels, n) = (sizes.output(), n + 1);
            }
        }
        let norm = visit_norm(visitor, "bn_final", channels, at!(norm))?;
        let fc = visit_head(visitor, "fc", channels, at!(fc))?;
        let net = || {
            Some(module::PyramidNet {
                stem: stem?,
                blocks: built?,
                norm: norm?,
                fc: fc?,
                keep_last: 0.5,
                gradient: ShakeGradient::default(),
            })
        };
        Ok(net())
    }
}

impl<
    const DEPTH: usize,
    const ALPHA: usize,
    const CLASSES: usize,
    const BOTTLENECK: bool,
    E: Dtype,
    D: Layers<E>,
> module::PyramidNet<DEPTH, ALPHA, CLASSES, BOTTLENECK, E, D>
{
    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let keep = keeping(self.keep_last, self.blocks.len());
        let mut x = self.stem.train(x, window(3, 1), Tail::NONE)?;
        for (i, block) in self.blocks.iter_mut().enumerate() {
            let batch = x.shape().0;
            let factors = shake::shake_drop(x.device(), batch, keep(i), self.gradient)?;
            x = block.train(x, &factors)?;
        }
        let x = self.norm.train(x, Tail::RELU)?;
        self.fc.apply(applied::global_avg_pool(x)?)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let keep = keeping(self.keep_last, self.blocks.len());
        let mut x = self.stem.evaluate(x, window(3, 1), Tail::NONE)?;
        for (i, block) in self.blocks.iter().enumerate() {
            let batch = x.shape().0;
            let factors: Factors<E, D> = shake::expected(x.device(), batch, keep(i))?;
            x = block.evaluate(x, &factors)?;
        }
        let x = self.norm.evaluate(x, Tail::RELU)?;
        self.fc.apply(applied::global_avg_pool(x)?)
    }
}

/// How likely each of so many blocks is kept: linearly less from block to block, down to `last`.
fn keeping(last: f64, blocks: usize) -> impl Fn(usize) -> f64 {
    move |i| 1.0 - (i + 1) as f64 / blocks as f64 * (1.0 - last)
}

network! {
    [const DEPTH: usize, const ALPHA: usize, const CLASSES: usize, const BOTTLENECK: bool]
    PyramidNet<DEPTH, ALPHA, CLASSES, BOTTLENECK> => module::PyramidNet<DEPTH, ALPHA, CLASSES, BOTTLENECK, E, D> => CLASSES
}
