//! The least time that a step can take: its products at the machine's peak, and its bytes at the machine's bandwidth, both
//! measured on [`THREADS`] threads.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use pulp::{Arch, Simd, WithSimd};

use crate::worker::THREADS;

/// What a step must do, counted from the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Multiplications, each with an addition, of the forward pass.
    pub forward: f64,
    /// Those of the first layer, whose input has no gradient.
    pub first: f64,
    /// Numbers that are trained.
    pub parameters: f64,
    /// Numbers that convolutions and linear layers give.
    pub activations: f64,
    /// Numbers of the batch.
    pub inputs: f64,
}

impl Work {
    /// As a line, for [`from_line`](Self::from_line).
    pub fn line(&self) -> String {
        let Self {
            forward,
            first,
            parameters,
            activations,
            inputs,
        } = self;
        format!("{forward} {first} {parameters} {activations} {inputs}")
    }

    /// What [`line`](Self::line) gave.
    ///
    /// # Errors
    /// For any other text.
    pub fn from_line(line: &str) -> Result<Self> {
        let numbers = line.split_whitespace().map(str::parse);
        let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
        let [forward, first, parameters, activations, inputs] = numbers[..] else {
            bail!("{line:?} is not what a step must do");
        };
        Ok(Self {
            forward,
            first,
            parameters,
            activations,
            inputs,
        })
    }

    /// Floating-point operations of a forward and a backward pass: the backward pass multiplies twice as often, but for
    /// the first layer.
    pub fn operations(&self) -> f64 {
        2.0 * (3.0 * self.forward - self.first)
    }

    /// Bytes of a forward and a backward pass: weights are read by each, gradients written; activations written and
    /// read once, and the batch read twice.
    fn pass_bytes(&self) -> f64 {
        4.0 * (3.0 * self.parameters + 2.0 * self.activations + 2.0 * self.inputs)
    }

    /// Bytes of a base step: a pass, and the update, which reads weights and gradients and writes weights.
    pub fn base_bytes(&self) -> f64 {
        self.pass_bytes() + 4.0 * 3.0 * self.parameters
    }

    /// Bytes of a SAM step: two passes, the gradients' norm, the perturbation, and the update.
    pub fn sam_bytes(&self) -> f64 {
        2.0 * self.pass_bytes() + 4.0 * 7.0 * self.parameters
    }
}

/// Sums of a loop that does nothing but multiply and add: enough of them for units that take a while and are several.
const SUMS: usize = 20;

/// Multiplies and adds so many times; gives the numbers of operations.
struct Multiply(usize);

impl WithSimd for Multiply {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let factor = simd.splat_f32s(black_box(0.5));
        let mut sums = [simd.splat_f32s(black_box(1.0)); SUMS];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, factor, factor);
            }
        }
        let total = sums
            .into_iter()
            .reduce(|a, b| simd.add_f32s(a, b))
            .map(|sum| simd.reduce_sum_f32s(sum));
        black_box(total);
        let lanes = size_of::<S::f32s>() / size_of::<f32>();
        (2 * self.0 * SUMS * lanes) as f64
    }
}

/// The best of some tries of `run` on all threads at once: what each gave, all together, per second. The first ones
/// wake the cores up.
fn best(mut run: impl FnMut() -> f64) -> f64 {
    let end = Instant::now() + Duration::from_millis(400);
    let mut best = 0_f64;
    while Instant::now() < end {
        let start = Instant::now();
        let amount = run();
        best = best.max(amount / start.elapsed().as_secs_f64());
    }
    best
}

/// Floating-point operations per second, in f32, on so many threads at once.
pub fn peak(threads: usize) -> f64 {
    let multiply = || Arch::new().dispatch(Multiply(1_000_000));
    best(|| {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(multiply)).collect();
            let amounts = threads.into_iter().map(|thread| thread.join());
            amounts.map(|amount| amount.unwrap_or(0.0)).sum()
        })
    })
}

/// Bytes per second of a loop over as many `bytes`, twice as many read as written. Where they fit into a cache, it is that
/// cache's, as it is for a step.
pub fn bandwidth(bytes: f64) -> f64 {
    // Long enough for the threads' start not to count.
    const AT_ONCE: f64 = 5e8;
    let len = ((bytes / (3.0 * 4.0)) as usize).next_multiple_of(THREADS);
    let repeats = (AT_ONCE / bytes).ceil() as usize;
    let mut results = vec![0_f32; len];
    let (left, right) = (vec![1_f32; len], vec![2_f32; len]);
    let part = len / THREADS;
    best(|| {
        thread::scope(|scope| {
            for (results, (left, right)) in results
                .chunks_mut(part)
                .zip(left.chunks(part).zip(right.chunks(part)))
            {
                scope.spawn(move || {
                    for _ in 0..repeats {
                        Arch::new().dispatch(|| {
                            for (result, (left, right)) in
                                results.iter_mut().zip(left.iter().zip(right))
                            {
                                *result = left + 0.5 * right;
                            }
                        });
                        black_box(&mut *results);
                    }
                });
            }
        });
        (3 * size_of::<f32>() * len * repeats) as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mlp_by_hand() {
        let mlp = Work {
            forward: 128.0 * (784.0 * 512.0 + 512.0 * 512.0 + 512.0 * 10.0),
            first: 128.0 * 784.0 * 512.0,
            parameters: 669_706.0,
            activations: 128.0 * 1034.0,
            inputs: 128.0 * 784.0,
        };
        // Three products for each layer but the first, which has two.
        let products = 2 * 784 * 512 + 3 * 512 * 512 + 3 * 512 * 10;
        assert_eq!(mlp.operations(), f64::from(2 * 128 * products));
        let passes = 128 * (1034 + 784) * 2;
        assert_eq!(mlp.base_bytes(), f64::from(4 * (6 * 669_706 + passes)));
        assert_eq!(mlp.sam_bytes(), f64::from(4 * (13 * 669_706 + 2 * passes)));
        assert_eq!(Work::from_line(&mlp.line()).unwrap(), mlp);
    }

    #[test]
    fn the_machine_is_measured() {
        assert!(peak(THREADS) > 1e8);
        assert!(bandwidth(1e6) > 1e7);
    }
}
