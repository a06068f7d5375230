//! Shake-Shake networks (Gastaldi, [2017](https://arxiv.org/abs/1705.07485)); the block is in `block`.

mod block;

use dfdx::{nn::tensor_collection::*, prelude::*};

use super::{
    applied,
    computed::{ConvNorm, Head, at, visit_conv_norm, visit_head, window},
    network,
    shake::{self, ShakeGradient},
};
use crate::device::{Image, LayerTape, Layers, Rows, Tail};

/// The Shake-Shake networks of Gastaldi ([2017](https://arxiv.org/abs/1705.07485)) for CIFAR, of `DEPTH` = 6 n + 2
/// layers: a convolution to 16 channels, three stages of n blocks with `WIDTH`, twice and four times as many channels,
/// ReLU, global average pooling and a linear layer to `CLASSES`. Each block has two branches, and where the channels
/// change a shortcut of two paths, one of them shifted by a pixel. `WIDTH` is even.
///
/// Takes images of 3 channels, of 32 x 32 in the paper, and gives logits (batch, `CLASSES`).
///
/// While it trains, a block adds `alpha` times its first branch and `1 - alpha` times the second to its input, with
/// `alpha` uniform in [0, 1] for each image; on the way back it is `beta`, drawn apart ("Shake-Shake-Image"). In
/// evaluation both are 0.5. The built network has the field `gradient`; see [`ShakeGradient`].
///
/// Names of tensors are those of a [widespread PyTorch version](https://github.com/hysts/pytorch_shake_shake):
/// `stage1.block1.residual_path2.conv1.weight`, `stage2.block1.shortcut.downsample.conv2.weight`, `fc.weight`; see
/// [`weights`](crate::nn::weights). That version has `WIDTH` channels behind its first convolution; Gastaldi and SAM's
/// authors have 16. The latter put no ReLU before the shortcut. The kernels begin as in He et al. (2015b), by the
/// number of outputs, the bias of the last layer at zero.
///
/// ```
/// use dfdx::prelude::*;
/// use sam_runtime::nn::ShakeShake;
///
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<ShakeShake<14, 8, 10>, f32>();
/// let x: Tensor<Rank4<4, 3, 16, 16>, f32, _> = dev.sample_normal();
/// let logits: Tensor<Rank2<4, 10>, f32, _, _> = net.forward_mut(x.traced(net.alloc_grads()));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShakeShake<const DEPTH: usize, const WIDTH: usize, const CLASSES: usize>;

/// Shake-Shake (26 2x96d): 26.2 million parameters. The one of SAM's experiments.
pub type ShakeShake26x96<const CLASSES: usize> = ShakeShake<26, 96, CLASSES>;

pub(super) mod module {
    use super::*;

    pub use super::block::{ShakeBlock, TwoPaths};

    /// See [`ShakeShake`](super::ShakeShake).
    #[derive(Clone, Debug)]
    pub struct ShakeShake<
        const DEPTH: usize,
        const WIDTH: usize,
        const CLASSES: usize,
        E: Dtype,
        D: Storage<E>,
    > {
        /// The first convolution.
        pub stem: ConvNorm<E, D>,
        /// The blocks of the three stages, one after the other.
        pub blocks: Vec<ShakeBlock<E, D>>,
        /// From features to logits.
        pub fc: Head<CLASSES, E, D>,
        /// What the gradients of the branches are multiplied by.
        pub gradient: ShakeGradient,
    }
}

/// The channels that the first convolution gives.
const FIRST: usize = 16;

/// Blocks of a stage, in a network of `depth` layers, the first of which have `width` channels.
const fn blocks(depth: usize, width: usize) -> usize {
    assert!(
        depth > 2 && (depth - 2).is_multiple_of(6),
        "the depth of a Shake-Shake network is 6 n + 2"
    );
    assert!(
        width > 0 && width.is_multiple_of(2),
        "each of two paths has half of a Shake-Shake network's channels"
    );
    (depth - 2) / 6
}

impl<const DEPTH: usize, const WIDTH: usize, const CLASSES: usize, E: Dtype, D: Layers<E>>
    BuildOnDevice<D, E> for ShakeShake<DEPTH, WIDTH, CLASSES>
{
    type Built = module::ShakeShake<DEPTH, WIDTH, CLASSES, E, D>;
}

impl<const DEPTH: usize, const WIDTH: usize, const CLASSES: usize, E: Dtype, D: Device<E>>
    TensorCollection<E, D> for module::ShakeShake<DEPTH, WIDTH, CLASSES, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = module::ShakeShake<DEPTH, WIDTH, CLASSES, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let in_stage = const { blocks(DEPTH, WIDTH) };
        let stem = visit_conv_norm(visitor, ["conv", "bn"], [FIRST, 3, 3], at!(stem))?;
        let (mut built, mut channels) = (Some(Vec::new()), FIRST);
        for n in 0..3 * in_stage {
            let (stage, i) = (n / in_stage, n % in_stage);
            let output = WIDTH << stage;
            let stride = if stage > 0 && i == 0 { 2 } else { 1 };
            let name = format!("stage{}.block{}", stage + 1, i + 1);
            let sizes = [channels, output];
            let block = module::ShakeBlock::visit(visitor, &name, sizes, stride, at!(blocks[n]))?;
            built = built.zip(block).map(|(mut built, block)| {
                built.push(block);
                built
            });
            channels = output;
        }
        let fc = visit_head(visitor, "fc", channels, at!(fc))?;
        let net = || {
            Some(module::ShakeShake {
                stem: stem?,
                blocks: built?,
                fc: fc?,
                gradient: ShakeGradient::default(),
            })
        };
        Ok(net())
    }
}

impl<const DEPTH: usize, const WIDTH: usize, const CLASSES: usize, E: Dtype, D: Layers<E>>
    module::ShakeShake<DEPTH, WIDTH, CLASSES, E, D>
{
    fn train<T: LayerTape<E, D>>(&mut self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let mut x = self.stem.train(x, window(3, 1), Tail::NONE)?;
        for block in &mut self.blocks {
            let factors = shake::shake_shake(x.device(), x.shape().0, self.gradient)?;
            x = block.train(x, &factors)?;
        }
        self.fc.apply(applied::global_avg_pool(x.try_relu()?)?)
    }

    fn evaluate<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Rows<E, D, T>, D::Err> {
        let mut x = self.stem.evaluate(x, window(3, 1), Tail::NONE)?;
        let half = shake::expected(x.device(), x.shape().0, 0.5)?;
        let factors = [half.clone(), half];
        for block in &self.blocks {
            x = block.evaluate(x, &factors)?;
        }
        self.fc.apply(applied::global_avg_pool(x.try_relu()?)?)
    }
}

network! {
    [const DEPTH: usize, const WIDTH: usize, const CLASSES: usize]
    ShakeShake<DEPTH, WIDTH, CLASSES> => module::ShakeShake<DEPTH, WIDTH, CLASSES, E, D> => CLASSES
}
