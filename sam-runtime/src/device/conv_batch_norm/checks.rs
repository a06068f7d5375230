//! A convolution and its normalization against the definitions of the two.

use dfdx::{
    shapes::{Dtype, HasShape},
    tensor::NoneTape,
};

use super::{ConvNorm, Convolution, PreactivationBlock, TryConv2DBatchNorm};
use crate::device::{
    Channels, Image, LayerTape, Running, Tail, TryAddScaled, TryConv2D, Window,
    batch_norm::checks::{After, BatchNorm, affine, afters, check_running, naive_moments, running},
    conv::checks::{Conv, conv, misfitting, naive, window},
    layers::checks::{
        Four, Numbers, Operation, assert_close, check, of_result, on_every_device, refused, three,
        values,
    },
};

on_every_device! { convolution_batch_norm, chain, preactivation, misfits }

struct ConvBatchNorm<E: Dtype, D: TryConv2DBatchNorm<E>> {
    conv: Conv<E, D>,
    norm: BatchNorm<Four, E, D>,
}

impl<E: Dtype, D: TryConv2DBatchNorm<E>> Operation<E, D> for ConvBatchNorm<E, D> {
    type In = Four;
    type Out = Four;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let (conv, norm) = (&self.conv, &self.norm);
        let (window, tail) = (conv.window, norm.after.tail());
        let before = running(&norm.affine);
        let (weight, groups, affine) = (&conv.weight, conv.groups, &norm.affine);
        let plain = x.retaped::<NoneTape>();
        let (plain, batch) =
            D::try_conv2d_batch_norm(plain, weight, window, groups, affine, norm.after.tail())?;
        let (y, after) =
            D::try_conv2d_batch_norm_running(x, weight, window, groups, affine, tail, &before)?;
        assert_eq!(values(&y), values(&plain));
        check_running(&before, &after, &batch);
        Ok(y)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        let mut all = self.conv.parameters();
        all.extend(self.norm.parameters());
        all
    }

    fn naive(&self, shape: &Four, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let conv = &self.conv;
        let out = conv.weight.shape().0;
        let (y, size) = naive(x, *shape, &parameters[0], out, conv.window, conv.groups);
        self.norm.naive(&size, &y, &parameters[1..])
    }
}

fn convolution_batch_norm<E: Dtype, D: TryConv2DBatchNorm<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(2));
    let cases = [
        ((2, 3, 5, 4), 4, window(3, 1, 1, 1), 1),
        ((2, 4, 4, 5), 2, window(1, 1, 0, 1), 1),
        ((2, 4, 5, 6), 4, window(3, 2, 1, 1), 2),
        // Results that may lie by pixels.
        ((2, 1, 5, 4), 16, window(3, 1, 1, 1), 1),
        ((2, 2, 7, 18), 16, window(3, 2, 1, 1), 1),
        ((1, 2, 5, 4), 32, window(2, 1, 2, 2), 1),
        ((1, 1, 9, 8), 16, window(2, 3, 0, 2), 1),
        ((2, 3, 3, 3), 16, window(1, 2, 0, 1), 1),
    ];
    for case in cases {
        let (size, out, window, _) = case;
        let (high, wide) = (window.places(size.2), window.places(size.3));
        let shape = (size.0, out, high.unwrap(), wide.unwrap());
        for (label, after) in afters::<_, E, D>(&mut numbers, &dev, shape) {
            let op = ConvBatchNorm {
                conv: conv::<E, D>(&mut numbers, &dev, &case),
                norm: BatchNorm {
                    affine: affine::<E, D>(&mut numbers, &dev, out, 1e-3),
                    after,
                },
            };
            let x = numbers.tensor(&dev, size);
            check(&format!("{case:?}, {label}"), &op, &x);

            let (conv, affine) = (&op.conv, &op.norm.affine);
            let (y, moments) = D::try_conv2d_batch_norm(
                x.clone(),
                &conv.weight,
                window,
                conv.groups,
                affine,
                Tail::NONE,
            )
            .unwrap();
            let weight = values(&conv.weight);
            let between = naive(&values(&x), size, &weight, out, window, conv.groups).0;
            let (mean, variance) = naive_moments(&between, three(y.shape()));
            let close = |what, got: Vec<f64>, want: &[f64]| {
                assert_close(what, &got, want, of_result::<E>());
            };
            close("mean", values(&moments.mean), &mean);
            close("variance", values(&moments.variance), &variance);
            assert_eq!(moments.count, shape.0 * shape.2 * shape.3);
        }
    }
}

