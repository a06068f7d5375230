//! Several layers at once on host memory are the same layers one after the other, to the last bit.

use dfdx::prelude::*;

use super::{
    AdvancedAll, ConvNorm, Convolution, PreactivationBlock, ResidualBlock, Skip,
    TryConv2DBatchNorm, block_by_block, one_after_the_other, preactivation_by_block,
};
use crate::device::{
    Affine, Image, Running, Tail, Window,
    batch_norm::checks::{affine, running},
    cpu::order::{Order, in_order},
    layers::checks::Numbers,
};

const WINDOW: Window = Window {
    size: 3,
    stride: 1,
    padding: 1,
    dilation: 1,
};
const HALVING: Window = Window {
    stride: 2,
    ..WINDOW
};

type Traced = Image<f32, Cpu, OwnedTape<f32, Cpu>>;

type Layer = (Image<f32, Cpu>, Window, Affine<f32, Cpu>, Running<f32, Cpu>);

/// Layers with random parameters.
struct Parameters(Vec<Layer>);

impl Parameters {
    /// By the numbers of channels, in and out, and the windows.
    fn new(dev: &Cpu, numbers: &mut Numbers, layers: &[(usize, usize, Window)]) -> Self {
        let layer = |&(inputs, outputs, window): &_| {
            let affine = affine(numbers, dev, outputs, 1e-5);
            let running = running(&affine);
            let weight = numbers.tensor(dev, (outputs, inputs, 3, 3));
            (weight, window, affine, running)
        };
        Self(layers.iter().map(layer).collect())
    }

    fn layers(&self) -> Vec<ConvNorm<'_, f32, Cpu>> {
        let mut layers = Vec::new();
        for (weight, window, affine, running) in &self.0 {
            layers.push(ConvNorm {
                weight,
                window: *window,
                groups: 1,
                affine,
                running,
            });
        }
        layers
    }

    /// [`computed`], with the gradients of these parameters.
    fn computed(
        &self,
        f: impl FnOnce() -> AdvancedAll<Traced, f32, Cpu>,
        r: &Image<f32, Cpu>,
        of: &[&Image<f32, Cpu>],
    ) -> Vec<Vec<f32>> {
        let weights = self.0.iter().map(|(weight, ..)| weight);
        let of: Vec<_> = of.iter().copied().chain(weights).collect();
        let affines: Vec<_> = self.0.iter().map(|(_, _, affine, _)| affine).collect();
        computed(f, r, &of, &affines)
    }
}

/// The output of `f`, the gradients of what it is made of, where that of the output is `r`, and the statistics.
fn computed(
    f: impl FnOnce() -> AdvancedAll<Traced, f32, Cpu>,
    r: &Image<f32, Cpu>,
    of: &[&Image<f32, Cpu>],
    affines: &[&Affine<f32, Cpu>],
) -> Vec<Vec<f32>> {
    let (y, running) = f().unwrap();
    let mut all = vec![y.as_vec()];
    let gradients = (y * r.clone()).sum::<Rank0, _>().backward();
    all.extend(of.iter().map(|x| gradients.get(*x).as_vec()));
    for affine in affines {
        all.push(gradients.get(&affine.scale).as_vec());
        all.push(gradients.get(&affine.bias).as_vec());
    }
    for running in running {
        all.extend([running.mean.as_vec(), running.variance.as_vec()]);
    }
    all
}

fn assert_same(one: &[Vec<f32>], other: &[Vec<f32>]) {
    assert_eq!(one.len(), other.len());
    for (i, (a, b)) in one.iter().zip(other).enumerate() {
        let same = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b);
        assert!(same, "number {i} differs");
    }
}

#[test]
fn a_chain_is_its_layers_one_after_the_other() {
    let (dev, mut numbers) = (Cpu::default(), Numbers::new(1));
    let x: Image<f32, Cpu> = numbers.tensor(&dev, (5, 16, 8, 12));
    let [beside, r] = [(); 2].map(|()| numbers.tensor(&dev, (5, 32, 4, 6)));
    let sizes = [(16, 16, WINDOW), (16, 32, HALVING), (32, 32, WINDOW)];
    let parameters = Parameters::new(&dev, &mut numbers, &sizes);
    let tail = || Tail {
        residual: Some(beside.leaky_trace()),
        relu: true,
    };
    let layers = parameters.layers();
    let of = [&x, &beside];
    let together = || Cpu::try_conv2d_batch_norms(x.leaky_trace(), &layers, tail());
    let apart = || one_after_the_other(x.leaky_trace(), &layers, tail());
    let [together, apart] = [
        parameters.computed(together, &r, &of),
        parameters.computed(apart, &r, &of),
    ];
    assert_same(&together, &apart);
}

