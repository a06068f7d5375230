//! Factors of the networks that shake: drawn for each image, some for what a branch gives, and others for its gradient.
//!
//! Each layer takes one number from the generator of its input's device when a batch goes forward, as dropout does,
//! and draws all of its factors from that. So both passes of a SAM step, which begin at one state of the generator,
//! have the same factors. Evaluation draws nothing.

use dfdx::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::device::Factors;

/// What the gradient of a branch that shakes is multiplied by.
///
/// The papers draw other factors for the way back than for the way there, so that what comes back is not the gradient
/// of the loss. SAM's perturbation should be a step up that loss: its authors take the true gradient in the first pass
/// and the papers' in the second. A network has the field `gradient`, which may change between passes:
///
/// ```
/// use sam_runtime::{Sam, dfdx::prelude::*, nn::{ShakeGradient, ShakeShake}};
///
/// let dev = Cpu::default();
/// let mut net = dev.build_module::<ShakeShake<8, 4, 10>, f32>();
/// let images: Tensor<Rank4<2, 3, 8, 8>, f32, _> = dev.sample_normal();
/// let grads = net.alloc_grads();
/// let mut passes = [ShakeGradient::True, ShakeGradient::Drawn].into_iter();
/// let grads = Sam::new(0.05).step(&mut net, images, grads, |net, images, grads| {
///     net.gradient = passes.next().unwrap_or_default();
///     net.forward_mut(images.traced(grads)).square().mean()
/// })?;
/// # Ok::<(), sam_runtime::StepError>(())
/// ```
///
/// A network that goes to another device or type of elements begins with the default again, as do the numbers of its
/// normalizations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShakeGradient {
    /// Factors of its own, drawn for it: Shake-Shake and ShakeDrop as their authors train with them.
    #[default]
    Drawn,
    /// Those of the way there: the gradient of the loss.
    True,
}

/// One factor there and one back.
type Pair = [f64; 2];

/// As many pairs as there are images, from one draw of the device's generator.
fn draw<D: RandomU64>(
    device: &D,
    batch: usize,
    gradient: ShakeGradient,
    mut pair: impl FnMut(&mut ChaCha12Rng) -> Pair,
) -> Vec<Pair> {
    let mut rng = ChaCha12Rng::seed_from_u64(device.random_u64());
    let pairs = (0..batch).map(|_| pair(&mut rng));
    let pairs = pairs.map(|[there, back]| match gradient {
        ShakeGradient::Drawn => [there, back],
        ShakeGradient::True => [there, there],
    });
    pairs.collect()
}

fn factors<E: Dtype, D: Device<E>>(
    device: &D,
    pairs: impl Iterator<Item = Pair>,
) -> Result<Factors<E, D>, D::Err> {
    let element = |x| E::from_f64(x).unwrap_or_default();
    let (forward, backward): (Vec<E>, Vec<E>) = pairs
        .map(|[there, back]| (element(there), element(back)))
        .unzip();
    let shape = (forward.len(),);
    Ok(Factors {
        forward: device.try_tensor_from_vec(forward, shape)?,
        backward: device.try_tensor_from_vec(backward, shape)?,
    })
}

/// ShakeDrop's (Yamada et al. 2018, eq. 6): with the probability `keep`, 1 and 1; otherwise `alpha`, uniform in
/// [-1, 1], and `beta`, uniform in [0, 1].
pub(super) fn shake_drop<E: Dtype, D: Device<E>>(
    device: &D,
    batch: usize,
    keep: f64,
    gradient: ShakeGradient,
) -> Result<Factors<E, D>, D::Err> {
    let pairs = draw(device, batch, gradient, |rng| {
        // All three for each image: whether it is kept doesn't move the draws of the next one.
        let kept = rng.r#gen::<f64>() < keep;
        let drawn = [rng.gen_range(-1.0..=1.0), rng.gen_range(0.0..=1.0)];
        if kept { [1.0, 1.0] } else { drawn }
    });
    factors(device, pairs.into_iter())
}