/// Several layers, one after the other.
struct Chain<E: Dtype, D: TryConv2DBatchNorm<E>>(Vec<(ConvBatchNorm<E, D>, Running<E, D>)>);

impl<E: Dtype, D: TryConv2DBatchNorm<E>> Chain<E, D> {
    fn layers(&self) -> Vec<ConvNorm<'_, E, D>> {
        let layers = self.0.iter().map(|(layer, running)| ConvNorm {
            weight: &layer.conv.weight,
            window: layer.conv.window,
            groups: layer.conv.groups,
            affine: &layer.norm.affine,
            running,
        });
        layers.collect()
    }
}

impl<E: Dtype, D: TryConv2DBatchNorm<E>> Operation<E, D> for Chain<E, D> {
    type In = Four;
    type Out = Four;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let tail = self.0.last().expect("a layer").0.norm.after.tail();
        Ok(D::try_conv2d_batch_norms(x, &self.layers(), tail)?.0)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        let layers = self.0.iter();
        layers.flat_map(|(layer, _)| layer.parameters()).collect()
    }

    fn naive(&self, shape: &Four, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let (mut shape, mut x, mut parameters) = (*shape, x.to_vec(), parameters);
        for (layer, _) in &self.0 {
            let (own, rest) = parameters.split_at(layer.parameters().len());
            x = layer.naive(&shape, &x, own);
            let (out, window) = (layer.conv.weight.shape().0, layer.conv.window);
            let [high, wide] = [shape.2, shape.3].map(|side| window.places(side).unwrap());
            (shape, parameters) = ((shape.0, out, high, wide), rest);
        }
        x
    }
}

fn chain<E: Dtype, D: TryConv2DBatchNorm<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(5));
    let one = window(1, 1, 0, 1);
    for (size, sizes) in [
        // Channels that fill no block.
        ((2, 2, 5, 4), vec![(3, window(3, 1, 1, 1)), (2, one)]),
        (
            (2, 1, 5, 6),
            vec![(16, window(3, 1, 1, 1)), (16, window(2, 2, 1, 1))],
        ),
        ((1, 2, 3, 4), vec![(16, one), (16, window(3, 1, 1, 1))]),
    ] {
        let (mut shape, mut shapes) = (size, Vec::new());
        for (out, window) in &sizes {
            shapes.push((shape, *out, *window, 1));
            let [high, wide] = [shape.2, shape.3].map(|side| window.places(side).unwrap());
            shape = (shape.0, *out, high, wide);
        }
        // The last one has a residual and ReLU.
        for (label, after) in afters::<_, E, D>(&mut numbers, &dev, shape)
            .into_iter()
            .skip(3)
        {
            let last = shapes.len() - 1;
            let mut after = Some(after);
            let mut layer = |(i, case): (usize, &(Four, usize, Window, usize))| {
                let affine = affine::<E, D>(&mut numbers, &dev, case.1, 1e-3);
                let between = After {
                    residual: None,
                    relu: true,
                };
                let running = running(&affine);
                let layer = ConvBatchNorm {
                    conv: conv::<E, D>(&mut numbers, &dev, case),
                    norm: BatchNorm {
                        affine,
                        after: match i == last {
                            true => after.take().expect("one layer is the last"),
                            false => between,
                        },
                    },
                };
                (layer, running)
            };
            let op = Chain(shapes.iter().enumerate().map(&mut layer).collect());
            let x = numbers.tensor(&dev, size);
            check(&format!("{sizes:?}, {label}"), &op, &x);
        }
    }
}

fn convolution<E: Dtype, D: TryConv2D<E>>(conv: &Conv<E, D>) -> Convolution<'_, E, D> {
    Convolution {
        weight: &conv.weight,
        window: conv.window,
    }
}

/// A residual block that normalizes first.
struct Preactivation<E: Dtype, D: TryConv2DBatchNorm<E>> {
    norm: BatchNorm<Four, E, D>,
    first: ConvBatchNorm<E, D>,
    second: Conv<E, D>,
    shortcut: Option<Conv<E, D>>,
}

impl<E: Dtype, D: TryConv2DBatchNorm<E> + TryAddScaled<E>> Operation<E, D> for Preactivation<E, D> {
    type In = Four;
    type Out = Four;

