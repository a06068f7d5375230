//! The block of a Shake-Shake network.

use dfdx::{nn::tensor_collection::*, prelude::*};

use crate::{
    device::{Factors, Image, LayerTape, Layers, Tail, Window},
    nn::{
        applied,
        computed::{
            At, ConvNorm, Kernel, Norm, Visited, at, convolve, visit_conv_norm, visit_kernel,
            visit_norm, window,
        },
    },
};

/// Two branches of two convolutions, each normalized, with ReLU before them, added up with factors, and the input
/// beside them (Gastaldi 2017, section 2.1).
#[derive(Clone, Debug)]
pub struct ShakeBlock<E: Dtype, D: Storage<E>> {
    /// The two convolutions of each branch.
    pub branches: [[ConvNorm<E, D>; 2]; 2],
    /// What stands beside the branches, where channels change; otherwise the input itself.
    pub shortcut: Option<TwoPaths<E, D>>,
    /// How far the first convolutions move: 1 or 2.
    pub stride: usize,
}

/// The shortcut of two paths of 1 x 1, each to half of the channels, and one normalization of both. With stride 2 the
/// first path takes every second pixel, and the other the pixels one further right and down.
#[derive(Clone, Debug)]
pub struct TwoPaths<E: Dtype, D: Storage<E>> {
    /// The first path.
    pub conv1: Kernel<E, D>,
    /// The one that is shifted by a pixel.
    pub conv2: Kernel<E, D>,
    /// The normalization of all channels.
    pub norm: Norm<E, D>,
}

impl<E: Dtype, D: Device<E>> ShakeBlock<E, D> {
    /// Visits a block from `input` to `output` channels, whose name is `name`.
    pub(super) fn visit<M, V>(
        visitor: &mut V,
        name: &str,
        [input, output]: [usize; 2],
        stride: usize,
        at: At<'_, M, Self>,
    ) -> Visited<ShakeBlock<V::E2, V::D2>, V::Err>
    where
        M: TensorCollection<E, D>,
        V: ModuleVisitor<M, E, D>,
    {
        let mut conv = |branch: usize, i: usize, input| {
            let path = format!("{name}.residual_path{}", branch + 1);
            let (conv, norm) = (
                format!("{path}.conv{}", i + 1),
                format!("{path}.bn{}", i + 1),
            );
            let sizes = [output, input, 3];
            visit_conv_norm(visitor, [&conv, &norm], sizes, at!(at, branches[branch][i]))
        };
        let first = [conv(0, 0, input)?, conv(0, 1, output)?];
        let second = [conv(1, 0, input)?, conv(1, 1, output)?];
        let shortcut = if input == output {
            None
        } else {
            let at: At<'_, M, TwoPaths<E, D>> = At {
                get: &|module| two_paths((at.get)(module).shortcut.as_ref()),
                get_mut: &|module| two_paths((at.get_mut)(module).shortcut.as_mut()),
            };
            let name = format!("{name}.shortcut.downsample");
            Some(TwoPaths::visit(visitor, &name, [input, output], at)?)
        };
        let block = || {
            let ([a, b], [c, d]) = (first, second);
            let shortcut = match shortcut {
                None => None,
                Some(built) => Some(built?),
            };
            Some(ShakeBlock {
                branches: [[a?, b?], [c?, d?]],
                shortcut,
                stride,
            })
        };
        Ok(block())
    }
}

/// The shortcut that a block was built with.
fn two_paths<T>(shortcut: Option<T>) -> T {
    shortcut.expect("a block that changes channels is built with a shortcut")
}

