//! Kernels on host memory. Sums run in f64, whatever the element type.

use dfdx::{
    shapes::Dtype,
    tensor::{Cpu, CpuError, Storage},
};

use rayon::prelude::*;

use super::simd::vectorized;
use crate::device::{Buffers, DualNorm, Kernels, Norm, Notes, PassNumber, dual::Place};

pub(in crate::device) struct CpuKernels;

/// Independent partial sums: one long chain of additions would keep the processor from using its
/// vector units, and would round worse.
const LANES: usize = 16;

/// Elements of a block, of which several threads work on several. Sums are put together block by
/// block, so that they are the same on any number of threads.
const BLOCK: usize = 1 << 15;

fn sum_map<E: Copy + Sync>(values: &[E], map: impl Fn(E) -> f64 + Sync) -> f64 {
    if values.len() <= BLOCK {
        return sum_block(values, &map);
    }
    let sums: Vec<f64> = values
        .par_chunks(BLOCK)
        .map(|block| sum_block(block, &map))
        .collect();
    sums.iter().sum()
}

fn sum_block<E: Copy>(values: &[E], map: &impl Fn(E) -> f64) -> f64 {
    vectorized(
        #[inline(always)]
        || sum_lanes(values, map),
    )
}

#[inline(always)]
fn sum_lanes<E: Copy>(values: &[E], map: impl Fn(E) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let mut blocks = values.chunks_exact(LANES);
    for block in &mut blocks {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane += map(value);
        }
    }
    let rest: f64 = blocks.remainder().iter().map(|&value| map(value)).sum();
    lanes.iter().sum::<f64>() + rest
}

/// `max |g|`, or NaN if there is one.
fn max_abs<E: Dtype>(values: &[E]) -> f64 {
    values.iter().fold(0.0, |max, &value| {
        let a = wide(value).abs();
        if a > max || a.is_nan() { a } else { max }
    })
}

#[inline(always)]
fn wide<E: Dtype>(value: E) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}

#[inline(always)]
fn narrow<E: Dtype>(value: f64) -> E {
    E::from_f64(value).unwrap_or_default()
}

/// Sums below this may have lost small terms to underflow, so the gradient is scaled first.
const SAFE_SUM: f64 = 1e-200;

impl<E: Dtype> Kernels<E, Cpu> for CpuKernels {
    fn dual_norm(
        &self,
        gradients: &mut dyn Buffers<Vector<E>, CpuError>,
        norm: Norm,
        _: Option<(&Notes, PassNumber)>,
    ) -> Result<DualNorm, CpuError> {
        let mut total = |map: &dyn Fn(&[E]) -> f64| {
            let mut sum = 0.0;
            gradients.for_each(&mut |g| {
                sum += map(g);
                Ok(())
            })?;
            Ok(sum)
        };
        let q = norm.dual();
        // Unscaled, q = 1 and q = 2 are one quick pass; f32 can't overflow an f64 sum of squares.
        if q <= 2.0 {
            let sum = match q {
                1.0 => total(&|g| sum_map(g, |x| wide(x).abs()))?,
                2.0 => total(&|g| sum_map(g, |x| wide(x) * wide(x)))?,
                _ => total(&|g| sum_map(g, |x| wide(x).abs().powf(q)))?,
            };
            if sum.is_finite() && sum > SAFE_SUM {
                return Ok(DualNorm::on_host(norm, 1.0, sum));
            }
        }
        let mut max = 0.0_f64;
        gradients.for_each(&mut |g| {
            let m = max_abs(g);
            if m > max || m.is_nan() {
                max = m;
            }
            Ok(())
        })?;
        if q.is_infinite() || max == 0.0 || !max.is_finite() {
            return Ok(DualNorm::on_host(norm, max, 1.0));
        }
        let mut sum = 0.0;
        gradients.for_each(&mut |g| {
            sum += sum_map(g, |x| (wide(x).abs() / max).powf(q));
            Ok(())
        })?;
        Ok(DualNorm::on_host(norm, max, sum))
    }

