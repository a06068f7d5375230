//! The operations on host memory. Sums run in f64, whatever the element type.

use std::{ops::Range, sync::Arc};

use dfdx::{
    shapes::Dtype,
    tensor::{Cpu, CpuError, Storage},
};

use super::{
    Coefficient, DeviceScalars, DualNorm, Map, NonFiniteFlags, Norm, Parts, PassCode, Scalar,
    Vectors, Walk, dual_norm::Place,
};
use crate::device::cpu::{collected, each_part, vectorized};

pub(super) struct OnCpu;

/// Independent partial sums: one long chain of additions would keep the processor from using its
/// vector units, and would round worse.
const LANES: usize = 16;

/// Elements of a block, of which several threads work on several. Sums are put together block by
/// block, so that they are the same on any number of threads.
const BLOCK: usize = 1 << 14;

fn sum_map<E: Copy + Sync>(values: &[E], map: impl Fn(E) -> f64 + Sync) -> f64 {
    sum_of_blocks(values.len(), |block| sum_block(&values[block], &map))
}

/// The sum of what `f` makes of each block of `len` elements.
fn sum_of_blocks(len: usize, f: impl Fn(Range<usize>) -> f64 + Sync) -> f64 {
    let block = |at: usize| f(at * BLOCK..len.min((at + 1) * BLOCK));
    collected(len.div_ceil(BLOCK), block).iter().sum()
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

impl<E: Dtype> Vectors<E, Cpu> for OnCpu {
    fn parts<'a>(&self, x: &'a mut Buffer<E>, y: Option<&'a Buffer<E>>) -> Parts<'a, E> {
        Parts::Host {
            x,
            y: y.map_or(&[], |y| y),
            z: &[],
        }
    }

    fn scalars(&self, _: &Cpu, _: usize) -> Result<Option<Arc<dyn DeviceScalars>>, CpuError> {
        Ok(None)
    }

    fn dual_norm(
        &self,
        _: &Cpu,
        walk: Walk<'_, E, CpuError>,
        norm: Norm,
        _: Option<(&NonFiniteFlags, PassCode)>,
    ) -> Result<DualNorm, CpuError> {
        let q = norm.dual();
        // Unscaled, q = 1 and q = 2 are one quick pass; f32 can't overflow an f64 sum of squares.
        if q <= 2.0 {
            let sum = match q {
                1.0 => total(walk, |g, _| sum_map(g, |x| wide(x).abs()))?,
                2.0 => total(walk, |g, _| sum_map(g, |x| wide(x) * wide(x)))?,
                _ => total(walk, |g, _| sum_map(g, |x| wide(x).abs().powf(q)))?,
            };
            if sum.is_finite() && sum > SAFE_SUM {
                return Ok(DualNorm::on_host(norm, 1.0, sum));
            }
        }
        let mut max = 0.0_f64;
        on_host(walk, |g, _, _| {
            let m = max_abs(g);
            if m > max || m.is_nan() {
                max = m;
            }
        })?;
        if q.is_infinite() || max == 0.0 || !max.is_finite() {
            return Ok(DualNorm::on_host(norm, max, 1.0));
        }
        let sum = total(walk, |g, _| sum_map(g, |x| (wide(x).abs() / max).powf(q)))?;
        Ok(DualNorm::on_host(norm, max, sum))
    }

    fn dot(&self, _: &Cpu, walk: Walk<'_, E, CpuError>) -> Result<Scalar, CpuError> {
        total(walk, |x, y| match y.is_empty() {
            true => sum_map(x, |x| wide(x) * wide(x)),
            false => sum_products(x, y),
        })
        .map(Scalar::from)
    }

    fn map(&self, _: &Cpu, walk: Walk<'_, E, CpuError>, map: Map<'_>) -> Result<(), CpuError> {
        match map {
            Map::Axpby { keep, add } => axpby(walk, &keep, &add),
            Map::ScaleBySize { eta } => on_host(walk, |x, y, _| {
                zip(x, y, |x, y| narrow(wide(x) * (wide(y).abs() + eta)));
            }),
            Map::Perturb { dual, rho } => perturb(walk, dual, rho),
            Map::Sum => on_host(walk, |x, y, z| zip3(x, y, z, |y, z| y + z)),
            Map::Clamp { bound } => on_host(walk, |x, _, _| each(x, |x| x.clamp(-bound, bound))),
            Map::Shrink { norm, bound } => {
                let norm = norm.value();
                if !(norm.is_finite() && norm > bound) {
                    return Ok(());
                }
                on_host(walk, |x, _, _| each(x, |x| bound / norm * x))
            }
            Map::Choose(_) => unreachable!("the host notes no flags: it reads each norm at once"),
        }
    }
}

type Buffer<E> = <Cpu as Storage<E>>::Vec;

/// Calls `f` with `x`, `y` and `z` of each tensor.
fn on_host<E>(
    walk: Walk<'_, E, CpuError>,
    mut f: impl FnMut(&mut [E], &[E], &[E]),
) -> Result<(), CpuError> {
    walk(&mut |parts| {
        match parts {
            Parts::Host { x, y, z } => f(x, y, z),
            Parts::Device(_) => unreachable!("vectors of the host"),
        }
        Ok(())
    })
}

/// The sum of what `f` makes of each tensor's `x` and `y`.
fn total<E>(walk: Walk<'_, E, CpuError>, f: impl Fn(&[E], &[E]) -> f64) -> Result<f64, CpuError> {
    let mut sum = 0.0;
    on_host(walk, |x, y, _| sum += f(x, y))?;
    Ok(sum)
}

fn axpby<E: Dtype>(
    walk: Walk<'_, E, CpuError>,
    keep: &Coefficient,
    add: &Coefficient,
) -> Result<(), CpuError> {
    let (keep, add) = (keep.value(), add.value());
    let (k, a): (E, E) = (narrow(keep), narrow(add));
    on_host(walk, |x, y, _| match (keep, add) {
        (0.0, 0.0) => zip(x, &[], |_, _| E::default()),
        (0.0, 1.0) => zip(x, y, |_, y| y),
        (0.0, _) => zip(x, y, |_, y| a * y),
        (1.0, 0.0) => {}
        (_, 0.0) => zip(x, &[], |x, _| k * x),
        (1.0, _) => zip(x, y, |x, y| x + a * y),
        _ => zip(x, y, |x, y| k * x + a * y),
    })
}

/// [`Map::Perturb`]. The perturbation is rounded to `E` before it is added.
fn perturb<E: Dtype>(
    walk: Walk<'_, E, CpuError>,
    dual: &DualNorm,
    rho: f64,
) -> Result<(), CpuError> {
    let q = dual.norm.dual();
    let Place::Host { scale, sum } = dual.place else {
        unreachable!("a norm that was taken on the host")
    };
    if dual.value() == 0.0 {
        return perturb_by(walk, |_| 0.0);
    }
    if q.is_infinite() {
        return perturb_one(walk, scale, rho);
    }
    let factor = rho / sum.powf(1.0 / dual.norm.p());
    match q {
        1.0 => perturb_by(walk, |g| if g == 0.0 { 0.0 } else { along(g, rho) }),
        2.0 if scale == 1.0 => perturb_by(walk, |g| factor * g),
        // Not `factor / scale`, which overflows where the gradient is subnormal.
        2.0 => perturb_by(walk, |g| factor * (g / scale)),
        _ => perturb_by(walk, |g| along(g, factor * (g.abs() / scale).powf(q - 1.0))),
    }
}

/// `by` where `g` is positive, `-by` where it is negative: `by` has a sign of its own.
#[inline(always)]
fn along(g: f64, by: f64) -> f64 {
    if g.is_sign_negative() { -by } else { by }
}

fn perturb_by<E: Dtype>(
    walk: Walk<'_, E, CpuError>,
    e: impl Fn(f64) -> f64 + Sync,
) -> Result<(), CpuError> {
    on_host(walk, |x, y, z| match (y.is_empty(), z.is_empty()) {
        (true, true) => each(x, &e),
        (true, false) => zip(x, z, |_, z| narrow(e(wide(z)))),
        (false, true) => zip(x, y, |x, y| y + narrow(e(wide(x)))),
        (false, false) => zip3(x, y, z, |y, z| y + narrow(e(wide(z)))),
    })
}

/// p = 1: the whole of rho goes to the first element with `|g| = max |g|`.
fn perturb_one<E: Dtype>(walk: Walk<'_, E, CpuError>, max: f64, rho: f64) -> Result<(), CpuError> {
    let mut found = false;
    on_host(walk, |x, y, z| {
        for (at, x) in x.iter_mut().enumerate() {
            let g = wide(*z.get(at).unwrap_or(x));
            let is_chosen = !found && g.abs() == max;
            found |= is_chosen;
            let e = match is_chosen {
                true => narrow(along(g, rho)),
                false => E::default(),
            };
            *x = y.get(at).map_or(e, |&w| w + e);
        }
    })
}

fn sum_products<E: Dtype>(x: &[E], y: &[E]) -> f64 {
    sum_of_blocks(x.len(), |block| {
        let products = x[block.clone()].iter().zip(&y[block]);
        products.map(|(&x, &y)| wide(x) * wide(y)).sum()
    })
}

fn each<E: Dtype>(x: &mut [E], f: impl Fn(f64) -> f64 + Sync) {
    in_blocks(x, |_, block| {
        for x in block {
            *x = narrow(f(wide(*x)));
        }
    });
}

/// `x = f(x, y)`; a `y` that is not there is of zeros.
fn zip<E: Dtype>(x: &mut [E], y: &[E], f: impl Fn(E, E) -> E + Sync) {
    if y.is_empty() {
        return in_blocks(x, |_, block| {
            for x in block {
                *x = f(*x, E::default());
            }
        });
    }
    in_blocks(x, |start, block| {
        for (x, &y) in block.iter_mut().zip(&y[start..]) {
            *x = f(*x, y);
        }
    });
}

/// `x = f(y, z)`.
fn zip3<E: Dtype>(x: &mut [E], y: &[E], z: &[E], f: impl Fn(E, E) -> E + Sync) {
    in_blocks(x, |start, block| {
        for ((x, &y), &z) in block.iter_mut().zip(&y[start..]).zip(&z[start..]) {
            *x = f(y, z);
        }
    });
}

/// Runs `f` on each block of `values`, with the place where it begins.
fn in_blocks<E: Send>(values: &mut [E], f: impl Fn(usize, &mut [E]) + Sync) {
    each_part(values, BLOCK, |start, block| {
        vectorized(
            #[inline(always)]
            || f(start, block),
        );
    });
}

#[cfg(test)]
mod tests {
    crate::device::vectors::checks::battery!(dfdx::tensor::Cpu);
}