    fn run<T: LayerTape<E, D>>(&self, x: Image<E, D, T>) -> Result<Image<E, D, T>, D::Err> {
        let running = [&self.norm.affine, &self.first.norm.affine].map(running);
        let block = PreactivationBlock {
            affine: &self.norm.affine,
            running: &running[0],
            first: ConvNorm {
                weight: &self.first.conv.weight,
                window: self.first.conv.window,
                groups: 1,
                affine: &self.first.norm.affine,
                running: &running[1],
            },
            second: convolution(&self.second),
            shortcut: self.shortcut.as_ref().map(convolution),
        };
        Ok(D::try_preactivation_blocks(x, &[block])?.0)
    }

    fn parameters(&self) -> Vec<Channels<E, D>> {
        let mut all = self.norm.parameters();
        all.extend(self.first.parameters());
        all.extend(self.second.parameters());
        all.extend(self.shortcut.iter().flat_map(Operation::parameters));
        all
    }

    fn naive(&self, shape: &Four, x: &[f64], parameters: &[Vec<f64>]) -> Vec<f64> {
        let (norm, parameters) = parameters.split_at(2);
        let (first, weights) = parameters.split_at(3);
        let input = self.norm.naive(shape, x, norm);
        let between = self.first.naive(shape, &input, first);
        let window = self.first.conv.window;
        let places = [shape.2, shape.3].map(|side| window.places(side).unwrap());
        let out = self.second.weight.shape().0;
        let of = (
            shape.0,
            self.first.conv.weight.shape().0,
            places[0],
            places[1],
        );
        let (y, _) = naive(&between, of, &weights[0], out, self.second.window, 1);
        let beside = match &self.shortcut {
            None => x.to_vec(),
            Some(conv) => naive(&input, *shape, &weights[1], out, conv.window, 1).0,
        };
        y.iter().zip(beside).map(|(y, x)| y + x).collect()
    }
}

fn preactivation<E: Dtype, D: TryConv2DBatchNorm<E> + TryAddScaled<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(7));
    let three = |stride| window(3, stride, 1, 1);
    for (size, out, stride, with_shortcut) in [
        // Channels that fill no block; then whole blocks.
        ((2, 2, 5, 4), 2, 1, false),
        ((2, 2, 6, 4), 3, 2, true),
        ((2, 16, 3, 4), 16, 1, false),
        ((1, 16, 4, 6), 16, 2, true),
    ] {
        let [high, wide] = [size.2, size.3].map(|side| three(stride).places(side).unwrap());
        let relu = || After {
            residual: None,
            relu: true,
        };
        let norm = |numbers: &mut Numbers, channels| BatchNorm {
            affine: affine(numbers, &dev, channels, 1e-3),
            after: relu(),
        };
        let op = Preactivation::<E, D> {
            norm: norm(&mut numbers, size.1),
            first: ConvBatchNorm {
                conv: conv(&mut numbers, &dev, &(size, out, three(stride), 1)),
                norm: norm(&mut numbers, out),
            },
            second: conv(
                &mut numbers,
                &dev,
                &((size.0, out, high, wide), out, three(1), 1),
            ),
            shortcut: with_shortcut
                .then(|| conv(&mut numbers, &dev, &(size, out, window(1, stride, 0, 1), 1))),
        };
        let x = numbers.tensor(&dev, size);
        check(&format!("{size:?} to {out}, {stride}"), &op, &x);
    }
}

fn misfits<E: Dtype, D: TryConv2DBatchNorm<E>>() {
    let (dev, mut numbers) = (D::default(), Numbers::new(11));
    for (what, x, weight, window, groups) in misfitting() {
        let x: Image<E, D> = numbers.tensor(&dev, x);
        let weight = numbers.tensor(&dev, weight);
        let affine = affine(&mut numbers, &dev, 2, 1e-5);
        let outcome = D::try_conv2d_batch_norm(x, &weight, window, groups, &affine, Tail::NONE);
        refused(what, outcome);
    }
    let x: Image<E, D> = numbers.tensor(&dev, (2, 4, 5, 5));
    let weight = numbers.tensor(&dev, (2, 4, 3, 3));
    let affine = affine(&mut numbers, &dev, 3, 1e-5);
    let window = Window::new(3);
    let outcome = D::try_conv2d_batch_norm(x, &weight, window, 1, &affine, Tail::NONE);
    refused("scale after a convolution", outcome);
}