    fn ascend(
        &self,
        gradients: &mut dyn Buffers<Vector<E>, CpuError>,
        dual: &DualNorm,
        rho: f64,
    ) -> Result<(), CpuError> {
        let q = dual.norm.dual();
        let Place::Host { scale, sum } = dual.place else {
            unreachable!("a norm that was taken on the host")
        };
        if dual.value() == 0.0 {
            return gradients.for_each(&mut |g| {
                g.fill(E::default());
                Ok(())
            });
        }
        if q.is_infinite() {
            return ascend_one(gradients, scale, rho);
        }
        let factor = rho / sum.powf(1.0 / dual.norm.p());
        gradients.for_each(&mut |g| {
            match q {
                1.0 => map(g, |x| if x == 0.0 { 0.0 } else { rho.copysign(x) }),
                2.0 if scale == 1.0 => map(g, |x| factor * x),
                // Not `factor / scale`, which overflows where the gradient is subnormal.
                2.0 => map(g, |x| factor * (x / scale)),
                _ => map(g, |x| factor * (x.abs() / scale).powf(q - 1.0).copysign(x)),
            }
            Ok(())
        })
    }

    fn add_scaled(
        &self,
        into: &mut Vector<E>,
        from: &Vector<E>,
        weight: f64,
    ) -> Result<(), CpuError> {
        let weight: E = narrow(weight);
        into.par_chunks_mut(BLOCK)
            .zip(from.par_chunks(BLOCK))
            .for_each(|(into, from)| {
                for (a, &b) in into.iter_mut().zip(from) {
                    *a += weight * b;
                }
            });
        Ok(())
    }

    fn shrink(
        &self,
        gradients: &mut dyn Buffers<Vector<E>, CpuError>,
        bound: f64,
    ) -> Result<(), CpuError> {
        let norm = self.dual_norm(gradients, Norm::L2, None)?.value();
        if norm.is_finite() && norm > bound {
            gradients.for_each(&mut |g| {
                map(g, |x| bound / norm * x);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn clamp(
        &self,
        gradients: &mut dyn Buffers<Vector<E>, CpuError>,
        bound: f64,
    ) -> Result<(), CpuError> {
        gradients.for_each(&mut |g| {
            map(g, |x| x.clamp(-bound, bound));
            Ok(())
        })
    }

    fn copy(&self, into: &mut Vector<E>, from: &Vector<E>) -> Result<(), CpuError> {
        into.copy_from_slice(from);
        Ok(())
    }

    fn host<'a>(&self, buffer: &'a Vector<E>) -> Option<&'a [E]> {
        Some(buffer)
    }

    fn displaced(&self, w: &[E], e: &[E], to: &mut Vec<E>) {
        to.resize(e.len(), E::default());
        to.par_chunks_mut(BLOCK)
            .zip(w.par_chunks(BLOCK))
            .zip(e.par_chunks(BLOCK))
            .for_each(|((to, w), e)| {
                for ((to, &w), &e) in to.iter_mut().zip(w).zip(e) {
                    *to = w + e;
                }
            });
    }
}

type Vector<E> = <Cpu as Storage<E>>::Vec;

fn map<E: Dtype>(values: &mut [E], f: impl Fn(f64) -> f64 + Sync) {
    in_blocks(values, |block| {
        for value in block {
            *value = narrow(f(wide(*value)));
        }
    });
}

/// Runs `f` on each block of `values`.
fn in_blocks<E: Send>(values: &mut [E], f: impl Fn(&mut [E]) + Sync) {
    let run = |block: &mut [E]| {
        vectorized(
            #[inline(always)]
            || f(block),
        );
    };
    if values.len() <= BLOCK {
        run(values);
    } else {
        values.par_chunks_mut(BLOCK).for_each(run);
    }
}

/// p = 1: the whole of rho goes to the first element with `|g| = max |g|`.
fn ascend_one<E: Dtype>(
    gradients: &mut dyn Buffers<Vector<E>, CpuError>,
    max: f64,
    rho: f64,
) -> Result<(), CpuError> {
    let mut found = false;
    gradients.for_each(&mut |g| {
        map_first(g, &mut found, max, rho);
        Ok(())
    })
}

fn map_first<E: Dtype>(values: &mut [E], found: &mut bool, max: f64, rho: f64) {
    for value in values {
        let x = wide(*value);
        let chosen = !*found && x.abs() == max;
        *found |= chosen;
        *value = if chosen {
            narrow(rho.copysign(x))
        } else {
            E::default()
        };
    }
}

#[cfg(test)]
mod tests {
    crate::device::checks::battery!(dfdx::tensor::Cpu);
}
