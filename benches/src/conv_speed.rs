//! Convolutions of 3 x 3 by the ways there are: directly, and Winograd's.
//!
//! `conv-speed [ROUNDS] [SHAPE..]`, where SHAPE is a part of a row's name. For each shape, with one thread and with two:
//! milliseconds forwards, to the weight's gradient alone, and to both gradients, and what that is of the direct way's:
//! the fastest of rounds in which the ways take turns, since kernels of some milliseconds are only ever slower by what
//! else the machine does. GFLOP/s are those of the direct way's multiplications and additions, whichever way was taken,
//! to be seen beside what the machine multiplies.

use std::{env, time::Instant};

use anyhow::Result;
use dfdx::{prelude::*, tensor::Gradients};
use rayon::ThreadPoolBuilder;
use sam_benches::floor;
use sam_runtime::device::{Image, TryConv2D, Way, Ways, Window, keep_freed_memory, with_ways};

const BATCH: usize = 128;
/// Input channels, output channels, height and width.
const SHAPES: &[(usize, usize, usize)] = &[
    (16, 16, 32),
    (32, 32, 16),
    (64, 64, 8),
    (64, 64, 32),
    (128, 128, 16),
    (256, 256, 8),
    (1, 16, 28),
    (3, 16, 32),
    (16, 32, 14),
    (64, 64, 6),
];
const WAYS: [Way; 3] = [Way::Direct, Way::F2, Way::F4];
const WINDOW: Window = Window {
    size: 3,
    stride: 1,
    padding: 1,
    dilation: 1,
};

/// One convolution, and the gradient of its output.
struct Work {
    x: Image<f32, Cpu>,
    weight: Image<f32, Cpu>,
    gradient: Vec<f32>,
}

impl Work {
    fn new((inputs, outputs, side): (usize, usize, usize)) -> Self {
        let dev = Cpu::seed_from_u64(0);
        let gradient: Image<f32, Cpu> = dev.sample_normal_like(&(BATCH, outputs, side, side));
        // Between layers, images of whole vectors of channels lie pixel by pixel.
        let x: Image<f32, Cpu> = match inputs % 16 {
            0 => dev
                .sample_normal_like(&(BATCH, side, side, inputs))
                .permute::<_, Axes4<0, 3, 1, 2>>(),
            _ => dev.sample_normal_like(&(BATCH, inputs, side, side)),
        };
        Self {
            x,
            weight: dev.sample_normal_like(&(outputs, inputs, 3, 3)),
            gradient: gradient.as_vec(),
        }
    }

    /// Milliseconds forwards, to the weight's gradient, and to both gradients.
    fn times(&mut self, way: Way) -> [f64; 3] {
        let ways = Ways {
            forward: way,
            backward: way,
        };
        let (forward, weight) = self.pass(ways, false);
        let (_, both) = self.pass(ways, true);
        [forward, weight, both]
    }

    /// Milliseconds forwards and back, with the input's gradient or without it.
    fn pass(&mut self, ways: Ways, input: bool) -> (f64, f64) {
        let mut gradients = Gradients::leaky();
        if !input {
            // A model's gradients, to which `x` is an input.
            gradients.try_alloc_for(&self.weight).expect("host memory");
        }
        let milliseconds = |start: Instant| start.elapsed().as_secs_f64() * 1e3;
        let start = Instant::now();
        let y = with_ways(ways, || {
            Cpu::try_conv2d(self.x.trace(gradients), &self.weight, WINDOW, 1)
        });
        let y = y.expect("the sizes fit");
        let forward = milliseconds(start);
        let (y, mut tape) = y.split_tape();
        let ghost = y.clone();
        let mut given = std::mem::take(&mut self.gradient);
        let (start_back, begun) = std::sync::mpsc::channel();
        tape.add_backward_op(move |gradients| {
            std::mem::swap(&mut **gradients.get_or_alloc_mut(&ghost)?, &mut given);
            start_back.send(Instant::now()).expect("it is waited for");
            Ok(())
        });
        let loss: Tensor<Rank0, f32, Cpu> = y.device().zeros();
        let mut gradients = loss.put_tape(tape).backward();
        let back = milliseconds(begun.recv().expect("it was begun"));
        let given = gradients.get_or_alloc_mut(&y).expect("host memory");
        self.gradient = std::mem::take(&mut **given);
        (forward, back)
    }
}

/// GFLOP/s that one thread multiplies and adds.
fn peak() -> f64 {
    floor::peak(1) / 1e9
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

fn main() -> Result<()> {
    keep_freed_memory();
    let mut args = env::args().skip(1);
    let rounds: usize = args.next().map_or(Ok(11), |rounds| rounds.parse())?;
    let asked: Vec<String> = args.collect();
    println!("one thread multiplies {:.0} GFLOP/s\n", peak());
    println!("| | threads | way | forwards, ms | weight's gradient | both | of direct | GFLOP/s |");
    println!("|---|---|---|---|---|---|---|---|");
    for shape in SHAPES {
        let &(inputs, outputs, side) = shape;
        let name = format!("{inputs} to {outputs}, {side} x {side}");
        if !asked.is_empty() && !asked.iter().any(|asked| name.contains(asked.as_str())) {
            continue;
        }
        let mut work = Work::new(*shape);
        let flop = 18e-6 * (BATCH * inputs * outputs * side * side) as f64;
        for threads in [1, 2] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
            let mut times: [[Vec<f64>; 3]; WAYS.len()] = Default::default();
            for round in 0..=rounds {
                for (way, times) in WAYS.into_iter().zip(&mut times) {
                    let measured = pool.install(|| work.times(way));
                    if round > 0 {
                        times.iter_mut().zip(measured).for_each(|(t, m)| t.push(m));
                    }
                }
            }
            let fastest = times
                .each_ref()
                .map(|times| times.each_ref().map(|t| least(t)));
            for (way, [a, b, c]) in WAYS.into_iter().zip(fastest) {
                let [x, y, z] = fastest[0];
                println!(
                    "| {name} | {threads} | {way:?} | {a:.2} | {b:.2} | {c:.2} | {:.2}, {:.2}, {:.2} | {:.0}, {:.0}, {:.0} |",
                    a / x,
                    b / y,
                    c / z,
                    flop / a,
                    flop / b,
                    2.0 * flop / c,
                );
            }
        }
    }
    println!("\none thread multiplies {:.0} GFLOP/s", peak());
    Ok(())
}
