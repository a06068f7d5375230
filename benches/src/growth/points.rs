//! What is measured: networks and batches of growing sizes.

use dfdx::{nn::builders::Repeated, prelude::*};
use sam_benches::networks::{CLASSES, Input, Mlp, Network, Training, batch};
use sam_runtime::{
    Sam,
    nn::{Built, Linear, LinearReLU, ResNet20, ResNet32, ResNet44, ResNet56},
    step::{Batch, SplitBatch},
};

/// A step of one size.
pub(crate) struct Point {
    /// As tables have it.
    pub(crate) size: usize,
    /// What it should grow with, in proportion.
    pub(crate) work: f64,
    /// A SAM step.
    pub(crate) step: Box<dyn FnMut()>,
}

/// Steps of growing size.
pub(crate) struct Series {
    /// In the plot.
    pub(crate) name: &'static str,
    /// In the table.
    pub(crate) title: &'static str,
    /// Makes one of the points; networks take memory.
    points: Vec<fn() -> Point>,
}

impl Series {
    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    pub(crate) fn point(&self, at: usize) -> Option<Point> {
        self.points.get(at).map(|point| point())
    }
}

/// 784-W-W-10.
type Wide<const W: usize> = (LinearReLU<784, W>, LinearReLU<W, W>, Linear<W, CLASSES>);
/// 784-256-...-256-10 with so many layers from 256 to 256.
type Deep<const LAYERS: usize> = (
    LinearReLU<784, 256>,
    Repeated<LinearReLU<256, 256>, LAYERS>,
    Linear<256, CLASSES>,
);

/// Samples of a step, where they don't grow.
const B: usize = 128;
/// The same of a residual network.
const IMAGES: usize = 32;

/// What grows.
enum By {
    Batch,
    /// Width or depth, which the size says.
    Network(usize),
}

fn whole<N, S, const B: usize>(by: By) -> Point
where
    N: BuildOnDevice<Cpu, f32>,
    N::Built: Network<S, B, Cpu> + 'static,
    S: ConstShape,
{
    let dev = Cpu::seed_from_u64(0);
    let (x, y) = batch::<S, B, _>(&dev);
    let mut training = Training::new(dev.build_module::<N, f32>());
    let parameters = training.model.num_trainable_params();
    let (size, work) = match by {
        By::Batch => (B, B),
        By::Network(size) => (size, parameters),
    };
    Point {
        size,
        work: work as f64,
        step: Box::new(move || training.sam(x.clone(), y.clone())),
    }
}

/// The MLP with a perturbation for every `M` samples.
fn chunked<const M: usize>() -> Point
where
    Input<Rank2<B, 784>, Cpu>: Batch<M> + SplitBatch<M, Chunk = Input<Rank2<M, 784>, Cpu>>,
    Input<Rank2<B, CLASSES>, Cpu>: SplitBatch<M, Chunk = Input<Rank2<M, CLASSES>, Cpu>>,
{
    let dev = Cpu::seed_from_u64(0);
    let (x, y) = batch::<Rank2<B, 784>, B, _>(&dev);
    let mut training = Training::new(dev.build_module::<Mlp, f32>());
    let sam = Sam::new(0.05).chunked::<M>();
    let step = move || {
        training.step(|model: &mut Built<Mlp>, grads| {
            sam.step(
                model,
                (x.clone(), y.clone()),
                grads,
                |model, (x, y): (Input<Rank2<M, 784>, Cpu>, _), grads| {
                    cross_entropy_with_logits_loss(model.forward_mut(x.traced(grads)), y)
                },
            )
            .expect("a batch of finite numbers")
        });
    };
    Point {
        size: M,
        work: (B / M) as f64,
        step: Box::new(step),
    }
}

/// All of them.
pub(crate) fn series() -> Vec<Series> {
    macro_rules! points {
        (batch $($b:literal)*) => {
            vec![$(|| whole::<Mlp, Rank2<$b, 784>, $b>(By::Batch)),*]
        };
        (width $($w:literal)*) => {
            vec![$(|| whole::<Wide<$w>, Rank2<B, 784>, B>(By::Network($w))),*]
        };
        (depth $($layers:literal)*) => {
            vec![$(|| whole::<Deep<$layers>, Rank2<B, 784>, B>(By::Network($layers))),*]
        };
        (resnet $($net:ident $depth:literal)*) => {
            vec![$(|| {
                whole::<$net<CLASSES>, Rank4<IMAGES, 3, 32, 32>, IMAGES>(By::Network($depth))
            }),*]
        };
        (m $($m:literal)*) => { vec![$(|| chunked::<$m>()),*] };
    }
    vec![
        Series {
            name: "batch",
            title: "batch, MLP 784-512-512-10",
            points: points!(batch 64 128 256 512 1024),
        },
        Series {
            name: "width",
            title: "width, MLP 784-W-W-10",
            points: points!(width 256 512 1024 2048),
        },
        Series {
            name: "depth",
            title: "layers of 256 x 256, MLP",
            points: points!(depth 4 8 16 32),
        },
        Series {
            name: "depth, ResNet",
            title: "layers, ResNet, 32 x 32, batch 32",
            points: points!(resnet ResNet20 20 ResNet32 32 ResNet44 44 ResNet56 56),
        },
        Series {
            name: "chunks",
            title: "`m`, MLP 784-512-512-10",
            points: points!(m 128 64 32 16 8),
        },
    ]
}