impl<E: Dtype, D: Device<E>> TwoPaths<E, D> {
    fn visit<M, V>(
        visitor: &mut V,
        name: &str,
        [input, output]: [usize; 2],
        at: At<'_, M, Self>,
    ) -> Visited<TwoPaths<V::E2, V::D2>, V::Err>
    where
        M: TensorCollection<E, D>,
        V: ModuleVisitor<M, E, D>,
    {
        let of = |field: &str| format!("{name}.{field}");
        let sizes = [output / 2, input, 1];
        let conv1 = visit_kernel(visitor, &of("conv1.weight"), sizes, at!(at, conv1))?;
        let conv2 = visit_kernel(visitor, &of("conv2.weight"), sizes, at!(at, conv2))?;
        let norm = visit_norm(visitor, &of("bn"), output, at!(at, norm))?;
        let paths = || {
            Some(TwoPaths {
                conv1: conv1?,
                conv2: conv2?,
                norm: norm?,
            })
        };
        Ok(paths())
    }
}

impl<E: Dtype, D: Layers<E>> ShakeBlock<E, D> {
    pub(super) fn train<T: LayerTape<E, D>>(
        &mut self,
        x: Image<E, D, T>,
        factors: &[Factors<E, D>; 2],
    ) -> Result<Image<E, D, T>, D::Err> {
        let (mut sum, x) = (x.with_empty_tape(), x.try_relu()?);
        if let Some(shortcut) = &mut self.shortcut {
            let paths = shortcut.paths(x.with_empty_tape(), self.stride)?;
            sum = shortcut.norm.train(paths, Tail::NONE)?;
        }
        for ([first, second], factors) in self.branches.iter_mut().zip(factors) {
            let y = first.train(x.with_empty_tape(), window(3, self.stride), Tail::RELU)?;
            let y = second.train(y, window(3, 1), Tail::NONE)?;
            sum = D::try_add_scaled(sum, y, factors)?;
        }
        Ok(keeping(x, sum))
    }

    pub(super) fn evaluate<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
        factors: &[Factors<E, D>; 2],
    ) -> Result<Image<E, D, T>, D::Err> {
        let (mut sum, x) = (x.with_empty_tape(), x.try_relu()?);
        if let Some(shortcut) = &self.shortcut {
            let paths = shortcut.paths(x.with_empty_tape(), self.stride)?;
            sum = shortcut.norm.evaluate(paths, Tail::NONE)?;
        }
        for ([first, second], factors) in self.branches.iter().zip(factors) {
            let y = first.evaluate(x.with_empty_tape(), window(3, self.stride), Tail::RELU)?;
            let y = second.evaluate(y, window(3, 1), Tail::NONE)?;
            sum = D::try_add_scaled(sum, y, factors)?;
        }
        applied::without_tensors("ShakeShake", &sum);
        Ok(keeping(x, sum))
    }
}

/// `y`, with what was recorded on the way to `x`.
fn keeping<E: Dtype, D: Device<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    y: Image<E, D, T>,
) -> Image<E, D, T> {
    let (y, its_tape) = y.split_tape();
    y.put_tape(x.split_tape().1.merge(its_tape))
}

impl<E: Dtype, D: Layers<E>> TwoPaths<E, D> {
    /// What the normalization gets.
    fn paths<T: LayerTape<E, D>>(
        &self,
        x: Image<E, D, T>,
        stride: usize,
    ) -> Result<Image<E, D, T>, D::Err> {
        let beside = shifted(x.with_empty_tape(), &self.conv2, stride)?;
        let x = convolve(x, &self.conv1, window(1, stride))?;
        (x, beside).try_concat_along(Axis::<1>)
    }
}

/// The convolution of 1 x 1 of what lies one pixel further right and down; beyond the edge lie zeros. With one pixel
/// of padding the window stands at `stride k - 1`, and it is wanted at `stride i + 1`: from `k = 2 / stride` on.
fn shifted<E: Dtype, D: Layers<E>, T: LayerTape<E, D>>(
    x: Image<E, D, T>,
    weight: &Kernel<E, D>,
    stride: usize,
) -> Result<Image<E, D, T>, D::Err> {
    let (_, _, height, width) = *x.shape();
    let padded = Window {
        padding: 1,
        ..window(1, stride)
    };
    let y = convolve(x, weight, padded)?;
    let (batch, channels, ..) = *y.shape();
    let part = |side: usize| 2 / stride..2 / stride + side.div_ceil(stride);
    y.try_slice((0..batch, 0..channels, part(height), part(width)))
}