fn block<'a>(layers: &[ConvNorm<'a, f32, Cpu>], skip: Skip) -> ResidualBlock<'a, f32, Cpu> {
    ResidualBlock {
        layers: layers.to_vec(),
        skip,
    }
}

#[test]
fn residual_blocks_are_one_after_the_other() {
    let (dev, mut numbers) = (Cpu::default(), Numbers::new(2));
    let x: Image<f32, Cpu> = numbers.tensor(&dev, (3, 16, 8, 12));
    let [later, r] = [(); 2].map(|()| numbers.tensor(&dev, (3, 32, 4, 6)));
    let sizes = [
        (16, 16, WINDOW),
        (16, 16, WINDOW),
        (16, 32, HALVING),
        (32, 32, WINDOW),
        (32, 32, WINDOW),
    ];
    let parameters = Parameters::new(&dev, &mut numbers, &sizes);
    let layers = parameters.layers();
    let halving = Skip::Subsample {
        stride: 2,
        before: 8,
    };
    let blocks = [
        block(&layers[..2], Skip::Identity),
        block(&layers[2..4], halving),
        block(&layers[4..], Skip::Identity),
    ];
    for blocks in [&blocks[..], &blocks[1..], &blocks[2..]] {
        let channels = blocks[0].layers[0].weight.shape().1;
        let x = if channels == 16 { &x } else { &later };
        let used = blocks.iter().map(|block| block.layers.len()).sum::<usize>();
        let parameters = Parameters(parameters.0[5 - used..].to_vec());
        let together = || Cpu::try_residual_blocks(x.leaky_trace(), blocks);
        let apart = || block_by_block(x.leaky_trace(), blocks);
        let [together, apart] = [
            parameters.computed(together, &r, &[x]),
            parameters.computed(apart, &r, &[x]),
        ];
        assert_same(&together, &apart);
    }
}

#[test]
fn preactivation_blocks_are_one_after_the_other() {
    let (dev, mut numbers) = (Cpu::default(), Numbers::new(3));
    let x: Image<f32, Cpu> = numbers.tensor(&dev, (3, 16, 8, 12));
    // As it lies behind a convolution: by planes, moments would be added up in another order.
    let x = in_order(x, Order::Pixels).unwrap();
    let r = numbers.tensor(&dev, (3, 32, 4, 6));
    let firsts = [(16, 16, WINDOW), (16, 32, HALVING), (32, 32, WINDOW)];
    let parameters = Parameters::new(&dev, &mut numbers, &firsts);
    let norms = firsts.map(|(inputs, ..)| affine::<f32, _>(&mut numbers, &dev, inputs, 1e-5));
    let statistics = norms.each_ref().map(running);
    let seconds = firsts.map(|(_, out, _)| numbers.tensor(&dev, (out, out, 3, 3)));
    let shortcut = numbers.tensor(&dev, (32, 16, 1, 1));
    let mut blocks = Vec::new();
    for (i, first) in parameters.layers().into_iter().enumerate() {
        let halving = Window {
            size: 1,
            padding: 0,
            ..HALVING
        };
        blocks.push(PreactivationBlock {
            affine: &norms[i],
            running: &statistics[i],
            first,
            second: Convolution {
                weight: &seconds[i],
                window: WINDOW,
            },
            shortcut: (i == 1).then_some(Convolution {
                weight: &shortcut,
                window: halving,
            }),
        });
    }
    let mut of = vec![&x, &shortcut];
    of.extend(&seconds);
    of.extend(parameters.0.iter().map(|(weight, ..)| weight));
    let mut affines: Vec<_> = norms.iter().collect();
    affines.extend(parameters.0.iter().map(|(_, _, affine, _)| affine));
    let together = || Cpu::try_preactivation_blocks(x.leaky_trace(), &blocks);
    let apart = || preactivation_by_block(x.leaky_trace(), &blocks);
    let [together, apart] = [
        computed(together, &r, &of, &affines),
        computed(apart, &r, &of, &affines),
    ];
    assert_same(&together, &apart);
}