/// Shake-Shake's (Gastaldi 2017, sections 1.1 and 2.1): of the first branch `alpha` and `beta`, both uniform in [0, 1],
/// and of the second what is missing to 1.
pub(super) fn shake_shake<E: Dtype, D: Device<E>>(
    device: &D,
    batch: usize,
    gradient: ShakeGradient,
) -> Result<[Factors<E, D>; 2], D::Err> {
    let pairs = draw(device, batch, gradient, |rng| {
        [rng.gen_range(0.0..=1.0), rng.gen_range(0.0..=1.0)]
    });
    let rest = pairs.iter().map(|pair| pair.map(|factor| 1.0 - factor));
    Ok([
        factors(device, pairs.iter().copied())?,
        factors(device, rest)?,
    ])
}

/// What is expected of the factors, in evaluation: the same for each image.
pub(super) fn expected<E: Dtype, D: Device<E>>(
    device: &D,
    batch: usize,
    factor: f64,
) -> Result<Factors<E, D>, D::Err> {
    Factors::of(device, vec![E::from_f64(factor).unwrap_or_default(); batch])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(factors: &Factors<f64, Cpu>) -> (Vec<f64>, Vec<f64>) {
        (factors.forward.as_vec(), factors.backward.as_vec())
    }

    const MANY: usize = 20_000;

    /// The mean is within five of its deviations of what is expected.
    fn mean_is(x: &[f64], expected: f64, variance: f64) {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let bound = 5.0 * (variance / x.len() as f64).sqrt();
        assert!((mean - expected).abs() < bound, "{mean}, not {expected}");
    }

    #[test]
    fn shake_drop_keeps_as_often_as_it_is_told_and_shakes_the_rest() {
        let dev = Cpu::seed_from_u64(5);
        for keep in [0.0, 0.3, 0.5, 1.0] {
            let factors = shake_drop(&dev, MANY, keep, ShakeGradient::Drawn).unwrap();
            let (there, back) = of(&factors);
            let kept: Vec<f64> = there
                .iter()
                .zip(&back)
                .map(|(a, b)| f64::from(u8::from(*a == 1.0 && *b == 1.0)))
                .collect();
            mean_is(&kept, keep, keep * (1.0 - keep) + 1e-9);
            // E[b + alpha - b alpha] = keep, and E[b + beta - b beta] = (1 + keep) / 2.
            mean_is(&there, keep, 1.0);
            mean_is(&back, (1.0 + keep) / 2.0, 1.0);
            assert!(there.iter().all(|a| (-1.0..=1.0).contains(a)));
            assert!(back.iter().all(|b| (0.0..=1.0).contains(b)));
            assert!(keep == 1.0 || there.iter().any(|a| *a < -0.9));
        }
    }

    #[test]
    fn shake_shake_mixes_two_branches() {
        let dev = Cpu::seed_from_u64(6);
        let [first, second] = shake_shake(&dev, MANY, ShakeGradient::Drawn).unwrap();
        let ((there, back), rest) = (of(&first), of(&second));
        for (a, b) in there.iter().zip(&rest.0).chain(back.iter().zip(&rest.1)) {
            assert!((a + b - 1.0).abs() < 1e-15 && (0.0..=1.0).contains(a));
        }
        mean_is(&there, 0.5, 1.0 / 12.0);
        mean_is(&back, 0.5, 1.0 / 12.0);
        assert_ne!(there, back);
    }

    #[test]
    fn the_true_gradient_has_the_factors_of_the_way_there() {
        let (dev, again) = (Cpu::seed_from_u64(7), Cpu::seed_from_u64(7));
        let drawn = shake_drop::<f64, _>(&dev, 9, 0.5, ShakeGradient::Drawn).unwrap();
        let same = shake_drop::<f64, _>(&again, 9, 0.5, ShakeGradient::True).unwrap();
        assert_eq!(of(&same).0, of(&drawn).0);
        assert_eq!(of(&same).1, of(&drawn).0);
        // One number each, however many images.
        assert_eq!(dev.random_u64(), again.random_u64());
    }
}
